//! What the worker finds out long after the call: a person who is done already, and one who never came.

use std::time::Duration;

use idv_gateway::proto::{
    CreateIdentificationRequest, EventOrigin, EventType, Evidence, IdentificationState,
};
use serde_json::json;

use super::house::House;
use super::words::{BANK, create, said, types};

const ID: &str = "4f1c0b7e-94f1-4b27-8b0c-11c13f6a0e7d";
const REQUEST_ID: &str = "9a2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn named() -> CreateIdentificationRequest {
    CreateIdentificationRequest {
        identification_id: ID.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..create(BANK)
    }
}

/// What happened to the identification, without the ups and downs of the connection.
async fn its_events(house: &House) -> Vec<EventType> {
    let mut types = types(&house.events().await);
    types.retain(|kind| *kind != EventType::ConnectionHealthChanged);
    types
}

#[tokio::test]
async fn a_create_in_doubt_whose_person_is_done_becomes_the_decision() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start" })).await;
    house.try_create(named()).await.unwrap_err();
    house.reviewed(ID, "SUCCESS").await;
    // From now on the vendor refuses to take the same creation again.
    house.well().await;
    house.clock.advance(Duration::from_secs(45));
    house.in_time("the decision", async || house.get(ID).await.decision).await;
    assert_eq!(
        its_events(&house).await,
        [EventType::IdentificationCreated, EventType::IdentificationCompleted]
    );
    assert_eq!(house.asked("created").await, 1);

    let repeat = house.try_create(named()).await.unwrap();
    assert!(repeat.replayed);
    assert_eq!(repeat.identification.unwrap().state(), IdentificationState::Completed);
}

#[tokio::test]
async fn a_create_that_a_webhook_proved_is_answered_and_not_sent_again() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start" })).await;
    house.try_create(named()).await.unwrap_err();
    assert_eq!(house.webhook(said("START", ID).to_string()).await.status, 204);
    house.until("the start", async || (its_events(&house).await.len() == 2).then_some(())).await;
    house.well().await;
    let sent = house.asked("starts").await;

    let repeat = house.try_create(named()).await.unwrap();
    assert!(repeat.replayed);
    assert_eq!(repeat.identification.unwrap().state(), IdentificationState::InProgress);
    assert_eq!(house.asked("starts").await, sent);
    assert_eq!(
        its_events(&house).await,
        [EventType::IdentificationCreated, EventType::IdentificationStarted]
    );
}

#[tokio::test]
async fn nobody_comes_for_ninety_days_and_the_vendor_says_so_too() {
    let house = House::silent().await;
    let id = house.created().await;
    let due = house.get(&id).await.expire_time.unwrap();
    house.clock.advance(89 * DAY);
    assert_eq!(house.get(&id).await.state(), IdentificationState::AwaitingUser);
    house.clock.advance(DAY);
    house
        .in_time("the end", async || {
            (house.get(&id).await.state() == IdentificationState::Expired).then_some(())
        })
        .await;
    let events = house.events().await;
    let end = events.last().unwrap();
    assert_eq!((end.r#type(), end.evidence()), (EventType::IdentificationExpired, Evidence::Fetched));
    assert_eq!(end.origin(), EventOrigin::Timer);
    assert!(end.record_time.unwrap().seconds >= due.seconds);
    assert!(!house.get(&id).await.startable);
}

#[tokio::test]
async fn who_is_under_review_at_the_end_is_not_expired() {
    // Shorter than what the sandbox keeps.
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.settings = "polling = { enabled = false }\nidentification_lifetime_days = 10";
    })
    .await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    house.person(&id, "submit", json!({ "result": "CHECK_PENDING" })).await;
    house.clock.advance(10 * DAY);
    // The webhooks were lost: the question at the end brings what they would have told.
    house
        .in_time("the review", async || {
            (house.get(&id).await.state() == IdentificationState::InReview).then_some(())
        })
        .await;
    assert_eq!(
        its_events(&house).await,
        [EventType::IdentificationCreated, EventType::IdentificationSubmitted]
    );
}
