//! A hub in front of the double, over a journal in memory, with a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::error::Result;
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::memory::MemoryJournal;
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::journal::{Appended, Batch, Journal, JournalError};
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::identification_spec::Kind as Spec;
use idv_gateway::proto::{
    CreateIdentificationRequest, CreateIdentificationResponse, DeliveryMethod, Event, EventType,
    Identification, IdentificationSpec, IdentificationView, InvitationSpec, Subject,
};
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::Vendor;
use idv_gateway::vendor::registry::Registry;
use prost::Message as _;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{Double, INVITER, Nature};
use crate::journal::altered::{Alter, Altered};

/// A test that waits longer for one thing hangs.
const GUARD: Duration = Duration::from_secs(60);
const CALLER: &str = "anonymous";
pub(crate) const EMAIL: &str = "erika@beispiel.example";

/// When every test begins.
pub(super) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_176_000)
}

pub(crate) struct Desk {
    pub(crate) hub: Arc<Hub>,
    pub(crate) double: Arc<Double>,
    pub(crate) hand: ManualClock,
    journal: Arc<dyn Journal>,
    clock: Clock,
    key: SecretString,
    drain: CancellationToken,
    forgetful: Arc<Forgetful>,
}

/// A store that fails once, at one of the keepsakes to come: the number of those until it; 0, at none.
#[derive(Default)]
struct Forgetful(AtomicUsize);

#[async_trait]
impl Alter for Arc<Forgetful> {
    async fn append(&self, inner: &dyn Journal, batch: Batch) -> Result<Appended, JournalError> {
        let keeps = batch.seal.iter().any(|sealed| sealed.kind == "keepsake");
        let left = self.0.load(Ordering::SeqCst);
        self.0.store(left.saturating_sub(usize::from(keeps)), Ordering::SeqCst);
        if keeps && left == 1 {
            return Err(JournalError::Unavailable("as told".into()));
        }
        inner.append(batch).await
    }
}

impl Desk {
    /// Nobody works until [`Desk::works`].
    pub(crate) fn new() -> Self {
        Self::before(Nature::default())
    }

    pub(crate) fn before(nature: Nature) -> Self {
        let (clock, hand) = Clock::manual(start());
        let forgetful = Arc::new(Forgetful::default());
        let journal = Altered::over(MemoryJournal::new(clock.clone()), forgetful.clone());
        let (double, drain) = (Arc::new(Double::new(nature)), CancellationToken::new());
        let key = MasterKey::generate(&clock).to_base64();
        let hub = hub(&clock, &journal, &double, &key, &drain);
        Self { hub, double, hand, journal, clock, key, drain, forgetful }
    }

    /// The process ends, whatever it was at, and another one begins over the same journal.
    pub(crate) fn restarted(self) -> Self {
        self.drain.cancel();
        let drain = CancellationToken::new();
        let hub = hub(&self.clock, &self.journal, &self.double, &self.key, &drain);
        Self { hub, drain, ..self }
    }

    pub(crate) fn works(&self) {
        tokio::spawn(self.hub.clone().work());
    }

    /// The journal does not take the next keepsake, which comes right after the vendor's answer.
    pub(crate) fn forgets(&self) {
        self.forgets_after(0);
    }

    /// The journal takes so many keepsakes more, and not the one after them.
    pub(crate) fn forgets_after(&self, taken: usize) {
        self.forgetful.0.store(taken + 1, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) async fn try_create(
        &self,
        request: CreateIdentificationRequest,
    ) -> Result<CreateIdentificationResponse> {
        self.hub.create_identification(CALLER.to_owned(), request).await
    }

    /// An identification that waits for its person.
    pub(crate) async fn created(&self) -> Identification {
        self.try_create(invite()).await.unwrap().identification.unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> Identification {
        self.view(name, IdentificationView::Full).await
    }

    pub(crate) async fn view(&self, name: &str, view: IdentificationView) -> Identification {
        let got = self.hub.get_identification(&name.parse().unwrap(), view).await;
        got.unwrap().identification.unwrap()
    }

    /// The links shown with everything.
    pub(crate) async fn links(&self, name: &str) -> Vec<String> {
        self.get(name).await.start_links.into_iter().map(|link| link.uri).collect()
    }

    /// The vendor is asked, and says what it was told to say.
    pub(crate) async fn refreshed(&self, name: &str) -> Identification {
        let refreshed = self.hub.refresh_identification(&name.parse().unwrap(), None).await;
        refreshed.unwrap().identification.unwrap()
    }

    /// What is sealed under `item`.
    pub(crate) async fn is_sealed(&self, item: &str) -> bool {
        self.journal.sealed(item).await.unwrap().is_some()
    }

    /// How many dedupe keys and answers the journal drops after this time.
    pub(crate) async fn swept(&self, after: Duration) -> u64 {
        self.journal.sweep(self.now() + after).await.unwrap()
    }

    /// Every event in the journal.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let page = self.journal.read(0, &Filter::default(), 1000).await.unwrap();
        page.entries.iter().map(|entry| Event::decode(entry.bytes.clone()).unwrap()).collect()
    }

    /// What happened to identifications, in order.
    pub(crate) async fn told(&self) -> Vec<EventType> {
        let events = self.events().await.into_iter().filter(|event| !event.identification.is_empty());
        events.map(|event| event.r#type()).collect()
    }

    /// Looks until there is something to see, and lets a second pass after every look.
    pub(crate) async fn in_time<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(seen) = look().await {
                    return seen;
                }
                self.hand.advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::time::timeout(GUARD, looking).await;
        seen.unwrap_or_else(|_hangs| panic!("waited for {what}; the vendor heard {:?}", self.double.calls()))
    }
}

fn hub(
    clock: &Clock,
    journal: &Arc<dyn Journal>,
    double: &Arc<Double>,
    key: &SecretString,
    drain: &CancellationToken,
) -> Arc<Hub> {
    let vendor: Arc<dyn Vendor> = double.clone();
    Hub::new(HubParts {
        clock: clock.clone(),
        journal: journal.clone(),
        vault: Vault::new(clock.clone(), vec![MasterKey::parse(key).unwrap()]).unwrap(),
        registry: Registry::from_iter([vendor]),
        metrics: Metrics::noop(),
        streams: StreamSettings::default(),
        webhook_urls: BTreeMap::new(),
        drain: drain.clone(),
    })
}

/// A request that invites a made-up person by mail.
pub(crate) fn invite() -> CreateIdentificationRequest {
    let spec = InvitationSpec {
        delivery_method: DeliveryMethod::Email.into(),
        flow: "basic".to_owned(),
        ..InvitationSpec::default()
    };
    invite_by(spec)
}

/// The same with another spec.
pub(crate) fn invite_by(spec: InvitationSpec) -> CreateIdentificationRequest {
    CreateIdentificationRequest {
        parent: INVITER.to_owned(),
        subject: Some(Subject { email: EMAIL.to_owned(), ..Subject::default() }),
        spec: Some(IdentificationSpec { kind: Some(Spec::Invitation(spec)) }),
        ..CreateIdentificationRequest::default()
    }
}
