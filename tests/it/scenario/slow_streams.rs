//! Streams that take long: they show signs of life, they end, and they never hold more than a page.

use std::collections::HashMap;
use std::time::Duration;

use futures::FutureExt as _;
use idv_gateway::error::Kind;
use idv_gateway::hub::subscribe::Caller;
use idv_gateway::journal::Batch;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{EventFilter, StreamClosingReason, WatchEventsResponse};

use super::reader::{earliest, snapshot};
use super::stream_rig::{Rig, Taker};
use crate::journal::fixture::{any_event, create, events, identification, record, start};

const GUARD: Duration = Duration::from_secs(60);
/// More than two pages.
const MANY: usize = 600;

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

/// A stream in the only place there is, once it is free.
async fn once_free(rig: &Rig) -> Taker {
    let free = async {
        loop {
            match rig.open_as(Caller::default(), snapshot(), EventFilter::default()).await {
                Ok(stream) => return stream,
                Err(error) => assert_eq!(error.kind, Kind::WatchLimitExceeded),
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, free).await.unwrap()
}

/// The messages up to one that is no item and no heartbeat, which is the last; none of those before has a cursor.
async fn up_to_the_end(stream: &mut Taker) -> Vec<WatchEventsResponse> {
    let mut messages = Vec::new();
    loop {
        let message = stream.next().await.unwrap().unwrap();
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
    assert!(stream.next().await.is_none(), "status OK");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_hears_why_it_was_dropped() {
    let rig = Rig::new(batch(MANY, 1), |_fixture| ()).await;
    let mut stream = rig.open(snapshot(), EventFilter::default()).await;
    // The first message, and one piece of the items.
    for _ in 0..2 {
        stream.next().await.unwrap().unwrap();
    }
    assert_eq!(rig.pages(), 2, "the look for the end, and no more than one page ahead of the reader");
    rig.fixture.time.advance(Duration::from_secs(60));
    drop(once_free(&rig).await);
    let mut taken = 0;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(_message) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, Kind::SlowConsumer);
    assert!(taken < MANY / 2, "{taken} messages were held for it");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_reader_that_goes_away_frees_its_place() {
    let rig = Rig::new(batch(MANY, 1), |_fixture| ()).await;
    let mut stream = rig.open(snapshot(), EventFilter::default()).await;
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert_eq!(items(&up_to_the_end(&mut once_free(&rig).await).await), MANY);
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
        match stream.next().await.unwrap().unwrap().message.unwrap() {
            Message::Started(_) => {}
            Message::Heartbeat(beat) => lags.push(beat.lag.unwrap()),
            Message::CaughtUp(_) => break,
            other => panic!("unexpected: {other:?}"),
        }
    }
    let lags: Vec<_> = lags.iter().map(|lag| (lag.events, lag.age.unwrap().seconds)).collect();
    assert_eq!(lags, [(904, 16)]);
}
