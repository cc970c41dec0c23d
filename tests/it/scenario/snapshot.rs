//! Streams that begin with the present state, while it changes.

use std::sync::atomic::{AtomicBool, Ordering};

use idv_gateway::journal::{Batch, Journal as _, Order, RecordChange, RecordQuery};
use idv_gateway::model::name::IdentificationName;
use idv_gateway::model::record::{Memory, Record};
use idv_gateway::model::record_filter::RecordFilter;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{
    EventFilter, EventType, GetIdentificationRequest, Identification, IdentificationState, SnapshotCompleted,
    StreamClosingReason, Vendor, VendorReference,
};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::house::{House, id_of};
use super::projection::Projection;
use super::reader::{Reader, latest, snapshot, watch as request};
use super::words::{BANK, OTHER_BANK, said};

/// More than three pages.
const MANY: usize = 900;

fn name(connection: &str, number: usize) -> IdentificationName {
    let connection = connection.strip_prefix("connections/").unwrap().parse().unwrap();
    IdentificationName { connection, id: Uuid::from_u128(0x4000_8000_0000_0000_0000 + number as u128) }
}

/// An identification that waits for its person. Its labels make it so large that no socket holds many.
fn waiting(name: &IdentificationName) -> Identification {
    let labels = (0..16).map(|number| (format!("label{number}"), "x".repeat(255))).collect();
    Identification {
        name: name.to_string(),
        revision: 1,
        labels,
        external_reference: format!("order-{}", name.id.as_u128() % 10),
        vendor: Vendor::IdnowAutoident.into(),
        vendor_reference: Some(VendorReference {
            reference: name.id.to_string(),
            ..VendorReference::default()
        }),
        state: IdentificationState::AwaitingUser.into(),
        startable: true,
        ..Identification::default()
    }
}

/// Records them at once, as if they had been created long ago.
async fn record(house: &House, identifications: Vec<Identification>) {
    let records = identifications.into_iter().map(|identification| {
        let name = identification.name.parse().unwrap();
        RecordChange { record: Record { name, identification, memory: Memory::default() }, replaces: None }
    });
    house.journal().append(Batch { records: records.collect(), ..Batch::default() }).await.unwrap();
}

async fn many(house: &House) -> Vec<String> {
    let names: Vec<_> = (0..MANY).map(|number| name(BANK, number)).collect();
    record(house, names.iter().map(waiting).collect()).await;
    names.iter().map(|name| name.id.to_string()).collect()
}

/// A connection that takes so little in advance that the gateway has to wait for its reader.
async fn narrow(house: &House) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", house.addresses().grpc)).unwrap();
    let window = 64 * 1024;
    let narrow = endpoint.initial_stream_window_size(window).initial_connection_window_size(window);
    narrow.connect().await.unwrap()
}

/// The gateway's own record of everything, as callers get it.
async fn records(house: &House) -> Vec<Identification> {
    let (filter, order) = (RecordFilter::default(), Order::OldestFirst);
    let mut query = RecordQuery { filter, order, after: None, limit: usize::MAX };
    let mut names = Vec::new();
    loop {
        let page = house.journal().list(&query).await.unwrap();
        names.extend(page.records.into_iter().map(|record| record.name.to_string()));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let mut records = Vec::new();
    for name in names {
        let request = GetIdentificationRequest { name, ..GetIdentificationRequest::default() };
        let got = house.identifications().get_identification(request).await.unwrap().into_inner();
        records.push(got.identification.unwrap());
    }
    records
}

/// Creates and moves identifications until told to stop, counting its steps. Those at the beginning and at the end of
/// the list move, and new ones are decided.
async fn keep_changing(house: &House, ids: &[String], steps: &watch::Sender<usize>, stop: &AtomicBool) {
    const WORDS: [&str; 3] = ["START", "CHECK_PENDING", "CANCELED"];
    let half = ids.len() / 2;
    let mut posted = 0;
    for step in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // Every word once for each, from both ends towards the middle.
        let (round, word) = (step / 6 % half, WORDS[step / 2 % 3]);
        let id = if step % 2 == 0 { &ids[round] } else { &ids[ids.len() - 1 - round] };
        assert_eq!(house.webhook(said(word, id).to_string()).await.status, 204);
        posted += 1;
        if step % 10 == 0 {
            let id = house.created().await;
            house.reviewed(&id, "SUCCESS").await;
            assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
            posted += 1;
        }
        steps.send_replace(step);
    }
    house.applied(posted).await;
}

