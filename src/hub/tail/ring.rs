//! The newest events, encoded once, for every stream that keeps up.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use crate::hub::tail::frame::{CHUNK, put_event};
use crate::journal::{Entry, Identity, JournalError, Place, Position};
use crate::model::event_keys::EventKeys;
use crate::model::filter::Filter;

/// So much in one piece goes out alone: below it, copying pieces together is cheaper than sending each.
const WORTH_SENDING: usize = CHUNK / 4;
/// Most entries one look passes, so that nobody waits long for the others' turn.
const SCAN: usize = 4096;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::hub) struct Limits {
    /// Bytes, with what filters look at.
    pub(in crate::hub) bytes: usize,
    /// Events.
    pub(in crate::hub) events: usize,
}

/// Consecutive events of the journal: all after one place, up to another.
pub(in crate::hub) struct Ring {
    limits: Limits,
    start: Place,
    end: Place,
    blocks: VecDeque<Block>,
    bytes: usize,
    events: usize,
}

/// Events whose messages lie in one piece of memory.
pub(in crate::hub) struct Block {
    messages: Bytes,
    entries: Vec<Kept>,
    weight: usize,
}

struct Kept {
    place: Place,
    /// Where its message ends; it begins where the one before ends.
    end: usize,
    keys: EventKeys,
}

/// What one look finds.
pub(in crate::hub) struct Found {
    /// Messages, in pieces.
    pub(in crate::hub) pieces: Vec<Bytes>,
    /// Everything up to here was found or does not match.
    pub(in crate::hub) place: Place,
}

impl Ring {
    /// An empty one, which goes on after `place`.
    pub(in crate::hub) fn new(place: Place, limits: Limits) -> Self {
        Self { limits, start: place, end: place, blocks: VecDeque::new(), bytes: 0, events: 0 }
    }

    /// The place of its newest event.
    pub(in crate::hub) fn end(&self) -> Place {
        self.end
    }

    /// Whether everything after `position` that the ring knows of is still in it.
    pub(in crate::hub) fn reaches_back_to(&self, position: Position) -> bool {
        self.start.position <= position
    }

    /// Bytes that are held.
    pub(in crate::hub) fn weight(&self) -> usize {
        self.bytes
    }

    /// Adds what comes next and drops what is too much.
    pub(in crate::hub) fn push(&mut self, block: Block) {
        let Some(last) = block.entries.last() else { return };
        self.end = last.place;
        self.bytes += block.weight;
        self.events += block.entries.len();
        self.blocks.push_back(block);
        while self.bytes > self.limits.bytes || self.events > self.limits.events {
            let Some(oldest) = self.blocks.pop_front() else { return };
            self.bytes -= oldest.weight;
            self.events -= oldest.entries.len();
            self.start = oldest.entries.last().map_or(self.start, |last| last.place);
        }
    }

    /// The next messages after `place` that match: about [`CHUNK`] bytes, without copying where they lie together.
    pub(in crate::hub) fn after(&self, place: Place, filter: &Filter) -> Found {
        let mut found = Found { pieces: Vec::new(), place };
        let (mut size, mut left) = (0, SCAN);
        let first = self.blocks.partition_point(|block| block.last() <= place.position);
        for block in self.blocks.range(first..) {
            let mut run = block.pieces_after(found.place, filter, CHUNK.saturating_sub(size), &mut left);
            found.place = run.place;
            size += run.pieces.iter().map(Bytes::len).sum::<usize>();
            found.pieces.append(&mut run.pieces);
            let broke_off = found.place.position < block.last();
            if broke_off || size >= WORTH_SENDING {
                break;
            }
        }
        found
    }
}

impl Block {
    /// The messages of `entries`, which follow one another, in as few blocks as may be.
    pub(in crate::hub) fn of(identity: &Identity, entries: Vec<Entry>) -> Result<Vec<Self>, JournalError> {
        let (mut blocks, mut messages, mut kept) = (Vec::new(), BytesMut::new(), Vec::new());
        for entry in entries {
            let keys = EventKeys::decode(entry.bytes.clone()).map_err(|error| {
                JournalError::Damaged(format!("position {}: {error}", entry.place.position))
            })?;
            put_event(identity, &entry, &mut messages);
            kept.push(Kept { place: entry.place, end: messages.len(), keys });
            if messages.len() >= CHUNK {
                blocks.push(Self::new(&messages, std::mem::take(&mut kept)));
                messages.clear();
            }
        }
        if !kept.is_empty() {
            blocks.push(Self::new(&messages, kept));
        }
        Ok(blocks)
    }

    fn new(messages: &[u8], entries: Vec<Kept>) -> Self {
        // In memory of its own: a slice of a larger one would hold all of that, uncounted.
        let messages = Bytes::copy_from_slice(messages);
        let weight = messages.len() + entries.iter().map(Kept::weight).sum::<usize>();
        Self { messages, entries, weight }
    }

    fn last(&self) -> Position {
        self.end().position
    }

    /// The place of its last event.
    pub(in crate::hub) fn end(&self) -> Place {
        self.entries.last().map(|kept| kept.place).unwrap_or_default()
    }

    /// Whether `filter` lets anything of it through.
    pub(in crate::hub) fn has_any(&self, filter: &Filter) -> bool {
        filter.is_everything() || self.entries.iter().any(|kept| filter.matches(&kept.keys))
    }

    /// Matching messages after `place`, of at most `room` bytes, or one; `left` counts the entries looked at.
    fn pieces_after(&self, place: Place, filter: &Filter, room: usize, left: &mut usize) -> Found {
        let first = self.entries.partition_point(|kept| kept.place.position <= place.position);
        let mut begin = first.checked_sub(1).map_or(0, |before| self.entries[before].end);
        let mut found = Found { pieces: Vec::new(), place };
        let (mut run, mut size) = (begin..begin, 0);
        for kept in &self.entries[first..] {
            if *left == 0 {
                break;
            }
            if filter.is_everything() || filter.matches(&kept.keys) {
                if size > 0 && size + (kept.end - begin) > room {
                    break;
                }
                size += kept.end - begin;
                if run.end != begin {
                    found.pieces.extend((!run.is_empty()).then(|| self.messages.slice(run.clone())));
                    run.start = begin;
                }
                run.end = kept.end;
            }
            *left -= 1;
            begin = kept.end;
            found.place = kept.place;
        }
        found.pieces.extend((!run.is_empty()).then(|| self.messages.slice(run)));
        found
    }
}

impl Kept {
    fn weight(&self) -> usize {
        let keys = &self.keys;
        let labels = keys.labels.iter().map(|(key, value)| 64 + key.len() + value.len()).sum::<usize>();
        let texts = keys.subject.len() + keys.identification.len() + keys.external_reference.len();
        size_of::<Self>() + texts + labels
    }
}
