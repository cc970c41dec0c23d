//! Assertions, and the tokens that they are exchanged for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::sandbox::masstack::Masstack;
use crate::sandbox::masstack::account::unsigned;
use crate::sandbox::masstack::api::TOKEN;
use crate::sandbox::masstack::profile::TokenEnd;
use crate::sandbox::stand_in::{Interpreter as _, header};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a token lives. The vendor does not say.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long one lives that does not say so.
const UNTOLD: Duration = Duration::from_secs(5 * 60);

/// `POST` with an assertion
pub(super) async fn token(
    State(masstack): State<Arc<Masstack>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (form, host) = (header(&headers, CONTENT_TYPE.as_str()), header(&headers, HOST.as_str()));
    if !form.is_some_and(|media| media.starts_with(FORM)) {
        return refused("invalid_request", "The body is not a form");
    }
    let member = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(&body);
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if member("grant_type").as_deref() != Some(GRANT) {
        return refused("unsupported_grant_type", "grant_type is not jwt-bearer");
    }
    let audience = format!("http://{}{TOKEN}", host.unwrap_or_default());
    let now = masstack.clock.now();
    let assertion = member("assertion").unwrap_or_default();
    let checked = match &masstack.account {
        Some(account) => account.check(&assertion, &audience, now),
        None => Err("nobody has an account"),
    };
    match checked {
        Ok(()) => masstack.issue(now),
        Err(details) => refused("invalid_grant", details),
    }
}

impl Masstack {
    fn issue(&self, now: SystemTime) -> Response {
        let told = self.profile().token_end;
        let end = now + if told == TokenEnd::Untold { UNTOLD } else { LIFETIME };
        let seconds = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let token = match told {
            TokenEnd::Untold => URL_SAFE_NO_PAD.encode(self.clock.random::<32>()),
            TokenEnd::ExpiresIn | TokenEnd::Claim => unsigned(&self.clock, &json!({ "exp": seconds })),
        };
        self.tokens.keep(&self.clock, &token, end);
        let mut body = json!({ "access_token": token, "token_type": "Bearer" });
        if told == TokenEnd::ExpiresIn {
            body["expires_in"] = json!(LIFETIME.as_secs());
        }
        Json(body).into_response()
    }
}

/// As OAuth has it: the vendor publishes nothing of its own.
fn refused(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
