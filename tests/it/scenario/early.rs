//! Webhooks that come before the gateway knows what they are about.

use std::time::Duration;

use idv_gateway::proto::{EventType, IdentificationState, WebhookDeliveryState as State};
use serde_json::json;

use super::house::House;
use super::words::{BANK, create, said, shown, types};

const ID: &str = "5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11";
const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;
const SUBMITTED: EventType = EventType::IdentificationSubmitted;

#[tokio::test]
async fn a_webhook_before_the_create_returned_is_applied_at_once() {
    let house = House::new().await;
    house.fault(json!({ "kind": "hang", "operation": "start", "effect": "after" })).await;
    let mut request = create(BANK);
    request.identification_id = ID.to_owned();
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.create_identification(request).await });
    house.until("the create", async || (house.asked("created").await == 1).then_some(())).await;

    // The vendor has it, the gateway has not heard so.
    house.person(ID, "start", json!({})).await;
    house.until("the start", async || (house.events().await.len() == 2).then_some(())).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);
    house.well().await;

    let created = call.await.unwrap().unwrap().into_inner().identification.unwrap();
    assert_eq!(created.state(), IdentificationState::InProgress);
    assert_eq!(types(&house.events().await), [CREATED, STARTED], "the late answer is no news");
    assert_eq!(house.states(), [State::Applied]);
    assert_eq!(house.get(ID).await.revision, 2);
}

#[tokio::test]
async fn the_late_answer_of_a_create_still_brings_the_vendors_own_id() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "hang", "operation": "start", "effect": "after" })).await;
    let mut request = create(BANK);
    request.identification_id = ID.to_owned();
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.create_identification(request).await });
    house.until("the create", async || (house.asked("created").await == 1).then_some(())).await;
    assert_eq!(house.webhook(said("START", ID).to_string()).await.status, 204);
    house.until("the start", async || (house.events().await.len() == 2).then_some(())).await;
    house.well().await;

    let created = call.await.unwrap().unwrap().into_inner().identification.unwrap();
    let known = house.see(&format!("identifications/{ID}")).await;
    assert_eq!(created.vendor_reference.unwrap().id, known["id"].as_str().unwrap());
    assert_eq!(types(&house.events().await), [CREATED, STARTED, EventType::IdentificationUpdated]);
}

#[tokio::test]
async fn webhooks_for_an_id_never_seen_are_kept_until_it_is_created() {
    let house = House::silent().await;
    // In the vendor's spelling: transaction numbers are compared without case.
    for body in
        [said("START", &ID.to_ascii_uppercase()), said("CHECK_PENDING", ID), said("REVIEW_PENDING", ID)]
    {
        assert_eq!(house.webhook(body.to_string()).await.status, 204);
    }
    house.applied(3).await;
    assert_eq!(house.states(), [State::Unmatched; 3]);
    house.counted("idv_webhook_processed_total", &["outcome=\"unmatched\""], 3.0).await;
    // Days later they are still there.
    house.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    assert!(house.events().await.is_empty());

    let mut request = create(BANK);
    request.identification_id = ID.to_owned();
    house.try_create(request).await.unwrap();
    house.applied(3).await;
    house.until("their end", async || (house.states() == [State::Applied; 3]).then_some(())).await;
    let events = house.events().await;
    let seen = types(&events);
    let expected = [CREATED, STARTED, SUBMITTED, EventType::IdentificationUpdated];
    assert_eq!(seen.iter().filter(|kind| expected.contains(kind)).count(), seen.len());
    // The vendor's answer to the creation may come in between, and is an update.
    let steps: Vec<_> = seen.into_iter().filter(|kind| *kind != EventType::IdentificationUpdated).collect();
    assert_eq!(steps, expected[..3], "in the order in which they came");
    assert_eq!(shown(events.last().unwrap()).state(), IdentificationState::InReview);
}

#[tokio::test]
async fn a_webhook_of_another_connection_does_not_match() {
    let house = House::silent().await;
    let id = house.created_on(super::words::OTHER_BANK).await;
    assert_eq!(house.webhook(said("START", &id).to_string()).await.status, 204);
    house.applied(1).await;
    assert_eq!(house.states(), [State::Unmatched]);
    assert_eq!(types(&house.events().await), [CREATED]);
}

#[tokio::test]
async fn a_second_start_in_waiting_is_no_repeat_of_the_first() {
    let house = House::silent().await;
    let timeless = |word: &str| {
        let mut body = said(word, ID);
        body["identificationprocess"]["identificationtime"] = json!(null);
        body.to_string()
    };
    for (count, word) in (1..).zip(["START", "ABORTED", "START", "START"]) {
        assert_eq!(house.webhook(timeless(word)).await.status, 204);
        house.applied(count).await;
    }
    // Only the last one has nothing new before it.
    assert_eq!(house.states(), [State::Unmatched, State::Unmatched, State::Unmatched, State::Duplicate]);

    let mut request = create(BANK);
    request.identification_id = ID.to_owned();
    house.try_create(request).await.unwrap();
    house.until("the second start", async || (house.get(ID).await.attempt_count == 2).then_some(())).await;
    // The vendor's own id may come to be known before or after them.
    let seen: Vec<_> = types(&house.events().await)
        .into_iter()
        .filter(|kind| *kind != EventType::IdentificationUpdated)
        .collect();
    assert_eq!(seen, [CREATED, STARTED, EventType::IdentificationAttemptEnded, STARTED]);
    assert_eq!(house.get(ID).await.state(), IdentificationState::InProgress);
}

#[tokio::test]
async fn half_of_a_wrapped_body_waits_and_the_other_half_is_told_once() {
    let house = House::silent().await;
    let known = house.created().await;
    let body = json!({ "identifications": [said("START", &known), said("START", ID)] });
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.applied(1).await;
    assert_eq!(house.states(), [State::Unmatched]);
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);

    let mut request = create(BANK);
    request.identification_id = ID.to_owned();
    house.try_create(request).await.unwrap();
    house.until("the other half", async || (house.states() == [State::Applied]).then_some(())).await;
    assert_eq!(house.get(ID).await.state(), IdentificationState::InProgress);
    assert_eq!(house.get(&known).await.attempt_count, 1, "a start is not told twice");
}
