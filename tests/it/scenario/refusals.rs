//! What a caller hears when the vendor answers something else than an answer.

use std::time::Duration;

use idv_gateway::proto::{RefreshIdentificationRequest, RefreshIdentificationResponse};
use serde_json::json;
use tonic::{Code, Request, Status};

use super::house::House;
use super::words::{BANK, create, refused};

async fn refresh(
    house: &House,
    id: &str,
    deadline: Option<Duration>,
) -> Result<RefreshIdentificationResponse, Status> {
    let name = format!("{BANK}/identifications/{id}");
    let mut request = Request::new(RefreshIdentificationRequest { name });
    if let Some(deadline) = deadline {
        request.set_timeout(deadline);
    }
    house.identifications().refresh_identification(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_rate_limit_tells_how_long_to_wait() {
    let house = House::silent().await;
    let id = house.created().await;
    for (fault, seconds) in [
        (json!({ "kind": "rate_limit", "retry_after": 30 }), 30),
        (json!({ "kind": "rate_limit", "retry_after": 45, "as_date": true }), 45),
        (json!({ "kind": "rate_limit" }), 1),
        // An hour is the most that a vendor can ask for.
        (json!({ "kind": "rate_limit", "retry_after": 86_400 }), 3600),
    ] {
        house.fault(fault.clone()).await;
        for status in
            [refresh(&house, &id, None).await.unwrap_err(), house.try_create(create(BANK)).await.unwrap_err()]
        {
            let details = refused(&status, Code::ResourceExhausted, "VENDOR_RATE_LIMITED");
            let delay = details.retry_info().and_then(|info| info.retry_delay);
            assert_eq!(delay, Some(Duration::from_secs(seconds)), "{fault}");
        }
        house.well().await;
    }
    assert!(!refresh(&house, &id, None).await.unwrap().changed);
}

#[tokio::test]
async fn what_is_no_answer_has_its_reason() {
    let house = House::silent().await;
    let (id, other) = (house.created().await, house.created().await);
    house.person(&other, "start", json!({})).await;
    house.person(&other, "submit", json!({ "result": "SUCCESS" })).await;
    let foreign = json!({ "identificationprocess": { "result": "SUCCESS", "transactionnumber": other } });
    let invalid = (Code::Internal, "VENDOR_RESPONSE_INVALID");
    let unavailable = (Code::Unavailable, "VENDOR_UNAVAILABLE");
    for (fault, (code, reason)) in [
        (json!({ "kind": "page" }), invalid),
        (json!({ "kind": "empty" }), invalid),
        (json!({ "kind": "redirect" }), invalid),
        (json!({ "kind": "body", "text": "{\"identificationprocess\":" }), invalid),
        (json!({ "kind": "body", "text": "{\"identificationprocess\":7}" }), invalid),
        (json!({ "kind": "body", "text": "[]" }), invalid),
        (json!({ "kind": "body", "text": foreign.to_string() }), invalid),
        (json!({ "kind": "status", "status": 500 }), unavailable),
        (json!({ "kind": "status", "status": 599 }), unavailable),
        (json!({ "kind": "half_body" }), unavailable),
    ] {
        house.person(&id, "start", json!({})).await;
        house.person(&id, "abort", json!({})).await;
        let before = house.get(&id).await;
        house.fault(fault.clone()).await;
        let status = refresh(&house, &id, None).await.unwrap_err();
        let details = refused(&status, code, reason);
        assert_eq!(details.retry_info().is_some(), reason == "VENDOR_UNAVAILABLE", "{fault}");
        let told = format!("{status:?}");
        assert!(!told.contains("Back soon") && !told.contains(&other), "{fault}: {told}");
        assert_eq!(house.get(&id).await, before, "{fault}");
        house.well().await;
    }
    assert!(refresh(&house, &id, None).await.unwrap().changed);
}

#[tokio::test]
async fn a_redirect_is_not_followed_anywhere() {
    let house = House::silent().await;
    let id = house.created().await;
    // Whoever follows it comes to the sandbox itself, and is counted there.
    let location = format!("http://{}/api/v1/beispielbank/login", house.vendor_address());
    house.fault(json!({ "kind": "redirect", "operation": "get", "location": location })).await;
    house.fault(json!({ "kind": "redirect", "operation": "start", "location": location })).await;
    let logins = house.asked("logins").await;
    refused(&refresh(&house, &id, None).await.unwrap_err(), Code::Internal, "VENDOR_RESPONSE_INVALID");
    let status = house.try_create(create(BANK)).await.unwrap_err();
    refused(&status, Code::Internal, "VENDOR_RESPONSE_INVALID");
    assert_eq!((house.fired().await, house.asked("logins").await), (2, logins));
}

#[tokio::test]
async fn the_callers_deadline_is_kept_while_the_vendor_is_silent() {
    let house = House::silent().await;
    let id = house.created().await;
    for operation in ["get", "login"] {
        house.fault(json!({ "kind": "hang", "operation": operation })).await;
        if operation == "login" {
            house.control("tokens/revoke", &json!({})).await;
        }
        let status = refresh(&house, &id, Some(Duration::from_millis(300))).await.unwrap_err();
        // tonic calls it by either name.
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{operation}: {status:?}");
        house.well().await;
        assert!(!refresh(&house, &id, None).await.unwrap().changed, "{operation}");
    }
}

/// The only test that waits as long as the gateway does: its own patience with a silent vendor is ten real seconds.
#[tokio::test]
async fn a_silent_vendor_is_given_up_on() {
    let house = House::silent().await;
    let id = house.created().await;
    house.fault(json!({ "kind": "hang", "operation": "get" })).await;
    let status = refresh(&house, &id, None).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "VENDOR_TIMEOUT");
    assert!(details.retry_info().is_some());
}
