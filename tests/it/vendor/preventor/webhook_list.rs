//! Whom the vendor sends webhooks to.

use http::HeaderName;
use idv_gateway::error::Kind;
use idv_gateway::model::webhook::RegisterWebhook;
use idv_gateway::proto::{VendorWebhookKind, WebhookAuthentication};
use idv_gateway::settings::Window;
use idv_gateway::vendor::kit::delivery::Proof;
use idv_gateway::vendor::webhook_setting::{GeneratedSecret, Registration, WebhookSettings as _};
use secrecy::SecretString;
use serde_json::{Value, json as value};

use super::{WEBHOOKS, calls, connect, offline};
use crate::vendor::rig::json;

const URI: &str = "https://idv.bank.example/webhooks/bank";

fn wanted(kind: VendorWebhookKind, authentication: WebhookAuthentication) -> RegisterWebhook {
    let connection = "bank".parse().unwrap();
    let vendor_events = vec!["ticket.verification.completed".to_owned()];
    RegisterWebhook { connection, kind, authentication, vendor_events, encrypted: true }
}

fn secret(kind: VendorWebhookKind, proof: Proof) -> GeneratedSecret {
    let cipher_key = Some(SecretString::from("0123456789abcdef0123456789abcdef"));
    GeneratedSecret { label: "made".to_owned(), kind, proof, cipher_key, window: Window::new(None, None) }
}

fn listed(kind: &str) -> String {
    WEBHOOKS.replace("WH_001", kind)
}

#[tokio::test]
async fn each_proof_is_registered_in_the_vendors_words() {
    let hush = || SecretString::from("hush");
    for (proof, authorization) in [
        (
            Proof::Basic { username: "gateway".to_owned(), password: hush() },
            value!({"type": "BASIC_AUTH", "value": {"username": "gateway", "password": "hush"}}),
        ),
        (Proof::Bearer(hush()), value!({"type": "BEARER_TOKEN", "value": {"token": "hush"}})),
        (
            Proof::ApiKey { header: HeaderName::from_static("x-idv"), value: hush() },
            value!({"type": "API_KEY", "value": {"key": "x-idv", "value": "hush"}}),
        ),
    ] {
        let (preventor, stub) = connect(|seen| match seen.method.as_str() {
            "PUT" => json(200, "{}"),
            _ => json(200, &listed("WH_001")),
        })
        .await;
        let wanted = wanted(VendorWebhookKind::Tickets, WebhookAuthentication::Basic);
        let secret = secret(wanted.kind, proof);
        let registration = Registration { wanted: &wanted, uri: URI, secret: &secret };
        let webhook = preventor.register(registration).await.unwrap();
        assert_eq!(webhook.name, "connections/bank/vendorWebhooks/w-1");
        assert_eq!(calls(&stub), ["PUT /settings/webhooks", "GET /settings/webhooks"]);
        let sent: Value = serde_json::from_str(&stub.seen()[1].body).unwrap();
        let body = value!({
            "type": "WH_001", "url": URI, "events": ["ticket.verification.completed"],
            "secret": "0123456789abcdef0123456789abcdef", "authorization": authorization,
        });
        assert_eq!(sent, body);
    }
}

#[tokio::test]
async fn the_list_is_read_by_configured_paths() {
    let (preventor, _stub) = connect(|_seen| json(200, &listed("WH_002"))).await;
    let webhooks = preventor.webhooks().await.unwrap();
    let [webhook] = webhooks.as_slice() else { panic!("{webhooks:?}") };
    assert_eq!((webhook.kind(), webhook.uri.as_str()), (VendorWebhookKind::Invitations, URI));
    assert_eq!((webhook.authentication(), webhook.encrypted), (WebhookAuthentication::Basic, true));
    for (body, lacks) in [("{}", "webhooks, data.webhooks, data, $"), (r#"[{"id":"../x"}]"#, "id, _id")] {
        let (preventor, _stub) = connect(move |_seen| json(200, body)).await;
        let error = preventor.webhooks().await.unwrap_err();
        assert_eq!(error.kind, Kind::VendorResponseInvalid);
        assert!(error.detail.contains(lacks), "{}", error.detail);
    }
}

#[tokio::test]
async fn what_the_list_does_not_show_was_not_registered() {
    let (preventor, _stub) = connect(|_seen| json(200, r#"{"webhooks":[]}"#)).await;
    let wanted = wanted(VendorWebhookKind::Tickets, WebhookAuthentication::Bearer);
    let secret = secret(wanted.kind, Proof::Bearer(SecretString::from("hush")));
    let registration = Registration { wanted: &wanted, uri: URI, secret: &secret };
    let error = preventor.register(registration).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
}

#[tokio::test]
async fn a_webhook_is_removed_by_its_id() {
    let (preventor, stub) = connect(|seen| match seen.path.ends_with("w-1") {
        true => json(200, "{}"),
        false => json(404, "{}"),
    })
    .await;
    assert_eq!(preventor.remove("w-1").await.unwrap(), Some(()));
    assert_eq!(preventor.remove("w-2").await.unwrap(), None);
    assert_eq!(calls(&stub), ["DELETE /settings/webhooks/w-1", "DELETE /settings/webhooks/w-2"]);
}

#[test]
fn what_the_vendor_cannot_take_is_refused() {
    let preventor = offline();
    let odd = RegisterWebhook {
        vendor_events: vec!["a b".to_owned()],
        ..wanted(VendorWebhookKind::Unspecified, WebhookAuthentication::Unspecified)
    };
    let violations = preventor.check(&odd);
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["kind", "authentication", "vendor_events[0]"]);
    assert!(
        preventor.check(&wanted(VendorWebhookKind::Invitations, WebhookAuthentication::ApiKey)).is_empty()
    );
}
