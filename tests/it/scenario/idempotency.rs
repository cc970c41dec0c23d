//! One `request_id`, one effect, one answer: whatever happens between the call and its repeat.

use std::time::Duration;

use futures::future::Either;
use http::uri::PathAndQuery;
use idv_gateway::proto::{
    CreateIdentificationRequest, CreateIdentificationResponse, EventType, IdentificationSpec,
    IdentificationState as State, ReferenceConflictPolicy,
};
use serde_json::json;
use tonic::Code;
use tonic_prost::ProstCodec;

use super::house::{House, id_of};
use super::words::{BANK, CUSTOMER, adopt, create, refused, resource, types};

const ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const CREATED: EventType = EventType::IdentificationCreated;
const COMPLETED: EventType = EventType::IdentificationCompleted;
const HOUR: Duration = Duration::from_secs(60 * 60);

fn once(request: CreateIdentificationRequest) -> CreateIdentificationRequest {
    CreateIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..request }
}

#[tokio::test]
async fn an_adoption_is_repeated_like_a_creation() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, "case-7").await;
    house.reviewed("case-7", "SUCCESS").await;
    let mut request = adopt(BANK, "", "case-7");
    request.request_id = REQUEST_ID.to_owned();
    request.labels = (0..9).map(|number| (format!("label{number}"), "x".to_owned())).collect();
    let first = house.try_adopt(request.clone()).await.unwrap();
    assert!(!first.replayed);
    house.created().await;
    let again = house.try_adopt(request.clone()).await.unwrap();
    assert!(again.replayed);
    assert_eq!((&again.identification, &again.cursor), (&first.identification, &first.cursor));
    assert_eq!(house.asked("gets").await, 1, "the vendor is not asked again");
    assert_eq!(types(&house.events().await), [CREATED, COMPLETED, CREATED]);

    let mut altered = request.clone();
    altered.labels.insert("label0".to_owned(), "y".to_owned());
    refused(&house.try_adopt(altered).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    // Of another method it is another request.
    assert!(!house.try_create(once(create(BANK))).await.unwrap().replayed);
}

/// A creation as another client may encode it: labels in an order of its own, and a field of a newer contract.
#[derive(Clone, PartialEq, prost::Message)]
struct OtherBytes {
    #[prost(message, repeated, tag = "4")]
    labels: Vec<Label>,
    #[prost(string, tag = "1")]
    parent: String,
    #[prost(message, optional, tag = "6")]
    spec: Option<IdentificationSpec>,
    #[prost(string, tag = "8")]
    request_id: String,
    #[prost(string, tag = "1999")]
    newer: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[tokio::test]
async fn only_what_a_request_asks_for_counts_not_its_bytes() {
    let house = House::silent().await;
    let call = async |order: &[&str], newer: &str| {
        let labels = order.iter().map(|key| Label { key: (*key).to_owned(), value: "x".to_owned() });
        let request = OtherBytes {
            parent: BANK.to_owned(),
            spec: create(BANK).spec,
            request_id: REQUEST_ID.to_owned(),
            labels: labels.collect(),
            newer: newer.to_owned(),
        };
        let mut client = tonic::client::Grpc::new(house.channel.clone());
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/idvgateway.v1.IdentificationService/CreateIdentification");
        let codec = ProstCodec::<OtherBytes, CreateIdentificationResponse>::default();
        client.unary(tonic::Request::new(request), path, codec).await.map(tonic::Response::into_inner)
    };
    let first = call(&["a", "b", "c"], "").await.unwrap();
    for (order, newer) in [(["c", "a", "b"], ""), (["b", "c", "a"], "a wish nobody here understands")] {
        let again = call(&order, newer).await.unwrap();
        assert_eq!((again.replayed, &again.identification), (true, &first.identification));
    }
    let status = call(&["a", "b"], "").await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_repeat_while_the_first_call_runs_is_told_to_wait() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "hang", "operation": "start", "effect": "after" })).await;
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.create_identification(once(create(BANK))).await });
    house.until("the vendor's answer", async || (house.asked("created").await == 1).then_some(())).await;
    let status = house.try_create(once(create(BANK))).await.unwrap_err();
    let details = refused(&status, Code::Aborted, "REQUEST_IN_PROGRESS");
    assert!(details.retry_info().and_then(|retry| retry.retry_delay).is_some());
    house.well().await;
    let first = call.await.unwrap().unwrap().into_inner();
    let again = house.try_create(once(create(BANK))).await.unwrap();
    assert_eq!((again.replayed, again.identification), (true, first.identification));
    assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
}

