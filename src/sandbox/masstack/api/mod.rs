//! The vendor's endpoints.

mod identifications;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;

use super::reply::Failure;
use super::{Masstack, ORG};
use crate::sandbox::stand_in::{Interpreter as _, header};

/// `POST` exchanges an assertion for a token. Where the vendor does so is not published.
pub(super) const TOKEN: &str = "/authn/v1/oauth2/token";
/// `POST` makes a process with a code.
pub(super) const OTPS: &str = "/v1/orgs/{org_id}/identifications/otp";
/// `GET` shows one, `DELETE` erases it.
pub(super) const OTP: &str = "/v1/orgs/{org_id}/identifications/otp/{id}";
/// `POST` makes a process with a document.
pub(super) const DOCUMENTS: &str = "/v1/orgs/{org_id}/identifications/identity_document";
/// `GET` shows one.
pub(super) const DOCUMENT: &str = "/v1/orgs/{org_id}/identifications/identity_document/{id}";
/// What stands before the operations whose path is not published.
const BELOW: &str = "/v1/orgs/";

/// Everything that the vendor has.
pub(super) fn router() -> Router<Arc<Masstack>> {
    Router::new()
        .route(TOKEN, post(token::token))
        .route(OTPS, post(identifications::create_otp))
        .route(OTP, get(identifications::get_otp).delete(identifications::delete_otp))
        .route(DOCUMENTS, post(identifications::create_document))
        .route(DOCUMENT, get(identifications::get_document))
        .route("/v1/orgs/{org_id}/{*rest}", axum::routing::any(identifications::unpublished))
        .method_not_allowed_fallback(identifications::unpublished)
}

/// The organisation and the path below it.
pub(super) fn below(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(BELOW)?;
    rest.find('/').map(|slash| rest.split_at(slash))
}

impl Masstack {
    /// Refuses a caller without a live token, and an organisation that is not there.
    fn admit(&self, headers: &HeaderMap, org: &str) -> Result<(), Failure> {
        let token = header(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.tokens.accept(&self.clock, token)) {
            return Err(Failure::unauthorized(&self.profile()));
        }
        if org == ORG { Ok(()) } else { Err(Failure::not_found(&self.profile())) }
    }

    /// Reads a body of JSON.
    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        let deserializer = &mut serde_json::Deserializer::from_slice(body);
        serde_path_to_error::deserialize(deserializer)
            .map_err(|error| Failure::invalid(&self.profile(), error.to_string()))
    }
}
