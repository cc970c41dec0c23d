//! How a vendor's documents are read, shown and switched.

use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Answer, bad, read};
use crate::sandbox::stand_in::{Interpreter, Reading as _};

/// `profile` below the stand-in's control API.
pub(in crate::sandbox) fn router<S: Interpreter>() -> Router<Arc<S>> {
    Router::new().route(&format!("{}/profile", S::CONTROL), get(show::<S>).post(change::<S>))
}

/// `GET profile`
async fn show<S: Interpreter>(State(stand_in): State<Arc<S>>) -> Json<Value> {
    Json(json!(stand_in.profile()))
}

/// `POST profile`
async fn change<S: Interpreter>(State(stand_in): State<Arc<S>>, body: Bytes) -> Answer {
    let change = read(&body)?;
    let mut profile = stand_in.reading().lock().unwrap_or_else(PoisonError::into_inner);
    *profile = profile.with(change).map_err(bad)?;
    Ok(Json(json!(*profile)))
}
