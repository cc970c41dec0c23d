//! Deliveries as operators see them, and what comes of replaying them.

use aws_lc_rs::digest::{SHA256, digest};
use idv_gateway::journal::{Batch, DeliveryChange, Journal as _};
use idv_gateway::model::name::DeliveryName;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::{
    EventOrigin, EventType, Evidence, IdentificationState, ListWebhookDeliveriesRequest,
    WebhookDeliveryState as State,
};
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::operator::{asked, got, listed, newest, replayed, try_got, try_replayed, webhooks};
use super::reader::Reader;
use super::words::{BANK, OTHER_CUSTOMER, create, fields, refused, said, said_at, types};

const ID: &str = "7e0c1b5f-94f1-4b27-8b0c-3f6a0e7d2c11";
const REASON: &str = "USER_CANCELLATION_IDENTIFY_LATER";
const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;
const ENDED: EventType = EventType::IdentificationAttemptEnded;
const COMPLETED: EventType = EventType::IdentificationCompleted;

/// Lets a webhook come in and be dealt with; its name.
async fn delivered(house: &House, body: impl ToString) -> String {
    let count = house.fates().len();
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.applied(count + 1).await;
    newest(house).await.name
}

async fn created_as(house: &House, id: &str) {
    let request =
        idv_gateway::proto::CreateIdentificationRequest { identification_id: id.to_owned(), ..create(BANK) };
    house.try_create(request).await.unwrap();
}

/// Leaves `name` as a release that could not read it would have.
async fn made_unreadable(house: &House, name: &str) {
    let name: DeliveryName = name.parse().unwrap();
    let mut delivery = house.journal().delivery(&name).await.unwrap().unwrap();
    delivery.state = State::Unreadable;
    delivery.failure = "$: what an earlier release expected".to_owned();
    delivery.waits_for.clear();
    let batch = Batch { deliveries: vec![DeliveryChange::Update(delivery)], ..Batch::default() };
    house.journal().append(batch).await.unwrap();
}

#[tokio::test]
async fn a_delivery_shows_what_came_of_it() {
    let house = House::silent().await;
    let id = house.created().await;
    let body = said("START", &id).to_string();
    let name = delivered(&house, &body).await;
    delivered(&house, &body).await;
    delivered(&house, &body).await;

    let shown = got(&house, &name).await;
    assert_eq!(shown.name, name);
    assert_eq!((shown.state(), shown.duplicate_count), (State::Applied, 2));
    assert_eq!(shown.subject, format!("{BANK}/identifications/{id}"));
    assert_eq!(shown.source_ip, "127.0.0.1");
    assert_eq!(shown.body_sha256, digest(&SHA256, body.as_bytes()).as_ref());
    assert_eq!(shown.event_ids, [house.events().await[1].event_id.clone()]);
    assert_eq!(shown.receive_time.unwrap().seconds, 1_795_176_000);
    assert_eq!((shown.failure.as_str(), shown.body.len()), ("", 0));
    assert_eq!(try_got(&house, &name, true).await.unwrap().body, body.as_bytes());

    let (all, _pages) = listed(&house, &[], 0).await;
    assert_eq!(
        all.iter().map(|one| one.state()).collect::<Vec<_>>(),
        [State::Duplicate, State::Duplicate, State::Applied]
    );
    assert_eq!(all[2], shown, "a list shows the same, and never a body");
    assert!(all.iter().all(|one| one.body.is_empty() && one.subject == shown.subject));
}

#[tokio::test]
async fn a_body_comes_back_byte_for_byte() {
    let house = House::silent().await;
    for body in [Vec::new(), b"\xff\x00\r\n{\"a\" :1}".to_vec(), vec![b'x'; 200_000]] {
        let count = house.fates().len();
        assert_eq!(house.webhook(body.clone()).await.status, 204);
        house.applied(count + 1).await;
        let name = newest(&house).await.name;
        assert_eq!(try_got(&house, &name, true).await.unwrap().body, body);
    }
}

