//! The vendor's requests, as faults tell them apart.

use axum::http::Method;
use serde::{Deserialize, Serialize};

use super::api::{DOCUMENT, DOCUMENTS, OTP, OTPS, TOKEN};
use super::profile::Unpublished;
use crate::sandbox::fault::Operation;

/// Which requests of MasStack's API a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MasstackCall {
    /// Exchanges of an assertion for a token.
    Token,
    /// Creations of either kind.
    Create,
    /// Questions for a process of either kind.
    Get,
    /// Deletions.
    Delete,
    /// Cancellations, where the profile has a place for them.
    Cancel,
    /// Restarts, where the profile has a place for them.
    Restart,
    /// Codes that are sent again, where the profile has a place for them.
    Send,
    /// All of these.
    #[default]
    Any,
}

impl Operation for MasstackCall {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("token", Self::Token),
        ("create", Self::Create),
        ("get", Self::Get),
        ("delete", Self::Delete),
        ("cancel", Self::Cancel),
        ("restart", Self::Restart),
        ("send", Self::Send),
        ("any", Self::Any),
    ];
}

impl Unpublished {
    /// What statistics call it, which have no published path to show.
    pub(super) fn route(self) -> &'static str {
        match self {
            Self::Cancel => "(cancel)",
            Self::Restart => "(restart)",
            Self::Send => "(send)",
        }
    }
}

impl MasstackCall {
    /// What `method` on `route` is.
    pub(super) fn of(method: &Method, route: &str) -> Self {
        match (method.as_str(), route) {
            ("POST", TOKEN) => Self::Token,
            ("POST", OTPS | DOCUMENTS) => Self::Create,
            ("GET", OTP | DOCUMENT) => Self::Get,
            ("DELETE", OTP) => Self::Delete,
            (_, "(cancel)") => Self::Cancel,
            (_, "(restart)") => Self::Restart,
            (_, "(send)") => Self::Send,
            // Met by `any` alone.
            _ => Self::Any,
        }
    }
}
