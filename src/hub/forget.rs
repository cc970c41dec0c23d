//! Sealed items that are of use for a while: a job makes each unreadable when that is over.

use std::time::SystemTime;

use crate::error::Result;
use crate::hub::job::Outcome;
use crate::hub::{Hub, store};
use crate::journal::{Batch, Job};

const RUN: &str = "forget_sealed_item";
/// The kind of these jobs.
pub(super) const FORGET: &str = "forget";

/// The job that forgets the sealed `item` at `due_at`.
pub(super) fn forget_at(item: String, due_at: SystemTime) -> Job {
    Job {
        id: format!("{FORGET}/{item}"),
        kind: FORGET.to_owned(),
        subject: item,
        due_at,
        attempts: 0,
        give_up_at: None,
    }
}

impl Hub {
    /// Runs such a job.
    pub(super) async fn forget(&self, job: &Job) -> Result<Outcome> {
        let batch =
            Batch { unseal: vec![job.subject.clone()], complete: vec![job.id.clone()], ..Batch::default() };
        self.append(batch).await.map_err(|error| store(error, RUN))?;
        Ok(Outcome::Written)
    }
}
