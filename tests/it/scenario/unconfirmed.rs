//! The vendor's answer about a webhook is late, missing or no answer at all.

use std::time::Duration;

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    ConnectionHealthState as Health, EventType, Evidence, GetConnectionRequest, IdentificationState,
    WebhookDeliveryState as State,
};
use serde_json::{Value, json};

use super::house::House;
use super::words::{BANK, said};

/// In review, and known to be so.
async fn in_review(house: &House) -> String {
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    house.person(&id, "submit", json!({ "result": "CHECK_PENDING" })).await;
    let seen = async || (house.get(&id).await.state() == IdentificationState::InReview).then_some(());
    house.in_time("the review", seen).await;
    id
}

async fn health(house: &House) -> Health {
    let request = GetConnectionRequest { name: BANK.to_owned() };
    let answer = ConnectionServiceClient::new(house.channel.clone()).get_connection(request).await.unwrap();
    answer.into_inner().connection.unwrap().health.unwrap_or_default().state()
}

/// How the health of the connection went, as its events tell.
async fn course(house: &House) -> Vec<Health> {
    let health = |payload: Option<Payload>| match payload {
        Some(Payload::ConnectionHealthChanged(changed)) => Some(changed.health.unwrap().state()),
        _ => None,
    };
    house.events().await.into_iter().filter_map(|event| health(event.payload)).collect()
}

#[tokio::test]
async fn whatever_keeps_the_vendor_from_answering_the_decision_waits_and_comes() {
    for (fault, expected) in [
        (json!({ "kind": "status", "status": 500 }), Health::Unreachable),
        (json!({ "kind": "half_body" }), Health::Unreachable),
        (json!({ "kind": "unauthorized" }), Health::CredentialsRejected),
        (json!({ "kind": "rate_limit" }), Health::Degraded),
        (json!({ "kind": "page" }), Health::Degraded),
        (json!({ "kind": "empty" }), Health::Degraded),
        (json!({ "kind": "redirect" }), Health::Degraded),
        (json!({ "kind": "body", "text": "{\"identificationprocess\":[]}" }), Health::Degraded),
        (json!({ "kind": "body", "text": said("SUCCESS", "somebody-else").to_string() }), Health::Degraded),
    ] {
        undecided(fault, expected).await;
    }
}

async fn undecided(mut fault: Value, expected: Health) {
    let house = House::new().await;
    let id = in_review(&house).await;
    fault["operation"] = json!("get");
    house.fault(fault.clone()).await;
    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    let asked = async || (house.fired().await >= 3).then_some(());
    house.in_time("three questions", asked).await;
    assert_eq!((house.states()[2], health(&house).await), (State::Confirming, expected), "{fault}");
    assert_eq!(course(&house).await, [expected], "{fault}");
    // Longer than an answer that ranks too low would be waited for.
    house.clock.advance(Duration::from_secs(3600));
    let more = house.fired().await;
    house.in_time("one more question", async || (house.fired().await > more).then_some(())).await;
    assert_eq!(house.states()[2], State::Confirming, "{fault}");
    assert!(house.get(&id).await.decision.is_none(), "{fault}");

    house.well().await;
    let decision = house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(decision.evidence(), Evidence::Fetched, "{fault}");
    assert_eq!((house.states()[2], health(&house).await), (State::Applied, Health::Healthy), "{fault}");
    assert_eq!(course(&house).await, [expected, Health::Healthy], "{fault}");
    let completed = EventType::IdentificationCompleted;
    let count = house.events().await.iter().filter(|event| event.r#type() == completed).count();
    assert_eq!(count, 1, "{fault}");
}

#[tokio::test]
async fn a_silent_vendor_is_waited_for() {
    let house = House::new().await;
    let id = in_review(&house).await;
    house.fault(json!({ "kind": "hang", "operation": "get" })).await;
    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    house.in_time("the question", async || (house.fired().await == 1).then_some(())).await;
    // Its lease runs out meanwhile, and nobody asks a second time beside it.
    house.clock.advance(Duration::from_secs(60));
    assert_eq!((house.states()[2], house.fired().await), (State::Confirming, 1));
    house.well().await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(house.asked("gets").await, 1);
}

#[tokio::test]
async fn the_vendor_is_left_alone_as_long_as_it_asks_for() {
    for as_date in [false, true] {
        let house = House::new().await;
        let id = in_review(&house).await;
        let fault = json!({
            "kind": "rate_limit", "operation": "get", "retry_after": 600, "as_date": as_date, "times": 1,
        });
        house.fault(fault).await;
        house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
        let told = async || course(&house).await.contains(&Health::Degraded).then_some(());
        house.in_time("the rate limit", told).await;
        for _ in 0..50 {
            house.clock.advance(Duration::from_secs(10));
            assert_eq!(house.operator("/livez").await.status, 200);
        }
        assert_eq!(house.asked("gets").await, 1, "too early");
        house.in_time("the decision", async || house.get(&id).await.decision).await;
        assert_eq!(house.asked("gets").await, 2);
    }
}

#[tokio::test]
async fn a_vendor_that_comes_back_behind_its_webhooks_still_has_five_minutes() {
    let house = House::silent().await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    house.person(&id, "submit", json!({ "result": "CHECK_PENDING" })).await;
    for (count, word) in (1..).zip(["START", "CHECK_PENDING"]) {
        assert_eq!(house.webhook(said(word, &id).to_string()).await.status, 204);
        house.applied(count).await;
    }
    house.fault(json!({ "kind": "status", "status": 503, "operation": "get" })).await;
    // It has decided, and its API does not show it yet.
    assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
    house.in_time("the outage", async || (house.fired().await > 0).then_some(())).await;
    house.clock.advance(Duration::from_secs(900));
    let before = house.fired().await;
    house.in_time("one more question", async || (house.fired().await > before).then_some(())).await;
    house.well().await;
    let answered = async || (health(&house).await == Health::Healthy).then_some(());
    house.in_time("an answer that lags", answered).await;
    assert_eq!(house.states()[2], State::Confirming);
    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(house.states()[2], State::Applied);
}
