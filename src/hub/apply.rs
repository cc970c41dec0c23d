//! Kept deliveries are applied: read, matched, judged, written. From the journal, so that a crash loses nothing.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::error::Result;
use crate::hub::adopt::Adoption;
use crate::hub::believe::{Answers, Believed};
use crate::hub::delivery::confirm_id;
use crate::hub::evolve::Cause;
use crate::hub::job::{CONFLICT_TRIES, Outcome};
use crate::hub::prepare::{Prepared, names_only_tickets, vendor_ids, waits_for};
use crate::hub::{Hub, store};
use crate::journal::{Batch, Delivery, DeliveryChange, Job, JournalError};
use crate::model::lifecycle::Change;
use crate::model::name::{ConnectionId, DeliveryName};
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    EventOrigin, IdentificationOrigin, IdentificationState, VendorReference, WebhookDeliveryState as State,
};
use crate::telemetry::DeliveryOutcome as Fate;

const APPLY: &str = "apply_webhook";
/// Dedupe keys outlive the events themselves.
const KEEP_DEDUPE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Longer than it takes to record an identification.
const SECOND_LOOK: Duration = Duration::from_secs(10);
/// A webhook may run ahead of what the vendor's own API shows for so long.
pub(super) const CONFIRM_WITHIN: Duration = Duration::from_secs(300);

