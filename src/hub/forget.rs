//! Sealed items that are of use for a while: a job makes each unreadable when that is over.

use std::time::SystemTime;

use prost_types::Timestamp;

use crate::error::Result;
use crate::hub::evolve::system_time;
use crate::hub::job::Outcome;
use crate::hub::request::KEEP_ANSWER;
use crate::hub::{Hub, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, Job};

const RUN: &str = "forget_sealed_item";
/// The kind of these jobs.
pub(super) const FORGET: &str = "forget";

/// Until when a secret is of use that `expires`: no longer than answers to repeated requests are kept.
pub(super) fn while_of_use(now: SystemTime, expires: Option<&Timestamp>) -> SystemTime {
    let latest = now + KEEP_ANSWER;
    expires.map(system_time).map_or(latest, |expires| expires.min(latest))
}

impl Hub {
    /// Adds to `batch` that `input` is kept until `until`, in place of what was kept under its name.
    pub(super) fn keep_until(
        &self,
        batch: &mut Batch,
        input: SealInput<'_>,
        until: SystemTime,
        operation: &'static str,
    ) -> Result<()> {
        let item = input.item.to_owned();
        batch.seal.push(self.vault.seal(input).map_err(|error| sealing(error, operation))?);
        batch.unseal.push(item.clone());
        batch.schedule.push(Job {
            id: format!("{FORGET}/{item}"),
            kind: FORGET.to_owned(),
            subject: item,
            due_at: until,
            attempts: 0,
            give_up_at: None,
        });
        Ok(())
    }

    /// Runs the job that forgets an item.
    pub(super) async fn forget(&self, job: &Job) -> Result<Outcome> {
        let batch =
            Batch { unseal: vec![job.subject.clone()], complete: vec![job.id.clone()], ..Batch::default() };
        self.append(batch).await.map_err(|error| store(error, RUN))?;
        Ok(Outcome::Written)
    }
}
