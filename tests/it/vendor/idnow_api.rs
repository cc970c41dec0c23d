//! Login, start and get against a stub of IDnow's API over real sockets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::IntoResponse;
use futures::future::join_all;
use idv_gateway::error::{Error, Kind};
use idv_gateway::model::observation::{Observation, Word};
use idv_gateway::proto::{
    Address, AutoIdentSpec, Date, Evidence, InvitationSpec, Outcome, PhoneNumber, Subject,
    identification_spec,
};
use idv_gateway::vendor::{Create, Get, Idempotency, Identifications};

use super::rig::{ID, Stub, command, fault, fixtures, json, login, offline, over_sockets, reference};

const STARTED: &str = r#"{"id":"tst-klmnp"}"#;

async fn create(stub: &Stub) -> Result<Observation, Error> {
    let (idnow, _time) = over_sockets(&stub.base);
    let command = command(Subject::default(), AutoIdentSpec::default());
    idnow.create(Create { command: &command }).await.map(|created| created.observation)
}

async fn get(stub: &Stub) -> Result<Observation, Error> {
    let (idnow, _time) = over_sockets(&stub.base);
    let answer = idnow.get(Get { reference: &reference("TST-KLMNP", ID), deadline: None }).await;
    answer.map(|answer| answer.observation)
}

fn erika() -> (Subject, AutoIdentSpec) {
    let subject = Subject {
        given_name: "Erika".into(),
        family_name: "Beispiel".into(),
        birth_date: Some(Date { year: 1991, month: 2, day: 3 }),
        birth_place: "Potsdam".into(),
        birth_name: "Vorlage".into(),
        nationality: "DE".into(),
        gender: "FEMALE".into(),
        title: "Dr.".into(),
        email: "erika.beispiel@example.org".into(),
        phone: Some(PhoneNumber { e164: "+4915100000000".into(), region_code: "DE".into() }),
        address: Some(Address {
            street: "Musterweg".into(),
            house_number: "7a".into(),
            postal_code: "10115".into(),
            city: "Berlin".into(),
            region_code: "DE".into(),
        }),
        language_code: "de".into(),
        document_number: "L0X0X0X00".into(),
        ..Subject::default()
    };
    let custom_data = ["one", "", "three", "four", "five"].map(str::to_owned).to_vec();
    (subject, AutoIdentSpec { custom_data, signing_language_code: "en".into() })
}

