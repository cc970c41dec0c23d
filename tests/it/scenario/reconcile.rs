//! After an outage: the vendor's lists are read, and what webhooks did not bring is applied.

use std::time::Duration;

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    EventOrigin, EventType, Evidence, IdentificationOrigin, IdentificationState as Status, Outcome,
    ReconcileConnectionRequest, ReconcileConnectionResponse, WebhookDeliveryState as State,
};
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::house::House;
use super::words::{BANK, CUSTOMER, adopt, fields, refused, said, said_at, shown, types};

const PAUSE: Duration = Duration::from_mins(5);
const MISSED: &str = "idv_webhook_missed_total";

async fn try_reconcile(
    house: &House,
    name: &str,
    states: &[i32],
) -> Result<ReconcileConnectionResponse, tonic::Status> {
    let mut client = ConnectionServiceClient::new(house.channel.clone());
    let request = ReconcileConnectionRequest { name: name.to_owned(), states: states.to_vec() };
    client.reconcile_connection(request).await.map(tonic::Response::into_inner)
}

async fn reconcile(house: &House, states: &[Status]) -> ReconcileConnectionResponse {
    let states: Vec<i32> = states.iter().map(|state| *state as i32).collect();
    try_reconcile(house, BANK, &states).await.unwrap()
}

/// What lists were read, by their answers.
async fn lists_read(house: &House) -> u64 {
    let view = house.see("statistics").await;
    let paths = view["by_path"].as_object().unwrap();
    let lists = paths.iter().filter(|(path, _)| path.ends_with("/identifications"));
    lists.flat_map(|(_, statuses)| statuses.as_object().unwrap().values()).map(|n| n.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn what_webhooks_did_not_bring_is_applied_and_counted() {
    let house = House::silent().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(house.created().await);
    }
    house.person(&ids[1], "start", json!({})).await;
    house.person(&ids[2], "start", json!({})).await;
    house.person(&ids[2], "abort", json!({})).await;
    for (id, result) in
        [(&ids[3], "REVIEW_PENDING"), (&ids[4], "CANCELED"), (&ids[5], "FRAUD_SUSPICION_CONFIRMED")]
    {
        house.reviewed(id, result).await;
    }
    house.clock.advance(Duration::from_secs(7200));
    let done = reconcile(&house, &[]).await;
    assert_eq!((done.examined_count, done.changed_count), (4, 4));
    assert!(done.unknown_vendor_ids.is_empty());
    let expected = [
        Status::AwaitingUser,
        Status::AwaitingUser,
        Status::AwaitingRetry,
        Status::InReview,
        Status::AwaitingRetry,
        Status::Completed,
    ];
    for (id, state) in ids.iter().zip(expected) {
        assert_eq!(house.get(id).await.state(), state);
    }
    let events = house.events().await.split_off(6);
    assert!(events.iter().all(|event| event.origin() == EventOrigin::Poll));
    assert!(events.iter().all(|event| event.evidence() == Evidence::Fetched));
    house.counted(MISSED, &["connection=\"beispielbank\""], 4.0).await;
    // Those with a time, of the vendor's two hours ago.
    house.counted("idv_webhook_lateness_seconds_sum", &[], 3.0 * 7200.0).await;
    // Nothing new is nothing to do.
    house.clock.advance(PAUSE);
    let again = reconcile(&house, &[]).await;
    assert_eq!((again.examined_count, again.changed_count), (4, 0));
    assert_eq!(again.cursor, done.cursor);
    assert_eq!(house.asked("gets").await, 0);
}

#[tokio::test]
async fn only_the_lists_of_the_asked_states_are_read() {
    let house = House::silent().await;
    let (completed, reviewed) = (house.created().await, house.created().await);
    house.reviewed(&completed, "SUCCESS").await;
    house.reviewed(&reviewed, "REVIEW_PENDING").await;
    let done = reconcile(&house, &[Status::Completed]).await;
    assert_eq!((done.examined_count, done.changed_count), (1, 1));
    assert_eq!(lists_read(&house).await, 1);
    assert_eq!(house.get(&reviewed).await.state(), Status::AwaitingUser);
    let done = reconcile(&house, &[Status::InReview, Status::AwaitingRetry]).await;
    assert_eq!((done.examined_count, done.changed_count), (1, 1));
    assert_eq!(lists_read(&house).await, 4);
}

#[tokio::test]
async fn a_decision_revised_days_later_is_applied() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    reconcile(&house, &[]).await;
    house.clock.advance(Duration::from_secs(5 * 86_400));
    house.person(&id, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    let done = reconcile(&house, &[]).await;
    assert_eq!((done.examined_count, done.changed_count), (1, 1));
    let revised = house.events().await.pop().unwrap();
    assert_eq!(revised.r#type(), EventType::IdentificationDecisionRevised);
    let decision = shown(&revised).decision.clone().unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::FraudConfirmed, 2));
    let Some(Payload::IdentificationChanged(changed)) = revised.payload else { panic!() };
    assert_eq!(changed.previous_decision.unwrap().outcome(), Outcome::Verified);
}