#[tokio::test]
async fn deliveries_are_listed_by_connection_state_and_page() {
    let house = House::silent().await;
    let id = house.created().await;
    let mut names = Vec::new();
    for number in 0..5 {
        names.insert(0, delivered(&house, said("START", &format!("{number}{}", &ID[1..]))).await);
    }
    let applied = delivered(&house, said("START", &id)).await;
    let unreadable = delivered(&house, "no JSON").await;
    let elsewhere = house.authentic(OTHER_CUSTOMER).body(said("START", &id).to_string());
    assert_eq!(house.send(elsewhere).await.status, 204);
    house.applied(8).await;

    let unmatched = listed(&house, &[State::Unmatched], 2).await;
    let (found, pages) = (unmatched.0.iter().map(|one| one.name.clone()), unmatched.1);
    // What came in on the other connection speaks of another account's identification.
    let own: Vec<_> = found.filter(|name| name.starts_with(BANK)).collect();
    assert_eq!((own, pages), (names, 3));
    let both = listed(&house, &[State::Unreadable, State::Applied, State::Applied], 1).await.0;
    let own: Vec<_> =
        both.iter().map(|one| one.name.as_str()).filter(|name| name.starts_with(BANK)).collect();
    assert_eq!(own, [unreadable, applied]);
    let request = ListWebhookDeliveriesRequest {
        parent: format!("connections/{OTHER_CUSTOMER}"),
        ..ListWebhookDeliveriesRequest::default()
    };
    let other = webhooks(&house).list_webhook_deliveries(asked(request)).await.unwrap().into_inner();
    assert_eq!(other.webhook_deliveries.len(), 1);
    assert_eq!(other.next_page_token, "");
    assert_eq!(listed(&house, &[], 3).await.0.len(), 8);
    assert!(listed(&house, &[State::Confirming], 0).await.0.is_empty());
}

#[tokio::test]
async fn a_page_token_goes_with_its_list() {
    let house = House::silent().await;
    for _ in 0..3 {
        house.webhook(b"no JSON".to_vec()).await;
    }
    house.applied(3).await;
    let first = ListWebhookDeliveriesRequest {
        parent: BANK.to_owned(),
        page_size: 1,
        page_token: String::new(),
        states: vec![State::Unreadable.into(), State::Duplicate.into()],
    };
    let token = ask(&house, first.clone()).await.unwrap();
    let next = ListWebhookDeliveriesRequest { page_token: token.clone(), ..first.clone() };
    let mut turned = next.clone();
    turned.states.reverse();
    turned.page_size = 2;
    ask(&house, turned).await.unwrap();
    for other in [
        ListWebhookDeliveriesRequest { states: Vec::new(), ..next.clone() },
        ListWebhookDeliveriesRequest { parent: "connections/-".to_owned(), ..next.clone() },
        ListWebhookDeliveriesRequest { page_token: "AAAA".to_owned(), ..next.clone() },
        ListWebhookDeliveriesRequest { page_token: token[1..].to_owned(), ..next },
    ] {
        let details =
            refused(&ask(&house, other).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), ["page_token"]);
    }
    let wrong = ListWebhookDeliveriesRequest {
        parent: "connections/Beispielbank".to_owned(),
        page_size: 1001,
        page_token: String::new(),
        states: vec![1, 0, 99],
    };
    let details = refused(&ask(&house, wrong).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["page_size", "parent", "states[1]", "states[2]"]);
    let nobody = ListWebhookDeliveriesRequest { parent: "connections/nobody".to_owned(), ..first };
    refused(&ask(&house, nobody).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
}

