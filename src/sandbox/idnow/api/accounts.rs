//! What does not concern an identification: logging in, the account, the system check.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::{header, object};
use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::reply::{ErrorAnswer, success};

/// Seconds a person would wait. Nobody waits here.
const WAITING_TIME: u32 = 0;

/// `POST /api/v1/{customer}/login`
pub(super) async fn login(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    let kind = header(&headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    // Recorded: a form, and a key left empty, break the vendor's server instead of being refused.
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Err(ErrorAnswer::internal(clock));
    }
    let object = object(clock, &body, &["apiKey"])?;
    let given = match object.get("apiKey").and_then(Value::as_str) {
        None | Some("") => return Err(ErrorAnswer::internal(clock)),
        Some(given) => given,
    };
    match idnow.is_key(&customer, given) {
        false => Err(ErrorAnswer::invalid_login_token(clock)),
        true => {
            let token = idnow.tokens.issue(&customer);
            Ok(success(&headers, StatusCode::OK, &json!({ "authToken": token })))
        }
    }
}

/// `GET /api/v1/{customer}`
pub(super) async fn about(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit(&customer, &headers)?;
    let account = json!({
        "shortname": customer,
        "shortcode": "TST",
        "name": format!("Sandbox of {customer}"),
        "estimatedWaitingTime": WAITING_TIME,
    });
    Ok(success(&headers, StatusCode::OK, &account))
}

/// `GET /system_check`
pub(super) async fn system_check(State(idnow): State<Arc<Idnow>>) -> &'static str {
    idnow.checked();
    "SYSTEM_CHECK_OK"
}
