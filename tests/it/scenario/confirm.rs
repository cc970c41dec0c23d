//! A decision is believed only when the vendor says so to our own question.

use std::time::Duration;

use idv_gateway::proto::{EventType, Evidence, IdentificationState, Outcome, WebhookDeliveryState as State};
use serde_json::json;

use super::house::House;
use super::words::{said, said_at, shown, types};

const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;
const SUBMITTED: EventType = EventType::IdentificationSubmitted;
const COMPLETED: EventType = EventType::IdentificationCompleted;
const UPDATED: EventType = EventType::IdentificationUpdated;

/// In review at the vendor, and known to be so.
async fn in_review(house: &House) -> String {
    let id = house.created().await;
    for (does, body) in [("start", json!({})), ("submit", json!({ "result": "CHECK_PENDING" }))] {
        house.person(&id, does, body).await;
    }
    for (count, word) in (1..).zip(["START", "CHECK_PENDING"]) {
        assert_eq!(house.webhook(said(word, &id).to_string()).await.status, 204);
        house.applied(count).await;
    }
    id
}

async fn completed(house: &House, result: &str) -> String {
    let id = in_review(house).await;
    house.person(&id, "review", json!({ "result": result })).await;
    assert_eq!(house.webhook(said(result, &id).to_string()).await.status, 204);
    house.until("the decision", async || house.get(&id).await.decision).await;
    id
}

async fn gets_beyond(house: &House, before: u64) {
    house
        .in_time("a question to the vendor", async || (house.asked("gets").await > before).then_some(()))
        .await;
}

#[tokio::test]
async fn a_decision_the_vendor_does_not_confirm_waits_until_it_does() {
    let house = House::silent().await;
    let id = in_review(&house).await;
    assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
    gets_beyond(&house, 1).await;
    assert_eq!(house.states()[2], State::Confirming);
    assert_eq!(house.get(&id).await.state(), IdentificationState::InReview);

    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    let events = house.events().await;
    assert_eq!(types(&events), [CREATED, STARTED, SUBMITTED, COMPLETED]);
    assert_eq!(events[3].evidence(), Evidence::Fetched);
    let decision = shown(&events[3]).decision.clone().unwrap();
    assert_eq!((decision.outcome(), decision.evidence()), (Outcome::Verified, Evidence::Fetched));
    assert_eq!(house.states(), [State::Applied; 3]);
}

#[tokio::test]
async fn a_connection_may_publish_on_the_shared_secret_alone() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.min_evidence = "shared_secret";
    })
    .await;
    let id = in_review(&house).await;
    assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
    let decision = house.until("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(decision.evidence(), Evidence::SharedSecret);
    assert_eq!(house.asked("gets").await, 0, "nobody asked the vendor");
    // What contradicts a decision is asked about all the same, and then the vendor's word counts.
    assert_eq!(house.webhook(said("ABORTED", &id).to_string()).await.status, 204);
    gets_beyond(&house, 0).await;
    house
        .until("the vendor's word", async || {
            (house.get(&id).await.state() == IdentificationState::InReview).then_some(())
        })
        .await;
    assert_eq!(house.events().await.last().unwrap().r#type(), EventType::IdentificationReopened);
}

#[tokio::test]
async fn a_decision_nobody_confirms_is_stale_after_five_minutes() {
    let house = House::silent().await;
    let id = in_review(&house).await;
    assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
    house.in_time("the end of waiting", async || (house.states()[2] == State::Stale).then_some(())).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED, SUBMITTED]);
    assert_eq!(house.get(&id).await.state(), IdentificationState::InReview);
}

