//! The control API: looking at what was made, and deciding what an enrolment finds.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::process::{Findings, Process};
use super::{OpenServices, api};
use crate::sandbox::control::{Answer, Refusal, faults, profile, read};
use crate::sandbox::stand_in::{Interpreter as _, StandIn as _};

/// Everything below `/control/preventor-open`.
pub(super) fn router() -> Router<Arc<OpenServices>> {
    let below = |path: &str| format!("{}{path}", OpenServices::CONTROL);
    Router::new()
        .route(&below("/requests"), get(requests))
        .route(&below("/customers"), get(customers))
        .route(&below("/customers/{id}"), get(customer))
        .route(&below("/accounts"), get(accounts))
        .route(&below("/transactions"), get(transactions))
        .route(&below("/processes"), get(processes))
        .route(&below("/users/{id}/findings"), post(findings))
        .route(&below("/tokens/revoke"), post(revoke))
        .route(&below("/statistics"), get(statistics))
        .merge(profile::router())
        .merge(faults::router())
}

async fn requests(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    Json(json!({ "requests": open.register().requests() }))
}

async fn customers(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    Json(json!({ "customers": open.register().customers }))
}

async fn customer(State(open): State<Arc<OpenServices>>, Path(id): Path<String>) -> Answer {
    let register = open.register();
    let customer = register.customer(&id);
    customer.map(|customer| Json(json!(customer))).ok_or_else(|| nobody("customer", &id, "customers"))
}

async fn accounts(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    Json(json!({ "accounts": open.register().accounts }))
}

async fn transactions(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    Json(json!({ "transactions": open.register().transactions }))
}

async fn processes(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    let register = open.register();
    Json(json!({ "processes": register.processes.iter().map(Process::view).collect::<Vec<_>>() }))
}

async fn findings(State(open): State<Arc<OpenServices>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let findings: Findings = read(&body)?;
    let mut register = open.register();
    let mut processes = register.processes.iter_mut();
    let process = processes.find(|process| process.user.as_ref().is_some_and(|user| user.id == id));
    let process = process.ok_or_else(|| nobody("biometric user", &id, "processes"))?;
    if let Some(user) = &mut process.user {
        user.findings = findings;
    }
    Ok(Json(process.view()))
}

async fn revoke(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    let processes = std::mem::take(&mut open.register().processes).len();
    Json(json!({ "revoked": open.tokens.revoke() + processes }))
}

async fn statistics(State(open): State<Arc<OpenServices>>) -> Json<Value> {
    let sum = |method: &str, route: &str| open.statistics.sum(&format!("{method} {route}"));
    Json(json!({
        "logins": sum("POST", api::TOKEN),
        "processes": sum("POST", api::PROCESS),
        "customers": sum("POST", api::CUSTOMER),
        "transactions": sum("POST", api::TRANSACTION),
        "enrolments": sum("GET", api::ENROL),
        "by_path": open.statistics.view(),
    }))
}

fn nobody(what: &str, id: &str, list: &str) -> Refusal {
    let sentence = format!("no {what} {id:?} here: see GET {}/{list}", OpenServices::CONTROL);
    Refusal(StatusCode::NOT_FOUND, sentence)
}
