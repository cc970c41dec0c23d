//! The vendor's endpoints.

mod accounts;
mod copies;
mod definitions;
mod documents;
mod identifications;
mod lists;
mod results;
mod robot;
mod signer;

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::Idnow;
use super::register::{Place, Register};
use super::reply::ErrorAnswer;
use super::signing::LARGEST;
use crate::clock::Clock;
use crate::sandbox::stand_in::header;

/// `POST` logs a customer in.
pub(super) const LOGIN: &str = "/api/v1/{customer}/login";
/// `POST` creates or updates an identification.
pub(super) const START: &str = "/api/v1/{customer}/identifications/{t}/start";
/// `GET` answers with the result.
pub(super) const GET: &str = "/api/v1/{customer}/identifications/{t}";
/// `GET` answers with identifications.
pub(super) const LIST: &str = "/api/v1/{customer}/identifications";
/// `GET` answers with a word.
pub(super) const SYSTEM_CHECK: &str = "/system_check";
/// How the paths of a result's files end, after [`GET`].
const FILES: [&str; 3] = [".pdf", ".xml", ".zip"];
const START_OF_NONE: &str = "/api/v1/{customer}/identifications//start";

const TOKEN: &str = "x-api-login-token";
const KEY: &str = "x-api-key";

/// Everything that the vendor has.
pub(super) fn router() -> Router<Arc<Idnow>> {
    Router::new()
        .route(LOGIN, post(accounts::login))
        .route("/api/v1/{customer}", get(accounts::about))
        .route(SYSTEM_CHECK, get(accounts::system_check))
        .route(START, post(identifications::start))
        .route(START_OF_NONE, post(identifications::start_of_none))
        .route(LIST, get(lists::list))
        .route(GET, get(identifications::get).delete(identifications::delete))
        .route("/api/v1/{customer}/identifications/{t}/copy", post(copies::copy))
        .route("/api/v1/{customer}/identifications/{t}/archive", post(copies::archive))
        .route("/api/v1/{customer}/identifications/{t}/bindingKey", get(identifications::binding_key))
        .route("/robot/api/v1/{customer}/identifications/{t}/start", post(robot::start))
        .route(
            "/robot/api/v1/{customer}/identifications/{t}/requestVideoChat",
            post(robot::request_video_chat),
        )
        .merge(signing())
}

/// What documents are signed with.
fn signing() -> Router<Arc<Idnow>> {
    const DEFINITIONS: &str = "/api/v1/{customer}/documentdefinitions";
    const DOCUMENTS: &str = "/api/v1/{customer}/identifications/{t}/documents";
    let data = Router::new()
        .route(&format!("{DEFINITIONS}/{{id}}/data"), post(definitions::upload).get(definitions::download))
        .route(&format!("{DOCUMENTS}/{{id}}/data"), post(documents::upload).get(documents::download))
        // One more than what is taken, so that the vendor's answer comes and not the server's.
        .layer(DefaultBodyLimit::max(LARGEST + 1));
    Router::new()
        .route(DEFINITIONS, post(definitions::create).get(definitions::list))
        .route(
            &format!("{DEFINITIONS}/{{id}}"),
            post(definitions::update).get(definitions::get).delete(definitions::delete),
        )
        .route(DOCUMENTS, get(documents::list))
        .route(&format!("{DOCUMENTS}/{{id}}"), post(documents::update).get(documents::get))
        .route(&format!("{DOCUMENTS}/{{id}}/signed"), get(documents::signed))
        .merge(data)
}

/// What of the vendor's a request asks for: its path with names in place of the values.
pub(super) fn route(request: &Request) -> Option<Cow<'_, str>> {
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    // Files differ from the result by the end of the path alone, which routes cannot tell apart.
    let file = FILES.iter().find(|end| route == GET && request.uri().path().ends_with(*end));
    Some(file.map_or(Cow::Borrowed(route), |end| Cow::Owned(format!("{GET}{end}"))))
}

impl Idnow {
    /// Refuses a caller without a valid token of `customer`.
    fn admit(&self, customer: &str, headers: &HeaderMap) -> Result<(), ErrorAnswer> {
        match self.has_token(customer, headers) {
            true => Ok(()),
            false => Err(ErrorAnswer::invalid_login_token(&self.clock)),
        }
    }

    fn has_token(&self, customer: &str, headers: &HeaderMap) -> bool {
        header(headers, TOKEN).is_some_and(|token| self.tokens.accept(customer, token))
    }

    /// The older way in: the key itself.
    fn has_key(&self, customer: &str, headers: &HeaderMap) -> bool {
        header(headers, KEY).is_some_and(|key| self.is_key(customer, key))
    }

    fn is_key(&self, customer: &str, key: &str) -> bool {
        self.accounts
            .iter()
            .any(|account| account.customer == customer && account.api_key.expose_secret() == key)
    }

    /// Where the identification called `name` is, which has to be `customer`'s.
    fn own(&self, register: &mut Register, customer: &str, name: &str) -> Result<Place, ErrorAnswer> {
        let place = register.find(customer, name).ok_or_else(|| ErrorAnswer::no_data(&self.clock, name))?;
        match register.at(place).customer == customer {
            true => Ok(place),
            false => Err(ErrorAnswer::security_violation(&self.clock)),
        }
    }
}

/// The members of a JSON object that has none but `known` ones.
fn object(clock: &Clock, body: &[u8], known: &[&str]) -> Result<Map<String, Value>, ErrorAnswer> {
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_not_an_object| ErrorAnswer::unparseable_json(clock))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(object),
        Some(unknown) => Err(ErrorAnswer::unrecognized_field(clock, unknown.clone())),
    }
}

fn is_transaction_number(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    (1..=255).contains(&name.len()) && name.bytes().all(fits)
}