#[tokio::test]
async fn an_answer_outlives_a_restart() {
    let house = House::silent().await;
    let first = house.try_create(once(create(BANK))).await.unwrap();
    let house = house.restarted().await;
    let again = house.try_create(once(create(BANK))).await.unwrap();
    assert!(again.replayed);
    assert_eq!((&again.identification, &again.cursor), (&first.identification, &first.cursor));
    let mut altered = once(create(BANK));
    altered.external_reference = "order-2".to_owned();
    refused(&house.try_create(altered).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
}

#[tokio::test]
async fn a_doubt_outlives_a_restart_and_is_settled_under_the_first_name() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start" })).await;
    let status = house.try_create(once(create(BANK))).await.unwrap_err();
    refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    let number = house.see("identifications").await["identifications"][0]["transactionnumber"].clone();
    let house = house.restarted().await;
    house.well().await;
    let mut altered = once(create(BANK));
    altered.subject.as_mut().unwrap().given_name = "Max".to_owned();
    refused(&house.try_create(altered).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    let settled = house.try_create(once(create(BANK))).await.unwrap();
    assert_eq!(id_of(&settled.identification.as_ref().unwrap().name), number.as_str().unwrap());
    assert_eq!(house.asked("created").await, 1);
    let again = house.try_create(once(create(BANK))).await.unwrap();
    assert_eq!((again.identification, again.cursor), (settled.identification, settled.cursor));
}

#[tokio::test]
async fn a_repeat_and_the_worker_settle_a_doubt_one_after_the_other() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start", "times": 1 })).await;
    let named = CreateIdentificationRequest { identification_id: ID.to_owned(), ..once(create(BANK)) };
    house.try_create(named.clone()).await.unwrap_err();
    house.fault(json!({ "kind": "hang", "operation": "start", "effect": "after" })).await;
    house.clock.advance(Duration::from_secs(45));
    house.until("the worker's try", async || (house.fired().await == 2).then_some(())).await;
    // Of two repeats one waits for the worker; the other is told at once, by which time the first has entered.
    let repeat = || Box::pin(house.try_create(named.clone()));
    let (told, waiting) = match futures::future::select(repeat(), repeat()).await {
        Either::Left((told, waiting)) | Either::Right((told, waiting)) => (told, waiting),
    };
    refused(&told.unwrap_err(), Code::Aborted, "REQUEST_IN_PROGRESS");
    house.well().await;
    let settled = waiting.await.unwrap();
    assert!(settled.replayed);
    assert_eq!(settled.identification.unwrap().state(), State::AwaitingUser);
    assert_eq!((house.asked("starts").await, house.asked("created").await), (2, 1));
}

