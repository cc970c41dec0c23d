//! Every documented result, and odd ones, as the contract shows them to who may see them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use idv_gateway::clock::Clock;
use idv_gateway::error::{Error, Kind};
use idv_gateway::model::observation::Word;
use idv_gateway::model::result::without_values;
use idv_gateway::proto::{DESCRIPTORS, IdentificationResult};
use idv_gateway::vendor::kit::http::Request;
use idv_gateway::vendor::{Findings, Get, Vendor as _};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use super::rig::{Files, ID, Recorder, connect, fixtures, reference};

/// Every fixture, and what is counted as drift.
const FIXTURES: [(&str, &[&str]); 19] = [
    ("aborted", &[]),
    ("canceled", &[]),
    ("check_pending", &[]),
    ("driver_license_as_second", &[]),
    ("driver_licenses", &[]),
    ("driver_licenses_alone", &[]),
    ("fraud_suspicion_confirmed", &[]),
    ("fraud_suspicion_pending", &[]),
    ("get_demo_ident", &[]),
    ("get_ident", &[]),
    ("little", &[]),
    ("odd", ODD),
    ("others_too", &[]),
    ("proof_of_address", &[]),
    ("redacted", &[]),
    ("reviewed", &[]),
    ("signing", &[]),
    ("success", &[]),
    ("success_data_changed", &[]),
];

/// No name in it is the vendor's to choose.
const ODD: &[&str] = &[
    "additionaldocuments",
    "additionaldocuments.*",
    "additionaldocuments.address",
    "additionaldocuments.address.*",
    "additionaldocuments.documentname",
    "banktransferpaymentinfo.*",
    "banktransferpaymentinfo.amount",
    "contactdata",
    "customdata.*",
    "customdata.custom1",
    "esigning.*",
    "esigning.result",
    "esigning.sessionid",
    "identificationdocument.*",
    "identificationdocument.driverlicenses",
    "identificationdocument.type",
    "identificationdocument2.driverlicenseclasses",
    "identificationdocument2.driverlicenseclasses.*",
    "identificationdocument2.driverlicenseclasses.validFromReadout",
    "identificationdocument2.type",
    "identificationprocess.agentname",
    "identificationprocess.previousresult",
    "identificationprocess.wasnfcused",
    "userdata.*",
    "userdata.address",
    "userdata.birthday.status",
    "userdata.gender.status",
    "userdata.gender.value",
    "userdata.lastname",
    "userdata.nationality.*",
];

/// Members whose text says how a check went or what kind of thing it is, not what was read.
const NOT_VALUES: [&str; 8] = [
    "status",
    "reviewstatus",
    "result",
    "paymentstatus",
    "documentname",
    "type",
    "validFromReadout",
    "validUntilReadout",
];

