//! What the vendor found out, before, during and after the review, and to whom it is shown.

use std::time::Duration;

use idv_gateway::journal::{Batch, Journal as _, RecordChange};
use idv_gateway::proto::{
    EventType, Evidence, FieldMatch, GetIdentificationResultRequest, GetIdentificationResultResponse,
    IdentificationResult, IdentificationState as State, Outcome, ProofOfAddressOutcome, ProvisionalOutcome,
    ResultView,
};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::house::House;
use super::operator::asked;
use super::words::{BANK, CUSTOMER, create, fields, refused, said_at, types};

const NOT_READY: (Code, &str) = (Code::FailedPrecondition, "RESULT_NOT_READY");
const GONE: (Code, &str) = (Code::FailedPrecondition, "IDENTIFICATION_GONE");
const ABSENT: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REFUSED: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const DAY: Duration = Duration::from_hours(24);

pub(super) async fn try_result(
    house: &House,
    id: &str,
    view: ResultView,
    allow_preliminary: bool,
) -> Result<GetIdentificationResultResponse, Status> {
    let name = format!("{BANK}/identifications/{id}");
    let request = GetIdentificationResultRequest { name, view: view.into(), allow_preliminary };
    house.identifications().get_identification_result(asked(request)).await.map(tonic::Response::into_inner)
}

async fn result(house: &House, id: &str, view: ResultView) -> IdentificationResult {
    let response = try_result(house, id, view, false).await.unwrap();
    assert!(!response.preliminary);
    response.result.unwrap()
}

async fn preliminary(house: &House, id: &str, view: ResultView) -> IdentificationResult {
    let response = try_result(house, id, view, true).await.unwrap();
    assert!(response.preliminary);
    response.result.unwrap()
}

/// Whatever the view, and whether or not something preliminary would do.
async fn never(house: &House, id: &str, (code, reason): (Code, &str)) {
    for view in [ResultView::Unspecified, ResultView::Status, ResultView::Full, ResultView::Raw] {
        for allow_preliminary in [false, true] {
            let status = try_result(house, id, view, allow_preliminary).await.unwrap_err();
            refused(&status, code, reason);
        }
    }
}

#[track_caller]
fn value<'a>(result: &'a IdentificationResult, path: &str) -> (FieldMatch, &'a str, &'a str) {
    let field = result.fields.iter().find(|field| field.path == path).unwrap();
    (field.r#match(), &field.value, &field.original_value)
}

#[tokio::test]
async fn there_is_a_result_once_the_vendor_shows_one() {
    let house = House::silent().await;
    let id = house.created().await;
    never(&house, &id, NOT_READY).await;
    house.person(&id, "start", json!({})).await;
    never(&house, &id, NOT_READY).await;
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated]);

    // In review: the caller says whether that will do.
    house.person(&id, "submit", json!({ "result": "REVIEW_PENDING" })).await;
    let status = try_result(&house, &id, ResultView::Full, false).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "RESULT_NOT_READY");
    assert!(status.message().contains("allow_preliminary"), "{}", status.message());
    let early = preliminary(&house, &id, ResultView::Full).await;
    assert_eq!(early.provisional_outcome(), ProvisionalOutcome::LikelyVerified);
    assert_eq!((early.decision.clone(), early.vendor_result.as_str()), (None, "REVIEW_PENDING"));
    assert_eq!(value(&early, "subject.given_name"), (FieldMatch::Match, "ERIKA", "ERIKA"));

    house.person(&id, "review", json!({ "result": "SUCCESS_DATA_CHANGED" })).await;
    let found = result(&house, &id, ResultView::Full).await;
    let decision = found.decision.clone().unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::VerifiedDataChanged, 1));
    assert_eq!(decision.evidence(), Evidence::Fetched);
    assert_eq!(found.provisional_outcome(), ProvisionalOutcome::Unspecified);
    assert_eq!(found.vendor_result, "SUCCESS_DATA_CHANGED");
    assert_eq!(found.previous_vendor_result, "REVIEW_PENDING");
    assert_eq!(found.agent_name, "SANDBOX");
    let (compared, read, sent) = value(&found, "subject.family_name");
    assert_eq!((compared, read, sent), (FieldMatch::Changed, "BEISPIEL-BERICHTIGT", "BEISPIEL"));
    assert_eq!(value(&found, "address.city"), (FieldMatch::New, "MUSTERSTADT", ""));
    assert_eq!(found.documents.len(), 1);

    // With or without a call for the state: it is that of the result.
    let known = house.get(&id).await;
    assert_eq!((&known.name, known.revision), (&found.name, found.revision));
    assert_eq!((known.state(), known.decision), (State::Completed, found.decision));

    house.person(&id, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    let revised = result(&house, &id, ResultView::Status).await.decision.unwrap();
    assert_eq!((revised.outcome(), revised.revision), (Outcome::FraudConfirmed, 2));
    let expected = [
        EventType::IdentificationCreated,
        EventType::IdentificationSubmitted,
        EventType::IdentificationCompleted,
        EventType::IdentificationDecisionRevised,
    ];
    assert_eq!(types(&house.events().await), expected);

    // Reading is no news, and needs no read of ours.
    result(&house, &id, ResultView::Raw).await;
    assert_eq!(house.events().await.len(), 4);
    assert_eq!(house.metric("idv_vendor_drift_total", &[]).await, 0.0);

    let address = house.vendor_address();
    let gone = house.client().delete(format!("http://{address}/control/identifications/{id}"));
    assert_eq!(house.send(gone).await.status, 200);
    never(&house, &id, GONE).await;
    assert_eq!(house.get(&id).await.state(), State::Completed, "nobody said that it was deleted here");
}

