//! Checks a journal's history, and planted faults that the checker must find.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use idv_gateway::journal::{
    Appended, Batch, Journal, JournalError, Order, Page, Position, RecordPage, RecordQuery,
};
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::Event;
use prost::Message as _;

use super::altered::{Alter, Altered};
use super::fixture::{Fixture, any_event, events};
use super::rules_lists::check_pages;

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
    Altered::over(inner, Truncated(low_water))
}

/// `inner`, calling `then` after every page that is read; a look at one event is none.
pub(crate) fn with_pages(
    inner: Arc<dyn Journal>,
    then: impl Fn() + Send + Sync + 'static,
) -> Arc<dyn Journal> {
    Altered::over(inner, AfterPages(Box::new(then)))
}

/// A store that calls somebody after every page.
struct AfterPages(Box<dyn Fn() + Send + Sync>);

#[async_trait]
impl Alter for AfterPages {
    fn read(&self, _after: Position, limit: usize, _page: &mut Page) {
        if limit > 1 {
            self.0();
        }
    }

    async fn list(&self, inner: &dyn Journal, query: RecordQuery) -> Result<RecordPage, JournalError> {
        let page = inner.list(&query).await;
        self.0();
        page
    }
}

/// A store that does not keep the rules.
struct Faulty {
    how: How,
    appends: AtomicU64,
}

enum How {
    DropsAnEvent,
    SaysAPositionTwice,
    ReadsAnEventTwice,
    ListSkipsARecord,
    ListRepeatsARecord,
    ListsInOrderOfChange,
}

/// A store that forgot its oldest entries.
struct Truncated(Position);

#[async_trait]
impl Alter for Faulty {
    async fn append(&self, inner: &dyn Journal, mut batch: Batch) -> Result<Appended, JournalError> {
        let fifth = self.appends.fetch_add(1, Ordering::Relaxed) == 4;
        if fifth && matches!(self.how, How::DropsAnEvent) {
            batch.events.clear();
        }
        let mut appended = inner.append(batch).await?;
        if fifth && matches!(self.how, How::SaysAPositionTwice) {
            appended.place.position -= 1;
        }
        Ok(appended)
    }

    fn read(&self, after: Position, _limit: usize, page: &mut Page) {
        if after == 0
            && matches!(self.how, How::ReadsAnEventTwice)
            && let Some(first) = page.entries.first().cloned()
        {
            page.entries.insert(0, first);
        }
    }

    async fn list(&self, inner: &dyn Journal, mut query: RecordQuery) -> Result<RecordPage, JournalError> {
        match self.how {
            How::ListSkipsARecord => {
                let mut page = inner.list(&query).await?;
                if query.after.is_none() {
                    page.records.pop();
                }
                Ok(page)
            }
            How::ListRepeatsARecord => {
                query.after = query.after.map(|after| match query.order {
                    Order::OldestFirst => after - 1,
                    Order::NewestFirst => after + 1,
                });
                inner.list(&query).await
            }
            How::ListsInOrderOfChange => {
                let skip = usize::try_from(query.after.take().unwrap_or_default()).unwrap();
                let limit = std::mem::replace(&mut query.limit, usize::MAX);
                let RecordPage { mut records, places, .. } = inner.list(&query).await?;
                records.sort_by_key(|record| record.identification.revision);
                let next = (records.len() > skip + limit).then(|| (skip + limit) as u64);
                Ok(RecordPage { records: records.into_iter().skip(skip).take(limit).collect(), places, next })
            }
            _ => inner.list(&query).await,
        }
    }
}

impl Alter for Truncated {
    fn read(&self, _after: Position, _limit: usize, page: &mut Page) {
        page.low_water = self.0;
        page.entries.retain(|entry| entry.place.position > self.0);
    }

    fn has(&self, position: Position) -> bool {
        position >= self.0
    }
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
        let faulty = Faulty { how, appends: AtomicU64::new(0) };
        let wrong = check_history(Altered::over(Fixture::memory().journal, faulty), 3, 10).await;
        assert!(wrong.iter().any(|line| line.contains(symptom)), "{symptom}: {wrong:?}");
    }
}

#[tokio::test]
async fn the_checker_finds_planted_faults_in_lists() {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        assert_eq!(check_pages(Fixture::memory().journal, order, 3).await, Vec::<String>::new());
        for (how, symptom) in [
            (How::ListSkipsARecord, "is missing"),
            (How::ListRepeatsARecord, "comes twice"),
            (How::ListsInOrderOfChange, "out of order"),
        ] {
            let faulty = Faulty { how, appends: AtomicU64::new(0) };
            let wrong = check_pages(Altered::over(Fixture::memory().journal, faulty), order, 3).await;
            assert!(wrong.iter().any(|line| line.contains(symptom)), "{symptom}: {wrong:?}");
        }
    }
}
