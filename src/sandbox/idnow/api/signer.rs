//! How every request about documents to sign begins: whose it is, whether they may, and what it is about.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::ident::{Ident, State};
use crate::sandbox::idnow::register::Register;
use crate::sandbox::idnow::reply::{ErrorAnswer, success};
use crate::sandbox::idnow::signing::{Definition, Definitions};

/// A request of a customer who has a token and the right to have documents signed.
pub(super) struct Signer {
    pub(super) idnow: Arc<Idnow>,
    /// Whose definitions and identifications.
    pub(super) customer: String,
    /// Which definition, or which document; empty where the path names none.
    pub(super) identifier: String,
    pub(super) body: Bytes,
    ident: String,
    headers: HeaderMap,
}

/// What the paths name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    customer: String,
    t: String,
    id: String,
}

impl FromRequest<Arc<Idnow>> for Signer {
    type Rejection = Response;

    async fn from_request(request: Request, idnow: &Arc<Idnow>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let named = Path::<Named>::from_request_parts(&mut parts, idnow).await;
        let Path(Named { customer, t, id }) = named.map_err(IntoResponse::into_response)?;
        let headers = parts.headers.clone();
        // Read to its end before anything is answered: who is still sending would not hear it.
        let body = Bytes::from_request(Request::from_parts(parts, body), idnow).await;
        let body = body.map_err(IntoResponse::into_response)?;
        idnow.admit(&customer, &headers).map_err(IntoResponse::into_response)?;
        if !idnow.rights_of(&customer).signing {
            return Err(ErrorAnswer::not_signing(&idnow.clock, &customer).into_response());
        }
        Ok(Self { idnow: idnow.clone(), customer, identifier: id, body, ident: t, headers })
    }
}

impl Signer {
    /// The definition that the path names.
    pub(super) fn definition<'a>(&self, all: &'a Definitions) -> Option<&'a Definition> {
        all.find(&self.customer, &self.identifier)
    }

    /// The identification that the path names, which has to be the customer's and not deleted.
    pub(super) fn ident<'a>(&self, register: &'a mut Register) -> Result<&'a mut Ident, ErrorAnswer> {
        let place = self.idnow.own(register, &self.customer, &self.ident)?;
        let ident = register.at(place);
        match ident.state {
            State::Deleted => Err(ErrorAnswer::no_data(&self.idnow.clock, &ident.id)),
            _ => Ok(ident),
        }
    }

    /// A success with `body`.
    pub(super) fn answer(&self, status: StatusCode, body: &Value) -> Response {
        success(&self.headers, status, body)
    }
}
