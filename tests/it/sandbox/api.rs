//! The vendor's endpoints, byte by byte where bytes are recorded.

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::house::{CUSTOMER, House, KEY, OTHER, OTHER_KEY, START_SECONDS, assert_fault};

#[tokio::test]
async fn the_system_check_needs_no_login() {
    let house = House::new().await;
    let answer = house.send(house.get("/system_check")).await;
    assert_eq!((answer.status, answer.text()), (200, "SYSTEM_CHECK_OK"));
    let about = house.send(house.get("/")).await;
    assert!(about.text().contains("/control/identifications/{t}/submit"), "{}", about.text());
    house.shutdown().await;
}

#[tokio::test]
async fn a_login_answers_with_a_token_of_the_recorded_claims() {
    let house = House::new().await;
    let token = house.token().await;
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(claims["aud"], "de.idnow.application");
    assert_eq!(claims["iat"], START_SECONDS);
    assert_eq!(claims["exp"], START_SECONDS + 3600);
    assert_eq!(claims["nbf"], START_SECONDS - 120);
    assert_eq!(claims["sub"], CUSTOMER);
    assert_ne!(token, house.token().await, "each token has its own jti");
}

#[tokio::test]
async fn a_wrong_customer_or_key_is_refused_and_a_form_breaks_the_vendor() {
    let house = House::new().await;
    let login = |customer: &str| house.post(&format!("/api/v1/{customer}/login"));
    for refused in [
        login(CUSTOMER).body(json!({ "apiKey": "wrong" }).to_string()),
        login(CUSTOMER).body(json!({ "apiKey": OTHER_KEY }).to_string()),
        login("nobody").body(json!({ "apiKey": KEY }).to_string()),
    ] {
        let answer = house.send(refused).await;
        assert_fault(&answer, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
        assert_eq!(answer.body.len(), 125, "as recorded");
    }
    let form = login(CUSTOMER).header("content-type", "application/x-www-form-urlencoded");
    for broken in
        [form.body(format!("apiKey={KEY}")), login(CUSTOMER).body(json!({ "apiKey": "" }).to_string())]
    {
        let answer = house.send(broken).await;
        let message = json!("An internal server error has occured");
        assert_fault(&answer, 500, "INTERNAL_SERVER_ERROR", Value::Null, message);
        assert_eq!(answer.body.len(), 161, "as recorded");
    }
    let unknown = house.send(login(CUSTOMER).body(json!({ "apikey": KEY }).to_string())).await;
    assert_fault(&unknown, 400, "UNRECOGNIZED_FIELD", json!("apikey"), Value::Null);
}

#[tokio::test]
async fn creating_answers_201_and_updating_200_with_the_same_id_in_any_case() {
    let house = House::new().await;
    let token = house.token().await;
    let created = house.create(&token, "Order-1", &json!({})).await;
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let letters = id.strip_prefix("TST-").unwrap();
    assert!(letters.len() == 5 && letters.bytes().all(|c| c.is_ascii_uppercase()), "{id}");
    assert_eq!(created.text(), format!(r#"{{"id":"{id}"}}"#));
    assert_eq!(created.header("vary"), "Origin,Accept-Encoding");
    for name in ["Order-1", "ORDER-1", "order-1", &id, &id.to_lowercase()] {
        let again = house.create(&token, name, &json!({ "custom2": name })).await;
        assert_eq!((again.status, again.text()), (200, created.text()), "{name}");
    }
    assert_eq!(house.see("identifications").await["identifications"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_documented_field_is_taken() {
    let house = House::new().await;
    let person = json!({
        "birthday": "1985-04-12", "birthplace": "Musterstadt", "birthname": "Probe", "city": "Musterstadt",
        "country": "DE", "custom1": "1", "custom2": "2", "custom3": "3", "custom4": "4", "custom5": "5",
        "email": "erika@example.com", "firstname": "Erika", "gender": "FEMALE", "lastname": "Beispiel",
        "mobilephone": "+4915100000000", "nationality": "DE", "street": "Beispielweg", "streetnumber": "1",
        "title": "Dr.", "zipcode": "01234", "preferredLang": "de", "trackingid": "t", "questions": {}
    });
    house.ident_of("full", &person).await;
    house.ident_of("nulls", &json!({ "birthday": null, "country": null })).await;
}

#[tokio::test]
async fn a_body_it_cannot_take_is_refused_and_creates_nothing() {
    let house = House::new().await;
    let token = house.token().await;
    let unknown = house.create(&token, "n", &json!({ "firstName": "Erika" })).await;
    assert_fault(&unknown, 400, "UNRECOGNIZED_FIELD", json!("firstName"), Value::Null);
    for (name, value) in [
        ("birthday", json!("12.04.1985")),
        ("birthday", json!("1985-02-30")),
        ("country", json!("Germany")),
        ("nationality", json!("de")),
        ("zipcode", json!(1234)),
    ] {
        let answer = house.create(&token, "n", &json!({ name: value })).await;
        let message = json!(format!("Please provide a correct value for ‘{name}’"));
        assert_fault(&answer, 400, "BAD_REQUEST", json!(name), message);
    }
    let path = format!("/api/v1/{CUSTOMER}/identifications/n/start");
    for body in ["{", "[]", ""] {
        let answer = house.send(house.post(&path).header("X-API-LOGIN-TOKEN", &token).body(body)).await;
        assert_fault(&answer, 400, "UNPARSEABLE_JSON", Value::Null, Value::Null);
    }
    for name in ["a.b", "a%20b", "%C3%A4", &"x".repeat(256)] {
        assert_eq!(house.create(&token, name, &json!({})).await.status, 400, "{name}");
    }
    let nameless = house.create(&token, "", &json!({})).await;
    assert_fault(&nameless, 400, "MISSING_TRANSACTION_TOKEN", Value::Null, Value::Null);
    assert_eq!(house.create(&token, &"x".repeat(255), &json!({})).await.status, 201);
    assert_eq!(house.see("statistics").await["created"], 1);
}

#[tokio::test]
async fn without_a_token_creating_answers_an_empty_401_and_getting_one_with_a_body() {
    let house = House::new().await;
    let others = house.token_of(OTHER, OTHER_KEY).await;
    for token in ["", "made.up.token", &others] {
        let start = house.create(token, "n", &json!({})).await;
        assert_eq!((start.status, start.body.len(), start.header("content-length")), (401, 0, "0"));
        assert_eq!(start.header("vary"), "Origin");
        let get = house.result(token, "n").await;
        assert_fault(&get, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
        assert_eq!(get.body.len(), 125, "as recorded");
    }
}

#[tokio::test]
async fn a_token_ends_after_an_hour_however_much_it_is_used_and_can_be_revoked() {
    let house = House::new().await;
    let token = house.token().await;
    house.clock.advance(Duration::from_secs(3599));
    assert_eq!(house.create(&token, "n", &json!({})).await.status, 201);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.create(&token, "n", &json!({})).await.status, 401);

    let (ours, others) = (house.token().await, house.token_of(OTHER, OTHER_KEY).await);
    let one = house.control(&format!("tokens/revoke?customer={CUSTOMER}"), &json!({})).await;
    assert_eq!(one.json()["revoked"], 1);
    assert_eq!(house.result(&ours, "n").await.status, 401);
    let path = format!("/api/v1/{OTHER}/identifications/n");
    let get = || house.get(&path).header("X-API-LOGIN-TOKEN", &others);
    assert_eq!(house.send(get()).await.status, 404, "the other customer's token still works");
    assert_eq!(house.control("tokens/revoke", &json!({})).await.json()["revoked"], 1);
    assert_eq!(house.send(get()).await.status, 401);
}

#[tokio::test]
async fn another_customers_ident_is_out_of_reach_and_numbers_are_each_customers_own() {
    let house = House::new().await;
    let id = house.ident("shared").await;
    let token = house.token_of(OTHER, OTHER_KEY).await;
    let path = |name: &str| format!("/api/v1/{OTHER}/identifications/{name}");
    let ask = |name: &str| house.get(&path(name)).header("X-API-LOGIN-TOKEN", &token);
    let foreign = house.send(ask(&id)).await;
    assert_fault(&foreign, 401, "SECURITY_VIOLATION", Value::Null, Value::Null);
    let create = house.post(&format!("{}/start", path("shared"))).header("X-API-LOGIN-TOKEN", &token);
    assert_eq!(house.send(create.body(json!({}).to_string())).await.status, 201);
    let ambiguous = house.control("identifications/shared/start", &json!({})).await;
    assert!(ambiguous.status == 409 && ambiguous.text().contains("?customer="), "{}", ambiguous.text());
    let clear = house.control(&format!("identifications/shared/start?customer={OTHER}"), &json!({})).await;
    assert_eq!((clear.status, &clear.json()["customer"]), (200, &json!(OTHER)));
}

#[tokio::test]
async fn there_is_no_result_before_the_person_was_done() {
    let house = House::new().await;
    let token = house.token().await;
    let id = house.ident("n").await;
    let key = |name: &str| {
        json!(format!("Ident {name} - No identification request found matching the provided parameters"))
    };
    for _ in 0..2 {
        let early = house.result(&token, "N").await;
        assert_fault(&early, 404, "OBJECT_NOT_FOUND", key(&id), Value::Null);
        assert_eq!(early.body.len(), 202, "as recorded");
        house.step("n", "start", json!({})).await;
    }
    let never = house.result(&token, "never").await;
    assert_fault(&never, 404, "OBJECT_NOT_FOUND", key("never"), Value::Null);
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    assert_eq!(house.result(&token, &id.to_lowercase()).await.status, 200);
}

#[tokio::test]
async fn gzip_comes_only_when_asked_for() {
    let house = House::new().await;
    let token = house.token().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    let plain = house.result(&token, "n").await;
    assert_eq!(plain.header("content-encoding"), "");
    let path = format!("/api/v1/{CUSTOMER}/identifications/n");
    let request = house.get(&path).header("X-API-LOGIN-TOKEN", &token).header("Accept-Encoding", "gzip");
    let packed = house.send(request).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("vary"), "Origin,Accept-Encoding");
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
}

#[tokio::test]
async fn statistics_count_requests_by_path_and_status() {
    let house = House::new().await;
    let token = house.token().await;
    house.create(&token, "n", &json!({})).await;
    house.create(&token, "n", &json!({})).await;
    house.result(&token, "n").await;
    house.result("no token", "n").await;
    let counts = house.see("statistics").await;
    let short = ["logins", "starts", "created", "gets"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!(short, [1, 2, 1, 2]);
    let starts = &counts["by_path"]["POST /api/v1/{customer}/identifications/{t}/start"];
    assert_eq!(*starts, json!({ "200": 1, "201": 1 }));
    let ident = house.see("identifications/n").await;
    assert_eq!((&ident["starts_received"], &ident["gets_received"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn paths_the_vendor_does_not_have_answer_as_the_vendor_or_explain_themselves() {
    let house = House::new().await;
    let vendor = house.send(house.get("/api/v1/beispielbank/nothing")).await;
    assert_fault(&vendor, 404, "OBJECT_NOT_FOUND", Value::Null, Value::Null);
    let ours = house.send(house.get("/nothing")).await;
    assert!(ours.status == 404 && ours.text().contains("GET /"), "{}", ours.text());
}
