//! The one place that makes gRPC statuses.
//!
//! Every status carries a `google.rpc.ErrorInfo` whose reason is one of the contract's, a `BadRequest` when fields
//! were refused, and a `RetryInfo` when waiting helps.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::error::{Error, Kind};
use crate::proto::options::Retry;

/// `ErrorInfo.domain` of every status.
pub const DOMAIN: &str = "idv-gateway";

/// How long a caller is asked to wait when waiting helps and the error does not say how long.
pub const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// What follows from a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The code it always comes with.
    pub code: Code,
    /// What the caller may do.
    pub retry: Retry,
}

/// The status of `error`. The source stays behind, in the log where somebody here has to mend something.
pub fn status(error: Error) -> Status {
    if is_ours(error.kind) {
        log(&error);
    }
    let policy = policy(error.kind);
    let mut details = ErrorDetails::with_error_info(reason(error.kind), DOMAIN, metadata(&error));
    let default_delay = (policy.retry == Retry::AfterDelay).then_some(DEFAULT_RETRY_DELAY);
    if let Some(delay) = error.retry_after.or(default_delay) {
        details.set_retry_info(Some(delay));
    }
    if !error.violations.is_empty() {
        let refused = error.violations.into_iter().map(|it| FieldViolation::new(it.field, it.description));
        details.set_bad_request(refused.collect::<Vec<_>>());
    }
    let message = format!("{}; {}", error.detail, advice(error.kind));
    Status::with_error_details(policy.code, message, details)
}

/// Whether the operator, or we, must see to it: neither the caller nor the vendor will.
fn is_ours(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Unspecified
            | Kind::GatewayFault
            | Kind::StoreUnavailable
            | Kind::StoreOutcomeUnknown
            | Kind::StoreDamaged
            | Kind::VendorRejectedRequest
            | Kind::VendorResponseInvalid
    )
}

fn log(error: &Error) {
    let vendor = error.vendor.as_deref();
    tracing::error!(
        error.reason = error.kind.as_str_name(),
        error.operation = error.operation,
        error.detail,
        error.source = error.source.as_ref().map(|source| explained(&**source)),
        vendor.code = vendor.map(|vendor| vendor.code.as_str()),
        vendor.status = vendor.map(|vendor| vendor.status),
        "A call failed for a reason that its caller cannot mend"
    );
}

