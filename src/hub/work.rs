//! The worker: takes due jobs from the journal and does them. One per process.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Kind, Result};
use crate::hub::apply::WAKE;
use crate::hub::believe::Answers;
use crate::hub::forget::FORGET;
use crate::hub::job::Outcome;
use crate::hub::poll::LOOK;
use crate::hub::prepare::{Preparation, UNKNOWN_CONNECTION_WAIT};
use crate::hub::{Hub, store};
use crate::journal::{Batch, Job};
use crate::model::name::IdentificationName;
use crate::proto::{
    ArchiveIdentificationRequest, CancelIdentificationRequest, CopyIdentificationRequest,
    DeleteIdentificationRequest,
};
use crate::telemetry::JobResult;

/// Jobs taken at once.
const TAKE: usize = 64;
/// Jobs that talk to vendors at the same time.
const MAX_CALLS: usize = 32;
/// While that many are under way, the next one comes again after this time.
const BUSY: Duration = Duration::from_secs(2);
const LEASE: Duration = Duration::from_secs(10);
/// After the store failed, and between looks when nothing is known to be due.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// A job that failed for a reason of our own comes again after this time at the latest.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// Jobs under way, so that one whose lease ran out is not begun twice.
#[derive(Default)]
struct Running(Mutex<HashSet<String>>);

impl Running {
    fn begin(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned())
    }

    fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// What is done side by side, each lane in the order it came, with the keys of what it is about.
struct Lanes<T>(Vec<(HashSet<String>, Vec<T>)>);

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Lanes<T> {
    /// Puts `item` behind everything that shares one of its keys. Lanes that it brings together become one: their items
    /// share no key, so that either may go first.
    fn push(&mut self, keys: Vec<String>, item: T) {
        let (mut own, mut items) = (HashSet::from_iter(keys), Vec::new());
        for (theirs, before) in
            self.0.extract_if(.., |(theirs, _items)| !theirs.is_disjoint(&own)).collect::<Vec<_>>()
        {
            own.extend(theirs);
            items.extend(before);
        }
        items.push(item);
        self.0.push((own, items));
    }
}

impl Hub {
    /// Works until the process drains. Everything it does can be cut off at any instant and is taken up again.
    pub async fn work(self: Arc<Self>) {
        let running = Arc::new(Running::default());
        let calls = Arc::new(Semaphore::new(MAX_CALLS));
        let mut due = self.journal.watch_due();
        let mut sweep_at = self.clock.now() + SWEEP_EVERY;
        while !self.drain.is_cancelled() {
            due.mark_unchanged();
            let jobs = match self.journal.claim(self.clock.now(), TAKE, LEASE).await {
                Ok(jobs) => jobs,
                Err(error) => {
                    tracing::error!(error = %error, "Due jobs cannot be read from the journal");
                    self.pause(self.clock.now() + PAUSE, None).await;
                    continue;
                }
            };
            let full = jobs.len() == TAKE;
            let jobs = self.hold_back(jobs).await;
            let (applies, others): (Vec<_>, Vec<_>) =
                jobs.into_iter().filter(|job| running.begin(&job.id)).partition(|job| job.kind == "apply");
            let mut held = Vec::new();
            for job in others {
                // What nobody waits for must not hold up what somebody does.
                let permits = if job.kind == LOOK { &self.looks } else { &calls };
                match permits.clone().try_acquire_owned() {
                    Ok(permit) => self.spawn_call(job, &running, permit),
                    // It waits in the journal, where it is in nobody's way and a drain does not begin it.
                    Err(_none_left) => {
                        running.end(&job.id);
                        held.push(Job { due_at: self.clock.now() + self.clock.jitter(BUSY, 0.5), ..job });
                    }
                }
            }
            self.put_off(held).await;
            self.apply_all(applies, &running).await;
            self.flush_rejections().await;
            self.tell_silences().await;
            self.watch_secrets();
            if self.clock.now() >= sweep_at {
                sweep_at = self.clock.now() + SWEEP_EVERY;
                self.sweep().await;
            }
            if !full {
                let wake = self.next_wake().await.min(sweep_at);
                self.pause(wake, Some(&mut due)).await;
            }
        }
    }

    async fn sweep(&self) {
        match self.journal.sweep(self.clock.now()).await {
            Ok(count) => tracing::debug!(count, "Kept answers and dedupe keys past their time were dropped"),
            Err(error) => tracing::warn!(error = %error, "Kept answers past their time could not be dropped"),
        }
    }

    async fn next_wake(&self) -> SystemTime {
        let latest = self.clock.now() + LONGEST_PAUSE;
        match self.journal.next_due().await {
            Ok(next) => next.map_or(latest, |next| next.min(latest)),
            Err(_unread) => self.clock.now() + PAUSE,
        }
    }

