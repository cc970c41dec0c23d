//! Tickets above the connectors: deliveries that name nothing else, attempts and steps, lists and images.

mod meanwhile;
mod order;
mod overtaken;
mod reading;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::memory::MemoryJournal;
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::journal::{Delivery, DeliveryQuery, Journal, Order, RecordQuery};
use idv_gateway::model::filter::Filter;
use idv_gateway::model::name::{DeliveryName, IdentificationName};
use idv_gateway::model::record_filter::RecordFilter;
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    AutoIdentSpec, CreateIdentificationRequest, Event, EventType, Evidence, Identification,
    IdentificationSpec, IdentificationState, StepDisposition, WebhookDeliveryState as State,
    identification_spec,
};
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::registry::Registry;
use idv_gateway::vendor::{Account, Vendor};
use prost::Message as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::ticket_vendor::{PASSWORD, TicketVendor, USER};
use crate::vendor::rig::{basic, delivery, noon};

/// Whoever looks more often for one thing hangs.
const LOOKS: usize = 20_000;

/// A hub at work for one vendor with tickets, and the hand that moves its clock.
struct Lab {
    hub: Arc<Hub>,
    journal: Arc<dyn Journal>,
    /// Where it keeps everything.
    memory: Arc<MemoryJournal>,
    hand: ManualClock,
    vendor: Arc<TicketVendor>,
    drain: CancellationToken,
}

impl Lab {
    fn new() -> Self {
        Self::with(|_account| ())
    }

    fn with(change: impl FnOnce(&mut Account)) -> Self {
        Self::over(change, |journal| journal)
    }

    /// A lab whose journal is what `alter` makes of one.
    fn over(
        change: impl FnOnce(&mut Account),
        alter: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
    ) -> Self {
        let (clock, hand) = Clock::manual(noon());
        let (memory, vendor) = (MemoryJournal::new(clock.clone()), TicketVendor::new(change));
        let journal = alter(memory.clone());
        let drain = CancellationToken::new();
        let connected: Arc<dyn Vendor> = vendor.clone();
        let hub = Hub::new(HubParts {
            clock: clock.clone(),
            journal: journal.clone(),
            vault: Vault::new(clock.clone(), vec![MasterKey::generate(&clock)]).unwrap(),
            registry: Registry::from_iter([connected]),
            metrics: Metrics::noop(),
            streams: StreamSettings::default(),
            webhook_urls: BTreeMap::new(),
            drain: drain.clone(),
        });
        tokio::spawn(hub.clone().work());
        Self { hub, journal, memory, hand, vendor, drain }
    }

    async fn created(&self) -> Identification {
        let kind = identification_spec::Kind::AutoIdent(AutoIdentSpec::default());
        let request = CreateIdentificationRequest {
            parent: "connections/bank".to_owned(),
            spec: Some(IdentificationSpec { kind: Some(kind) }),
            ..CreateIdentificationRequest::default()
        };
        let created = self.hub.create_identification("anonymous".to_owned(), request).await.unwrap();
        created.identification.unwrap()
    }

    /// An authentic webhook.
    async fn send(&self, body: Value) -> DeliveryName {
        let sent = delivery(&basic(USER, PASSWORD), body.to_string());
        self.hub.accept_webhook("bank", sent).await.unwrap();
        let query = DeliveryQuery { limit: 1, ..DeliveryQuery::default() };
        self.journal.deliveries(&query).await.unwrap().deliveries.remove(0).name
    }

    async fn delivery(&self, name: &DeliveryName) -> Delivery {
        self.journal.delivery(name).await.unwrap().unwrap()
    }

    /// Looks until a delivery is in a state that is `wanted`; `step` passes after every look.
    async fn until(&self, name: &DeliveryName, step: Duration, wanted: impl Fn(State) -> bool) -> State {
        for _look in 0..LOOKS {
            let state = self.delivery(name).await.state;
            if wanted(state) {
                return state;
            }
            tokio::task::yield_now().await;
            self.hand.advance(step);
        }
        panic!("{:?}", self.delivery(name).await);
    }

