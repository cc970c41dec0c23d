//! Webhooks: what they carry, how they are retried, and when they are dropped.

use std::time::Duration;

use idv_gateway::sandbox::{Sandbox, SandboxOptions, WebhookTarget};
use secrecy::SecretString;
use serde_json::json;

use super::house::{CUSTOMER, House, Inbox, OTHER};

#[tokio::test]
async fn each_change_is_told_in_order_with_basic_credentials_and_the_result_itself() {
    let house = House::new().await;
    let token = house.token().await;
    let mut inbox = Inbox::of(&house).await;
    let id = house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "abort", json!({})).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "REVIEW_PENDING" })).await;
    house.step("n", "review", json!({ "result": "FRAUD_SUSPICION_PENDING" })).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    for expected in ["START", "ABORTED", "START", "REVIEW_PENDING", "FRAUD_SUSPICION_PENDING"] {
        let received = inbox.next().await;
        assert_eq!(received.authorization, "Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==");
        assert_eq!(received.content_type, "application/json");
        let process = &received.body["identificationprocess"];
        assert_eq!((&process["result"], &process["id"]), (&json!(expected), &json!(id)));
        assert_eq!(process["transactionnumber"], "n");
    }
    assert_eq!(inbox.next().await.body, house.result(&token, "n").await.json());
    let entry = house.webhook_until(5, |entry| entry["state"] == "delivered").await;
    assert_eq!((&entry["result"], &entry["attempts"][0]["status"]), (&json!("SUCCESS"), &json!(200)));
}

#[tokio::test]
async fn a_slow_answer_holds_back_the_next_webhook_of_the_same_ident_alone() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    house.ident("other").await;
    let held = inbox.hold().await;
    house.step("n", "start", json!({})).await;
    assert_eq!(inbox.next_result().await, "START");
    house.step("n", "submit", json!({})).await;
    house.step("other", "start", json!({})).await;
    assert_eq!(inbox.next().await.body["identificationprocess"]["transactionnumber"], "other");
    drop(held);
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
}

#[tokio::test]
async fn bodies_can_be_wrapped_and_the_start_can_have_another_word() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    house.control("webhooks/shape", &json!({ "wrapped": true, "start_result": "STARTED" })).await;
    house.step("n", "start", json!({})).await;
    let wrapped = inbox.next().await.body;
    assert_eq!(wrapped["identifications"].as_array().unwrap().len(), 1);
    assert_eq!(wrapped["identifications"][0]["identificationprocess"]["result"], "STARTED");
    house.control("webhooks/shape", &json!({ "wrapped": false })).await;
    house.step("n", "abort", json!({})).await;
    assert_eq!(inbox.next_result().await, "ABORTED");
}

#[tokio::test]
async fn a_refused_webhook_is_tried_again_at_doubling_intervals() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    for (tries, status) in [500, 401, 400, 302, 503].into_iter().enumerate() {
        inbox.answer(status);
        match tries {
            0 => drop(house.step("n", "start", json!({})).await),
            _ => house.clock.advance(Duration::from_secs(1)),
        }
        inbox.next().await;
        let log = |entry: &serde_json::Value| entry["attempts"].as_array().map_or(0, Vec::len);
        let entry = house.webhook_until(0, |entry| log(entry) == tries + 1).await;
        assert_eq!(
            (&entry["state"], &entry["attempts"][tries]["status"]),
            (&json!("retrying"), &json!(status))
        );
        // One second short of 1, 2, 4, 8 and 16 seconds nothing happens.
        house.clock.advance(Duration::from_secs((1 << tries) - 1));
        assert_eq!(log(&house.webhook_until(0, |_| true).await), tries + 1);
        assert!(inbox.is_empty());
    }
    inbox.answer(204);
    house.clock.advance(Duration::from_secs(1));
    inbox.next().await;
    let entry = house.webhook_until(0, |entry| entry["state"] == "delivered").await;
    let times: Vec<_> =
        entry["attempts"].as_array().unwrap().iter().map(|try_| try_["time"].clone()).collect();
    let at = |clock: &str| json!(format!("2026-11-20T12:00:{clock}Z"));
    assert_eq!(times, [at("00"), at("01"), at("03"), at("07"), at("15"), at("31")]);
}