#[tokio::test]
async fn what_nobody_knows_is_named_and_can_be_adopted() {
    let house = House::silent().await;
    let id = house.made_elsewhere(CUSTOMER, "order-77").await;
    house.made_elsewhere(CUSTOMER, "order-78").await;
    house.reviewed("order-77", "SUCCESS").await;
    let done = reconcile(&house, &[]).await;
    assert_eq!((done.examined_count, done.changed_count), (1, 0));
    assert_eq!(done.unknown_vendor_ids, [id]);
    assert!(house.events().await.is_empty());
    house.try_adopt(adopt(BANK, &done.unknown_vendor_ids[0], "")).await.unwrap();
    house.clock.advance(PAUSE);
    assert!(reconcile(&house, &[]).await.unknown_vendor_ids.is_empty());
}

#[tokio::test]
async fn what_nobody_knows_is_adopted_where_the_connection_allows_it() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.settings = "adopt_unknown = true";
    })
    .await;
    house.made_elsewhere(CUSTOMER, "order-77").await;
    house.reviewed("order-77", "SUCCESS").await;
    let done = reconcile(&house, &[]).await;
    assert_eq!((done.examined_count, done.changed_count), (1, 1));
    assert!(done.unknown_vendor_ids.is_empty());
    let events = house.events().await;
    assert_eq!(types(&events), [EventType::IdentificationCreated, EventType::IdentificationCompleted]);
    let seen = shown(&events[1]);
    assert_eq!(seen.origin(), IdentificationOrigin::Adopted);
    assert_eq!(seen.vendor_reference.as_ref().unwrap().reference, "order-77");
    house.clock.advance(PAUSE);
    let again = reconcile(&house, &[]).await;
    assert_eq!((again.examined_count, again.changed_count), (1, 0));
}

#[tokio::test]
async fn a_webhook_about_a_stranger_is_believed_when_the_vendor_knows_it() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.settings = "adopt_unknown = true";
    })
    .await;
    house.made_elsewhere(CUSTOMER, "order-77").await;
    // Under way: the vendor shows nothing yet.
    house.webhook(said("START", "order-77").to_string()).await;
    // Made up by somebody who has the password.
    house.webhook(said("SUCCESS", "order-66").to_string()).await;
    let ends = async |count: usize| {
        let states = house.states();
        let waits = |state: &State| matches!(state, State::Received | State::Confirming);
        (states.len() == count && !states.iter().any(waits)).then_some(states)
    };
    let states = house.in_time("their ends", async || ends(2).await).await;
    assert_eq!(states, [State::Unmatched, State::Unmatched]);
    assert!(house.events().await.is_empty());

    house.reviewed("order-77", "SUCCESS").await;
    house.webhook(said_at("SUCCESS", "order-77", "2026-11-20T12:00:00Z").to_string()).await;
    let states = house.in_time("its end", async || ends(3).await).await;
    assert_eq!(states[1..], [State::Unmatched, State::Applied]);
    let events = house.events().await;
    assert_eq!(types(&events), [EventType::IdentificationCreated, EventType::IdentificationCompleted]);
    assert!(events.iter().all(|event| event.evidence() == Evidence::Fetched));
    assert!(events.iter().all(|event| event.origin() == EventOrigin::Webhook));
    assert!(events.iter().all(|event| !event.webhook_delivery.is_empty()));
    assert_eq!(shown(&events[1]).origin(), IdentificationOrigin::Webhook);
}

