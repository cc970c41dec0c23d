//! Archive, delete, copy and binding key against a stub of IDnow's API.

use axum::response::{IntoResponse, Response};
use idv_gateway::error::{Error, Kind};
use idv_gateway::proto::VendorReference;
use idv_gateway::vendor::capability::{Archives, BindingKeys, Copies, Copy, Deleted, Deletion, Deletions};

use super::rig::{ID, Stub, about, fault, json, offline, over_sockets, reference};

const UNFINISHED: &str = r#""Ident TST-KLMNP / IdentRequest 381892 not yet finished""#;
const UNKNOWN: &str =
    r#""Ident TST-KLMNP - No identification request found matching the provided parameters""#;

fn empty(status: u16) -> Response {
    axum::http::StatusCode::from_u16(status).unwrap().into_response()
}

async fn archive(stub: &Stub) -> Result<(), Error> {
    over_sockets(&stub.base).0.archive(&reference("TST-KLMNP", ID)).await
}

async fn delete(stub: &Stub) -> Result<Deleted, Error> {
    let reference = reference("TST-KLMNP", ID);
    over_sockets(&stub.base).0.delete(Deletion { about: about(&reference), force: false }).await
}

async fn copy(stub: &Stub) -> Result<VendorReference, Error> {
    let reference = reference("TST-KLMNP", ID);
    let copy = Copy { reference: &reference, account: "otherbank", target_reference: "there-1" };
    over_sockets(&stub.base).0.copy(copy).await
}

async fn binding_key(stub: &Stub) -> Result<Option<String>, Error> {
    over_sockets(&stub.base).0.binding_key(&reference("TST-KLMNP", ID)).await
}

#[tokio::test]
async fn each_call_goes_where_the_document_says() {
    let stub = Stub::logged_in(|seen| match seen.path.rsplit('/').next() {
        Some("copy") => json(201, r#"{"id":"cgd-dsfge"}"#),
        Some("bindingKey") => json(200, r#"{"bindingKey":"aa.b-b.c_c"}"#),
        _ => empty(200),
    })
    .await;
    archive(&stub).await.unwrap();
    assert_eq!(delete(&stub).await.unwrap(), Deleted::Now);
    assert_eq!(copy(&stub).await.unwrap(), reference("CGD-DSFGE", "there-1"));
    assert_eq!(binding_key(&stub).await.unwrap().unwrap(), "aa.b-b.c_c");
    let root = format!("/api/v1/examplebank/identifications/{ID}");
    let calls: Vec<_> = stub
        .seen()
        .into_iter()
        .filter(|seen| !seen.is_login())
        .map(|seen| (format!("{} {}", seen.method, seen.path.replace(&root, "")), seen.body))
        .collect();
    let body = r#"{"target_companyid":"otherbank","target_transactionnumber":"there-1"}"#;
    let expected = [("POST /archive", ""), ("DELETE ", ""), ("POST /copy", body), ("GET /bindingKey", "")];
    assert_eq!(calls, expected.map(|(call, body)| (call.to_owned(), body.to_owned())));
}

#[tokio::test]
async fn a_404_means_what_was_asked_for() {
    for (key, deleted) in [
        (UNFINISHED, Deleted::NotFinished),
        (UNKNOWN, Deleted::NothingThere),
        ("null", Deleted::NothingThere),
    ] {
        let stub = Stub::logged_in(move |_seen| fault(404, "OBJECT_NOT_FOUND", key)).await;
        assert_eq!(delete(&stub).await.unwrap(), deleted);
        assert_eq!(binding_key(&stub).await.unwrap(), None);
        assert_eq!(copy(&stub).await.unwrap_err().kind, Kind::IdentificationGone);
        archive(&stub).await.unwrap();
    }
    // Not the vendor's own: nothing is concluded from it.
    let stub = Stub::logged_in(|_seen| json(404, "")).await;
    assert_eq!(delete(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    assert_eq!(archive(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    assert_eq!(binding_key(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
}

#[tokio::test]
async fn other_refusals_have_their_kinds() {
    for (status, cause, kind) in [
        (403, "FORBIDDEN", Kind::VendorFeatureNotEnabled),
        (401, "SECURITY_VIOLATION", Kind::ResourceNotFound),
        (400, "BAD_REQUEST", Kind::VendorRejectedRequest),
        (500, "INTERNAL_SERVER_ERROR", Kind::VendorUnavailable),
        (429, "TOO_MANY", Kind::VendorRateLimited),
    ] {
        let stub = Stub::logged_in(move |_seen| fault(status, cause, "null")).await;
        assert_eq!(delete(&stub).await.unwrap_err().kind, kind);
        assert_eq!(archive(&stub).await.unwrap_err().kind, kind);
        // Whether a copy was made before the fault is not known, and another one would be another copy.
        let unknown = Kind::VendorOutcomeUnknown;
        let of_a_copy = if kind == Kind::VendorUnavailable { unknown } else { kind };
        assert_eq!(copy(&stub).await.unwrap_err().kind, of_a_copy);
        assert_eq!(binding_key(&stub).await.unwrap_err().kind, kind);
    }
    let taken = Stub::logged_in(|_seen| fault(409, "EXISTING_IDENTIFICATION", "null")).await;
    assert_eq!(copy(&taken).await.unwrap_err().kind, Kind::ResourceExists);
    archive(&taken).await.unwrap();
}

#[tokio::test]
async fn a_page_of_something_in_between_is_no_success() {
    let stub = Stub::logged_in(|_seen| json(200, "<html>")).await;
    assert_eq!(delete(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    assert_eq!(archive(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    assert_eq!(copy(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    assert_eq!(binding_key(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid);
    for odd in [r#"{"bindingKey":null}"#, r#"{"bindingKey":"a.b"}"#, r#"{"bindingKey":"a.b.c d"}"#] {
        let stub = Stub::logged_in(move |_seen| json(200, odd)).await;
        assert_eq!(binding_key(&stub).await.unwrap_err().kind, Kind::VendorResponseInvalid, "{odd}");
    }
    // The document shows no body of a copy.
    let stub = Stub::logged_in(|_seen| empty(201)).await;
    assert_eq!(copy(&stub).await.unwrap(), reference("", "there-1"));
}

#[test]
fn what_cannot_be_the_vendors_is_refused_before_it_is_sent() {
    let fields = |account: &str, number: &str| -> Vec<String> {
        let violations = Copies::check(&offline(), account, number);
        violations.into_iter().map(|violation| violation.field).collect()
    };
    assert!(fields("otherbank", "there-1").is_empty() && fields("", "").is_empty());
    assert_eq!(fields("a/b", "x"), ["vendor_account"]);
    assert_eq!(fields("..", &"x".repeat(256)), ["vendor_account", "target_reference"]);
}