#[tokio::test]
async fn a_try_that_ended_shows_what_there_is_of_it() {
    for (does, body, word) in [
        ("abort", json!({}), "ABORTED"),
        ("submit", json!({ "result": "CANCELED", "reason": "ID_BLURRY" }), "CANCELED"),
        ("submit", json!({ "result": "PARKED" }), "PARKED"),
    ] {
        let house = House::silent().await;
        let id = house.created().await;
        house.person(&id, "start", json!({})).await;
        house.person(&id, does, body).await;
        let status = try_result(&house, &id, ResultView::Status, false).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "RESULT_NOT_READY");
        let found = preliminary(&house, &id, ResultView::Full).await;
        assert_eq!(found.vendor_result, word);
        assert_eq!(found.provisional_outcome(), ProvisionalOutcome::Undetermined, "{word}");
        assert!(found.decision.is_none() && !found.fields.is_empty(), "{word}");
        assert_eq!(house.get(&id).await.vendor_status, word);
    }
}

#[tokio::test]
async fn what_the_vendor_never_had_or_has_no_more_has_no_result() {
    let house = House::silent().await;
    refused(
        &try_result(&house, ABSENT, ResultView::Full, true).await.unwrap_err(),
        Code::NotFound,
        "RESOURCE_NOT_FOUND",
    );

    // In doubt.
    let mut request = create(BANK);
    request.identification_id = ABSENT.to_owned();
    house.fault(json!({ "kind": "status", "operation": "start", "status": 503 })).await;
    house.try_create(request.clone()).await.unwrap_err();
    assert_eq!(house.get(ABSENT).await.state(), State::Creating);
    never(&house, ABSENT, NOT_READY).await;
    house.well().await;

    // Refused for good.
    let refusal = json!({ "errors": [{ "cause": "FORBIDDEN", "id": "4711" }] }).to_string();
    house.fault(json!({ "kind": "body", "operation": "start", "text": refusal })).await;
    request.identification_id = REFUSED.to_owned();
    house.try_create(request).await.unwrap_err();
    assert_eq!(house.get(REFUSED).await.state(), State::Failed);
    never(&house, REFUSED, (Code::FailedPrecondition, "STATE_NOT_ALLOWED")).await;
    assert_eq!(house.asked("gets").await, 0, "there is nothing to ask for");
    house.well().await;

    // Over.
    let id = house.created().await;
    house.clock.advance(91 * DAY);
    house.in_time("its end", async || (house.get(&id).await.state() == State::Expired).then_some(())).await;
    never(&house, &id, GONE).await;
}

