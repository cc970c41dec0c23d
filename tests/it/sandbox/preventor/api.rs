//! The vendor's endpoints.

use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use idv_gateway::sandbox::preventor::{Message, Profile};
use serde_json::{Value, json};

use super::tenant::{BASE, KEY, Tenant, by_email, log_in};
use crate::sandbox::house::START_SECONDS;

#[tokio::test]
async fn a_login_needs_the_five_values_and_answers_as_the_profile_says() {
    let tenant = Tenant::new().await;
    let house = &tenant.house;
    for header in ["authorization", "x-api-key", "x-tenant", "x-env", "x-banknu"] {
        let answer = log_in(house, header, "other").await;
        assert_eq!((answer.status, &answer.json()["code"]), (401, &json!("UNAUTHORIZED")), "{header}");
    }
    let answer = log_in(house, "", "").await;
    assert_eq!((answer.status, &answer.json()["expiracy"]), (200, &json!(3600)));
    tenant.profile(json!({ "token_status": 201, "expiry": "epoch_ms" })).await;
    let answer = log_in(house, "", "").await;
    let end = (START_SECONDS + 3600) * 1000;
    assert_eq!((answer.status, &answer.json()["expiracy"]), (201, &json!(end)));
    assert_eq!(answer.json()["status"], 201);
    tenant.profile(json!({ "expiry": "absent" })).await;
    let answer = log_in(house, "", "").await;
    assert_eq!((answer.status, answer.json().get("expiracy")), (201, None), "and 201 stayed");
}

#[tokio::test]
async fn everything_but_the_login_needs_a_live_token_and_the_key() {
    let tenant = Tenant::new().await;
    let (id, ticket) = tenant.started("a@example.com").await;
    let requests = [
        (Method::POST, "/invitations/check".to_owned()),
        (Method::POST, "/invitations/users/register".to_owned()),
        (Method::POST, format!("/notifications/invitation/{id}/send")),
        (Method::PATCH, "/invitations/users/a@example.com".to_owned()),
        (Method::DELETE, "/invitations/users/a@example.com".to_owned()),
        (Method::GET, format!("/invitations/logs/{id}/activities")),
        (Method::GET, format!("/transactions/{ticket}")),
        (Method::GET, format!("/transactions/{ticket}/images?type=ALL")),
        (Method::GET, "/settings/webhooks".to_owned()),
        (Method::PUT, "/settings/webhooks".to_owned()),
        (Method::DELETE, "/settings/webhooks/1".to_owned()),
    ];
    let house = &tenant.house;
    let token = log_in(house, "", "").await.json()["token"].as_str().unwrap().to_owned();
    for (method, path) in &requests {
        let ask = || house.request(method.clone(), &format!("{BASE}{path}"));
        assert_eq!(house.send(ask().header("x-api-key", KEY)).await.status, 401, "{method} {path}");
        assert_eq!(house.send(ask().bearer_auth(&token)).await.status, 401, "{method} {path}");
        let other = ask().bearer_auth(&token).header("x-api-key", "other");
        assert_eq!(house.send(other).await.status, 401, "{method} {path}");
    }
    let ask = || tenant.get("/settings/webhooks");
    assert_eq!(ask().await.status, 200);
    house.clock.advance(Duration::from_secs(3599));
    assert_eq!(ask().await.status, 200);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(ask().await.status, 401, "after an hour");
    let tenant = Tenant::new().await;
    let revoked = tenant.house.control("preventor/tokens/revoke", &json!({})).await;
    assert_eq!((revoked.status, &revoked.json()["revoked"]), (200, &json!(1)));
    assert_eq!(tenant.get("/settings/webhooks").await.status, 401);
}

