//! The way of a person, by hand and by scenario.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::tenant::{Tenant, by_email, words};
use crate::sandbox::house::START_SECONDS;

const MOVE: Duration = Duration::from_secs(30);
const VALIDITY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn step(sub_event: &str, disposition: &str) -> Value {
    json!({ "sub_event": format!("verification.{sub_event}"), "disposition": disposition })
}

async fn state(tenant: &Tenant, name: &str) -> Value {
    tenant.house.see(&format!("preventor/invitations/{name}")).await["state"].take()
}

/// Lets the person of a scenario make the next move.
async fn next_move(tenant: &Tenant) {
    while tenant.house.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    tenant.house.clock.advance(MOVE);
}

#[tokio::test]
async fn each_move_is_told_and_the_end_is_told_twice() {
    let tenant = Tenant::new().await;
    let mut inbox = tenant.inbox().await;
    let id = tenant.invite("a@example.com").await;
    tenant.step("a@example.com", "start", json!({})).await;
    let retried = tenant.step(&id, "step", step("liveness", "RETRY")).await;
    assert_eq!(retried["remaining_attempts"], 2);
    tenant.step(&id, "step", step("liveness", "PASSED")).await;
    let mut reviewed = step("id_proofing", "NEEDS_REVIEW");
    reviewed["remaining_attempts"] = json!(1);
    assert_eq!(tenant.step(&id, "step", reviewed).await["remaining_attempts"], 1);
    let done = tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    assert_eq!(state(&tenant, &id).await, "COMPLETED");
    let ticket = done["ticket"].clone();
    let first = inbox.next().await;
    assert_eq!(
        first.body,
        json!({
            "ticket": ticket,
            "event": "ticket.verification.in_progress",
            "sub_event": "verification.liveness",
            "flow_status": "IN_PROGRESS",
            "disposition": "PROCESSING",
            "remaining_attempts": 3,
            "data": {},
        })
    );
    for expected in [
        "in_progressverification.liveness IN_PROGRESS RETRY",
        "in_progressverification.liveness IN_PROGRESS PASSED",
        "in_progressverification.id_proofing IN_PROGRESS NEEDS_REVIEW",
    ] {
        assert_eq!(words(&inbox.next().await), expected);
    }
    let of_ticket = json!({
        "ticket": ticket,
        "event": "ticket.verification.completed",
        "flow_status": "ACCEPTED",
        "disposition": "PASSED",
        "risk_code": "LOW",
        "confidence_score": 97.5,
        "full_name": "José Núñez",
    });
    assert_eq!(inbox.next().await.body, of_ticket);
    let mut of_invitation = inbox.next().await.body;
    let cifcod = of_invitation["cifcod"].take();
    assert!(cifcod.as_str().is_some_and(|cifcod| cifcod.len() == 8), "{cifcod}");
    let expected = json!({
        "id": id,
        "invitation_state": "COMPLETED",
        "cifcod": null,
        "full_name": "José Núñez",
        "ticket": ticket,
        "transaction_status": "ACCEPTED",
        "attempts": 1,
    });
    assert_eq!(of_invitation, expected);
}

