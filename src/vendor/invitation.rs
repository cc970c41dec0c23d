//! Vendors that invite people themselves.

use std::fmt;

use async_trait::async_trait;
use prost_types::Timestamp;

use crate::error::{Error, Violation};
use crate::proto::{DeliveryMethod, PhoneNumber};
use crate::vendor::keepsake::About;

/// Invitations at one vendor account.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Which parts of `question` this vendor cannot take; called before it is asked.
    fn check_question(&self, question: &Question) -> Vec<Violation>;
    /// Asks whether a recipient can be invited.
    async fn is_available(&self, question: &Question) -> Result<Availability, Error>;
    /// Sends the invitation (again). Nothing says that it is safe to repeat.
    async fn send(&self, about: About<'_>) -> Result<Sent, Error>;
}

/// Whether somebody can be invited. Members that hold nothing are empty.
#[derive(Clone, PartialEq)]
pub struct Question {
    /// How the person would be invited.
    pub delivery_method: DeliveryMethod,
    /// The person's mail address.
    pub email: String,
    /// The person's phone number.
    pub phone: Option<PhoneNumber>,
    /// The vendor's process type, for example `ID`.
    pub process: String,
    /// The caller's unique value for the person.
    pub unique: String,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut form = f.debug_struct("Question");
        form.field("delivery_method", &self.delivery_method).field("process", &self.process);
        form.finish_non_exhaustive()
    }
}

/// The vendor's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// The person can be invited.
    pub available: bool,
    /// The vendor's code for it, in printable characters without spaces, or empty.
    pub vendor_code: String,
}

/// What the vendor says about an invitation that it sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sent {
    /// The vendor's word for the state of the invitation, or empty.
    pub vendor_state: String,
    /// Until when it can be followed now, where the vendor says so.
    pub expire_time: Option<Timestamp>,
}
