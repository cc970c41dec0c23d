//! Lists by what became of identifications.

use axum::http::Method;
use serde_json::{Value, json};

use super::house::{CUSTOMER, House, OTHER, OTHER_KEY, assert_fault};

/// One identification of every kind, each called by where it stands.
async fn one_of_each() -> House {
    let house = House::new().await;
    house.ident("created").await;
    for (number, result) in [
        ("checked", "CHECK_PENDING"),
        ("pending", "REVIEW_PENDING"),
        ("suspected", "FRAUD_SUSPICION_PENDING"),
        ("well", "SUCCESS"),
        ("changed", "SUCCESS_DATA_CHANGED"),
        ("forged", "FRAUD_SUSPICION_CONFIRMED"),
        ("canceled", "CANCELED"),
    ] {
        house.ident(number).await;
        house.step(number, "start", json!({})).await;
        house.step(number, "submit", json!({ "result": result })).await;
    }
    for number in ["aborted", "started"] {
        house.ident(number).await;
        house.step(number, "start", json!({})).await;
    }
    house.step("aborted", "abort", json!({})).await;
    house
}

async fn listed(house: &House, query: &str) -> Vec<String> {
    let answer = house.ask(Method::GET, &format!("/identifications{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let listed = answer.json()["identifications"].take();
    let number =
        |ident: &Value| ident["identificationprocess"]["transactionnumber"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(number).collect()
}

#[tokio::test]
async fn each_parameter_lists_its_kind_and_old_spellings_do_too() {
    let house = one_of_each().await;
    assert_eq!(listed(&house, "?pending=true").await, ["pending", "suspected"]);
    assert_eq!(listed(&house, "?aborted=true").await, ["aborted"]);
    assert_eq!(listed(&house, "?canceled=true").await, ["canceled"]);
    assert_eq!(listed(&house, "?cancelled=true").await, ["canceled"]);
    assert_eq!(listed(&house, "?failed=true").await, ["canceled"]);
    assert_eq!(listed(&house, "?successful=true").await, ["well", "changed", "forged"]);
    assert_eq!(listed(&house, "").await, ["well", "changed", "forged"]);
    assert_eq!(listed(&house, "?pending=false").await, ["well", "changed", "forged"]);
    assert_eq!(listed(&house, "?aborted=true&canceled=true").await, ["canceled", "aborted"]);
}

#[tokio::test]
async fn what_is_listed_is_what_get_answers() {
    let house = one_of_each().await;
    let list = house.ask(Method::GET, "/identifications?aborted=true").await.json();
    let single = house.result(&house.token().await, "aborted").await.json();
    assert_eq!(list, json!({ "identifications": [single] }));
}

#[tokio::test]
async fn others_and_archived_ones_are_not_listed() {
    let house = one_of_each().await;
    house.ask(Method::POST, "/identifications/well/archive").await;
    house.ask(Method::DELETE, "/identifications/forged").await;
    assert_eq!(listed(&house, "").await, ["changed"]);
    let token = house.token_of(OTHER, OTHER_KEY).await;
    let others = house.get(&format!("/api/v1/{OTHER}/identifications")).header("X-API-LOGIN-TOKEN", &token);
    assert_eq!(house.send(others).await.text(), r#"{"identifications":[]}"#);
    let refused =
        house.get(&format!("/api/v1/{CUSTOMER}/identifications")).header("X-API-LOGIN-TOKEN", &token);
    assert_fault(&house.send(refused).await, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
}
