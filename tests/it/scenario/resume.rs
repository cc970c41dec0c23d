//! A subscriber that is killed again and again, and misses nothing.

use idv_gateway::journal::{Batch, Journal as _};
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::{Event, EventFilter, EventType};
use serde_json::json;

use super::house::House;
use super::reader::{Reader, earliest, watch};
use super::words::{BANK, OTHER_BANK, said};

const KILLS: usize = 50;

/// Some hundred events of two connections, written at once.
async fn long_journal(house: &House) {
    let word = [
        EventType::IdentificationStarted,
        EventType::IdentificationSubmitted,
        EventType::IdentificationUpdated,
    ];
    for part in 0..4 {
        let event = |number: usize| {
            let connection = if number.is_multiple_of(3) { OTHER_BANK } else { BANK };
            let name = format!("{connection}/identifications/00000000-0000-4000-8000-{number:012}");
            Event {
                event_id: format!("00000000-0000-4000-8000-{number:012}"),
                r#type: word[number % 5 % 3].into(),
                subject: name.clone(),
                identification: name,
                ..Event::default()
            }
        };
        let events = (part * 100..(part + 1) * 100).map(event).collect();
        house.journal().append(Batch { events, ..Batch::default() }).await.unwrap();
    }
}

/// More of them, through the front doors.
async fn more(house: &House) {
    for connection in [BANK, OTHER_BANK, BANK, BANK, OTHER_BANK, BANK] {
        let id = house.created_on(connection).await;
        if connection == BANK {
            assert_eq!(house.webhook(said("START", &id).to_string()).await.status, 204);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_leave_no_gap_and_no_duplicate() {
    let house = House::silent().await;
    long_journal(&house).await;
    let (mut read, ()) = tokio::join!(read_with_kills(&house, EventFilter::default()), more(&house));
    finish(&house, &mut read, EventFilter::default()).await;
    let written = house.events().await;
    assert!(written.len() > 400, "{}", written.len());
    assert_eq!(read.events, written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_of_a_reader_with_a_filter() {
    let house = House::silent().await;
    long_journal(&house).await;
    let filter = EventFilter {
        connections: vec![BANK.to_owned()],
        types: vec![EventType::IdentificationStarted.into(), EventType::IdentificationUpdated.into()],
        ..EventFilter::default()
    };
    let (mut read, ()) = tokio::join!(read_with_kills(&house, filter.clone()), more(&house));
    finish(&house, &mut read, filter.clone()).await;
    let mut written = house.events().await;
    written.retain(|event| {
        event.subject.starts_with(&format!("{BANK}/")) && filter.types.contains(&event.r#type)
    });
    assert!(written.len() > 100, "{}", written.len());
    assert_eq!(read.events, written);
}

struct Read {
    events: Vec<Event>,
    resume: Start,
}

/// Takes a few events, hangs up without a word, and goes on from the last cursor it saw.
async fn read_with_kills(house: &House, filter: EventFilter) -> Read {
    let mut read = Read { events: Vec::new(), resume: earliest() };
    for kill in 0..KILLS {
        let mut reader = Reader::open(&house.channel, watch(read.resume, filter.clone())).await.unwrap();
        let wanted = 1 + kill % 5;
        read.events.extend(reader.take(wanted).await);
        read.resume = Start::AfterCursor(reader.cursor.clone());
    }
    read
}

async fn finish(house: &House, read: &mut Read, filter: EventFilter) {
    house.applied(house.fates().len()).await;
    let mut reader = Reader::open(&house.channel, watch(read.resume.clone(), filter)).await.unwrap();
    read.events.extend(reader.rest().await);
}

#[tokio::test]
async fn a_cursor_of_whatever_message_resumes() {
    let house = House::new().await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    let mut reader = Reader::from(&house.channel, earliest()).await;
    // The cursor of WatchStarted stands before the first event, that of CaughtUp after the last.
    reader.next().await;
    let first = reader.cursor.clone();
    reader.until(|event| event.r#type() == EventType::IdentificationStarted).await;
    let written = house.events().await;
    let mut again = Reader::from(&house.channel, Start::AfterCursor(first)).await;
    assert_eq!(again.rest().await, written);
    let mut end = Reader::from(&house.channel, Start::AfterCursor(again.cursor.clone())).await;
    assert!(end.rest().await.is_empty());
}
