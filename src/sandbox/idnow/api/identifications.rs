//! One identification: made, asked for, deleted.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{is_transaction_number, results};
use crate::sandbox::idnow::fields::{Malformed, Update};
use crate::sandbox::idnow::ident::{Ident, State as IdentState};
use crate::sandbox::idnow::reply::{ErrorAnswer, empty, success};
use crate::sandbox::idnow::{Idnow, document};

/// `POST /api/v1/{customer}/identifications/{t}/start`
pub(super) async fn start(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    if !idnow.has_token(&customer, &headers) && !idnow.has_key(&customer, &headers) {
        return Ok(empty(StatusCode::UNAUTHORIZED));
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
    if ident.is_finished() || matches!(ident.state, IdentState::Deleted) {
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
        false => empty(StatusCode::UNAUTHORIZED),
    }
}

/// `GET /api/v1/{customer}/identifications/{t}`
pub(super) async fn get(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    // No number has a dot.
    if let Some((name, kind)) = name.split_once('.') {
        return results::get(&idnow, &customer, name, kind, &headers).await;
    }
    let clock = &idnow.clock;
    idnow.admit(&customer, &headers)?;
    let wording = idnow.wording().clone();
    let mut register = idnow.register();
    let place = idnow.own(&mut register, &customer, &name)?;
    let ident = register.at(place);
    ident.gets_received += 1;
    match ident.state {
        IdentState::Ended(_) => Ok(success(&headers, StatusCode::OK, &document::render(ident, &wording))),
        _ => Err(ErrorAnswer::no_data(clock, &ident.id)),
    }
}

/// `DELETE /api/v1/{customer}/identifications/{t}`
pub(super) async fn delete(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit(&customer, &headers)?;
    let place = idnow.own(&mut idnow.register(), &customer, &name)?;
    idnow.advance(place, |ident, _now| {
        let refusal = idnow.unfinished(ident);
        if ident.is_finished() { ident.delete().map_err(|_deleted| refusal) } else { Err(refusal) }
    })?;
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/identifications/{t}/bindingKey`
pub(super) async fn binding_key(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit(&customer, &headers)?;
    let mut register = idnow.register();
    let place = idnow.own(&mut register, &customer, &name)?;
    let ident = register.at(place);
    match &ident.binding_key {
        Some(key) if ident.is_finished() => {
            Ok(success(&headers, StatusCode::OK, &json!({ "bindingKey": key })))
        }
        _ => Err(ErrorAnswer::no_binding_key(&idnow.clock, &ident.id)),
    }
}

impl Idnow {
    /// Why what is only done to finished identifications is not done to `ident`.
    pub(super) fn unfinished(&self, ident: &Ident) -> ErrorAnswer {
        match ident.state {
            IdentState::Deleted => ErrorAnswer::no_data(&self.clock, &ident.id),
            _ => ErrorAnswer::not_finished(&self.clock, &ident.id, ident.request),
        }
    }
}