#[tokio::test]
async fn what_was_deleted_here_is_not_asked_for() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    result(&house, &id, ResultView::Status).await;
    let name = format!("{BANK}/identifications/{id}").parse().unwrap();
    let before = house.journal().record(&name).await.unwrap().unwrap();
    let (mut record, replaces) = (before.successor(), Some(before.memory.version));
    record.identification.set_state(State::Deleted);
    let records = vec![RecordChange { record, replaces }];
    house.journal().append(Batch { records, ..Batch::default() }).await.unwrap();
    never(&house, &id, GONE).await;
    assert_eq!(house.asked("gets").await, 1);
}

#[tokio::test]
async fn while_the_vendors_api_lags_the_decision_is_the_newer_one() {
    let house = House::with(|plan| (plan.webhooks, plan.min_evidence) = (false, "shared_secret")).await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    result(&house, &id, ResultView::Status).await;
    let revised = said_at("FRAUD_SUSPICION_CONFIRMED", &id, "2026-11-20T12:30:00Z");
    assert_eq!(house.webhook(revised.to_string()).await.status, 204);
    house.applied(1).await;
    let found = result(&house, &id, ResultView::Full).await;
    let decision = found.decision.unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::FraudConfirmed, 2));
    assert_eq!((found.vendor_result.as_str(), house.get(&id).await.revision), ("SUCCESS", found.revision));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_says_where() {
    let house = House::silent().await;
    let ask = async |name: &str, view: i32| {
        let request = GetIdentificationResultRequest { name: name.to_owned(), view, allow_preliminary: true };
        house.identifications().get_identification_result(asked(request)).await.unwrap_err()
    };
    let id = house.created().await;
    let name = format!("{BANK}/identifications/{id}");
    for (status, wrong) in [
        (ask("", 2).await, vec!["name"]),
        (ask(&id, 2).await, vec!["name"]),
        (ask(&name.to_uppercase(), 2).await, vec!["name"]),
        (ask(&name, 9).await, vec!["view"]),
        (ask(&name, -1).await, vec!["view"]),
        (ask(BANK, 9).await, vec!["name", "view"]),
    ] {
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), wrong);
    }
    let elsewhere = ask(&format!("connections/nobody/identifications/{id}"), 2).await;
    refused(&elsewhere, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(house.asked("gets").await, 0);
}

#[tokio::test]
async fn a_vendor_that_fails_is_told_apart_from_one_that_has_nothing() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    let about_another =
        json!({ "identificationprocess": { "result": "SUCCESS", "transactionnumber": ABSENT } });
    let body = |text: String| json!({ "kind": "body", "operation": "get", "text": text });
    for (fault, code, reason, waits) in [
        (json!({ "kind": "status", "status": 500 }), Code::Unavailable, "VENDOR_UNAVAILABLE", true),
        (json!({ "kind": "status", "status": 503 }), Code::Unavailable, "VENDOR_UNAVAILABLE", true),
        (json!({ "kind": "half_body" }), Code::Unavailable, "VENDOR_UNAVAILABLE", true),
        (
            json!({ "kind": "rate_limit", "retry_after": 30 }),
            Code::ResourceExhausted,
            "VENDOR_RATE_LIMITED",
            true,
        ),
        (json!({ "kind": "unauthorized" }), Code::FailedPrecondition, "VENDOR_CREDENTIALS_REJECTED", false),
        (json!({ "kind": "page" }), Code::Internal, "VENDOR_RESPONSE_INVALID", false),
        (json!({ "kind": "empty" }), Code::Internal, "VENDOR_RESPONSE_INVALID", false),
        (json!({ "kind": "redirect" }), Code::Internal, "VENDOR_RESPONSE_INVALID", false),
        (body("{}".to_owned()), Code::Internal, "VENDOR_RESPONSE_INVALID", false),
        (body(about_another.to_string()), Code::Internal, "VENDOR_RESPONSE_INVALID", false),
    ] {
        let mut fault = fault;
        fault["operation"] = json!("get");
        house.fault(fault.clone()).await;
        let status = try_result(&house, &id, ResultView::Full, true).await.unwrap_err();
        let details = refused(&status, code, reason);
        assert_eq!(details.retry_info().is_some(), waits, "{fault}");
        assert_eq!(house.get(&id).await.revision, 1, "{fault}");
        house.well().await;
        // A login that replaced a refused one is not replaced at once.
        house.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(result(&house, &id, ResultView::Status).await.decision.unwrap().outcome(), Outcome::Verified);
}

