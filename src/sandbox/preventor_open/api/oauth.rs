//! Logging in at the compliance platform: a password grant.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::sandbox::preventor_open::api::caller::Caller;
use crate::sandbox::preventor_open::profile::{Basic, TokenEnd};
use crate::sandbox::preventor_open::reply::Failure;
use crate::sandbox::preventor_open::{Account, CLIENT, SCOPE, USERNAME};

const FORM: &str = "application/x-www-form-urlencoded";
/// How long a token lives. The vendor does not say.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long one lives that does not say so.
const UNTOLD: Duration = Duration::from_secs(5 * 60);

/// `POST /security/oauth/token`
pub(super) async fn token(caller: Caller) -> Result<Response, Failure> {
    let Some(account) = &caller.open.account else { return Err(Failure::unauthorized(&caller.profile)) };
    if !is_basic(&caller, account) {
        return Err(Failure::unauthorized(&caller.profile));
    }
    if !caller.media().starts_with(FORM) {
        return Ok(refused("invalid_request", "The body is not a form"));
    }
    let given = |name: &str| {
        let mut members = url::form_urlencoded::parse(&caller.body);
        members.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    if given("grant_type") != "password" {
        return Ok(refused("unsupported_grant_type", "grant_type is not password"));
    }
    if given("client_id") != CLIENT {
        return Ok(refused("invalid_client", "client_id is not the account's"));
    }
    if given("scope") != SCOPE {
        return Ok(refused("invalid_scope", "scope is not the account's"));
    }
    if given("username") != USERNAME || given("password") != account.password.expose_secret() {
        return Ok(refused("invalid_grant", "username or password is wrong"));
    }
    let told = caller.profile.token_end;
    let life = if told == TokenEnd::Untold { UNTOLD } else { LIFETIME };
    let (token, _end) = caller.open.tokens.issue(&caller.open.clock, life);
    let mut body = json!({ "access_token": token, "token_type": "bearer", "scope": SCOPE });
    if told == TokenEnd::ExpiresIn {
        body["expires_in"] = json!(life.as_secs());
    }
    Ok(Json(body).into_response())
}

fn is_basic(caller: &Caller, account: &Account) -> bool {
    let (secret, password) = (account.secret.expose_secret(), account.password.expose_secret());
    match caller.profile.basic {
        Basic::Key => caller.is_basic(account.key(), secret),
        Basic::Client => caller.is_basic(CLIENT, secret),
        Basic::User => caller.is_basic(USERNAME, password),
    }
}

/// As OAuth has it: the vendor publishes nothing of its own.
fn refused(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
