//! Customers, accounts and transactions.

use serde_json::{Value, json};

use super::{Platform, customer, with};

#[tokio::test]
async fn a_customer_is_made_changed_item_by_item_and_deleted() {
    let platform = Platform::new().await;
    let mut stands = platform.told("customerOnboarding", &customer()).await;
    assert_eq!(
        stands["emails"],
        json!([{ "id": 1, "email": "lena@example.com", "email_primary_flag": "P" }])
    );
    assert_eq!(platform.customer("c-1").await.json(), stands);
    assert_eq!(platform.tell("customerOnboarding", &customer()).await.status, 400);

    let change = json!({
        "request_type": "U", "id": "c-1", "first_name": "HELENA", "middle_name": "",
        "emails": [
            { "id": 1, "request_type": "D" },
            { "id": 2, "request_type": "A", "email": "helena@example.com" },
        ],
        "phones": [{ "id": 1, "request_type": "U", "phone_number": "15550101" }],
    });
    platform.told("customerMaintenance", &change).await;
    stands["first_name"] = json!("HELENA");
    stands["emails"] = json!([{ "id": 2, "email": "helena@example.com" }]);
    stands["phones"][0]["phone_number"] = json!("15550101");
    assert_eq!(platform.customer("c-1").await.json(), stands);
    let lost = json!({ "request_type": "U", "id": "c-1", "first_name": "NOBODY", "emails": [{ "id": 1, "request_type": "U" }] });
    let answer = platform.tell("customerMaintenance", &lost).await;
    assert!(answer.status == 400 && answer.text().contains("emails: 1 is not there"), "{}", answer.text());
    assert_eq!(platform.house.see("preventor-open/customers/c-1").await, stands);

    let delete = json!({ "request_type": "D", "id": "c-1" });
    platform.told("customerMaintenance", &delete).await;
    assert_eq!(platform.tell("customerMaintenance", &delete).await.status, 404);
    assert_eq!(platform.customer("c-1").await.status, 404);
}

