//! The account's webhooks.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::sandbox::preventor::Preventor;
use crate::sandbox::preventor::reply::{Failure, success};
use crate::sandbox::preventor::settings::Registration;

/// `GET /settings/webhooks`
pub(super) async fn list(
    State(preventor): State<Arc<Preventor>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    preventor.admit(&headers)?;
    let webhooks = preventor.webhooks.carrier().settings().view();
    Ok(success(&preventor.profile(), StatusCode::OK, json!({ "webhooks": webhooks })))
}

/// `PUT /settings/webhooks`
pub(super) async fn put(
    State(preventor): State<Arc<Preventor>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    preventor.admit(&headers)?;
    let profile = preventor.profile();
    let registration: Registration = preventor.read(&body)?;
    registration
        .check()
        .map_err(|(field, rule)| Failure::invalid(&profile, field, &format!("{field} is {rule}")))?;
    let view = preventor.webhooks.carrier().settings().put(&preventor.clock, registration);
    Ok(success(&profile, StatusCode::OK, view))
}

/// `DELETE /settings/webhooks/{id}`
pub(super) async fn remove(
    State(preventor): State<Arc<Preventor>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    preventor.admit(&headers)?;
    let profile = preventor.profile();
    match preventor.webhooks.carrier().settings().remove(&id) {
        true => Ok(success(&profile, StatusCode::OK, json!({ "id": id }))),
        false => Err(Failure::no_webhook(&profile)),
    }
}