#[tokio::test]
async fn an_invitation_can_have_several_tickets_and_a_decision_can_be_revised() {
    let tenant = Tenant::new().await;
    let mut inbox = tenant.inbox().await;
    let (id, first) = tenant.started("a@example.com").await;
    let mut leaves = step("liveness", "ABANDONED");
    leaves["reason"] = json!("TIMEOUT");
    tenant.step(&id, "step", leaves).await;
    let refused = tenant.try_step(&id, "step", &step("liveness", "PASSED")).await;
    assert!(refused.status == 409 && refused.text().contains("is abandoned"), "{}", refused.text());
    let second = tenant.step(&id, "start", json!({})).await;
    assert_eq!(second["attempt"], 2);
    let third = tenant.step(&id, "start", json!({})).await;
    tenant.step(second["ticket"].as_str().unwrap(), "complete", json!({ "flow_status": "REJECTED" })).await;
    assert_eq!(tenant.try_step(&id, "start", &json!({})).await.status, 409, "it is completed");
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED", "disposition": "NEEDS_REVIEW" })).await;
    let shown = tenant.get(&format!("/transactions/{first}")).await.json();
    assert_eq!(
        (&shown["disposition"], &shown["summary"]["abandon_reason"]),
        (&json!("ABANDONED"), &json!("TIMEOUT"))
    );

    inbox.next().await;
    assert_eq!(inbox.next().await.body["data"], json!({ "reason": "TIMEOUT" }));
    for expected in [
        "in_progressverification.liveness IN_PROGRESS PROCESSING",
        "in_progressverification.liveness IN_PROGRESS PROCESSING",
        "completed REJECTED FAILED",
        "invitation REJECTED 3",
        "completed ACCEPTED NEEDS_REVIEW",
    ] {
        assert_eq!(words(&inbox.next().await), expected);
    }
    let last = inbox.next().await.body;
    assert_eq!((&last["ticket"], &last["transaction_status"]), (&third["ticket"], &json!("ACCEPTED")));
    let log = tenant.get(&format!("/invitations/logs/{id}/activities")).await.json();
    let names: Vec<_> = log["activities"].as_array().unwrap().iter().map(|one| &one["activity"]).collect();
    assert_eq!(names, ["REGISTERED", "STARTED", "ABANDONED", "STARTED", "STARTED", "COMPLETED", "COMPLETED"]);
    assert_eq!(log["tickets"], json!([first, second["ticket"], third["ticket"]]));
}

#[tokio::test]
async fn moves_that_cannot_be_are_refused_with_what_to_do() {
    let tenant = Tenant::new().await;
    let id = tenant.invite("a@example.com").await;
    for (step, body, status, sentence) in [
        ("step", step("liveness", "PASSED"), 409, "the person has to POST .../start first"),
        ("step", step("face", "PASSED"), 400, "unknown variant `verification.face`"),
        ("complete", json!({}), 400, "missing field `flow_status`"),
        ("start", json!({ "name": "A" }), 400, "unknown field `name`"),
        ("play", json!({ "scenario": "lucky" }), 400, "unknown variant `lucky`"),
        ("resend", json!({}), 400, "say either `sequence` or `type`"),
        ("resend", json!({ "type": "WH_002" }), 409, "had no such webhook"),
    ] {
        let answer = tenant.try_step(&id, step, &body).await;
        assert!(answer.status == status && answer.text().contains(sentence), "{step}: {}", answer.text());
    }
    tenant.step(&id, "start", json!({})).await;
    let undecided = tenant.try_step(&id, "complete", &json!({ "flow_status": "IN_PROGRESS" })).await;
    assert_eq!(undecided.status, 409);
    assert_eq!(tenant.try_step("nobody", "start", &json!({})).await.status, 404);
    tenant.step(&id, "expire", json!({})).await;
    assert_eq!(tenant.try_step(&id, "expire", &json!({})).await.status, 409);
    assert_eq!(tenant.try_step(&id, "complete", &json!({ "flow_status": "ACCEPTED" })).await.status, 409);
}

#[tokio::test]
async fn an_invitation_expires_after_a_week_and_is_renewed_by_sending_it() {
    let tenant = Tenant::new().await;
    let id = tenant.invite("a@example.com").await;
    tenant.house.clock.advance(VALIDITY);
    assert_eq!(state(&tenant, &id).await, "REGISTERED");
    tenant.house.clock.advance(Duration::from_secs(1));
    assert_eq!(state(&tenant, &id).await, "EXPIRED");
    // The token has ended, too.
    let tenant = tenant.again().await;
    let log = tenant.get(&format!("/invitations/logs/{id}/activities")).await.json();
    let end = (START_SECONDS + VALIDITY.as_secs()) * 1000;
    assert_eq!(
        (&log["activities"][1]["activity"], &log["activities"][1]["created"]),
        (&json!("EXPIRED"), &json!(end))
    );
    let path = format!("/notifications/invitation/{id}/send");
    assert_eq!(tenant.ask(Method::POST, &path, &json!(null)).await.status, 200);
    assert_eq!(state(&tenant, &id).await, "SENT");
    tenant.step(&id, "start", json!({})).await;
    tenant.step(&id, "complete", json!({ "flow_status": "REJECTED" })).await;
    let refused = tenant.ask(Method::POST, &path, &json!(null)).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("STATE_NOT_ALLOWED")));
}