#[tokio::test]
async fn an_invitation_is_made_sent_changed_and_taken_back() {
    let tenant = Tenant::new().await;
    let check = json!({
        "unique": "u a@example.com", "email": "a@example.com", "delivery_method": "EMAIL", "type": "ID",
    });
    let ask_whether_free = || tenant.ask(Method::POST, "/invitations/check", &check);
    assert_eq!(ask_whether_free().await.status, 200);
    let made = tenant.register(&by_email("a@example.com")).await.json();
    assert_eq!(made["invitation_state"], "REGISTERED");
    assert!(made["link"].as_str().unwrap().starts_with("https://"), "{made}");
    assert_eq!(made["tenant_info"], json!({ "tenant": "sandbox", "env": "sandbox", "banknu": "SANDBOX" }));
    let id = made["id"].as_str().unwrap();
    let taken = ask_whether_free().await;
    assert_eq!((taken.status, &taken.json()["code"]), (409, &json!("RECIPIENT_TAKEN")));
    assert_eq!(tenant.register(&by_email("A@example.com")).await.status, 409, "the person is invited");
    for (method, address) in [("ASSISTANT", json!("c@example.com")), ("EMAIL", json!(null))] {
        let odd = json!({ "unique": "c", "email": address, "delivery_method": method, "type": "ID" });
        assert_eq!(tenant.ask(Method::POST, "/invitations/check", &odd).await.status, 400, "{method}");
    }

    for name in [id, "a@example.com"] {
        let sent =
            tenant.ask(Method::POST, &format!("/notifications/invitation/{name}/send"), &json!(null)).await;
        assert_eq!(
            (sent.status, &sent.json()["has_delivered"], &sent.json()["id"]),
            (200, &json!(true), &json!(id))
        );
    }
    let change = json!({ "delivery_method": "EMAIL", "email": "b@example.com", "flow": "WF-08" });
    let changed = tenant.ask(Method::PATCH, "/invitations/users/a@example.com", &change).await.json();
    assert_eq!(
        (&changed["id"], &changed["email"], &changed["flow"]),
        (&json!(id), &json!("b@example.com"), &json!("WF-08"))
    );
    assert_eq!(changed["unique"], "u a@example.com", "what is not named stays");
    assert_eq!(
        tenant.ask(Method::DELETE, "/invitations/users/a@example.com", &json!(null)).await.status,
        404
    );
    assert_eq!(
        tenant.ask(Method::DELETE, "/invitations/users/b@example.com", &json!(null)).await.status,
        200
    );
    assert_eq!(
        tenant.ask(Method::DELETE, "/invitations/users/b@example.com", &json!(null)).await.status,
        404
    );

    let log = tenant.get(&format!("/invitations/logs/{id}/activities")).await.json();
    let names: Vec<_> = log["activities"].as_array().unwrap().iter().map(|one| &one["activity"]).collect();
    assert_eq!(names, ["REGISTERED", "SENT", "SENT", "UPDATED", "DELETED"]);
    assert_eq!(log["activities"][0]["created"], START_SECONDS * 1000);
    assert_eq!(log["invitation_state"], "DELETED");
    assert_eq!(tenant.get("/invitations/logs/none/activities").await.status, 404);
    assert_eq!(ask_whether_free().await.status, 200);
}

#[tokio::test]
async fn a_phone_number_has_one_shape_when_registered_and_another_when_changed() {
    let tenant = Tenant::new().await;
    let register = |phone: Value| json!({ "delivery_method": "PHONE", "phone": phone, "deliver_invitation": true, "unique": "u", "flow": "f" });
    let of_update = json!({ "phone_number": "2025550100", "phone_country_code": "US" });
    let of_register = json!({ "phone_number": "2025550100", "phone_number_prefix": "+1" });
    let refused = tenant.register(&register(of_update.clone())).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("INVALID_REQUEST")));
    let made = tenant.register(&register(of_register.clone())).await.json();
    assert_eq!((&made["invitation_state"], &made["phone"]), (&json!("SENT"), &of_register));

    let update = |phone: &Value| json!({ "delivery_method": "PHONE", "phone": phone });
    let path = "/invitations/users/%2B12025550100";
    assert_eq!(tenant.ask(Method::PATCH, path, &update(&of_register)).await.status, 400);
    assert_eq!(tenant.ask(Method::PATCH, path, &update(&of_update)).await.status, 200);
    assert_eq!(tenant.ask(Method::DELETE, "/invitations/users/2025550100", &json!(null)).await.status, 200);
}

