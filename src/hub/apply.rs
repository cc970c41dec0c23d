//! Kept deliveries are applied: read, matched, judged, written. From the journal, so that a crash loses nothing.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::error::Result;
use crate::hub::adopt::Adoption;
use crate::hub::alike::Alike;
use crate::hub::believe::{Answers, Believed};
use crate::hub::delivery::confirm_id;
use crate::hub::job::{CONFLICT_TRIES, Outcome};
use crate::hub::prepare::{Prepared, names_only_tickets, waits_for};
use crate::hub::{Hub, store};
use crate::journal::{Batch, Delivery, DeliveryChange, Job, JournalError, Subject, VendorId};
use crate::model::lifecycle::Change;
use crate::model::name::{ConnectionId, DeliveryName};
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    IdentificationOrigin, IdentificationState, VendorReference, WebhookDeliveryState as State,
};
use crate::telemetry::DeliveryOutcome as Fate;

pub(super) const APPLY: &str = "apply_webhook";
/// Dedupe keys outlive the events themselves.
const KEEP_DEDUPE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The vendor is to be asked again at once.
pub(super) const OVERTAKEN: Outcome = Outcome::Again(Duration::ZERO);
/// Of the job that looks once more for what a delivery waits for.
pub(super) const WAKE: &str = "wake";
/// Longer than it takes to record an identification.
const SECOND_LOOK: Duration = Duration::from_secs(10);
/// A webhook may run ahead of what the vendor's own API shows for so long.
pub(super) const CONFIRM_WITHIN: Duration = Duration::from_secs(300);
/// While the vendor is asked about what came before.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Hub {
    /// Applies a delivery, or hands it on to be confirmed. `answers` holds what the vendor said when asked.
    pub(super) async fn apply(&self, prepared: &Prepared, answers: &Answers) -> Result<Outcome> {
        for _try in 0..CONFLICT_TRIES {
            let _turns = self.locks.lock_all(prepared.keys()).await;
            let plan = match self.plan(prepared, answers).await? {
                Planned::Write(plan) => *plan,
                Planned::Later(wait) => return Ok(Outcome::Again(wait)),
                Planned::Overtaken => return Ok(OVERTAKEN),
            };
            match self.append(plan.batch).await {
                // Another taker of the same job was faster.
                Ok(appended) if appended.duplicate => return Ok(Outcome::Done),
                Ok(_appended) => {
                    self.dealt_with(&prepared.delivery, plan.fate);
                    return Ok(Outcome::Written);
                }
                // The replay has a run of its own.
                Err(JournalError::Conflict(_)) if self.is_outdated(&prepared.delivery).await? => {
                    return Ok(Outcome::Written);
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, APPLY)),
            }
        }
        Err(store(JournalError::Conflict(prepared.delivery.name.to_string()), APPLY))
    }

    /// Whether a replay of `delivery` began after it was read.
    async fn is_outdated(&self, delivery: &Delivery) -> Result<bool> {
        let present = self.journal.delivery(&delivery.name).await.map_err(|error| store(error, APPLY))?;
        Ok(present.is_some_and(|present| present.replays != delivery.replays))
    }

    async fn plan(&self, prepared: &Prepared, answers: &Answers) -> Result<Planned> {
        let name = &prepared.delivery.name;
        let told_before = match self.compare_with_alike(prepared).await? {
            Alike::Repeat(batch) => return Ok(Planned::write(*batch, Some(Fate::Duplicate))),
            Alike::Open => return Ok(Planned::Later(self.backoff(prepared.job.attempts, LONGEST_WAIT))),
            Alike::News { told_before } => told_before,
        };
        let mut batch = Batch { complete: vec![prepared.job.id.clone()], ..Batch::default() };
        let mut delivery = prepared.delivery.clone();
        let (mut fate, mut waiting) = (Fate::Unmatched, Vec::new());
        let mut known: HashMap<String, Record> = HashMap::new();
        for (place, observation) in prepared.open() {
            let answer = answers.get(&place);
            let said = answer.map(|answer| &answer.said);
            let record = match self.joined(&name.connection, observation, said).await? {
                Some(found) if answer.is_some_and(|answer| answer.is_overtaken(&found)) => {
                    return Ok(Planned::Overtaken);
                }
                Some(found) => {
                    let mut record = known.remove(&found.identification.name).unwrap_or(found);
                    let believed = if told_before.contains(&record.identification.name) {
                        Believed::Same
                    } else {
                        self.believe(prepared, &record, observation, said)
                    };
                    match believed {
                        Believed::Change(change, evidence) => {
                            let step = Step { record: &record, change: &change, evidence: &evidence };
                            if let Some(first) = self.let_earlier_pass(prepared, &step).await? {
                                return Ok(first);
                            }
                            self.write_change(&mut batch, prepared, &step).await?;
                            // A word nobody knows yet may mean something to a later release.
                            delivery.told.extend((observation.word != Word::Unknown).then_some(place));
                            fate = Fate::Applied;
                            record = change.record;
                        }
                        Believed::Same => fate = weightier(fate, Fate::Duplicate),
                        Believed::Stale => fate = weightier(fate, Fate::Stale),
                        Believed::Ask => return Ok(self.hand_over_to_confirm(prepared, Some(&record))),
                        Believed::Later(wait) => return Ok(Planned::Later(wait)),
                    }
                    record
                }
                None => match self.stranger(prepared, observation, said).await? {
                    Stranger::Ask => return Ok(self.hand_over_to_confirm(prepared, None)),
                    // Known once this is written: what else is said about it is applied then.
                    Stranger::TakenOver(adoption)
                        if !known.values().any(|record| is_same(record, &adoption)) =>
                    {
                        self.enroll(&mut batch, prepared.vendor(), &adoption, &prepared.cause()).await?;
                        delivery.told.push(place);
                        fate = Fate::Applied;
                        adoption.change.record
                    }
                    Stranger::Unknown | Stranger::TakenOver(_) => {
                        waiting.push(observation.reference.clone());
                        continue;
                    }
                },
            };
            last(&mut delivery.subjects, &record, Some(record.identification.revision));
            known.insert(record.identification.name.clone(), record);
        }
        batch.dedupe = (fate != Fate::Unmatched).then(|| applied_once(&prepared.delivery));
        batch.erase = self.erased(&delivery.subjects, known).await?;
        batch.schedule.extend(self.next_in_line(prepared, &batch).await?);
        Ok(self.finish(prepared, batch, delivery, fate, &waiting))
    }

    /// The delivery after its observations were judged. As long as one of them waits, so does the delivery.
    fn finish(
        &self,
        prepared: &Prepared,
        mut batch: Batch,
        mut delivery: Delivery,
        fate: Fate,
        waiting: &[VendorReference],
    ) -> Planned {
        let ids = batch.events.iter().filter_map(|event| Uuid::try_parse(&event.event_id).ok());
        delivery.event_ids.extend(ids);
        let fate = match fate {
            _ if !waiting.is_empty() => Fate::Unmatched,
            // What led to events once was applied, whatever it means to those who know of it.
            _ if !delivery.event_ids.is_empty() => Fate::Applied,
            fate => fate,
        };
        delivery.state = match fate {
            Fate::Applied => State::Applied,
            Fate::Duplicate => State::Duplicate,
            Fate::Stale => State::Stale,
            Fate::Unreadable => State::Unreadable,
            Fate::Unmatched => State::Unmatched,
        };
        delivery.waits_for = waiting.iter().flat_map(waits_for).collect();
        if !waiting.is_empty() && !prepared.waits() {
            batch.schedule.push(self.second_look(&delivery.name));
        }
        // From now on the body goes when any of them is erased, also while the rest of it waits.
        let owners =
            delivery.subjects.iter().map(|subject| (delivery.name.to_string(), subject.name.clone()));
        batch.reown.extend(owners);
        batch.deliveries.push(DeliveryChange::Update(delivery));
        Planned::write(batch, Some(fate))
    }

    /// The job that looks for what a delivery waits for once more: whoever recorded that at the same time may have looked
    /// for those who wait before this one did.
    fn second_look(&self, delivery: &DeliveryName) -> Job {
        Job {
            id: format!("{WAKE}/{delivery}"),
            kind: WAKE.to_owned(),
            due_at: self.clock.now() + SECOND_LOOK,
            ..self.apply_job(delivery)
        }
    }

    /// That job. It wakes everybody who waits for the same, so that they are applied in the order they came.
    pub(super) async fn wake(&self, job: &Job) -> Result<Outcome> {
        let Ok(name) = job.subject.parse::<DeliveryName>() else { return Ok(Outcome::Done) };
        let delivery = self.journal.delivery(&name).await.map_err(|error| store(error, APPLY))?;
        for id in delivery.iter().flat_map(|delivery| &delivery.waits_for) {
            for by in [VendorId::Reference(id), VendorId::Id(id), VendorId::Ticket(id)] {
                let found = self.journal.find(&name.connection, by).await;
                let Some(record) = found.map_err(|error| store(error, APPLY))? else { continue };
                let schedule = self.awaken_unmatched(&record).await.map_err(|error| store(error, APPLY))?;
                let batch = Batch { schedule, complete: vec![job.id.clone()], ..Batch::default() };
                self.append(batch).await.map_err(|error| store(error, APPLY))?;
                return Ok(Outcome::Written);
            }
        }
        Ok(Outcome::Done)
    }

    /// Those of `subjects` that were erased: what comes late about them leaves nothing behind.
    async fn erased(&self, subjects: &[Subject], mut known: HashMap<String, Record>) -> Result<Vec<String>> {
        let mut erased = Vec::new();
        for Subject { name, .. } in subjects {
            let record = match known.remove(name) {
                Some(record) => Some(record),
                None => self.subject(name).await?,
            };
            if record.is_some_and(|record| record.identification.state() == IdentificationState::Deleted) {
                erased.push(name.clone());
            }
        }
        Ok(erased)
    }

    /// Adds to `batch` what follows from `step`, also for other deliveries that wait for what it teaches.
    async fn write_change(&self, batch: &mut Batch, prepared: &Prepared, step: &Step<'_>) -> Result<()> {
        let Step { record, change, evidence } = step;
        self.evolve(batch, prepared.vendor().account(), record, change, evidence, &prepared.cause());
        let waiting =
            self.awaken_taught(record, &change.record).await.map_err(|error| store(error, APPLY))?;
        let own = prepared.delivery.name.to_string();
        batch.schedule.extend(waiting.into_iter().filter(|job| job.subject != own));
        Ok(())
    }

    /// What `observation` is about: by the identifiers it carries, or by those that the vendor gave when asked.
    async fn joined(
        &self,
        connection: &ConnectionId,
        observation: &Observation,
        answer: Option<&Observation>,
    ) -> Result<Option<Record>> {
        match (self.matching(connection, &observation.reference).await?, answer) {
            (None, Some(answer)) => self.matching(connection, &answer.reference).await,
            (found, _) => Ok(found),
        }
    }

    /// What is made of a statement about something that nobody here knows.
    async fn stranger(
        &self,
        prepared: &Prepared,
        observation: &Observation,
        answer: Option<&Observation>,
    ) -> Result<Stranger> {
        let vendor = prepared.vendor();
        let adopts = vendor.account().adopt_unknown;
        match answer {
            // Whose ticket it is, the vendor may know.
            _ if !adopts && !names_only_tickets(&observation.reference) => Ok(Stranger::Unknown),
            None if prepared.is_over(self.clock.now()) => Ok(Stranger::Unknown),
            None if self.waits_behind(prepared, &observation.reference).await? => Ok(Stranger::Unknown),
            // Whoever learns the webhooks' secret must not make identifications up.
            None => Ok(Stranger::Ask),
            Some(answer) if adopts && !names_only_tickets(&answer.reference) => {
                let adoption = self.adoption(vendor, answer, IdentificationOrigin::Webhook)?;
                Ok(adoption.map_or(Stranger::Unknown, |adoption| Stranger::TakenOver(Box::new(adoption))))
            }
            Some(_) => Ok(Stranger::Unknown),
        }
    }

    /// Leaves the delivery as it came to the job that asks the vendor: what its other statements come to is not written
    /// yet, and planned anew with the answer.
    fn hand_over_to_confirm(&self, prepared: &Prepared, about: Option<&Record>) -> Planned {
        let now = self.clock.now();
        let mut delivery = Delivery { state: State::Confirming, ..prepared.delivery.clone() };
        match about {
            Some(record) => last(&mut delivery.subjects, record, None),
            // What comes after it waits behind it.
            None => delivery.waits_for = awaited(prepared),
        }
        let confirm = Job {
            id: confirm_id(&delivery.name),
            kind: "confirm".to_owned(),
            subject: delivery.name.to_string(),
            due_at: now,
            attempts: 0,
            give_up_at: Some(now + CONFIRM_WITHIN),
        };
        let complete = [&prepared.job.id].into_iter().filter(|id| **id != confirm.id).cloned().collect();
        let batch = Batch {
            deliveries: vec![DeliveryChange::Update(delivery)],
            complete,
            schedule: vec![confirm],
            ..Batch::default()
        };
        Planned::write(batch, None)
    }
}

