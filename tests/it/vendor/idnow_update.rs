//! Updates against a stub of IDnow's API: what is sent is what the mask names, and nothing else.

use idv_gateway::error::{Error, Kind};
use idv_gateway::model::change::UpdateIdentification;
use idv_gateway::proto::{
    Address, AutoIdentSpec, Date, IdentificationSpec, Subject, UpdateIdentificationRequest,
    identification_spec,
};
use idv_gateway::vendor::capability::{Update, Updates};
use prost_types::FieldMask;

use super::rig::{ID, Stub, about, fault, json, offline, over_sockets, reference};

fn update(paths: &[&str]) -> UpdateIdentification {
    let spec = AutoIdentSpec {
        custom_data: vec!["one".into(), String::new(), "three".into()],
        ..Default::default()
    };
    let request = UpdateIdentificationRequest {
        name: format!("connections/bank/identifications/{ID}"),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        subject: Some(Subject {
            given_name: "Erika".into(),
            family_name: "Beispiel".into(),
            birth_date: Some(Date { year: 1991, month: 2, day: 3 }),
            address: Some(Address {
                city: "Berlin".into(),
                street: "Musterweg".into(),
                ..Address::default()
            }),
            document_number: "L0X0X0X00".into(),
            ..Subject::default()
        }),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::AutoIdent(spec)) }),
        ..UpdateIdentificationRequest::default()
    };
    UpdateIdentification::parse(request).unwrap()
}

async fn send(stub: &Stub, paths: &[&str]) -> Result<(), Error> {
    let (idnow, _time) = over_sockets(&stub.base);
    idnow
        .update(Update { about: about(&reference("TST-KLMNP", ID)), command: &update(paths) })
        .await
        .map(drop)
}

#[tokio::test]
async fn a_start_holds_the_fields_of_the_mask_alone() {
    let stub = Stub::logged_in(|_seen| json(200, r#"{"id":"tst-klmnp"}"#)).await;
    for (paths, body) in [
        (&["subject.given_name"][..], r#"{"firstname":"Erika"}"#),
        (&["subject.birth_date", "labels"], r#"{"birthday":"1991-02-03"}"#),
        (&["subject.address"], r#"{"city":"Berlin","street":"Musterweg"}"#),
        (&["subject.address.city", "subject.address"], r#"{"city":"Berlin","street":"Musterweg"}"#),
        (&["spec.auto_ident.custom_data"], r#"{"custom1":"one","custom3":"three"}"#),
        (&["spec.auto_ident"], r#"{"custom1":"one","custom3":"three"}"#),
        (
            &["subject"],
            r#"{"birthday":"1991-02-03","city":"Berlin","firstname":"Erika","lastname":"Beispiel","street":"Musterweg"}"#,
        ),
    ] {
        assert!(offline().check(&update(paths)).is_empty(), "{paths:?}");
        send(&stub, paths).await.unwrap();
        let sent = stub.seen().pop().unwrap();
        assert_eq!(sent.path, format!("/api/v1/examplebank/identifications/{ID}/start"));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&sent.body).unwrap(), body, "{paths:?}");
    }
}

#[test]
fn what_the_vendor_has_no_field_for_is_named() {
    for (path, field) in [
        ("subject.document_number", "update_mask.paths[0]"),
        ("subject.language_code", "update_mask.paths[0]"),
        ("subject.given", "update_mask.paths[0]"),
        ("subject.address.", "update_mask.paths[0]"),
        ("subject.birth_date.year", "update_mask.paths[0]"),
        ("spec.otp", "update_mask.paths[0]"),
        ("subject.title", "subject.title"),
        ("subject.phone", "subject.phone"),
        ("spec.auto_ident.signing_language_code", "spec.auto_ident.signing_language_code"),
    ] {
        let violations = offline().check(&update(&[path]));
        let refused: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(refused, [field], "{path}");
    }
}

#[tokio::test]
async fn a_refused_update_says_why() {
    for (status, cause, key, kind) in [
        (409, "EXISTING_IDENTIFICATION", "null", Kind::IdentificationCompleted),
        (400, "BAD_REQUEST", "\"firstname\"", Kind::VendorRejectedField),
        (403, "FORBIDDEN", "null", Kind::VendorFeatureNotEnabled),
        (404, "OBJECT_NOT_FOUND", "null", Kind::VendorRejectedRequest),
        (401, "SECURITY_VIOLATION", "null", Kind::ResourceNotFound),
        (500, "INTERNAL_SERVER_ERROR", "null", Kind::VendorUnavailable),
    ] {
        let stub = Stub::logged_in(move |_seen| fault(status, cause, key)).await;
        let error = send(&stub, &["subject.given_name"]).await.unwrap_err();
        assert_eq!(error.kind, kind, "{cause}");
        assert_eq!(error.vendor.unwrap().code, cause);
    }
}

#[tokio::test]
async fn an_answer_about_another_identification_is_refused() {
    let stub = Stub::logged_in(|_seen| json(201, r#"{"id":"TST-OTHER"}"#)).await;
    let error = send(&stub, &["subject.given_name"]).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
}
