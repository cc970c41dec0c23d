//! How the vendor answers. Of refusals only the statuses are published.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::profile::{Errors, Profile, Written};

/// The answer to a customer, an account or a transaction that was written and stands as `record`.
pub(super) fn written(profile: &Profile, record: Value) -> Response {
    let status = StatusCode::from_u16(profile.written_status).unwrap_or(StatusCode::OK);
    match profile.written {
        Written::Record => (status, Json(record)).into_response(),
        Written::Receipt => (status, Json(envelope(status, "OK", "Successful response"))).into_response(),
        Written::Empty => status.into_response(),
    }
}

/// A refusal.
pub(super) struct Failure {
    errors: Errors,
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failure {
    /// A body or parameter that cannot be.
    pub(super) fn invalid(profile: &Profile, message: impl Into<String>) -> Self {
        Self::new(profile, StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// A key, a password or a token that is wrong or over.
    pub(super) fn unauthorized(profile: &Profile) -> Self {
        let message = "The API key is wrong or the token is expired";
        Self::new(profile, StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    /// The header `name` is not there, or not what it has to be.
    pub(super) fn header(profile: &Profile, name: &str) -> Self {
        let message = format!("The request does not have a correct header {name}");
        Self::new(profile, StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    /// No such customer, account, user or ticket.
    pub(super) fn not_found(profile: &Profile, what: &str) -> Self {
        Self::new(profile, StatusCode::NOT_FOUND, "NOT_FOUND", format!("There is no such {what}"))
    }

    /// A method that a path does not have.
    pub(super) fn method(profile: &Profile) -> Self {
        let message = "The path does not have the method";
        Self::new(profile, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    /// A caller who does not take JSON.
    pub(super) fn not_acceptable(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", "Answers are JSON")
    }

    /// Too many requests.
    pub(super) fn rate_limited(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests")
    }

    /// A failure of the vendor's own.
    pub(super) fn server_error(profile: &Profile, status: StatusCode) -> Self {
        Self::new(profile, status, "SERVER_ERROR", "Something went wrong")
    }

    fn new(profile: &Profile, status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { errors: profile.errors, status, code, message: message.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { errors, status, code, message } = self;
        match errors {
            Errors::Empty => status.into_response(),
            Errors::Envelope => (status, Json(envelope(status, code, &message))).into_response(),
        }
    }
}

fn envelope(status: StatusCode, code: &str, message: &str) -> Value {
    json!({ "status": status.as_u16(), "code": code, "message": message })
}
