//! Only the configured credentials make a verified delivery.

use idv_gateway::proto::Evidence;
use idv_gateway::vendor::kit::delivery::{BasicCredentials, Refusal, Verified};
use secrecy::SecretString;

use super::rig::{basic, delivery};

fn credentials() -> BasicCredentials {
    let pair =
        |label: &str, password: &str| (label.to_owned(), "idnow".to_owned(), SecretString::from(password));
    BasicCredentials::new([pair("old", "first secret"), pair("new", "second:secret")])
}

fn verify(authorization: &str) -> Result<Verified, Refusal> {
    credentials().verify(delivery(authorization, "body"))
}

#[test]
fn every_configured_pair_is_accepted_and_named() {
    for (password, label) in [("first secret", "old"), ("second:secret", "new")] {
        let verified = verify(&basic("idnow", password)).unwrap();
        assert_eq!(verified.matched(), label);
        assert_eq!(verified.evidence(), Evidence::SharedSecret);
        assert_eq!(verified.body().as_ref(), b"body");
    }
    let lower = basic("idnow", "first secret").replace("Basic", "basic");
    assert!(verify(&lower).is_ok(), "the scheme is compared without case");
    assert!(verify(basic("idnow", "first secret").trim_end_matches('=')).is_ok(), "padding may be missing");
}

#[test]
fn everything_else_is_refused() {
    assert_eq!(verify("").unwrap_err(), Refusal::Missing);
    for authorization in
        ["Basic", "Basic ", "Basic !!!!", "Bearer aWRub3c6eA==", "Basic aWRub3c=", "Digest x"]
    {
        assert_eq!(verify(authorization).unwrap_err(), Refusal::Malformed, "{authorization}");
    }
    let wrong = [
        ("idnow", ""),
        ("idnow", "first secre"),
        ("idnow", "first secret "),
        ("IDNOW", "first secret"),
        ("", ""),
    ];
    for (username, password) in wrong {
        assert_eq!(verify(&basic(username, password)).unwrap_err(), Refusal::Wrong, "{username}:{password}");
    }
    assert_eq!(BasicCredentials::new([]).verify(delivery(&basic("a", "b"), "")).unwrap_err(), Refusal::Wrong);
}

#[test]
fn two_authorization_headers_are_refused() {
    let mut twice = delivery(&basic("idnow", "first secret"), "body");
    twice.headers.append("authorization", basic("idnow", "other").parse().unwrap());
    assert_eq!(credentials().verify(twice).unwrap_err(), Refusal::Malformed);
}

#[test]
fn debug_output_shows_neither_body_nor_credentials() {
    let authorization = basic("idnow", "first secret");
    let unverified = delivery(&authorization, "Erika Beispiel");
    let shown = {
        let before = format!("{unverified:?}");
        format!("{before} {:?} {:?}", credentials(), credentials().verify(unverified).unwrap())
    };
    for secret in ["Erika", "secret", authorization.trim_start_matches("Basic ")] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("body_bytes: 14"), "{shown}");
}
