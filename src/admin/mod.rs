//! The operators' door: liveness, readiness and metrics, on a port of its own.

pub mod config;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::telemetry::Telemetry;

#[derive(Clone)]
struct Door {
    hub: Arc<Hub>,
    telemetry: Telemetry,
    drain: CancellationToken,
}

/// The door's routes: `/livez`, `/readyz` and `/metrics`.
pub fn router(hub: Arc<Hub>, telemetry: Telemetry, drain: CancellationToken) -> Router {
    let door = Door { hub, telemetry, drain };
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(door)
}

/// Ready only while webhooks and calls can be kept.
async fn ready(State(door): State<Door>) -> Response {
    if door.drain.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match door.hub.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.detail)).into_response(),
    }
}

async fn metrics(State(door): State<Door>) -> Response {
    match door.telemetry.scrape() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "The metrics cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
