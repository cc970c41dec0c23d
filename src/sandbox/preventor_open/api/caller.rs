//! How every request begins: whose it is, and whether it has the headers that its part of the vendor wants.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;

use crate::sandbox::preventor_open::profile::Profile;
use crate::sandbox::preventor_open::reply::Failure;
use crate::sandbox::preventor_open::{BANKNU, ENV, OpenServices, TENANT};
use crate::sandbox::stand_in::{Interpreter as _, header};

const KEY: &str = "x-api-key";
const TENANCY: [(&str, &str); 3] = [("x-tenant", TENANT), ("x-env", ENV), ("x-banknu", BANKNU)];
/// Headers about the person whom a request is about.
const PERSON: [&str; 5] = ["x-lang", "x-tzone", "user-agent", "x-real-ip", "x-ip"];

/// A request with the account's key and tenancy, by someone who takes JSON.
pub(super) struct Caller {
    pub(super) open: Arc<OpenServices>,
    pub(super) profile: Profile,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// One of the compliance platform, by someone who is logged in.
pub(super) struct Compliance(pub(super) Caller);

/// One about biometrics, which says where the person's request came from.
pub(super) struct Biometric(pub(super) Caller);

impl FromRequest<Arc<OpenServices>> for Caller {
    type Rejection = Response;

    async fn from_request(request: Request, open: &Arc<OpenServices>) -> Result<Self, Response> {
        let headers = request.headers().clone();
        // Read to its end before anything is answered: who is still sending would not hear it.
        let body = Bytes::from_request(request, open).await.map_err(IntoResponse::into_response)?;
        let caller = Self { open: Arc::clone(open), profile: open.profile(), headers, body };
        caller.check().map_err(IntoResponse::into_response)?;
        Ok(caller)
    }
}

impl FromRequest<Arc<OpenServices>> for Compliance {
    type Rejection = Response;

    async fn from_request(request: Request, open: &Arc<OpenServices>) -> Result<Self, Response> {
        let caller = Caller::from_request(request, open).await?;
        let checked = match caller.bearer() {
            Some(token) if open.tokens.accept(&open.clock, token) => caller
                .needs("x-lang", |text| !text.is_empty())
                .and_then(|()| caller.needs("x-tzone", |text| !text.is_empty()))
                .and_then(|()| caller.needs(USER_AGENT.as_str(), |text| !text.is_empty()))
                .and_then(|()| caller.needs("x-real-ip", |text| text.parse::<IpAddr>().is_ok())),
            _ => Err(Failure::unauthorized(&caller.profile)),
        };
        checked.map_err(IntoResponse::into_response)?;
        Ok(Self(caller))
    }
}

impl FromRequest<Arc<OpenServices>> for Biometric {
    type Rejection = Response;

    async fn from_request(request: Request, open: &Arc<OpenServices>) -> Result<Self, Response> {
        let caller = Caller::from_request(request, open).await?;
        let checked = caller.needs("x-ip", |text| text.parse::<IpAddr>().is_ok());
        checked.map_err(IntoResponse::into_response)?;
        Ok(Self(caller))
    }
}

impl Caller {
    fn check(&self) -> Result<(), Failure> {
        let takes_json = |accepted: &str| accepted.contains("json") || accepted.contains("*/*");
        if header(&self.headers, ACCEPT.as_str()).is_some_and(|accepted| !takes_json(accepted)) {
            return Err(Failure::not_acceptable(&self.profile));
        }
        let account = self.open.account.as_ref();
        if account.is_none_or(|account| header(&self.headers, KEY) != Some(account.key())) {
            return Err(Failure::unauthorized(&self.profile));
        }
        TENANCY.into_iter().try_for_each(|(name, value)| self.needs(name, |given| given == value))
    }

    fn needs(&self, name: &str, fits: impl FnOnce(&str) -> bool) -> Result<(), Failure> {
        match header(&self.headers, name).is_some_and(fits) {
            true => Ok(()),
            false => Err(Failure::header(&self.profile, name)),
        }
    }

    /// The token that it brings.
    pub(super) fn bearer(&self) -> Option<&str> {
        header(&self.headers, AUTHORIZATION.as_str())?.strip_prefix("Bearer ")
    }

    /// Whether it brings these Basic credentials.
    pub(super) fn is_basic(&self, user: &str, password: &str) -> bool {
        header(&self.headers, AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|pair| STANDARD.decode(pair).ok())
            .is_some_and(|given| given == format!("{user}:{password}").as_bytes())
    }

    /// What its body is said to be.
    pub(super) fn media(&self) -> &str {
        header(&self.headers, CONTENT_TYPE.as_str()).unwrap_or_default()
    }

    /// Its body as JSON.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if !self.media().starts_with("application/json") {
            return Err(Failure::invalid(&self.profile, "The body is not application/json"));
        }
        let deserializer = &mut serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(deserializer)
            .map_err(|error| Failure::invalid(&self.profile, error.to_string()))
    }

    /// Keeps what was asked, and about whom, to be looked at. `body` is left out where it is too much.
    pub(super) fn note(&self, operation: &'static str, body: &[u8]) {
        let about = |name: &&'static str| Some((*name, header(&self.headers, name)?.to_owned()));
        let headers = PERSON.iter().filter_map(about).collect();
        self.open.register().note(operation, headers, String::from_utf8_lossy(body).into_owned());
    }
}