/// A source and what caused it, in one line.
fn explained(source: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(source), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The contract's own table of reasons. A test holds both equal.
pub fn policy(kind: Kind) -> Policy {
    let (code, retry) = match kind {
        Kind::CallerUnauthenticated => (Code::Unauthenticated, Retry::AfterFix),
        Kind::CallerForbidden => (Code::PermissionDenied, Retry::AfterFix),
        Kind::ValidationFailed => (Code::InvalidArgument, Retry::Never),
        Kind::RequestIdReused => (Code::InvalidArgument, Retry::Never),
        Kind::RequestInProgress => (Code::Aborted, Retry::SameRequestId),
        Kind::EtagMismatch => (Code::Aborted, Retry::AfterFix),
        Kind::ResourceNotFound => (Code::NotFound, Retry::Never),
        Kind::ResourceExists => (Code::AlreadyExists, Retry::Never),
        Kind::CallerQuotaExceeded => (Code::ResourceExhausted, Retry::AfterDelay),
        Kind::GatewayOverloaded => (Code::Unavailable, Retry::AfterDelay),
        Kind::GatewayDraining => (Code::Unavailable, Retry::AfterDelay),
        Kind::StoreUnavailable => (Code::Unavailable, Retry::AfterDelay),
        Kind::PurposeRequired => (Code::InvalidArgument, Retry::AfterFix),
        Kind::LegalHold => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::StoreDamaged => (Code::DataLoss, Retry::AfterFix),
        Kind::StoreOutcomeUnknown => (Code::Unknown, Retry::SameRequestId),
        Kind::Unspecified | Kind::GatewayFault => (Code::Internal, Retry::AfterFix),
        Kind::DeadlineExceeded => (Code::DeadlineExceeded, Retry::SameRequestId),
        Kind::StateNotAllowed => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::IdentificationCompleted => (Code::FailedPrecondition, Retry::Never),
        Kind::ResultNotReady => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::IdentificationGone => (Code::FailedPrecondition, Retry::Never),
        Kind::DocumentDefinitionMissing => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::DocumentNotSigned => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::DocumentTooLarge => (Code::InvalidArgument, Retry::Never),
        Kind::ContentHashMismatch => (Code::DataLoss, Retry::AfterFix),
        Kind::NotEligible => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::ArchiveRefused => (Code::DataLoss, Retry::AfterFix),
        Kind::CapabilityNotSupported => (Code::Unimplemented, Retry::Never),
        Kind::VendorFeatureNotEnabled => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::VendorCredentialsRejected => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::VendorRejectedField => (Code::InvalidArgument, Retry::Never),
        Kind::VendorConflict => (Code::FailedPrecondition, Retry::AfterFix),
        Kind::VendorRateLimited => (Code::ResourceExhausted, Retry::AfterDelay),
        Kind::VendorUnavailable => (Code::Unavailable, Retry::AfterDelay),
        Kind::VendorTimeout => (Code::Unavailable, Retry::AfterDelay),
        Kind::VendorCircuitOpen => (Code::Unavailable, Retry::AfterDelay),
        Kind::VendorOutcomeUnknown => (Code::Unknown, Retry::SameRequestId),
        Kind::VendorResponseInvalid => (Code::Internal, Retry::AfterFix),
        Kind::VendorRejectedRequest => (Code::Internal, Retry::AfterFix),
        Kind::CursorMalformed => (Code::InvalidArgument, Retry::Never),
        Kind::CursorExpired => (Code::OutOfRange, Retry::Resnapshot),
        Kind::CursorEpochMismatch => (Code::FailedPrecondition, Retry::Resnapshot),
        Kind::WatchLimitExceeded => (Code::ResourceExhausted, Retry::AfterDelay),
        Kind::SlowConsumer => (Code::ResourceExhausted, Retry::AfterDelay),
        Kind::SubscriptionBusy => (Code::FailedPrecondition, Retry::AfterDelay),
        Kind::LeaseLost => (Code::Aborted, Retry::AfterDelay),
    };
    Policy { code, retry }
}

/// What to do now, for the person who reads the message.
fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::CallerUnauthenticated => "send a valid credential",
        Kind::CallerForbidden => "ask the operator for the method's scope",
        Kind::ValidationFailed | Kind::VendorRejectedField => "correct the fields that the details name",
        Kind::RequestIdReused => "use a new request_id for another request",
        Kind::EtagMismatch => "read it again and decide again",
        Kind::ResourceNotFound => "check the name",
        Kind::PurposeRequired => "send a configured purpose in the metadata idv-purpose",
        Kind::LegalHold => "lift the legal hold first",
        Kind::CapabilityNotSupported => {
            "choose a connection whose capabilities include it, or another method"
        }
        Kind::VendorFeatureNotEnabled => "ask the vendor to enable it for this account",
        Kind::VendorCredentialsRejected => "ask the operator to renew the connection's credentials",
        Kind::CursorMalformed => "pass a cursor exactly as it was given",
        Kind::Unspecified
        | Kind::GatewayFault
        | Kind::StoreDamaged
        | Kind::VendorResponseInvalid
        | Kind::VendorRejectedRequest => "report it to the operator with these details",
        other => match policy(other).retry {
            Retry::AfterDelay => "repeat it after the delay",
            Retry::SameRequestId => "repeat it with the same request_id",
            Retry::Resnapshot => "watch again from a snapshot",
            Retry::AfterFix => "change what stands against it before repeating it",
            Retry::Never | Retry::Unspecified => "do not repeat it unchanged",
        },
    }
}

/// The contract's name of a reason. An error without one is a fault of ours.
fn reason(kind: Kind) -> &'static str {
    let named = if kind == Kind::Unspecified { Kind::GatewayFault } else { kind };
    named.as_str_name().trim_start_matches("ERROR_REASON_")
}