#[tokio::test]
async fn a_scenario_acts_by_itself() {
    const STARTED: &str = "in_progressverification.liveness IN_PROGRESS PROCESSING";
    const LIVE: &str = "in_progressverification.liveness IN_PROGRESS PASSED";
    const GENUINE: &str = "in_progressverification.id_proofing IN_PROGRESS PASSED";
    const ACCEPTED: [&str; 2] = ["completed ACCEPTED PASSED", "invitation ACCEPTED 1"];
    let all: [(&str, &[&str], &[&str]); 6] = [
        ("accepted", &[STARTED, LIVE, GENUINE], &ACCEPTED),
        (
            "rejected",
            &[STARTED, LIVE, "in_progressverification.id_proofing IN_PROGRESS FAILED"],
            &["completed REJECTED FAILED", "invitation REJECTED 1"],
        ),
        ("retry", &[STARTED, "in_progressverification.liveness IN_PROGRESS RETRY", LIVE, GENUINE], &ACCEPTED),
        ("abandoned", &[STARTED, LIVE, "in_progressverification.id_proofing IN_PROGRESS ABANDONED"], &[]),
        (
            "again",
            &[STARTED, "in_progressverification.liveness IN_PROGRESS ABANDONED", STARTED, LIVE, GENUINE],
            &["completed ACCEPTED PASSED", "invitation ACCEPTED 2"],
        ),
        (
            "review",
            &[STARTED, LIVE, "in_progressverification.id_proofing IN_PROGRESS NEEDS_REVIEW"],
            &ACCEPTED,
        ),
    ];
    for (name, moves, end) in all {
        let tenant = Tenant::new().await;
        let mut inbox = tenant.inbox().await;
        let id = tenant.invite(&format!("x-{name}@example.com")).await;
        for expected in moves {
            next_move(&tenant).await;
            assert_eq!(words(&inbox.next().await), *expected, "{name}");
        }
        if !end.is_empty() {
            next_move(&tenant).await;
        }
        for expected in end {
            assert_eq!(words(&inbox.next().await), *expected, "{name}");
        }
        let expected = if end.is_empty() { "IN_PROGRESS" } else { "COMPLETED" };
        assert_eq!(state(&tenant, &id).await, expected, "{name}");
        assert!(inbox.is_empty());
    }
}

#[tokio::test]
async fn a_scenario_is_asked_for_by_the_flow_or_by_hand_and_ends_when_someone_else_acts() {
    let tenant = Tenant::new().await;
    let mut expiring = by_email("a@example.com");
    expiring["flow"] = json!("X-EXPIRED_1");
    let id = tenant.register(&expiring).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(tenant.house.see(&format!("preventor/invitations/{id}")).await["scenario"], "expired");
    next_move(&tenant).await;
    while state(&tenant, &id).await != "EXPIRED" {}

    let mut inbox = tenant.inbox().await;
    let id = tenant.invite("b@example.com").await;
    tenant.step(&id, "play", json!({ "scenario": "accepted" })).await;
    next_move(&tenant).await;
    inbox.next().await;
    tenant.step(&id, "complete", json!({ "flow_status": "REJECTED" })).await;
    assert_eq!(words(&inbox.next().await), "completed REJECTED FAILED");
    assert_eq!(words(&inbox.next().await), "invitation REJECTED 1");
    next_move(&tenant).await;
    while tenant.house.clock.sleepers() != 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(state(&tenant, &id).await, "COMPLETED");
    assert!(inbox.is_empty(), "the person of the scenario went on");
}
