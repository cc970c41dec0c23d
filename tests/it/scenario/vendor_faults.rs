//! The vendor is away, loses answers or talks nonsense while the gateway works for a caller.

use std::time::Duration;

use idv_gateway::proto::{CreateIdentificationRequest, EventType, IdentificationState};
use tonic::Code;

use super::house::House;
use super::vendor_door::Mood;
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
    house.vendor.is(Mood::LosesAnswers);
    let status = house.try_create(named()).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    assert!(details.retry_info().and_then(|retry| retry.retry_delay).is_some());
    let open = house.get(ID).await;
    assert_eq!((open.state(), open.in_doubt), (IdentificationState::Creating, true));
    assert_eq!(types(&house.events().await), [HEALTH]);
    assert_eq!(house.asked("created").await, 1, "the vendor has it all the same");

    house.vendor.is(Mood::Fine);
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
    house.vendor.is(Mood::Down);
    let status = house.try_create(named()).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    assert!(details.retry_info().is_some());
    assert!(house.get(ID).await.in_doubt);
    house.vendor.is(Mood::Fine);
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
    house.vendor.is(Mood::Page);
    let status = house.try_create(named()).await.unwrap_err();
    refused(&status, Code::Internal, "VENDOR_RESPONSE_INVALID");
    assert!(!format!("{status:?}").contains("back soon"));
    assert!(house.get(ID).await.in_doubt);
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing_undone() {
    let mut house = House::silent().await;
    house.vendor.is(Mood::HoldsAnswers);
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.create_identification(named()).await });
    let answer = house.vendor.held().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    drop(answer);
    house
        .until("the outcome", async || {
            (house.get(ID).await.state() == IdentificationState::AwaitingUser).then_some(())
        })
        .await;
    house.vendor.is(Mood::Fine);
    assert!(house.try_create(named()).await.unwrap().replayed);
    assert_eq!(house.asked("starts").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_with_a_dead_token_log_in_once() {
    let house = House::silent().await;
    house.created().await;
    assert_eq!(house.asked("logins").await, 1);
    // Revoked, which nobody can know before the first refusal.
    house.control("tokens/revoke", &serde_json::json!({})).await;
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
