//! Streams that take long: they show signs of life, they end, and they never hold more than a page.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use idv_gateway::error::{Kind, Result};
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::subscribe::EventStream;
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::Batch;
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{EventFilter, StreamClosingReason, WatchEventsResponse};
use idv_gateway::telemetry::Telemetry;
use idv_gateway::vendor::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::reader::{earliest, snapshot, watch};
use crate::journal::checker::with_pages;
use crate::journal::fixture::{Fixture, any_event, create, events, identification, record, start};

const GUARD: Duration = Duration::from_secs(60);
/// More than two pages.
const MANY: usize = 600;

/// A hub over a journal of some identifications.
struct Rig {
    hub: Arc<Hub>,
    fixture: Arc<Fixture>,
    pages: Arc<AtomicUsize>,
}

/// `count` identifications with labels of `size` bytes.
fn batch(count: usize, size: usize) -> Batch {
    let labels = HashMap::from([("label".to_owned(), "x".repeat(size))]);
    let records = (0..count).map(|_| {
        let mut record = record(&identification(), 1);
        record.identification.labels = labels.clone();
        record.identification.vendor_reference = None;
        create(record)
    });
    Batch { records: records.collect(), ..Batch::default() }
}

impl Rig {
    /// Over what `batch` records; `then` happens after every page that is read of it.
    async fn new(batch: Batch, then: impl Fn(&Fixture) + Send + Sync + 'static) -> Self {
        let fixture = Arc::new(Fixture::memory());
        fixture.journal.append(batch).await.unwrap();
        let (behind, pages) = (Arc::clone(&fixture), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&pages);
        let journal = with_pages(Arc::clone(&fixture.journal), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            then(&behind);
        });
        let hub = Hub::new(HubParts {
            clock: fixture.clock.clone(),
            journal,
            vault: Vault::new(fixture.clock.clone(), vec![MasterKey::generate(&fixture.clock)]).unwrap(),
            registry: Registry::default(),
            metrics: Telemetry::new().metrics(),
            streams: StreamSettings { max_streams_per_caller: 1, ..StreamSettings::default() },
            webhook_urls: std::collections::BTreeMap::new(),
            drain: CancellationToken::new(),
        });
        Self { hub, fixture, pages }
    }

    async fn open(&self, start: Start, filter: EventFilter) -> EventStream {
        self.hub.watch_events(watch(start, filter)).await.unwrap()
    }

    fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// Waits until nothing more goes into `stream`, and the gateway's patience with its reader runs.
    async fn until_full(&self, stream: &EventStream) {
        let full = async {
            while stream.as_ref().capacity() > 0 || self.fixture.time.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(GUARD, full).await.unwrap();
    }
}

async fn next(stream: &mut EventStream) -> Option<Result<WatchEventsResponse>> {
    tokio::time::timeout(GUARD, stream.next()).await.unwrap()
}

/// The messages up to one that is no item and no heartbeat, which is the last; none of those before has a cursor.
async fn up_to_the_end(stream: &mut EventStream) -> Vec<WatchEventsResponse> {
    let mut messages = Vec::new();
    loop {
        let message = next(stream).await.unwrap().unwrap();
        let goes_on = matches!(
            message.message,
            Some(Message::Started(_) | Message::SnapshotItem(_) | Message::Heartbeat(_))
        );
        assert!(!goes_on || message.cursor.is_empty());
        messages.push(message);
        if !goes_on {
            return messages;
        }
    }
}

fn items(messages: &[WatchEventsResponse]) -> usize {
    messages.iter().filter(|message| matches!(message.message, Some(Message::SnapshotItem(_)))).count()
}

#[tokio::test]
async fn a_filter_that_drops_everything_leaves_heartbeats() {
    let rig = Rig::new(batch(MANY, 20_000), |fixture| fixture.time.advance(Duration::from_secs(16))).await;
    let labels = [("label".to_owned(), "another".to_owned())].into();
    let mut stream = rig.open(snapshot(), EventFilter { labels, ..EventFilter::default() }).await;
    let messages = up_to_the_end(&mut stream).await;
    let Some(Message::SnapshotCompleted(completed)) = &messages.last().unwrap().message else { panic!() };
    assert_eq!((completed.item_count, items(&messages)), (0, 0));
    let beats = messages.iter().filter_map(|message| match &message.message {
        Some(Message::Heartbeat(heartbeat)) => Some(heartbeat),
        _ => None,
    });
    let beats: Vec<_> = beats.collect();
    assert!(beats.len() >= 2, "{} pages, {} heartbeats", rig.pages(), beats.len());
    assert!(beats.iter().all(|beat| beat.lag.is_none()), "how far it is nobody knows yet");
}

