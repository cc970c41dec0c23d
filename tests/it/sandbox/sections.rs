//! Sections that a result has only when it was asked for them.

use axum::http::Method;
use serde_json::{Value, json};

use super::house::House;

const ALL: [&str; 7] = [
    "nfc",
    "bank_transfer",
    "driver_licenses",
    "second_document",
    "proof_of_address",
    "changes",
    "redaction",
];

async fn result(house: &House) -> Value {
    house.result(&house.token().await, "n").await.json()
}

async fn ask_for(house: &House, sections: Value) -> u16 {
    house.control("identifications/n/sections", &json!({ "sections": sections })).await.status
}

#[tokio::test]
async fn every_section_is_there_when_asked_for_and_only_then() {
    let house = House::new().await;
    house.finished("n").await;
    let plain = result(&house).await;
    assert_eq!(ask_for(&house, json!(ALL)).await, 200);
    let full = result(&house).await;
    let process = &full["identificationprocess"];
    assert_eq!(process["wasnfcused"], "true", "text, as recorded");
    assert_eq!(process["poaresult"], "SUCCESS");
    assert_eq!((&process["identchanges"], &process["reviewchanges"]), (&json!(true), &json!(true)));
    assert_eq!(full["banktransferpaymentinfo"]["paymentstatus"], "SUCCESS");
    assert_eq!(full["identificationdocument2"]["type"], "DRIVERS_LICENSE", "a plain value");
    let document = &full["identificationdocument"];
    assert_eq!(document["number"], json!({ "status": "REDACTION" }));
    let readouts: Vec<_> =
        document["driverlicenses"].as_array().unwrap().iter().map(|one| &one["validFromReadout"]).collect();
    assert_eq!(readouts, ["EMPTY", "DATE", "REFERENCE_GERMAN"]);
    assert_eq!(full["additionaldocuments"][0]["address"]["zipcode"]["status"], "MATCH");
    assert_eq!(full["attachments"]["utilitybill"], "n_utilitybill.jpg");
    let lastname = &full["userdata"]["lastname"];
    assert_eq!(
        (&lastname["reviewstatus"], &lastname["identification"]),
        (&json!("CHANGE"), &json!("BEISPEIL"))
    );
    assert_eq!(full["userdata"]["firstname"]["reviewstatus"], "MATCH");
    assert_eq!(ask_for(&house, json!([])).await, 200);
    assert_eq!(result(&house).await, plain);
}

#[tokio::test]
async fn a_field_of_the_person_can_ask_too() {
    let house = House::new().await;
    house.ident_of("n", &json!({ "custom4": "X-SECTIONS-NFC+BANK_TRANSFER+NOTHING" })).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    let shown = result(&house).await;
    assert_eq!(shown["identificationprocess"]["wasnfcused"], "true");
    assert!(shown["banktransferpaymentinfo"].is_object() && shown.get("additionaldocuments").is_none());
}

#[tokio::test]
async fn the_files_have_them_too() {
    let house = House::new().await;
    house.finished("n").await;
    ask_for(&house, json!(ALL)).await;
    let xml = house.ask(Method::GET, "/identifications/n.xml").await;
    for element in [
        "<wasnfcused>true</wasnfcused>",
        "<poaresult>SUCCESS</poaresult>",
        r#"<number status="REDACTION"/>"#,
        "<documentname>UTILITY_BILL</documentname>",
        "<additionaldocument>",
        "<driverlicense>",
        "<amount>€0.01</amount>",
        r#"reviewstatus="CHANGE" identification="BEISPEIL""#,
    ] {
        assert!(xml.text().contains(element), "{element} in {}", xml.text());
    }
    let archive = house.ask(Method::GET, "/identifications/n.zip").await.body;
    let archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    assert!(archive.index_for_name("n_utilitybill.jpg").is_some());
}

#[tokio::test]
async fn without_data_there_are_none_and_unknown_ones_are_refused() {
    let house = House::new().await;
    house.ident("n").await;
    ask_for(&house, json!(ALL)).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "abort", json!({})).await;
    let aborted = result(&house).await;
    assert!(
        aborted.get("banktransferpaymentinfo").is_none() && aborted.get("identificationdocument").is_none()
    );
    assert_eq!(ask_for(&house, json!(["everything"])).await, 400);
}
