//! The vendor's endpoints.

mod auth;
mod invitations;
mod tickets;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::routing::{delete, get, patch, post};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use super::Preventor;
use super::reply::Failure;
use crate::sandbox::stand_in::header;

/// `POST` logs in.
pub(super) const TOKEN: &str = "/auth/token";
/// `POST` asks whether a recipient is free.
pub(super) const CHECK: &str = "/invitations/check";
/// `POST` makes an invitation.
pub(super) const REGISTER: &str = "/invitations/users/register";
/// `POST` delivers an invitation.
pub(super) const SEND: &str = "/notifications/invitation/{id}/send";
/// `PATCH` and `DELETE` change an invitation.
pub(super) const USER: &str = "/invitations/users/{recipient}";
/// `GET` tells what happened to an invitation.
pub(super) const ACTIVITIES: &str = "/invitations/logs/{id}/activities";
/// `GET` answers with a ticket.
pub(super) const TICKET: &str = "/transactions/{ticket}";
/// `GET` answers with a ticket's images.
pub(super) const IMAGES: &str = "/transactions/{ticket}/images";
/// `GET` and `PUT` the webhooks.
pub(super) const WEBHOOKS: &str = "/settings/webhooks";
/// `DELETE` a webhook.
pub(super) const WEBHOOK: &str = "/settings/webhooks/{id}";

const KEY: &str = "x-api-key";

/// Everything that the vendor has.
pub(super) fn router() -> Router<Arc<Preventor>> {
    Router::new()
        .route(TOKEN, post(auth::token))
        .route(CHECK, post(invitations::check))
        .route(REGISTER, post(invitations::register))
        .route(SEND, post(invitations::send))
        .route(USER, patch(invitations::update).delete(invitations::delete))
        .route(ACTIVITIES, get(invitations::activities))
        .route(TICKET, get(tickets::get))
        .route(IMAGES, get(tickets::images))
        .route(WEBHOOKS, get(webhooks::list).put(webhooks::put))
        .route(WEBHOOK, delete(webhooks::remove))
}

impl Preventor {
    /// Refuses a caller without a live token and the account's key.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let token = header(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let is_live = token.is_some_and(|token| self.tokens.accept(&self.clock, token));
        match is_live && self.has_key(headers) {
            true => Ok(()),
            false => Err(Failure::unauthorized(&self.profile())),
        }
    }

    fn has_key(&self, headers: &HeaderMap) -> bool {
        let given = header(headers, KEY);
        self.account.as_ref().is_some_and(|account| given == Some(account.api_key.expose_secret()))
    }

    /// Reads a body of JSON.
    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        let deserializer = &mut serde_json::Deserializer::from_slice(body);
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            Failure::invalid(&self.profile(), &error.path().to_string(), &error.inner().to_string())
        })
    }
}
