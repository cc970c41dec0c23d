//! How the vendor refuses: a list of errors, or nothing at all.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::profile::{Errors, Profile};

/// Where the vendor describes its errors.
const REF: &str = "https://developers.masstack.com/en/docs/apis_documents_doc_swagger/1/schemas/#schemaerror";

/// A refusal. Which title goes with which code is not published.
pub(super) struct Failure {
    errors: Errors,
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    details: String,
}

impl Failure {
    /// A token that is missing, wrong or expired.
    pub(super) fn unauthorized(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::UNAUTHORIZED, "MDOC-003", "UNAUTHORIZED", "The token is not valid")
    }

    /// A permission that the token lacks.
    pub(super) fn forbidden(profile: &Profile) -> Self {
        let details = "The process is not in CREATED state: force and its permission are needed";
        Self::new(profile, StatusCode::FORBIDDEN, "MDOC-003", "UNAUTHORIZED", details)
    }

    /// A body or parameter that cannot be.
    pub(super) fn invalid(profile: &Profile, details: impl Into<String>) -> Self {
        Self::new(profile, StatusCode::BAD_REQUEST, "MDOC-002", "INVALID_INPUT", details)
    }

    /// No such process, organisation or path.
    pub(super) fn not_found(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::NOT_FOUND, "MDOC-004", "RESOURCE_NOT_FOUND", "Not found")
    }

    /// A process in a state that does not allow it.
    pub(super) fn conflict(profile: &Profile, details: impl Into<String>) -> Self {
        Self::new(profile, StatusCode::CONFLICT, "MDOC-006", "CONFLICT", details)
    }

    /// Too many requests.
    pub(super) fn rate_limited(profile: &Profile) -> Self {
        let details = "Too many requests";
        Self::new(profile, StatusCode::TOO_MANY_REQUESTS, "MDOC-001", "INTERNAL_SERVER_ERROR", details)
    }

    /// A failure of the vendor's own.
    pub(super) fn server_error(profile: &Profile, status: StatusCode) -> Self {
        Self::new(profile, status, "MDOC-001", "INTERNAL_SERVER_ERROR", "Not expected error")
    }

    fn new(
        profile: &Profile,
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        details: impl Into<String>,
    ) -> Self {
        Self { errors: profile.errors, status, code, title, details: details.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { errors, status, code, title, details } = self;
        match errors {
            Errors::Empty => status.into_response(),
            Errors::Listed => {
                let error = json!({ "code": code, "title": title, "ref": REF, "details": details });
                (status, Json(json!({ "errors": [error] }))).into_response()
            }
        }
    }
}
