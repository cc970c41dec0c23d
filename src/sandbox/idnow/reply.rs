//! How the vendor answers: the two shapes of success, and errors whose bytes agree with its recorded ones.

use std::io::{self, Write};

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::clock::Clock;

const JSON: &str = "application/json; charset=UTF-8";

/// A JSON answer, compressed if `asked` accepts gzip.
pub(super) fn success(asked: &HeaderMap, status: StatusCode, body: &serde_json::Value) -> Response {
    compressible(asked, status, JSON, body.to_string().into_bytes())
}

/// An answer of text in the format `kind`, compressed if `asked` accepts gzip.
pub(super) fn compressible(
    asked: &HeaderMap,
    status: StatusCode,
    kind: &'static str,
    plain: Vec<u8>,
) -> Response {
    let headers = [(CONTENT_TYPE, kind), (VARY, "Origin,Accept-Encoding")];
    if accepts_gzip(asked)
        && let Ok(packed) = gzip(&plain)
    {
        return (status, headers, [(CONTENT_ENCODING, "gzip")], packed).into_response();
    }
    (status, headers, plain).into_response()
}

/// An answer without a body, as some successes and the 401 of creating requests were recorded.
pub(super) fn empty(status: StatusCode) -> Response {
    (status, [(VARY, "Origin")], Body::empty()).into_response()
}

/// An error answer. Its `id` is new each time, as the vendor's is.
pub(super) struct ErrorAnswer {
    status: StatusCode,
    error: ErrorBody,
}

/// The vendor's documents explain four members; its servers send these six, in this order, two of them always null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    cause: &'static str,
    error_type: (),
    id: String,
    key: Option<String>,
    message: Option<String>,
    translation_key: (),
}

#[derive(Serialize)]
struct ErrorList<'a> {
    errors: [&'a ErrorBody; 1],
}

