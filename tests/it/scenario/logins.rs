//! Hundreds of calls at once, and what they cost the vendor in logins.

use idv_gateway::proto::RefreshIdentificationRequest;
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, refused};

const CALLS: u64 = 500;

/// The ids of as many identifications as there will be calls.
async fn crowd(house: &House) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..CALLS / 50 {
        ids.extend(futures::future::join_all((0..50).map(|_| house.created())).await);
    }
    ids
}

async fn refresh_all(house: &House, ids: &[String]) -> Vec<Result<(), Status>> {
    let calls = ids.iter().map(|id| async move {
        let name = format!("{BANK}/identifications/{id}");
        let request = RefreshIdentificationRequest { name };
        house.identifications().refresh_identification(request).await.map(drop)
    });
    futures::future::join_all(calls).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_calls_with_a_revoked_or_expired_token_log_in_once() {
    let house = House::silent().await;
    let ids = crowd(&house).await;
    assert_eq!((house.asked("logins").await, house.asked("gets").await), (1, 0));
    house.control("tokens/revoke", &json!({})).await;
    assert!(refresh_all(&house, &ids).await.iter().all(Result::is_ok));
    assert_eq!(house.asked("logins").await, 2);
    let gets = house.asked("gets").await;
    assert!((CALLS + 1..=2 * CALLS).contains(&gets), "at most one repeat a call: {gets}");

    house.clock.advance(std::time::Duration::from_secs(3600));
    assert!(refresh_all(&house, &ids).await.iter().all(Result::is_ok));
    assert_eq!((house.asked("logins").await, house.asked("gets").await), (3, gets + CALLS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_fails_is_not_tried_once_for_every_call() {
    for (fault, code, reason) in [
        (
            json!({ "kind": "status", "status": 500, "operation": "login" }),
            Code::Unavailable,
            "VENDOR_UNAVAILABLE",
        ),
        (
            json!({ "kind": "unauthorized", "operation": "login" }),
            Code::FailedPrecondition,
            "VENDOR_CREDENTIALS_REJECTED",
        ),
        (
            json!({ "kind": "rate_limit", "operation": "login", "retry_after": 7 }),
            Code::ResourceExhausted,
            "VENDOR_RATE_LIMITED",
        ),
    ] {
        let house = House::silent().await;
        let ids = crowd(&house).await;
        house.control("tokens/revoke", &json!({})).await;
        house.fault(fault.clone()).await;
        for answer in refresh_all(&house, &ids).await {
            let details = refused(&answer.unwrap_err(), code, reason);
            if reason == "VENDOR_RATE_LIMITED" {
                let delay = details.retry_info().and_then(|info| info.retry_delay);
                assert_eq!(delay.map(|delay| delay.as_secs()), Some(7));
            }
        }
        assert_eq!(house.fired().await, 1, "{fault}");
        assert!(house.asked("gets").await <= CALLS, "{fault}");
        house.well().await;
        house.clock.advance(std::time::Duration::from_secs(10));
        assert!(refresh_all(&house, &ids[..3]).await.iter().all(Result::is_ok), "{fault}");
        assert_eq!(house.asked("logins").await, 3, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_refuses_every_token_is_asked_for_one_more_and_left_alone() {
    let house = House::silent().await;
    let ids = crowd(&house).await;
    house.fault(json!({ "kind": "unauthorized", "operation": "get" })).await;
    for _round in 0..2 {
        for answer in refresh_all(&house, &ids).await {
            refused(&answer.unwrap_err(), Code::FailedPrecondition, "VENDOR_CREDENTIALS_REJECTED");
        }
    }
    assert_eq!(house.asked("logins").await, 2, "the first, and one in its place");
    assert!(house.asked("gets").await <= 3 * CALLS, "at most one repeat a call");
    house.well().await;
    assert!(refresh_all(&house, &ids).await.iter().all(Result::is_ok));
    assert_eq!(house.asked("logins").await, 2);
}

#[tokio::test]
async fn one_refused_token_is_nothing_a_caller_hears_of() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "unauthorized", "operation": "start", "times": 1 })).await;
    house.created().await;
    assert_eq!((house.asked("logins").await, house.asked("starts").await), (2, 2));
}
