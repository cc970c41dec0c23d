//! The control API: acting as the person and the vendor.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::process::{Move, Process};
use super::{Masstack, api};
use crate::sandbox::control::{Answer, Refusal, bad, conflict, faults, profile};
use crate::sandbox::stand_in::{Interpreter as _, StandIn as _};

/// Everything below `/control/masstack`.
pub(super) fn router() -> Router<Arc<Masstack>> {
    let below = |path: &str| format!("{}{path}", Masstack::CONTROL);
    Router::new()
        .route(&below("/identifications"), get(list))
        .route(&below("/identifications/{id}"), get(show))
        .route(&below("/identifications/{id}/{step}"), post(step))
        .route(&below("/service-account"), get(service_account))
        .route(&below("/tokens/revoke"), post(revoke))
        .route(&below("/statistics"), get(statistics))
        .merge(profile::router())
        .merge(faults::router())
}

async fn list(State(masstack): State<Arc<Masstack>>) -> Json<Value> {
    let register = masstack.register();
    Json(json!({ "identifications": register.iter().map(view).collect::<Vec<_>>() }))
}

async fn show(State(masstack): State<Arc<Masstack>>, Path(id): Path<String>) -> Answer {
    masstack.at(&id, |_process| Ok(()))
}

async fn step(State(masstack): State<Arc<Masstack>>, Path((id, step)): Path<(String, String)>) -> Answer {
    let again = masstack.renewed();
    let step = match step.as_str() {
        "start" => Move::Start,
        "validate" => Move::Validate,
        "fail" => Move::Fail,
        "cancel" => Move::Cancel,
        "expire" => Move::Expire,
        "restart" => Move::Restart,
        _ => return Err(bad("a step is start, validate, fail, cancel, expire or restart".to_owned())),
    };
    masstack.at(&id, |process| process.take(step, again))
}

async fn service_account(State(masstack): State<Arc<Masstack>>) -> Result<Response, Refusal> {
    let nobody = || Refusal(StatusCode::NOT_FOUND, "the sandbox was started without MasStack".to_owned());
    let account = masstack.account.as_ref().ok_or_else(nobody)?;
    Ok(([(CONTENT_TYPE, "application/json")], account.json().to_owned()).into_response())
}

async fn revoke(State(masstack): State<Arc<Masstack>>) -> Json<Value> {
    Json(json!({ "revoked": masstack.tokens.revoke() }))
}

async fn statistics(State(masstack): State<Arc<Masstack>>) -> Json<Value> {
    let sum = |key: String| masstack.statistics.sum(&key);
    let both = |method: &str, one: &str, other: &str| {
        sum(format!("{method} {one}")) + sum(format!("{method} {other}"))
    };
    Json(json!({
        "tokens": sum(format!("POST {}", api::TOKEN)),
        "creations": both("POST", api::OTPS, api::DOCUMENTS),
        "gets": both("GET", api::OTP, api::DOCUMENT),
        "created": masstack.register().created,
        "by_path": masstack.statistics.view(),
    }))
}

impl Masstack {
    /// Does `step` to the process `id` and shows it afterwards.
    fn at(&self, id: &str, step: impl FnOnce(&mut Process) -> Result<(), String>) -> Answer {
        let mut register = self.register();
        let process = register.find(None, id).ok_or_else(|| {
            let sentence =
                format!("no process {id:?} here: make one, or see GET /control/masstack/identifications");
            Refusal(StatusCode::NOT_FOUND, sentence)
        })?;
        step(process).map_err(conflict)?;
        Ok(Json(view(process)))
    }
}

fn view(process: &Process) -> Value {
    json!({
        "admin_identification_id": process.admin_id,
        "identification_id": process.id,
        "kind": process.kind,
        "state": process.state,
        "sent": process.sent,
        "reason": process.reason,
    })
}
