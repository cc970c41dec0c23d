//! What the worker's jobs have in common.

use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::journal::Job;
use crate::model::name::IdentificationName;

const RUN: &str = "run_job";

/// How often a change is tried again when somebody else changed the same identification meanwhile.
pub(super) const CONFLICT_TRIES: usize = 8;

/// How a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing is left to do; the worker strikes it off.
    Done,
    /// Done, and struck off together with its effect.
    Written,
    /// It comes again after this time.
    Again(Duration),
    /// It comes again after this time, and what it has to be done by moves to `until`.
    PutOff { wait: Duration, until: SystemTime },
}

/// The identification a job is about.
pub(super) fn parse_subject(job: &Job) -> Result<IdentificationName> {
    job.subject.parse().map_err(|error| {
        Error::new(Kind::StoreUnavailable, RUN, format!("job {} is damaged", job.id)).caused_by(error)
    })
}
