//! The vendor's requests, as faults tell them apart.

use axum::http::Method;
use serde::{Deserialize, Serialize};

use super::api::{ACTIVITIES, CHECK, IMAGES, REGISTER, SEND, TICKET, TOKEN, USER, WEBHOOK, WEBHOOKS};
use crate::sandbox::fault::Operation;

/// Which requests of Preventor's API a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreventorCall {
    /// Logins.
    Token,
    /// Questions whether a recipient is free.
    Check,
    /// Registrations of invitations.
    Register,
    /// Deliveries of invitations.
    Send,
    /// Changes of invitations.
    Update,
    /// Deletions of invitations.
    Delete,
    /// Questions for what happened to an invitation.
    Activities,
    /// Questions for a ticket.
    Ticket,
    /// Questions for a ticket's images.
    Images,
    /// All that is set about webhooks.
    Settings,
    /// All of these.
    #[default]
    Any,
}

impl Operation for PreventorCall {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("token", Self::Token),
        ("check", Self::Check),
        ("register", Self::Register),
        ("send", Self::Send),
        ("update", Self::Update),
        ("delete", Self::Delete),
        ("activities", Self::Activities),
        ("ticket", Self::Ticket),
        ("images", Self::Images),
        ("settings", Self::Settings),
        ("any", Self::Any),
    ];
}

impl PreventorCall {
    /// What `method` on `route` is.
    pub(super) fn of(method: &Method, route: &str) -> Self {
        match (method.as_str(), route) {
            ("POST", TOKEN) => Self::Token,
            ("POST", CHECK) => Self::Check,
            ("POST", REGISTER) => Self::Register,
            ("POST", SEND) => Self::Send,
            ("PATCH", USER) => Self::Update,
            ("DELETE", USER) => Self::Delete,
            ("GET", ACTIVITIES) => Self::Activities,
            ("GET", TICKET) => Self::Ticket,
            ("GET", IMAGES) => Self::Images,
            (_, WEBHOOKS | WEBHOOK) => Self::Settings,
            // Met by `any` alone.
            _ => Self::Any,
        }
    }
}
