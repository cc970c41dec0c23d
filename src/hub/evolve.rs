//! From an accepted observation to what the journal writes: events, the new state, and the jobs that follow.

use std::time::Duration;

use prost_types::Timestamp;

use crate::hub::Hub;
use crate::hub::poll::look_id;
use crate::hub::prepare::vendor_ids;
use crate::journal::{Batch, Delivery, Job, JournalError, RecordChange};
use crate::model::lifecycle::{Change, Step, is_open};
use crate::model::name::DeliveryName;
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::event::Payload;
use crate::proto::{Event, EventOrigin, EventType, IdentificationChanged, TicketProgressed};
use crate::vendor::Account;

/// What made the gateway record a change.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) origin: EventOrigin,
    pub(super) delivery: Option<DeliveryName>,
}

impl Cause {
    pub(super) fn new(origin: EventOrigin) -> Self {
        Self { origin, delivery: None }
    }
}

impl Hub {
    /// Adds to `batch` everything that follows from `change`, which replaces `before`.
    pub(super) fn evolve(
        &self,
        batch: &mut Batch,
        account: &Account,
        before: &Record,
        change: &Change,
        observation: &Observation,
        cause: &Cause,
    ) {
        let name = &change.record.name;
        for step in &change.steps {
            batch.events.push(self.event(account, change, step, observation, cause));
        }
        if let Some(progress) = &change.progress {
            batch.events.push(self.ticket_event(account, change, progress, observation, cause));
        }
        batch
            .records
            .push(RecordChange { record: change.record.clone(), replaces: Some(before.memory.version) });
        let expiry = format!("expire/{name}");
        if is_open(change.record.identification.state()) {
            batch.schedule.extend(change.record.identification.expire_time.map(|time| Job {
                id: expiry,
                kind: "expire".to_owned(),
                subject: name.to_string(),
                due_at: system_time(&time),
                attempts: 0,
                give_up_at: None,
            }));
        } else {
            batch.complete.push(expiry);
        }
        match self.next_look(&change.record) {
            Some(job) => batch.schedule.push(job),
            None => batch.complete.push(look_id(name)),
        }
        if change.steps.iter().any(|step| step.event == EventType::IdentificationCompleted) {
            batch.schedule.extend(self.signatures_job(&change.record));
        }
    }

    fn event(
        &self,
        account: &Account,
        change: &Change,
        step: &Step,
        observation: &Observation,
        cause: &Cause,
    ) -> Event {
        let identification = &step.identification;
        Event {
            r#type: step.event.into(),
            subject: change.record.name.to_string(),
            revision: identification.revision,
            payload: Some(Payload::IdentificationChanged(IdentificationChanged {
                identification: Some(identification.clone()),
                previous_state: step.previous_state.into(),
                previous_decision: step.previous_decision.clone(),
            })),
            ..self.untold(account, &change.record, observation, cause)
        }
    }

    /// The event about a step of a ticket. It is about the ticket: the identification's revision stands.
    fn ticket_event(
        &self,
        account: &Account,
        change: &Change,
        progress: &TicketProgressed,
        observation: &Observation,
        cause: &Cause,
    ) -> Event {
        Event {
            r#type: EventType::TicketProgressed.into(),
            subject: progress.ticket.clone(),
            payload: Some(Payload::TicketProgressed(progress.clone())),
            ..self.untold(account, &change.record, observation, cause)
        }
    }

    /// An event that belongs to `record`, without what it is about.
    fn untold(&self, account: &Account, record: &Record, observation: &Observation, cause: &Cause) -> Event {
        Event {
            event_id: self.clock.uuid().to_string(),
            external_reference: record.identification.external_reference.clone(),
            labels: record.identification.labels.clone(),
            occur_time: observation.occur_time,
            origin: cause.origin.into(),
            webhook_delivery: cause.delivery.as_ref().map(DeliveryName::to_string).unwrap_or_default(),
            evidence: observation.evidence.into(),
            environment: account.environment.clone(),
            identification: record.name.to_string(),
            ..Event::default()
        }
    }

    /// Jobs for deliveries that came before the identification they are about was known.
    pub(super) async fn awaken_unmatched(&self, record: &Record) -> Result<Vec<Job>, JournalError> {
        let waiting = self.waiting_for(record).await?;
        Ok(waiting.into_iter().map(|delivery| self.apply_job(&delivery.name)).collect())
    }

    /// The deliveries that wait for an identification with an identifier of this one, in the order they came in.
    pub(super) async fn waiting_for(&self, record: &Record) -> Result<Vec<Delivery>, JournalError> {
        let mut waiting = Vec::new();
        let reference = record.identification.vendor_reference.iter();
        for id in reference.flat_map(vendor_ids) {
            waiting.extend(self.journal.unmatched(&record.name.connection, id).await?);
        }
        // Whichever identifier they waited for.
        waiting.sort_by_key(|delivery| delivery.receive_time);
        Ok(waiting)
    }

    /// The same for what became known between `before` and `after`.
    pub(super) async fn awaken_taught(
        &self,
        before: &Record,
        after: &Record,
    ) -> Result<Vec<Job>, JournalError> {
        if before.identification.vendor_reference == after.identification.vendor_reference {
            return Ok(Vec::new());
        }
        self.awaken_unmatched(after).await
    }

    pub(super) fn apply_job(&self, delivery: &DeliveryName) -> Job {
        Job {
            id: format!("apply/{delivery}"),
            kind: "apply".to_owned(),
            subject: delivery.to_string(),
            due_at: self.clock.now(),
            attempts: 0,
            give_up_at: None,
        }
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp::from(self.clock.now())
    }

    /// How long to wait before trying `attempts` + 1: doubling from one second up to `longest`, with jitter.
    pub(super) fn backoff(&self, attempts: u32, longest: Duration) -> Duration {
        let wait = Duration::from_secs(1).saturating_mul(1 << attempts.min(16)).min(longest);
        self.clock.jitter(wait, 0.2)
    }
}

pub(super) fn system_time(time: &Timestamp) -> std::time::SystemTime {
    std::time::SystemTime::try_from(*time).unwrap_or(std::time::SystemTime::UNIX_EPOCH)
}