async fn ask(house: &House, request: ListWebhookDeliveriesRequest) -> Result<String, Status> {
    let page = webhooks(house).list_webhook_deliveries(asked(request)).await?.into_inner();
    Ok(page.next_page_token)
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let house = House::silent().await;
    let id = house.created().await;
    let name = delivered(&house, said("START", &id)).await;
    let absent = format!("{BANK}/webhookDeliveries/{ID}");
    for status in
        [try_got(&house, &absent, true).await.unwrap_err(), try_replayed(&house, &absent).await.unwrap_err()]
    {
        refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert!(status.message().contains(&absent), "{}", status.message());
    }
    for name in ["", "connections/-/webhookDeliveries/x", &format!("{BANK}/identifications/{id}")] {
        let got = try_got(&house, name, false).await.unwrap_err();
        for status in [got, try_replayed(&house, name).await.unwrap_err()] {
            let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
            assert_eq!(fields(&details), ["name"]);
        }
    }

    // Once the body was erased, the rest still shows.
    let batch = Batch { unseal: vec![name.clone()], ..Batch::default() };
    house.journal().append(batch).await.unwrap();
    assert_eq!(got(&house, &name).await.state(), State::Applied);
    let got = try_got(&house, &name, true).await.unwrap_err();
    for status in [got, try_replayed(&house, &name).await.unwrap_err()] {
        refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
        assert!(status.message().contains("was erased"), "{}", status.message());
    }
    assert_eq!(newest(&house).await.state(), State::Applied, "and is as it was");
}

#[tokio::test]
async fn an_applied_delivery_makes_no_second_event() {
    let house = House::silent().await;
    let id = house.created().await;
    let start = delivered(&house, said("START", &id)).await;
    let before = got(&house, &start).await;
    assert_eq!(replayed(&house, &start).await, before);
    let abort = delivered(&house, said("ABORTED", &id)).await;
    // For the rule alone, a start after an abort is another try.
    for name in [&start, &abort, &start] {
        let known = got(&house, name).await;
        assert_eq!(replayed(&house, name).await, known);
    }
    assert_eq!(types(&house.events().await), [CREATED, STARTED, ENDED]);
    assert_eq!(house.get(&id).await.state(), IdentificationState::AwaitingRetry);
    assert_eq!(house.asked("gets").await, 0, "nobody is asked about what was told");

    // The same bytes are still what they were: a repeat of the last word, or another try.
    delivered(&house, said("ABORTED", &id)).await;
    delivered(&house, said("START", &id)).await;
    assert_eq!(house.states(), [State::Applied, State::Applied, State::Duplicate, State::Applied]);
    assert_eq!(house.get(&id).await.attempt_count, 2);
}

