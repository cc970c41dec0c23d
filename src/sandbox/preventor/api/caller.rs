//! How every request but a login begins: who asks, and how the documents are read meanwhile.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sandbox::preventor::Preventor;
use crate::sandbox::preventor::profile::Profile;
use crate::sandbox::preventor::reply::{Failure, success};
use crate::sandbox::stand_in::{Interpreter as _, header};

/// A request of who has a live token and the account's key.
pub(super) struct Caller {
    pub(super) preventor: Arc<Preventor>,
    pub(super) profile: Profile,
    body: Bytes,
}

impl FromRequest<Arc<Preventor>> for Caller {
    type Rejection = Response;

    async fn from_request(request: Request, preventor: &Arc<Preventor>) -> Result<Self, Response> {
        let headers = request.headers().clone();
        // Read to its end before anything is answered: who is still sending would not hear it.
        let body = Bytes::from_request(request, preventor).await.map_err(IntoResponse::into_response)?;
        let profile = preventor.profile();
        let token = header(&headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let is_live = token.is_some_and(|token| preventor.tokens.accept(&preventor.clock, token));
        match is_live && preventor.has_key(&headers) {
            true => Ok(Self { preventor: Arc::clone(preventor), profile, body }),
            false => Err(Failure::unauthorized(&profile).into_response()),
        }
    }
}

impl Caller {
    /// The body as JSON.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let deserializer = &mut serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            Failure::invalid(&self.profile, &error.path().to_string(), &error.inner().to_string())
        })
    }

    /// A success with `body`.
    pub(super) fn answer(&self, body: Value) -> Response {
        success(&self.profile, StatusCode::OK, body)
    }
}
