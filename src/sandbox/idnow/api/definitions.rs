//! Definitions of documents to sign.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::object;
use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::reply::{ErrorAnswer, empty, success};
use crate::sandbox::idnow::signing::{Definition, LARGEST, MEMBERS, Put};

/// `POST /api/v1/{customer}/documentdefinitions`
pub(super) async fn create(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    if !idnow.has_token(&customer, &headers) {
        return Ok(empty(StatusCode::UNAUTHORIZED));
    }
    idnow.admit_signer(&customer, &headers)?;
    let definition = idnow.definition(&body)?;
    let old = idnow.wording().old_definitions;
    let mut definitions = idnow.definitions();
    if !old && definitions.find(&customer, &definition.identifier).is_some() {
        return Err(ErrorAnswer::bad_value(&idnow.clock, "identifier"));
    }
    match (definitions.put(&customer, definition), old) {
        (Put::Refused, _) => Err(ErrorAnswer::bad_value(&idnow.clock, "identifier")),
        (Put::Created, true) => Ok(success(&headers, StatusCode::CREATED, &json!({}))),
        (Put::Replaced, true) => Ok(success(&headers, StatusCode::OK, &json!({}))),
        (Put::Created | Put::Replaced, false) => Ok(empty(StatusCode::CREATED)),
    }
}

/// `POST /api/v1/{customer}/documentdefinitions/{id}`
pub(super) async fn update(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, identifier)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let mut definitions = idnow.definitions();
    if definitions.find(&customer, &identifier).is_none() {
        return Err(ErrorAnswer::no_definition(&idnow.clock));
    }
    let definition = idnow.definition(&body)?;
    if definition.identifier != identifier {
        return Err(ErrorAnswer::bad_value(&idnow.clock, "identifier"));
    }
    definitions.put(&customer, definition);
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/documentdefinitions`
pub(super) async fn list(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let all: Vec<Value> = idnow.definitions().of(&customer).iter().map(Definition::view).collect();
    Ok(success(&headers, StatusCode::OK, &json!(all)))
}

/// `GET /api/v1/{customer}/documentdefinitions/{id}`
pub(super) async fn get(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, identifier)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let definitions = idnow.definitions();
    let definition = definitions.find(&customer, &identifier);
    let definition = definition.ok_or_else(|| ErrorAnswer::no_definition(&idnow.clock))?;
    Ok(success(&headers, StatusCode::OK, &definition.view()))
}

/// `DELETE /api/v1/{customer}/documentdefinitions/{id}`
pub(super) async fn delete(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, identifier)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    match idnow.definitions().remove(&customer, &identifier) {
        true => Ok(empty(StatusCode::OK)),
        false => Err(ErrorAnswer::no_definition(&idnow.clock)),
    }
}

/// `POST /api/v1/{customer}/documentdefinitions/{id}/data`
pub(super) async fn upload(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, identifier)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let mut definitions = idnow.definitions();
    let definition = definitions.find_mut(&customer, &identifier);
    let definition = definition.ok_or_else(|| ErrorAnswer::no_definition(&idnow.clock))?;
    if body.is_empty() || body.len() > LARGEST {
        return Err(ErrorAnswer::bad_value(&idnow.clock, "document"));
    }
    definition.default = Some(body);
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/documentdefinitions/{id}/data`
pub(super) async fn download(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, identifier)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let definitions = idnow.definitions();
    let default = definitions.find(&customer, &identifier).and_then(|known| known.default.clone());
    default.map(pdf).ok_or_else(|| ErrorAnswer::no_definition(&idnow.clock))
}

/// A document, byte by byte.
pub(super) fn pdf(bytes: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/pdf")], bytes).into_response()
}

impl Idnow {
    /// Refuses a caller without a token, or without the right to have documents signed.
    pub(super) fn admit_signer(&self, customer: &str, headers: &HeaderMap) -> Result<(), ErrorAnswer> {
        self.admit(customer, headers)?;
        match self.rights_of(customer).signing {
            true => Ok(()),
            false => Err(ErrorAnswer::not_signing(&self.clock, customer)),
        }
    }

    fn definition(&self, body: &[u8]) -> Result<Definition, ErrorAnswer> {
        let object = object(&self.clock, body, &MEMBERS)?;
        Definition::parse(&object).map_err(|member| ErrorAnswer::bad_value(&self.clock, member))
    }
}
