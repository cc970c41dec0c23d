//! Which events a reader is sent.

use idv_gateway::journal::{Batch, Journal as _};
use idv_gateway::proto::{CreateIdentificationRequest, Event, EventFilter, EventType};
use serde_json::json;
use tonic::Code;

use super::house::House;
use super::reader::{Reader, earliest, latest, refusal, watch};
use super::words::{BANK, OTHER_BANK, OTHER_CUSTOMER, create, fields, refused, types};

const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;

async fn sent(house: &House, filter: &EventFilter) -> Vec<Event> {
    let mut reader = Reader::open(&house.channel, watch(earliest(), filter.clone())).await.unwrap();
    reader.rest().await
}

#[tokio::test]
async fn filters_leave_out_what_was_not_asked_for() {
    let house = House::new().await;
    let (mine, _other) = (house.created().await, house.created().await);
    let theirs = house.created_on(OTHER_BANK).await;
    house.person(&mine, "start", json!({})).await;
    house.person(&theirs, "start", json!({})).await;
    house.until("both starts", async || (house.events().await.len() == 5).then_some(())).await;
    let name = format!("{BANK}/identifications/{mine}");
    let started = vec![STARTED.into()];
    let both = vec![BANK.to_owned(), OTHER_BANK.to_owned()];
    let none = EventFilter::default;
    let cases = [
        (EventFilter { connections: vec![BANK.to_owned()], ..none() }, vec![CREATED, CREATED, STARTED]),
        (EventFilter { connections: both, ..none() }, vec![CREATED, CREATED, CREATED, STARTED, STARTED]),
        (EventFilter { identifications: vec![name.clone()], ..none() }, vec![CREATED, STARTED]),
        (EventFilter { subjects: vec![name.clone()], ..none() }, vec![CREATED, STARTED]),
        (EventFilter { types: started.clone(), ..none() }, vec![STARTED, STARTED]),
        (EventFilter { types: started, identifications: vec![name], ..none() }, vec![STARTED]),
        (EventFilter { external_references: vec!["order-2".to_owned()], ..none() }, vec![]),
        (EventFilter { connections: vec!["connections/nobody".to_owned()], ..none() }, vec![]),
        // No prefix of another connection's name passes for it.
        (EventFilter { connections: vec!["connections/beispiel".to_owned()], ..none() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(types(&sent(&house, &filter).await), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_connections_own_events_pass_its_filter() {
    let house = House::silent().await;
    let forged = house.client().post(house.webhook_url(OTHER_CUSTOMER));
    house.send(forged).await;
    let of = |connection: &str| vec![connection.to_owned()];
    for (connection, expected) in [(OTHER_BANK, vec![EventType::WebhookRejected]), (BANK, vec![])] {
        let under = EventFilter { connections: of(connection), ..EventFilter::default() };
        let about = EventFilter { subjects: of(connection), ..EventFilter::default() };
        for filter in [under, about] {
            assert_eq!(types(&sent(&house, &filter).await), expected, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn labels_and_references_of_the_caller_choose_events() {
    let house = House::silent().await;
    let all = [("order-1", "shop", "de"), ("order-2", "shop", "at"), ("order-3", "branch", "de")];
    for (reference, channel, region) in all {
        let labels = [("channel", channel), ("region", region)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let external_reference = reference.to_owned();
        let request = CreateIdentificationRequest { external_reference, labels, ..create(BANK) };
        house.try_create(request).await.unwrap();
    }
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let labelled = |labels: &[(String, String)]| EventFilter {
        labels: labels.iter().cloned().collect(),
        ..EventFilter::default()
    };
    let referred = |references: &[&str]| EventFilter {
        external_references: references.iter().map(ToString::to_string).collect(),
        ..EventFilter::default()
    };
    let cases = [
        (labelled(&[label("channel", "shop")]), vec!["order-1", "order-2"]),
        (labelled(&[label("channel", "shop"), label("region", "de")]), vec!["order-1"]),
        (labelled(&[label("channel", "")]), vec![]),
        (labelled(&[label("missing", "shop")]), vec![]),
        (referred(&["order-3", "order-1", "order-9"]), vec!["order-1", "order-3"]),
        (EventFilter { labels: labelled(&[label("region", "at")]).labels, ..referred(&["order-1"]) }, vec![]),
    ];
    for (filter, expected) in cases {
        let events = sent(&house, &filter).await;
        let references: Vec<_> = events.iter().map(|event| event.external_reference.as_str()).collect();
        assert_eq!(references, expected, "{filter:?}");
    }
}

/// An event such as a vendor with tickets or documents leads to.
fn about(subject: &str, identification: &str, kind: EventType) -> Event {
    Event {
        event_id: format!("event about {subject}"),
        r#type: kind.into(),
        subject: subject.to_owned(),
        identification: identification.to_owned(),
        ..Event::default()
    }
}

#[tokio::test]
async fn events_of_tickets_and_documents_belong_to_the_person() {
    let house = House::silent().await;
    let [mine, theirs] = [house.created().await, house.created().await];
    let [mine, theirs] = [mine, theirs].map(|id| format!("{BANK}/identifications/{id}"));
    let (ticket, foreign) = (format!("{BANK}/tickets/T-17.a"), format!("{BANK}/tickets/T-18"));
    let document = format!("{mine}/documents/contract_1");
    let events = vec![
        about(&ticket, &mine, EventType::TicketProgressed),
        about(&foreign, &theirs, EventType::TicketProgressed),
        about(&document, &mine, EventType::DocumentSigned),
    ];
    house.journal().append(Batch { events, ..Batch::default() }).await.unwrap();
    let of = |name: &String| vec![name.clone()];
    let none = EventFilter::default;
    let cases = [
        (
            EventFilter { identifications: of(&mine), ..none() },
            vec![CREATED, EventType::TicketProgressed, EventType::DocumentSigned],
        ),
        (EventFilter { identifications: of(&theirs), ..none() }, vec![CREATED, EventType::TicketProgressed]),
        // A subject is the one resource, without what belongs to it.
        (EventFilter { subjects: of(&mine), ..none() }, vec![CREATED]),
        (EventFilter { subjects: of(&ticket), ..none() }, vec![EventType::TicketProgressed]),
        (
            EventFilter { subjects: vec![ticket.clone(), document.clone(), theirs.clone()], ..none() },
            vec![CREATED, EventType::TicketProgressed, EventType::DocumentSigned],
        ),
        (EventFilter { subjects: of(&foreign), identifications: of(&mine), ..none() }, vec![]),
        (
            EventFilter { subjects: of(&document), identifications: of(&mine), ..none() },
            vec![EventType::DocumentSigned],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(types(&sent(&house, &filter).await), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_filter_at_its_limits_is_served() {
    let house = House::silent().await;
    let name = format!("{BANK}/identifications/{}", house.created().await);
    let labels = |count| (0..count).map(|n| (format!("label{n}"), String::new())).collect();
    let full = EventFilter {
        connections: vec![BANK.to_owned(); 100],
        subjects: vec![name.clone(); 100],
        types: vec![CREATED.into(); 100],
        external_references: (0..100).map(|n| format!("order-{n}")).collect(),
        identifications: vec![name; 100],
        ..EventFilter::default()
    };
    assert_eq!(types(&sent(&house, &full).await), [CREATED]);
    let labelled = EventFilter { labels: labels(16), ..full.clone() };
    assert!(sent(&house, &labelled).await.is_empty());
}

/// An identification that nobody created.
const ID: &str = "0e9b3a52-6f6c-4d7e-9a51-2d6d0a8f4c11";

async fn refused_fields(house: &House, filter: EventFilter) -> Vec<String> {
    let status = refusal(&house.channel, watch(latest(), filter)).await;
    fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"))
}

#[tokio::test]
async fn a_subject_is_the_name_of_something_events_are_about() {
    let house = House::silent().await;
    let good = format!("{BANK}/identifications/{ID}");
    let malformed = [
        String::new(),
        "beispielbank".to_owned(),
        "connections/".to_owned(),
        "connections/Bank".to_owned(),
        "connections/-".to_owned(),
        format!("{BANK}/"),
        format!("{BANK}/identifications"),
        format!("{BANK}/identifications/{}", ID.to_uppercase()),
        format!("{good}/"),
        format!("{good}/documents"),
        format!("{good}/documents/"),
        format!("{good}/documents/a b"),
        format!("{good}/documents/a/b"),
        format!("{good}/tickets/1"),
        format!("{BANK}/identifications/1/documents/a"),
        format!("{BANK}/tickets/"),
        format!("{BANK}/tickets/ä"),
        format!("{BANK}/tickets/{}", "x".repeat(129)),
        format!("{BANK}/customers/1"),
        format!(" {good}"),
    ];
    let expected: Vec<_> = (1..=malformed.len()).map(|index| format!("filter.subjects[{index}]")).collect();
    let subjects = [vec![good], malformed.into()].concat();
    let refused = refused_fields(&house, EventFilter { subjects, ..EventFilter::default() }).await;
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn malformed_filters_are_refused_field_by_field() {
    let house = House::silent().await;
    let good = format!("{BANK}/identifications/{ID}");
    let none = EventFilter::default;
    let label = |key: &str, value: String| [(key.to_owned(), value)].into();
    let references = vec!["x".repeat(255), "x".repeat(256), String::new(), "a\nb".to_owned()];
    let too_many = EventFilter {
        labels: (0..17).map(|n| (format!("label{n}"), String::new())).collect(),
        connections: vec![BANK.to_owned(); 101],
        subjects: vec![good.clone(); 101],
        types: vec![1; 101],
        external_references: vec!["order".to_owned(); 101],
        identifications: vec![good.clone(); 101],
        ..none()
    };
    let cases: Vec<(EventFilter, &[&str])> = vec![
        (EventFilter { connections: vec!["bank".into()], ..none() }, &["connections[0]"]),
        (EventFilter { types: vec![0], ..none() }, &["types[0]"]),
        (EventFilter { types: vec![1, 999, -1], ..none() }, &["types[1]", "types[2]"]),
        (EventFilter { identifications: vec![good, BANK.into()], ..none() }, &["identifications[1]"]),
        (
            EventFilter { external_references: references, ..none() },
            &["external_references[1]", "external_references[2]", "external_references[3]"],
        ),
        (EventFilter { labels: label("Channel", String::new()), ..none() }, &["labels"]),
        (EventFilter { labels: label("channel", "x".repeat(256)), ..none() }, &["labels"]),
        (too_many, &["connections", "subjects", "types", "external_references", "identifications", "labels"]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|field| format!("filter.{field}")).collect();
        assert_eq!(refused_fields(&house, filter).await, expected);
    }
}