/// Reads the snapshot, letting the world change in the middle of it.
async fn read_slowly(reader: &mut Reader, steps: &watch::Sender<usize>) -> Vec<Message> {
    let (mut messages, mut seen) = (Vec::new(), steps.subscribe());
    loop {
        let message = reader.next().await;
        let completed = matches!(message, Message::SnapshotCompleted(_));
        messages.push(message);
        if completed {
            return messages;
        }
        if messages.len() % 100 == 0 {
            let now = *seen.borrow_and_update();
            seen.wait_for(|steps| *steps >= now + 12).await.unwrap();
        }
    }
}

/// Reads on up to the creation of `last`.
async fn read_on(reader: &mut Reader, last: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        messages.push(reader.next().await);
        if matches!(messages.last(), Some(Message::Event(event)) if id_of(&event.subject) == last) {
            return messages;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readers_projection_is_the_gateways_state() {
    let house = House::silent().await;
    let ids = many(&house).await;
    let (steps, stop) = (watch::Sender::new(0), AtomicBool::new(false));
    let mut reader = Reader::from(&narrow(&house).await, snapshot()).await;
    let reading = async {
        let items = read_slowly(&mut reader, &steps).await;
        // A reader that is wrong: it goes on from where the listing ended.
        let mut late = Reader::from(&house.channel, latest()).await;
        late.next().await;
        stop.store(true, Ordering::Relaxed);
        (items, late)
    };
    let ((items, mut late), ()) = tokio::join!(reading, keep_changing(&house, &ids, &steps, &stop));
    let mut resumed = Reader::from(&house.channel, Start::AfterCursor(reader.cursor.clone())).await;
    let last = house.created().await;
    let [events, again, fewer] = [
        read_on(&mut reader, &last).await,
        read_on(&mut resumed, &last).await,
        read_on(&mut late, &last).await,
    ];
    let records = records(&house).await;
    assert!(records.len() > MANY + 5, "{}", records.len());

    let projection = Projection::of(items.iter().chain(&events));
    assert!(projection.repeats > 0 && projection.changes > 0, "the world moved meanwhile");
    assert_eq!(projection.faults(&records), Vec::<String>::new());
    let projection = Projection::of(items.iter().chain(&again));
    assert_eq!(projection.faults(&records), Vec::<String>::new(), "resumed after SnapshotCompleted");

    let faults = |messages: &[Message]| Projection::of(messages).faults(&records);
    assert!(!faults(&[&items[..], &fewer].concat()).is_empty(), "what changed behind the listing is lost");
    let messages = [items, events].concat();
    for (fault, broken) in broken(&messages) {
        assert!(!faults(&broken).is_empty(), "{fault}");
    }
}

/// What a faulty gateway could have sent instead of `messages`.
fn broken(messages: &[Message]) -> Vec<(&'static str, Vec<Message>)> {
    let position = |wanted: fn(&Message) -> bool| messages.iter().position(wanted).unwrap();
    let item = position(|message| matches!(message, Message::SnapshotItem(_)));
    let completed = position(|message| matches!(message, Message::SnapshotCompleted(_)));
    let last_event = messages.len() - 1;
    let without = |index: usize| [&messages[..index], &messages[index + 1..]].concat();
    let with = |index: usize| [&messages[..index], &messages[index - 1..]].concat();
    let mut miscounted = without(item);
    miscounted[completed - 1] =
        Message::SnapshotCompleted(SnapshotCompleted { item_count: i64::try_from(MANY).unwrap() - 1 });
    let mut early = messages.to_vec();
    early.swap(completed, completed - 1);
    vec![
        ("an item is left out", without(item)),
        ("an item is left out and not counted", miscounted),
        ("an item comes twice", with(item + 1)),
        ("an item comes after the end", early),
        ("the end is missing", without(completed)),
        ("the end comes twice", with(completed + 1)),
        ("an event is left out", without(last_event)),
        ("an event comes twice", with(messages.len())),
    ]
}

#[tokio::test]
async fn an_empty_snapshot_is_completed() {
    let house = House::silent().await;
    let mut reader = Reader::from(&house.channel, snapshot()).await;
    assert!(matches!(reader.next().await, Message::Started(_)));
    assert!(matches!(reader.next().await, Message::SnapshotCompleted(SnapshotCompleted { item_count: 0 })));
    assert!(matches!(reader.next().await, Message::CaughtUp(_)));
    let id = house.created().await;
    assert_eq!(id_of(&reader.event().await.subject), id);
}

/// The items that `filter` is shown, by the last digits of their names, and the stream behind them.
async fn items(house: &House, filter: EventFilter) -> (Vec<u128>, Reader) {
    let mut reader = Reader::open(&house.channel, request(snapshot(), filter)).await.unwrap();
    let mut items = Vec::new();
    loop {
        match reader.next().await {
            Message::SnapshotItem(item) => {
                let name: IdentificationName = item.identification.unwrap().name.parse().unwrap();
                items.push(name.id.as_u128() % 1000);
            }
            Message::SnapshotCompleted(completed) => {
                assert_eq!(completed.item_count, i64::try_from(items.len()).unwrap());
                return (items, reader);
            }
            Message::Started(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_snapshot_shows_what_its_filter_asks_for() {
    let house = House::silent().await;
    let names: Vec<_> = (0..6).map(|number| name([BANK, BANK, OTHER_BANK][number % 3], number)).collect();
    let mut identifications: Vec<_> = names.iter().map(waiting).collect();
    identifications[1].labels = [("region".to_owned(), "de".to_owned())].into();
    identifications[5].labels = [("region".to_owned(), "de".to_owned())].into();
    identifications[3].state = IdentificationState::Deleted.into();
    record(&house, identifications).await;
    let digit = |number: usize| names[number].id.as_u128() % 1000;
    let text = |numbers: &[usize]| numbers.iter().map(|number| names[*number].to_string()).collect();
    let none = EventFilter::default;
    let region = [("region".to_owned(), "de".to_owned())];
    let cases: Vec<(EventFilter, &[usize])> = vec![
        // Without tombstones.
        (none(), &[0, 1, 2, 4, 5]),
        (EventFilter { connections: vec![BANK.to_owned()], ..none() }, &[0, 1, 4]),
        (
            EventFilter { connections: vec![BANK.to_owned(), OTHER_BANK.to_owned()], ..none() },
            &[0, 1, 2, 4, 5],
        ),
        (EventFilter { connections: vec!["connections/nobody".to_owned()], ..none() }, &[]),
        (EventFilter { identifications: text(&[4, 2, 3]), ..none() }, &[2, 4]),
        (EventFilter { subjects: text(&[4, 0]), ..none() }, &[0, 4]),
        (EventFilter { subjects: text(&[4, 0]), identifications: text(&[4, 1]), ..none() }, &[4]),
        (EventFilter { subjects: vec![format!("{BANK}/tickets/1"), BANK.to_owned()], ..none() }, &[]),
        (EventFilter { subjects: text(&[0, 2]), connections: vec![BANK.to_owned()], ..none() }, &[0]),
        (EventFilter { labels: region.clone().into(), ..none() }, &[1, 5]),
        (EventFilter { labels: region.into(), identifications: text(&[0, 5]), ..none() }, &[5]),
        (
            EventFilter {
                external_references: [0, 4]
                    .map(|number| format!("order-{}", names[number].id.as_u128() % 10))
                    .into(),
                ..none()
            },
            &[0, 4],
        ),
        // A present state has no type.
        (EventFilter { types: vec![EventType::IdentificationStarted.into()], ..none() }, &[0, 1, 2, 4, 5]),
    ];
    for (filter, expected) in cases {
        let (mut shown, _reader) = items(&house, filter.clone()).await;
        shown.sort_unstable();
        assert_eq!(shown, expected.iter().map(|number| digit(*number)).collect::<Vec<_>>(), "{filter:?}");
    }
}

#[tokio::test]
async fn the_events_after_a_snapshot_keep_to_its_filter() {
    let house = House::silent().await;
    let (mine, other) = (house.created().await, house.created().await);
    let filter = EventFilter {
        identifications: vec![format!("{BANK}/identifications/{mine}")],
        types: vec![EventType::IdentificationSubmitted.into()],
        ..EventFilter::default()
    };
    let (shown, mut reader) = items(&house, filter).await;
    assert_eq!(shown.len(), 1);
    for (word, id) in [("START", &mine), ("CHECK_PENDING", &other), ("CHECK_PENDING", &mine)] {
        assert_eq!(house.webhook(said(word, id).to_string()).await.status, 204);
    }
    let event = reader.event().await;
    assert_eq!((event.r#type(), id_of(&event.subject)), (EventType::IdentificationSubmitted, mine));
}

#[tokio::test]
async fn a_drain_in_the_middle_of_a_snapshot_leaves_no_cursor() {
    let house = House::silent().await;
    many(&house).await;
    let mut reader = Reader::from(&narrow(&house).await, snapshot()).await;
    assert!(matches!(reader.next().await, Message::Started(_)));
    assert!(matches!(reader.next().await, Message::SnapshotItem(_)));
    let down = tokio::spawn(house.shut_down());
    let mut items = 1;
    let closing = loop {
        match reader.next().await {
            Message::SnapshotItem(_) => items += 1,
            Message::Closing(closing) => break closing,
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert!(items < MANY, "it was in the middle");
    assert_eq!(closing.reason(), StreamClosingReason::Shutdown);
    assert!(reader.cursor.is_empty(), "whoever comes back begins again");
    assert!(reader.try_next().await.unwrap().is_none(), "status OK");
    drop(reader);
    let (in_time, _folder) = down.await.unwrap();
    assert!(in_time);
}
