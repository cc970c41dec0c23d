//! Everything but the entries, and how a batch changes it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::journal::seal::SealedItem;
use crate::journal::{
    Answer, Batch, Delivery, DeliveryChange, Job, JournalError, Place, Position, RecordChange, Request,
    RequestChange, RequestKey, VendorId,
};
use crate::model::lifecycle::CURRENT;
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::record::Record;
use crate::proto::{IdentificationState, WebhookDeliveryState};

/// A batch works on a copy, which takes the place of the original when it is whole.
#[derive(Default, Clone)]
pub(super) struct Tables {
    pub(super) records: BTreeMap<IdentificationName, Arc<Record>>,
    /// In the order they were first recorded.
    pub(super) recorded: Vec<IdentificationName>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) requests: HashMap<RequestKey, (Request, Option<SystemTime>)>,
    pub(super) sealed: HashMap<String, SealedItem>,
    /// In the order they were scheduled.
    pub(super) jobs: Vec<Job>,
    pub(super) dedupe: HashMap<String, (Place, SystemTime)>,
}

impl Tables {
    pub(super) fn current(
        &self,
        connection: &ConnectionId,
        external_reference: &str,
    ) -> Option<&Arc<Record>> {
        let holds = |record: &&Arc<Record>| {
            let shown = &record.identification;
            record.name.connection == *connection
                && !external_reference.is_empty()
                && shown.external_reference == external_reference
                && CURRENT.contains(&shown.state())
        };
        self.records.values().filter(holds).max_by_key(|record| update_time(record))
    }

    pub(super) fn apply(&mut self, batch: Batch, last_event: Option<Position>) -> Result<(), JournalError> {
        batch.records.into_iter().try_for_each(|change| self.record(change))?;
        batch.deliveries.into_iter().try_for_each(|change| self.delivery(change))?;
        batch.requests.into_iter().try_for_each(|change| self.request(change, last_event))?;
        for item in &batch.unseal {
            self.sealed.remove(item);
        }
        self.sealed.extend(batch.seal.into_iter().map(|sealed| (sealed.item.clone(), sealed)));
        for (item, _owner) in &batch.reown {
            self.sealed.entry(item.clone()).and_modify(|sealed| sealed.owners.clear());
        }
        for (item, owner) in batch.reown {
            self.sealed.entry(item).and_modify(|sealed| sealed.owners.push(owner));
        }
        let mut owners = batch.erase;
        while let Some(owner) = owners.pop() {
            let gone = self.sealed.extract_if(|_item, sealed| sealed.owners.contains(&owner));
            owners.extend(gone.map(|(item, _sealed)| item));
        }
        self.jobs.retain(|job| !batch.complete.contains(&job.id));
        for job in batch.schedule {
            self.jobs.retain(|present| present.id != job.id);
            self.jobs.push(job);
        }
        Ok(())
    }

    fn record(&mut self, RecordChange { record, replaces }: RecordChange) -> Result<(), JournalError> {
        let present = self.records.get(&record.name).map(|present| present.memory.version);
        let reference = record.identification.vendor_reference.as_ref().map_or("", |ids| &ids.reference);
        let taken = is_live(&record)
            && self.records.values().any(|other| {
                let elsewhere = other.name != record.name && other.name.connection == record.name.connection;
                elsewhere && is_live(other) && is_known_by(other, VendorId::Reference(reference))
            });
        if present != replaces || taken {
            return Err(JournalError::Conflict(record.name.to_string()));
        }
        if present.is_none() {
            self.recorded.push(record.name.clone());
        }
        self.records.insert(record.name.clone(), Arc::new(record));
        Ok(())
    }

    fn delivery(&mut self, change: DeliveryChange) -> Result<(), JournalError> {
        let name = match &change {
            DeliveryChange::Put(delivery) | DeliveryChange::Update(delivery) => delivery.name.clone(),
            DeliveryChange::CountDuplicate(name) | DeliveryChange::Replay(name) => name.clone(),
        };
        let present = self.deliveries.iter_mut().find(|delivery| delivery.name == name);
        match (change, present) {
            (DeliveryChange::Put(delivery), None) => self.deliveries.push(delivery),
            (DeliveryChange::Update(delivery), Some(present)) if present.replays == delivery.replays => {
                let duplicate_count = present.duplicate_count.max(delivery.duplicate_count);
                *present = Delivery { duplicate_count, ..delivery };
            }
            (DeliveryChange::Replay(_name), Some(present)) => {
                present.state = WebhookDeliveryState::Received;
                present.waits_for.clear();
                present.failure.clear();
                present.replays += 1;
            }
            (DeliveryChange::CountDuplicate(_name), Some(present)) => present.duplicate_count += 1,
            _ => return Err(JournalError::Conflict(name.to_string())),
        }
        Ok(())
    }

    fn request(&mut self, change: RequestChange, last_event: Option<Position>) -> Result<(), JournalError> {
        match change {
            RequestChange::Begin { key, payload_mac, subject } => {
                if self.requests.contains_key(&key) {
                    return Err(conflict(key.request_id));
                }
                self.requests.insert(key, (Request { payload_mac, subject, answer: None }, None));
            }
            RequestChange::Answer { key, bytes, position, keep_until } => {
                let (request, until) = self.requests.get_mut(&key).ok_or_else(|| conflict(key.request_id))?;
                request.answer = Some(Answer { bytes, position: last_event.unwrap_or(position) });
                *until = Some(keep_until);
            }
        }
        Ok(())
    }
}

pub(super) fn is_live(record: &Record) -> bool {
    record.identification.state != IdentificationState::Deleted as i32
}

pub(super) fn is_known_by(record: &Record, by: VendorId<'_>) -> bool {
    record.identification.vendor_reference.as_ref().is_some_and(|ids| match by {
        VendorId::Reference(wanted) => same(&ids.reference, wanted),
        VendorId::Id(wanted) => same(&ids.id, wanted),
        VendorId::Ticket(wanted) => ids.ticket_ids.iter().any(|id| same(id, wanted)),
    })
}

pub(super) fn update_time(record: &Record) -> (i64, i32) {
    record.identification.update_time.map_or((0, 0), |time| (time.seconds, time.nanos))
}

/// No identifier is the same as an empty one.
pub(super) fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && one.eq_ignore_ascii_case(other)
}

fn conflict(request_id: Uuid) -> JournalError {
    JournalError::Conflict(request_id.to_string())
}