#[tokio::test]
async fn what_a_later_release_can_read_is_applied_by_a_replay() {
    let house = House::silent().await;
    let name = delivered(&house, said("START", ID)).await;
    made_unreadable(&house, &name).await;
    created_as(&house, ID).await;
    assert_eq!(types(&house.events().await), [CREATED], "what cannot be read waits for nothing");

    let answer = try_replayed(&house, &name).await.unwrap();
    let shown = answer.webhook_delivery.unwrap();
    let events = house.events().await;
    assert_eq!(types(&events), [CREATED, STARTED]);
    assert_eq!(
        (events[1].origin(), events[1].webhook_delivery.as_str()),
        (EventOrigin::Replay, name.as_str())
    );
    assert_eq!((shown.state(), shown.failure.as_str()), (State::Applied, ""));
    assert_eq!(shown.event_ids, [events[1].event_id.clone()]);
    assert_eq!(shown.subject, events[1].subject);
    // The cursor stands before it.
    let mut reader = Reader::from(&house.channel, Start::AfterCursor(answer.cursor)).await;
    assert_eq!(reader.event().await.event_id, events[1].event_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_replays_at_once_are_one() {
    let house = House::silent().await;
    let name = delivered(&house, said("START", ID)).await;
    made_unreadable(&house, &name).await;
    created_as(&house, ID).await;
    let replays = (0..8).map(|_| replayed(&house, &name));
    for shown in futures::future::join_all(replays).await {
        assert_eq!((shown.state(), shown.event_ids.len()), (State::Applied, 1));
    }
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);
}

#[tokio::test]
async fn an_unmatched_delivery_stays_so_and_is_applied_for_its_identification() {
    let house = House::silent().await;
    let name = delivered(&house, said("START", ID)).await;
    let before = got(&house, &name).await;
    assert_eq!(replayed(&house, &name).await, before);
    assert_eq!(before.state(), State::Unmatched);

    created_as(&house, ID).await;
    house.until("the start", async || (house.states() == [State::Applied]).then_some(())).await;
    let start = house.events().await.into_iter().find(|event| event.r#type() == STARTED).unwrap();
    assert_eq!(start.origin(), EventOrigin::Webhook, "the creation woke it, nobody replayed it");
}

#[tokio::test]
async fn what_is_stale_stays_so() {
    let house = House::silent().await;
    let id = house.created().await;
    delivered(&house, said_at("CHECK_PENDING", &id, "2026-11-20T11:30:00Z")).await;
    let late = delivered(&house, said_at("START", &id, "2026-11-20T11:00:00Z")).await;
    assert_eq!(got(&house, &late).await.state(), State::Stale);
    assert_eq!(replayed(&house, &late).await.state(), State::Stale);
    assert_eq!(house.events().await.len(), 2);
}

#[tokio::test]
async fn a_repeat_that_is_replayed_late_is_held_against_the_vendor() {
    let house = House::silent().await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    delivered(&house, said("START", &id)).await;
    let repeat = delivered(&house, said("START", &id)).await;
    let before = got(&house, &repeat).await;
    assert_eq!(before.state(), State::Duplicate);
    assert_eq!(replayed(&house, &repeat).await, before);
    assert_eq!(house.fates(), [(State::Applied, 1), (State::Duplicate, 0)], "it is counted once");
    house.clock.advance(std::time::Duration::from_secs(5));
    house.person(&id, "abort", json!({ "reason": REASON })).await;
    let mut aborted = said("ABORTED", &id);
    aborted["identificationprocess"]["reason"] = json!(REASON);
    delivered(&house, aborted).await;

    // The rule alone would take it for another try. The vendor knows better.
    replayed(&house, &repeat).await;
    house.until("the answer", async || (house.states()[1] == State::Stale).then_some(())).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED, ENDED]);
    assert_eq!(house.asked("gets").await, 1);
}

#[tokio::test]
async fn a_replay_that_hangs_on_the_vendor_says_so_and_goes_on() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    house.fault(json!({ "kind": "status", "status": 503 })).await;
    let name = delivered(&house, said("SUCCESS", &id)).await;
    assert_eq!(got(&house, &name).await.state(), State::Confirming);
    let answer = try_replayed(&house, &name).await.unwrap();
    assert_eq!(answer.webhook_delivery.unwrap().state(), State::Confirming);

    house.well().await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    let mut reader = Reader::from(&house.channel, Start::AfterCursor(answer.cursor)).await;
    let decided = reader.until(|event| event.r#type() == COMPLETED).await.pop().unwrap();
    assert_eq!((decided.origin(), decided.evidence()), (EventOrigin::Replay, Evidence::Fetched));
    assert_eq!(got(&house, &name).await.event_ids, [decided.event_id]);
}

#[tokio::test]
async fn a_replay_outlives_its_gateway() {
    let house = House::silent().await;
    let name = delivered(&house, said("START", ID)).await;
    made_unreadable(&house, &name).await;
    created_as(&house, ID).await;
    // Cut off right after the replay was written: what is due later stands in for what was not begun.
    let delivery: DeliveryName = name.parse().unwrap();
    let later = idv_gateway::journal::Job {
        id: format!("replay/{name}/1"),
        kind: "apply".to_owned(),
        subject: name.clone(),
        due_at: house.now() + std::time::Duration::from_secs(60),
        attempts: 0,
        give_up_at: None,
    };
    let batch = Batch {
        deliveries: vec![DeliveryChange::Replay(delivery)],
        schedule: vec![later],
        ..Batch::default()
    };
    house.journal().append(batch).await.unwrap();
    let house = house.restarted().await;
    assert_eq!(got(&house, &name).await.state(), State::Received);

    // Whoever asks again does not wait for it.
    assert_eq!(replayed(&house, &name).await.state(), State::Applied);
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);
}
