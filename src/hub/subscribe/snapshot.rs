//! The present state, then the place from which events go on.

use crate::hub::subscribe::reader::{End, Reader};
use crate::journal::{Order, RecordPage, RecordQuery};
use crate::model::name::IdentificationName;
use crate::model::record::Record;
use crate::model::record_filter::RecordFilter;
use crate::proto::watch_events_response::Message as Body;
use crate::proto::{SnapshotCompleted, SnapshotItem};

/// Identifications read at once.
const PAGE: usize = 256;

impl Reader {
    /// Sends every identification the reader asked for, and where to go on from.
    ///
    /// The place is taken before the first is read: what changes from then on comes as an event, whether or not an
    /// item showed it already.
    pub(super) async fn send_snapshot(&mut self) -> Result<(), End> {
        let head = self.hub.head_place().await?;
        let selection = self.filter.selection();
        let item_count = match selection.names {
            Some(names) => self.send_named(&names, &selection.filter).await?,
            None => self.send_all(selection.filter).await?,
        };
        self.send_at(head, Body::SnapshotCompleted(SnapshotCompleted { item_count })).await?;
        self.in_snapshot = false;
        Ok(())
    }

    async fn send_named(&mut self, names: &[IdentificationName], filter: &RecordFilter) -> Result<i64, End> {
        let mut count = 0;
        for name in names {
            let record = self.hub.journal.record(name).await?;
            if let Some(record) = record.filter(|record| filter.matches(record)) {
                self.send_item(record).await?;
                count += 1;
            }
            self.breathe().await?;
        }
        Ok(count)
    }

    async fn send_all(&mut self, filter: RecordFilter) -> Result<i64, End> {
        // Where new ones come faster than the reader takes them, only an end fixed beforehand is ever reached.
        let mut backwards =
            RecordQuery { filter: filter.clone(), order: Order::NewestFirst, after: None, limit: 1 };
        let last = loop {
            let page = self.list(&mut backwards).await?;
            if let Some(newest) = page.records.into_iter().next() {
                break newest.name;
            }
            if page.next.is_none() {
                return Ok(0);
            }
        };
        let mut forwards = RecordQuery { filter, order: Order::OldestFirst, after: None, limit: PAGE };
        let mut count = 0;
        loop {
            let page = self.list(&mut forwards).await?;
            for record in page.records {
                let is_last = record.name == last;
                self.send_item(record).await?;
                count += 1;
                if is_last {
                    return Ok(count);
                }
            }
            // Without the last: it was deleted meanwhile.
            if page.next.is_none() {
                return Ok(count);
            }
        }
    }

    /// The next page of `query`, which moves on behind it.
    async fn list(&mut self, query: &mut RecordQuery) -> Result<RecordPage, End> {
        self.breathe().await?;
        let page = self.hub.journal.list(query).await?;
        query.after = page.next;
        Ok(page)
    }

    async fn send_item(&mut self, record: Record) -> Result<(), End> {
        self.interrupted()?;
        let identification = Some(record.identification);
        self.send(Body::SnapshotItem(SnapshotItem { identification })).await
    }
}
