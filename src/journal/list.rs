//! Lists of identifications: what is asked, what comes back, and how far one look goes.

use std::ops::ControlFlow;

use crate::model::record::Record;
use crate::model::record_filter::RecordFilter;

/// Most records one list looks at, and most bytes: a filter that drops everything must not hold a reader's
/// connection for as long as the store is.
pub(super) const SCAN_RECORDS: usize = 4096;
const SCAN_BYTES: usize = 2 << 20;

/// Which identifications, in which order, and from where on.
#[derive(Debug, Clone)]
pub struct RecordQuery {
    /// Those that match it.
    pub filter: RecordFilter,
    /// By when they were first recorded, which no change moves: pages stay apart while records change.
    pub order: Order,
    /// Behind this place, which is [`RecordPage::next`] of the page before; `None`: from the beginning.
    pub after: Option<u64>,
    /// At most so many; 0 is taken for 1.
    pub limit: usize,
}

/// From which end a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What was recorded first comes first.
    OldestFirst,
    /// What was recorded last comes first.
    NewestFirst,
}

/// A part of a list.
#[derive(Debug, Clone, Default)]
pub struct RecordPage {
    /// The records, as they were at one instant. May be few, or none, where much was dropped by the filter.
    pub records: Vec<Record>,
    /// The place of each of them: what leads behind it.
    pub places: Vec<u64>,
    /// Where to go on; `None`: nothing that matches is left.
    pub next: Option<u64>,
}

/// A page being filled with records in the order of the query.
pub(super) struct RecordScan<'a> {
    query: &'a RecordQuery,
    scanned: usize,
    bytes: usize,
    page: RecordPage,
}

impl<'a> RecordScan<'a> {
    pub(super) fn new(query: &'a RecordQuery) -> Self {
        Self { query, scanned: 0, bytes: 0, page: RecordPage { next: query.after, ..RecordPage::default() } }
    }

    /// Takes the next record, stored in `size` bytes under `number`, and breaks where this page ends. A full page goes
    /// on looking for one more that matches, so that the last page knows that it is the last.
    pub(super) fn push(&mut self, number: u64, size: usize, record: Record) -> ControlFlow<()> {
        if self.scanned >= SCAN_RECORDS || self.bytes >= SCAN_BYTES {
            return ControlFlow::Break(());
        }
        if self.query.filter.matches(&record) {
            if self.page.records.len() >= self.query.limit.max(1) {
                return ControlFlow::Break(());
            }
            self.page.records.push(record);
            self.page.places.push(number);
        }
        self.scanned += 1;
        self.bytes += size;
        self.page.next = Some(number);
        ControlFlow::Continue(())
    }

    /// The page; `broken_off`: there was more to look at.
    pub(super) fn finish(self, broken_off: bool) -> RecordPage {
        RecordPage { next: self.page.next.filter(|_seen| broken_off), ..self.page }
    }
}
