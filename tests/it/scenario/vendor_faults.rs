//! The vendor is away, loses answers or talks nonsense while the gateway works for a caller.

use std::time::Duration;

use idv_gateway::proto::{CreateIdentificationRequest, EventType, IdentificationState};
use serde_json::json;
use tonic::Code;

use super::house::House;
use super::words::{BANK, create, refused, types};

const ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const CREATED: EventType = EventType::IdentificationCreated;
const HEALTH: EventType = EventType::ConnectionHealthChanged;

fn named() -> CreateIdentificationRequest {
    CreateIdentificationRequest {
        identification_id: ID.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..create(BANK)
    }
}

#[tokio::test]
async fn a_create_nobody_answered_is_settled_by_its_repeat() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start" })).await;
    let status = house.try_create(named()).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    assert!(details.retry_info().and_then(|retry| retry.retry_delay).is_some());
    let open = house.get(ID).await;
    assert_eq!((open.state(), open.in_doubt), (IdentificationState::Creating, true));
    assert_eq!(types(&house.events().await), [HEALTH]);
    assert_eq!(house.asked("created").await, 1, "the vendor has it all the same");

    house.well().await;
    // Not as another request, and not as another person's.
    let mut altered = named();
    altered.subject.as_mut().unwrap().given_name = "Max".to_owned();
    refused(&house.try_create(altered).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    let fresh = CreateIdentificationRequest { request_id: String::new(), ..named() };
    refused(&house.try_create(fresh).await.unwrap_err(), Code::AlreadyExists, "RESOURCE_EXISTS");
    let settled = house.try_create(named()).await.unwrap();
    assert!(settled.replayed);
    let seen = settled.identification.unwrap();
    assert_eq!((seen.state(), seen.in_doubt), (IdentificationState::AwaitingUser, false));
    assert_eq!((house.asked("starts").await, house.asked("created").await), (2, 1));
    assert_eq!(types(&house.events().await), [HEALTH, HEALTH, CREATED]);

    let again = house.try_create(named()).await.unwrap();
    assert_eq!(again.identification.unwrap().start_links, seen.start_links);
    assert_eq!(house.asked("starts").await, 2);
}

#[tokio::test]
async fn a_create_nobody_answered_is_settled_without_a_repeat() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "status", "status": 503 })).await;
    let status = house.try_create(named()).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    assert!(details.retry_info().is_some());
    assert!(house.get(ID).await.in_doubt);
    house.well().await;
    // By then the call itself is surely over.
    house.clock.advance(Duration::from_secs(45));
    house
        .in_time("the settled create", async || {
            (house.get(ID).await.state() == IdentificationState::AwaitingUser).then_some(())
        })
        .await;
    assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
    let repeat = house.try_create(named()).await.unwrap();
    assert!(repeat.replayed);
    assert_eq!(house.asked("starts").await, 1);
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_told_without_its_text() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "page" })).await;
    let status = house.try_create(named()).await.unwrap_err();
    refused(&status, Code::Internal, "VENDOR_RESPONSE_INVALID");
    assert!(!format!("{status:?}").contains("Back soon"));
    assert!(house.get(ID).await.in_doubt);
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing_undone() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "hang", "operation": "start", "effect": "after" })).await;
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.create_identification(named()).await });
    house.until("the create", async || (house.asked("created").await == 1).then_some(())).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    house.well().await;
    house
        .until("the outcome", async || {
            (house.get(ID).await.state() == IdentificationState::AwaitingUser).then_some(())
        })
        .await;
    house.well().await;
    assert!(house.try_create(named()).await.unwrap().replayed);
    assert_eq!(house.asked("starts").await, 1);
}

