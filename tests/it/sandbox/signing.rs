//! Documents to sign: defined, uploaded, signed.

use axum::http::Method;
use serde_json::{Value, json};

use super::house::{Answer, CUSTOMER, House, OTHER, OTHER_KEY, assert_fault};

const PDF: &str = "%PDF-1.4 a contract";
const PDF_HASH: &str = "16072081ddbeaff04ad875ef87f81421";

fn definition(identifier: &str) -> Value {
    json!({ "name": "Contract", "identifier": identifier, "optional": false, "mimeType": "application/pdf" })
}

async fn post(house: &House, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    house.ask_with(&house.token().await, Method::POST, path, body).await
}

async fn define(house: &House, identifier: &str) {
    let answer = post(house, "/documentdefinitions", definition(identifier).to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn get(house: &House, path: &str) -> Answer {
    house.ask(Method::GET, path).await
}

fn no_definition(answer: &Answer) {
    let message = json!("no matching documentDefinition found");
    assert_fault(answer, 404, "OBJECT_NOT_FOUND", json!("identifier"), message);
    assert_eq!(answer.body.len(), 164, "as recorded");
}

fn no_document(answer: &Answer) {
    let message = json!("Unable to find document definition");
    assert_fault(answer, 404, "OBJECT_NOT_FOUND", json!("identifier"), message);
}

#[tokio::test]
async fn a_definition_is_made_shown_changed_and_deleted() {
    let house = House::new().await;
    let created = post(&house, "/documentdefinitions", definition("doc").to_string()).await;
    assert_eq!((created.status, created.text(), created.header("content-length")), (201, "", "0"));
    assert_eq!(created.header("vary"), "Origin");
    let shown = json!({
        "optional": false, "name": "Contract", "identifier": "doc", "mimeType": "application/pdf",
        "sortOrder": 1, "viewPolicy": "DEFAULT"
    });
    assert_eq!(get(&house, "/documentdefinitions/doc").await.json(), shown);
    let mut change = definition("doc");
    (change["viewPolicy"], change["sortOrder"]) = (json!("SCROLL"), json!(7));
    let changed = post(&house, "/documentdefinitions/doc", change.to_string()).await;
    assert_eq!((changed.status, changed.text()), (200, ""));
    define(&house, "last").await;
    let all = get(&house, "/documentdefinitions").await.json();
    let order =
        |index: usize| (&all[index]["identifier"], &all[index]["sortOrder"], &all[index]["viewPolicy"]);
    assert_eq!(order(0), (&json!("doc"), &json!(7), &json!("SCROLL")));
    assert_eq!(order(1), (&json!("last"), &json!(8), &json!("DEFAULT")));
    let deleted = house.ask(Method::DELETE, "/documentdefinitions/doc").await;
    assert_eq!((deleted.status, deleted.text()), (200, ""));
    no_definition(&get(&house, "/documentdefinitions/doc").await);
    no_definition(&house.ask(Method::DELETE, "/documentdefinitions/doc").await);
    no_definition(&post(&house, "/documentdefinitions/doc", definition("doc").to_string()).await);
    let token = house.token_of(OTHER, OTHER_KEY).await;
    let others =
        house.get(&format!("/api/v1/{OTHER}/documentdefinitions")).header("X-API-LOGIN-TOKEN", token);
    assert_eq!(house.send(others).await.text(), "[]", "each account has its own");
}

#[tokio::test]
async fn the_old_contract_updates_by_creating_again() {
    let house = House::new().await;
    define(&house, "doc").await;
    let again = post(&house, "/documentdefinitions", definition("doc").to_string()).await;
    let message = json!("Please provide a correct value for ‘identifier’");
    assert_fault(&again, 400, "BAD_REQUEST", json!("identifier"), message);
    house.control("shape", &json!({ "old_definitions": true })).await;
    for (identifier, status) in [("doc", 200), ("new", 201)] {
        let answer = post(&house, "/documentdefinitions", definition(identifier).to_string()).await;
        assert_eq!((answer.status, answer.text()), (status, "{}"));
    }
}

#[tokio::test]
async fn a_definition_that_cannot_be_is_refused() {
    let house = House::new().await;
    for (member, value) in [
        ("identifier", json!("Doc")),
        ("identifier", json!("ä")),
        ("identifier", json!("")),
        ("name", json!("")),
        ("name", Value::Null),
        ("optional", json!("no")),
        ("mimeType", json!("text/plain")),
        ("sortOrder", json!("first")),
        ("viewPolicy", json!("NEVER")),
    ] {
        let mut odd = definition("doc");
        odd[member] = value;
        let answer = post(&house, "/documentdefinitions", odd.to_string()).await;
        let message = json!(format!("Please provide a correct value for ‘{member}’"));
        assert_fault(&answer, 400, "BAD_REQUEST", json!(member), message);
    }
    let mut odd = definition("doc");
    odd["colour"] = json!("red");
    let answer = post(&house, "/documentdefinitions", odd.to_string()).await;
    assert_fault(&answer, 400, "UNRECOGNIZED_FIELD", json!("colour"), Value::Null);
    for number in 0..25 {
        define(&house, &format!("doc{number}")).await;
    }
    let answer = post(&house, "/documentdefinitions", definition("one_more").to_string()).await;
    assert_eq!(answer.status, 400);
    let renamed = post(&house, "/documentdefinitions/doc1", definition("doc2").to_string()).await;
    assert_eq!(renamed.status, 400, "an identifier cannot change");
}

#[tokio::test]
async fn a_customer_without_signing_is_told_so_everywhere() {
    let house = House::new().await;
    house.ident("n").await;
    house.control(&format!("accounts/{CUSTOMER}"), &json!({ "signing": false })).await;
    let message = json!(format!("The customer '{CUSTOMER}' is not an esigning customer!"));
    for (method, path) in [
        (Method::POST, "/documentdefinitions"),
        (Method::GET, "/documentdefinitions"),
        (Method::DELETE, "/documentdefinitions/doc"),
        (Method::POST, "/identifications/n/documents/doc/data"),
        (Method::GET, "/identifications/n/documents"),
    ] {
        let refused = house.ask_with(&house.token().await, method, path, definition("doc").to_string()).await;
        assert_fault(&refused, 412, "PRECONDITION_FAILED", Value::Null, message.clone());
    }
    let unknown = house.ask_with("made up", Method::POST, "/documentdefinitions", "{}").await;
    assert_eq!((unknown.status, unknown.text()), (401, ""), "recorded without a body");
    for (method, path) in [
        (Method::GET, "/documentdefinitions"),
        (Method::GET, "/identifications/n/documents"),
        (Method::POST, "/identifications/n/documents/doc/data"),
    ] {
        let unknown = house.ask_with("made up", method, path, "x").await;
        assert_fault(&unknown, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
    }
}

#[tokio::test]
async fn a_document_is_uploaded_signed_and_part_of_the_result() {
    let house = House::new().await;
    define(&house, "doc").await;
    house.ident("n").await;
    let document = "/identifications/n/documents/doc";
    let wanted = get(&house, document).await.json();
    assert_eq!(
        (&wanted["status"], wanted.get("hash"), wanted.get("displayHash")),
        (&json!("NEED_UPLOAD"), None, None)
    );
    no_document(&get(&house, &format!("{document}/data")).await);
    let uploaded = post(&house, &format!("{document}/data"), PDF).await;
    assert_eq!((uploaded.status, uploaded.text()), (200, ""));
    let shown = get(&house, document).await.json();
    assert_eq!((&shown["name"], &shown["status"]), (&json!("Contract"), &json!("UPLOADED")));
    let hash = shown["hash"].as_str().unwrap();
    assert_eq!((hash.len(), &hash[..32]), (64, PDF_HASH));
    assert_eq!(shown["displayHash"], format!("{}-{}-{}", &hash[..4], &hash[4..8], &hash[8..12]));
    assert_eq!(shown["documentDefinition"], get(&house, "/documentdefinitions/doc").await.json());
    assert_eq!(get(&house, "/identifications/n/documents").await.json(), json!([shown]));
    assert_eq!(get(&house, &format!("{document}/data")).await.text(), PDF);

    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "REVIEW_PENDING" })).await;
    let early = get(&house, &format!("{document}/signed")).await;
    assert_fault(&early, 400, "BAD_REQUEST", json!("document"), json!("Document has not yet been signed"));
    house.step("n", "review", json!({ "result": "SUCCESS" })).await;
    assert_eq!(get(&house, document).await.json()["status"], "SIGNED");
    let signed = get(&house, &format!("{document}/signed")).await;
    assert_eq!((signed.status, signed.header("content-type")), (200, "application/pdf"));
    assert!(signed.text().starts_with(PDF) && signed.text().len() > PDF.len());

    let result = get(&house, "/identifications/n").await.json();
    assert_eq!(result["esigning"], json!({ "result": "SUCCESS", "sessionid": "" }));
    assert_eq!(result["attachments"]["contract-doc"], "n_doc_original.pdf");
    let file = result["attachments"]["signedcontract-doc"].as_str().unwrap();
    let archive = get(&house, "/identifications/n.zip").await.body;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let inside = std::io::read_to_string(archive.by_name(file).unwrap()).unwrap();
    assert_eq!(inside, signed.text());
    let xml = get(&house, "/identifications/n.xml").await;
    assert!(
        xml.text().contains("<signedcontract-doc>n_doc_signed.pdf</signedcontract-doc>"),
        "{}",
        xml.text()
    );
}

