//! The login, and what refusals mean.

use std::time::Duration;

use idv_gateway::error::Kind;
use idv_gateway::vendor::capability::ClientTokens as _;
use idv_gateway::vendor::{Get, Identifications as _, Probe as _, Vendor as _};

use super::{IN_PROGRESS, INVITATION, PREFIX, TICKET, calls, connect, connect_with, known, over_sockets};
use crate::vendor::rig::{Stub, basic, json};

fn ticket() -> axum::response::Response {
    json(200, IN_PROGRESS)
}

async fn get(preventor: &idv_gateway::vendor::preventor::Preventor) -> Result<(), idv_gateway::error::Error> {
    let reference = known("", &[TICKET]);
    preventor.get(Get { reference: &reference, deadline: None }).await.map(drop)
}

#[tokio::test]
async fn a_login_says_who_the_account_is_and_calls_carry_its_token() {
    let (preventor, stub) = connect(|_seen| ticket()).await;
    get(&preventor).await.unwrap();
    get(&preventor).await.unwrap();
    let seen = stub.seen();
    let header = |index: usize, name: &str| {
        seen[index].headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(seen.len(), 3, "one login for both");
    assert_eq!(format!("{} {}", seen[0].method, seen[0].path), format!("POST {PREFIX}/auth/token"));
    assert_eq!(header(0, "authorization"), basic("made-up-key", "made-up-secret"));
    for (name, value) in [
        ("x-api-key", "made-up-key"),
        ("x-tenant", "bank"),
        ("x-env", "test"),
        ("x-banknu", "001"),
        ("user-agent", "idv-gateway"),
        ("x-interface", "idv-gateway"),
    ] {
        assert_eq!(header(0, name), value);
    }
    assert!(seen[0].body.is_empty());
    assert_eq!(header(1, "authorization"), "Bearer token-1");
    assert_eq!((header(1, "x-api-key").as_str(), header(1, "x-tenant").as_str()), ("made-up-key", ""));
}

#[tokio::test]
async fn the_end_of_a_token_is_read_in_every_unit_and_else_comes_after_ten_minutes() {
    let epoch_millis = (1_773_489_600u64 + 1800) * 1000;
    for (expiracy, lasts) in [
        ("1800".to_owned(), 1800),
        ("\"1800\"".to_owned(), 1800),
        (epoch_millis.to_string(), 1800),
        ("1773489600".to_owned(), 600),
        ("-1".to_owned(), 600),
        ("null".to_owned(), 600),
        ("18446744073709551615".to_owned(), 600),
    ] {
        let body = format!(r#"{{"token":"a","expiracy":{expiracy}}}"#);
        let stub = Stub::start(move |seen| match seen.path.ends_with("/auth/token") {
            true => json(200, &body),
            false => ticket(),
        })
        .await;
        let (preventor, clock) = over_sockets(&stub.base, "");
        let logins = || stub.seen().len() - calls(&stub).len();
        get(&preventor).await.unwrap();
        // Renewed at nine tenths of its life, give or take a twentieth.
        clock.advance(Duration::from_secs(lasts * 8 / 10));
        get(&preventor).await.unwrap();
        assert_eq!(logins(), 1, "{expiracy}");
        clock.advance(Duration::from_secs(lasts * 2 / 10));
        get(&preventor).await.unwrap();
        assert_eq!(logins(), 2, "{expiracy}");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (preventor, stub) = connect(|_seen| json(401, r#"{"status":"401","code":"X","message":{}}"#)).await;
    let error = get(&preventor).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorCredentialsRejected);
    assert_eq!((stub.seen().len(), calls(&stub).len()), (4, 2));
}

#[tokio::test]
async fn refusals_are_told_by_status_and_code_whatever_the_envelope_looks_like() {
    let messages =
        [r#""Erika Beispiel""#, r#"["Erika","Beispiel"]"#, r#"{"message":"Erika","fields":[]}"#, "null"];
    for message in messages {
        for (status, meant, kind) in [
            (400, "400", Kind::VendorRejectedRequest),
            (403, "\"403\"", Kind::VendorFeatureNotEnabled),
            (409, "409", Kind::VendorConflict),
            (200, "403", Kind::VendorFeatureNotEnabled),
            (200, "\"503\"", Kind::VendorUnavailable),
            (429, "null", Kind::VendorRateLimited),
            (503, "503", Kind::VendorUnavailable),
        ] {
            let body = format!(r#"{{"status":{meant},"code":"ABCD","message":{message}}}"#);
            let (preventor, _stub) = connect(move |_seen| json(status, &body)).await;
            let error = get(&preventor).await.unwrap_err();
            assert_eq!(error.kind, kind, "{status} {meant} {message}");
            assert_eq!(error.vendor.as_ref().unwrap().code, "ABCD");
            let told = format!("{error} {error:?}");
            assert!(!told.contains("Erika") && !told.contains("Beispiel"), "{told}");
        }
    }
    let (preventor, _stub) = connect(|_seen| json(200, r#"{"code":"TCKTNTFND"}"#)).await;
    get(&preventor).await.unwrap();
    let (preventor, _stub) = connect(|_seen| json(404, "<html>")).await;
    assert_eq!(get(&preventor).await.unwrap_err().kind, Kind::VendorResponseInvalid);
}

#[tokio::test]
async fn a_login_that_is_refused_says_what_to_check() {
    let stub = Stub::start(|_seen| json(403, r#"{"code":"NOPE"}"#)).await;
    let (preventor, _clock) = over_sockets(&stub.base, "");
    let error = preventor.prove_credentials().await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorCredentialsRejected);
    assert!(error.detail.contains("banknu"), "{}", error.detail);
    for body in [r#"{"token":""}"#, r#"{"token":7}"#, r#"{"token":"a b"}"#, "{}", "[]"] {
        let stub = Stub::start(move |_seen| json(200, body)).await;
        let (preventor, _clock) = over_sockets(&stub.base, "");
        let error = preventor.prove_credentials().await.unwrap_err();
        assert_eq!(error.kind, Kind::VendorResponseInvalid, "{body}");
    }
}

#[tokio::test]
async fn client_tokens_are_minted_one_by_one_where_the_connection_allows_them() {
    let (preventor, stub, _clock) = connect_with("allow_client_tokens = true", |_seen| ticket()).await;
    let token = preventor.issue().await.unwrap();
    assert_eq!(token.expire_time.unwrap().seconds, 1_773_489_600 + 3600);
    preventor.issue().await.unwrap();
    assert_eq!(stub.seen().len(), 2);
    assert!(preventor.client_tokens().is_some());
    let (silent, _stub) = connect(|_seen| ticket()).await;
    assert!(silent.client_tokens().is_none());
}

#[tokio::test]
async fn what_the_log_does_not_show_is_not_guessed() {
    let (preventor, _stub) = connect(|_seen| json(200, r#"{"log":{}}"#)).await;
    let reference = known(INVITATION, &[]);
    let error = preventor.get(Get { reference: &reference, deadline: None }).await.err().unwrap();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
    assert!(error.detail.contains("activities, data.activities"), "{}", error.detail);
}
