//! The journal in memory, for tests: the rules of the durable ones without a disk.

mod subscription;
mod tables;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use prost::Message as _;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::journal::cursor::CursorKey;
use crate::journal::delivery_page;
use crate::journal::entry::{self, Checksum, Head, Scan, taken_on_at, verified};
use crate::journal::memory::subscription::Kept;
use crate::journal::memory::tables::{Tables, is_known_by, is_live, same, update_time};
use crate::journal::page::Filler;
use crate::journal::seal::SealedItem;
use crate::journal::subscription::Subscriptions;
use crate::journal::{
    Appended, Batch, Delivery, DeliveryPage, DeliveryQuery, Entry, Identity, Job, Journal, JournalError,
    Order, Page, Place, Position, RecordPage, RecordQuery, Request, RequestKey, VendorId,
};
use crate::model::filter::Filter;
use crate::model::name::{ConnectionId, DeliveryName, IdentificationName};
use crate::model::record::Record;
use crate::proto::{Event, WebhookDeliveryState};

/// A journal that is gone with its process.
pub struct MemoryJournal {
    clock: Clock,
    identity: Identity,
    event_retention: Option<Duration>,
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
    /// An empty journal that keeps events for ever.
    pub fn new(clock: Clock) -> Arc<Self> {
        Self::keeping(clock, None)
    }

    /// An empty journal that keeps events for `event_retention`, if not for ever.
    pub fn keeping(clock: Clock, event_retention: Option<Duration>) -> Arc<Self> {
        let identity = Identity { epoch: clock.uuid(), key: CursorKey::new(clock.random()) };
        let (head, due) = (watch::Sender::new(0), watch::Sender::new(0));
        Arc::new(Self { clock, identity, event_retention, state: Mutex::default(), head, due })
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
        let low_water = state.low_water.position;
        let mut scan = Scan::new(after, filter, limit, state.head.place.position, low_water);
        let skipped = usize::try_from(after.saturating_sub(low_water + 1)).unwrap_or(usize::MAX);
        for (position, (bytes, checksum)) in (low_water + 1..).zip(&state.entries).skip(skipped) {
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
        let state = self.state();
        let removed = Some(state.low_water).filter(|place| place.position == position);
        Ok(state.entry(position)?.map(|entry| entry.place).or(removed))
    }

    async fn before(&self, time: SystemTime) -> Result<Option<Place>, JournalError> {
        let state = self.state();
        entry::before(time, state.low_water.position, state.head.place.position, |position| {
            state.entry(position)?.ok_or_else(|| JournalError::Damaged(format!("position {position}")))
        })
    }

    fn watch_head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn event_retention(&self) -> Option<Duration> {
        self.event_retention
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

    fn subscriptions(&self) -> &dyn Subscriptions {
        self
    }

    async fn sweep(&self, now: SystemTime) -> Result<u64, JournalError> {
        let mut state = self.state();
        let Tables { dedupe, requests, .. } = &mut state.tables;
        let before = dedupe.len() + requests.len();
        dedupe.retain(|_key, (_place, keep_until)| *keep_until >= now);
        requests.retain(|_key, (_request, keep_until)| keep_until.is_none_or(|until| until >= now));
        let dropped = before - dedupe.len() - requests.len();
        let oldest = self.event_retention.and_then(|kept| now.checked_sub(kept));
        let removed = oldest.map_or(Ok(0), |oldest| state.truncate(oldest))?;
        Ok((dropped + state.subscriptions.sweep(now)) as u64 + removed)
    }

    async fn health(&self) -> Result<(), JournalError> {
        self.state().refuse_when_told()
    }
}

#[derive(Default)]
struct State {
    head: Head,
    /// The newest entry that was removed.
    low_water: Place,
    /// Those after it.
    entries: Vec<(Bytes, Checksum)>,
    tables: Tables,
    subscriptions: Kept,
    claims: HashMap<String, SystemTime>,
    fault: Option<AppendFault>,
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
        let index = position.checked_sub(self.low_water.position + 1);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let stored = index.and_then(|index| self.entries.get(index));
        stored.map(|(bytes, checksum)| verified(position, bytes.clone(), checksum)).transpose()
    }

    /// Removes the events recorded before `oldest`, but for the newest; how many.
    fn truncate(&mut self, oldest: SystemTime) -> Result<u64, JournalError> {
        let low_water = self.low_water.position;
        let place = entry::before(oldest, low_water, self.head.place.position, |position| {
            self.entry(position)?.ok_or_else(|| JournalError::Damaged(format!("position {position}")))
        })?;
        let newest = self.head.place.position;
        let last = place.map_or(low_water, |place| place.position).min(newest.saturating_sub(1));
        let gone = last.saturating_sub(low_water);
        if gone > 0 {
            self.low_water = self.entry(last)?.map_or(self.low_water, |entry| entry.place);
            self.entries.drain(..usize::try_from(gone).unwrap_or(usize::MAX));
        }
        Ok(gone)
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

fn stamp(head: &mut Head, events: &mut [Event], now: SystemTime) -> Vec<(Bytes, Checksum)> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let stamped = events.iter_mut().map(|event| head.stamp(event, now_ms));
    stamped.map(|stamped| (stamped.bytes, stamped.checksum)).collect()
}
