//! What every store does alike with one event - stamp it, encode it once, check it, put it on a page - and how it
//! looks at an identification.

use std::ops::ControlFlow;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use prost::Message as _;
use prost_types::Timestamp;

use crate::journal::{Entry, JournalError, Page, Place, Position};
use crate::model::event_keys::EventKeys;
use crate::model::filter::Filter;
use crate::proto::{Event, Identification, IdentificationOrigin, IdentificationState};

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

/// When an identification was created that the gateway made and its vendor took on.
pub(super) fn taken_on_at(identification: &Identification) -> Option<SystemTime> {
    let taken_on =
        !matches!(identification.state(), IdentificationState::Creating | IdentificationState::Failed)
            && identification.origin() != IdentificationOrigin::Adopted;
    identification.create_time.filter(|_| taken_on).and_then(|time| SystemTime::try_from(time).ok())
}

/// The place right before the first entry recorded at or after `time`, by halving: record times never go back.
/// `at` reads the entry at a position after `low_water` and up to `head`.
pub(super) fn before(
    time: SystemTime,
    low_water: Position,
    head: Position,
    at: impl Fn(Position) -> Result<Entry, JournalError>,
) -> Result<Option<Place>, JournalError> {
    let mut before = Place { position: low_water, check: [0; 4] };
    let mut first = head + 1;
    while first - before.position > 1 {
        let middle = before.position + (first - before.position) / 2;
        let entry = at(middle)?;
        if record_time(&entry)? < time {
            before = entry.place;
        } else {
            first = middle;
        }
    }
    // When the entries that are gone were recorded, nobody can say any more.
    let all_are_kept = low_water == 0 || before.position > low_water;
    Ok(all_are_kept.then_some(before))
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
            if self.filter.is_everything() || self.filter.matches(&keys(&entry)?) {
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

fn keys(entry: &Entry) -> Result<EventKeys, JournalError> {
    // The bytes are as they were written, so only an incompatible contract can cause this.
    EventKeys::decode(entry.bytes.clone())
        .map_err(|_undecodable| JournalError::Damaged(format!("position {}", entry.place.position)))
}

fn record_time(entry: &Entry) -> Result<SystemTime, JournalError> {
    keys(entry)?.recorded().ok_or_else(|| JournalError::Damaged(format!("position {}", entry.place.position)))
}

fn timestamp(ms: i64) -> Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: ms.div_euclid(1000), nanos }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn time(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    fn entry(position: Position, ms: u64) -> Entry {
        let event = Event { record_time: Some(time(ms).into()), ..Event::default() };
        Entry { place: Place { position, check: [1; 4] }, bytes: event.encode_to_vec().into() }
    }

    proptest! {
        #[test]
        fn a_time_leads_to_the_place_that_counting_finds(
            mut times in proptest::collection::vec(0..20_u64, 0..40),
            from in 0..22_u64,
            low_water in 0..3_u64,
        ) {
            times.sort_unstable();
            let head = low_water + times.len() as u64;
            let at = |position| {
                let index = usize::try_from(position - low_water - 1).unwrap_or(usize::MAX);
                Ok(entry(position, times[index]))
            };
            let found = before(time(from), low_water, head, at).unwrap();
            let earlier = times.iter().filter(|ms| **ms < from).count() as u64;
            let expected = (low_water == 0 || earlier > 0).then_some(low_water + earlier);
            prop_assert_eq!(found.map(|place| place.position), expected);
        }
    }

    #[test]
    fn a_long_journal_is_not_walked() {
        let looks = Cell::new(0);
        let at = |position| {
            looks.set(looks.get() + 1);
            Ok(entry(position, position))
        };
        let found = before(time(777_777_777), 0, 1 << 40, at).unwrap();
        assert_eq!(found, Some(Place { position: 777_777_776, check: [1; 4] }));
        assert!(looks.get() <= 41, "{}", looks.get());
    }
}
