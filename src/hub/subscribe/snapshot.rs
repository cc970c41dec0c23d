//! The present state, then the place from which events go on.

use bytes::{Bytes, BytesMut};

use crate::error::Result;
use crate::hub::subscribe::WATCH;
use crate::hub::subscribe::step::{Done, Step, message};
use crate::hub::tail::frame::CHUNK;
use crate::hub::{Hub, store};
use crate::journal::{Order, Place, RecordPage, RecordQuery};
use crate::model::filter::Filter;
use crate::model::name::IdentificationName;
use crate::model::record::Record;
use crate::model::record_filter::RecordFilter;
use crate::proto::watch_events_response::Message as Body;
use crate::proto::{SnapshotCompleted, SnapshotItem};

/// Identifications read at once.
const PAGE: usize = 256;

/// How far a snapshot has come.
///
/// The place to go on from is taken before the first identification is read: what changes from then on comes as an
/// event, whether or not an item showed it already.
#[derive(Debug, Clone, Default)]
pub(super) enum Snapshot {
    /// Nothing is read.
    #[default]
    Begin,
    /// The newest that matches is looked for. Where new ones come faster than the reader takes them, only an end fixed
    /// beforehand is ever reached.
    Newest { head: Place, query: RecordQuery },
    /// The items up to the one that was newest.
    Items { head: Place, query: RecordQuery, last: IdentificationName, count: i64 },
}

impl Snapshot {
    /// Reads the next part of it.
    pub(super) async fn advance(self, hub: &Hub, filter: &Filter) -> Result<Done> {
        match self {
            Self::Begin => {
                let head = hub.head_place().await?;
                let selection = filter.selection();
                match selection.names {
                    Some(names) => named(hub, head, &names, &selection.filter).await,
                    None => newest(hub, head, query(selection.filter, Order::NewestFirst, 1)).await,
                }
            }
            Self::Newest { head, query } => newest(hub, head, query).await,
            Self::Items { head, query, last, count } => items(hub, head, query, last, count).await,
        }
    }
}

fn query(filter: RecordFilter, order: Order, limit: usize) -> RecordQuery {
    RecordQuery { filter, order, after: None, limit }
}

async fn named(hub: &Hub, head: Place, names: &[IdentificationName], filter: &RecordFilter) -> Result<Done> {
    let mut found = Vec::new();
    for name in names {
        let record = hub.journal.record(name).await.map_err(|error| store(error, WATCH))?;
        found.extend(record.filter(|record| filter.matches(record)));
    }
    let count = length(&found);
    Ok(completed(hub, head, found, count))
}

async fn newest(hub: &Hub, head: Place, mut query: RecordQuery) -> Result<Done> {
    let page = page(hub, &mut query).await?;
    let then = match page.records.into_iter().next() {
        Some(newest) => {
            let query = self::query(query.filter, Order::OldestFirst, PAGE);
            Snapshot::Items { head, query, last: newest.name, count: 0 }
        }
        None if page.next.is_none() => return Ok(completed(hub, head, Vec::new(), 0)),
        None => Snapshot::Newest { head, query },
    };
    Ok(part(Vec::new(), then))
}

async fn items(
    hub: &Hub,
    head: Place,
    mut query: RecordQuery,
    last: IdentificationName,
    count: i64,
) -> Result<Done> {
    let mut page = page(hub, &mut query).await?;
    let end = page.records.iter().position(|record| record.name == last);
    page.records.truncate(end.map_or(usize::MAX, |end| end + 1));
    let count = count + length(&page.records);
    // Without the last: it was deleted meanwhile.
    if end.is_some() || page.next.is_none() {
        return Ok(completed(hub, head, page.records, count));
    }
    Ok(part(shown(hub, page.records), Snapshot::Items { head, query, last, count }))
}

/// The next page of `query`, which moves on behind it.
async fn page(hub: &Hub, query: &mut RecordQuery) -> Result<RecordPage> {
    let page = hub.journal.list(query).await.map_err(|error| store(error, WATCH))?;
    query.after = page.next;
    Ok(page)
}

fn part(ready: Vec<(Bytes, Option<Place>)>, then: Snapshot) -> Done {
    Done { ready, place: None, at_head: false, then: Step::Snapshot(Box::new(then)) }
}

fn completed(hub: &Hub, head: Place, records: Vec<Record>, item_count: i64) -> Done {
    let mut ready = shown(hub, records);
    let completed = Body::SnapshotCompleted(SnapshotCompleted { item_count });
    ready.push((message(hub, Some(head), completed), Some(head)));
    Done { ready, place: Some(head), at_head: false, then: Step::Live }
}

fn shown(hub: &Hub, records: Vec<Record>) -> Vec<(Bytes, Option<Place>)> {
    let (mut ready, mut bytes) = (Vec::new(), BytesMut::new());
    for record in records {
        let item = SnapshotItem { identification: Some(record.identification) };
        bytes.extend_from_slice(&message(hub, None, Body::SnapshotItem(item)));
        if bytes.len() >= CHUNK {
            ready.push((bytes.split().freeze(), None));
        }
    }
    ready.extend((!bytes.is_empty()).then(|| (bytes.freeze(), None)));
    ready
}

fn length(records: &[Record]) -> i64 {
    i64::try_from(records.len()).unwrap_or(i64::MAX)
}