#[tokio::test]
async fn the_vendors_answer_counts_not_the_webhook() {
    let house = House::silent().await;
    let id = in_review(&house).await;
    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(house.webhook(said("FRAUD_SUSPICION_CONFIRMED", &id).to_string()).await.status, 204);
    let decision = house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(decision.outcome(), Outcome::Verified);
    let fraud = |event: &idv_gateway::proto::Event| {
        shown(event).decision.as_ref().is_some_and(|decision| decision.outcome() == Outcome::FraudConfirmed)
    };
    assert!(!house.events().await.iter().any(fraud));

    // And against a decision that stands.
    let body = said_at("FRAUD_SUSPICION_CONFIRMED", &id, "2026-11-20T14:00:00+01:00").to_string();
    assert_eq!(house.webhook(body).await.status, 204);
    house.in_time("the end of waiting", async || (house.states()[3] == State::Stale).then_some(())).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED, SUBMITTED, COMPLETED]);
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_asked_until_it_does() {
    let house = House::silent().await;
    let id = in_review(&house).await;
    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    house.fault(json!({ "kind": "status", "status": 503 })).await;
    assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
    let unreachable = EventType::ConnectionHealthChanged;
    house
        .in_time("the vendor's outage", async || {
            house.events().await.last().filter(|last| last.r#type() == unreachable).cloned()
        })
        .await;
    // Longer than an answer that ranks too low would be waited for.
    house.clock.advance(Duration::from_secs(600));
    assert_eq!(house.states()[2], State::Confirming);
    house.well().await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(house.states()[2], State::Applied);
}

#[tokio::test]
async fn what_comes_late_changes_nothing() {
    let house = House::silent().await;
    let id = completed(&house, "SUCCESS").await;
    let before = house.events().await.len();
    let late = ["2026-11-20T12:00:00+01:00", "2026-11-20T14:00:00+01:00"];
    for (index, time) in (3..).zip(late) {
        // Older by the vendor's own time, and newer by a wrong one.
        let body = said_at("REVIEW_PENDING", &id, time).to_string();
        assert_eq!(house.webhook(body).await.status, 204);
        house
            .in_time("its end", async || (house.states().get(index) == Some(&State::Stale)).then_some(()))
            .await;
    }
    assert_eq!(house.events().await.len(), before);
    assert_eq!(house.get(&id).await.state(), IdentificationState::Completed);
    house.counted("idv_webhook_processed_total", &["outcome=\"stale\""], 2.0).await;
}

#[tokio::test]
async fn the_end_of_one_attempt_after_the_start_of_the_next_is_stale() {
    let house = House::silent().await;
    let id = house.created().await;
    let mut second = said("START", &id);
    second["identificationprocess"]["type"] = json!("WEB");
    for (count, body) in (1..).zip([said("START", &id), second, said("ABORTED", &id)]) {
        assert_eq!(house.webhook(body.to_string()).await.status, 204);
        house.applied(count).await;
    }
    let fates = [State::Applied, State::Applied, State::Stale];
    house.in_time("the end of the late one", async || (house.states() == fates).then_some(())).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED, STARTED]);
    assert_eq!(house.get(&id).await.state(), IdentificationState::InProgress);
}

#[tokio::test]
async fn an_unknown_word_is_kept_and_changes_no_state() {
    let house = House::silent().await;
    let id = house.created().await;
    assert_eq!(house.webhook(said("WAITING_FOR_GODOT", &id).to_string()).await.status, 204);
    house.applied(1).await;
    let seen = house.get(&id).await;
    assert_eq!(
        (seen.state(), seen.vendor_status.as_str()),
        (IdentificationState::AwaitingUser, "WAITING_FOR_GODOT")
    );
    assert_eq!(types(&house.events().await), [CREATED, UPDATED]);
    let field = "field=\"identificationprocess.result\"";
    assert_eq!(house.metric("idv_vendor_drift_total", &[field]).await, 1.0);
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_stops_nobody() {
    let house = House::silent().await;
    let id = house.created().await;
    let unreadable = [
        "",
        "not JSON",
        "[]",
        "{\"identificationprocess\":{\"result\":\"START\"}}",
        "{\"identificationprocess\":{\"result\":7,\"transactionnumber\":\"a\"}}",
        "{\"identifications\":[]}",
    ];
    for body in unreadable {
        assert_eq!(house.webhook(body).await.status, 204, "{body}");
    }
    assert_eq!(house.webhook(vec![0xff, 0xfe, 0x00]).await.status, 204);
    assert_eq!(house.webhook(said("START", &id).to_string()).await.status, 204);
    house.applied(8).await;
    let states = house.states();
    assert_eq!(states[..7], [State::Unreadable; 7]);
    assert_eq!(states[7], State::Applied);
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);
    house.counted("idv_webhook_processed_total", &["outcome=\"unreadable\""], 7.0).await;
}

#[tokio::test]
async fn a_wrapped_body_speaks_of_several() {
    let house = House::silent().await;
    let (one, other) = (house.created().await, house.created().await);
    let body = json!({ "identifications": [said("START", &one), said("CHECK_PENDING", &other)] });
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.applied(1).await;
    assert_eq!(house.states(), [State::Applied]);
    assert_eq!(types(&house.events().await), [CREATED, CREATED, STARTED, SUBMITTED]);
}

#[tokio::test]
async fn what_needs_no_question_is_told_with_what_does() {
    let house = House::silent().await;
    let (one, other) = (house.created().await, house.created().await);
    house.reviewed(&other, "SUCCESS").await;
    let body = json!({ "identifications": [said("START", &one), said("SUCCESS", &other)] });
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.in_time("the decision", async || house.get(&other).await.decision).await;
    assert_eq!(house.states(), [State::Applied]);
    assert_eq!(types(&house.events().await), [CREATED, CREATED, STARTED, COMPLETED]);
    assert_eq!(house.get(&one).await.state(), IdentificationState::InProgress);
}

#[tokio::test]
async fn the_sandboxs_wrapped_bodies_tell_the_whole_story() {
    let house = House::new().await;
    assert_eq!(house.control("webhooks/shape", &json!({ "wrapped": true })).await.status, 200);
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS_DATA_CHANGED").await;
    let decision = house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(decision.outcome(), Outcome::VerifiedDataChanged);
}
