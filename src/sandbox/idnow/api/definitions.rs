//! Definitions of documents to sign.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::object;
use super::signer::Signer;
use crate::sandbox::idnow::reply::{ErrorAnswer, empty};
use crate::sandbox::idnow::signing::{Definition, LARGEST, MEMBERS, Put};

/// `POST /api/v1/{customer}/documentdefinitions`
pub(super) async fn create(signer: Result<Signer, Response>) -> Result<Response, Response> {
    match signer {
        // Recorded so.
        Err(refused) if refused.status() == StatusCode::UNAUTHORIZED => Ok(empty(StatusCode::UNAUTHORIZED)),
        Err(refused) => Err(refused),
        Ok(signer) => made(&signer).map_err(IntoResponse::into_response),
    }
}

fn made(signer: &Signer) -> Result<Response, ErrorAnswer> {
    let idnow = &signer.idnow;
    let definition = sent(signer)?;
    let old = idnow.wording().old_definitions;
    let mut definitions = idnow.definitions();
    if !old && definitions.find(&signer.customer, &definition.identifier).is_some() {
        return Err(ErrorAnswer::bad_value(&idnow.clock, "identifier"));
    }
    match (definitions.put(&signer.customer, definition), old) {
        (Put::Refused, _) => Err(ErrorAnswer::bad_value(&idnow.clock, "identifier")),
        (Put::Created, true) => Ok(signer.answer(StatusCode::CREATED, &json!({}))),
        (Put::Replaced, true) => Ok(signer.answer(StatusCode::OK, &json!({}))),
        (Put::Created | Put::Replaced, false) => Ok(empty(StatusCode::CREATED)),
    }
}

/// `POST /api/v1/{customer}/documentdefinitions/{id}`
pub(super) async fn update(signer: Signer) -> Result<Response, ErrorAnswer> {
    let clock = &signer.idnow.clock;
    let mut definitions = signer.idnow.definitions();
    if signer.definition(&definitions).is_none() {
        return Err(ErrorAnswer::no_definition(clock));
    }
    let definition = sent(&signer)?;
    if definition.identifier != signer.identifier {
        return Err(ErrorAnswer::bad_value(clock, "identifier"));
    }
    definitions.put(&signer.customer, definition);
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/documentdefinitions`
pub(super) async fn list(signer: Signer) -> Response {
    let definitions = signer.idnow.definitions();
    let all: Vec<Value> = definitions.of(&signer.customer).iter().map(Definition::view).collect();
    signer.answer(StatusCode::OK, &json!(all))
}

/// `GET /api/v1/{customer}/documentdefinitions/{id}`
pub(super) async fn get(signer: Signer) -> Result<Response, ErrorAnswer> {
    let definitions = signer.idnow.definitions();
    let definition = signer.definition(&definitions);
    let definition = definition.ok_or_else(|| ErrorAnswer::no_definition(&signer.idnow.clock))?;
    Ok(signer.answer(StatusCode::OK, &definition.view()))
}

/// `DELETE /api/v1/{customer}/documentdefinitions/{id}`
pub(super) async fn delete(signer: Signer) -> Result<Response, ErrorAnswer> {
    match signer.idnow.definitions().remove(&signer.customer, &signer.identifier) {
        true => Ok(empty(StatusCode::OK)),
        false => Err(ErrorAnswer::no_definition(&signer.idnow.clock)),
    }
}

/// `POST /api/v1/{customer}/documentdefinitions/{id}/data`
pub(super) async fn upload(signer: Signer) -> Result<Response, ErrorAnswer> {
    let clock = &signer.idnow.clock;
    let mut definitions = signer.idnow.definitions();
    let definition = definitions.find_mut(&signer.customer, &signer.identifier);
    let definition = definition.ok_or_else(|| ErrorAnswer::no_definition(clock))?;
    if signer.body.is_empty() || signer.body.len() > LARGEST {
        return Err(ErrorAnswer::bad_value(clock, "document"));
    }
    definition.default = Some(signer.body.clone());
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/documentdefinitions/{id}/data`
pub(super) async fn download(signer: Signer) -> Result<Response, ErrorAnswer> {
    let definitions = signer.idnow.definitions();
    let default = signer.definition(&definitions).and_then(|known| known.default.clone());
    default.map(pdf).ok_or_else(|| ErrorAnswer::no_definition(&signer.idnow.clock))
}

/// A document, byte by byte.
pub(super) fn pdf(bytes: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/pdf")], bytes).into_response()
}

/// The definition that a customer sent.
fn sent(signer: &Signer) -> Result<Definition, ErrorAnswer> {
    let clock = &signer.idnow.clock;
    let object = object(clock, &signer.body, &MEMBERS)?;
    Definition::parse(&object).map_err(|member| ErrorAnswer::bad_value(clock, member))
}
