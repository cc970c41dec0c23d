//! Checks a journal's history, and planted faults that the checker must find.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::journal::seal::SealedItem;
use idv_gateway::journal::{
    Appended, Batch, Delivery, Identity, Job, Journal, JournalError, Page, Place, Position, Request,
    RequestKey, VendorId,
};
use idv_gateway::model::filter::Filter;
use idv_gateway::model::name::{ConnectionId, DeliveryName, IdentificationName};
use idv_gateway::model::record::Record;
use idv_gateway::proto::Event;
use prost::Message as _;
use tokio::sync::watch;

use super::fixture::{Fixture, any_event, events};

/// Reads everything in pages of `limit`.
pub(crate) async fn read_all(journal: &dyn Journal, limit: usize) -> Vec<(Position, Event)> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = journal.read(after, &Filter::default(), limit).await.unwrap();
        for entry in page.entries {
            all.push((entry.place.position, Event::decode(entry.bytes).unwrap()));
        }
        if page.next.position == after {
            return all;
        }
        after = page.next.position;
    }
}

/// Appends `each` events from each of `writers` tasks at once, and compares what can be read with what the
/// appends said. Returns what is wrong.
pub(crate) async fn check_history(journal: Arc<dyn Journal>, writers: usize, each: usize) -> Vec<String> {
    let tasks: Vec<_> = (0..writers)
        .map(|_writer| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for _ in 0..each {
                    let event = any_event();
                    let id = event.event_id.clone();
                    let appended = journal.append(events(vec![event])).await.unwrap();
                    mine.push((id, appended.place.position));
                }
                mine
            })
        })
        .collect();
    let mut promised = HashMap::new();
    let mut wrong = Vec::new();
    for task in tasks {
        let mine = task.await.unwrap();
        if !mine.is_sorted_by_key(|(_id, position)| *position) {
            wrong.push("the appends of one writer are out of order".to_owned());
        }
        promised.extend(mine);
    }
    let read = read_all(&*journal, 7).await;
    for (expected, (position, _event)) in (1..).zip(&read) {
        if *position != expected {
            wrong.push(format!("position {position} stands where {expected} should"));
        }
    }
    for (position, event) in &read {
        match promised.remove(&event.event_id) {
            Some(said) if said == *position => {}
            Some(said) => wrong.push(format!("an append said {said} and is at {position}")),
            None => wrong.push(format!("position {position} is read twice or was never appended")),
        }
    }
    wrong.extend(promised.values().map(|position| format!("position {position} was acknowledged and lost")));
    wrong
}

/// `inner` as if everything up to `low_water` were truncated.
pub(crate) fn truncated(inner: Arc<dyn Journal>, low_water: Position) -> Arc<dyn Journal> {
    Arc::new(Altered { inner, how: How::IsTruncated(low_water), appends: AtomicU64::new(0) })
}

/// How [`Altered`] differs.
#[derive(Clone, Copy)]
enum How {
    DropsAnEvent,
    SaysAPositionTwice,
    ReadsAnEventTwice,
    IsTruncated(Position),
}

/// A journal that is not as its store says.
struct Altered {
    inner: Arc<dyn Journal>,
    how: How,
    appends: AtomicU64,
}

#[tokio::test]
async fn the_checker_passes_a_sound_journal() {
    assert_eq!(check_history(Fixture::memory().journal, 3, 10).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_checker_finds_planted_faults() {
    for (how, symptom) in [
        (How::DropsAnEvent, "acknowledged and lost"),
        (How::SaysAPositionTwice, "an append said"),
        (How::ReadsAnEventTwice, "is read twice"),
    ] {
        let altered = Altered { inner: Fixture::memory().journal, how, appends: AtomicU64::new(0) };
        let wrong = check_history(Arc::new(altered), 3, 10).await;
        assert!(wrong.iter().any(|line| line.contains(symptom)), "{symptom}: {wrong:?}");
    }
}

#[async_trait]
impl Journal for Altered {
    async fn append(&self, mut batch: Batch) -> Result<Appended, JournalError> {
        let fifth = self.appends.fetch_add(1, Ordering::Relaxed) == 4;
        if fifth && matches!(self.how, How::DropsAnEvent) {
            batch.events.clear();
        }
        let mut appended = self.inner.append(batch).await?;
        if fifth && matches!(self.how, How::SaysAPositionTwice) {
            appended.place.position -= 1;
        }
        Ok(appended)
    }

    async fn read(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, JournalError> {
        let mut page = self.inner.read(after, filter, limit).await?;
        if after == 0
            && matches!(self.how, How::ReadsAnEventTwice)
            && let Some(first) = page.entries.first().cloned()
        {
            page.entries.insert(0, first);
        }
        if let How::IsTruncated(low_water) = self.how {
            page.low_water = low_water;
            page.entries.retain(|entry| entry.place.position > low_water);
        }
        Ok(page)
    }

    async fn place(&self, position: Position) -> Result<Option<Place>, JournalError> {
        match self.how {
            How::IsTruncated(low_water) if position <= low_water => Ok(None),
            _ => self.inner.place(position).await,
        }
    }

    fn watch_head(&self) -> watch::Receiver<Position> {
        self.inner.watch_head()
    }

    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    async fn record(&self, name: &IdentificationName) -> Result<Option<Record>, JournalError> {
        self.inner.record(name).await
    }

    async fn find(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Option<Record>, JournalError> {
        self.inner.find(connection, by).await
    }

    async fn delivery(&self, name: &DeliveryName) -> Result<Option<Delivery>, JournalError> {
        self.inner.delivery(name).await
    }

    async fn last_delivery_time(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<SystemTime>, JournalError> {
        self.inner.last_delivery_time(connection).await
    }

    async fn first_created_after(
        &self,
        connection: &ConnectionId,
        after: SystemTime,
    ) -> Result<Option<SystemTime>, JournalError> {
        self.inner.first_created_after(connection, after).await
    }

    async fn deliveries_like(
        &self,
        connection: &ConnectionId,
        body_sha256: [u8; 32],
    ) -> Result<Vec<Delivery>, JournalError> {
        self.inner.deliveries_like(connection, body_sha256).await
    }

    async fn unmatched(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Vec<Delivery>, JournalError> {
        self.inner.unmatched(connection, by).await
    }

    async fn request(&self, key: &RequestKey) -> Result<Option<Request>, JournalError> {
        self.inner.request(key).await
    }

    async fn sealed(&self, item: &str) -> Result<Option<SealedItem>, JournalError> {
        self.inner.sealed(item).await
    }

    async fn claim(&self, now: SystemTime, limit: usize, lease: Duration) -> Result<Vec<Job>, JournalError> {
        self.inner.claim(now, limit, lease).await
    }

    async fn next_due(&self) -> Result<Option<SystemTime>, JournalError> {
        self.inner.next_due().await
    }

    fn watch_due(&self) -> watch::Receiver<u64> {
        self.inner.watch_due()
    }

    async fn sweep(&self, now: SystemTime) -> Result<u64, JournalError> {
        self.inner.sweep(now).await
    }

    async fn health(&self) -> Result<(), JournalError> {
        self.inner.health().await
    }
}