#[tokio::test]
async fn a_snapshot_that_gets_old_ends_without_a_cursor() {
    let rig = Rig::new(batch(MANY, 1), |fixture| fixture.time.advance(Duration::from_secs(12 * 60))).await;
    let mut stream = rig.open(snapshot(), EventFilter::default()).await;
    let messages = up_to_the_end(&mut stream).await;
    let last = messages.last().unwrap();
    let Some(Message::Closing(closing)) = &last.message else { panic!("{last:?}") };
    assert_eq!((closing.reason(), last.cursor.as_str()), (StreamClosingReason::MaxAge, ""));
    assert!((1..MANY).contains(&items(&messages)), "in the middle");
    assert!(next(&mut stream).await.is_none(), "status OK");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_hears_why_it_was_dropped() {
    let rig = Rig::new(batch(MANY, 1), |_fixture| ()).await;
    let mut stream = rig.open(snapshot(), EventFilter::default()).await;
    rig.until_full(&stream).await;
    assert_eq!(rig.pages(), 2, "the look for the end, and no more than one page ahead of the reader");
    rig.fixture.time.advance(Duration::from_secs(60));
    let given_up = async {
        while !stream.as_ref().is_closed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, given_up).await.unwrap();
    let mut taken = 0;
    let error = loop {
        match next(&mut stream).await.unwrap() {
            Ok(_message) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, Kind::SlowConsumer);
    assert!(taken < 100, "{taken} messages were held for it");
    assert!(next(&mut stream).await.is_none());
}

#[tokio::test]
async fn a_reader_that_goes_away_frees_its_place() {
    let rig = Rig::new(batch(MANY, 1), |_fixture| ()).await;
    let stream = rig.open(snapshot(), EventFilter::default()).await;
    rig.until_full(&stream).await;
    drop(stream);
    let request = || watch(snapshot(), EventFilter::default());
    let free = async {
        loop {
            match rig.hub.watch_events(request()).await {
                Ok(stream) => return stream,
                Err(error) => assert_eq!(error.kind, Kind::WatchLimitExceeded),
            }
            tokio::task::yield_now().await;
        }
    };
    let mut stream = tokio::time::timeout(GUARD, free).await.unwrap();
    assert_eq!(items(&up_to_the_end(&mut stream).await), MANY);
}

#[tokio::test]
async fn a_snapshot_ends_however_fast_new_ones_come() {
    let rig = Rig::new(batch(MANY, 1), |fixture| {
        // As many as a page holds; bounded, so that a snapshot that runs after them fails and does not hang.
        if fixture.clock.now() < start() + Duration::from_secs(10) {
            fixture.time.advance(Duration::from_secs(1));
            fixture.journal.append(batch(256, 1)).now_or_never().unwrap().unwrap();
        }
    })
    .await;
    let mut stream = rig.open(snapshot(), EventFilter::default()).await;
    let messages = up_to_the_end(&mut stream).await;
    let Some(Message::SnapshotCompleted(completed)) = &messages.last().unwrap().message else { panic!() };
    assert_eq!((completed.item_count, items(&messages)), (i64::try_from(MANY).unwrap(), MANY));
}

#[tokio::test]
async fn a_long_way_to_the_head_leaves_heartbeats_that_say_how_long() {
    let many = events((0..5000).map(|_| any_event()).collect());
    let rig = Rig::new(many, |fixture| fixture.time.advance(Duration::from_secs(16))).await;
    let labels = [("label".to_owned(), "another".to_owned())].into();
    let mut stream = rig.open(earliest(), EventFilter { labels, ..EventFilter::default() }).await;
    let mut lags = Vec::new();
    loop {
        match next(&mut stream).await.unwrap().unwrap().message.unwrap() {
            Message::Started(_) => {}
            Message::Heartbeat(beat) => lags.push(beat.lag.unwrap()),
            Message::CaughtUp(_) => break,
            other => panic!("unexpected: {other:?}"),
        }
    }
    let lags: Vec<_> = lags.iter().map(|lag| (lag.events, lag.age.unwrap().seconds)).collect();
    assert_eq!(lags, [(904, 16)]);
}
