//! Lists of a customer's identifications. The vendor has no pages.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::sandbox::idnow::ident::{Ident, Kind, State as IdentState};
use crate::sandbox::idnow::reply::{ErrorAnswer, success};
use crate::sandbox::idnow::{Idnow, document};

/// `GET /api/v1/{customer}/identifications`
pub(super) async fn list(
    State(idnow): State<Arc<Idnow>>,
    Path(customer): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit(&customer, &headers)?;
    let wanted: Vec<Kind> =
        parameters.iter().filter(|(_, value)| *value == "true").filter_map(|(name, _)| kind(name)).collect();
    // As an older document says it.
    let wanted = if wanted.is_empty() { vec![Kind::Final] } else { wanted };
    let wording = idnow.wording().clone();
    let register = idnow.register();
    let listed: Vec<Value> = register
        .iter()
        .filter(|(_, ident)| ident.customer == customer && is_listed(ident, &wanted))
        .map(|(_, ident)| document::render(ident, &wording))
        .collect();
    Ok(success(&headers, StatusCode::OK, &json!({ "identifications": listed })))
}

/// The present document's parameters and the spellings of older ones.
fn kind(parameter: &str) -> Option<Kind> {
    match parameter {
        "pending" => Some(Kind::Pending),
        "aborted" => Some(Kind::Aborted),
        "canceled" | "cancelled" | "failed" => Some(Kind::Canceled),
        "successful" => Some(Kind::Final),
        _ => None,
    }
}

fn is_listed(ident: &Ident, wanted: &[Kind]) -> bool {
    match &ident.state {
        // Pending is said to wait for a person's review, which CHECK_PENDING does not; and ARCHIVED is said to be
        // another status than the finished.
        IdentState::Ended(word) => {
            wanted.contains(&word.kind()) && word.as_str() != "CHECK_PENDING" && !ident.archived
        }
        IdentState::Created | IdentState::Started | IdentState::Deleted => false,
    }
}
