//! What results look like.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::Scope;
use crate::sandbox::control::{Answer, Refusal, bad, read};
use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::file::Shape;
use crate::sandbox::idnow::sections::Section;
use crate::sandbox::picture::Pictures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    pictures: Option<Pictures>,
    old_definitions: Option<bool>,
    document_in_array: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    sections: Vec<Section>,
}

/// `POST /control/identifications/{t}/archive`
pub(super) async fn archive(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let shape: Shape = read(&body)?;
    shape.check().map_err(bad)?;
    let place = idnow.find(&name, &scope)?;
    idnow.register().at(place).archive = shape;
    Ok(Json(json!(shape)))
}

/// `POST /control/identifications/{t}/sections`
pub(super) async fn sections(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let Wish { sections } = read(&body)?;
    let place = idnow.find(&name, &scope)?;
    let view = json!({ "sections": sections });
    idnow.register().at(place).sections = sections;
    Ok(Json(view))
}

/// `GET /control/signing-key`
pub(super) async fn signing_key(State(idnow): State<Arc<Idnow>>) -> Result<String, Refusal> {
    let signer = Arc::clone(&idnow.signer);
    let pem = tokio::task::spawn_blocking(move || signer.public_pem()).await;
    let failed = |sentence: String| Refusal(StatusCode::INTERNAL_SERVER_ERROR, sentence);
    pem.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

/// `POST /control/shape`
pub(super) async fn shape(State(idnow): State<Arc<Idnow>>, body: Bytes) -> Answer {
    let Change { pictures, old_definitions, document_in_array } = read(&body)?;
    let mut wording = idnow.wording();
    wording.pictures = pictures.unwrap_or(wording.pictures);
    wording.old_definitions = old_definitions.unwrap_or(wording.old_definitions);
    wording.document_in_array = document_in_array.unwrap_or(wording.document_in_array);
    Ok(Json(json!({
        "pictures": wording.pictures,
        "old_definitions": wording.old_definitions,
        "document_in_array": wording.document_in_array,
    })))
}