    /// What becomes of a webhook, however long it takes.
    async fn fate(&self, body: Value) -> State {
        let name = self.send(body).await;
        self.fate_of(&name).await
    }

    async fn fate_of(&self, name: &DeliveryName) -> State {
        let over = |state| !matches!(state, State::Received | State::Confirming);
        self.until(name, Duration::from_millis(100), over).await
    }

    /// Lets time pass, with everybody at work.
    async fn pass(&self, time: Duration) {
        for _part in 0..100 {
            self.hand.advance(time / 100);
            for _turn in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn get(&self, shown: &Identification) -> Identification {
        let name: IdentificationName = shown.name.parse().unwrap();
        self.journal.record(&name).await.unwrap().unwrap().identification
    }

    async fn refresh(&self, shown: &Identification) {
        let name: IdentificationName = shown.name.parse().unwrap();
        self.hub.refresh_identification(&name, None).await.unwrap();
    }

    async fn events(&self) -> Vec<Event> {
        let page = self.journal.read(0, &Filter::default(), 1000).await.unwrap();
        page.entries.iter().map(|entry| Event::decode(entry.bytes.clone()).unwrap()).collect()
    }

    async fn kinds(&self) -> Vec<EventType> {
        self.events().await.iter().map(Event::r#type).collect()
    }

    async fn known(&self) -> usize {
        let query = RecordQuery {
            filter: RecordFilter::default(),
            order: Order::OldestFirst,
            after: None,
            limit: 100,
        };
        self.journal.list(&query).await.unwrap().records.len()
    }

    fn asked(&self) -> usize {
        self.vendor.memory().asked.len()
    }
}

fn liveness(ticket: &str) -> Value {
    json!({ "word": "started", "ticket": ticket, "step": "liveness" })
}

#[tokio::test]
async fn a_ticket_finds_its_identification_and_one_decision_is_told_once() {
    use EventType::*;
    let lab = Lab::new();
    let made = lab.created().await;
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    assert_eq!(lab.fate(liveness("T1")).await, State::Applied);
    assert_eq!(
        lab.fate(json!({ "word": "accepted", "ticket": "T1", "confidence": 0.9 })).await,
        State::Applied
    );
    let last = json!({ "word": "accepted", "id": "invitation-1", "customer": "cif-9" });
    assert_eq!(lab.fate(last.clone()).await, State::Applied);
    let kinds = [
        IdentificationCreated,
        IdentificationStarted,
        TicketProgressed,
        IdentificationCompleted,
        IdentificationUpdated,
    ];
    assert_eq!(lab.kinds().await, kinds);
    assert_eq!(lab.asked(), 1, "the ticket is known from then on");

    let known = lab.get(&made).await;
    let (decision, reference) = (known.decision.unwrap(), known.vendor_reference.unwrap());
    assert_eq!((decision.confidence, decision.revision), (Some(0.9), 1));
    assert_eq!((reference.customer_id.as_str(), reference.ticket_ids), ("cif-9", vec!["T1".to_owned()]));
    assert_eq!(known.last_attempt.unwrap().ticket, "connections/bank/tickets/T1");

    let told = &lab.events().await[2];
    assert_eq!((told.subject.as_str(), told.revision), ("connections/bank/tickets/T1", 0));
    assert_eq!((told.identification.as_str(), told.environment.as_str()), (made.name.as_str(), "sandbox"));
    assert_eq!(told.evidence(), Evidence::SharedSecret);
    let Some(Payload::TicketProgressed(progress)) = &told.payload else { panic!("{told:?}") };
    let step = progress.step.as_ref().unwrap();
    assert_eq!((step.vendor_step.as_str(), step.disposition()), ("liveness", StepDisposition::Passed));

    // However often they come again.
    for body in [liveness("T1"), last] {
        assert_ne!(lab.fate(body).await, State::Applied);
    }
    assert_eq!(lab.kinds().await, kinds);
}

#[tokio::test]
async fn what_nobody_can_place_is_asked_about_for_a_while_and_kept() {
    let lab = Lab::new();
    let made = lab.created().await;
    let name = lab.send(liveness("T1")).await;
    assert_eq!(lab.fate_of(&name).await, State::Unmatched);
    let asked = lab.asked();
    assert!((2..20).contains(&asked), "{asked}");
    lab.pass(Duration::from_hours(2)).await;
    assert_eq!(
        (lab.asked(), lab.known().await),
        (asked, 1),
        "nobody is asked any more, and nothing is made up"
    );

    // A look at the identification learns the ticket; the delivery is the ticket's.
    lab.vendor.answers("invitation-1", "started", "invitation-1", &["T1"]);
    lab.refresh(&made).await;
    let applied = |state| state == State::Applied;
    lab.until(&name, Duration::ZERO, applied).await;
    assert_eq!(lab.delivery(&name).await.subjects[0].name, made.name);
    assert_eq!(lab.kinds().await.last(), Some(&EventType::TicketProgressed));
    assert_eq!(lab.asked(), asked + 1);
}

#[tokio::test]
async fn a_vendor_may_tell_whose_it_is_later_or_be_silent_for_long() {
    let lab = Lab::new();
    lab.created().await;
    lab.vendor.answers("T1", "started", "", &["T1"]);
    let name = lab.send(liveness("T1")).await;
    lab.pass(Duration::from_secs(30)).await;
    assert_eq!(lab.delivery(&name).await.state, State::Confirming);
    lab.vendor.memory().down = true;
    lab.pass(Duration::from_hours(3)).await;
    assert_eq!(lab.delivery(&name).await.state, State::Confirming, "silence is no answer");
    lab.vendor.memory().down = false;
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    assert_eq!(lab.fate_of(&name).await, State::Applied);
}

#[tokio::test]
async fn somebody_elses_ticket_proves_nothing() {
    let lab = Lab::with(|account| account.min_evidence = Evidence::Fetched);
    let (made, other) = (lab.created().await, lab.created().await);
    lab.vendor.answers("T9", "accepted", "invitation-2", &["T9"]);
    lab.vendor.answers("invitation-1", "started", "invitation-1", &[]);
    lab.refresh(&made).await;
    let forged = json!({ "word": "accepted", "id": "invitation-1", "ticket": "T9" });
    assert_eq!(lab.fate(forged).await, State::Stale);
    let known = lab.get(&made).await;
    assert_eq!((known.state(), known.decision), (IdentificationState::InProgress, None));
    assert_eq!(known.vendor_reference.unwrap().ticket_ids, Vec::<String>::new());
    // Its owner's own webhook is borne out.
    assert_eq!(lab.fate(json!({ "word": "accepted", "ticket": "T9" })).await, State::Applied);
    let known = lab.get(&other).await;
    assert_eq!(known.state(), IdentificationState::Completed);
    assert_eq!(known.decision.unwrap().evidence(), Evidence::Fetched);
}

#[tokio::test]
async fn a_stranger_is_taken_over_only_with_a_name_and_where_that_is_wanted() {
    for (adopt_unknown, id, expected) in [
        (false, "invitation-9", State::Unmatched),
        (true, "", State::Unmatched),
        (true, "invitation-9", State::Applied),
    ] {
        let lab = Lab::with(|account| account.adopt_unknown = adopt_unknown);
        lab.vendor.answers("T1", "started", id, &["T1"]);
        assert_eq!(lab.fate(liveness("T1")).await, expected, "{adopt_unknown} {id:?}");
        assert_eq!(lab.known().await, usize::from(expected == State::Applied));
    }
}

#[tokio::test]
async fn the_same_ticket_webhook_many_times_is_one_event() {
    let lab = Lab::new();
    lab.created().await;
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    let mut names = Vec::new();
    for _time in 0..5 {
        names.push(lab.send(liveness("T1")).await);
    }
    let mut fates = Vec::new();
    for name in &names {
        fates.push(lab.fate_of(name).await);
    }
    assert_eq!(fates.iter().filter(|fate| **fate == State::Applied).count(), 1, "{fates:?}");
    assert_eq!(fates.iter().filter(|fate| **fate == State::Duplicate).count(), 4, "{fates:?}");
    let progressed = lab.kinds().await.into_iter().filter(|kind| *kind == EventType::TicketProgressed);
    assert_eq!(progressed.count(), 1);
}
