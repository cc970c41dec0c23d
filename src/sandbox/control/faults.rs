//! Faults, switched on and off.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Answer, Refusal, bad, conflict, read};
use crate::sandbox::fault::Fault;
use crate::sandbox::stand_in::StandIn;

/// `faults` below the stand-in's control API.
pub(in crate::sandbox) fn router<S: StandIn>() -> Router<Arc<S>> {
    let prefix = S::CONTROL;
    Router::new()
        .route(&format!("{prefix}/faults"), post(set::<S>).get(list::<S>).delete(clear::<S>))
        .route(&format!("{prefix}/faults/{{id}}"), delete(clear_one::<S>))
}

/// `POST faults`
async fn set<S: StandIn>(State(stand_in): State<Arc<S>>, body: Bytes) -> Answer {
    let fault: Fault<S::Operation> = read(&body)?;
    fault.check().map_err(bad)?;
    let view = stand_in.faults().set(fault, stand_in.clock().now()).map_err(conflict)?;
    Ok(Json(json!(view)))
}

/// `GET faults`
async fn list<S: StandIn>(State(stand_in): State<Arc<S>>) -> Json<Value> {
    Json(json!({ "faults": stand_in.faults().view() }))
}

/// `DELETE faults`
async fn clear<S: StandIn>(State(stand_in): State<Arc<S>>) -> Json<Value> {
    Json(json!({ "cleared": stand_in.faults().clear(None) }))
}

/// `DELETE faults/{id}`
async fn clear_one<S: StandIn>(State(stand_in): State<Arc<S>>, Path(id): Path<String>) -> Answer {
    match id.parse().map_or(0, |id| stand_in.faults().clear(Some(id))) {
        0 => Err(Refusal(
            StatusCode::NOT_FOUND,
            format!("no fault {id:?} here: see GET {}/faults", S::CONTROL),
        )),
        cleared => Ok(Json(json!({ "cleared": cleared }))),
    }
}
