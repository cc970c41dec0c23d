//! The account, its older way in, its devices, and the system check.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::house::{CUSTOMER, House, KEY, OTHER_KEY, assert_fault};

#[tokio::test]
async fn an_account_tells_its_names() {
    let house = House::new().await;
    let account = house.ask(Method::GET, "").await.json();
    assert_eq!((&account["shortname"], &account["shortcode"]), (&json!(CUSTOMER), &json!("TST")));
    assert!(account["name"].is_string() && account["estimatedWaitingTime"].is_number(), "{account}");
}

#[tokio::test]
async fn the_key_itself_still_creates_identifications() {
    let house = House::new().await;
    let path = format!("/api/v1/{CUSTOMER}/identifications/n/start");
    let start = |key: &str| house.post(&path).header("X-API-KEY", key).body("{}");
    assert_eq!(house.send(start(KEY)).await.status, 201);
    let refused = house.send(start(OTHER_KEY)).await;
    assert_eq!((refused.status, refused.body.len()), (401, 0));
    let get = house.get(&format!("/api/v1/{CUSTOMER}/identifications")).header("X-API-KEY", KEY);
    assert_eq!(house.send(get).await.status, 401, "but nothing else");
}

#[tokio::test]
async fn hasty_system_checks_are_counted() {
    let house = House::new().await;
    let check = async || assert_eq!(house.send(house.get("/system_check")).await.text(), "SYSTEM_CHECK_OK");
    for wait in [300, 299, 0] {
        check().await;
        house.clock.advance(Duration::from_secs(wait));
    }
    check().await;
    let counts = house.see("statistics").await;
    assert_eq!(counts["by_path"]["GET /system_check"], json!({ "200": 4 }));
    assert_eq!(counts["hasty_system_checks"], 2);
}

#[tokio::test]
async fn a_binding_key_is_signed_by_its_certificate_and_shown_after_the_finish() {
    let house = House::new().await;
    let id = house.ident("n").await;
    let message = json!(format!(
        "No binding key associated with the specified identification with internalToken: {id}"
    ));
    let started = house.step("n", "start", json!({ "binding_key": true })).await;
    let early = house.ask(Method::GET, "/identifications/n/bindingKey").await;
    assert_fault(&early, 404, "OBJECT_NOT_FOUND", json!("id"), message);
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    let answer = house.ask(Method::GET, "/identifications/n/bindingKey").await.json();
    assert_eq!(answer["bindingKey"], started["binding_key"], "what the app was given");

    let parts: Vec<&str> = answer["bindingKey"].as_str().unwrap().split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{parts:?}") };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header_json: Value = serde_json::from_slice(&decode(header)).unwrap();
    let claims_json: Value = serde_json::from_slice(&decode(claims)).unwrap();
    assert_eq!((&header_json["alg"], &claims_json["sub"]), (&json!("ES256"), &json!(id)));
    let certificate = STANDARD.decode(header_json["x5c"][0].as_str().unwrap()).unwrap();
    // A bit string of 66 bytes, none unused, that begins an uncompressed point.
    let at = certificate.windows(4).position(|bytes| bytes == [0x03, 0x42, 0x00, 0x04]).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &certificate[at + 3..at + 68]);
    key.verify(format!("{header}.{claims}").as_bytes(), &decode(signature)).unwrap();

    house.finished("unbound").await;
    assert_eq!(house.ask(Method::GET, "/identifications/unbound/bindingKey").await.status, 404);
}

#[tokio::test]
async fn rights_are_switched_one_by_one() {
    let house = House::new().await;
    let path = format!("accounts/{CUSTOMER}");
    let changed = house.control(&path, &json!({ "copying": false })).await.json();
    assert_eq!(changed, json!({ "signing": true, "copying": false, "archiving": true }));
    assert_eq!(house.see("accounts").await["accounts"][CUSTOMER], changed);
    let unknown = house.control("accounts/nobody", &json!({})).await;
    assert!(unknown.status == 404 && unknown.text().contains("GET /control/accounts"), "{}", unknown.text());
    let odd = house.control(&path, &json!({ "sining": false })).await;
    assert!(odd.status == 400 && odd.text().contains("unknown field `sining`"), "{}", odd.text());
}
