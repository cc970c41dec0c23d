//! What keeps a finished identification: copies for another account, and archiving.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::{is_transaction_number, object};
use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::reply::{ErrorAnswer, empty, success};

const COMPANY: &str = "target_companyid";
const NUMBER: &str = "target_transactionnumber";

/// `POST /api/v1/{customer}/identifications/{t}/copy`
pub(super) async fn copy(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    idnow.admit(&customer, &headers)?;
    let object = object(clock, &body, &[COMPANY, NUMBER])?;
    let target = object.get(COMPANY).and_then(Value::as_str);
    let target = target.ok_or_else(|| ErrorAnswer::bad_value(clock, COMPANY))?;
    let number = match object.get(NUMBER) {
        None | Some(Value::Null) => clock.uuid().to_string(),
        Some(Value::String(number)) if is_transaction_number(number) => number.clone(),
        Some(_) => return Err(ErrorAnswer::bad_value(clock, NUMBER)),
    };
    if !(idnow.rights_of(&customer).copying && idnow.rights_of(target).copying) {
        return Err(ErrorAnswer::forbidden(clock));
    }
    let mut register = idnow.register();
    let from = register.find(&customer, &name).ok_or_else(|| ErrorAnswer::no_token(clock, &name))?;
    let ident = register.at(from);
    if ident.customer != customer {
        return Err(ErrorAnswer::security_violation(clock));
    }
    if !ident.is_finished() {
        return Err(ErrorAnswer::no_token(clock, &name));
    }
    if register.find(target, &number).is_some() {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    let copy = register.copy(clock, from, target, &number);
    Ok(success(&headers, StatusCode::CREATED, &json!({ "id": register.at(copy).id })))
}

/// `POST /api/v1/{customer}/identifications/{t}/archive`
pub(super) async fn archive(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    idnow.admit(&customer, &headers)?;
    if !idnow.rights_of(&customer).archiving {
        return Err(ErrorAnswer::forbidden(clock));
    }
    let mut register = idnow.register();
    let place = idnow.own(&mut register, &customer, &name)?;
    let ident = register.at(place);
    if !ident.is_finished() {
        return Err(idnow.unfinished(ident));
    }
    if ident.archived {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    ident.archived = true;
    Ok(empty(StatusCode::OK))
}
