//! What the stand-ins' control APIs have in common.

pub(super) mod faults;
pub(super) mod profile;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A refusal and a sentence that tells what to do.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// What a call of the control API comes to.
pub(super) type Answer = Result<Json<Value>, Refusal>;

/// Reads a body; an absent one is an empty object.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    let deserializer = &mut serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| bad(format!("the body cannot be read: {error}; docs/sandbox.md shows what to send")))
}

/// A body that asks for what cannot be.
pub(super) fn bad(sentence: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, sentence)
}

/// A move that is not possible now.
pub(super) fn conflict(sentence: String) -> Refusal {
    Refusal(StatusCode::CONFLICT, sentence)
}
