//! Looks that no webhook caused: what one should have told and did not is found all the same.

use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::hub::evolve::system_time;
use crate::hub::job::{Outcome, parse_subject};
use crate::hub::learn::has_moved;
use crate::hub::{Hub, identifications, store};
use crate::journal::{Batch, Job};
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::IdentificationName;
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::EventOrigin;
use crate::vendor::{Vendor, Webhooks};

const POLL: &str = "poll_identification";
/// The kind of the worker's jobs that look.
pub(super) const LOOK: &str = "poll";
/// News so young may still come by the webhook that is on its way.
const GRACE: Duration = Duration::from_secs(60);
/// Where looks are switched off, a job comes by so often to see whether they are on again.
const OFF: Duration = Duration::from_hours(24);
/// Looks at the same time.
pub(super) const MAX_LOOKS: usize = 8;
/// While that many wait for their vendors, the next one comes again after this time.
const BUSY: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// A look comes later by up to twice this share of its pause, so that what began together does not stay together.
const JITTER: u32 = 20;

/// The id of the job that looks at an identification.
pub(super) fn look_id(name: &IdentificationName) -> String {
    format!("{LOOK}/{name}")
}

impl Hub {
    /// The next look at `record`; `None` when it is left alone for good.
    pub(super) fn next_look(&self, record: &Record) -> Option<Job> {
        let polling = self.registry.get(&record.name.connection)?.identifications()?.polling();
        let now = self.clock.now();
        let changed = record.identification.update_time.as_ref().map_or(now, system_time);
        let quiet = now.duration_since(changed).unwrap_or_default();
        let pause = polling.pause(record.identification.state(), quiet)?;
        let pause = if polling.enabled { pause } else { pause.max(OFF) };
        Some(Job {
            id: look_id(&record.name),
            kind: LOOK.to_owned(),
            subject: record.name.to_string(),
            due_at: now + pause + self.clock.jitter(pause / JITTER, 1.0),
            attempts: 0,
            give_up_at: None,
        })
    }

    /// The job that looks at one identification.
    pub(super) async fn poll(&self, job: &Job) -> Result<Outcome> {
        let name = parse_subject(job)?;
        let Some(record) = self.journal.record(&name).await.map_err(|error| store(error, POLL))? else {
            return Ok(Outcome::Done);
        };
        let Some(vendor) = self.registry.get(&name.connection).cloned() else {
            // The connection is not configured at present; it may come back.
            return Ok(Outcome::Again(OFF));
        };
        let polling = identifications(&*vendor, POLL)?.polling();
        let is_watched =
            polling.enabled && polling.pause(record.identification.state(), Duration::ZERO).is_some();
        let reference = record.identification.vendor_reference.clone().unwrap_or_default();
        let answer = if is_watched {
            match self.ask(&*vendor, &reference, POLL).await {
                Ok(answer) => Some(answer),
                Err(error) => return Ok(self.look_again(job, &*vendor, &error)),
            }
        } else {
            None
        };
        let _turn = self.turn(&name.connection, &reference).await;
        let present = self.existing(&name, POLL).await?;
        if let Some(answer) = answer.filter(|_answer| !has_moved(&record, &present)) {
            if let Some(wait) = self.grace(job, &*vendor, &present, &answer) {
                return Ok(Outcome::PutOff { wait, until: self.clock.now() + wait });
            }
            let learned = self.learn(&*vendor, &present, &answer, EventOrigin::Poll).await?;
            if let Some(before) = learned.before {
                self.count_missed(&*vendor, &before, &learned.record, &answer);
                return Ok(Outcome::Written);
            }
        }
        match self.next_look(&present) {
            None => Ok(Outcome::Done),
            Some(next) => {
                let batch = Batch { schedule: vec![next], ..Batch::default() };
                self.append(batch).await.map_err(|error| store(error, POLL))?;
                Ok(Outcome::Written)
            }
        }
    }

