//! Identification processes: their states, and where each is found.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::profile::Names;
use crate::sandbox::stand_in;

/// One process.
pub(super) struct Process {
    /// What admin paths call it.
    pub(super) admin_id: String,
    /// What all others call it.
    pub(super) id: String,
    /// What the person has to do.
    pub(super) kind: Kind,
    /// Where it stands.
    pub(super) state: State,
    /// When it was made.
    pub(super) created: SystemTime,
    /// When it ends if nobody finishes it.
    pub(super) expires: SystemTime,
    /// How often the code went out.
    pub(super) sent: u32,
    /// Why it was cancelled.
    pub(super) reason: Option<String>,
}

/// What the person has to do, as it stands in paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Type a code.
    Otp,
    /// Show a document.
    IdentityDocument,
}

/// Where a process stands. Only `CREATED` is the vendor's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    /// Nobody came yet.
    Created,
    /// The person is at it.
    Started,
    /// The person was identified.
    Validated,
    /// The person was not.
    Failed,
    /// The account took it back.
    Cancelled,
    /// Nobody finished it in time.
    Expired,
}

/// Something that happens to a process.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    Start,
    Validate,
    Fail,
    Cancel,
    Expire,
    Restart,
    Send,
}

/// Every process that was not deleted, in the order they were made.
#[derive(Default)]
pub(super) struct Register {
    processes: Vec<Process>,
    /// How many were made, those that were deleted included.
    pub(super) created: usize,
}

impl Process {
    /// Lets `step` happen, unless the state forbids it. `again` is until when a restarted one is open.
    pub(super) fn take(&mut self, step: Move, again: SystemTime) -> Result<(), String> {
        use State::{Cancelled, Created, Expired, Failed, Started, Validated};
        self.state = match (step, self.state) {
            (Move::Start, Created) => Started,
            (Move::Validate, Started) => Validated,
            (Move::Fail, Started) => Failed,
            (Move::Cancel, Created | Started) => Cancelled,
            (Move::Expire, Created | Started) => Expired,
            (Move::Restart, Started | Failed | Expired) => {
                self.expires = again;
                Created
            }
            (Move::Send, Created | Started) => {
                self.sent += 1;
                self.state
            }
            (step, state) => {
                return Err(format!("{} is {state:?}, where {step:?} cannot happen", self.admin_id));
            }
        };
        Ok(())
    }

    /// As creations and questions show it.
    pub(super) fn show(&self, names: Names) -> Value {
        let [id, admin_id, state] = match names {
            Names::Snake => ["identification_id", "admin_identification_id", "state"],
            Names::Camel => ["identificationId", "adminIdentificationId", "status"],
        };
        let members = [
            (id, json!(self.id)),
            (admin_id, json!(self.admin_id)),
            (state, json!(self.state)),
            ("created_at", json!(prost_types::Timestamp::from(self.created).to_string())),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    }
}

impl Register {
    /// Adds `process`.
    pub(super) fn add(&mut self, process: Process) {
        self.created += 1;
        self.processes.push(process);
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter()
    }

    /// The process of that `kind`, if one is named, with `id` for one of its ids.
    pub(super) fn find(&mut self, kind: Option<&str>, id: &str) -> Option<&mut Process> {
        let is_kind = |process: &Process| kind.is_none_or(|kind| kind == process.kind.as_str());
        let mut found = self.processes.iter_mut();
        found.find(|process| is_kind(process) && (process.id == id || process.admin_id == id))
    }

    /// Takes the process `admin_id` away.
    pub(super) fn remove(&mut self, admin_id: &str) {
        self.processes.retain(|process| process.admin_id != admin_id);
    }
}

impl stand_in::Register for Register {
    fn expire(&mut self, now: SystemTime) {
        for process in &mut self.processes {
            if matches!(process.state, State::Created | State::Started) && process.expires <= now {
                process.state = State::Expired;
            }
        }
    }
}

impl Kind {
    /// As it stands in paths.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::IdentityDocument => "identity_document",
        }
    }
}
