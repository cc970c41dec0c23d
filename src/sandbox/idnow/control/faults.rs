//! Faults, switched on and off.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Refusal, bad, read};
use crate::sandbox::fault::Fault;
use crate::sandbox::idnow::Idnow;

/// `POST /control/faults`
pub(super) async fn set(State(idnow): State<Arc<Idnow>>, body: Bytes) -> Answer {
    let fault: Fault = read(&body)?;
    fault.check().map_err(bad)?;
    let view = idnow
        .faults
        .set(fault, idnow.clock.now())
        .map_err(|sentence| Refusal(StatusCode::CONFLICT, sentence))?;
    Ok(Json(json!(view)))
}

/// `GET /control/faults`
pub(super) async fn list(State(idnow): State<Arc<Idnow>>) -> Json<Value> {
    Json(json!({ "faults": idnow.faults.view() }))
}

/// `DELETE /control/faults`
pub(super) async fn clear(State(idnow): State<Arc<Idnow>>) -> Json<Value> {
    Json(json!({ "cleared": idnow.faults.clear(None) }))
}

/// `DELETE /control/faults/{id}`
pub(super) async fn clear_one(State(idnow): State<Arc<Idnow>>, Path(id): Path<String>) -> Answer {
    match id.parse().map_or(0, |id| idnow.faults.clear(Some(id))) {
        0 => Err(Refusal(StatusCode::NOT_FOUND, format!("no fault {id:?} here: see GET /control/faults"))),
        cleared => Ok(Json(json!({ "cleared": cleared }))),
    }
}
