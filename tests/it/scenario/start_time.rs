//! Streams that begin at a time.

use std::time::{Duration, SystemTime};

use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{Event, EventFilter, EventType};
use prost_types::Timestamp;
use rusqlite::Connection;
use tonic::Code;

use super::house::{House, id_of};
use super::reader::{Reader, earliest, refusal, watch};
use super::words::{fields, refused};

fn at(time: SystemTime) -> Start {
    Start::StartTime(time.into())
}

fn recorded(event: &Event) -> SystemTime {
    event.record_time.unwrap().try_into().unwrap()
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.event_id.as_str()).collect()
}

/// Three events, ten seconds between each.
async fn three(house: &House) -> Vec<Event> {
    for _ in 0..3 {
        house.created().await;
        house.clock.advance(Duration::from_secs(10));
    }
    house.events().await
}

#[tokio::test]
async fn a_time_leaves_out_what_was_recorded_before_it() {
    let house = House::silent().await;
    let events = three(&house).await;
    let second = recorded(&events[1]);
    let (nanosecond, long) = (Duration::from_nanos(1), Duration::from_secs(1_000_000));
    for (time, left_out) in [
        (SystemTime::UNIX_EPOCH - long, 0),
        (recorded(&events[0]), 0),
        (second - nanosecond, 1),
        (second, 1),
        (second + nanosecond, 2),
        (recorded(&events[2]) + nanosecond, 3),
    ] {
        let mut reader = Reader::from(&house.channel, at(time)).await;
        assert_eq!(ids(&reader.rest().await), ids(&events[left_out..]), "{time:?}");
        // The cursor leads on, whatever was left out before it.
        let mut resumed = Reader::from(&house.channel, Start::AfterCursor(reader.cursor.clone())).await;
        assert!(resumed.rest().await.is_empty());
    }
    let mut reader = Reader::from(&house.channel, at(second)).await;
    assert_eq!(reader.rest().await.len(), 2);
    let id = house.created().await;
    assert_eq!(id_of(&reader.event().await.subject), id);
}

#[tokio::test]
async fn a_time_goes_with_a_filter() {
    let house = House::silent().await;
    let events = three(&house).await;
    let filter =
        EventFilter { types: vec![EventType::IdentificationFailed.into()], ..EventFilter::default() };
    let mut reader = Reader::open(&house.channel, watch(at(recorded(&events[0])), filter)).await.unwrap();
    assert!(reader.rest().await.is_empty());
    let identifications = vec![events[0].subject.clone(), events[2].subject.clone()];
    let filter = EventFilter { identifications, ..EventFilter::default() };
    let mut reader = Reader::open(&house.channel, watch(at(recorded(&events[1])), filter)).await.unwrap();
    assert_eq!(ids(&reader.rest().await), ids(&events[2..]));
}

#[tokio::test]
async fn a_time_to_come_leaves_out_what_comes_before_it() {
    let house = House::silent().await;
    let now = recorded(&three(&house).await[2]) + Duration::from_secs(10);
    let mut reader = Reader::from(&house.channel, at(now + Duration::from_secs(6))).await;
    assert!(reader.rest().await.is_empty());
    house.created().await;
    house.clock.advance(Duration::from_secs(5));
    assert!(matches!(reader.next().await, Message::Heartbeat(_)), "what is left out is no sign of life");
    house.clock.advance(Duration::from_secs(1));
    let id = house.created().await;
    assert_eq!(id_of(&reader.event().await.subject), id);
}

#[tokio::test]
async fn a_time_in_an_empty_journal_begins_with_the_first_event() {
    let house = House::silent().await;
    let mut reader = Reader::from(&house.channel, at(SystemTime::UNIX_EPOCH)).await;
    assert!(reader.rest().await.is_empty());
    house.created().await;
    assert_eq!([reader.event().await], house.events().await[..]);
}

#[tokio::test]
async fn a_time_before_what_is_kept_is_refused_and_the_way_on_is_said() {
    let house = House::silent().await;
    let events = three(&house).await;
    let store = Connection::open(house.folder().join("journal.sqlite3")).unwrap();
    // As if its time were over.
    let removed = "UPDATE truncated SET (position, place_check) = \
         (SELECT position, substr(checksum, 1, 4) FROM entries WHERE position = 1); \
         DELETE FROM entries WHERE position = 1;";
    store.execute_batch(removed).unwrap();
    for time in [SystemTime::UNIX_EPOCH, recorded(&events[0]), recorded(&events[1])] {
        let status = refusal(&house.channel, watch(at(time), EventFilter::default())).await;
        refused(&status, Code::OutOfRange, "CURSOR_EXPIRED");
        let cursor = status.message().split([' ', ';']).find(|word| word.len() == 50).unwrap();
        let mut reader = Reader::from(&house.channel, Start::AfterCursor(cursor.to_owned())).await;
        assert_eq!(ids(&reader.rest().await), ids(&events[1..]));
    }
    let mut reader = Reader::from(&house.channel, at(recorded(&events[2]))).await;
    assert_eq!(ids(&reader.rest().await), ids(&events[2..]));
    let mut reader = Reader::from(&house.channel, earliest()).await;
    assert_eq!(ids(&reader.rest().await), ids(&events[1..]));
}

#[tokio::test]
async fn what_is_no_time_is_refused() {
    let house = House::silent().await;
    for (seconds, nanos) in [
        (0, -1),
        (0, 1_000_000_000),
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        (i64::MIN, 0),
        (i64::MAX, 0),
    ] {
        let start = Start::StartTime(Timestamp { seconds, nanos });
        let status = refusal(&house.channel, watch(start, EventFilter::default())).await;
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["start_time"]);
    }
    for (seconds, nanos) in [(-62_135_596_800, 0), (253_402_300_799, 999_999_999)] {
        let mut reader = Reader::from(&house.channel, Start::StartTime(Timestamp { seconds, nanos })).await;
        assert!(reader.rest().await.is_empty());
    }
}
