//! How finished identifications are copied, archived and deleted, and how long they live.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::house::{Answer, CUSTOMER, House, OTHER, OTHER_KEY, assert_fault};

async fn copy(house: &House, name: &str, body: Value) -> Answer {
    let path = format!("/identifications/{name}/copy");
    house.ask_with(&house.token().await, Method::POST, &path, body.to_string()).await
}

#[tokio::test]
async fn a_finished_one_is_deleted_and_leaves_its_number_taken() {
    let house = House::new().await;
    let id = house.finished("n").await;
    let deleted = house.ask(Method::DELETE, "/identifications/N").await;
    assert_eq!((deleted.status, deleted.text(), deleted.header("content-length")), (200, "", "0"));
    assert_eq!(deleted.header("vary"), "Origin");
    let key = json!(format!("Ident {id} - No identification request found matching the provided parameters"));
    for answer in [
        house.ask(Method::GET, "/identifications/n").await,
        house.ask(Method::DELETE, &format!("/identifications/{id}")).await,
    ] {
        assert_fault(&answer, 404, "OBJECT_NOT_FOUND", key.clone(), Value::Null);
    }
    assert_eq!(house.create(&house.token().await, "n", &json!({})).await.status, 409);
    assert_eq!(house.see("identifications/n").await["state"], "DELETED");
}

#[tokio::test]
async fn one_that_is_not_finished_is_neither_deleted_nor_archived() {
    let house = House::new().await;
    let id = house.ident("n").await;
    let key = json!(format!("Ident {id} / IdentRequest 381892 not yet finished"));
    let steps = [("start", json!({})), ("submit", json!({})), ("review", json!({ "result": "CANCELED" }))];
    for (step, body) in steps {
        let refused = house.ask(Method::DELETE, "/identifications/n").await;
        assert_fault(&refused, 404, "OBJECT_NOT_FOUND", key.clone(), Value::Null);
        assert_eq!(refused.body.len(), 174, "as recorded");
        let refused = house.ask(Method::POST, "/identifications/n/archive").await;
        assert_fault(&refused, 404, "OBJECT_NOT_FOUND", key.clone(), Value::Null);
        house.step("n", step, body).await;
    }
    assert_eq!(house.ask(Method::DELETE, "/identifications/n").await.status, 404, "canceled is not finished");
}

#[tokio::test]
async fn an_archived_one_keeps_its_result_and_is_archived_once() {
    let house = House::new().await;
    house.finished("n").await;
    let archived = house.ask(Method::POST, "/identifications/n/archive").await;
    assert_eq!((archived.status, archived.text()), (200, ""));
    assert_eq!(house.see("identifications/n").await["state"], "ARCHIVED");
    assert_eq!(house.result(&house.token().await, "n").await.status, 200);
    let again = house.ask(Method::POST, "/identifications/n/archive").await;
    assert_fault(&again, 409, "EXISTING_IDENTIFICATION", Value::Null, Value::Null);
    house.control(&format!("accounts/{CUSTOMER}"), &json!({ "archiving": false })).await;
    let forbidden = house.ask(Method::POST, "/identifications/n/archive").await;
    assert_fault(&forbidden, 403, "FORBIDDEN", Value::Null, Value::Null);
}

#[tokio::test]
async fn a_copy_is_another_accounts_and_has_the_same_result() {
    let house = House::new().await;
    let id = house.finished("n").await;
    let target = json!({ "target_companyid": OTHER, "target_transactionnumber": "theirs" });
    let copied = copy(&house, "n", target.clone()).await;
    let copied_id = copied.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((copied.status, copied.text()), (201, format!(r#"{{"id":"{copied_id}"}}"#).as_str()));
    assert_ne!(copied_id, id);
    let token = house.token_of(OTHER, OTHER_KEY).await;
    let theirs = house.get(&format!("/api/v1/{OTHER}/identifications/theirs"));
    let theirs = house.send(theirs.header("X-API-LOGIN-TOKEN", token)).await.json();
    let process = &theirs["identificationprocess"];
    assert_eq!((&process["id"], &process["companyid"]), (&json!(copied_id), &json!(OTHER)));
    let ours = house.result(&house.token().await, "n").await.json();
    assert_eq!(theirs["userdata"], ours["userdata"]);
    assert_eq!(process["identificationtime"], ours["identificationprocess"]["identificationtime"]);

    let taken = copy(&house, "n", target).await;
    assert_fault(&taken, 409, "EXISTING_IDENTIFICATION", Value::Null, Value::Null);
    let numberless = copy(&house, &id, json!({ "target_companyid": CUSTOMER })).await;
    assert_eq!(numberless.status, 201, "a number is made up");
    house.ask(Method::DELETE, "/identifications/n").await;
    let name = numberless.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(house.result(&house.token().await, &name).await.status, 200, "a copy lives on");
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused() {
    let house = House::new().await;
    house.ident("open").await;
    house.finished("n").await;
    for name in ["abc", "open"] {
        let missing = copy(&house, name, json!({ "target_companyid": OTHER })).await;
        assert_fault(&missing, 404, "OBJECT_NOT_FOUND", json!("token"), json!(name));
    }
    assert_eq!(
        copy(&house, "abc", json!({ "target_companyid": OTHER })).await.body.len(),
        126,
        "as recorded"
    );
    let unnamed = copy(&house, "n", json!({})).await;
    let message = json!("Please provide a correct value for ‘target_companyid’");
    assert_fault(&unnamed, 400, "BAD_REQUEST", json!("target_companyid"), message);
    let odd = json!({ "target_companyid": OTHER, "target_transactionnumber": "a b" });
    assert_eq!(copy(&house, "n", odd).await.status, 400);
    let unknown = copy(&house, "n", json!({ "target": OTHER })).await;
    assert_fault(&unknown, 400, "UNRECOGNIZED_FIELD", json!("target"), Value::Null);
    for target in ["nobody", OTHER] {
        house.control(&format!("accounts/{OTHER}"), &json!({ "copying": false })).await;
        let forbidden = copy(&house, "n", json!({ "target_companyid": target })).await;
        assert_fault(&forbidden, 403, "FORBIDDEN", Value::Null, Value::Null);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_done() {
    let house = House::new().await;
    house.finished("n").await;
    for (method, path) in [
        (Method::DELETE, "/identifications/n"),
        (Method::POST, "/identifications/n/archive"),
        (Method::POST, "/identifications/n/copy"),
        (Method::GET, "/identifications/n/bindingKey"),
        (Method::GET, "/identifications"),
        (Method::GET, ""),
    ] {
        let refused = house.ask_with("made up", method, path, "{}").await;
        assert_fault(&refused, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
    }
    assert_eq!(house.see("identifications/n").await["state"], "FINISHED");
}

#[tokio::test]
async fn a_life_is_ninety_days_long() {
    let house = House::with(|options| options.speed = 2.0).await;
    house.finished("n").await;
    house.clock.advance(Duration::from_secs(10 * 24 * 60 * 60));
    house.finished("later").await;
    house.clock.advance(Duration::from_secs(35 * 24 * 60 * 60 - 1));
    assert_eq!(house.see("identifications/n").await["state"], "FINISHED");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.see("identifications/n").await["state"], "DELETED");
    assert_eq!(house.see("identifications/later").await["state"], "FINISHED");
    assert_eq!(house.create(&house.token().await, "n", &json!({})).await.status, 409);
}
