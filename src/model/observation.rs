//! What a vendor says about one identification, in our words.

use prost_types::Timestamp;

use crate::proto::{
    AttemptEnd, Evidence, Outcome, ProofOfAddressOutcome, ProvisionalOutcome, Reason, TicketStep,
    VendorReference,
};

/// One statement of a vendor (a webhook, an answer to a call) or of the gateway itself (a timer).
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What it says.
    pub word: Word,
    /// The vendor's own word, verbatim. Empty when it used none.
    pub vendor_status: String,
    /// Why, with the vendor's codes as they came.
    pub reasons: Vec<Reason>,
    /// When the vendor says it happened.
    pub occur_time: Option<Timestamp>,
    /// How the gateway came to believe it.
    pub evidence: Evidence,
    /// The vendor's identifiers it carried; empty members are unknown.
    pub reference: VendorReference,
    /// "WEB" or "APP", or empty.
    pub channel: String,
    /// An agent corrected the person's data.
    pub changed_by_agent: bool,
    /// A reviewer corrected the person's data.
    pub changed_by_reviewer: bool,
    /// Result of the proof of address, where the vendor checks one.
    pub proof_of_address_outcome: ProofOfAddressOutcome,
    /// How sure the vendor is of a decision, 0 to 1, where it says so.
    pub confidence: Option<f64>,
    /// Tries left, where the vendor counts them.
    pub remaining_tries: Option<i32>,
    /// A step of the flow of the last of `reference.ticket_ids`, where it tells of one. Its words may enter events: the
    /// connector lets no others through.
    pub step: Option<TicketStep>,
}

/// What an observation says. The order of the variants has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The vendor accepted the creation.
    Accepted,
    /// The vendor refused the creation for good.
    Refused,
    /// The vendor knows of no start (IDnow: 404).
    NotStarted,
    /// The person started.
    Started,
    /// The person is done; the vendor checks or reviews.
    Pending(ProvisionalOutcome),
    /// The attempt ended without a decision and may be repeated.
    Ended(AttemptEnd),
    /// A decision.
    Decided(Outcome),
    /// Ended for good by the vendor or the caller.
    Cancelled,
    /// The vendor's time limit passed.
    Expired,
    /// Moved to the vendor's archive.
    Archived,
    /// Erased at the vendor.
    Deleted,
    /// A word the connector does not know; kept verbatim in `vendor_status`.
    Unknown,
}

impl Observation {
    /// An observation that says `word` and nothing else.
    pub fn new(word: Word, evidence: Evidence) -> Self {
        Self {
            word,
            vendor_status: String::new(),
            reasons: Vec::new(),
            occur_time: None,
            evidence,
            reference: VendorReference::default(),
            channel: String::new(),
            changed_by_agent: false,
            changed_by_reviewer: false,
            proof_of_address_outcome: ProofOfAddressOutcome::Unspecified,
            confidence: None,
            remaining_tries: None,
            step: None,
        }
    }
}