#[tokio::test]
async fn errors_name_the_field_in_the_shape_that_the_profile_says() {
    let whole = by_email("a@example.com");
    let without = |name: &str| {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let with = |name: &str, value: Value| {
        let mut body = whole.clone();
        body[name] = value;
        body
    };
    let message = Message::Object;
    let tenant = Tenant::with(|options| options.profile = Profile { message, ..Profile::default() }).await;
    for (body, field, sentence) in [
        (without("email"), "email", "email is required"),
        (with("email", json!("nobody")), "email", "email must be an e-mail address"),
        (with("delivery_method", json!("PHONE")), "phone", "phone is required"),
        (with("delivery_method", json!("POST")), "delivery_method", "unknown variant `POST`"),
        (with("unique", json!("")), "unique", "unique is required"),
        (with("flow", json!(7)), "flow", "invalid type: integer `7`"),
        (with("phone", json!({ "number": "1" })), "phone.number", "unknown field `number`"),
        (with("colour", json!("red")), "colour", "unknown field `colour`"),
    ] {
        let answer = tenant.register(&body).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["status"], &told["code"]),
            (400, &json!(400), &json!("INVALID_REQUEST"))
        );
        assert_eq!(told["message"]["fields"], json!([field]), "{told}");
        assert!(told["message"]["message"].as_str().unwrap().contains(sentence), "{told}");
    }
    tenant.profile(json!({ "message": "list", "envelope_status": "text" })).await;
    let told = tenant.register(&without("email")).await.json();
    assert_eq!((&told["status"], &told["message"]), (&json!("400"), &json!(["email is required"])));
    tenant.profile(json!({ "message": "text" })).await;
    let told = tenant.register(&without("email")).await.json();
    assert_eq!(told["message"], "email is required");
    let refused = tenant.house.control("preventor/profile", &json!({ "message": "html" })).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("message: unknown variant `html`"), "{}", refused.text());
    let profile = tenant.house.see("preventor/profile").await;
    assert_eq!((&profile["message"], &profile["envelope_status"]), (&json!("text"), &json!("text")));
}

#[tokio::test]
async fn a_ticket_shows_its_person_once_the_document_was_read() {
    let tenant = Tenant::new().await;
    let missing = tenant.get("/transactions/none").await;
    assert_eq!((missing.status, &missing.json()["code"]), (404, &json!("TCKTNTFND")));
    let id = tenant.invite("a@example.com").await;
    let person = json!({ "first_name": "Zoë", "last_name": "Muñoz" });
    let ticket = tenant.step(&id, "start", person).await["ticket"].as_str().unwrap().to_owned();
    let path = format!("/transactions/{ticket}");
    let begun = tenant.get(&path).await.json();
    assert_eq!((&begun["ticket"], &begun["invitation_id"]), (&json!(ticket), &json!(id)));
    assert_eq!((&begun["flow_status"], &begun["disposition"]), (&json!("IN_PROGRESS"), &json!("PROCESSING")));
    assert_eq!((&begun["data"], &begun["summary"]["processed"]), (&json!(null), &json!(null)));
    tenant
        .step(
            &id,
            "complete",
            json!({ "flow_status": "REJECTED", "risk_code": "FACE", "confidence_score": 3.5 }),
        )
        .await;
    let done = tenant.get(&path).await.json();
    assert_eq!((&done["flow_status"], &done["disposition"]), (&json!("REJECTED"), &json!("FAILED")));
    assert_eq!(
        (&done["summary"]["risk_code"], &done["summary"]["confidence_score"]),
        (&json!("FACE"), &json!(3.5))
    );
    assert_eq!(done["personal_information"]["full_name"], "Zoë Muñoz");
    assert_eq!(done["data"]["document_number"], done["document_information"]["document_number"]);
    let last_name = &done["lexical"][1];
    assert_eq!((&last_name["visual"], &last_name["mrz"]), (&json!("Muñoz"), &json!("MUNOZ")));
    assert_eq!(done["tenant_info"]["banknu"], "SANDBOX");
}