#[tokio::test]
async fn a_refused_creation_stays_refused() {
    let house = House::silent().await;
    // The vendor has finished one with this number, which the gateway does not know.
    house.made_elsewhere(CUSTOMER, ID).await;
    house.reviewed(ID, "SUCCESS").await;
    let named = CreateIdentificationRequest { identification_id: ID.to_owned(), ..once(create(BANK)) };
    let first = house.try_create(named.clone()).await.unwrap_err();
    refused(&first, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(house.get(ID).await.state(), State::Failed);
    let starts = house.asked("starts").await;
    let house = house.restarted().await;
    let again = house.try_create(named).await.unwrap_err();
    assert_eq!((again.code(), again.message()), (first.code(), first.message()));
    let vendor = |status: &tonic::Status| {
        let details = refused(status, Code::AlreadyExists, "RESOURCE_EXISTS");
        let mut metadata = details.error_info().unwrap().metadata.clone();
        // This time the vendor was not asked.
        (metadata.remove("operation"), metadata)
    };
    assert_eq!(vendor(&again).0.unwrap(), "create_identification");
    assert_eq!((vendor(&again).1, vendor(&first).1.len()), (vendor(&first).1, 3));
    assert_eq!(house.asked("starts").await, starts, "nothing is sent again");
    assert_eq!(types(&house.events().await), [EventType::IdentificationFailed]);
}

#[tokio::test]
async fn a_refusal_before_anything_was_sent_stays_one_too() {
    let house = House::silent().await;
    let holder = house.try_create(create(BANK)).await.unwrap().identification.unwrap();
    let mut alone = once(create(BANK));
    alone.set_reference_conflict_policy(ReferenceConflictPolicy::Fail);
    for _ in 0..2 {
        let status = house.try_create(alone.clone()).await.unwrap_err();
        assert_eq!(resource(&refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS")), holder.name);
    }
    // The same request_id asks for the same thing for as long as its answer is kept.
    let status = house.try_create(once(create(BANK))).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");

    house.made_elsewhere(CUSTOMER, "case-7").await;
    let mut request = adopt(BANK, "", "case-7");
    request.request_id = REQUEST_ID.to_owned();
    refused(&house.try_adopt(request.clone()).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
    house.reviewed("case-7", "SUCCESS").await;
    refused(&house.try_adopt(request.clone()).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
    request.request_id = ID.to_owned();
    house.try_adopt(request).await.unwrap();
}

#[tokio::test]
async fn what_a_repeat_may_mend_is_not_kept() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, "case-7").await;
    house.reviewed("case-7", "SUCCESS").await;
    let mut request = adopt(BANK, "", "case-7");
    request.request_id = REQUEST_ID.to_owned();
    house.fault(json!({ "kind": "status", "operation": "get", "status": 503 })).await;
    refused(&house.try_adopt(request.clone()).await.unwrap_err(), Code::Unavailable, "VENDOR_UNAVAILABLE");
    house.well().await;
    assert!(!house.try_adopt(request).await.unwrap().replayed);

    let mut malformed = once(create(BANK));
    malformed.subject.as_mut().unwrap().gender = "W".to_owned();
    refused(&house.try_create(malformed).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
    assert!(!house.try_create(once(create(BANK))).await.unwrap().replayed, "a refused field uses nothing up");
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let house = House::silent().await;
    let first = house.try_create(once(create(BANK))).await.unwrap().identification.unwrap();
    house.clock.advance(24 * HOUR);
    let again = house.try_create(once(create(BANK))).await.unwrap();
    assert_eq!((again.replayed, &again.identification.unwrap().name), (true, &first.name));
    house.clock.advance(2 * HOUR);
    let another = house
        .until("the end of its time", async || {
            let another = house.try_create(once(create(BANK))).await.unwrap();
            (!another.replayed).then_some(another.identification.unwrap())
        })
        .await;
    assert_ne!(another.name, first.name);
    assert_eq!(house.asked("created").await, 2);
}

#[tokio::test]
async fn a_doubt_is_kept_until_it_is_settled_and_a_day_longer() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "status", "status": 503 })).await;
    let named = CreateIdentificationRequest { identification_id: ID.to_owned(), ..once(create(BANK)) };
    refused(&house.try_create(named.clone()).await.unwrap_err(), Code::Unavailable, "VENDOR_UNAVAILABLE");
    house.clock.advance(25 * HOUR);
    house.in_time("the end", async || (house.get(ID).await.state() == State::Failed).then_some(())).await;
    house.well().await;
    house.clock.advance(23 * HOUR);
    let status = house.try_create(named).await.unwrap_err();
    refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    assert_eq!(house.asked("starts").await, 0);
}
