//! What accounts are allowed.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::sandbox::control::{Answer, Refusal, read};
use crate::sandbox::idnow::Idnow;

/// `GET /control/accounts`
pub(super) async fn list(State(idnow): State<Arc<Idnow>>) -> Json<Value> {
    let customers = idnow.accounts.iter().map(|account| &account.customer);
    let accounts: Map<String, Value> =
        customers.map(|customer| (customer.clone(), json!(idnow.rights_of(customer)))).collect();
    Json(json!({ "accounts": accounts }))
}

/// `POST /control/accounts/{customer}`
pub(super) async fn allow(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    body: Bytes,
) -> Answer {
    let change = read(&body)?;
    if !idnow.has_account(&customer) {
        let sentence = format!("no account {customer:?} here: GET /control/accounts names them");
        return Err(Refusal(StatusCode::NOT_FOUND, sentence));
    }
    Ok(Json(json!(idnow.allow(&customer, change))))
}
