//! Logging in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::sandbox::preventor::invitation::millis;
use crate::sandbox::preventor::profile::Expiry;
use crate::sandbox::preventor::reply::{Failure, success};
use crate::sandbox::preventor::{BANKNU, ENV, Preventor, TENANT};
use crate::sandbox::stand_in::{Interpreter as _, header};

/// How long a token lives. The vendor does not say.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// `POST /auth/token`
pub(super) async fn token(
    State(preventor): State<Arc<Preventor>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let profile = preventor.profile();
    if !preventor.has_key(&headers) || !is_tenant(&headers) || !preventor.is_basic(&headers) {
        return Err(Failure::unauthorized(&profile));
    }
    let (token, end) = preventor.tokens.issue(&preventor.clock, LIFETIME);
    let mut body = json!({ "token": token });
    // The spelling is the vendor's.
    match profile.expiry {
        Expiry::Seconds => body["expiracy"] = json!(LIFETIME.as_secs()),
        Expiry::EpochMs => body["expiracy"] = json!(millis(end)),
        Expiry::Absent => {}
    }
    let status = StatusCode::from_u16(profile.token_status).unwrap_or(StatusCode::OK);
    Ok(success(&profile, status, body))
}

fn is_tenant(headers: &HeaderMap) -> bool {
    let expected = [("x-tenant", TENANT), ("x-env", ENV), ("x-banknu", BANKNU)];
    expected.into_iter().all(|(name, value)| header(headers, name) == Some(value))
}

impl Preventor {
    /// Whether the caller has the account's key and secret as Basic credentials.
    fn is_basic(&self, headers: &HeaderMap) -> bool {
        let given = header(headers, AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|pair| STANDARD.decode(pair).ok());
        self.account.as_ref().zip(given).is_some_and(|(account, given)| {
            let pair = format!("{}:{}", account.api_key.expose_secret(), account.secret.expose_secret());
            given == pair.as_bytes()
        })
    }
}
