//! The due-queue: jobs on disk, claims in memory, because a restart must free them at once.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use crate::journal::embedded::fault::fault;
use crate::journal::embedded::rows::{job_columns, nanos, time};
use crate::journal::{Batch, Job, JournalError};

/// Who holds a job is nobody's business; until when (nanoseconds since 1970) is. Owned by the writer's thread,
/// so that no claim can fall between a commit and what it frees.
#[derive(Default)]
pub(super) struct Claims(HashMap<String, i64>);

impl Claims {
    /// Hands out up to `limit` jobs that are due and free, oldest first. A row takes a new, higher
    /// `rowid` when its job is scheduled again.
    pub(super) fn claim(
        &mut self,
        connection: &Connection,
        now: SystemTime,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Job>, JournalError> {
        let now = nanos(now);
        let until = now.saturating_add(i64::try_from(lease.as_nanos()).unwrap_or(i64::MAX));
        let select = "SELECT id, kind, subject, due_at_ns, attempts, give_up_at_ns FROM jobs \
             WHERE due_at_ns <= ?1 ORDER BY due_at_ns, rowid";
        let mut statement = connection.prepare_cached(select).map_err(fault)?;
        let mut rows = statement.query([now]).map_err(fault)?;
        let mut jobs: Vec<Job> = Vec::new();
        while jobs.len() < limit
            && let Some(row) = rows.next().map_err(fault)?
        {
            let job = job_columns(row).map_err(fault)?;
            if self.0.get(&job.id).is_none_or(|held_until| *held_until <= now) {
                jobs.push(job);
            }
        }
        self.0.extend(jobs.iter().map(|job| (job.id.clone(), until)));
        Ok(jobs)
    }

    /// When the next job can be claimed: a held one when its lease is over.
    pub(super) fn next_due(&self, connection: &Connection) -> Result<Option<SystemTime>, JournalError> {
        let select = "SELECT id, due_at_ns FROM jobs ORDER BY due_at_ns, rowid";
        let mut statement = connection.prepare_cached(select).map_err(fault)?;
        let mut rows = statement.query(()).map_err(fault)?;
        let mut next: Option<i64> = None;
        while let Some(row) = rows.next().map_err(fault)? {
            let (id, due_at): (String, i64) = (row.get(0).map_err(fault)?, row.get(1).map_err(fault)?);
            let held_until = self.0.get(&id).copied();
            let free_at = due_at.max(held_until.unwrap_or(due_at));
            next = Some(next.map_or(free_at, |earliest| earliest.min(free_at)));
            if held_until.is_none() {
                break;
            }
        }
        Ok(next.map(time))
    }

    /// Frees what a committed batch finished or scheduled anew.
    pub(super) fn release(&mut self, batch: &Batch) {
        for id in batch.complete.iter().chain(batch.schedule.iter().map(|job| &job.id)) {
            self.0.remove(id);
        }
    }
}
