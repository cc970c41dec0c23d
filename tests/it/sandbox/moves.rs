//! What the person and the reviewer can do, and what the result shows afterwards.

use serde_json::{Value, json};

use super::house::House;

async fn refused(house: &House, step: &str, body: Value, hint: &str) {
    let answer = house.control(&format!("identifications/n/{step}"), &body).await;
    assert_eq!(answer.status, 409, "{step}: {}", answer.text());
    assert!(answer.json()["error"].is_string() && answer.text().contains(hint), "{}", answer.text());
}

#[tokio::test]
async fn a_started_ident_cannot_be_started_again_in_review_or_after_the_finish() {
    let house = House::new().await;
    let token = house.token().await;
    house.ident("n").await;
    refused(&house, "submit", json!({}), "/start first").await;
    refused(&house, "abort", json!({}), "/start first").await;
    refused(&house, "review", json!({ "result": "SUCCESS" }), "/submit first").await;

    house.step("n", "start", json!({ "channel": "WEB" })).await;
    let again = house.step("n", "start", json!({})).await;
    assert_eq!((&again["state"], &again["attempts"]), (&json!("STARTED"), &json!(2)), "the end was lost");
    house.step("n", "submit", json!({})).await;
    refused(&house, "start", json!({}), "in review").await;
    assert_eq!(house.create(&token, "n", &json!({})).await.status, 200, "data may change until the finish");

    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    refused(&house, "start", json!({}), "finished").await;
    let finished = house.create(&token, "N", &json!({})).await;
    assert_eq!(finished.status, 409);
    let expected = format!(
        r#"{{"errors":[{{"cause":"EXISTING_IDENTIFICATION","errorType":null,"id":"{}","key":null,"message":null,"translationKey":null}}]}}"#,
        finished.fault_id()
    );
    assert_eq!(finished.text(), expected);
}

#[tokio::test]
async fn aborted_and_canceled_idents_are_used_again_under_the_same_id() {
    let house = House::new().await;
    let token = house.token().await;
    let id = house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "abort", json!({ "reason": "USER_CANCELLATION_PRIVACY_CONCERNS" })).await;
    assert_eq!(house.create(&token, "n", &json!({})).await.status, 200);
    house.step("n", "start", json!({})).await;
    assert_eq!(house.result(&token, "n").await.status, 404, "no result while the second try is under way");
    house.step("n", "submit", json!({})).await;
    house.step("n", "review", json!({ "result": "CANCELED", "reason": "ID_BLURRY" })).await;
    refused(&house, "review", json!({ "result": "SUCCESS" }), "nothing to review").await;
    let third = house.step(&id, "start", json!({})).await;
    assert_eq!((&third["attempts"], &third["id"], &third["reason"]), (&json!(3), &json!(id), &Value::Null));
}

#[tokio::test]
async fn a_reviewer_can_change_a_final_result() {
    let house = House::new().await;
    let token = house.token().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    let fraud = json!({ "result": "FRAUD_SUSPICION_CONFIRMED", "reason": "WARNING_PAPER_PRINT" });
    house.step("n", "review", fraud).await;
    let process = house.result(&token, "n").await.json()["identificationprocess"].take();
    assert_eq!(process["result"], "FRAUD_SUSPICION_CONFIRMED");
    assert_eq!(process["reason"], "WARNING_PAPER_PRINT");
}

#[tokio::test]
async fn a_deleted_ident_leaves_its_number_taken() {
    let house = House::new().await;
    let token = house.token().await;
    house.ident("n").await;
    let deleted = house.send(house.delete("/control/identifications/n")).await;
    assert_eq!((deleted.status, &deleted.json()["state"]), (200, &json!("DELETED")));
    assert_eq!(house.result(&token, "n").await.status, 404);
    assert_eq!(house.create(&token, "N", &json!({})).await.status, 409);
    refused(&house, "start", json!({}), "deleted").await;
}