/// The identifiers that a delivery waits for whose statements are all open.
fn awaited(prepared: &Prepared) -> Vec<String> {
    prepared.open().flat_map(|(_place, observation)| waits_for(&observation.reference)).collect()
}

enum Stranger {
    /// The statement waits until somebody records what it speaks of.
    Unknown,
    /// The vendor has to be asked first.
    Ask,
    TakenOver(Box<Adoption>),
}

/// What a statement does to an identification.
pub(super) struct Step<'a> {
    pub(super) record: &'a Record,
    pub(super) change: &'a Change,
    pub(super) evidence: &'a Observation,
}

pub(super) enum Planned {
    Write(Box<Plan>),
    Later(Duration),
    /// The vendor has to be asked again: what it was asked about has moved since.
    Overtaken,
}

pub(super) struct Plan {
    batch: Batch,
    /// `None` while the delivery waits to be confirmed.
    fate: Option<Fate>,
}

impl Planned {
    pub(super) fn write(batch: Batch, fate: Option<Fate>) -> Self {
        Self::Write(Box::new(Plan { batch, fate }))
    }
}

/// Notes what a delivery is about, the newest last. `None`: nothing of it was applied now.
fn last(subjects: &mut Vec<Subject>, record: &Record, revision: Option<i64>) {
    let name = record.name.to_string();
    let before = subjects.iter().position(|subject| subject.name == name).map(|at| subjects.remove(at));
    let revision = revision.or(before.map(|subject| subject.revision)).unwrap_or_default();
    subjects.push(Subject { name, revision });
}

/// However often a delivery's job runs, what it applies takes effect once: each time less is left to wait for, and
/// each replay is one more run.
pub(super) fn applied_once(delivery: &Delivery) -> (String, Duration) {
    let Delivery { name, replays, waits_for, .. } = delivery;
    (format!("applied/{name}/{replays}/{}", waits_for.len()), KEEP_DEDUPE)
}

fn is_same(record: &Record, adoption: &Adoption) -> bool {
    record.identification.vendor_reference == adoption.change.record.identification.vendor_reference
}

/// One delivery can speak of several identifications: the weightiest outcome is the delivery's.
fn weightier(one: Fate, other: Fate) -> Fate {
    let weight = |fate: Fate| match fate {
        Fate::Unreadable | Fate::Unmatched => 0,
        Fate::Duplicate => 1,
        Fate::Stale => 2,
        Fate::Applied => 3,
    };
    if weight(other) > weight(one) { other } else { one }
}
