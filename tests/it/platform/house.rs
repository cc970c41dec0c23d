//! A gateway in front of the platform: its gRPC door over real sockets, a journal on disk, a clock that is held by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::embedded::{EmbeddedJournal, EmbeddedOptions};
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::journal::{Appended, Batch, Journal, JournalError};
use idv_gateway::proto::biometrics::biometrics_service_client::BiometricsServiceClient;
use idv_gateway::proto::onboarding::onboarding_service_client::OnboardingServiceClient;
use idv_gateway::rpc::config::GrpcSettings;
use idv_gateway::rpc::{self, Door};
use idv_gateway::telemetry::Telemetry;
use idv_gateway::vendor::Vendor;
use idv_gateway::vendor::registry::Registry;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};

use super::Platform;
use crate::journal::altered::{Alter, Altered};
use crate::scenario::words::PURPOSE;

/// A test that waits longer for one thing hangs.
const GUARD: Duration = Duration::from_secs(60);

/// When every test begins.
pub(super) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_176_000)
}

pub(super) struct House {
    pub(super) platform: Arc<Platform>,
    pub(super) hub: Arc<Hub>,
    pub(super) hand: ManualClock,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) folder: TempDir,
    pub(super) telemetry: Telemetry,
    pub(super) channel: Channel,
    clock: Clock,
    key: SecretString,
    store: Arc<Moody>,
    _drained: DropGuard,
}

/// A store that fails once, at the batch that it was told.
#[derive(Default)]
struct Moody(AtomicUsize);

#[async_trait]
impl Alter for Arc<Moody> {
    async fn append(&self, inner: &dyn Journal, batch: Batch) -> Result<Appended, JournalError> {
        if !batch.requests.is_empty() && self.0.load(Ordering::SeqCst) > 0 {
            let left = self.0.fetch_sub(1, Ordering::SeqCst);
            if left == 1 {
                return Err(JournalError::Unavailable("as told".into()));
            }
        }
        inner.append(batch).await
    }
}

impl House {
    pub(super) async fn new() -> Self {
        let (clock, hand) = Clock::manual(start());
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::new(folder.path().join("journal.sqlite3"), clock.clone());
        let store = Arc::<Moody>::default();
        let journal = Altered::over(EmbeddedJournal::open(options).unwrap(), store.clone());
        let (platform, telemetry) = (Arc::new(Platform::new("platform", true)), Telemetry::new());
        let key = MasterKey::generate(&clock).to_base64();
        let drain = CancellationToken::new();
        let hub = hub(&clock, &journal, &platform, &key, &telemetry, &drain);
        let channel = open(&hub, &clock, &drain).await;
        let _drained = drain.drop_guard();
        Self { platform, hub, hand, journal, folder, telemetry, channel, clock, key, store, _drained }
    }

    /// The process ends, whatever it was at, and another one begins over the same journal.
    pub(super) async fn restarted(self) -> Self {
        let drain = CancellationToken::new();
        let hub = hub(&self.clock, &self.journal, &self.platform, &self.key, &self.telemetry, &drain);
        let channel = open(&hub, &self.clock, &drain).await;
        Self { hub, channel, _drained: drain.drop_guard(), ..self }
    }

    /// The journal refuses the `nth` thing from now on that it is told of a request, counted from 1.
    pub(super) fn forgets(&self, nth: usize) {
        self.store.0.store(nth, Ordering::SeqCst);
    }

    pub(super) fn works(&self) {
        tokio::spawn(self.hub.clone().work());
    }

    pub(super) fn onboarding(&self) -> OnboardingServiceClient<Channel> {
        OnboardingServiceClient::new(self.channel.clone())
    }

    pub(super) fn biometrics(&self) -> BiometricsServiceClient<Channel> {
        BiometricsServiceClient::new(self.channel.clone())
    }

    pub(super) async fn is_sealed(&self, item: &str) -> bool {
        self.journal.sealed(item).await.unwrap().is_some()
    }

    /// Looks until it is so; time stands still.
    pub(super) async fn until(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let looking = async {
            while !look().await {
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::time::timeout(GUARD, looking).await;
        seen.unwrap_or_else(|_hangs| panic!("waited for {what}"));
    }
}

fn hub(
    clock: &Clock,
    journal: &Arc<dyn Journal>,
    platform: &Arc<Platform>,
    key: &SecretString,
    telemetry: &Telemetry,
    drain: &CancellationToken,
) -> Arc<Hub> {
    let other: Arc<dyn Vendor> = Arc::new(Platform::new("other", false));
    let platform: Arc<dyn Vendor> = platform.clone();
    Hub::new(HubParts {
        clock: clock.clone(),
        journal: journal.clone(),
        vault: Vault::new(clock.clone(), vec![MasterKey::parse(key).unwrap()]).unwrap(),
        registry: Registry::from_iter([platform, other]),
        metrics: telemetry.metrics(),
        streams: StreamSettings::default(),
        webhook_urls: BTreeMap::new(),
        drain: drain.clone(),
    })
}

/// Opens the door and a way to it.
async fn open(hub: &Arc<Hub>, clock: &Clock, drain: &CancellationToken) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = GrpcSettings { purposes: vec![PURPOSE.parse().unwrap()], ..GrpcSettings::default() };
    let door = Door { listener, settings, hub: hub.clone(), clock: clock.clone(), drain: drain.clone() };
    tokio::spawn(rpc::serve(door));
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}