impl Hub {
    /// Applies a delivery, or hands it on to be confirmed. `answers` holds what the vendor said when asked.
    pub(super) async fn apply(&self, prepared: &Prepared, answers: &Answers) -> Result<Outcome> {
        for _try in 0..CONFLICT_TRIES {
            let _turns = self.locks.lock_all(prepared.keys()).await;
            let plan = match self.plan(prepared, answers).await? {
                Planned::Write(plan) => *plan,
                Planned::Later(wait) => return Ok(Outcome::Again(wait)),
            };
            match self.append(plan.batch).await {
                // Another taker of the same job was faster.
                Ok(appended) if appended.duplicate => return Ok(Outcome::Done),
                Ok(_appended) => {
                    let waits_on = plan.fate == Some(Fate::Unmatched) && prepared.waits();
                    self.dealt_with(&prepared.delivery, plan.fate.filter(|_fate| !waits_on));
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
        if let Some(batch) = self.duplicate_of_earlier(prepared).await? {
            return Ok(Planned::Write(Box::new(Plan { batch, fate: Some(Fate::Duplicate) })));
        }
        let mut batch = Batch { complete: vec![prepared.job.id.clone()], ..Batch::default() };
        let origin = if prepared.is_replay() { EventOrigin::Replay } else { EventOrigin::Webhook };
        let cause = Cause { origin, delivery: Some(name.clone()) };
        let mut delivery = prepared.delivery.clone();
        let mut fate = Fate::Unmatched;
        let mut waiting = Vec::new();
        let mut known: HashMap<String, Record> = HashMap::new();
        for (place, observation) in prepared.open() {
            let answer = answers.get(&place);
            let Some(found) = self.joined(&name.connection, observation, answer).await? else {
                match self.stranger(prepared, observation, answer)? {
                    Stranger::Unknown => waiting.push(observation.reference.clone()),
                    Stranger::Ask => return Ok(self.hand_over_to_confirm(prepared, None)),
                    // Known once this is written: what else is said about it is applied then.
                    Stranger::TakenOver(adoption)
                        if known.values().any(|record| is_same(record, &adoption)) =>
                    {
                        waiting.push(observation.reference.clone());
                    }
                    Stranger::TakenOver(adoption) => {
                        self.enroll(&mut batch, prepared.vendor(), &adoption, &cause).await?;
                        let record = adoption.change.record;
                        delivery.subject = record.name.to_string();
                        delivery.told.push(place);
                        fate = Fate::Applied;
                        known.insert(delivery.subject.clone(), record);
                    }
                }
                continue;
            };
            let record = known.remove(&found.name.to_string()).unwrap_or(found);
            delivery.subject = record.name.to_string();
            match self.believe(prepared, &record, observation, answer) {
                Believed::Change(change, evidence) => {
                    self.write_change(&mut batch, prepared, &record, &change, &evidence, &cause).await?;
                    if observation.word != Word::Unknown {
                        // A word nobody knows yet may mean something to a later release.
                        delivery.told.push(place);
                    }
                    fate = Fate::Applied;
                    known.insert(delivery.subject.clone(), change.record);
                    continue;
                }
                Believed::Same => fate = weightier(fate, Fate::Duplicate),
                Believed::Stale => fate = weightier(fate, Fate::Stale),
                Believed::Ask => return Ok(self.hand_over_to_confirm(prepared, Some(&record))),
                Believed::Later(wait) => return Ok(Planned::Later(wait)),
            }
            known.insert(delivery.subject.clone(), record);
        }
        if fate != Fate::Unmatched {
            batch.dedupe = Some(applied_once(&prepared.delivery));
        }
        if let Some(record) = known.get(&delivery.subject) {
            delivery.applied_revision = record.identification.revision;
            if record.identification.state() == IdentificationState::Deleted {
                batch.erase.push(delivery.subject.clone());
            }
        }
        let ids = batch.events.iter().filter_map(|event| Uuid::try_parse(&event.event_id).ok());
        delivery.event_ids.extend(ids);
        if !waiting.is_empty() && !prepared.waits() {
            batch.schedule.push(self.second_look(&delivery.name));
        }
        Ok(conclude(batch, delivery, fate, &waiting))
    }

    /// The job that looks for what a delivery waits for once more: whoever recorded that at the same time may have looked
    /// for those who wait before this one did.
    fn second_look(&self, delivery: &DeliveryName) -> Job {
        let now = self.clock.now();
        // The vendor was asked for long enough.
        Job { due_at: now + SECOND_LOOK, give_up_at: Some(now), ..self.apply_job(delivery) }
    }

    /// Adds to `batch` what follows from `change`, also for other deliveries that wait for what it teaches.
    async fn write_change(
        &self,
        batch: &mut Batch,
        prepared: &Prepared,
        record: &Record,
        change: &Change,
        evidence: &Observation,
        cause: &Cause,
    ) -> Result<()> {
        self.evolve(batch, prepared.vendor().account(), record, change, evidence, cause);
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
    fn stranger(
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
            // Whoever learns the webhooks' secret must not make identifications up.
            None => Ok(Stranger::Ask),
            Some(answer) if adopts && !names_only_tickets(&answer.reference) => {
                let adoption = self.adoption(vendor, answer, IdentificationOrigin::Webhook)?;
                Ok(adoption.map_or(Stranger::Unknown, |adoption| Stranger::TakenOver(Box::new(adoption))))
            }
            Some(_) => Ok(Stranger::Unknown),
        }
    }

    /// No vendor numbers its deliveries, and two real ones can be alike to the byte: only as long as nothing has
    /// come between is the second one a repeat.
    async fn duplicate_of_earlier(&self, prepared: &Prepared) -> Result<Option<Batch>> {
        let own = &prepared.delivery;
        if own.state != State::Received || !own.told.is_empty() {
            return Ok(None);
        }
        let alike = self.journal.deliveries_like(&own.name.connection, own.body_sha256);
        for earlier in alike.await.map_err(|error| store(error, APPLY))? {
            let repeats = match earlier.state {
                // What came after one that is replayed is not what it repeats.
                _ if earlier.name == own.name && own.replays > 0 => break,
                _ if earlier.name == own.name => false,
                State::Confirming => true,
                State::Unmatched => self.is_last_in_wait(prepared, &earlier).await?,
                State::Received => false,
                _ => self.stands_still_since(&earlier).await?,
            };
            if !repeats {
                continue;
            }
            let mut delivery = own.clone();
            delivery.state = State::Duplicate;
            delivery.subject.clone_from(&earlier.subject);
            let mut deliveries = vec![DeliveryChange::Update(delivery)];
            if own.replays == 0 {
                deliveries.push(DeliveryChange::CountDuplicate(earlier.name));
            }
            let owner = Some(earlier.subject).filter(|subject| !subject.is_empty());
            return Ok(Some(Batch {
                reown: owner.map(|owner| (own.name.to_string(), owner)).into_iter().collect(),
                deliveries,
                complete: vec![prepared.job.id.clone()],
                dedupe: Some(applied_once(own)),
                ..Batch::default()
            }));
        }
        Ok(None)
    }

    async fn stands_still_since(&self, earlier: &Delivery) -> Result<bool> {
        let Ok(name) = earlier.subject.parse() else { return Ok(false) };
        let record = self.journal.record(&name).await.map_err(|error| store(error, APPLY))?;
        Ok(record.is_some_and(|record| record.identification.revision == earlier.applied_revision))
    }

    /// Whether nothing else about the same things waits behind `earlier`.
    async fn is_last_in_wait(&self, prepared: &Prepared, earlier: &Delivery) -> Result<bool> {
        for id in prepared.observations().iter().flat_map(|observation| vendor_ids(&observation.reference)) {
            let waiting = self.journal.unmatched(&earlier.name.connection, id).await;
            let waiting = waiting.map_err(|error| store(error, APPLY))?;
            if waiting.last().is_some_and(|last| last.name != earlier.name) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves the delivery as it came to the job that asks the vendor: what its other statements come to is not written
    /// yet, and planned anew with the answer.
    fn hand_over_to_confirm(&self, prepared: &Prepared, about: Option<&Record>) -> Planned {
        let now = self.clock.now();
        let mut delivery = Delivery { state: State::Confirming, ..prepared.delivery.clone() };
        if let Some(record) = about {
            delivery.subject = record.name.to_string();
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
        Planned::Write(Box::new(Plan { batch, fate: None }))
    }
}

enum Stranger {
    /// The statement waits until somebody records what it speaks of.
    Unknown,
    /// The vendor has to be asked first.
    Ask,
    TakenOver(Box<Adoption>),
}

enum Planned {
    Write(Box<Plan>),
    Later(Duration),
}

struct Plan {
    batch: Batch,
    /// `None` while the delivery waits to be confirmed.
    fate: Option<Fate>,
}

/// The delivery after its observations were judged. As long as one of them waits, so does the delivery.
fn conclude(mut batch: Batch, mut delivery: Delivery, fate: Fate, waiting: &[VendorReference]) -> Planned {
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
    if waiting.is_empty() && !delivery.subject.is_empty() {
        // From now on the body goes when the identification is erased.
        batch.reown.push((delivery.name.to_string(), delivery.subject.clone()));
    }
    batch.deliveries.push(DeliveryChange::Update(delivery));
    Planned::Write(Box::new(Plan { batch, fate: Some(fate) }))
}

/// However often a delivery's job runs, what it applies takes effect once: each time less is left to wait for, and
/// each replay is one more run.
fn applied_once(delivery: &Delivery) -> (String, Duration) {
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
