//! Only the configured credentials make a verified delivery.

use std::time::{Duration, SystemTime};

use idv_gateway::proto::Evidence;
use idv_gateway::settings::Window;
use idv_gateway::vendor::kit::delivery::{Door, Proof, Refusal, SharedSecret, Unverified, Verified};
use secrecy::SecretString;

use super::rig::{basic, delivery, noon};

fn credentials() -> Door {
    let ever = Window::default();
    door([pair("old", "first secret", ever), pair("new", "second:secret", ever)])
}

fn door(secrets: impl IntoIterator<Item = SharedSecret>) -> Door {
    Door::new(secrets, None, None)
}

fn pair(label: &str, password: &str, window: Window) -> SharedSecret {
    let (username, password) = ("idnow".to_owned(), SecretString::from(password));
    let proof = Proof::Basic { username, password };
    SharedSecret { label: label.to_owned(), proof, cipher_key: None, window }
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
    assert_eq!(door([]).verify(delivery(&basic("a", "b"), "")).unwrap_err(), Refusal::Wrong);
}

#[test]
fn a_pair_is_accepted_in_its_time_only() {
    let window = |from: &str, until: &str| {
        let moment = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Window::new(moment(from), moment(until))
    };
    // They overlap on the 14th, and two of them are the same pair.
    let credentials = door([
        pair("old", "first secret", window("", "2026-03-14")),
        pair("new", "second secret", window("2026-03-14", "")),
        pair("past", "again", window("", "2026-01-31")),
        pair("present", "again", window("2026-02-01", "")),
    ]);
    let day = Duration::from_hours(24);
    let verify = |password: &str, time: SystemTime| {
        let delivery = Unverified { receive_time: time, ..delivery(&basic("idnow", password), "") };
        credentials.verify(delivery).map(|verified| verified.matched().to_owned())
    };
    for (password, yesterday, today, tomorrow) in [
        ("first secret", Ok("old"), Ok("old"), Err(Refusal::OutsideWindow)),
        ("second secret", Err(Refusal::OutsideWindow), Ok("new"), Ok("new")),
        ("again", Ok("present"), Ok("present"), Ok("present")),
        ("none of them", Err(Refusal::Wrong), Err(Refusal::Wrong), Err(Refusal::Wrong)),
    ] {
        for (time, expected) in [(noon() - day, yesterday), (noon(), today), (noon() + day, tomorrow)] {
            assert_eq!(verify(password, time), expected.map(str::to_owned), "{password} {time:?}");
        }
    }
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