#[tokio::test]
async fn the_lists_are_left_alone_for_a_while_and_read_by_one_at_a_time() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "hang" })).await;
    let (first, second) = tokio::join!(try_reconcile(&house, BANK, &[]), async {
        house.until("the first run", async || (house.fired().await > 0).then_some(())).await;
        let second = try_reconcile(&house, BANK, &[]).await;
        house.well().await;
        second
    });
    refused(&second.unwrap_err(), Code::Aborted, "REQUEST_IN_PROGRESS");
    first.unwrap();
    assert_eq!(lists_read(&house).await, 4);

    house.clock.advance(PAUSE - Duration::from_secs(1));
    let early = try_reconcile(&house, BANK, &[Status::Completed as i32]).await.unwrap_err();
    let details = refused(&early, Code::ResourceExhausted, "VENDOR_RATE_LIMITED");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
    assert_eq!(lists_read(&house).await, 4);
    house.clock.advance(Duration::from_secs(1));
    reconcile(&house, &[Status::Completed]).await;
    assert_eq!(lists_read(&house).await, 5);
}

#[tokio::test]
async fn bad_requests_are_told_precisely_and_cost_the_vendor_nothing() {
    let house = House::silent().await;
    for (name, states, field) in [
        ("beispielbank", vec![], "name"),
        (BANK, vec![Status::Completed as i32, Status::Expired as i32], "states[1]"),
        (BANK, vec![0], "states[0]"),
        (BANK, vec![4711], "states[0]"),
    ] {
        let error = try_reconcile(&house, name, &states).await.unwrap_err();
        assert_eq!(fields(&refused(&error, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    let unknown = try_reconcile(&house, "connections/nobody", &[]).await.unwrap_err();
    assert_eq!(unknown.get_error_details().error_info().unwrap().reason, "RESOURCE_NOT_FOUND");
    assert_eq!(lists_read(&house).await, 0);
}

#[tokio::test]
async fn a_decision_for_one_that_had_expired_reopens_it() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.settings = "polling = { enabled = false }\nidentification_lifetime_days = 10";
    })
    .await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    house.clock.advance(Duration::from_secs(10 * 86_400));
    let expired = async || (house.get(&id).await.state() == Status::Expired).then_some(());
    house.in_time("the expiry", expired).await;
    house.person(&id, "submit", json!({ "result": "SUCCESS" })).await;
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(reconcile(&house, &[]).await.changed_count, 1);
    let events = house.events().await;
    let (reopened, completed) = (EventType::IdentificationReopened, EventType::IdentificationCompleted);
    assert_eq!(types(&events)[2..], [reopened, completed]);
    house.counted(MISSED, &[], 0.0).await;
}

#[tokio::test]
async fn one_body_about_strangers_takes_each_over_once() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.settings = "adopt_unknown = true";
    })
    .await;
    let mut list = Vec::new();
    for number in ["order-77", "order-78"] {
        house.made_elsewhere(CUSTOMER, number).await;
        house.reviewed(number, "SUCCESS").await;
        list.extend([said("CHECK_PENDING", number), said_at("SUCCESS", number, "2026-11-20T12:00:00Z")]);
    }
    house.webhook(json!({ "identifications": list }).to_string()).await;
    let over = async || (house.states() == [State::Applied]).then_some(());
    house.in_time("its end", over).await;
    let (created, completed) = (EventType::IdentificationCreated, EventType::IdentificationCompleted);
    assert_eq!(types(&house.events().await), [created, completed, created, completed]);
}