#[tokio::test]
async fn a_success_has_every_section_and_echoes_the_customers_data() {
    let house = House::new().await;
    let token = house.token().await;
    let person = json!({
        "firstname": "Erika", "lastname": "Probe", "custom3": "ours", "email": "e@example.com", "city": "Musterstadt"
    });
    let id = house.ident_of("Order-7", &person).await;
    house.step("order-7", "start", json!({ "channel": "WEB" })).await;
    house
        .step("order-7", "submit", json!({ "result": "FRAUD_SUSPICION_PENDING", "reason": "WARNING_SCAN" }))
        .await;
    house.step("order-7", "review", json!({ "result": "SUCCESS" })).await;
    let document = house.result(&token, "Order-7").await.json();
    let process = json!({
        "result": "SUCCESS", "companyid": "beispielbank", "filename": "Order-7.zip", "agentname": "SANDBOX",
        "identificationtime": "2026-11-20T13:00:00+01:00", "id": id, "type": "WEB",
        "href": "/api/v1/beispielbank/identifications/Order-7.zip", "transactionnumber": "Order-7",
        "previousresult": "FRAUD_SUSPICION_PENDING"
    });
    assert_eq!(document["identificationprocess"], process);
    let custom =
        json!({ "custom1": null, "custom2": null, "custom3": "ours", "custom4": null, "custom5": null });
    assert_eq!(document["customdata"], custom);
    assert_eq!(document["contactdata"], json!({ "mobilephone": null, "email": "e@example.com" }));
    let matched = json!({ "status": "MATCH", "value": "PROBE", "original": "PROBE" });
    assert_eq!(document["userdata"]["lastname"], matched);
    assert_eq!(document["userdata"]["birthday"], json!({ "status": "NEW", "value": "1985-04-12" }));
    assert_eq!(document["userdata"]["address"]["city"]["status"], "MATCH");
    assert_eq!(document["identificationdocument"]["type"], json!({ "status": "NEW", "value": "IDCARD" }));
    assert_eq!(document["attachments"]["pdf"], "Order-7.pdf");
}

#[tokio::test]
async fn changed_data_shows_the_old_and_the_new_value() {
    let house = House::new().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS_DATA_CHANGED" })).await;
    let document = house.result(&house.token().await, "n").await.json();
    let changed = json!({ "status": "CHANGE", "value": "BEISPIEL-BERICHTIGT", "original": "BEISPIEL" });
    assert_eq!(document["userdata"]["lastname"], changed);
    assert_eq!(document["userdata"]["firstname"]["status"], "MATCH");
}

#[tokio::test]
async fn without_a_decision_only_the_customers_own_data_is_shown() {
    let house = House::new().await;
    let token = house.token().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "abort", json!({})).await;
    let aborted = house.result(&token, "n").await.json();
    assert_eq!(aborted["identificationprocess"]["identificationtime"], Value::Null);
    assert_eq!(aborted["identificationprocess"]["reason"], "USER_CANCELLATION_IDENTIFY_LATER");
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({})).await;
    let checked = house.result(&token, "n").await.json();
    assert_eq!(checked["identificationprocess"]["identificationtime"], "2026-11-20T13:00:00+01:00");
    assert_eq!(checked["identificationprocess"]["href"], Value::Null);
    assert!(checked["identificationdocument"].is_object() && checked["attachments"].is_object());
    house.step("n", "review", json!({ "result": "CANCELED", "reason": "ID_GLARE" })).await;
    let canceled = house.result(&token, "n").await.json();
    for document in [&aborted, &canceled] {
        assert!(document.get("identificationdocument").is_none() && document.get("attachments").is_none());
    }
    for document in [&aborted, &checked, &canceled] {
        assert_eq!(document["userdata"]["firstname"], json!({ "status": "ORIGINAL", "original": "ERIKA" }));
        assert_eq!(document["userdata"].get("birthday"), None);
        assert_eq!(document["customdata"]["custom1"], "ours");
    }
}

#[tokio::test]
async fn words_the_vendor_never_wrote_can_be_tried() {
    let house = House::new().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    let odd = house.step("n", "submit", json!({ "result": "SOMETHING_NEW" })).await;
    assert_eq!((&odd["state"], &odd["result"]), (&json!("IN_REVIEW"), &json!("SOMETHING_NEW")));
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
}

#[tokio::test]
async fn the_control_api_says_what_to_do_instead() {
    let house = House::new().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    for (path, body, status, hint) in [
        ("identifications/nobody/start", json!({}), 404, "create it with POST"),
        ("identifications/n/start", json!({ "chanel": "APP" }), 400, "unknown field `chanel`"),
        ("identifications/n/submit", json!({ "result": "success" }), 400, "SUCCESS"),
        ("identifications/n/review", json!({}), 400, "missing field `result`"),
        ("identifications/n/submit", json!({ "result": "ABORTED" }), 409, "/abort"),
        ("webhooks/target", json!({ "url": "nowhere", "username": "u", "password": "p" }), 400, "absolute"),
    ] {
        let answer = house.control(path, &body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.json()["error"].as_str().unwrap().contains(hint), "{path}: {}", answer.text());
    }
}
