//! What the vendor calls a process, and where the gateway keeps it.
//!
//! `vendor_reference.id` is the admin id. `vendor_reference.reference` is the rest of what calls need, as it stands in the
//! vendor's paths: `otp/{identification_id}` or `identity_document/{identification_id}`. So both survive a restart, and
//! whoever shows the person a page has the id for it.

use serde::Deserialize;

use crate::error::{Error, Kind as Reason, Result, Violation};
use crate::proto::VendorReference;
use crate::vendor::kit::url::{Alphabet, Segment};

/// Ids of processes: UUIDs, says the vendor.
pub(super) const ID: Alphabet = Alphabet::letters_digits_and("-_", 128);

/// What the person has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Type a code.
    Otp,
    /// Show a document.
    IdentityDocument,
}

/// A process at the vendor.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) kind: Kind,
    pub(super) id: Segment,
    pub(super) admin_id: Option<Segment>,
}

impl Kind {
    /// Both.
    pub(super) fn all() -> Vec<Self> {
        vec![Self::Otp, Self::IdentityDocument]
    }

    /// As it stands in paths.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::IdentityDocument => "identity_document",
        }
    }
}

impl Process {
    /// The process that `reference` names; `None` before the vendor has given it ids.
    pub(super) fn of(reference: &VendorReference) -> Option<Self> {
        let (kind, id) = reference.reference.split_once('/')?;
        let kind = Kind::all().into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { kind, id: ID.segment(id).ok()?, admin_id: ID.segment(&reference.id).ok() })
    }

    /// The same, for a call that cannot do without.
    pub(super) fn needed(reference: &VendorReference, operation: &'static str) -> Result<Self> {
        Self::of(reference).ok_or_else(|| {
            let detail = "the vendor's ids of this identification are not known";
            Error::new(Reason::StateNotAllowed, operation, detail)
        })
    }

    /// How the gateway keeps it.
    pub(super) fn reference(&self) -> VendorReference {
        VendorReference {
            id: self.admin_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
            reference: format!("{}/{}", self.kind.as_str(), self.id.as_str()),
            ..VendorReference::default()
        }
    }

    /// A caller's words for a process.
    pub(super) fn read(said: &VendorReference) -> Result<VendorReference, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut refuse = |part: &str, expected: String| {
            violations.push(Violation::new(format!("vendor_reference.{part}"), expected));
        };
        if Self::of(said).is_none() {
            let expected = "must be otp/ or identity_document/ followed by the vendor's identification_id";
            refuse("reference", expected.to_owned());
        }
        if !said.id.is_empty()
            && let Err(error) = ID.segment(&said.id)
        {
            refuse("id", error.to_string());
        }
        if !said.ticket_ids.is_empty() {
            refuse("ticket_ids", "must be empty: the vendor has no tickets".to_owned());
        }
        if !said.customer_id.is_empty() {
            refuse("customer_id", "must be empty: the vendor has no such id".to_owned());
        }
        if violations.is_empty() { Ok(said.clone()) } else { Err(violations) }
    }
}
