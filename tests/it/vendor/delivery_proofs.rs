//! The three ways of a vendor to show who it is, beside each other.

use std::net::IpAddr;

use http::HeaderValue;
use idv_gateway::settings::{Problems, Window};
use idv_gateway::vendor::kit::delivery::{
    Door, Proof, Refusal, SecretSettings, SharedSecret, Source, Unverified, check_secrets,
};
use secrecy::SecretString;

use super::cipher::request;
use super::rig::basic;

const FIELD: &str = "x-webhook-key";
const BEARER: (&str, &str) = ("authorization", "Bearer token");
const KEY: (&str, &str) = (FIELD, "key");

fn secrets() -> [SharedSecret; 3] {
    let (username, password) = ("user".to_owned(), SecretString::from("password"));
    let proofs = [
        ("basic", Proof::Basic { username, password }),
        ("bearer", Proof::Bearer(SecretString::from("token"))),
        ("api_key", Proof::ApiKey { header: FIELD.parse().unwrap(), value: SecretString::from("key") }),
    ];
    proofs.map(|(label, proof)| shared(label, proof))
}

fn shared(label: &str, proof: Proof) -> SharedSecret {
    SharedSecret { label: label.to_owned(), proof, cipher_key: None, window: Window::default() }
}

fn judged(request: Unverified) -> Result<String, Refusal> {
    Door::new(secrets(), None, None).verify(request).map(|verified| verified.matched().to_owned())
}

#[test]
fn each_proof_opens_the_door_by_itself() {
    let basic = basic("user", "password");
    let cases = [
        (vec![("authorization", &*basic)], "basic"),
        (vec![BEARER], "bearer"),
        (vec![("authorization", "bearer token")], "bearer"),
        (vec![KEY], "api_key"),
        (vec![("authorization", "Bearer wrong"), KEY], "api_key"),
        (vec![("authorization", "Basic !"), KEY], "api_key"),
        (vec![BEARER, (FIELD, "wrong")], "bearer"),
        (vec![BEARER, KEY, KEY], "bearer"),
    ];
    for (fields, label) in cases {
        assert_eq!(judged(request(&fields, "")).as_deref(), Ok(label), "{fields:?}");
    }
}

#[test]
fn a_refusal_has_its_cause() {
    let cases = [
        (vec![], Refusal::Missing),
        (vec![("x-other", "key")], Refusal::Missing),
        (vec![("authorization", "Bearer wrong")], Refusal::Wrong),
        (vec![("authorization", "Bearer")], Refusal::Malformed),
        (vec![("authorization", "Bearer ")], Refusal::Wrong),
        (vec![("authorization", "Bearer Token")], Refusal::Wrong),
        (vec![("authorization", "Bearer token token")], Refusal::Wrong),
        (vec![("authorization", "Bearer key"), (FIELD, "token")], Refusal::Wrong),
        (vec![(FIELD, "wrong")], Refusal::Wrong),
        (vec![(FIELD, "")], Refusal::Wrong),
        (vec![("authorization", "token")], Refusal::Malformed),
        (vec![("authorization", "Digest token")], Refusal::Malformed),
        (vec![BEARER, BEARER], Refusal::Malformed),
        (vec![KEY, KEY], Refusal::Malformed),
        (vec![KEY, (FIELD, "wrong")], Refusal::Malformed),
    ];
    for (fields, cause) in cases {
        assert_eq!(judged(request(&fields, "")), Err(cause), "{fields:?}");
    }
    let mut odd = request(&[], "");
    odd.headers.insert("authorization", HeaderValue::from_bytes(b"Bearer t\xffken").unwrap());
    assert_eq!(judged(odd), Err(Refusal::Malformed));
}

#[test]
fn an_address_counts_for_who_knows_the_secret() {
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    let door = Door::new(secrets(), Some(networks), None);
    let verify = |field, source| door.verify(Unverified { source, ..request(&[field], "") }).map(drop);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let (near, far) = (address("10.1.2.3"), address("192.0.2.1"));
    assert_eq!(verify(KEY, Source::Known(near)), Ok(()));
    for foreign in [Source::Known(far), Source::Behind(near)] {
        assert_eq!(verify(KEY, foreign), Err(Refusal::ForeignSource), "{foreign:?}");
        assert_eq!(verify((FIELD, "wrong"), foreign), Err(Refusal::Wrong), "{foreign:?}");
    }
}

#[test]
fn secrets_taken_up_later_stand_beside_the_configured_ones() {
    let door = Door::new(secrets(), None, None);
    let is_open = |token: &str| {
        let authorization = format!("Bearer {token}");
        door.verify(request(&[("authorization", &*authorization)], "")).is_ok()
    };
    for round in ["first", "second"] {
        door.accept([shared(round, Proof::Bearer(SecretString::from(round)))]);
        let labels: Vec<_> = door.windows().into_iter().map(|(label, _window)| label).collect();
        assert_eq!(labels, ["basic", "bearer", "api_key", round]);
        assert_eq!([is_open("token"), is_open(round)], [true, true], "{round}");
    }
    assert!(!is_open("first"), "those of an earlier call end");
}

#[test]
fn settings_that_could_never_match_are_named() {
    let settings = |text: &str| -> Vec<SecretSettings> {
        let file: std::collections::BTreeMap<String, Vec<SecretSettings>> = toml::from_str(text).unwrap();
        file.into_values().flatten().collect()
    };
    let written = settings(
        r#"
[[secrets]]
label = "one"
proof = { basic = { username = "a:b", password = { file = "p" } } }
[[secrets]]
label = "one"
proof = { bearer = { token = { file = "p" } } }
[[secrets]]
label = "two"
proof = { api_key = { header = "x key", value = { file = "p" } } }
not_before = "2026-03-02"
not_after = "2026-03-01"
"#,
    );
    let mut problems = Problems::default();
    check_secrets(&written, &mut problems);
    let paths: Vec<_> = problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect();
    assert_eq!(paths, ["0.proof.basic.username", "1.label", "2.not_after", "2.proof.api_key.header"]);
}

#[test]
fn debug_output_shows_no_secret() {
    let shown = format!("{:?} {:?}", secrets(), Door::new(secrets(), None, None));
    for hidden in ["password", "token", "\"key\""] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
