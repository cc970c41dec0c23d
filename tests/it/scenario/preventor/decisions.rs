//! What is said about one decision, or at the same time, and by the webhooks of 2022.

use std::time::Duration;

use idv_gateway::proto::{
    AttemptEnd, EventType as Type, IdentificationState as Seen, Outcome, RefreshIdentificationRequest,
    WebhookDeliveryState as State,
};
use serde_json::{Value, json};

use super::{EMAIL, EVERY_WAY, bank, steps, told, way};
use crate::scenario::house::{House, PASSWORD};
use crate::scenario::words::{BANCO, shown};

const STARTED: Type = Type::IdentificationStarted;
const ENDED: Type = Type::IdentificationAttemptEnded;
const SUBMITTED: Type = Type::IdentificationSubmitted;
const COMPLETED: Type = Type::IdentificationCompleted;
const REVISED: Type = Type::IdentificationDecisionRevised;

impl House {
    async fn profile(&self, profile: Value) {
        assert_eq!(self.control("preventor/profile", &profile).await.status, 200);
    }
}

#[tokio::test]
async fn two_webhooks_of_one_decision_are_one_decision() {
    for settings in EVERY_WAY {
        for order in ["ticket_first", "invitation_first"] {
            let house = bank(settings).await;
            house.send_plain().await;
            house.profile(json!({ "order": order })).await;
            let name = house.invited(EMAIL).await.name;
            house.start(EMAIL).await;
            house.ended(1).await;
            house.decide(EMAIL, "REJECTED").await;
            house.ended(3).await;
            assert_eq!(way(&house.events().await), [STARTED, COMPLETED], "{order}");
            let seen = house.whole(&name).await;
            let decision = seen.decision.unwrap();
            assert_eq!((decision.outcome(), decision.revision), (Outcome::Rejected, 1), "{order}");
            assert_eq!(decision.confidence, Some(0.12), "{order}");
            assert_eq!(seen.vendor_reference.unwrap().customer_id.len(), 8, "{order}");
        }
    }
}

#[tokio::test]
async fn two_changes_in_one_second_are_two_events() {
    let house = told().await;
    let name = house.invited(EMAIL).await.name;
    let begin = house.now();
    house.start(EMAIL).await;
    house.ended(1).await;
    house.step(EMAIL, "liveness", "PASSED").await;
    house.ended(2).await;
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(4).await;
    house.decide(EMAIL, "REJECTED").await;
    house.ended(6).await;
    assert_eq!(house.now(), begin);
    let events = house.events().await;
    assert_eq!(way(&events), [STARTED, COMPLETED, REVISED]);
    assert_eq!(steps(&events).len(), 2);
    let decision = house.whole(&name).await.decision.unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::Rejected, 2));
}

#[tokio::test]
async fn what_is_sent_again_says_nothing_new() {
    for settings in EVERY_WAY {
        let house = bank(settings).await;
        house.send_plain().await;
        house.invited(EMAIL).await;
        house.start(EMAIL).await;
        house.ended(1).await;
        house.step(EMAIL, "liveness", "PASSED").await;
        house.ended(2).await;
        house.decide(EMAIL, "ACCEPTED").await;
        house.ended(4).await;
        let before = house.events().await;
        for kind in ["WH_001", "WH_002"] {
            house.act(EMAIL, "resend", json!({ "type": kind })).await;
        }
        let again = house.ended(6).await.split_off(4);
        assert!(again.iter().all(|(state, _)| *state == State::Duplicate), "{again:?}");
        assert_eq!(house.events().await, before);
    }
}

#[tokio::test]
async fn retries_tell_how_many_remain() {
    let house = told().await;
    let name = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    for count in 1..=2 {
        house.ended(count).await;
        house.step(EMAIL, "liveness", "RETRY").await;
    }
    house.ended(3).await;
    let seen = house.whole(&name).await;
    assert_eq!((seen.state(), seen.startable), (Seen::AwaitingRetry, true));
    assert_eq!(seen.last_attempt.as_ref().unwrap().end(), AttemptEnd::Inconclusive);
    let remaining: Vec<_> = steps(&house.events().await).into_iter().map(|(.., tries)| tries).collect();
    assert_eq!(remaining, [Some(3), Some(2), Some(1)]);
    house.step(EMAIL, "liveness", "PASSED").await;
    house.ended(4).await;
    assert_eq!(house.whole(&name).await.state(), Seen::InProgress);
}