impl ErrorAnswer {
    /// A token or key that is missing, wrong, expired, revoked or another customer's.
    pub(super) fn invalid_login_token(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::UNAUTHORIZED, "INVALID_LOGIN_TOKEN", None, None)
    }

    /// An identification of another customer.
    pub(super) fn security_violation(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::UNAUTHORIZED, "SECURITY_VIOLATION", None, None)
    }

    /// An identification that nobody started, that is gone, or that never was.
    pub(super) fn no_data(clock: &Clock, ident: &str) -> Self {
        let key = format!("Ident {ident} - No identification request found matching the provided parameters");
        Self::new(clock, StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", Some(key), None)
    }

    /// An identification that is not finished, for what is only done to finished ones.
    pub(super) fn not_finished(clock: &Clock, ident: &str, request: u64) -> Self {
        let key = format!("Ident {ident} / IdentRequest {request} not yet finished");
        Self::new(clock, StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", Some(key), None)
    }

    /// Nothing finished to copy.
    pub(super) fn no_token(clock: &Clock, name: &str) -> Self {
        Self::not_found(clock, "token", name.to_owned())
    }

    /// An identification whose person's app brought no binding key, or is not done yet.
    pub(super) fn no_binding_key(clock: &Clock, ident: &str) -> Self {
        let message = format!(
            "No binding key associated with the specified identification with internalToken: {ident}"
        );
        Self::not_found(clock, "id", message)
    }

    /// A definition that is not there.
    pub(super) fn no_definition(clock: &Clock) -> Self {
        Self::not_found(clock, "identifier", "no matching documentDefinition found".to_owned())
    }

    /// A document of an identification whose definition is not there.
    pub(super) fn no_document(clock: &Clock) -> Self {
        Self::not_found(clock, "identifier", "Unable to find document definition".to_owned())
    }

    /// An upload before its definition.
    pub(super) fn definition_missing(clock: &Clock) -> Self {
        Self::precondition(clock, "no matching documentDefinition found".to_owned())
    }

    /// An account without signing.
    pub(super) fn not_signing(clock: &Clock, customer: &str) -> Self {
        Self::precondition(clock, format!("The customer '{customer}' is not an esigning customer!"))
    }

    /// A document that nobody signed.
    pub(super) fn not_signed(clock: &Clock) -> Self {
        let message = "Document has not yet been signed".to_owned();
        Self::new(clock, StatusCode::BAD_REQUEST, "BAD_REQUEST", Some("document".to_owned()), Some(message))
    }

    /// A feature the account does not have.
    pub(super) fn forbidden(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::FORBIDDEN, "FORBIDDEN", None, None)
    }

    /// A path the vendor does not have.
    pub(super) fn no_such_path(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", None, None)
    }

    /// A body that is not a JSON object.
    pub(super) fn unparseable_json(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::BAD_REQUEST, "UNPARSEABLE_JSON", None, None)
    }

    /// A field nobody knows.
    pub(super) fn unrecognized_field(clock: &Clock, name: String) -> Self {
        Self::new(clock, StatusCode::BAD_REQUEST, "UNRECOGNIZED_FIELD", Some(name), None)
    }

    /// A known field with a value it cannot have.
    pub(super) fn bad_value(clock: &Clock, name: &str) -> Self {
        let message = format!("Please provide a correct value for \u{2018}{name}\u{2019}");
        Self::new(clock, StatusCode::BAD_REQUEST, "BAD_REQUEST", Some(name.to_owned()), Some(message))
    }

    /// A path without a transaction number.
    pub(super) fn missing_transaction_token(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::BAD_REQUEST, "MISSING_TRANSACTION_TOKEN", None, None)
    }

    /// A finished identification, or the number of a deleted one.
    pub(super) fn existing_identification(clock: &Clock) -> Self {
        Self::new(clock, StatusCode::CONFLICT, "EXISTING_IDENTIFICATION", None, None)
    }

    /// What the vendor answers to a login it cannot make sense of.
    pub(super) fn internal(clock: &Clock) -> Self {
        Self::server_error(clock, StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A failure of the vendor's own. Only that of 500 is recorded, and the misspelling is the vendor's.
    pub(super) fn server_error(clock: &Clock, status: StatusCode) -> Self {
        let message = "An internal server error has occured".to_owned();
        Self::new(clock, status, "INTERNAL_SERVER_ERROR", None, Some(message))
    }

    fn not_found(clock: &Clock, key: &str, message: String) -> Self {
        Self::new(clock, StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", Some(key.to_owned()), Some(message))
    }

    fn precondition(clock: &Clock, message: String) -> Self {
        Self::new(clock, StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", None, Some(message))
    }

    fn new(
        clock: &Clock,
        status: StatusCode,
        cause: &'static str,
        key: Option<String>,
        message: Option<String>,
    ) -> Self {
        let id = format!("{:08}", u32::from_le_bytes(clock.random()) % 100_000_000);
        Self { status, error: ErrorBody { cause, error_type: (), id, key, message, translation_key: () } }
    }
}

impl IntoResponse for ErrorAnswer {
    fn into_response(self) -> Response {
        let headers = [(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CONTENT_TYPE, JSON)];
        match serde_json::to_vec(&ErrorList { errors: [&self.error] }) {
            Ok(body) => (self.status, headers, body).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// Whether the caller takes gzip: named, or `*`, and not with a quality of zero.
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = matches!(parts.next(), Some(name) if name.eq_ignore_ascii_case("gzip") || name == "*");
        named && !parts.any(|part| matches!(part.strip_prefix("q=").map(str::parse), Some(Ok(0.0_f32))))
    })
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_only_for_those_who_take_it() {
        let asks = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
            accepts_gzip(&headers)
        };
        assert!(asks("gzip"));
        assert!(asks("deflate, GZIP;q=0.5"));
        assert!(asks("*"));
        assert!(!asks("deflate, br"));
        assert!(!asks("gzip;q=0"));
        assert!(!asks("gzip; q=0.0, br"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