#[tokio::test]
async fn only_a_success_signs() {
    let house = House::new().await;
    define(&house, "doc").await;
    for result in ["FRAUD_SUSPICION_CONFIRMED", "CANCELED"] {
        house.ident(result).await;
        post(&house, &format!("/identifications/{result}/documents/doc/data"), PDF).await;
        house.step(result, "start", json!({})).await;
        house.step(result, "submit", json!({ "result": result })).await;
        let path = format!("/identifications/{result}/documents/doc");
        assert_eq!(get(&house, &format!("{path}/signed")).await.status, 400);
        assert_eq!(get(&house, &path).await.json()["status"], "UPLOADED");
    }
}

#[tokio::test]
async fn one_document_can_come_in_a_list_of_one() {
    let house = House::new().await;
    define(&house, "doc").await;
    house.ident("n").await;
    let single = get(&house, "/identifications/n/documents/doc").await.json();
    house.control("shape", &json!({ "document_in_array": true })).await;
    assert_eq!(get(&house, "/identifications/n/documents/doc").await.json(), json!([single]));
}

#[tokio::test]
async fn what_was_not_defined_is_neither_uploaded_nor_downloaded() {
    let house = House::new().await;
    house.ident("n").await;
    let upload = post(&house, "/identifications/n/documents/doc/data", PDF).await;
    let message = json!("no matching documentDefinition found");
    assert_fault(&upload, 412, "PRECONDITION_FAILED", Value::Null, message);
    no_document(&get(&house, "/identifications/n/documents/doc/signed").await);
    no_document(&get(&house, "/identifications/n/documents/doc").await);
    no_document(&post(&house, "/identifications/n/documents/doc", "{}").await);
    no_definition(&post(&house, "/documentdefinitions/doc/data", PDF).await);
    no_definition(&get(&house, "/documentdefinitions/doc/data").await);
    assert_eq!(get(&house, "/identifications/nobody/documents").await.status, 404);
}

