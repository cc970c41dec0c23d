//! The same webhook again, and different ones that look alike.

use aws_lc_rs::digest::{SHA256, digest};
use idv_gateway::journal::{Delivery, DeliveryQuery, Journal as _};
use idv_gateway::proto::{EventType, Evidence, WebhookDeliveryState as State};
use serde_json::json;

use super::house::House;
use super::reader::{Reader, earliest};
use super::words::{CUSTOMER, said, shown, types};

const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;
const ENDED: EventType = EventType::IdentificationAttemptEnded;
const SUBMITTED: EventType = EventType::IdentificationSubmitted;
const COMPLETED: EventType = EventType::IdentificationCompleted;
const REVISED: EventType = EventType::IdentificationDecisionRevised;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_times_in_parallel_is_one_event() {
    let house = House::silent().await;
    let id = house.created().await;
    post_five(&house, &said("START", &id).to_string()).await;

    let mut fates = house.applied(5).await;
    fates.sort();
    assert_eq!(fates, [vec![(State::Applied, 4)], vec![(State::Duplicate, 0); 4]].concat());
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);
    let first = alike(&house, &said("START", &id).to_string()).await;
    assert_eq!((first.state, first.duplicate_count, first.event_ids.len()), (State::Applied, 4, 1));
    house.counted("idv_webhook_processed_total", &["outcome=\"duplicate\""], 4.0).await;
    assert_eq!(house.metric("idv_webhook_accepted_total", &[]).await, 5.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_times_the_same_decision_is_asked_about_and_told_once() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    post_five(&house, &said("SUCCESS", &id).to_string()).await;

    let mut reader = Reader::from(&house.channel, earliest()).await;
    let events = reader.until(|event| event.r#type() == COMPLETED).await;
    assert_eq!(types(&events), [CREATED, COMPLETED]);
    assert_eq!(events[1].evidence(), Evidence::Fetched);
    let fates = house
        .until("the duplicates", async || {
            let mut fates = house.fates();
            fates.sort();
            (fates == [vec![(State::Applied, 4)], vec![(State::Duplicate, 0); 4]].concat()).then_some(fates)
        })
        .await;
    assert_eq!(fates.len(), 5);
    assert_eq!(house.events().await.len(), 2);
    assert_eq!(house.asked("gets").await, 1, "one delivery asks for all five");
}

#[tokio::test]
async fn two_changes_in_the_same_second_are_two_events() {
    let house = House::new().await;
    let id = house.created().await;
    let mut reader = Reader::from(&house.channel, earliest()).await;
    for (does, body) in [
        ("start", json!({})),
        ("submit", json!({ "result": "CHECK_PENDING" })),
        ("review", json!({ "result": "SUCCESS" })),
        ("review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })),
    ] {
        // Time stands still: the vendor stamps every move with the same second.
        let before = house.events().await.len();
        house.person(&id, does, body).await;
        house.until(does, async || (house.events().await.len() > before).then_some(())).await;
    }
    let events = reader.take(5).await;
    assert_eq!(types(&events), [CREATED, STARTED, SUBMITTED, COMPLETED, REVISED]);
    assert_eq!(events[2].occur_time, events[4].occur_time);
    assert_eq!(events.iter().map(|event| event.revision).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(shown(&events[4]).decision.as_ref().unwrap().revision, 2);
}

#[tokio::test]
async fn of_a_body_about_several_only_what_stands_still_is_a_repeat() {
    let house = House::silent().await;
    let (one, other) = (house.created().await, house.created().await);
    let both = json!({ "identifications": [said("START", &one), said("START", &other)] }).to_string();
    for (count, body) in (1..).zip([&both, &both, &said("ABORTED", &one).to_string(), &both]) {
        assert_eq!(house.webhook(body.clone()).await.status, 204);
        house.applied(count).await;
    }
    assert_eq!(house.states(), [State::Applied, State::Duplicate, State::Applied, State::Applied]);
    // Another try of the one, and none of the other.
    assert_eq!(types(&house.events().await), [CREATED, CREATED, STARTED, STARTED, ENDED, STARTED]);
    assert_eq!(house.get(&one).await.last_attempt.unwrap().number, 2);
}

#[tokio::test]
async fn a_burst_of_changes_is_applied_in_the_order_it_came() {
    let house = House::silent().await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(house.created().await);
    }
    for result in ["START", "CHECK_PENDING", "REVIEW_PENDING"] {
        for id in &ids {
            assert_eq!(house.webhook(said(result, id).to_string()).await.status, 204);
        }
    }
    house.applied(24).await;
    let events = house.events().await;
    for id in &ids {
        let own: Vec<_> = events.iter().filter(|event| event.identification.ends_with(id)).cloned().collect();
        assert_eq!(types(&own), [CREATED, STARTED, SUBMITTED, EventType::IdentificationUpdated]);
    }
}

#[tokio::test]
async fn the_same_bytes_are_news_once_the_identification_has_moved_on() {
    let house = House::silent().await;
    let id = house.created().await;
    for (index, does) in ["start", "abort", "start", "abort"].into_iter().enumerate() {
        house.person(&id, does, json!({})).await;
        let result = if does == "start" { "START" } else { "ABORTED" };
        assert_eq!(house.webhook(said(result, &id).to_string()).await.status, 204);
        let applied = async || (house.states().get(index) == Some(&State::Applied)).then_some(());
        house.until("the news", applied).await;
    }
    assert_eq!(types(&house.events().await), [CREATED, STARTED, ENDED, STARTED, ENDED]);
    assert_eq!(house.fates(), [(State::Applied, 0); 4]);
    assert_eq!(house.get(&id).await.attempt_count, 2);
}

/// IDnow gives an ABORTED no time: the ends of two tries can be the same, byte by byte.
#[tokio::test]
async fn two_aborts_that_are_alike_are_two_when_a_start_came_between() {
    let house = House::new().await;
    let id = house.created().await;
    for does in ["start", "abort", "start", "abort"] {
        let before = house.events().await.len();
        house.person(&id, does, json!({})).await;
        house.until(does, async || (house.events().await.len() > before).then_some(())).await;
    }
    assert_eq!(types(&house.events().await), [CREATED, STARTED, ENDED, STARTED, ENDED]);
    assert_eq!(house.applied(4).await, [(State::Applied, 0); 4]);
    let query = DeliveryQuery { limit: 4, ..DeliveryQuery::default() };
    let newest_first = house.journal().deliveries(&query).await.unwrap().deliveries;
    assert_eq!(newest_first[0].body_sha256, newest_first[2].body_sha256, "the vendor sends the same bytes");
}

#[tokio::test]
async fn alike_aborts_are_told_apart_when_the_first_start_was_lost() {
    let house = House::silent().await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    for (index, (does, result)) in
        [("abort", "ABORTED"), ("start", "START"), ("abort", "ABORTED")].into_iter().enumerate()
    {
        house.person(&id, does, json!({})).await;
        assert_eq!(house.webhook(said(result, &id).to_string()).await.status, 204);
        let applied = async || (house.states().get(index) == Some(&State::Applied)).then_some(());
        house.until(result, applied).await;
    }
    assert_eq!(types(&house.events().await), [CREATED, ENDED, STARTED, ENDED]);
    assert_eq!(house.fates(), [(State::Applied, 0); 3]);
}

#[tokio::test]
async fn alike_aborts_are_told_apart_however_fast_they_come() {
    let house = House::silent().await;
    let id = house.created().await;
    for does in ["start", "abort", "start", "abort"] {
        house.person(&id, does, json!({})).await;
    }
    for result in ["START", "ABORTED", "START", "ABORTED"] {
        assert_eq!(house.webhook(said(result, &id).to_string()).await.status, 204);
    }
    let all_applied = async || (house.fates() == [(State::Applied, 0); 4]).then_some(());
    house.until("their effects", all_applied).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED, ENDED, STARTED, ENDED]);
}

/// Without a start between them nobody can tell a second abort from a repeat of the first: the vendor says the same.
#[tokio::test]
async fn two_aborts_without_a_start_between_are_one() {
    let house = House::silent().await;
    let id = house.created().await;
    for count in [1, 2] {
        assert_eq!(house.webhook(said("ABORTED", &id).to_string()).await.status, 204);
        house.applied(count).await;
    }
    assert_eq!(types(&house.events().await), [CREATED, ENDED]);
    assert_eq!(house.fates(), [(State::Applied, 1), (State::Duplicate, 0)]);
}

async fn post_five(house: &House, body: &str) {
    let posts = (0..5).map(|_| house.webhook(body.to_owned()));
    for reply in futures::future::join_all(posts).await {
        assert_eq!(reply.status, 204);
    }
}

/// The one delivery with this body that is not a duplicate.
async fn alike(house: &House, body: &str) -> Delivery {
    let connection = CUSTOMER.parse().unwrap();
    let sha256 = digest(&SHA256, body.as_bytes()).as_ref().try_into().unwrap();
    let alike = house.journal().deliveries_like(&connection, sha256).await.unwrap();
    <[Delivery; 1]>::try_from(alike).unwrap()[0].clone()
}
