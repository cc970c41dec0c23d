//! No debug form of a message shows what is marked sensitive.

use std::collections::BTreeSet;
use std::fmt::Debug;

use idv_gateway::proto::{
    Address, AutoIdentSpec, CheckedField, CreateIdentificationRequest, Date, DownloadArtifactResponse,
    IdentificationSpec, PhoneNumber, REDACTED, StartLink, StartLinkKind, Subject, WebhookDelivery,
    biometrics, download_artifact_response, identification_spec,
};

use super::{contract, rules};

const CANARY: &str = "Erika-Beispiel-canary";
const CANARY_YEAR: i32 = 19_641_208;

#[test]
fn every_message_with_a_sensitive_field_is_redacted() {
    let redacted: BTreeSet<_> = REDACTED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(redacted, rules::sensitive_messages(&contract()));
    assert!(redacted.contains("idvgateway.v1.Subject"), "the comparison compares something");
}

#[test]
fn a_date_and_a_phone_number_hide_themselves() {
    assert_hidden(&date(), &["year", "month", "day"]);
    assert_hidden(&phone(), &["e164", "region_code: \"DE\""]);
}

#[test]
fn a_person_is_hidden_wherever_it_stands() {
    assert_hidden(&subject(), &["given_name", "language_code: \"de\""]);
    assert_hidden(&create(), &["parent: \"connections/bank\"", "AutoIdent", "signing_language_code: \"en\""]);
    assert_hidden(&Some(vec![create()]), &["connections/bank"]);
}

#[test]
fn a_start_link_shows_its_kind_only() {
    let link = StartLink { kind: StartLinkKind::Web.into(), uri: CANARY.to_owned() };
    assert_hidden(&link, &["kind: 1", "uri"]);
}

#[test]
fn a_delivery_shows_everything_but_its_body() {
    let delivery = WebhookDelivery {
        name: "connections/bank/webhookDeliveries/1".to_owned(),
        body: CANARY.into(),
        ..WebhookDelivery::default()
    };
    assert_hidden(&delivery, &["connections/bank/webhookDeliveries/1", "body"]);
}

#[test]
fn a_chunk_of_a_file_is_hidden_in_its_oneof() {
    let part = download_artifact_response::Part::Chunk(CANARY.into());
    assert_hidden(&part, &["Chunk"]);
    assert_hidden(&DownloadArtifactResponse { part: Some(part) }, &["part", "Chunk"]);
}

#[test]
fn a_value_beside_its_comparison_is_hidden() {
    let field = CheckedField {
        path: "subject.given_name".to_owned(),
        value: CANARY.to_owned(),
        ..Default::default()
    };
    assert_hidden(&field, &["subject.given_name", "value"]);
}

#[test]
fn another_package_is_covered_too() {
    let answer = biometrics::EnrollBiometricUserResponse { portrait: CANARY.into(), ..Default::default() };
    assert_hidden(&answer, &["portrait"]);
}

/// Neither debug form of `value` holds a canary, and both still show `shown`.
fn assert_hidden(value: &impl Debug, shown: &[&str]) {
    let bytes = format!("{:?}", CANARY.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in [CANARY, &CANARY_YEAR.to_string(), bytes] {
            assert!(!flat.contains(secret), "{secret} stands in {flat}");
        }
        for expected in shown {
            assert!(flat.contains(expected), "{expected} is missing in {flat}");
        }
    }
}

fn create() -> CreateIdentificationRequest {
    let auto_ident =
        AutoIdentSpec { custom_data: vec![CANARY.to_owned()], signing_language_code: "en".to_owned() };
    CreateIdentificationRequest {
        parent: "connections/bank".to_owned(),
        subject: Some(subject()),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::AutoIdent(auto_ident)) }),
        ..CreateIdentificationRequest::default()
    }
}

fn subject() -> Subject {
    let canary = || CANARY.to_owned();
    Subject {
        given_name: canary(),
        family_name: canary(),
        birth_date: Some(date()),
        birth_place: canary(),
        nationality: canary(),
        gender: canary(),
        email: canary(),
        phone: Some(phone()),
        address: Some(Address { street: canary(), city: canary(), ..Address::default() }),
        language_code: "de".to_owned(),
        document_number: canary(),
        birth_name: canary(),
        title: canary(),
        ..Subject::default()
    }
}

fn date() -> Date {
    Date { year: CANARY_YEAR, month: CANARY_YEAR, day: CANARY_YEAR }
}

fn phone() -> PhoneNumber {
    PhoneNumber { e164: CANARY.to_owned(), region_code: "DE".to_owned() }
}
