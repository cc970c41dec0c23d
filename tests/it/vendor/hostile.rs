//! Ids that try to change a URL: no builder of the connector lets one out of its place.

use std::sync::Arc;

use idv_gateway::clock::Clock;
use idv_gateway::error::Kind;
use idv_gateway::proto::{AutoIdentSpec, Subject};
use idv_gateway::settings::Problems;
use idv_gateway::vendor::account_settings::AccountSettings as _;
use idv_gateway::vendor::kit::http::Request;
use idv_gateway::vendor::kit::url::{Alphabet, Origin, PathTemplate, Plain};
use idv_gateway::vendor::{Create, Get, Identifications, Vendor};

use super::rig::{Files, Recorder, about, command, connect, delivery, offline, reference, right};

/// Whole ids, and pieces that are also tried before, after and inside a harmless one.
const PIECES: [&str; 62] = [
    ".",
    "..",
    "...",
    "/",
    "//",
    "\\",
    "\\\\",
    "../",
    "..\\",
    "/..",
    "./",
    "/.",
    "%2e%2e",
    "%2E%2E",
    "%2e.",
    ".%2e",
    "..%2f",
    "..%2F",
    "..%5c",
    "%2f",
    "%5C",
    "%252e%252e",
    "%252f",
    "%00",
    "%0a",
    "%0d%0a",
    "%09",
    "%20",
    "%",
    "%%",
    "%u002e",
    "%c0%ae",
    "..;",
    ";",
    ";a=b",
    "?",
    "?a=b",
    "#",
    "#a",
    "@",
    "@host",
    ":",
    ":80",
    "&",
    "=",
    "+",
    ",",
    "'",
    "\"",
    "<",
    ">",
    "|",
    "^",
    "`",
    "{t}",
    "[",
    "*",
    "$",
    "!",
    "~",
    "//host/",
    "https://host/",
];
const CHARACTERS: [char; 20] = [
    '\0',
    '\t',
    '\n',
    '\r',
    '\u{b}',
    '\u{1f}',
    ' ',
    '\u{7f}',
    '\u{85}',
    '\u{a0}',
    '\u{ad}',
    '\u{202e}',
    '\u{200b}',
    '\u{2024}',
    '\u{2025}',
    '\u{2215}',
    '\u{ff0e}',
    '\u{ff0f}',
    'ä',
    '\u{1f600}',
];

pub(crate) fn hostile() -> Vec<String> {
    let mut ids = vec![String::new(), "a".repeat(256), "a".repeat(100_000), "../".repeat(1000)];
    let pieces = PIECES.iter().map(|piece| piece.to_string()).chain(CHARACTERS.map(String::from));
    for piece in pieces {
        for id in [format!("TST{piece}ABC"), format!("{piece}TST"), format!("TST{piece}"), piece] {
            ids.push(id);
        }
    }
    assert!(ids.len() >= 300);
    ids
}

const SERVER: &str = "https://gateway.idnow.de";

#[tokio::test]
async fn no_id_leaves_its_place_in_an_api_url() {
    let recorder = Recorder::new(|_request: &Request| (500, String::new()));
    let idnow = connect(&Files::new().settings("live", ""), Clock::system(), recorder.clone());
    for id in hostile() {
        for about in [reference("", &id), reference(&id, ""), reference(&id, &id)] {
            let error = idnow.get(Get { reference: &about, deadline: None }).await.unwrap_err();
            assert_eq!(error.kind, Kind::ValidationFailed, "{id:?}");
        }
    }
    assert!(recorder.urls.lock().unwrap().is_empty(), "nothing was sent");
    // The same paths do work with a harmless id: the check above is not vacuous.
    let about = reference("", "harmless-1_A");
    assert_eq!(
        idnow.get(Get { reference: &about, deadline: None }).await.unwrap_err().kind,
        Kind::VendorUnavailable
    );
    let urls = recorder.urls.lock().unwrap();
    assert_eq!(urls.last().unwrap(), &format!("{SERVER}/api/v1/examplebank/identifications/harmless-1_A"));
}

