//! The journal in memory, for tests: the rules of the durable ones without a disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use prost::Message as _;
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::Clock;
use crate::journal::cursor::CursorKey;
use crate::journal::delivery_page;
use crate::journal::entry::{self, Checksum, Head, Scan, taken_on_at, verified};
use crate::journal::page::Filler;
use crate::journal::seal::SealedItem;
use crate::journal::{
    Answer, Appended, Batch, Delivery, DeliveryChange, DeliveryPage, DeliveryQuery, Entry, Identity, Job,
    Journal, JournalError, Order, Page, Place, Position, RecordChange, RecordPage, RecordQuery, Request,
    RequestChange, RequestKey, VendorId,
};
use crate::model::filter::Filter;
use crate::model::lifecycle::CURRENT;
use crate::model::name::{ConnectionId, DeliveryName, IdentificationName};
use crate::model::record::Record;
use crate::proto::{Event, IdentificationState, WebhookDeliveryState};

/// A journal that is gone with its process.
pub struct MemoryJournal {
    clock: Clock,
    identity: Identity,
    state: Mutex<State>,
    head: watch::Sender<Position>,
    due: watch::Sender<u64>,
}

/// How appends are to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// With [`JournalError::Unavailable`].
    Unavailable,
    /// With [`JournalError::Full`].
    Full,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new(clock: Clock) -> Arc<Self> {
        let identity = Identity { epoch: clock.uuid(), key: CursorKey::new(clock.random()) };
        let (head, due) = (watch::Sender::new(0), watch::Sender::new(0));
        Arc::new(Self { clock, identity, state: Mutex::default(), head, due })
    }

    /// From now on appends fail, and so does [`Journal::health`]; `None` ends it.
    pub fn fail_appends(&self, fault: Option<AppendFault>) {
        self.state().fault = fault;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, batch: Batch) -> Result<Appended, JournalError> {
        let mut state = self.state();
        state.refuse_when_told()?;
        let scheduled = !batch.schedule.is_empty();
        let appended = state.append(batch, self.clock.now())?;
        // Told while the state is locked: the head never seems to go back.
        self.head.send_if_modified(|head| std::mem::replace(head, state.head.place.position) != *head);
        if scheduled && !appended.duplicate {
            self.due.send_modify(|moves| *moves += 1);
        }
        Ok(appended)
    }

    async fn read(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, JournalError> {
        let state = self.state();
        let mut scan = Scan::new(after, filter, limit, state.head.place.position, 0);
        let from = usize::try_from(after.max(1)).unwrap_or(usize::MAX);
        for (position, (bytes, checksum)) in (1..).zip(&state.entries).skip(from - 1) {
            if scan.push(position, bytes.clone(), checksum)?.is_break() {
                break;
            }
        }
        Ok(scan.finish())
    }

    async fn place(&self, position: Position) -> Result<Option<Place>, JournalError> {
        if position == 0 {
            return Ok(Some(Place::default()));
        }
        Ok(self.state().entry(position)?.map(|entry| entry.place))
    }

    async fn before(&self, time: SystemTime) -> Result<Option<Place>, JournalError> {
        let state = self.state();
        entry::before(time, 0, state.head.place.position, |position| {
            state.entry(position)?.ok_or_else(|| JournalError::Damaged(format!("position {position}")))
        })
    }

    fn watch_head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn record(&self, name: &IdentificationName) -> Result<Option<Record>, JournalError> {
        Ok(self.state().tables.records.get(name).map(|record| Record::clone(record)))
    }

    async fn find(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Option<Record>, JournalError> {
        let state = self.state();
        let on = state.tables.records.values().filter(|record| record.name.connection == *connection);
        let known = on.filter(|record| is_known_by(record, by));
        let newest = known.max_by_key(|record| (is_live(record), update_time(record)));
        Ok(newest.map(|record| Record::clone(record)))
    }

    async fn list(&self, query: &RecordQuery) -> Result<RecordPage, JournalError> {
        let state = self.state();
        let numbered = (1..).zip(&state.tables.recorded);
        let mut rest: Vec<(u64, &IdentificationName)> = match (query.order, query.after) {
            (_, None) => numbered.collect(),
            (Order::OldestFirst, Some(after)) => numbered.filter(|(number, _)| *number > after).collect(),
            (Order::NewestFirst, Some(after)) => numbered.filter(|(number, _)| *number < after).collect(),
        };
        if query.order == Order::NewestFirst {
            rest.reverse();
        }
        let mut page = Filler::new(query);
        for (number, name) in rest {
            let Some(record) = state.tables.records.get(name) else { continue };
            let size = record.identification.encoded_len();
            if page.push(number, size, Record::clone(record)).is_break() {
                break;
            }
        }
        Ok(page.into())
    }

    async fn find_current(
        &self,
        connection: &ConnectionId,
        external_reference: &str,
    ) -> Result<Option<Record>, JournalError> {
        let state = self.state();
        let found = state.tables.current(connection, external_reference);
        Ok(found.map(|record| Record::clone(record)))
    }

    async fn delivery(&self, name: &DeliveryName) -> Result<Option<Delivery>, JournalError> {
        Ok(self.state().tables.deliveries.iter().find(|delivery| delivery.name == *name).cloned())
    }

    async fn last_delivery_time(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<SystemTime>, JournalError> {
        let state = self.state();
        let newest = state.tables.deliveries.iter().rfind(|delivery| delivery.name.connection == *connection);
        Ok(newest.map(|delivery| delivery.receive_time))
    }

    async fn first_created_after(
        &self,
        connection: &ConnectionId,
        after: SystemTime,
    ) -> Result<Option<SystemTime>, JournalError> {
        let state = self.state();
        let on = state.tables.records.values().filter(|record| record.name.connection == *connection);
        Ok(on.filter_map(|record| taken_on_at(&record.identification)).filter(|time| *time > after).min())
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryPage, JournalError> {
        let state = self.state();
        let mut page = Filler::new(query);
        for (index, delivery) in state.tables.deliveries.iter().enumerate().rev() {
            let number = index as u64 + 1;
            let older = query.before.is_none_or(|before| number < before);
            let there = query.connection.as_ref().is_none_or(|on| delivery.name.connection == *on);
            let size = delivery_page::size(delivery);
            if older && there && page.push(number, size, delivery.clone()).is_break() {
                break;
            }
        }
        Ok(page.into())
    }

    async fn deliveries_like(
        &self,
        connection: &ConnectionId,
        body_sha256: [u8; 32],
    ) -> Result<Vec<Delivery>, JournalError> {
        let like = |delivery: &&Delivery| {
            delivery.name.connection == *connection
                && delivery.body_sha256 == body_sha256
                && delivery.state != WebhookDeliveryState::Duplicate
        };
        Ok(self.state().tables.deliveries.iter().filter(like).cloned().collect())
    }

    async fn unmatched(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Vec<Delivery>, JournalError> {
        let waits = |delivery: &&Delivery| {
            delivery.name.connection == *connection
                && matches!(
                    delivery.state,
                    WebhookDeliveryState::Unmatched | WebhookDeliveryState::Confirming
                )
                && delivery.waits_for.iter().any(|id| same(id, by.as_str()))
        };
        Ok(self.state().tables.deliveries.iter().filter(waits).cloned().collect())
    }

    async fn confirming(&self, subject: &IdentificationName) -> Result<Vec<Delivery>, JournalError> {
        let subject = subject.to_string();
        let waits = |delivery: &&Delivery| {
            delivery.state == WebhookDeliveryState::Confirming
                && delivery.subjects.last().is_some_and(|last| last.name == subject)
        };
        Ok(self.state().tables.deliveries.iter().filter(waits).cloned().collect())
    }

    async fn request(&self, key: &RequestKey) -> Result<Option<Request>, JournalError> {
        Ok(self.state().tables.requests.get(key).map(|(request, _keep_until)| request.clone()))
    }

    async fn sealed(&self, item: &str) -> Result<Option<SealedItem>, JournalError> {
        Ok(self.state().tables.sealed.get(item).cloned())
    }

    async fn sealed_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let state = self.state();
        let names =
            state.tables.sealed.keys().filter(|name| name.starts_with(prefix) && *name.as_str() > *after);
        let mut names: Vec<_> = names.cloned().collect();
        names.sort();
        names.truncate(limit);
        Ok(names)
    }

    async fn claim(&self, now: SystemTime, limit: usize, lease: Duration) -> Result<Vec<Job>, JournalError> {
        let mut state = self.state();
        let State { tables, claims, .. } = &mut *state;
        let free = |job: &&Job| job.due_at <= now && claims.get(&job.id).is_none_or(|until| *until <= now);
        let mut jobs: Vec<Job> = tables.jobs.iter().filter(free).cloned().collect();
        jobs.sort_by_key(|job| job.due_at);
        jobs.truncate(limit);
        claims.extend(jobs.iter().map(|job| (job.id.clone(), now + lease)));
        Ok(jobs)
    }

    async fn next_due(&self) -> Result<Option<SystemTime>, JournalError> {
        let state = self.state();
        let free_at =
            |job: &Job| state.claims.get(&job.id).map_or(job.due_at, |until| job.due_at.max(*until));
        Ok(state.tables.jobs.iter().map(free_at).min())
    }

    fn watch_due(&self) -> watch::Receiver<u64> {
        self.due.subscribe()
    }

    async fn sweep(&self, now: SystemTime) -> Result<u64, JournalError> {
        let mut state = self.state();
        let Tables { dedupe, requests, .. } = &mut state.tables;
        let before = dedupe.len() + requests.len();
        dedupe.retain(|_key, (_place, keep_until)| *keep_until >= now);
        requests.retain(|_key, (_request, keep_until)| keep_until.is_none_or(|until| until >= now));
        Ok((before - dedupe.len() - requests.len()) as u64)
    }

    async fn health(&self) -> Result<(), JournalError> {
        self.state().refuse_when_told()
    }
}

#[derive(Default)]
struct State {
    head: Head,
    entries: Vec<(Bytes, Checksum)>,
    tables: Tables,
    claims: HashMap<String, SystemTime>,
    fault: Option<AppendFault>,
}

/// Everything but the entries. A batch works on a copy, which takes the place of the original when it is whole.
#[derive(Default, Clone)]
struct Tables {
    records: BTreeMap<IdentificationName, Arc<Record>>,
    /// In the order they were first recorded.
    recorded: Vec<IdentificationName>,
    deliveries: Vec<Delivery>,
    requests: HashMap<RequestKey, (Request, Option<SystemTime>)>,
    sealed: HashMap<String, SealedItem>,
    /// In the order they were scheduled.
    jobs: Vec<Job>,
    dedupe: HashMap<String, (Place, SystemTime)>,
}

impl State {
    fn refuse_when_told(&self) -> Result<(), JournalError> {
        match self.fault {
            None => Ok(()),
            Some(AppendFault::Full) => Err(JournalError::Full),
            Some(AppendFault::Unavailable) => Err(JournalError::Unavailable("told to fail".into())),
        }
    }

    fn entry(&self, position: Position) -> Result<Option<Entry>, JournalError> {
        let index = position.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let stored = index.and_then(|index| self.entries.get(index));
        stored.map(|(bytes, checksum)| verified(position, bytes.clone(), checksum)).transpose()
    }

    fn append(&mut self, mut batch: Batch, now: SystemTime) -> Result<Appended, JournalError> {
        if let Some((key, _keep)) = &batch.dedupe
            && let Some((place, _keep_until)) = self.tables.dedupe.get(key)
        {
            return Ok(Appended { place: *place, duplicate: true });
        }
        if let Some((connection, reference)) = &batch.unless_current
            && let Some(holder) = self.tables.current(connection, reference)
        {
            return Err(JournalError::Conflict(holder.name.to_string()));
        }
        let mut head = self.head;
        let added = stamp(&mut head, &mut batch.events, now);
        let last_event = (!added.is_empty()).then_some(head.place.position);
        let mut tables = self.tables.clone();
        let freed: Vec<String> =
            batch.complete.iter().chain(batch.schedule.iter().map(|job| &job.id)).cloned().collect();
        if let Some((key, keep)) = batch.dedupe.take() {
            tables.dedupe.insert(key, (head.place, now + keep));
        }
        tables.apply(batch, last_event)?;
        self.tables = tables;
        self.entries.extend(added);
        self.head = head;
        for id in &freed {
            self.claims.remove(id);
        }
        Ok(Appended { place: head.place, duplicate: false })
    }
}

impl Tables {
    fn current(&self, connection: &ConnectionId, external_reference: &str) -> Option<&Arc<Record>> {
        let holds = |record: &&Arc<Record>| {
            let shown = &record.identification;
            record.name.connection == *connection
                && !external_reference.is_empty()
                && shown.external_reference == external_reference
                && CURRENT.contains(&shown.state())
        };
        self.records.values().filter(holds).max_by_key(|record| update_time(record))
    }

    fn apply(&mut self, batch: Batch, last_event: Option<Position>) -> Result<(), JournalError> {
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

fn stamp(head: &mut Head, events: &mut [Event], now: SystemTime) -> Vec<(Bytes, Checksum)> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let stamped = events.iter_mut().map(|event| head.stamp(event, now_ms));
    stamped.map(|stamped| (stamped.bytes, stamped.checksum)).collect()
}

fn is_live(record: &Record) -> bool {
    record.identification.state != IdentificationState::Deleted as i32
}

fn is_known_by(record: &Record, by: VendorId<'_>) -> bool {
    record.identification.vendor_reference.as_ref().is_some_and(|ids| match by {
        VendorId::Reference(wanted) => same(&ids.reference, wanted),
        VendorId::Id(wanted) => same(&ids.id, wanted),
        VendorId::Ticket(wanted) => ids.ticket_ids.iter().any(|id| same(id, wanted)),
    })
}

fn update_time(record: &Record) -> (i64, i32) {
    record.identification.update_time.map_or((0, 0), |time| (time.seconds, time.nanos))
}

/// No identifier is the same as an empty one.
fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && one.eq_ignore_ascii_case(other)
}

fn conflict(request_id: Uuid) -> JournalError {
    JournalError::Conflict(request_id.to_string())
}