#[tokio::test]
async fn it_gives_up_after_a_day() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    inbox.answer(500);
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    let tries = |entry: &serde_json::Value| entry["attempts"].as_array().map_or(0, Vec::len);
    // 1 + 2 + ... + 2^15 seconds are less than a day, one more doubling is not.
    for wait in 0..16 {
        inbox.next().await;
        house.webhook_until(0, |entry| tries(entry) == wait + 1).await;
        house.clock.advance(Duration::from_secs(1 << wait));
    }
    inbox.next().await;
    let entry = house.webhook_until(0, |entry| entry["state"] == "gave_up").await;
    assert_eq!((tries(&entry), &entry["next_attempt"]), (17, &serde_json::Value::Null));
}

#[tokio::test]
async fn a_webhook_is_not_tried_again_once_the_ident_has_changed() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    house.ident("unrelated").await;
    inbox.answer(500);
    house.step("n", "start", json!({})).await;
    assert_eq!(inbox.next_result().await, "START");
    house.webhook_until(0, |entry| entry["state"] == "retrying").await;
    house.step("unrelated", "start", json!({})).await;
    assert_eq!(inbox.next_result().await, "START");
    inbox.answer(200);
    house.step("n", "submit", json!({})).await;
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
    let dropped = house.webhook_until(0, |entry| entry["state"] == "superseded").await;
    assert_eq!(dropped["attempts"].as_array().unwrap().len(), 1);
    house.webhook_until(1, |entry| entry["state"] == "retrying").await;
    house.clock.advance(Duration::from_secs(60));
    let other = inbox.next().await.body;
    assert_eq!(other["identificationprocess"]["transactionnumber"], "unrelated", "only the other is retried");
    house.webhook_until(1, |entry| entry["state"] == "delivered").await;
    assert!(inbox.is_empty());
}

#[tokio::test]
async fn an_unreachable_target_is_retried_and_may_move_meanwhile() {
    let house = House::new().await;
    // The discard port of this machine: nothing listens there.
    let nowhere = json!({ "url": "http://127.0.0.1:9/", "username": "u", "password": "p" });
    house.control("webhooks/target", &nowhere).await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    let entry = house.webhook_until(0, |entry| entry["state"] == "retrying").await;
    assert!(entry["attempts"][0]["status"].is_null() && entry["attempts"][0]["error"].is_string());
    let mut inbox = Inbox::of(&house).await;
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(inbox.next_result().await, "START");
}

#[tokio::test]
async fn customers_can_have_targets_of_their_own_or_none() {
    let house = House::new().await;
    let mut inbox = Inbox::open().await;
    let target = json!({ "url": inbox.url(), "username": "u", "password": "p", "customer": CUSTOMER });
    house.control("webhooks/target", &target).await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    assert_eq!(inbox.next_result().await, "START");
    let other = house.delete(&format!("/control/webhooks/target?customer={OTHER}"));
    assert_eq!(house.send(other).await.status, 200);
    house.step("n", "abort", json!({})).await;
    assert_eq!(inbox.next_result().await, "ABORTED");
    let ours = house.delete(&format!("/control/webhooks/target?customer={CUSTOMER}"));
    assert_eq!(house.send(ours).await.status, 200);
    house.step("n", "start", json!({})).await;
    let unsent = house.webhook_until(2, |entry| entry["state"] == "no_target").await;
    assert_eq!(unsent["attempts"], json!([]));
}

#[tokio::test]
async fn a_webhook_can_be_sent_again_byte_by_byte() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident("n").await;
    let early = house.control("identifications/n/resend", &json!({})).await;
    assert_eq!(early.status, 409);
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    house.step("n", "resend", json!({})).await;
    inbox.next().await;
    assert_eq!(inbox.next().await.bytes, inbox.next().await.bytes);
}

#[tokio::test]
async fn the_target_of_the_options_is_used_and_a_shutdown_ends_retries() {
    let mut inbox = Inbox::open().await;
    inbox.answer(500);
    let url = inbox.url().to_owned();
    let house = House::with(|options| {
        let password = SecretString::from("open sesame");
        options.webhook = Some(WebhookTarget { url, username: "gateway".to_owned(), password });
        options.webhook_wrapped = true;
        options.start_result = "BEGUN".to_owned();
    })
    .await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    let body = inbox.next().await.body;
    assert_eq!(body["identifications"][0]["identificationprocess"]["result"], "BEGUN");
    house.shutdown().await;
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let refused = Sandbox::start(SandboxOptions::default()).await.unwrap_err();
    assert!(refused.to_string().contains("at least one account"), "{refused}");
}
