//! What is kept of one identification: the contract's message, and what only the status rule needs.

use prost_types::Timestamp;

use crate::model::name::IdentificationName;
use crate::proto::Identification;

/// The present state of one identification.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its name, parsed.
    pub name: IdentificationName,
    /// What callers see (basic view: no links).
    pub identification: Identification,
    /// What the status rule remembers beside it.
    pub memory: Memory,
}

/// What the status rule remembers of earlier observations. Encoded with protobuf so that it can grow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Memory {
    /// The vendor's time of the newest accepted observation.
    #[prost(message, optional, tag = "1")]
    pub vendor_time: Option<Timestamp>,
    /// An attempt was superseded by the next one and its end has not been seen yet.
    #[prost(bool, tag = "2")]
    pub end_missing: bool,
    /// Revision of the newest decision, also while the identification is open again.
    #[prost(int32, tag = "3")]
    pub decision_revision: i32,
}