    async fn pause(&self, until: SystemTime, due: Option<&mut tokio::sync::watch::Receiver<u64>>) {
        let scheduled = async {
            let woken = match due {
                Some(due) => due.changed().await.is_ok(),
                None => false,
            };
            if !woken {
                // Nobody tells; the time limit wakes.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.drain.cancelled() => {}
            () = self.clock.sleep_until(until) => {}
            () = scheduled => {}
        }
    }

    /// Applies deliveries: those about the same thing in the order they came, others side by side.
    async fn apply_all(self: &Arc<Self>, jobs: Vec<Job>, running: &Arc<Running>) {
        let mut lanes = Lanes::default();
        for job in jobs {
            let id = job.id.clone();
            let prepared = match guarded(self.prepare(job.clone())).await {
                Ok(Preparation::Ready(prepared)) => *prepared,
                Ok(Preparation::Over(outcome)) => {
                    self.conclude(&job, Ok(outcome)).await;
                    running.end(&id);
                    continue;
                }
                Err(error) => {
                    self.conclude(&job, Err(error)).await;
                    running.end(&id);
                    continue;
                }
            };
            lanes.push(prepared.keys(), prepared);
        }
        let work = lanes.0.into_iter().map(|(_keys, lane)| {
            let (hub, running) = (self.clone(), running.clone());
            async move {
                for prepared in lane {
                    let outcome = guarded(hub.apply(&prepared, &Answers::new())).await;
                    hub.conclude(&prepared.job, outcome).await;
                    running.end(&prepared.job.id);
                }
            }
        });
        futures::future::join_all(work).await;
    }

    fn spawn_call(self: &Arc<Self>, job: Job, running: &Arc<Running>, permit: OwnedSemaphorePermit) {
        let (hub, running) = (self.clone(), running.clone());
        self.calls.spawn(async move {
            let _permit = permit;
            let outcome = guarded(Box::pin(hub.run(&job))).await;
            hub.conclude(&job, outcome).await;
            running.end(&job.id);
        });
    }

    async fn run(&self, job: &Job) -> Result<Outcome> {
        let of: Option<IdentificationName> = job.subject.parse().ok();
        if of.is_some_and(|name| self.registry.get(&name.connection).is_none()) {
            // The connection is not configured at present; it may come back.
            return Ok(Outcome::Again(UNKNOWN_CONNECTION_WAIT));
        }
        match job.kind.as_str() {
            "confirm" => self.confirm(job.clone()).await,
            "settle" => self.settle_later(job).await,
            "archive" => self.errand_later::<ArchiveIdentificationRequest>(job).await,
            "cancel" => self.errand_later::<CancelIdentificationRequest>(job).await,
            "copy" => self.errand_later::<CopyIdentificationRequest>(job).await,
            "delete" => self.errand_later::<DeleteIdentificationRequest>(job).await,
            "expire" => self.expire(job).await,
            FORGET => self.forget(job).await,
            LOOK => self.poll(job).await,
            WAKE => self.wake(job).await,
            "documents" => self.look_for_signatures(job).await,
            kind => {
                tracing::error!(
                    job.id,
                    job.kind = kind,
                    "A job of an unknown kind waits for a newer gateway"
                );
                Ok(Outcome::Again(LONGEST_RETRY))
            }
        }
    }

    async fn conclude(&self, job: &Job, outcome: Result<Outcome>) {
        let mut give_up_at = job.give_up_at;
        let (result, wait) = match outcome {
            Ok(Outcome::Written) => return self.metrics.job_run(label(&job.kind), JobResult::Done),
            Ok(Outcome::Done) => (JobResult::Done, None),
            Ok(Outcome::Again(wait)) => (JobResult::Retried, Some(wait)),
            Ok(Outcome::PutOff { wait, until }) => {
                give_up_at = Some(until);
                (JobResult::Retried, Some(wait))
            }
            Err(error) => {
                log_failure(job, &error);
                (JobResult::Failed, Some(self.backoff(job.attempts, LONGEST_RETRY)))
            }
        };
        self.metrics.job_run(label(&job.kind), result);
        let batch = match wait {
            None => Batch { complete: vec![job.id.clone()], ..Batch::default() },
            Some(wait) => {
                let due_at = self.clock.now() + wait;
                let again = Job { due_at, attempts: job.attempts + 1, give_up_at, ..job.clone() };
                Batch { schedule: vec![again], ..Batch::default() }
            }
        };
        if let Err(error) = self.append(batch).await {
            // The job stands in the journal as it was and is taken again when its lease is over.
            tracing::warn!(job.id, error = %store(error, "conclude_job"), "A job's outcome could not be recorded");
        }
    }
}

/// What comes of a part of a job. A panic is a failure like any other: it must cost no more than this job's turn. What it
/// says may hold anything and goes no further.
async fn guarded<T>(part: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = AssertUnwindSafe(part).catch_unwind().await;
    ended.unwrap_or_else(|_panic| Err(Error::new(Kind::GatewayFault, "run_job", "the job panicked")))
}

/// A bounded name for metrics.
fn label(kind: &str) -> &'static str {
    match kind {
        "apply" => "apply",
        "confirm" => "confirm",
        "settle" => "settle",
        "archive" => "archive",
        "cancel" => "cancel",
        "copy" => "copy",
        "delete" => "delete",
        "expire" => "expire",
        FORGET => FORGET,
        LOOK => LOOK,
        WAKE => WAKE,
        "documents" => "documents",
        _ => "unknown",
    }
}

fn log_failure(job: &Job, error: &Error) {
    let source = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        job.id,
        job.attempts,
        error.reason = error.kind.as_str_name(),
        error.operation = error.operation,
        error.detail,
        error.source = source,
        "A job failed and comes again"
    );
}

#[cfg(test)]
mod tests {
    use super::Lanes;

    #[test]
    fn what_shares_a_key_stays_in_order() {
        let mut lanes = Lanes::default();
        for (number, keys) in
            [&["u"][..], &["t"], &["v"], &["u", "t"], &["t"], &["v"]].into_iter().enumerate()
        {
            lanes.push(keys.iter().copied().map(str::to_owned).collect(), number);
        }
        let lanes: Vec<_> = lanes.0.into_iter().map(|(_keys, items)| items).collect();
        assert_eq!(lanes, [vec![0, 1, 3, 4], vec![2, 5]]);
    }
}
