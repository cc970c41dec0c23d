//! Secrets that are of use for a while: sealed in the journal, and forgotten in time.

use std::time::SystemTime;

use prost_types::Timestamp;

use crate::error::Result;
use crate::hub::evolve::system_time;
use crate::hub::job::Outcome;
use crate::hub::request::KEEP_ANSWER;
use crate::hub::{Hub, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, Job};

/// Of the job that forgets a secret.
pub(super) const FORGET: &str = "forget";
impl Hub {
    /// Adds to `batch` that the secret is kept until `expires`, but no longer than answers are, in place of an earlier one
    /// of its name.
    pub(super) fn keep_for_a_while(
        &self,
        batch: &mut Batch,
        secret: SealInput<'_>,
        expires: Option<&Timestamp>,
        operation: &'static str,
    ) -> Result<()> {
        let item = secret.item.to_owned();
        let latest: SystemTime = self.clock.now() + KEEP_ANSWER;
        batch.seal.push(self.vault.seal(secret).map_err(|error| sealing(error, operation))?);
        batch.unseal.push(item.clone());
        batch.schedule.push(Job {
            id: format!("{FORGET}/{item}"),
            kind: FORGET.to_owned(),
            subject: item,
            due_at: expires.map(system_time).map_or(latest, |expires| expires.min(latest)),
            attempts: 0,
            give_up_at: None,
        });
        Ok(())
    }

    /// The job that forgets a secret which is of no use any more.
    pub(super) async fn forget(&self, job: &Job) -> Result<Outcome> {
        let batch =
            Batch { unseal: vec![job.subject.clone()], complete: vec![job.id.clone()], ..Batch::default() };
        self.append(batch).await.map_err(|error| store(error, "forget_secret"))?;
        Ok(Outcome::Written)
    }
}
