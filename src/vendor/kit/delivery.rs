//! Webhook requests before and after they were proven authentic.

use std::net::IpAddr;

use bytes::Bytes;
use http::HeaderMap;

use crate::proto::Evidence;

/// A webhook request as it came in; nothing in it may be believed.
#[derive(Debug)]
pub struct Unverified {
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, unread.
    pub body: Bytes,
    /// The sender's address.
    pub source: IpAddr,
}

/// A webhook request that proved to be the vendor's. Only this module makes one.
#[derive(Clone)]
pub struct Verified {
    body: Bytes,
    evidence: Evidence,
}

/// Why a request was refused; for counters only, the sender never learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No credentials came with it.
    Missing,
    /// The credentials are malformed.
    Malformed,
    /// The credentials are not the configured ones.
    Wrong,
}