#[tokio::test]
async fn a_start_sends_every_documented_field_in_the_vendors_spelling() {
    let stub = Stub::logged_in(|_seen| json(201, STARTED)).await;
    let (idnow, _time) = over_sockets(&stub.base);
    let (subject, spec) = erika();
    let created = idnow.create(Create { command: &command(subject, spec) }).await.unwrap().observation;
    assert_eq!((created.word, created.evidence), (Word::Accepted, Evidence::Gateway));
    assert_eq!(created.reference, reference("TST-KLMNP", ID));

    let [login, start] = stub.seen().try_into().unwrap();
    assert_eq!(
        (login.path.as_str(), login.body.as_str()),
        ("/api/v1/examplebank/login", r#"{"apiKey":"made-up-key"}"#)
    );
    assert_eq!(login.headers["content-type"], "application/json");
    assert_eq!(start.path, format!("/api/v1/examplebank/identifications/{ID}/start"));
    assert_eq!(
        (start.method.as_str(), &start.headers["x-api-login-token"]),
        ("POST", &"token-1".parse().unwrap())
    );
    assert_eq!(start.headers["content-type"], "application/json");
    let sent: BTreeMap<String, String> = serde_json::from_str(&start.body).unwrap();
    let expected = [
        ("birthday", "1991-02-03"),
        ("birthname", "Vorlage"),
        ("birthplace", "Potsdam"),
        ("city", "Berlin"),
        ("country", "DE"),
        ("custom1", "one"),
        ("custom3", "three"),
        ("custom4", "four"),
        ("custom5", "five"),
        ("email", "erika.beispiel@example.org"),
        ("firstname", "Erika"),
        ("gender", "FEMALE"),
        ("lastname", "Beispiel"),
        ("mobilephone", "+4915100000000"),
        ("nationality", "DE"),
        ("preferredLang", "en"),
        ("street", "Musterweg"),
        ("streetnumber", "7a"),
        ("title", "Dr."),
        ("zipcode", "10115"),
    ];
    assert_eq!(sent, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn a_start_without_data_is_an_empty_object_and_an_update_is_as_good() {
    let stub = Stub::logged_in(|_seen| json(200, STARTED)).await;
    assert_eq!(create(&stub).await.unwrap().word, Word::Accepted);
    assert_eq!(stub.seen()[1].body, "{}");
}

#[tokio::test]
async fn a_start_without_an_id_is_invalid() {
    for (status, body) in
        [(201, ""), (200, ""), (201, "{}"), (201, r#"{"id":null}"#), (201, "<html>"), (202, STARTED)]
    {
        let stub = Stub::logged_in(move |_seen| json(status, body)).await;
        assert_eq!(create(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid, "{status} {body}");
    }
}

#[tokio::test]
async fn every_error_of_a_start_has_its_reason() {
    let cases = [
        (400, "BAD_REQUEST", "\"birthday\"", Kind::VendorRejectedField),
        (400, "BAD_REQUEST", "null", Kind::VendorRejectedRequest),
        (400, "BAD_REQUEST", "\"Erika Beispiel\"", Kind::VendorRejectedRequest),
        (400, "UNRECOGNIZED_FIELD", "\"birthday\"", Kind::VendorRejectedRequest),
        (400, "UNPARSEABLE_JSON", "null", Kind::VendorRejectedRequest),
        (400, "MISSING_TRANSACTION_TOKEN", "null", Kind::VendorRejectedRequest),
        (401, "SECURITY_VIOLATION", "null", Kind::ResourceNotFound),
        (403, "FORBIDDEN", "null", Kind::VendorFeatureNotEnabled),
        (404, "OBJECT_NOT_FOUND", "null", Kind::VendorRejectedRequest),
        (405, "X", "null", Kind::VendorRejectedRequest),
        (406, "X", "null", Kind::VendorRejectedRequest),
        (415, "X", "null", Kind::VendorRejectedRequest),
        (409, "EXISTING_IDENTIFICATION", "null", Kind::ResourceExists),
        (412, "PRECONDITION_FAILED", "null", Kind::VendorFeatureNotEnabled),
        (429, "X", "null", Kind::VendorRateLimited),
        (500, "INTERNAL_SERVER_ERROR", "null", Kind::VendorUnavailable),
        (503, "X", "null", Kind::VendorUnavailable),
        (302, "X", "null", Kind::VendorResponseInvalid),
        // A success that carries errors is none.
        (200, "EXISTING_IDENTIFICATION", "null", Kind::ResourceExists),
        (200, "BAD_REQUEST", "\"lastname\"", Kind::VendorRejectedField),
        (201, "INTERNAL_SERVER_ERROR", "null", Kind::VendorUnavailable),
        (200, "SOMETHING_NEW", "null", Kind::VendorResponseInvalid),
    ];
    for (status, cause, key, kind) in cases {
        let stub = Stub::logged_in(move |_seen| fault(status, cause, key)).await;
        let error = create(&stub).await.unwrap_err();
        assert_eq!((error.kind, error.operation), (kind, "idnow.start"), "{status} {cause}");
        let vendor = error.vendor.clone().unwrap();
        assert_eq!(vendor.status, status);
        if status != 302 {
            assert_eq!((vendor.code.as_str(), vendor.id.as_str()), (cause, "73464627"));
        }
        assert!(!format!("{error:?}").contains("Erika"), "the vendor's words do not pass on: {error:?}");
        let waits = matches!(kind, Kind::VendorRateLimited | Kind::VendorUnavailable);
        assert_eq!(error.retry_after, waits.then_some(Duration::from_secs(1)), "{status}");
    }
}

#[tokio::test]
async fn a_refused_field_is_named_in_our_words() {
    let fields = [
        ("birthday", "subject.birth_date"),
        ("birthName", "subject.birth_name"),
        ("birthplace", "subject.birth_place"),
        ("city", "subject.address.city"),
        ("country", "subject.address.region_code"),
        ("custom1", "spec.auto_ident.custom_data[0]"),
        ("custom5", "spec.auto_ident.custom_data[4]"),
        ("email", "subject.email"),
        ("firstName", "subject.given_name"),
        ("gender", "subject.gender"),
        ("lastname", "subject.family_name"),
        ("mobilePhone", "subject.phone.e164"),
        ("nationality", "subject.nationality"),
        ("preferredLang", "spec.auto_ident.signing_language_code"),
        ("street", "subject.address.street"),
        ("streetnumber", "subject.address.house_number"),
        ("title", "subject.title"),
        ("zipCode", "subject.address.postal_code"),
    ];
    for (vendor, path) in fields {
        let stub = Stub::logged_in(move |_seen| fault(400, "BAD_REQUEST", &format!("\"{vendor}\""))).await;
        let error = create(&stub).await.unwrap_err();
        let paths: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!((error.kind, paths), (Kind::VendorRejectedField, vec![path]));
    }
}

#[tokio::test]
async fn a_result_that_was_asked_for_is_believed_more() {
    for name in ["success_bare", "success_wrapped", "other_case", "two_results"] {
        let body = std::fs::read_to_string(fixtures("results").join(format!("{name}.json"))).unwrap();
        let stub = Stub::logged_in(move |_seen| json(200, &body)).await;
        let seen = get(&stub).await.unwrap();
        assert_eq!(
            (seen.word, seen.evidence),
            (Word::Decided(Outcome::Verified), Evidence::Fetched),
            "{name}"
        );
        assert_eq!(seen.reference, reference("TST-KLMNP", ID));
        assert_eq!(stub.seen()[1].path, format!("/api/v1/examplebank/identifications/{ID}"));
    }
}

#[tokio::test]
async fn a_404_of_the_vendor_means_not_started_and_no_other_404_does() {
    let key = "\"Ident TST-KLMNP - No identification request found\"";
    for status in [404, 200] {
        let stub = Stub::logged_in(move |_seen| fault(status, "OBJECT_NOT_FOUND", key)).await;
        let seen = get(&stub).await.unwrap();
        assert_eq!((seen.word, seen.evidence), (Word::NotStarted, Evidence::Fetched));
        assert_eq!(seen.reference, reference("TST-KLMNP", ID));
    }
    for body in ["", "<html>nothing here</html>", "{}"] {
        let stub = Stub::logged_in(move |_seen| json(404, body)).await;
        assert_eq!(get(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid, "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_result_of_this_identification_is_invalid() {
    let body = |folder: &str, name: &str| std::fs::read_to_string(fixtures(folder).join(name)).unwrap();
    let other = body("results", "success_bare.json").replace(ID, "7d1f33c4-0b0a-4c57-8f8e-2c6c7a9be902");
    let bodies = [
        other,
        body("results", "only_ident_id.json"),
        body("unreadable", "wrong_account.json"),
        body("unreadable", "not_json.json"),
        String::new(),
    ];
    for body in bodies {
        let stub = Stub::logged_in(move |_seen| json(200, &body)).await;
        assert_eq!(get(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    }
}

#[tokio::test]
async fn a_refused_login_is_a_fault_of_the_settings() {
    for status in [400, 401, 403, 404] {
        let stub = Stub::start(move |_seen| fault(status, "INVALID_LOGIN_TOKEN", "null")).await;
        let error = create(&stub).await.unwrap_err();
        assert_eq!((error.kind, error.operation), (Kind::VendorCredentialsRejected, "idnow.login"));
        assert_eq!(stub.seen().len(), 1);
    }
    for (status, body, kind) in [
        (500, "", Kind::VendorUnavailable),
        (200, "{}", Kind::VendorResponseInvalid),
        (200, "", Kind::VendorResponseInvalid),
        (200, r#"{"authToken":"a\nb"}"#, Kind::VendorResponseInvalid),
    ] {
        let stub = Stub::start(move |_seen| json(status, body)).await;
        assert_eq!(create(&stub).await.unwrap_err().kind, kind, "{status} {body}");
    }
}

#[tokio::test]
async fn five_hundred_refused_calls_lead_to_one_login_and_one_repeat_each() {
    let (tokens, revoked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (issued, gone) = (tokens.clone(), revoked.clone());
    let stub = Stub::start(move |seen| {
        if seen.is_login() {
            return login(&format!("token-{}", issued.fetch_add(1, SeqCst) + 1));
        }
        let stale = gone.load(SeqCst) && seen.headers["x-api-login-token"] == "token-1";
        // The vendor refuses with a body or with none.
        match (stale, seen.path.as_bytes().iter().map(|byte| u32::from(*byte)).sum::<u32>() % 2) {
            (true, 0) => json(401, ""),
            (true, _) => fault(401, "INVALID_LOGIN_TOKEN", "null"),
            _ => fault(404, "OBJECT_NOT_FOUND", "null"),
        }
    })
    .await;
    let (idnow, _time) = over_sockets(&stub.base);
    let round = async || {
        let calls = (0..500).map(|number| {
            let idnow = &idnow;
            async move {
                let about = reference("", &format!("number-{number}"));
                idnow.get(Get { reference: &about, deadline: None }).await.unwrap().observation.word
            }
        });
        assert!(join_all(calls).await.into_iter().all(|word| word == Word::NotStarted));
    };
    round().await;
    assert_eq!((stub.logins(), stub.seen().len()), (1, 501));
    revoked.store(true, SeqCst);
    round().await;
    assert_eq!((stub.logins(), stub.seen().len()), (2, 501 + 500 + 1 + 500));
}

#[tokio::test]
async fn a_call_is_repeated_once_and_then_the_credentials_are_at_fault() {
    let stub = Stub::logged_in(|_seen| json(401, "")).await;
    let error = get(&stub).await.unwrap_err();
    assert_eq!((error.kind, error.operation), (Kind::VendorCredentialsRejected, "idnow.get"));
    assert_eq!((stub.logins(), stub.seen().len()), (2, 4));
    // A foreign identification is no matter of the token.
    let stub = Stub::logged_in(|_seen| fault(401, "SECURITY_VIOLATION", "null")).await;
    assert_eq!(get(&stub).await.unwrap_err().kind, Kind::ResourceNotFound);
    assert_eq!(stub.logins(), 1);
}

#[tokio::test]
async fn a_token_is_used_until_it_is_due_for_renewal() {
    let logins = AtomicUsize::new(0);
    let stub = Stub::start(move |seen| match seen.is_login() {
        true => login(&format!("token-{}", logins.fetch_add(1, SeqCst) + 1)),
        false => fault(404, "OBJECT_NOT_FOUND", "null"),
    })
    .await;
    let (idnow, time) = over_sockets(&stub.base);
    let about = reference("", ID);
    let used = async || {
        idnow.get(Get { reference: &about, deadline: None }).await.unwrap();
        let got = stub.seen().into_iter().rfind(|seen| !seen.is_login()).unwrap();
        got.headers["x-api-login-token"].to_str().unwrap().to_owned()
    };
    for minutes in [0, 47, 6] {
        time.advance(Duration::from_mins(minutes));
        assert_eq!(used().await, "token-1", "after {minutes} more minutes");
    }
    // It is renewed beside the calls.
    while used().await == "token-1" {}
    time.advance(Duration::from_mins(47));
    assert_eq!((used().await.as_str(), stub.logins()), ("token-2", 2));
}

#[tokio::test]
async fn an_answer_comes_as_soon_as_the_vendor_recovers() {
    let script = Mutex::new(vec![json(201, STARTED), "oops".into_response(), json(503, "")]);
    let stub = Stub::logged_in(move |_seen| script.lock().unwrap().pop().unwrap()).await;
    let (idnow, _time) = over_sockets(&stub.base);
    let command = command(Subject::default(), AutoIdentSpec::default());
    let kinds = [create_kind(&idnow, &command).await, create_kind(&idnow, &command).await];
    assert_eq!(kinds, [Some(Kind::VendorUnavailable), Some(Kind::VendorResponseInvalid)]);
    assert_eq!(create_kind(&idnow, &command).await, None);
}

async fn create_kind(
    idnow: &dyn Identifications,
    command: &idv_gateway::model::command::CreateIdentification,
) -> Option<Kind> {
    idnow.create(Create { command }).await.err().map(|error| error.kind)
}

#[tokio::test]
async fn only_auto_ident_is_accepted() {
    let idnow = offline();
    let mut command = command(Subject::default(), AutoIdentSpec::default());
    assert!(idnow.check(&command).is_empty());
    command.spec = identification_spec::Kind::Invitation(InvitationSpec::default());
    let [violation] = idnow.check(&command).try_into().unwrap();
    assert_eq!(
        (violation.field.as_str(), violation.description.as_str()),
        ("spec", "must be auto_ident on this connection")
    );
    assert_eq!(idnow.create(Create { command: &command }).await.unwrap_err().kind, Kind::ValidationFailed);
    assert_eq!(idnow.idempotency(), Idempotency::UpsertByReference);
    assert_eq!(idnow.lifetime(), Duration::from_hours(90 * 24));
}
