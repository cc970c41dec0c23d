//! The vendor's test robot.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{CUSTOMER, House, Inbox, KEY, assert_fault};

/// Hands in an identification that asks for the robot in `field`, and returns what the robot makes of it.
async fn reviewed(house: &House, inbox: &mut Inbox, number: &str, field: &str, scenario: &str) -> Value {
    house.ident_of(number, &json!({ field: format!("X-MANUALTEST-{scenario}") })).await;
    house.step(number, "start", json!({})).await;
    assert_eq!(inbox.next_result().await, "START");
    house.step(number, "submit", json!({})).await;
    assert_eq!(inbox.next_result().await, "CHECK_PENDING");
    house.clock.advance(Duration::from_secs(59));
    assert_eq!(house.see(&format!("identifications/{number}")).await["state"], "IN_REVIEW");
    house.clock.advance(Duration::from_secs(61));
    inbox.next().await.body
}

#[tokio::test]
async fn it_reviews_within_one_to_two_minutes() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    for (number, field, scenario, result, reason) in [
        ("a", "firstname", "HAPPYPATH", "SUCCESS", None),
        ("b", "lastname", "FRAUDIDENT", "FRAUD_SUSPICION_CONFIRMED", Some("WARNING_FAKED_MANIPULATED_ID")),
        ("c", "custom1", "CANCELED", "CANCELED", Some("OTHER_ERROR")),
        ("d", "custom5", "CANCELLED", "CANCELED", Some("OTHER_ERROR")),
    ] {
        let document = reviewed(&house, &mut inbox, number, field, scenario).await;
        let process = &document["identificationprocess"];
        assert_eq!((&process["result"], &process["reason"]), (&json!(result), &json!(reason)));
        assert_eq!(process["agentname"], "TROBOT");
    }
}

#[tokio::test]
async fn its_results_show_the_sample_person() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    let document = reviewed(&house, &mut inbox, "n", "lastname", "HAPPYPATH").await;
    let lastname = json!({ "status": "CHANGE", "value": "BEISPIEL", "original": "X-MANUALTEST-HAPPYPATH" });
    assert_eq!(document["userdata"]["lastname"], lastname);
}

#[tokio::test]
async fn it_can_spell_canceled_as_its_table_does() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.control("robot", &json!({ "canceled_result": "FAILED" })).await;
    let document = reviewed(&house, &mut inbox, "n", "custom2", "CANCELED").await;
    assert_eq!(document["identificationprocess"]["result"], "FAILED");
    let again = house.step("n", "start", json!({})).await;
    assert_eq!(again["state"], "STARTED", "as after CANCELED");
}

#[tokio::test]
async fn speed_shortens_its_minutes() {
    let house = House::with(|options| options.speed = 60.0).await;
    let mut inbox = Inbox::of(&house).await;
    house.ident_of("n", &json!({ "firstname": "X-MANUALTEST-HAPPYPATH" })).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({})).await;
    house.clock.advance(Duration::from_secs(2));
    let results = [inbox.next_result().await, inbox.next_result().await, inbox.next_result().await];
    assert_eq!(results, ["START", "CHECK_PENDING", "SUCCESS"]);
}

#[tokio::test]
async fn it_leaves_alone_what_someone_else_reviewed() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident_of("n", &json!({ "firstname": "X-MANUALTEST-FRAUDIDENT" })).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({})).await;
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    for expected in ["START", "CHECK_PENDING", "SUCCESS"] {
        assert_eq!(inbox.next_result().await, expected);
    }
    house.clock.advance(Duration::from_secs(120));
    // A later identification's webhook is a sign that the robot, due before, has had its turn.
    house.ident_of("later", &json!({ "firstname": "X-MANUALTEST-FRAUDIDENT" })).await;
    house.step("later", "start", json!({})).await;
    house.step("later", "submit", json!({})).await;
    house.clock.advance(Duration::from_secs(120));
    for expected in ["START", "CHECK_PENDING", "FRAUD_SUSPICION_CONFIRMED"] {
        assert_eq!(inbox.next_result().await, expected);
    }
    assert_eq!(house.see("identifications/n").await["result"], "SUCCESS");
}

#[tokio::test]
async fn its_older_scenarios_have_a_second_look_or_end_otherwise() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    for (scenario, looks) in [
        ("CHANGEALL", &["SUCCESS_DATA_CHANGED"][..]),
        ("CHANGEALLREVIEW", &["REVIEW_PENDING", "SUCCESS_DATA_CHANGED"]),
        ("FRAUDREVIEW", &["FRAUD_SUSPICION_PENDING", "FRAUD_SUSPICION_CONFIRMED"]),
        ("FRAUDOK", &["FRAUD_SUSPICION_PENDING", "SUCCESS"]),
        ("ABORTIDENT", &["ABORTED"]),
    ] {
        let first = reviewed(&house, &mut inbox, scenario, "custom1", scenario).await;
        let mut seen = vec![first["identificationprocess"]["result"].clone()];
        if looks.len() > 1 {
            house.clock.advance(Duration::from_secs(120));
            let second = inbox.next().await.body;
            assert_eq!(second["identificationprocess"]["previousresult"], looks[0], "{scenario}");
            seen.push(second["identificationprocess"]["result"].clone());
        }
        assert_eq!(seen, looks, "{scenario}");
    }
    let aborted = house.result(&house.token().await, "ABORTIDENT").await.json();
    assert_eq!(aborted["identificationprocess"]["identificationtime"], Value::Null);
    assert!(aborted.get("identificationdocument").is_none());
}

#[tokio::test]
async fn a_long_review_takes_a_day() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    let first = reviewed(&house, &mut inbox, "n", "custom1", "LONGREVIEW").await;
    assert_eq!(first["identificationprocess"]["result"], "REVIEW_PENDING");
    house.clock.advance(Duration::from_secs(24 * 60 * 60 - 120));
    assert_eq!(house.see("identifications/n").await["result"], "REVIEW_PENDING");
    house.clock.advance(Duration::from_secs(120));
    assert_eq!(inbox.next_result().await, "SUCCESS");
}

#[tokio::test]
async fn at_its_own_address_it_plays_the_person_too() {
    let house = House::new().await;
    let mut inbox = Inbox::of(&house).await;
    house.ident_of("n", &json!({ "lastname": "X-AUTOTEST-HAPPYPATH" })).await;
    let ask = async |step: &str, key: &str| {
        let path = format!("/robot/api/v1/{CUSTOMER}/identifications/n/{step}");
        house.send(house.post(&path).header("X-API-KEY", key).body("{}")).await
    };
    let refused = ask("start", "wrong").await;
    assert_fault(&refused, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
    let early = ask("requestVideoChat", KEY).await;
    assert_fault(&early, 409, "EXISTING_IDENTIFICATION", Value::Null, Value::Null);
    let started = ask("start", KEY).await;
    assert_eq!((started.status, started.text()), (200, "{}"));
    let submitted = ask("requestVideoChat", KEY).await;
    assert_eq!((submitted.status, &submitted.json()["status"]), (200, &json!("IN_REVIEW")));
    house.clock.advance(Duration::from_secs(120));
    for expected in ["START", "CHECK_PENDING", "SUCCESS"] {
        assert_eq!(inbox.next_result().await, expected);
    }
}
