//! A vendor that fails, seen by callers and operators of a gateway with its own settings for patience.

use std::time::Duration;

use idv_gateway::proto::{
    ConnectionHealthState as Health, EventType, GetConnectionRequest, IdentificationState,
    RefreshIdentificationRequest, connection_service_client::ConnectionServiceClient, event::Payload,
};
use serde_json::json;
use tonic::{Code, Request};

use super::house::House;
use super::words::{BANK, CUSTOMER, create, refused, types};

/// What operators see of an operation's breaker on the first connection; `None`: nothing.
async fn breaker(house: &House, operation: &str) -> Option<f64> {
    let text = String::from_utf8(house.operator("/metrics").await.body.to_vec()).unwrap();
    let labels = [format!("operation=\"{operation}\""), format!("connection=\"{CUSTOMER}\"")];
    let line = text.lines().find(|line| {
        line.starts_with("idv_vendor_breaker_state{") && labels.iter().all(|label| line.contains(label))
    });
    line.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// A house whose sandbox sends no webhooks and whose connections have these limits.
async fn house(limits: &'static str) -> House {
    House::with(|plan| (plan.webhooks, plan.limits) = (false, limits)).await
}

#[tokio::test]
async fn a_fault_that_passes_is_not_seen_by_the_caller() {
    let house = house("").await;
    house.fault(json!({ "kind": "status", "status": 503, "operation": "login", "times": 2 })).await;
    house.fault(json!({ "kind": "half_body", "operation": "start", "times": 1 })).await;
    house.fault(json!({ "kind": "rate_limit", "retry_after": 3, "operation": "start", "times": 1 })).await;
    let mut client = house.identifications();
    let mut request = Request::new(create(BANK));
    // Time runs here while the answer is on its way.
    request.set_timeout(Duration::from_mins(10));
    let call = tokio::spawn(async move { client.create_identification(request).await });
    house.in_time("the answer", async || call.is_finished().then_some(())).await;
    let made = call.await.unwrap().unwrap().into_inner().identification.unwrap();
    assert_eq!(made.state(), IdentificationState::AwaitingUser);
    assert_eq!((house.asked("logins").await, house.asked("starts").await), (3, 3));
    assert_eq!(house.asked("created").await, 1);
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated]);
}

#[tokio::test]
async fn a_vendor_that_is_left_alone_shows_everywhere() {
    let house = house("max_attempts = 1, breaker_failures = 2, breaker_pause_seconds = 40").await;
    house.created().await;
    assert_eq!(breaker(&house, "idnow.start").await, Some(0.0));
    house.fault(json!({ "kind": "status", "status": 503, "operation": "start" })).await;
    for _ in 0..2 {
        let status = house.try_create(create(BANK)).await.unwrap_err();
        refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    }
    let starts = house.asked("starts").await;
    let status = house.try_create(create(BANK)).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "VENDOR_CIRCUIT_OPEN");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(40)));
    assert_eq!(house.asked("starts").await, starts, "nothing was sent");
    assert_eq!(breaker(&house, "idnow.start").await, Some(2.0));
    // Another operation is not affected.
    assert_eq!(breaker(&house, "idnow.login").await, Some(0.0));

    let request = GetConnectionRequest { name: BANK.to_owned() };
    let connection = ConnectionServiceClient::new(house.channel.clone()).get_connection(request).await;
    let health = connection.unwrap().into_inner().connection.unwrap().health.unwrap();
    assert_eq!((health.state(), health.error_reason.as_str()), (Health::Unreachable, "VENDOR_CIRCUIT_OPEN"));
    let told = house.events().await.into_iter().find_map(|event| match event.payload {
        Some(Payload::ConnectionHealthChanged(changed)) => changed.health,
        _ => None,
    });
    assert_eq!(told.unwrap().state(), Health::Unreachable);

    // The three are settled when the vendor is well and its pause is over.
    house.well().await;
    house
        .in_time("the end of the pause", async || {
            (breaker(&house, "idnow.start").await == Some(0.0)).then_some(())
        })
        .await;
    house.in_time("the creations", async || (house.asked("created").await == 4).then_some(())).await;
}

#[tokio::test]
async fn a_caller_with_little_time_is_answered_within_it() {
    let house = house("").await;
    let id = house.created().await;
    house.fault(json!({ "kind": "rate_limit", "retry_after": 20, "operation": "get" })).await;
    let gets = house.asked("gets").await;
    let mut request =
        Request::new(RefreshIdentificationRequest { name: format!("{BANK}/identifications/{id}") });
    // No pause is waited for that would end behind the caller's deadline: the clock stands still.
    request.set_timeout(Duration::from_secs(19));
    let status = house.identifications().refresh_identification(request).await.unwrap_err();
    let details = refused(&status, Code::ResourceExhausted, "VENDOR_RATE_LIMITED");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(20)));
    assert_eq!(house.asked("gets").await, gets + 1);
}

#[tokio::test]
async fn a_creation_that_found_no_room_is_made_later() {
    let house = house("max_attempts = 1, max_concurrent_requests = 1, max_waiting_calls = 0").await;
    house.created().await;
    house.fault(json!({ "kind": "hang", "operation": "start" })).await;
    let mut client = house.identifications();
    let first = tokio::spawn(async move { client.create_identification(create(BANK)).await });
    house.until("the hanging call", async || (house.fired().await == 1).then_some(())).await;
    let status = house.try_create(create(BANK)).await.unwrap_err();
    refused(&status, Code::Unavailable, "GATEWAY_OVERLOADED");
    assert_eq!(house.fired().await, 1, "nothing was sent");
    house.well().await;
    first.await.unwrap().unwrap();
    house.in_time("the other one", async || (house.asked("created").await == 3).then_some(())).await;
    // That the gateway is busy tells nothing of the vendor.
    assert!(!types(&house.events().await).contains(&EventType::ConnectionHealthChanged));
}