#[tokio::test]
async fn what_is_asked_is_kept_in_the_bytes_that_came_and_with_who_asked() {
    let platform = Platform::new().await;
    // Digits that no computer's number keeps, and an order of members of its own.
    let body = r#"{ "trans_amount":"150803.2477454530","id":"t-1", "trans_exchange_rate": "0.000166885",
        "trans_posting_date":"2026-11-20T12:00:00.000Z", "trans_base_amount":"99999999999999999999999999999999999999" }"#;
    let answer = platform.house.send(platform.call("registerMonetaryTransaction").body(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = platform.house.see("preventor-open/requests").await;
    assert_eq!(
        seen["requests"],
        json!([{
            "sequence": 1, "operation": "transaction", "body": body,
            "headers": {
                "x-lang": "es", "x-tzone": "America/Lima", "x-real-ip": "192.0.2.7", "user-agent": "Example/1.0",
            },
        }])
    );
    let transactions = platform.house.see("preventor-open/transactions").await;
    assert_eq!(transactions["transactions"][0], serde_json::from_str::<Value>(body).unwrap());
}

#[tokio::test]
async fn an_account_goes_by_its_number() {
    let platform = Platform::new().await;
    let account = json!({
        "request_type": "A", "id": "c-1", "account_number": "A-1", "date_opened": "2026-11-20",
        "initial_deposit_amount": "20.00", "account_balance": "0.10",
    });
    platform.told("accountOnboarding", &account).await;
    assert_eq!(platform.tell("accountOnboarding", &account).await.status, 400);
    let change =
        json!({ "request_type": "U", "id": "c-1", "account_number": "A-1", "account_balance": "-7.30" });
    let stands = platform.told("accountOnboarding", &change).await;
    assert_eq!((&stands["account_balance"], &stands["date_opened"]), (&json!("-7.30"), &json!("2026-11-20")));
    assert_eq!(platform.house.see("preventor-open/accounts").await["accounts"], json!([stands]));
    let delete = json!({ "request_type": "D", "id": "c-1" });
    platform.told("accountOnboarding", &delete).await;
    assert_eq!(platform.tell("accountOnboarding", &delete).await.status, 404);
}

#[tokio::test]
async fn bodies_are_taken_only_as_the_documents_have_them() {
    let platform = Platform::new().await;
    for (path, body, symptom) in [
        ("customerOnboarding", json!({ "id": "c-1" }), "request_type is required"),
        ("customerOnboarding", json!({ "request_type": "A" }), "id is required"),
        ("customerOnboarding", json!({ "request_type": "U", "id": "c-1" }), "request_type has to be A"),
        ("customerMaintenance", json!({ "request_type": "A", "id": "c-1" }), "request_type has to be U or D"),
        (
            "customerOnboarding",
            json!({ "request_type": "X", "id": "c-1" }),
            "request_type has to be one of A, U, D",
        ),
        (
            "customerOnboarding",
            json!({ "request_type": "A", "id": "c-1", "nickname": "L" }),
            "nickname is not known",
        ),
        (
            "customerOnboarding",
            json!({ "request_type": "A", "id": "c-1", "emails": [{ "id": 1, "email": "a@example.com" }] }),
            "emails[0].request_type is required",
        ),
        (
            "customerOnboarding",
            json!({ "request_type": "A", "id": "c-1", "phones": [{ "id": 1, "request_type": "D" }] }),
            "request_type of a new customer's lists is A",
        ),
        (
            "customerOnboarding",
            json!({ "request_type": "A", "id": "c-1", "addresses": [{ "id": "1", "request_type": "A" }] }),
            "addresses[0].id has to be a whole number",
        ),
        (
            "customerOnboarding",
            json!({ "request_type": "A", "id": "c-1",
                "iddocuments": [{ "id": 1, "request_type": "A", "doc_issued_date": "1.4.2021" }] }),
            "iddocuments[0].doc_issued_date has to be a date",
        ),
        (
            "accountOnboarding",
            json!({ "request_type": "A", "id": "c-1", "account_balance": 0.1 }),
            "account_balance has to be a decimal number in quotes",
        ),
        (
            "registerMonetaryTransaction",
            json!({ "id": "t-1", "trans_amount": 150803.25 }),
            "trans_amount has to be a decimal number in quotes",
        ),
        (
            "registerMonetaryTransaction",
            json!({ "id": "t-1", "trans_base_rate": "2.6e-1" }),
            "trans_base_rate has to be a decimal number in quotes",
        ),
        (
            "registerMonetaryTransaction",
            json!({ "id": "t-1", "trans_effective_date": "2026-11-20" }),
            "trans_effective_date has to be a time",
        ),
        ("registerMonetaryTransaction", json!([]), "invalid type: sequence"),
    ] {
        let answer = platform.tell(path, &body).await;
        assert!(answer.status == 400 && answer.text().contains(symptom), "{body}: {}", answer.text());
    }
    assert_eq!(platform.house.see("preventor-open/requests").await["requests"], json!([]));
    let form = with(platform.call("getCustomer"), "content-type", "application/x-www-form-urlencoded");
    assert_eq!(platform.house.send(form.body("cifCod=c-1")).await.status, 400);
}

#[tokio::test]
async fn headers_about_the_person_are_needed() {
    let platform = Platform::new().await;
    for (name, value, status) in [
        ("x-lang", "", 403),
        ("x-tzone", "", 403),
        ("user-agent", "", 403),
        ("x-real-ip", "localhost", 403),
        ("x-banknu", "OTHER", 403),
        ("authorization", "Bearer other", 401),
        ("x-api-key", "other", 401),
        ("accept", "text/html", 406),
        ("content-type", "text/plain", 400),
    ] {
        let request = with(platform.call("customerOnboarding"), name, value).body(customer().to_string());
        assert_eq!(platform.house.send(request).await.status, status, "{name}");
    }
    assert_eq!(platform.house.send(platform.house.get("/onboarding/getCustomer")).await.status, 405);
}

#[tokio::test]
async fn the_profile_decides_what_is_not_published() {
    let platform = Platform::with(r#"{"written":"receipt","written_status":201}"#.parse().unwrap()).await;
    let answer = platform.tell("customerOnboarding", &customer()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (201, &json!("OK")));
    platform.profile(json!({ "written": "empty", "customer": "data", "errors": "empty" })).await;
    let change = json!({ "request_type": "U", "id": "c-1", "full_name": "HELENA MUSTER" });
    let answer = platform.tell("customerMaintenance", &change).await;
    assert_eq!((answer.status, answer.text()), (201, ""));
    assert_eq!(platform.customer("c-1").await.json()["data"]["full_name"], json!("HELENA MUSTER"));
    let answer = platform.customer("c-2").await;
    assert_eq!((answer.status, answer.text()), (404, ""));
    let odd = platform.house.control("preventor-open/profile", &json!({ "written_status": 204 })).await;
    assert!(odd.status == 400 && odd.text().contains("`written_status` is 200 or 201"), "{}", odd.text());
}