    /// The vendor did not answer: its connection's health tells of it, and the look is made up for.
    fn look_again(&self, job: &Job, vendor: &dyn Vendor, error: &Error) -> Outcome {
        let asked = error.retry_after.unwrap_or_default();
        if error.kind == Kind::VendorRateLimited {
            self.paces.rest(&vendor.account().connection, self.clock.now() + asked);
        }
        Outcome::Again(self.backoff(job.attempts + 6, LONGEST_WAIT).max(asked))
    }

    /// How long news is left to the webhook that should bring it. `None`: no longer, or there is nothing to bring.
    fn grace(
        &self,
        job: &Job,
        vendor: &dyn Vendor,
        record: &Record,
        answer: &Observation,
    ) -> Option<Duration> {
        let is_news = matches!(judge(record, answer, self.timestamp()), Verdict::Change(_));
        if !self.takes_webhooks(vendor) || !is_news {
            return None;
        }
        let until = |time: SystemTime| time.duration_since(self.clock.now()).unwrap_or_default();
        let left = match job.give_up_at {
            Some(time) => until(time),
            None => GRACE.saturating_sub(lateness(record, answer, self.clock.now()).unwrap_or_default()),
        };
        Some(left).filter(|left| !left.is_zero())
    }

    /// Counts the news that made `after` of `before` on a connection that takes webhooks, unless one may still
    /// announce it.
    pub(super) fn count_missed(
        &self,
        vendor: &dyn Vendor,
        before: &Record,
        after: &Record,
        answer: &Observation,
    ) {
        if self.takes_webhooks(vendor) {
            let learnt = after.identification.update_time.as_ref().map(system_time);
            let lateness = learnt.and_then(|learnt| lateness(before, answer, learnt));
            if lateness.is_none_or(|lateness| lateness >= GRACE) {
                self.metrics.webhook_missed(&vendor.account().connection, lateness);
            }
        }
    }

    /// Whether a webhook of `vendor` could come in now: one that can show nothing is refused.
    fn takes_webhooks(&self, vendor: &dyn Vendor) -> bool {
        let now = self.clock.now();
        let secrets = vendor.webhooks().map(Webhooks::secrets).unwrap_or_default();
        secrets.iter().any(|secret| secret.window.contains(now))
    }

    /// Those of `jobs` that may be done now. Looks that would be too many for their connection come again later, each
    /// in its turn.
    pub(super) async fn hold_back(&self, jobs: Vec<Job>) -> Vec<Job> {
        let (mut free, mut held) = (Vec::new(), Vec::new());
        for job in jobs {
            match self.turned_away(&job) {
                None => free.push(job),
                Some(due_at) => held.push(Job { due_at, ..job }),
            }
        }
        self.put_off(held).await;
        free
    }

    /// Has jobs come again when they are due.
    pub(super) async fn put_off(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let batch = Batch { schedule: jobs, ..Batch::default() };
        if let Err(error) = self.append(batch).await {
            // They stand in the journal as they were and are taken again when their lease is over.
            tracing::warn!(error = %error, "Jobs that are too many for now could not be put off");
        }
    }

    fn turned_away(&self, job: &Job) -> Option<SystemTime> {
        if job.kind != LOOK {
            return None;
        }
        let name: IdentificationName = job.subject.parse().ok()?;
        let polling = self.registry.get(&name.connection)?.identifications()?.polling();
        if !polling.enabled {
            return None;
        }
        if self.looks.available_permits() == 0 {
            return Some(self.clock.now() + self.clock.jitter(BUSY, 0.5));
        }
        self.paces.take(&name.connection, polling.spacing(), self.clock.now()).err()
    }
}

/// How long before `learnt` the vendor's news is from; `None` when it gives no time, or that of older news.
pub(super) fn lateness(before: &Record, answer: &Observation, learnt: SystemTime) -> Option<Duration> {
    let time = system_time(answer.occur_time.as_ref()?);
    let known = before.memory.vendor_time.as_ref().map(system_time);
    let is_its_own = known.is_none_or(|known| time > known);
    is_its_own.then(|| learnt.duration_since(time).unwrap_or_default())
}
