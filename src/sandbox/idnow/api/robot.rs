//! The test robot's own address, where it plays the person too.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::ident::{Channel, Ident, Word};
use crate::sandbox::idnow::register::Place;
use crate::sandbox::idnow::reply::{ErrorAnswer, success};

/// `POST /robot/api/v1/{customer}/identifications/{t}/start`
pub(super) async fn start(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let place = idnow.of_robot(&customer, &name, &headers)?;
    let started = idnow.advance(place, |ident, _now| idnow.person_starts(ident, Channel::default()));
    started.map_err(|_refusal| ErrorAnswer::existing_identification(&idnow.clock))?;
    Ok(success(&headers, StatusCode::OK, &json!({})))
}

/// `POST /robot/api/v1/{customer}/identifications/{t}/requestVideoChat`
pub(super) async fn request_video_chat(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let place = idnow.of_robot(&customer, &name, &headers)?;
    let submitted =
        idnow.advance(place, |ident: &mut Ident, now| ident.submit(Word::parse("CHECK_PENDING")?, None, now));
    submitted.map_err(|_refusal| ErrorAnswer::existing_identification(&idnow.clock))?;
    let status = idnow.register().at(place).phase();
    Ok(success(&headers, StatusCode::OK, &json!({ "status": status })))
}

impl Idnow {
    /// Where the identification called `name` is, for a caller with the key of `customer`.
    fn of_robot(&self, customer: &str, name: &str, headers: &HeaderMap) -> Result<Place, ErrorAnswer> {
        match self.has_key(customer, headers) {
            true => self.own(&mut self.register(), customer, name),
            false => Err(ErrorAnswer::invalid_login_token(&self.clock)),
        }
    }
}
