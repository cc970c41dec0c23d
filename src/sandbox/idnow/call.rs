//! The vendor's requests, as faults tell them apart.

use axum::http::Method;
use serde::{Deserialize, Serialize};

use super::api::{GET, LIST, LOGIN, START, SYSTEM_CHECK};
use crate::sandbox::fault::Operation;

/// Which requests of IDnow's API a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdnowCall {
    /// Logins.
    Login,
    /// Creations and updates of identifications.
    Start,
    /// Questions for a result.
    Get,
    /// Lists of identifications.
    List,
    /// The files of a result.
    File,
    /// Deletions.
    Delete,
    /// Copies.
    Copy,
    /// Archivings.
    Archive,
    /// All that documents are signed with.
    Sign,
    /// All of these, and whatever else the vendor's API has.
    #[default]
    Any,
}

impl Operation for IdnowCall {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("login", Self::Login),
        ("start", Self::Start),
        ("get", Self::Get),
        ("list", Self::List),
        ("file", Self::File),
        ("delete", Self::Delete),
        ("copy", Self::Copy),
        ("archive", Self::Archive),
        ("sign", Self::Sign),
        ("any", Self::Any),
    ];
}

impl IdnowCall {
    /// What `method` on `route` is; `None` for the system check, which no fault meets.
    pub(super) fn of(method: &Method, route: &str) -> Option<Self> {
        let (above, last) = route.rsplit_once('/')?;
        Some(match (method.as_str(), route) {
            (_, SYSTEM_CHECK) => return None,
            ("POST", LOGIN) => Self::Login,
            ("POST", START) => Self::Start,
            ("GET", GET) => Self::Get,
            ("DELETE", GET) => Self::Delete,
            ("POST", _) if above == GET && last == "copy" => Self::Copy,
            ("POST", _) if above == GET && last == "archive" => Self::Archive,
            ("GET", _) if route.starts_with(GET) && above == LIST => Self::File,
            ("GET", LIST) => Self::List,
            _ if route.contains("/document") => Self::Sign,
            // Met by `any` alone.
            _ => Self::Any,
        })
    }
}
