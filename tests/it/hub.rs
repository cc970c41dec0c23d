//! A hub whose worker starts when the test says so: what callers of a replay see meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::error::{Kind, Result};
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::memory::MemoryJournal;
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::journal::{DeliveryQuery, Job, Journal, JournalError};
use idv_gateway::model::name::DeliveryName;
use idv_gateway::proto::{ReplayWebhookDeliveryResponse, WebhookDeliveryState as State};
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::kit::http::{Request, Transport};
use idv_gateway::vendor::registry::{ConnectionSettings, Registry};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::journal::altered::{Alter, Altered};
use crate::vendor::rig::{Files, Recorder, delivery, noon, right};

struct Idle {
    hub: Arc<Hub>,
    journal: Arc<MemoryJournal>,
    clock: Clock,
    hand: ManualClock,
    drain: CancellationToken,
    name: DeliveryName,
    _files: Files,
}

impl Idle {
    /// One delivery that says nothing to anybody, dealt with by nobody yet.
    async fn new() -> Self {
        Self::over(|journal, _hand| journal).await
    }

    /// The same over what `wrap` makes of its journal.
    async fn over(wrap: impl FnOnce(Arc<dyn Journal>, ManualClock) -> Arc<dyn Journal>) -> Self {
        let (clock, hand) = Clock::manual(noon());
        let (journal, files) = (MemoryJournal::new(clock.clone()), Files::new());
        let settings = ConnectionSettings::Idnow(Box::new(files.settings("test", "")));
        let transport: Arc<dyn Transport> = Recorder::new(|_request: &Request| (500, String::new()));
        let connections = BTreeMap::from([("bank".parse().unwrap(), settings)]);
        let drain = CancellationToken::new();
        let hub = Hub::new(HubParts {
            clock: clock.clone(),
            journal: wrap(journal.clone(), hand.clone()),
            vault: Vault::new(clock.clone(), vec![MasterKey::generate(&clock)]).unwrap(),
            registry: Registry::build(connections, &clock, &transport, &Metrics::noop()).unwrap(),
            metrics: Metrics::noop(),
            streams: StreamSettings::default(),
            webhook_urls: BTreeMap::new(),
            drain: drain.clone(),
        });
        hub.accept_webhook("bank", delivery(&right(), "no JSON")).await.unwrap();
        let query = DeliveryQuery { limit: 1, ..DeliveryQuery::default() };
        let name = journal.deliveries(&query).await.unwrap().deliveries[0].name.clone();
        Self { hub, journal, clock, hand, drain, name, _files: files }
    }

    /// A call to replay the delivery, once it waits.
    async fn waiting(&self, within: Option<Duration>) -> JoinHandle<Result<ReplayWebhookDeliveryResponse>> {
        let (hub, name, before) = (self.hub.clone(), self.name.clone(), self.hand.sleepers());
        let deadline = within.map(|within| self.clock.now() + within);
        let call = tokio::spawn(async move { hub.replay_webhook_delivery(&name, deadline).await });
        while self.hand.sleepers() == before {
            tokio::task::yield_now().await;
        }
        call
    }

    /// Waits until the worker sleeps.
    async fn rests(&self) {
        while self.hand.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn jobs(&self) -> Vec<Job> {
        self.journal.claim(self.clock.now(), 10, Duration::ZERO).await.unwrap()
    }
}

#[tokio::test]
async fn a_replay_is_waited_for_until_the_deadline_and_goes_on() {
    let idle = Idle::new().await;
    for (within, moved) in [(None, 30), (Some(Duration::from_secs(3)), 3)] {
        let call = idle.waiting(within).await;
        idle.hand.advance(Duration::from_secs(moved) - Duration::from_nanos(1));
        assert_eq!(idle.hand.sleepers(), 1, "it goes on waiting");
        idle.hand.advance(Duration::from_nanos(1));
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.kind, Kind::DeadlineExceeded, "{error}");
    }
    // Both wait for the same run, which is left to whoever works.
    let known = idle.journal.delivery(&idle.name).await.unwrap().unwrap();
    assert_eq!((known.state, known.replays), (State::Received, 1));
    let runs = idle.jobs().await.into_iter().filter(|job| job.id.starts_with("replay/"));
    assert_eq!(runs.count(), 1);

    let call = idle.waiting(None).await;
    tokio::spawn(idle.hub.clone().work());
    let shown = call.await.unwrap().unwrap().webhook_delivery.unwrap();
    assert_eq!(
        (shown.state(), shown.failure.as_str()),
        (State::Unreadable, "$: JSON of the documented shape")
    );
}

#[tokio::test]
async fn a_drain_ends_the_wait_and_not_the_replay() {
    let idle = Idle::new().await;
    let call = idle.waiting(None).await;
    idle.drain.cancel();
    assert_eq!(call.await.unwrap().unwrap_err().kind, Kind::GatewayDraining);
    assert!(idle.jobs().await.iter().any(|job| job.id.starts_with("replay/")));
}

/// A journal whose first sweep takes an hour.
struct SlowSweep {
    hand: ManualClock,
    sweeps: Arc<AtomicU32>,
}

#[async_trait]
impl Alter for SlowSweep {
    async fn sweep(&self, inner: &dyn Journal, now: SystemTime) -> Result<u64, JournalError> {
        if self.sweeps.fetch_add(1, Ordering::SeqCst) == 0 {
            self.hand.advance(Duration::from_hours(1));
        }
        inner.sweep(now).await
    }
}

#[tokio::test]
async fn time_that_passes_during_a_sweep_is_noticed_right_after_it() {
    let sweeps = Arc::new(AtomicU32::new(0));
    let slow = |journal, hand| Altered::over(journal, SlowSweep { hand, sweeps: sweeps.clone() });
    let idle = Idle::over(slow).await;
    tokio::spawn(idle.hub.clone().work());
    idle.rests().await;
    idle.hand.advance(Duration::from_hours(1));
    idle.rests().await;
    assert_eq!(sweeps.load(Ordering::SeqCst), 2);
    idle.hand.advance(Duration::from_hours(1) - Duration::from_nanos(1));
    idle.rests().await;
    assert_eq!(sweeps.load(Ordering::SeqCst), 2, "one in an hour");
}
