//! A connection that takes no webhooks: everything is found by asking, and nothing is missed.

use std::time::Duration;

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::{
    CheckConnectionRequest, ConnectionHealthState as Health, Event, EventOrigin, EventType, Evidence,
    IdentificationState as Status, Outcome,
};
use serde_json::json;

use super::house::House;
use super::missed::{self, MISSED, found, pass};
use super::reader::{Reader, earliest};
use super::words::{BANK, said, shown, types};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

async fn poll_only() -> House {
    House::with(|plan| {
        (plan.webhooks, plan.takes_webhooks) = (false, false);
        plan.settings = "";
    })
    .await
}

/// The person does these one after the other, and each is found in half an hour and a little at the latest.
async fn a_whole_life(house: &House, id: &str) {
    for (acts, state) in [
        (&[("start", json!({})), ("abort", json!({}))][..], Status::AwaitingRetry),
        (&[("start", json!({})), ("submit", json!({ "result": "CHECK_PENDING" }))], Status::InReview),
        (&[("review", json!({ "result": "CANCELED" }))], Status::AwaitingRetry),
        (&[("start", json!({})), ("submit", json!({ "result": "REVIEW_PENDING" }))], Status::InReview),
        (&[("review", json!({ "result": "SUCCESS" }))], Status::Completed),
    ] {
        for (does, body) in acts {
            house.person(id, does, body.clone()).await;
        }
        let begin = house.now();
        found(house, id, state, MINUTE).await;
        let took = house.now().duration_since(begin).unwrap();
        assert!(took <= 35 * MINUTE, "{state:?} was found after {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_life_is_found_by_asking() {
    let house = poll_only().await;
    let id = house.created().await;
    a_whole_life(&house, &id).await;

    // Later the vendor changes its mind; then it is left alone for good.
    pass(&house, 2 * DAY, Duration::from_hours(1)).await;
    house.person(&id, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    pass(&house, 40 * DAY, Duration::from_hours(6)).await;
    let asked = house.asked("gets").await;
    pass(&house, 400 * DAY, 10 * DAY).await;
    assert_eq!(house.asked("gets").await, asked, "nobody asks about what is over");

    let events = Reader::from(&house.channel, earliest()).await.take(7).await;
    assert_eq!(
        types(&events),
        [
            EventType::IdentificationCreated,
            EventType::IdentificationAttemptEnded,
            EventType::IdentificationSubmitted,
            EventType::IdentificationAttemptEnded,
            EventType::IdentificationSubmitted,
            EventType::IdentificationCompleted,
            EventType::IdentificationDecisionRevised,
        ]
    );
    assert!(events.iter().map(|event| event.revision).eq(1..=7));
    let by_asking =
        |event: &Event| (event.origin(), event.evidence()) == (EventOrigin::Poll, Evidence::Fetched);
    assert!(events[1..].iter().all(by_asking), "{events:#?}");
    assert!(events.is_sorted_by_key(|event| event.record_time.map(|time| (time.seconds, time.nanos))));
    assert_eq!(shown(&events[6]).decision.as_ref().unwrap().outcome(), Outcome::FraudConfirmed);
    assert_eq!(house.events().await.len(), 7, "nothing else is told, of the connection's health neither");
}

#[tokio::test]
async fn no_webhook_is_missed_and_no_silence_found_where_none_is_taken() {
    let house = poll_only().await;
    let id = house.created().await;
    a_whole_life(&house, &id).await;
    assert_eq!(house.metric(MISSED, missed::BANK).await, 0.0);
    assert_eq!(house.metric("idv_webhook_lateness_seconds_count", missed::BANK).await, 0.0);

    house.clock.advance(30 * DAY);
    let check = CheckConnectionRequest { name: BANK.to_owned() };
    let checked = ConnectionServiceClient::new(house.channel.clone()).check_connection(check).await.unwrap();
    let health = checked.into_inner().health.unwrap();
    assert_eq!((health.state(), health.error_reason.as_str()), (Health::Healthy, ""));
    assert_eq!(health.last_webhook_time, None);

    // A webhook that comes all the same is answered like one to a connection that is not there.
    let stranger = house.send(house.authentic("nobody").body(said("SUCCESS", &id).to_string())).await;
    let reply = house.webhook(said("SUCCESS", &id).to_string()).await;
    assert_eq!((reply.status, &reply.body), (stranger.status, &stranger.body));
    assert_eq!((reply.status, house.fates().len()), (401, 0));
}
