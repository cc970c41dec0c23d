//! The vendor's endpoints.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::fields::{Malformed, Update};
use super::ident::{self, Ident, Kind};
use super::reply::{ErrorAnswer, empty_unauthorized, success};
use super::{Idnow, document};

const TOKEN: &str = "x-api-login-token";

/// `POST /api/v1/{customer}/login`
pub(super) async fn login(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Recorded: a form, and a key left empty, break the vendor's server instead of being refused.
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Err(ErrorAnswer::internal(clock));
    }
    let object: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|_not_an_object| ErrorAnswer::unparseable_json(clock))?;
    if let Some(unknown) = object.keys().find(|name| *name != "apiKey") {
        return Err(ErrorAnswer::unrecognized_field(clock, unknown.clone()));
    }
    let given = match object.get("apiKey").and_then(Value::as_str) {
        None | Some("") => return Err(ErrorAnswer::internal(clock)),
        Some(given) => given,
    };
    let known =
        |account: &&super::Account| account.customer == customer && account.api_key.expose_secret() == given;
    match idnow.accounts.iter().find(known) {
        None => Err(ErrorAnswer::invalid_login_token(clock)),
        Some(account) => {
            let token = idnow.tokens.issue(&account.customer);
            Ok(success(&headers, StatusCode::OK, &json!({ "authToken": token })))
        }
    }
}

/// `POST /api/v1/{customer}/identifications/{t}/start`
pub(super) async fn start(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    if !idnow.has_token(&customer, &headers) {
        return Ok(empty_unauthorized());
    }
    if !is_transaction_number(&name) {
        return Err(ErrorAnswer::bad_value(clock, "transactionnumber"));
    }
    let update = Update::parse(&body).map_err(|malformed| match malformed {
        Malformed::Unparseable => ErrorAnswer::unparseable_json(clock),
        Malformed::Unrecognized(name) => ErrorAnswer::unrecognized_field(clock, name),
        Malformed::Value(name) => ErrorAnswer::bad_value(clock, name),
    })?;
    let mut register = idnow.register();
    let (status, place) = match register.find(&customer, &name) {
        None => (StatusCode::CREATED, register.create(clock, &customer, &name)),
        Some(place) => (StatusCode::OK, place),
    };
    let ident = register.at(place);
    if ident.customer != customer {
        return Err(ErrorAnswer::security_violation(clock));
    }
    ident.starts_received += 1;
    if is_closed(ident) {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    ident.fields.apply(update);
    Ok(success(&headers, status, &json!({ "id": ident.id })))
}

/// `POST /api/v1/{customer}/identifications//start`
pub(super) async fn start_of_none(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
) -> Response {
    match idnow.has_token(&customer, &headers) {
        true => ErrorAnswer::missing_transaction_token(&idnow.clock).into_response(),
        false => empty_unauthorized(),
    }
}

/// `GET /api/v1/{customer}/identifications/{t}`
pub(super) async fn get(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    if !idnow.has_token(&customer, &headers) {
        return Err(ErrorAnswer::invalid_login_token(clock));
    }
    let wording = idnow.wording().clone();
    let mut register = idnow.register();
    let place = register.find(&customer, &name).ok_or_else(|| ErrorAnswer::no_data(clock, &name))?;
    let ident = register.at(place);
    if ident.customer != customer {
        return Err(ErrorAnswer::security_violation(clock));
    }
    ident.gets_received += 1;
    match ident.state {
        ident::State::Ended(_) => {
            Ok(success(&headers, StatusCode::OK, &document::render(ident, &wording.start)))
        }
        _ => Err(ErrorAnswer::no_data(clock, &ident.id)),
    }
}

impl Idnow {
    fn has_token(&self, customer: &str, headers: &HeaderMap) -> bool {
        let token = headers.get(TOKEN).and_then(|value| value.to_str().ok());
        token.is_some_and(|token| self.tokens.accept(customer, token))
    }
}

fn is_transaction_number(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    (1..=255).contains(&name.len()) && name.bytes().all(fits)
}

/// Finished for good, or deleted with its number left behind.
fn is_closed(ident: &Ident) -> bool {
    match &ident.state {
        ident::State::Ended(word) => word.kind() == Kind::Final,
        ident::State::Deleted => true,
        ident::State::Created | ident::State::Started => false,
    }
}