#[tokio::test]
async fn images_are_asked_for_by_type_and_come_as_data_uris() {
    let tenant = Tenant::new().await;
    let (id, ticket) = tenant.started("a@example.com").await;
    let types = async |query: &str| {
        let answer = tenant.get(&format!("/transactions/{ticket}/images{query}")).await;
        let images = answer.json()["images"].as_array().cloned().unwrap_or_default();
        (answer.status, images.iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(types("?type=ALL").await, (200, vec![]), "nobody was photographed");
    tenant.step(&id, "step", json!({ "sub_event": "verification.liveness", "disposition": "PASSED" })).await;
    assert_eq!(types("?type=ALL").await, (200, vec!["SELF_PORTRAITS".to_owned()]));
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    assert_eq!(types("?type=ALL").await.1.len(), 6);
    let two = ["SELF_PORTRAITS", "DOCUMENT", "DOCUMENT"].map(str::to_owned).to_vec();
    assert_eq!(types("?type=DOCUMENT,SELF_PORTRAITS").await, (200, two));
    for wrong in ["", "?type=", "?type=DOCUMENT,%20SELF_PORTRAITS", "?type=FACE"] {
        assert_eq!(types(wrong).await, (400, vec![]), "{wrong}");
    }
    let images = tenant.get(&format!("/transactions/{ticket}/images?type=DOCUMENT")).await.json();
    let uri = images["images"][0]["image"].as_str().unwrap();
    let picture = STANDARD.decode(uri.strip_prefix("data:image/jpeg;base64,").unwrap()).unwrap();
    assert!(picture.starts_with(&[0xff, 0xd8]) && picture.ends_with(&[0xff, 0xd9]));
    assert_ne!(images["images"][0], images["images"][1]);
    assert_eq!(tenant.get("/transactions/none/images?type=ALL").await.status, 404);
}

#[tokio::test]
async fn webhooks_are_registered_once_for_each_type_and_keep_their_secrets() {
    let tenant = Tenant::new().await;
    let secret = "0123456789abcdef0123456789abcdef";
    let webhook = json!({
        "type": "WH_001",
        "url": "https://example.com/one",
        "events": ["ticket.verification.completed"],
        "secret": secret,
        "authorization": { "type": "API_KEY", "value": { "key": "x-custom-api-key", "value": "hidden" } },
    });
    let first = tenant.put(&webhook).await;
    let mut second = webhook.clone();
    second["url"] = json!("https://example.com/two");
    assert_eq!(tenant.put(&second).await["id"], first["id"]);
    tenant.put(&json!({ "type": "WH_002", "url": "https://example.com/three" })).await;
    let list = tenant.get("/settings/webhooks").await;
    assert!(!list.text().contains(secret) && !list.text().contains("hidden"), "{}", list.text());
    let urls: Vec<_> =
        list.json()["webhooks"].as_array().unwrap().iter().map(|one| one["url"].clone()).collect();
    assert_eq!(urls, ["https://example.com/two", "https://example.com/three"]);

    tenant.profile(json!({ "message": "object" })).await;
    for (member, value, field) in [
        ("url", json!("/one"), "url"),
        ("secret", json!("0123456789abcdef0123456789abcdeé"), "secret"),
        ("type", json!("WH_003"), "type"),
        (
            "authorization",
            json!({ "type": "API_KEY", "value": { "key": "no header", "value": "v" } }),
            "authorization.value",
        ),
        ("authorization", json!({ "type": "BEARER_TOKEN", "value": { "key": "k" } }), "authorization"),
    ] {
        let mut wrong = webhook.clone();
        wrong[member] = value;
        let answer = tenant.ask(Method::PUT, "/settings/webhooks", &wrong).await;
        let fields = answer.json()["message"]["fields"][0].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && fields.starts_with(field), "{member}: {}", answer.text());
    }
    let path = format!("/settings/webhooks/{}", first["id"].as_str().unwrap());
    assert_eq!(tenant.ask(Method::DELETE, &path, &json!(null)).await.status, 200);
    assert_eq!(tenant.ask(Method::DELETE, &path, &json!(null)).await.status, 404);
    assert_eq!(tenant.get("/settings/webhooks").await.json()["webhooks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_paths_may_lie_elsewhere_and_what_is_not_there_is_said_in_the_vendors_way() {
    let tenant = Tenant::with(|options| options.base_path = "/v1/identity".to_owned()).await;
    let house = &tenant.house;
    assert_eq!(house.send(house.post("/v1/identity/auth/token")).await.status, 401);
    let nowhere = house.send(house.get("/v1/identity/nowhere")).await;
    assert_eq!((nowhere.status, &nowhere.json()["code"]), (404, &json!("NOT_FOUND")));
    assert!(house.send(house.post("/id/v1/identity/auth/token")).await.text().starts_with("Nothing here."));
    let about = house.send(house.get("/")).await;
    assert!(about.text().contains("POST   /v1/identity/auth/token"), "{}", about.text());
    let by_path = house.see("preventor/statistics").await["by_path"].take();
    assert_eq!(by_path, json!({ "POST /auth/token": { "401": 1 } }));
}