#[test]
fn no_id_of_a_caller_is_taken_for_the_vendors() {
    let idnow = offline();
    for id in hostile().into_iter().filter(|id| !id.is_empty()) {
        for (about, fields) in [
            (reference("", &id), &["vendor_reference.reference"][..]),
            (reference(&id, ""), &["vendor_reference.id"]),
            (reference(&id, &id), &["vendor_reference.id", "vendor_reference.reference"]),
        ] {
            let violations = idnow.read_reference(&about).unwrap_err();
            let named: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
            assert_eq!(named, fields, "{id:?}");
        }
    }
    let read = idnow.read_reference(&reference("tst-klmnp", "Harmless-1_A")).unwrap();
    assert_eq!(read, reference("TST-KLMNP", "harmless-1_a"));
}

#[test]
fn no_id_gets_into_a_link() {
    let idnow = offline();
    for id in hostile() {
        assert!(idnow.start_links(about(&reference(&id, &id))).is_empty(), "{id:?}");
    }
    assert_eq!(idnow.start_links(about(&reference("TST-KLMNP", "harmless"))).len(), 3);
}

#[test]
fn no_customer_gets_into_a_url() {
    for customer in hostile() {
        let mut settings = Files::new().settings("live", "");
        settings.customer = customer.clone();
        let mut problems = Problems::default();
        settings.check(&mut problems);
        let found = problems.into_found();
        assert!(found.iter().any(|problem| problem.path == ["customer"]), "{customer:?}");
    }
}

#[tokio::test]
async fn no_id_of_the_vendor_is_taken_over() {
    let command = command(Subject::default(), AutoIdentSpec::default());
    for id in hostile() {
        let answer = serde_json::json!({ "id": id }).to_string();
        let recorder = Recorder::new(move |_request: &Request| (201, answer.clone()));
        let idnow = connect(&Files::new().settings("live", ""), Clock::system(), recorder);
        let error = idnow.create(Create { command: &command }).await.unwrap_err();
        assert_eq!(error.kind, Kind::VendorResponseInvalid, "{id:?}");
    }
    let idnow = offline();
    let webhooks = idnow.webhooks().unwrap();
    for id in hostile().into_iter().filter(|id| !id.is_empty()) {
        for member in ["id", "transactionnumber"] {
            let body = serde_json::json!({ "identificationprocess": { "result": "SUCCESS", member: id } })
                .to_string();
            let verified = webhooks.verify(delivery(&right(), body)).unwrap();
            assert_eq!(
                webhooks.normalise(&verified).unwrap_err().path,
                format!("identificationprocess.{member}"),
                "{id:?}"
            );
        }
    }
}

/// With the widest alphabet there is, what is let through still stays inside the template.
#[test]
fn no_segment_changes_the_shape_of_a_template() {
    const WIDEST: Alphabet = Alphabet::letters_digits_and("-._~@+", 300);
    let origin = Origin::parse(SERVER, Plain::Never).unwrap();
    let templates =
        ["/api/v1/{t}/login", "/api/v1/c/identifications/{t}/start", "/{t}", "/c/{t}/identification/start"];
    let mut let_through = 0;
    for id in hostile() {
        let Ok(segment) = WIDEST.segment(&id) else { continue };
        let_through += 1;
        for template in templates {
            let target = PathTemplate::parse(template).unwrap().fill(&origin, &[("t", &segment)]).unwrap();
            assert_eq!(target.url().as_str(), format!("{SERVER}{}", template.replace("{t}", &id)));
        }
    }
    assert!(let_through > 5, "dots, tildes, @ and + inside words are let through");
}

#[tokio::test]
async fn a_recorded_transport_sees_what_would_be_sent() {
    let recorder = Recorder::new(|_request: &Request| (201, r#"{"id":"TST-KLMNP"}"#.to_owned()));
    let idnow = connect(&Files::new().settings("live", ""), Clock::system(), Arc::clone(&recorder) as _);
    let command = command(Subject::default(), AutoIdentSpec::default());
    idnow.create(Create { command: &command }).await.unwrap();
    let start = format!("{SERVER}/api/v1/examplebank/identifications/{}/start", command.name.id);
    assert_eq!(recorder.urls.lock().unwrap().last(), Some(&start));
}
