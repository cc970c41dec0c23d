//! The login to the compliance platform, and what every call tells of the end user's client.

use std::time::Duration;

use idv_gateway::error::Kind;
use idv_gateway::model::onboarding::GetCustomer;
use idv_gateway::proto::ClientContext;
use idv_gateway::proto::onboarding::GetCustomerRequest;
use idv_gateway::vendor::Vendor as _;

use super::{CUSTOMER, Files, House, TOKEN, build, header, parsed};
use crate::vendor::rig::{Seen, Stub, basic, json};

fn shown(_seen: &Seen) -> axum::response::Response {
    json(200, &format!(r#"{{"id":"{CUSTOMER}"}}"#))
}

pub(super) fn get(client: ClientContext) -> GetCustomer {
    let name = format!("connections/bank/customers/{CUSTOMER}");
    GetCustomer::parse(GetCustomerRequest { name, client: Some(client) }).unwrap()
}

#[tokio::test]
async fn the_login_is_a_password_grant_that_all_calls_share() {
    let house = House::with("", "scope = \"onboarding\"", shown).await;
    for _ in 0..2 {
        house.onboarding().customer(&get(ClientContext::default())).await.unwrap();
    }
    let seen = house.stub.seen();
    assert_eq!(seen.len(), 3, "one login for both");
    assert_eq!(format!("{} {}", seen[0].method, seen[0].path), "POST /security/oauth/token");
    for (name, value) in [
        ("authorization", basic("made-up-key", "made-up-secret").as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-api-key", "made-up-key"),
        ("x-tenant", "bank"),
        ("x-env", "test"),
        ("x-banknu", "001"),
    ] {
        assert_eq!(header(&seen[0], name), value, "{name}");
    }
    let mut form: Vec<(String, String)> =
        url::form_urlencoded::parse(seen[0].body.as_bytes()).into_owned().collect();
    form.sort();
    let expected = [
        ("client_id", "gateway"),
        ("grant_type", "password"),
        ("password", "made up: password"),
        ("scope", "onboarding"),
        ("username", "gateway@bank.example"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, value) in [
        ("authorization", "Bearer token-1"),
        ("x-api-key", "made-up-key"),
        ("x-tenant", "bank"),
        ("x-env", "test"),
        ("x-banknu", "001"),
    ] {
        assert_eq!(header(&seen[1], name), value, "{name}");
    }
}

#[tokio::test]
async fn the_pair_in_basic_is_what_the_settings_say() {
    let files = Files::new();
    let pair = format!("{{ pair = {{ username = \"other\", password = {} }} }}", files.source("secret"));
    for (said, expected) in [
        ("\"user\"", basic("gateway@bank.example", "made up: password")),
        (pair.as_str(), basic("other", "made-up-secret")),
    ] {
        let stub = Stub::start(|_seen| json(200, TOKEN)).await;
        let settings = parsed(&files.toml("", &files.onboarding(&stub.base, said)));
        let vendor = build(&settings).0.unwrap();
        vendor.probe().prove_credentials().await.unwrap();
        assert_eq!(header(&stub.seen()[0], "authorization"), expected);
        assert!(!stub.seen()[0].body.contains("scope"), "what is not said is not sent");
        assert_eq!(idv_gateway::vendor::capabilities(&vendor), ["onboarding"]);
    }
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_says_and_else_for_five_minutes() {
    for (expires_in, lasts) in [("1800", 1800), ("\"1800\"", 1800), ("null", 300), ("-1", 300)] {
        let body = format!(r#"{{"data":{{"jwt":"token-2","life":{expires_in}}}}}"#);
        let stub = Stub::start(move |seen| match seen.path.ends_with("/token") {
            true => json(200, &body),
            false => shown(seen),
        })
        .await;
        let below = "[onboarding.token]\naccess_token = [\"data.jwt\"]\nexpires_in = [\"data.life\"]";
        let (vendor, clock) = build(&Files::new().settings(&stub.base, "", below));
        let vendor = vendor.unwrap();
        let ask = || async { vendor.onboarding().unwrap().customer(&get(ClientContext::default())).await };
        let logins = || stub.seen().iter().filter(|seen| seen.path.ends_with("/token")).count();
        ask().await.unwrap();
        // Renewed at nine tenths of its life, give or take a twentieth.
        clock.advance(Duration::from_secs(lasts * 8 / 10));
        ask().await.unwrap();
        assert_eq!(logins(), 1, "{expires_in}");
        clock.advance(Duration::from_secs(lasts * 2 / 10));
        ask().await.unwrap();
        assert_eq!(logins(), 2, "{expires_in}");
        assert_eq!(header(&stub.seen()[1], "authorization"), "Bearer token-2");
    }
}

#[tokio::test]
async fn a_login_that_brings_nothing_says_what_was_looked_for_or_what_to_check() {
    for (status, body, kind, told, code) in [
        (200, "{}", Kind::VendorResponseInvalid, "has no usable token at access_token", ""),
        (200, r#"{"access_token":"a b"}"#, Kind::VendorResponseInvalid, "at access_token", ""),
        (
            400,
            r#"{"error":"invalid_grant"}"#,
            Kind::VendorCredentialsRejected,
            "onboarding.basic",
            "invalid_grant",
        ),
        (401, "", Kind::VendorCredentialsRejected, "client_id", ""),
        (403, r#"{"code":"X","message":"Erika"}"#, Kind::VendorCredentialsRejected, "banknu", "X"),
    ] {
        let stub = Stub::start(move |_seen| json(status, body)).await;
        let vendor = build(&Files::new().settings(&stub.base, "", "")).0.unwrap();
        let error = vendor.probe().prove_credentials().await.unwrap_err();
        assert_eq!(error.kind, kind, "{status} {body}");
        assert!(error.detail.contains(told), "{}", error.detail);
        assert_eq!(error.vendor.as_ref().unwrap().code, code);
        assert!(!format!("{error:?}").contains("Erika"));
    }
}

#[tokio::test]
async fn a_check_signs_in_to_both_parts() {
    let house = House::new(|_seen| json(500, "")).await;
    house.vendor.probe().prove_credentials().await.unwrap();
    let paths: Vec<_> = house.stub.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/security/oauth/token", "/v1/auth/token"]);
}

#[tokio::test]
async fn calls_tell_of_the_client_that_the_caller_named() {
    let house = House::new(shown).await;
    let client = ClientContext {
        ip_address: "203.0.113.7".to_owned(),
        user_agent: "Mozilla/5.0 (made up)".to_owned(),
        language_code: "es-PE".to_owned(),
        time_zone: "America/Lima".to_owned(),
    };
    house.onboarding().customer(&get(client)).await.unwrap();
    let seen = house.calls().pop().unwrap();
    for (name, value) in [
        ("x-lang", "es-PE"),
        ("x-tzone", "America/Lima"),
        ("user-agent", "Mozilla/5.0 (made up)"),
        ("x-real-ip", "203.0.113.7"),
        ("x-ip", "203.0.113.7"),
    ] {
        assert_eq!(header(&seen, name), value, "{name}");
    }
}

#[tokio::test]
async fn what_the_caller_does_not_say_of_the_client_the_settings_say() {
    let below = "[client]\nlanguage_code = \"es\"\ntime_zone = \"Europe/Madrid\"\nuser_agent = \"desk\"\nip_address = \"2001:db8::7\"";
    for (below, expected) in [
        ("", ["en", "UTC", "idv-gateway", "", ""]),
        (below, ["es", "Europe/Madrid", "desk", "2001:db8::7", "2001:db8::7"]),
    ] {
        let house = House::with("", below, shown).await;
        house.onboarding().customer(&get(ClientContext::default())).await.unwrap();
        let seen = house.calls().pop().unwrap();
        let names = ["x-lang", "x-tzone", "user-agent", "x-real-ip", "x-ip"];
        assert_eq!(names.map(|name| header(&seen, name)), expected.map(str::to_owned));
    }
}