/// A result with every section, about `id`.
fn everything(id: &str) -> Value {
    let mut body = fixture("signing");
    body["identificationprocess"]["agentname"] = json!("Trixi Lindwurm");
    body["identificationprocess"]["poaresult"] = json!("SUCCESS");
    body["identificationprocess"]["transactionnumber"] = json!(id);
    body["identificationprocess"]["companyid"] = json!(CUSTOMER);
    body["identificationprocess"]["id"] = Value::Null;
    body["customdata"] = fixture("aborted")["customdata"].take();
    body["additionaldocuments"] = fixture("proof_of_address")["additionaldocuments"].take();
    body["identificationdocument2"] = fixture("driver_license_as_second")["identificationdocument2"].take();
    body
}

fn fixture(name: &str) -> Value {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/idnow/findings");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What must be nowhere in the view without values.
const VALUES: [&str; 14] = [
    "LINDHOLM",
    "1990-07-19",
    "1920-01-01",
    "ada.lindholm",
    "+4915550104711",
    "FISCHERSTEIG",
    "CQ5TT81RZ",
    "J410004QX72",
    "QUASTENBERG",
    "DE02120300000000202051",
    "xp_qT7wLz20",
    "Weberei",
    "Trixi",
    "2006-01-18",
];

#[tokio::test]
async fn values_are_in_the_views_that_are_for_them_alone() {
    let house = House::silent().await;
    let id = house.created().await;
    let body = everything(&id).to_string();
    house.fault(json!({ "kind": "body", "operation": "get", "text": body })).await;
    let bytes = |result: &IdentificationResult| String::from_utf8_lossy(&result.encode_to_vec()).into_owned();

    let full = result(&house, &id, ResultView::Full).await;
    assert_eq!(VALUES.iter().find(|value| !bytes(&full).contains(**value)), None);
    assert!(full.raw.is_empty() && full.raw_media_type.is_empty());

    let raw = result(&house, &id, ResultView::Raw).await;
    assert_eq!((raw.raw.as_slice(), raw.raw_media_type.as_str()), (body.as_bytes(), "application/json"));
    assert_eq!(full, IdentificationResult { raw: Vec::new(), raw_media_type: String::new(), ..raw });

    for view in [ResultView::Unspecified, ResultView::Status] {
        let status = result(&house, &id, view).await;
        let seen = VALUES.iter().find(|value| bytes(&status).contains(**value));
        assert_eq!(seen, None);
        assert_eq!((status.fields.len(), status.documents.len()), (full.fields.len(), full.documents.len()));
        assert_eq!(value(&status, "subject.birth_date"), (FieldMatch::Changed, "", ""));
        assert_eq!(status.proof_of_address_outcome(), ProofOfAddressOutcome::Verified);
        assert_eq!(status.signing.unwrap().vendor_result, "SUCCESS");
        assert_eq!(status.bank_transfer.unwrap().payment_status, "SUCCESS");
        assert_eq!(status.additional_documents[0].vendor_type, "UTILITY_BILL");
    }
    for event in house.events().await {
        let text = String::from_utf8_lossy(&event.encode_to_vec()).into_owned();
        assert_eq!(VALUES.iter().find(|value| text.contains(**value)), None);
    }
}

#[tokio::test]
async fn what_is_not_as_documented_is_counted_and_the_rest_is_shown() {
    let house = House::silent().await;
    let id = house.created().await;
    let mut body = everything(&id);
    body["userdata"]["lastname"] = json!(["LINDHOLM"]);
    body["userdata"]["Lindholm"] = json!("ADA");
    house.fault(json!({ "kind": "body", "operation": "get", "text": body.to_string() })).await;
    let found = result(&house, &id, ResultView::Full).await;
    assert_eq!(value(&found, "subject.given_name").1, "ADA");
    assert!(!found.fields.iter().any(|field| field.path == "subject.family_name"));
    for field in ["userdata.lastname", "userdata.*"] {
        assert_eq!(house.metric("idv_vendor_drift_total", &[&format!("field=\"{field}\"")]).await, 1.0);
    }
    assert_eq!(house.metric("idv_vendor_drift_total", &[]).await, 2.0);
}