/// Whatever became of the first try, repeats make one identification at the vendor, and altered ones are refused.
#[tokio::test]
async fn one_request_id_is_one_identification_at_the_vendor() {
    for (fault, created) in [
        (json!({ "kind": "status", "status": 500 }), 0),
        (json!({ "kind": "status", "status": 504, "effect": "after" }), 1),
        (json!({ "kind": "half_body" }), 1),
        (json!({ "kind": "empty", "effect": "after" }), 1),
        (json!({ "kind": "page", "effect": "after" }), 1),
        (json!({ "kind": "redirect", "effect": "after" }), 1),
        (json!({ "kind": "rate_limit" }), 0),
    ] {
        let house = House::silent().await;
        let mut fault = fault.clone();
        fault["operation"] = json!("start");
        house.fault(fault.clone()).await;
        for _ in 0..3 {
            house.try_create(named()).await.unwrap_err();
            assert_eq!(house.asked("created").await, created, "{fault}");
        }
        let mut altered = named();
        altered.external_reference = "order-2".to_owned();
        let status = house.try_create(altered.clone()).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
        house.well().await;
        let first = house.try_create(named()).await.unwrap().identification.unwrap();
        let again = house.try_create(named()).await.unwrap().identification.unwrap();
        assert_eq!(first, again, "{fault}");
        assert_eq!((house.asked("starts").await, house.asked("created").await), (4, 1), "{fault}");
        let status = house.try_create(altered).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
        assert_eq!(house.get(ID).await.revision, 1, "{fault}");
    }
}

#[tokio::test]
async fn a_create_that_timed_out_is_repeated_for_a_caller_who_never_comes_back() {
    for (fault, created) in [
        (json!({ "kind": "hang", "effect": "before" }), 0),
        (json!({ "kind": "hang", "effect": "after" }), 1),
        (json!({ "kind": "status", "status": 500, "effect": "after", "times": 3 }), 1),
        (json!({ "kind": "half_body", "times": 3 }), 1),
        (json!({ "kind": "rate_limit", "retry_after": 120, "times": 2 }), 0),
    ] {
        let house = House::silent().await;
        let mut fault = fault.clone();
        fault["operation"] = json!("start");
        house.fault(fault.clone()).await;
        let mut client = house.identifications();
        let call = tokio::spawn(async move { client.create_identification(named()).await });
        house.until("the call", async || (house.fired().await > 0).then_some(())).await;
        if fault["kind"] == "hang" {
            call.abort();
            house.until("its effect", async || (house.asked("created").await == created).then_some(())).await;
            // While the first call goes on without its caller, a repeat must not come between.
            let status = house.try_create(named()).await.unwrap_err();
            refused(&status, Code::Aborted, "REQUEST_IN_PROGRESS");
            house.well().await;
        } else {
            call.await.unwrap().unwrap_err();
            assert!(house.get(ID).await.in_doubt, "{fault}");
            assert_eq!(house.asked("created").await, created, "{fault}");
            house.clock.advance(Duration::from_secs(45));
        }
        let settled =
            async || (house.get(ID).await.state() == IdentificationState::AwaitingUser).then_some(());
        house.in_time("the settled create", settled).await;
        assert_eq!(house.asked("created").await, 1, "{fault}");
        let starts = house.asked("starts").await;
        assert!(house.try_create(named()).await.unwrap().replayed, "{fault}");
        assert_eq!(house.asked("starts").await, starts, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_with_a_dead_token_log_in_once() {
    let house = House::silent().await;
    house.created().await;
    assert_eq!(house.asked("logins").await, 1);
    // Revoked, which nobody can know before the first refusal.
    house.control("tokens/revoke", &json!({})).await;
    create_many(&house, 100).await;
    assert_eq!((house.asked("logins").await, house.asked("created").await), (2, 101));
    let starts = house.asked("starts").await;
    assert!(starts <= 1 + 100 * 2, "at most one repeat a call: {starts}");

    // Expired, which the token itself tells.
    house.clock.advance(Duration::from_secs(2 * 60 * 60));
    create_many(&house, 50).await;
    assert_eq!((house.asked("logins").await, house.asked("created").await), (3, 151));
    assert_eq!(house.asked("starts").await, starts + 50);
}

async fn create_many(house: &House, count: usize) {
    let calls = (0..count).map(|_| house.try_create(create(BANK)));
    for outcome in futures::future::join_all(calls).await {
        outcome.unwrap();
    }
}