#[tokio::test]
async fn a_default_stands_where_nothing_was_uploaded() {
    let house = House::new().await;
    define(&house, "doc").await;
    define(&house, "terms").await;
    assert_eq!(post(&house, "/documentdefinitions/terms/data", PDF).await.status, 200);
    assert_eq!(get(&house, "/documentdefinitions/terms/data").await.text(), PDF);
    house.ident("n").await;
    let status = async |name: &str| {
        get(&house, &format!("/identifications/n/documents/{name}")).await.json()["status"].take()
    };
    assert_eq!((status("doc").await, status("terms").await), (json!("NEED_UPLOAD"), json!("UPLOADED")));
    let early = house.control("identifications/n/start", &json!({})).await;
    assert!(early.status == 409 && early.text().contains("doc"), "{}", early.text());
    post(&house, "/identifications/n/documents/doc/data", "%PDF own").await;
    house.step("n", "start", json!({})).await;
    assert_eq!(get(&house, "/identifications/n/documents/terms/data").await.text(), PDF);
}

#[tokio::test]
async fn a_document_can_have_a_name_of_its_own() {
    let house = House::new().await;
    define(&house, "doc").await;
    house.ident("n").await;
    let named = json!({ "name": "Erika's contract", "version": 2, "signatures": [] });
    assert_eq!(post(&house, "/identifications/n/documents/doc", named.to_string()).await.status, 200);
    let shown = get(&house, "/identifications/n/documents/doc").await.json();
    assert_eq!(
        (&shown["name"], &shown["documentDefinition"]["name"]),
        (&json!("Erika's contract"), &json!("Contract"))
    );
}

#[tokio::test]
async fn uploads_have_an_end_and_a_limit() {
    let house = House::new().await;
    define(&house, "doc").await;
    define(&house, "other").await;
    house.ident("n").await;
    let message = json!("Please provide a correct value for ‘document’");
    let empty = post(&house, "/identifications/n/documents/doc/data", "").await;
    assert_fault(&empty, 400, "BAD_REQUEST", json!("document"), message.clone());
    let most = 50 << 20;
    assert_eq!(post(&house, "/identifications/n/documents/doc/data", vec![b' '; most - 1]).await.status, 200);
    let full = post(&house, "/identifications/n/documents/other/data", "xx").await;
    assert_fault(&full, 400, "BAD_REQUEST", json!("document"), message.clone());
    assert_eq!(post(&house, "/identifications/n/documents/other/data", "x").await.status, 200);
    let large = post(&house, "/identifications/n/documents/doc/data", vec![b' '; most + 1]).await;
    assert_fault(&large, 400, "BAD_REQUEST", json!("document"), message);
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    let late = post(&house, "/identifications/n/documents/doc/data", PDF).await;
    assert_fault(&late, 409, "EXISTING_IDENTIFICATION", Value::Null, Value::Null);
    house.ask(Method::DELETE, "/identifications/n").await;
    assert_eq!(get(&house, "/identifications/n/documents").await.status, 404);
}
