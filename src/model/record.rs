//! What is kept of one identification: the contract's message, and what callers do not see.

use prost_types::Timestamp;

use crate::model::name::IdentificationName;
use crate::proto::{Identification, Outcome, TicketState, TicketStep};

/// The present state of one identification.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its name, parsed.
    pub name: IdentificationName,
    /// What callers see (basic view: no links).
    pub identification: Identification,
    /// What is remembered beside it.
    pub memory: Memory,
}

impl Record {
    /// The same, to be changed and to take this one's place.
    pub fn successor(&self) -> Self {
        let mut next = self.clone();
        next.memory.version += 1;
        next
    }
}

/// What is remembered beside it: of earlier observations, for the status rule, of documents and of tickets. Encoded with
/// protobuf so that it can grow.
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
    /// The documents that were uploaded, each once.
    #[prost(message, repeated, tag = "4")]
    pub documents: Vec<KnownDocument>,
    /// The newest tickets that the vendor told of, each once, in the order in which they were heard of.
    #[prost(message, repeated, tag = "5")]
    pub tickets: Vec<KnownTicket>,
    /// How often the record was changed, counting what raises no revision too.
    #[prost(uint64, tag = "6")]
    pub version: u64,
}

/// A document that was uploaded for an identification.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KnownDocument {
    /// The last part of its name.
    #[prost(string, tag = "1")]
    pub definition: String,
    /// Bytes; 0 when it was uploaded without the gateway.
    #[prost(uint64, tag = "2")]
    pub size: u64,
    /// It was seen signed, and an event has told so.
    #[prost(bool, tag = "3")]
    pub signed: bool,
}

/// What the vendor has told of one of its verification records.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KnownTicket {
    /// The last part of its name, as it was spelt first.
    #[prost(string, tag = "1")]
    pub id: String,
    /// How far it has come.
    #[prost(enumeration = "TicketState", tag = "2")]
    pub state: i32,
    /// What was decided on it; unspecified before.
    #[prost(enumeration = "Outcome", tag = "3")]
    pub outcome: i32,
    /// When it was heard of first.
    #[prost(message, optional, tag = "4")]
    pub create_time: Option<Timestamp>,
    /// When it was heard of last.
    #[prost(message, optional, tag = "5")]
    pub update_time: Option<Timestamp>,
    /// Everything that was said about its steps, each statement once, in the order in which it came.
    #[prost(message, repeated, tag = "6")]
    pub steps: Vec<TicketStep>,
    /// How sure the vendor is of what was decided, 0 to 1.
    #[prost(double, optional, tag = "7")]
    pub confidence: Option<f64>,
}