fn file(name: &str) -> PathBuf {
    fixtures("findings").join(format!("{name}.json"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// What the connector makes of an answer.
async fn find(status: u16, body: String) -> Result<Findings, Error> {
    let recorder = Recorder::new(move |_request: &Request| (status, body.clone()));
    let idnow = connect(&Files::new().settings("live", ""), Clock::system(), recorder);
    idnow.results().unwrap().result(Get { reference: &reference("TST-KLMNP", ID), deadline: None }).await
}

async fn found(name: &str) -> Findings {
    find(200, text(name)).await.unwrap()
}

fn as_json(result: &IdentificationResult) -> Value {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let message = pool.get_message_by_name("idvgateway.v1.IdentificationResult").unwrap();
    let dynamic = DynamicMessage::decode(message, result.encode_to_vec().as_slice()).unwrap();
    serde_json::to_value(dynamic).unwrap()
}

/// Canonical JSON, a line for every item of a list.
fn lines(result: &IdentificationResult) -> String {
    let mut lines = String::new();
    for (name, value) in as_json(result).as_object().unwrap() {
        let item = |value: &Value| format!("\n  {value}");
        let value = match value.as_array() {
            Some(items) => items.iter().map(item).collect(),
            None => format!(" {value}"),
        };
        lines.push_str(&format!("{name}:{value}\n"));
    }
    lines
}

/// Every text in `value`, at whatever depth, that stands in a member for which `wanted` holds.
fn texts(value: &Value, wanted: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    match value {
        Value::String(text) => BTreeSet::from([text.clone()]),
        Value::Array(items) => items.iter().flat_map(|item| texts(item, wanted)).collect(),
        Value::Object(members) => {
            let wanted_members = members.iter().filter(|(name, _)| wanted(name));
            wanted_members.flat_map(|(_, value)| texts(value, wanted)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// What the vendor says about the person in a fixture.
fn values(name: &str) -> BTreeSet<String> {
    let mut body: Value = serde_json::from_str(&text(name)).unwrap();
    if let Some(list) = body.get_mut("identifications") {
        body = list[0].take();
    }
    let agent = body["identificationprocess"]["agentname"].clone();
    let skipped = |member: &str| matches!(member, "identificationprocess" | "attachments");
    let mut values = texts(&body, &|member| !skipped(member) && !NOT_VALUES.contains(&member));
    values.extend(agent.as_str().map(str::to_owned));
    values.remove("");
    values
}

#[tokio::test]
async fn every_sample_is_shown_as_the_contract_says() {
    for (name, drift) in FIXTURES {
        let found = found(name).await;
        assert_eq!(found.drift, drift, "{name}");
        insta::assert_snapshot!(name, lines(&found.result.unwrap()));
    }
}

#[test]
fn every_fixture_is_in_the_table() {
    let stem = |file: std::fs::DirEntry| file.path().file_stem().unwrap().to_str().unwrap().to_owned();
    let files = std::fs::read_dir(fixtures("findings")).unwrap().map(|file| stem(file.unwrap()));
    let names = FIXTURES.map(|(name, _)| name.to_owned());
    assert_eq!(files.collect::<BTreeSet<_>>(), BTreeSet::from(names));
}

#[tokio::test]
async fn nothing_the_vendor_says_about_a_person_is_lost() {
    for (name, _) in FIXTURES.into_iter().filter(|(name, _)| !["odd", "others_too"].contains(name)) {
        let shown = texts(&as_json(&found(name).await.result.unwrap()), &|_| true);
        let values = values(name);
        assert!(!values.is_empty(), "{name}");
        assert_eq!(values.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
    }
}

#[tokio::test]
async fn who_may_see_no_values_sees_none() {
    for (name, _) in FIXTURES {
        let full = found(name).await.result.unwrap();
        let status = without_values(full.clone());
        let shown = texts(&as_json(&status), &|_| true);
        let seen: Vec<_> = values(name).into_iter().filter(|value| shown.contains(value)).collect();
        assert!(seen.is_empty(), "{name}: {seen:?}");
        assert_eq!(status.fields.len(), full.fields.len(), "{name}");
        for (compared, field) in status.fields.iter().zip(&full.fields) {
            assert_eq!(
                (&compared.path, compared.r#match, compared.review_match),
                (&field.path, field.r#match, field.review_match)
            );
        }
        assert_eq!(status.documents.len(), full.documents.len(), "{name}");
    }
}

#[tokio::test]
async fn every_path_is_in_the_connectors_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/vendors/idnow.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut paths = BTreeSet::new();
    for (name, _) in FIXTURES {
        let result = found(name).await.result.unwrap();
        let documents = result.documents.into_iter().chain(result.additional_documents);
        let fields = documents.flat_map(|document| document.fields).chain(result.fields);
        paths.extend(fields.map(|field| field.path));
    }
    assert!(paths.len() >= 25, "{paths:?}");
    assert_eq!(paths.iter().filter(|path| !page.contains(*path)).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn the_search_for_values_would_find_them() {
    let full = found("signing").await.result.unwrap();
    let shown = texts(&as_json(&full), &|_| true);
    assert!(shown.contains("LINDHOLM, ADA") && values("signing").contains("LINDHOLM, ADA"));
    let debug = format!("{full:?}");
    assert!(!debug.contains("LINDHOLM") && debug.contains("subject.family_name"), "{debug}");
}

#[tokio::test]
async fn the_vendors_bytes_go_along_unless_they_tell_of_others() {
    for (name, _) in FIXTURES {
        let found = found(name).await;
        let expected = if name == "others_too" { String::new() } else { text(name) };
        assert_eq!((found.raw, found.raw_media_type), (expected.into(), "application/json"), "{name}");
    }
}

#[tokio::test]
async fn of_several_in_a_list_the_one_asked_for_is_shown() {
    let result = found("others_too").await.result.unwrap();
    let shown = texts(&as_json(&result), &|_| true);
    assert!(shown.contains("ADA") && !shown.contains("TORVALD"), "{shown:?}");
}

#[tokio::test]
async fn what_was_not_started_shows_nothing() {
    let body = r#"{"errors":[{"cause":"OBJECT_NOT_FOUND","errorType":null,"id":"21906544","key":"Ident TST-KLMNP - No identification request found matching the provided parameters","message":null,"translationKey":null}]}"#;
    let found = find(404, body.to_owned()).await.unwrap();
    assert_eq!((found.observation.word, found.result), (Word::NotStarted, None));
    assert!(found.raw.is_empty() && found.drift.is_empty());
}

#[tokio::test]
async fn an_answer_without_a_readable_result_is_refused() {
    let about_another = text("get_ident").replace(ID, "0c7d7a51-52a1-4a0e-8f0a-6ab9d21f3c44");
    let broken = text("get_ident").replacen(',', "", 1);
    for body in [about_another, broken, "[]".to_owned(), "{}".to_owned(), String::new()] {
        let error = find(200, body).await.err().unwrap();
        assert_eq!(error.kind, Kind::VendorResponseInvalid, "{error}");
        assert!(!format!("{error:?}").contains("LINDHOLM"));
    }
}

/// No word of the vendor's: a person's name would stand there like that.
const CANARY: &str = "Kanarien Vogel";

fn odd(kind: u8) -> Value {
    match kind % 8 {
        0 => json!(CANARY),
        1 => Value::Null,
        2 => json!(4711),
        3 => json!(true),
        4 => json!([CANARY]),
        5 => json!([{ CANARY: CANARY }]),
        6 => json!({ CANARY: { "value": CANARY } }),
        _ => json!({ "status": CANARY, "value": CANARY, "original": CANARY, "identification": CANARY }),
    }
}

/// Pointers to everything in `value` but the members that say which result it is.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<_> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => return,
    };
    for (name, value) in members {
        let pointer = format!("{at}/{name}");
        let fixed = pointer == "/identifications" || at == "/identifications";
        if name == "identificationprocess" {
            found.extend(["agentname", "wasnfcused", "previousresult"].map(|it| format!("{pointer}/{it}")));
            continue;
        }
        if !fixed {
            found.push(pointer.clone());
        }
        pointers(value, &pointer, found);
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_the_sections_the_rest_is_read(
        fixture in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body: Value = serde_json::from_str(&text(FIXTURES[fixture].0)).unwrap();
        for (place, kind) in changes {
            let mut found = Vec::new();
            pointers(&body, "", &mut found);
            if let Some(value) = body.pointer_mut(place.get::<String>(&found)) {
                *value = odd(kind);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(find(200, body.to_string())).unwrap();
        for path in &found.drift {
            let ours = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".*".contains(&byte));
            prop_assert!(ours, "{}", path);
        }
        let status = as_json(&without_values(found.result.unwrap())).to_string();
        prop_assert!(!status.contains(CANARY), "{}", status);
    }
}
