//! Webhooks that never come, and invitations that nobody follows.

use std::time::Duration;

use idv_gateway::proto::{
    CancelIdentificationRequest, EventOrigin, EventType as Type, Evidence, IdentificationState as Seen,
    Outcome, SendInvitationRequest,
};
use serde_json::json;

use super::{EMAIL, bank, moves};
use crate::scenario::house::House;
use crate::scenario::missed::{MISSED, tick};

/// Looks come as they do by default.
const POLLED: &str = r#"
webhook = { secrets = [{ label = "static", proof = { bearer = { token = { file = "@/webhook" } } } }] }
"#;
const MORTAL: &str = r#"
polling = { enabled = false }
invitation_lifetime_days = 1
"#;
const STEP: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Waits, minute by minute, until `name` is in `state`.
async fn found(house: &House, name: &str, state: Seen) {
    let look = async || {
        let is_there = house.whole(name).await.state() == state;
        if !is_there {
            tick(house, STEP).await;
        }
        is_there.then_some(())
    };
    house.until(state.as_str_name(), look).await;
}

#[tokio::test]
async fn every_change_is_found_within_hours() {
    let house = bank(POLLED).await;
    house.send_plain().await;
    house.goes_wrong(&json!({ "kind": "webhook_drop" })).await;
    let name = house.invited(EMAIL).await.name;
    let begin = house.now();
    house.start(EMAIL).await;
    found(&house, &name, Seen::InProgress).await;
    house.step(EMAIL, "liveness", "RETRY").await;
    found(&house, &name, Seen::AwaitingRetry).await;
    house.step(EMAIL, "liveness", "NEEDS_REVIEW").await;
    found(&house, &name, Seen::InReview).await;
    house.decide(EMAIL, "REJECTED").await;
    found(&house, &name, Seen::Completed).await;
    assert!(house.now().duration_since(begin).unwrap() < 3 * HOUR);
    assert!(house.fates().is_empty(), "nothing came");
    let events = house.events().await;
    let way = [
        Type::IdentificationCreated,
        Type::IdentificationStarted,
        Type::IdentificationAttemptEnded,
        Type::IdentificationSubmitted,
        Type::IdentificationCompleted,
    ];
    assert_eq!(moves(&events), way);
    for event in events.iter().filter(|event| event.r#type() != Type::IdentificationCreated) {
        assert_eq!((event.origin(), event.evidence()), (EventOrigin::Poll, Evidence::Fetched));
    }
    let decision = house.whole(&name).await.decision.unwrap();
    assert_eq!((decision.outcome(), decision.confidence), (Outcome::Rejected, Some(0.12)));
    house.counted(MISSED, &["connection=\"banco\""], 4.0).await;
}

/// Nothing was missed: there was nothing that it could have shown.
#[tokio::test]
async fn where_no_webhook_could_come_in_none_is_waited_for() {
    let house = bank("").await;
    let name = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    found(&house, &name, Seen::InProgress).await;
    house.decide(EMAIL, "REJECTED").await;
    found(&house, &name, Seen::Completed).await;
    assert_eq!(house.metric(MISSED, &["connection=\"banco\""]).await, 0.0);
}

#[tokio::test]
async fn what_is_under_way_when_a_caller_cancels_does_not_bring_it_back() {
    let house = bank(POLLED).await;
    house.send_plain().await;
    let name = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    house.ended(1).await;
    house.goes_wrong(&json!({ "kind": "webhook_delay", "seconds": 20, "times": 1 })).await;
    house.step(EMAIL, "liveness", "PASSED").await;
    let request = CancelIdentificationRequest { name: name.clone(), ..Default::default() };
    house.identifications().cancel_identification(request).await.unwrap();
    house.in_time("the webhook", async || (house.fates().len() == 2).then_some(())).await;
    house.ended(2).await;
    assert_eq!(house.whole(&name).await.state(), Seen::Cancelled);
}

#[tokio::test]
async fn an_invitation_that_nobody_followed_ends_and_is_sent_anew() {
    for (settings, origin) in [(MORTAL, EventOrigin::Timer), (POLLED, EventOrigin::Poll)] {
        ends_and_is_sent_anew(&bank(settings).await, origin).await;
    }
}

async fn ends_and_is_sent_anew(house: &House, origin: EventOrigin) {
    let name = house.invited(EMAIL).await.name;
    house.act(EMAIL, "expire", json!({})).await;
    tick(house, 23 * HOUR).await;
    found(house, &name, Seen::Expired).await;
    let events = house.events().await;
    assert_eq!(events.last().unwrap().origin(), origin);

    let request = SendInvitationRequest { name: name.clone(), ..SendInvitationRequest::default() };
    let sent = house.identifications().send_invitation(request).await.unwrap().into_inner();
    let sent = sent.identification.unwrap();
    assert_eq!((sent.state(), sent.invitation.unwrap().send_count), (Seen::AwaitingUser, 2));
    let way = [
        Type::IdentificationCreated,
        Type::IdentificationExpired,
        Type::IdentificationReopened,
        Type::InvitationSent,
    ];
    assert_eq!(moves(&house.events().await), way);
    house.start(EMAIL).await;
}
