//! Faults of requests: each endpoint by its name, in the vendor's envelope.

use axum::http::Method;
use idv_gateway::sandbox::Fault;
use idv_gateway::sandbox::preventor::PreventorCall;
use serde_json::{Value, json};

use super::tenant::{BASE, Tenant, by_email, log_in};

#[tokio::test]
async fn every_endpoint_can_fail_by_its_name() {
    let tenant = Tenant::new().await;
    let (id, ticket) = tenant.started("a@example.com").await;
    let check = json!({ "unique": "u", "email": "c@example.com", "delivery_method": "EMAIL", "type": "ID" });
    let webhook = json!({ "type": "WH_001", "url": "https://example.com/" });
    let nothing = Value::Null;
    for (operation, method, path, body) in [
        ("check", Method::POST, "/invitations/check".to_owned(), &check),
        ("register", Method::POST, "/invitations/users/register".to_owned(), &by_email("b@example.com")),
        ("send", Method::POST, format!("/notifications/invitation/{id}/send"), &nothing),
        ("update", Method::PATCH, "/invitations/users/b@example.com".to_owned(), &json!({ "flow": "f" })),
        ("delete", Method::DELETE, "/invitations/users/b@example.com".to_owned(), &nothing),
        ("activities", Method::GET, format!("/invitations/logs/{id}/activities"), &nothing),
        ("ticket", Method::GET, format!("/transactions/{ticket}"), &nothing),
        ("images", Method::GET, format!("/transactions/{ticket}/images?type=ALL"), &nothing),
        ("settings", Method::PUT, "/settings/webhooks".to_owned(), &webhook),
        ("settings", Method::GET, "/settings/webhooks".to_owned(), &nothing),
    ] {
        tenant.fault(json!({ "kind": "status", "status": 503, "operation": operation, "times": 1 })).await;
        // One that is meant for another request stays.
        tenant.fault(json!({ "kind": "status", "status": 502, "operation": "token" })).await;
        let failed = tenant.ask(method.clone(), &path, body).await;
        assert_eq!((failed.status, &failed.json()["code"]), (503, &json!("SERVER_ERROR")), "{operation}");
        assert_eq!(tenant.ask(method, &path, body).await.status, 200, "{operation}");
        assert_eq!(log_in(&tenant.house, "", "").await.status, 502);
        tenant.clear().await;
    }
    tenant.fault(json!({ "kind": "status", "status": 500, "operation": "settings" })).await;
    assert_eq!(tenant.ask(Method::DELETE, "/settings/webhooks/1", &nothing).await.status, 500);
    tenant.clear().await;
    tenant.fault(json!({ "kind": "status", "status": 500 })).await;
    assert_eq!(log_in(&tenant.house, "", "").await.status, 500, "any is all of them");
    let by_path = tenant.house.see("preventor/statistics").await["by_path"].take();
    assert_eq!(by_path["POST /invitations/users/register"], json!({ "200": 2, "503": 1 }));
}

#[tokio::test]
async fn what_a_fault_makes_up_is_written_as_the_vendor_would() {
    let tenant = Tenant::new().await;
    let (_, ticket) = tenant.started("a@example.com").await;
    let path = format!("/transactions/{ticket}");
    let truth = tenant.get(&path).await;
    for (fault, status, code) in [
        (json!({ "kind": "unauthorized" }), 401, "UNAUTHORIZED"),
        (json!({ "kind": "rate_limit", "retry_after": 30 }), 429, "TOO_MANY_REQUESTS"),
        (json!({ "kind": "status", "status": 599 }), 599, "SERVER_ERROR"),
    ] {
        tenant.fault(fault.clone()).await;
        let answer = tenant.get(&path).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{fault}");
        let retry_after = if status == 429 { "30" } else { "" };
        assert_eq!(answer.header("retry-after"), retry_after);
        tenant.clear().await;
    }
    for (fault, text) in [
        (json!({ "kind": "page" }), "<!doctype html>"),
        (json!({ "kind": "empty" }), ""),
        (json!({ "kind": "body", "text": "[1]" }), "[1]"),
    ] {
        tenant.fault(fault.clone()).await;
        let answer = tenant.get(&path).await;
        assert!(answer.status == 200 && answer.text().starts_with(text), "{fault}: {}", answer.text());
        assert_ne!(answer.body, truth.body, "{fault}: the truth is told");
        tenant.clear().await;
    }
    tenant.fault(json!({ "kind": "half_body", "times": 1 })).await;
    let request = tenant.house.get(&format!("{BASE}{path}"));
    assert!(tenant.house.breaks(request).await);
    assert_eq!(tenant.get(&path).await.body, truth.body);
}

#[tokio::test]
async fn a_lost_answer_leaves_an_invitation_behind() {
    let tenant = Tenant::new().await;
    let lost =
        json!({ "kind": "status", "status": 500, "operation": "register", "effect": "after", "times": 1 });
    tenant.fault(lost).await;
    assert_eq!(tenant.register(&by_email("a@example.com")).await.status, 500);
    assert_eq!(tenant.register(&by_email("a@example.com")).await.status, 409, "it was carried out");
    let statistics = tenant.house.see("preventor/statistics").await;
    assert_eq!((&statistics["created"], &statistics["registrations"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn faults_of_the_command_line_know_the_vendors_names() {
    let ticket: Fault<PreventorCall> = "ticket=503:3".parse().unwrap();
    let tenant = Tenant::with(|options| options.faults = vec![ticket]).await;
    let (_, ticket) = tenant.started("a@example.com").await;
    assert_eq!(tenant.get(&format!("/transactions/{ticket}")).await.status, 503);
    let told = "get=503".parse::<Fault<PreventorCall>>().unwrap_err();
    assert_eq!(
        told,
        "WHERE is token, check, register, send, update, delete, activities, ticket, images, settings, any or \
         webhooks, not \"get\""
    );
}