fn metadata(error: &Error) -> HashMap<String, String> {
    let vendor = error.vendor.clone().unwrap_or_default();
    let resource = error.resource.clone().unwrap_or_default();
    let status = if vendor.status == 0 { String::new() } else { vendor.status.to_string() };
    let pairs = [
        ("earliest_cursor", resource.earliest_cursor),
        ("operation", error.operation.to_owned()),
        ("resource_name", resource.name),
        ("rule", vendor.rule.to_owned()),
        ("vendor_code", vendor.code),
        ("vendor_error_id", vendor.id),
        ("vendor_http_status", status),
    ];
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{VendorFault, Violation};

    fn info(status: &Status) -> (String, HashMap<String, String>) {
        let details = status.check_error_details().expect("the details decode");
        let info = details.error_info().expect("every status says why");
        assert_eq!(info.domain, "idv-gateway");
        (info.reason.clone(), info.metadata.clone())
    }

    #[test]
    fn refused_fields_are_named_one_by_one() {
        let violations = vec![
            Violation::new("subject.birth_date", "must be a date of the calendar"),
            Violation::new("spec", "is required"),
        ];
        let status = status(Error::invalid("identification.create", violations));

        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "2 fields were refused; correct the fields that the details name");
        assert_eq!(info(&status).0, "VALIDATION_FAILED");
        let details = status.get_error_details();
        let refused = &details.bad_request().expect("a BadRequest").field_violations;
        assert_eq!(refused.len(), 2);
        assert_eq!(refused[0].field, "subject.birth_date");
        assert_eq!(refused[0].description, "must be a date of the calendar");
        assert_eq!(refused[1].field, "spec");
        assert!(details.retry_info().is_none(), "waiting does not mend a request");
    }

    #[test]
    fn the_vendor_is_quoted_by_code_and_number_only() {
        let fault = VendorFault {
            code: "OBJECT_NOT_FOUND".into(),
            id: "73464627".into(),
            status: 404,
            ..VendorFault::default()
        };
        let error = Error::new(Kind::ResultNotReady, "idnow.get", "nobody has started it yet")
            .from_vendor(fault)
            .caused_by("Erika Beispiel was not found");
        let status = status(error);

        let expected = [
            ("operation", "idnow.get"),
            ("vendor_code", "OBJECT_NOT_FOUND"),
            ("vendor_error_id", "73464627"),
            ("vendor_http_status", "404"),
        ];
        let (reason, metadata) = info(&status);
        assert_eq!(reason, "RESULT_NOT_READY");
        assert_eq!(metadata, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert!(!format!("{status:?}").contains("Erika"));
        assert!(!String::from_utf8_lossy(status.details()).contains("Erika"));
    }

    #[test]
    fn what_stands_against_a_request_is_named() {
        let name = "connections/bank/identifications/5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11";
        let (_, metadata) =
            info(&status(Error::new(Kind::ResourceExists, "hub.create", "it exists").about(name)));
        assert_eq!(metadata["resource_name"], name);
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let (_, metadata) =
            info(&status(Error::new(Kind::ResourceNotFound, "hub.get", "no such connection")));
        assert_eq!(metadata, HashMap::from([("operation".to_owned(), "hub.get".to_owned())]));
    }

    #[test]
    fn a_delay_is_told_where_waiting_helps() {
        let delay =
            |error: Error| status(error).get_error_details().retry_info().and_then(|it| it.retry_delay);
        let limited = || Error::new(Kind::VendorRateLimited, "idnow.start", "the vendor asks for patience");

        assert_eq!(delay(limited()), Some(DEFAULT_RETRY_DELAY));
        assert_eq!(delay(limited().retry_after(Duration::from_secs(30))), Some(Duration::from_secs(30)));
        assert_eq!(delay(Error::new(Kind::ResourceExists, "hub.create", "it exists")), None);
    }

    #[test]
    fn an_error_without_a_kind_is_our_own_fault() {
        let status = status(Error::new(Kind::Unspecified, "hub.apply", "this should not be"));
        assert_eq!((status.code(), info(&status).0.as_str()), (Code::Internal, "GATEWAY_FAULT"));
    }
}
