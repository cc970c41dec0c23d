//! Lists of identifications: what is asked, and what comes back.

use crate::journal::page::{Filler, Paged};
use crate::model::record::Record;
use crate::model::record_filter::RecordFilter;

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

impl Paged for RecordQuery {
    type Item = Record;
    const MAX_BYTES: usize = 2 << 20;

    fn limit(&self) -> usize {
        self.limit
    }

    fn matches(&self, record: &Record) -> bool {
        self.filter.matches(record)
    }
}

impl From<Filler<'_, RecordQuery>> for RecordPage {
    fn from(filler: Filler<'_, RecordQuery>) -> Self {
        let (found, next) = filler.finish();
        let (places, records) = found.into_iter().unzip();
        Self { records, places, next }
    }
}
