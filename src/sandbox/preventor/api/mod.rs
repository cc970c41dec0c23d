//! The vendor's endpoints.

mod auth;
mod caller;
mod invitations;
mod tickets;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{delete, get, patch, post};
use secrecy::ExposeSecret;

use super::Preventor;
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
    fn has_key(&self, headers: &HeaderMap) -> bool {
        let given = header(headers, KEY);
        self.account.as_ref().is_some_and(|account| given == Some(account.api_key.expose_secret()))
    }
}