#[tokio::test]
async fn who_leaves_may_come_again_with_another_ticket() {
    let house = told().await;
    let name = house.invited(EMAIL).await.name;
    let first = house.start(EMAIL).await;
    let leaves = json!({
        "sub_event": "verification.liveness", "disposition": "ABANDONED", "reason": "TIMEOUT",
    });
    house.ended(1).await;
    house.act(EMAIL, "step", leaves).await;
    house.ended(2).await;
    let seen = house.whole(&name).await;
    assert_eq!(seen.last_attempt.unwrap().end(), AttemptEnd::AbortedByUser);
    let second = house.start(EMAIL).await;
    house.ended(3).await;
    house.step(EMAIL, "id_proofing", "NEEDS_REVIEW").await;
    house.ended(4).await;
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(6).await;
    let events = house.events().await;
    assert_eq!(way(&events), [STARTED, ENDED, STARTED, SUBMITTED, COMPLETED]);
    let seen = house.whole(&name).await;
    assert_eq!((seen.attempt_count, seen.vendor_reference.unwrap().ticket_ids), (2, vec![first, second]));
}

/// Only completed tickets are told of, so that the one that was left becomes known from the vendor's log.
#[tokio::test]
async fn an_earlier_ticket_that_is_learned_late_does_not_undo_a_decision() {
    for settings in EVERY_WAY {
        let house = bank(settings).await;
        let webhook = json!({
            "type": "WH_001", "url": house.webhook_url(BANCO), "events": ["ticket.verification.completed"],
            "authorization": { "type": "BEARER_TOKEN", "value": { "token": PASSWORD } },
        });
        assert_eq!(house.control("preventor/webhooks/settings", &webhook).await.status, 200);
        let name = house.invited(EMAIL).await.name;
        let first = house.start(EMAIL).await;
        house.step(EMAIL, "liveness", "ABANDONED").await;
        house.clock.advance(Duration::from_mins(1));
        let second = house.start(EMAIL).await;
        house.decide(EMAIL, "ACCEPTED").await;
        house.ended(1).await;
        for _look in 0..2 {
            let request = RefreshIdentificationRequest { name: name.clone() };
            house.identifications().refresh_identification(request).await.unwrap();
        }
        assert_eq!(way(&house.events().await), [COMPLETED]);
        let seen = house.whole(&name).await;
        assert_eq!((seen.state(), seen.decision.unwrap().outcome()), (Seen::Completed, Outcome::Verified));
        assert_eq!(seen.vendor_reference.unwrap().ticket_ids, [first.clone(), second.clone()]);
    }
}

#[tokio::test]
async fn the_webhooks_of_2022_bring_decisions_too() {
    for settings in EVERY_WAY {
        for (flow_status, count, outcome) in
            [("ACCEPTED", 2, Outcome::Verified), ("REJECTED", 1, Outcome::Rejected)]
        {
            let house = bank(settings).await;
            house.send_plain().await;
            house.profile(json!({ "generation": "legacy" })).await;
            let name = house.invited(EMAIL).await.name;
            house.start(EMAIL).await;
            house.step(EMAIL, "id_proofing", "NEEDS_REVIEW").await;
            house.ended(1).await;
            assert_eq!(house.whole(&name).await.state(), Seen::InReview);
            house.decide(EMAIL, flow_status).await;
            house.ended(1 + count).await;
            let events = house.events().await;
            assert_eq!(way(&events), [SUBMITTED, COMPLETED], "{flow_status}");
            let decision = shown(events.last().unwrap()).decision.clone().unwrap();
            assert_eq!((decision.outcome(), decision.revision), (outcome, 1));
        }
    }
}
