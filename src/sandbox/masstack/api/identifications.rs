//! Processes with a code or a document.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::sandbox::masstack::Masstack;
use crate::sandbox::masstack::api::below;
use crate::sandbox::masstack::body::{CreateDocument, CreateOtp};
use crate::sandbox::masstack::process::{Kind, Move, Process, State as Standing};
use crate::sandbox::masstack::profile::Unpublished;
use crate::sandbox::masstack::reply::Failure;
use crate::sandbox::stand_in::Interpreter as _;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    reason: String,
}

/// `POST identifications/otp`
pub(super) async fn create_otp(
    State(masstack): State<Arc<Masstack>>,
    Path(org): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    masstack.admit(&headers, &org)?;
    let asked = masstack.read::<CreateOtp>(&body)?.check();
    let validity = asked.map_err(|details| Failure::invalid(&masstack.profile(), details))?;
    Ok((StatusCode::CREATED, masstack.create(Kind::Otp, validity)).into_response())
}

/// `POST identifications/identity_document`
pub(super) async fn create_document(
    State(masstack): State<Arc<Masstack>>,
    Path(org): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    masstack.admit(&headers, &org)?;
    let asked = masstack.read::<CreateDocument>(&body)?.check();
    let validity = asked.map_err(|details| Failure::invalid(&masstack.profile(), details))?;
    Ok(masstack.create(Kind::IdentityDocument, validity))
}

/// `GET identifications/otp/{identification_id}`
pub(super) async fn get_otp(
    State(masstack): State<Arc<Masstack>>,
    Path((org, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    masstack.admit(&headers, &org)?;
    masstack.show(Kind::Otp, &id)
}

/// `GET identifications/identity_document/{identification_id}`
pub(super) async fn get_document(
    State(masstack): State<Arc<Masstack>>,
    Path((org, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    masstack.admit(&headers, &org)?;
    masstack.show(Kind::IdentityDocument, &id)
}

/// `DELETE identifications/otp/{admin_identification_id}?force=`
pub(super) async fn delete_otp(
    State(masstack): State<Arc<Masstack>>,
    Path((org, id)): Path<(String, String)>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    masstack.admit(&headers, &org)?;
    let profile = masstack.profile();
    let force = match parameters.get("force").map(String::as_str) {
        Some("true") => true,
        None | Some("false") => false,
        Some(_odd) => return Err(Failure::invalid(&profile, "force is true or false")),
    };
    let mut register = masstack.register();
    let process = register.find(Some(Kind::Otp.as_str()), &id).filter(|process| process.admin_id == id);
    let process = process.ok_or_else(|| Failure::not_found(&profile))?;
    if process.state != Standing::Created && (!force || profile.force_denied) {
        return Err(Failure::forbidden(&profile));
    }
    register.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

/// The operations whose verb and path the vendor does not publish, where the profile has a place for them.
pub(super) async fn unpublished(
    State(masstack): State<Arc<Masstack>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let profile = masstack.profile();
    let nowhere = || Failure::not_found(&profile);
    let (org, path) = below(uri.path()).ok_or_else(nowhere)?;
    masstack.admit(&headers, org)?;
    let (call, kind, id) = profile.calls.find(&method, path).ok_or_else(nowhere)?;
    let (step, reason) = match call {
        Unpublished::Cancel => (Move::Cancel, Some(masstack.read::<Cancel>(&body)?.reason)),
        Unpublished::Restart => (Move::Restart, None),
        Unpublished::Send => (Move::Send, None),
    };
    if reason.as_ref().is_some_and(String::is_empty) {
        return Err(Failure::invalid(&profile, "reason is empty"));
    }
    let again = masstack.renewed();
    let mut register = masstack.register();
    let process = register.find(kind, id).ok_or_else(nowhere)?;
    process.take(step, again).map_err(|details| Failure::conflict(&profile, details))?;
    process.reason = reason.or(process.reason.take());
    Ok(StatusCode::NO_CONTENT)
}

impl Masstack {
    fn create(&self, kind: Kind, validity: Duration) -> Response {
        let created = self.clock.now();
        let process = Process {
            admin_id: self.clock.uuid().to_string(),
            id: self.clock.uuid().to_string(),
            kind,
            state: Standing::Created,
            created,
            expires: created + self.hurried(validity),
            sent: (kind == Kind::Otp).into(),
            reason: None,
        };
        let shown = process.show(self.profile().names);
        self.register().add(process);
        Json(shown).into_response()
    }

    fn show(&self, kind: Kind, id: &str) -> Result<Response, Failure> {
        let profile = self.profile();
        let mut register = self.register();
        let process = register.find(Some(kind.as_str()), id).filter(|process| process.id == id);
        let process = process.ok_or_else(|| Failure::not_found(&profile))?;
        Ok(Json(process.show(profile.names)).into_response())
    }
}
