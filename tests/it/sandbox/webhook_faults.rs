//! Faults of webhooks: lost, doubled, late, swapped and told again.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{House, Inbox};

async fn set(house: &House, fault: Value) {
    assert_eq!(house.control("faults", &fault).await.status, 200);
}

async fn clear(house: &House) {
    assert_eq!(house.send(house.delete("/control/faults")).await.status, 200);
}

/// Where the webhook at `index` of the log stands.
async fn state(house: &House, index: usize) -> Value {
    house.see("webhooks").await["webhooks"][index]["state"].take()
}

#[tokio::test]
async fn dropped_webhooks_are_lost_and_stop_nobody() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    set(&house, json!({ "kind": "webhook_drop", "times": 2 })).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({})).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(inbox.next_result().await, "SUCCESS");
    assert_eq!((state(&house, 0).await, state(&house, 1).await), (json!("dropped"), json!("dropped")));
    assert_eq!(house.see("webhooks").await["webhooks"][0]["attempts"], json!([]));
    set(&house, json!({ "kind": "webhook_drop" })).await;
    for result in ["FRAUD_SUSPICION_CONFIRMED", "SUCCESS"] {
        house.step("n", "review", json!({ "result": result })).await;
    }
    assert_eq!(state(&house, 4).await, "dropped");
    clear(&house).await;
    house.step("n", "resend", json!({})).await;
    assert_eq!(inbox.next_result().await, "SUCCESS");
    assert!(inbox.is_empty());
}

#[tokio::test]
async fn doubled_webhooks_come_side_by_side_with_the_same_bytes() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    set(&house, json!({ "kind": "webhook_duplicate", "copies": 2, "times": 1 })).await;
    let held = inbox.hold().await;
    house.step("n", "start", json!({})).await;
    let first = inbox.next().await.bytes;
    for _ in 0..2 {
        assert_eq!(inbox.next().await.bytes, first, "none waits for the answer to another");
    }
    drop(held);
    let entry = house.webhook_until(0, |entry| entry["state"] == "delivered").await;
    assert_eq!(entry["attempts"].as_array().unwrap().len(), 3);
    house.step("n", "abort", json!({})).await;
    assert_eq!(inbox.next_result().await, "ABORTED");
    house.webhook_until(1, |entry| entry["state"] == "delivered").await;
    assert!(inbox.is_empty());
}

#[tokio::test]
async fn a_doubled_webhook_that_is_refused_is_tried_again_alone() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    set(&house, json!({ "kind": "webhook_duplicate", "copies": 1 })).await;
    inbox.answer(500);
    house.step("n", "start", json!({})).await;
    for _ in 0..2 {
        inbox.next().await;
    }
    house.webhook_until(0, |entry| entry["state"] == "retrying").await;
    inbox.answer(200);
    house.clock.advance(Duration::from_secs(1));
    inbox.next().await;
    house.webhook_until(0, |entry| entry["state"] == "delivered").await;
    assert!(inbox.is_empty());
}

#[tokio::test]
async fn late_webhooks_are_overtaken_and_sent_although_outdated() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    set(&house, json!({ "kind": "webhook_delay", "seconds": 60, "times": 1 })).await;
    house.step("n", "start", json!({})).await;
    let late = house.webhook_until(0, |entry| entry["state"] == "delayed").await;
    assert_eq!(late["next_attempt"], "2026-11-20T12:01:00Z");
    house.step("n", "submit", json!({})).await;
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
    house.clock.advance(Duration::from_secs(59));
    assert_eq!(state(&house, 0).await, "delayed");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(inbox.next_result().await, "START");

    set(&house, json!({ "kind": "webhook_delay", "seconds": 86_400 })).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    house.webhook_until(2, |entry| entry["state"] == "delayed").await;
    clear(&house).await;
    assert_eq!(inbox.next_result().await, "SUCCESS");
}

#[tokio::test]
async fn swapped_webhooks_go_out_in_pairs() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    house.ident("other").await;
    set(&house, json!({ "kind": "webhook_reorder" })).await;
    house.step("n", "start", json!({})).await;
    assert_eq!(state(&house, 0).await, "held");
    house.step("other", "start", json!({})).await;
    assert_eq!(state(&house, 1).await, "held", "each identification has its own order");
    house.step("n", "submit", json!({})).await;
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
    assert_eq!(inbox.next_result().await, "START");
    house.step("n", "review", json!({ "result": "REVIEW_PENDING" })).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(inbox.next_result().await, "SUCCESS");
    assert_eq!(inbox.next_result().await, "REVIEW_PENDING");
    // What is held when the fault is cleared goes out, and the order is the true one again.
    clear(&house).await;
    assert_eq!(inbox.next().await.body["identificationprocess"]["transactionnumber"], "other");
    house.step("other", "submit", json!({})).await;
    house.step("other", "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
    assert_eq!(inbox.next_result().await, "SUCCESS");
}

#[tokio::test]
async fn the_first_of_a_swapped_pair_waits_for_the_try_of_the_second() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    set(&house, json!({ "kind": "webhook_reorder", "times": 1 })).await;
    house.step("n", "start", json!({})).await;
    let held = inbox.hold().await;
    house.step("n", "submit", json!({})).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
    assert_eq!(state(&house, 0).await, "held");
    assert!(inbox.is_empty());
    drop(held);
    assert_eq!(inbox.next_result().await, "START");
    assert_eq!(inbox.next_result().await, "SUCCESS", "the third keeps its place");
}

#[tokio::test]
async fn an_earlier_webhook_can_be_sent_again_after_the_final_one() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    house.ident("other").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "REVIEW_PENDING" })).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    inbox.next().await;
    let preliminary = inbox.next().await.bytes;
    inbox.next().await;
    house.step("n", "resend", json!({ "result": "REVIEW_PENDING" })).await;
    assert_eq!(inbox.next().await.bytes, preliminary);
    house.step("n", "resend", json!({ "sequence": 1 })).await;
    assert_eq!(inbox.next_result().await, "START");
    let again = house.webhook_until(3, |entry| entry["state"] == "delivered").await;
    assert_eq!(again["result"], "REVIEW_PENDING");
    for (number, which, status) in [
        ("n", json!({ "result": "ABORTED" }), 409),
        ("n", json!({ "sequence": 99 }), 409),
        ("other", json!({ "sequence": 1 }), 409),
        ("n", json!({ "sequence": 1, "result": "START" }), 400),
        ("n", json!({ "number": 1 }), 400),
    ] {
        let answer = house.control(&format!("identifications/{number}/resend"), &which).await;
        assert_eq!(answer.status, status, "{number} {which}");
    }
}

#[tokio::test]
async fn a_blackout_ends_by_itself() {
    let house = House::with(|options| options.speed = 2.0).await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    set(&house, json!({ "kind": "webhook_blackout", "seconds": 7200 })).await;
    house.step("n", "start", json!({})).await;
    house.clock.advance(Duration::from_secs(3599));
    house.step("n", "submit", json!({})).await;
    house.clock.advance(Duration::from_secs(1));
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(inbox.next_result().await, "SUCCESS");
    assert_eq!((state(&house, 0).await, state(&house, 1).await), (json!("dropped"), json!("dropped")));
    assert_eq!(house.see("faults").await["faults"][0]["fired"], 2);
}
