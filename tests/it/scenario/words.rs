//! What callers and the vendor say in the scenarios.

use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    AdoptIdentificationRequest, AutoIdentSpec, CreateIdentificationRequest, Date, Event, EventType,
    Identification, IdentificationSpec, Subject, VendorReference, identification_spec,
};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

pub(super) const CUSTOMER: &str = "beispielbank";
pub(super) const OTHER_CUSTOMER: &str = "musterbank";
/// The connection to Preventor, where there is one.
pub(super) const BANCO: &str = "banco";
/// The connection to Preventor's Open Services, where there is one.
pub(super) const OPEN: &str = "open";
pub(super) const BANK: &str = "connections/beispielbank";
pub(super) const OTHER_BANK: &str = "connections/musterbank";
/// What the scenarios read personal data for.
pub(crate) const PURPOSE: &str = "fraud-investigation";

/// The name of the identification `id` on the first connection.
pub(super) fn named(id: &str) -> String {
    format!("{BANK}/identifications/{id}")
}

/// A request that creates a made-up person's identification.
pub(super) fn create(connection: &str) -> CreateIdentificationRequest {
    let kind = identification_spec::Kind::AutoIdent(AutoIdentSpec::default());
    CreateIdentificationRequest {
        parent: connection.to_owned(),
        external_reference: "order-1".to_owned(),
        subject: Some(Subject {
            given_name: "Erika".to_owned(),
            family_name: "Beispiel".to_owned(),
            birth_date: Some(Date { year: 1987, month: 5, day: 23 }),
            nationality: "DE".to_owned(),
            ..Subject::default()
        }),
        spec: Some(IdentificationSpec { kind: Some(kind) }),
        ..CreateIdentificationRequest::default()
    }
}

/// A request to take over the identification that the vendor knows by `id`, `number`, or both.
pub(super) fn adopt(connection: &str, id: &str, number: &str) -> AdoptIdentificationRequest {
    AdoptIdentificationRequest {
        parent: connection.to_owned(),
        vendor_reference: Some(VendorReference {
            id: id.to_owned(),
            reference: number.to_owned(),
            ..VendorReference::default()
        }),
        external_reference: "case-7".to_owned(),
        labels: [("branch".to_owned(), "north".to_owned())].into(),
        ..AdoptIdentificationRequest::default()
    }
}

/// The name of the resource that stands against a request.
pub(super) fn resource(details: &ErrorDetails) -> String {
    details.error_info().unwrap().metadata["resource_name"].clone()
}

/// The vendor's object that says `result` about `number`, without a time.
pub(super) fn said(result: &str, number: &str) -> Value {
    json!({
        "identificationprocess": {
            "result": result,
            "companyid": CUSTOMER,
            "identificationtime": null,
            "transactionnumber": number,
        },
        "userdata": { "firstname": { "status": "ORIGINAL", "original": "ERIKA" } },
    })
}

/// The same with a time, as RFC 3339.
pub(super) fn said_at(result: &str, number: &str, time: &str) -> Value {
    let mut object = said(result, number);
    object["identificationprocess"]["identificationtime"] = json!(time);
    object
}

pub(super) fn types(events: &[Event]) -> Vec<EventType> {
    events.iter().map(Event::r#type).collect()
}

/// The identification as `event` shows it.
pub(super) fn shown(event: &Event) -> &Identification {
    match &event.payload {
        Some(Payload::IdentificationChanged(changed)) => changed.identification.as_ref().unwrap(),
        other => panic!("not about an identification: {other:?}"),
    }
}

/// The details of a refusal, which must have `code` and `reason` and come from this gateway.
#[track_caller]
pub(crate) fn refused(status: &Status, code: Code, reason: &str) -> ErrorDetails {
    let details = status.check_error_details().unwrap();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{status:?}");
    assert_eq!(info.domain, "idv-gateway");
    details
}

/// The fields that a refusal names, in order.
pub(crate) fn fields(details: &ErrorDetails) -> Vec<String> {
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    assert!(violations.iter().all(|violation| !violation.description.is_empty()));
    violations.into_iter().map(|violation| violation.field).collect()
}

/// What speaks HTTP for callers, and shows bytes as they came.
#[expect(clippy::disallowed_methods, reason = "a test that looks at bytes needs a client of its own")]
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_gzip().no_proxy().build().unwrap()
}
