//! What every store does alike with one event - stamp it, encode it once, check it, put it on a page - and how it
//! looks at an identification.

use std::ops::ControlFlow;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use prost::Message as _;
use prost_types::Timestamp;

use crate::journal::{Entry, JournalError, Page, Place, Position};
use crate::model::filter::Filter;
use crate::proto::{Event, Identification, IdentificationState};

/// First bytes of SHA-256 over position and bytes of an entry.
pub(super) type Checksum = [u8; 16];

/// Most entries one read looks at, and most bytes: a filter that drops everything must not hold a reader's
/// connection for as long as the journal is.
const SCAN_ENTRIES: usize = 4096;
const SCAN_BYTES: usize = 4 << 20;

/// The newest entry, as far as the next one depends on it. The default is an empty journal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) place: Place,
    pub(super) record_time_ms: i64,
}

/// An event as it is written.
pub(super) struct Stamped {
    pub(super) bytes: Bytes,
    pub(super) checksum: Checksum,
}

impl Head {
    /// Encodes `event` as the next entry, recorded at `now_ms` but not before its predecessor.
    pub(super) fn stamp(&mut self, event: &mut Event, now_ms: i64) -> Stamped {
        let record_time_ms = now_ms.max(self.record_time_ms);
        event.record_time = Some(timestamp(record_time_ms));
        let bytes = Bytes::from(event.encode_to_vec());
        let position = self.place.position + 1;
        let checksum = checksum(position, &bytes);
        *self = Self { place: place(position, &checksum), record_time_ms };
        Stamped { bytes, checksum }
    }
}

/// The checksum of the entry `bytes` at `position`.
pub(super) fn checksum(position: Position, bytes: &[u8]) -> Checksum {
    let mut context = Context::new(&SHA256);
    context.update(&position.to_be_bytes());
    context.update(bytes);
    let mut checksum = Checksum::default();
    checksum.copy_from_slice(&context.finish().as_ref()[..size_of::<Checksum>()]);
    checksum
}

/// The entry that was stored with `stored`, unless either was altered since.
pub(super) fn verified(position: Position, bytes: Bytes, stored: &[u8]) -> Result<Entry, JournalError> {
    let checksum = checksum(position, &bytes);
    if checksum == *stored {
        return Ok(Entry { place: place(position, &checksum), bytes });
    }
    Err(JournalError::Damaged(format!("position {position}")))
}

/// When an identification that its vendor took on was created.
pub(super) fn taken_on_at(identification: &Identification) -> Option<SystemTime> {
    let taken_on =
        !matches!(identification.state(), IdentificationState::Creating | IdentificationState::Failed);
    identification.create_time.filter(|_| taken_on).and_then(|time| SystemTime::try_from(time).ok())
}

/// The place of an entry with this checksum.
pub(super) fn place(position: Position, checksum: &Checksum) -> Place {
    Place { position, check: [checksum[0], checksum[1], checksum[2], checksum[3]] }
}

/// A page being filled from consecutive entries.
pub(super) struct Scan<'a> {
    filter: &'a Filter,
    limit: usize,
    scanned: usize,
    bytes: usize,
    page: Page,
}

impl<'a> Scan<'a> {
    /// An empty page that begins after `after`.
    pub(super) fn new(
        after: Position,
        filter: &'a Filter,
        limit: usize,
        head: Position,
        low_water: Position,
    ) -> Self {
        let next = Place { position: after, check: [0; 4] };
        Self {
            filter,
            limit,
            scanned: 0,
            bytes: 0,
            page: Page { entries: Vec::new(), next, head, low_water },
        }
    }

    /// Takes the next stored entry, and breaks when the page is full. The first entry may be that at `after`
    /// itself: it only tells the place.
    pub(super) fn push(
        &mut self,
        position: Position,
        bytes: Bytes,
        stored: &[u8],
    ) -> Result<ControlFlow<()>, JournalError> {
        let after = self.page.next.position;
        if position > after && self.is_full() {
            return Ok(ControlFlow::Break(()));
        }
        // A lost entry must not pass for one that the filter dropped.
        if position > after.max(self.page.low_water) + 1 {
            return Err(JournalError::Damaged(format!("position {}", after + 1)));
        }
        let entry = verified(position, bytes, stored)?;
        self.page.next = entry.place;
        if position > after {
            self.scanned += 1;
            self.bytes += entry.bytes.len();
            if self.filter.is_everything() || self.filter.matches(&decode(&entry)?) {
                self.page.entries.push(entry);
            }
        }
        Ok(if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// The page.
    pub(super) fn finish(self) -> Page {
        self.page
    }

    fn is_full(&self) -> bool {
        self.page.entries.len() >= self.limit || self.scanned >= SCAN_ENTRIES || self.bytes >= SCAN_BYTES
    }
}

fn decode(entry: &Entry) -> Result<Event, JournalError> {
    // The bytes are as they were written, so only an incompatible contract can cause this.
    Event::decode(entry.bytes.clone())
        .map_err(|_undecodable| JournalError::Damaged(format!("position {}", entry.place.position)))
}

fn timestamp(ms: i64) -> Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: ms.div_euclid(1000), nanos }
}
