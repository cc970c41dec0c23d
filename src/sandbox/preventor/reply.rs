//! How the vendor answers: everything in one envelope.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::profile::{EnvelopeStatus, Message, Profile};

/// A success: the members of `body` beside those of the envelope.
pub(super) fn success(profile: &Profile, status: StatusCode, body: Value) -> Response {
    let mut whole = envelope(profile, status, "OK", "Successful response", &[]);
    if let Value::Object(members) = body {
        whole.extend(members);
    }
    written(status, &whole)
}

/// A refusal. Of its codes only `TCKTNTFND` is the vendor's.
pub(super) struct Failure {
    status: StatusCode,
    body: Map<String, Value>,
}

impl Failure {
    /// Credentials or a token that are missing, wrong or expired.
    pub(super) fn unauthorized(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Unauthorized", &[])
    }

    /// A body or parameter that cannot be, at the path `field`.
    pub(super) fn invalid(profile: &Profile, field: &str, message: &str) -> Self {
        Self::new(profile, StatusCode::BAD_REQUEST, "INVALID_REQUEST", message, &[field])
    }

    /// A name or recipient that an open invitation has already.
    pub(super) fn taken(profile: &Profile) -> Self {
        let message = "The recipient is associated with an active process";
        Self::new(profile, StatusCode::CONFLICT, "RECIPIENT_TAKEN", message, &["unique"])
    }

    /// An invitation that is past what was asked.
    pub(super) fn state(profile: &Profile, message: &str) -> Self {
        Self::new(profile, StatusCode::CONFLICT, "STATE_NOT_ALLOWED", message, &[])
    }

    /// No such invitation.
    pub(super) fn no_invitation(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::NOT_FOUND, "INVITATION_NOT_FOUND", "Invitation not found", &[])
    }

    /// No such ticket.
    pub(super) fn no_ticket(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::NOT_FOUND, "TCKTNTFND", "Ticket not found", &[])
    }

    /// No such webhook.
    pub(super) fn no_webhook(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::NOT_FOUND, "WEBHOOK_NOT_FOUND", "Webhook not found", &[])
    }

    /// A path that the vendor does not have.
    pub(super) fn no_such_path(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::NOT_FOUND, "NOT_FOUND", "Not found", &[])
    }

    /// Too many requests.
    pub(super) fn rate_limited(profile: &Profile) -> Self {
        Self::new(profile, StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests", &[])
    }

    /// A failure of the vendor's own.
    pub(super) fn server_error(profile: &Profile, status: StatusCode) -> Self {
        Self::new(profile, status, "SERVER_ERROR", "Something went wrong", &[])
    }

    fn new(profile: &Profile, status: StatusCode, code: &str, message: &str, fields: &[&str]) -> Self {
        Self { status, body: envelope(profile, status, code, message, fields) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        written(self.status, &self.body)
    }
}

fn envelope(
    profile: &Profile,
    status: StatusCode,
    code: &str,
    message: &str,
    fields: &[&str],
) -> Map<String, Value> {
    let status = match profile.envelope_status {
        EnvelopeStatus::Number => json!(status.as_u16()),
        EnvelopeStatus::Text => json!(status.as_str()),
    };
    let message = match profile.message {
        Message::Text => json!(message),
        Message::List => json!([message]),
        Message::Object => json!({ "message": message, "fields": fields }),
    };
    let members = [("status", status), ("code", json!(code)), ("message", message)];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn written(status: StatusCode, body: &Map<String, Value>) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], json!(body).to_string()).into_response()
}
