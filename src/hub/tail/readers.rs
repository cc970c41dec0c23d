//! The open streams of a process, and when each is to be woken. One sweep serves them all: none has a timer or a task.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use crate::hub::tail::ring::Block;
use crate::hub::tail::seats::Seat;
use crate::hub::tail::{For, Wait};
use crate::journal::Place;
use crate::model::filter::Filter;

/// A reader that takes nothing for so long is dropped.
const SLOWEST_READER: Duration = Duration::from_secs(60);

/// The open streams by their numbers.
#[derive(Default)]
pub(super) struct Readers {
    by_number: HashMap<u64, Reader>,
    next: u64,
    /// When somebody looks at them again, at the latest.
    pub(super) next_sweep: Option<SystemTime>,
}

struct Reader {
    filter: Arc<Filter>,
    phase: Phase,
    /// Nothing up to here matches its filter, of what came since it began to wait for more.
    passed: Option<Place>,
    /// Given back when it is dropped.
    seat: Option<Seat>,
}

enum Phase {
    /// It was given something, or woken, and is to take more.
    Takes { since: SystemTime },
    /// It waits for what comes, or a time.
    Waits { waker: Waker, until: SystemTime, for_what: For },
    /// It took nothing for too long.
    Dropped,
}

impl Readers {
    pub(super) fn add(&mut self, filter: Arc<Filter>, seat: Seat, now: SystemTime) -> u64 {
        self.next += 1;
        let phase = Phase::Takes { since: now };
        self.by_number.insert(self.next, Reader { filter, phase, passed: None, seat: Some(seat) });
        self.next
    }

    /// Forgets a reader; its seat is free once what is returned is dropped.
    pub(super) fn remove(&mut self, number: u64) -> Option<Seat> {
        self.by_number.remove(&number)?.seat
    }

    /// Whether the reader was dropped for taking nothing.
    pub(super) fn is_dropped(&self, number: u64) -> bool {
        self.by_number.get(&number).is_none_or(|reader| matches!(reader.phase, Phase::Dropped))
    }

    /// How far it has come without being asked, since it began to wait.
    pub(super) fn take_passed(&mut self, number: u64) -> Option<Place> {
        self.by_number.get_mut(&number)?.passed.take()
    }

    /// The reader was given something. Tells when to look at it.
    pub(super) fn takes(&mut self, number: u64, now: SystemTime) -> SystemTime {
        self.enter(number, Phase::Takes { since: now });
        now + SLOWEST_READER
    }

    pub(super) fn waits(&mut self, number: u64, wait: &Wait<'_>) {
        let Wait { waker, until, for_what } = *wait;
        self.enter(number, Phase::Waits { waker: waker.clone(), until, for_what });
    }

    fn enter(&mut self, number: u64, phase: Phase) {
        if let Some(reader) = self.by_number.get_mut(&number)
            && !matches!(reader.phase, Phase::Dropped)
        {
            reader.phase = phase;
        }
    }

    /// Who waits for one of `blocks`; everybody else who waits has passed them, up to `end`.
    pub(super) fn reached_by(&mut self, blocks: &[Block], end: Place, now: SystemTime) -> Vec<Waker> {
        let mut woken = Vec::new();
        for reader in self.by_number.values_mut() {
            let reached = match reader.phase {
                Phase::Waits { for_what: For::Anything, .. } => true,
                Phase::Waits { for_what: For::Matching, .. } => {
                    blocks.iter().any(|block| block.has_any(&reader.filter))
                }
                // Where it stands is not known here: it has passed nothing.
                Phase::Waits { for_what: For::Work, .. } | Phase::Takes { .. } | Phase::Dropped => continue,
            };
            if reached {
                woken.extend(reader.phase.wake(now));
            } else {
                reader.passed = Some(end);
            }
        }
        woken
    }

    /// Everybody who waits.
    pub(super) fn all(&mut self, now: SystemTime) -> Vec<Waker> {
        self.by_number.values_mut().filter_map(|reader| reader.phase.wake(now)).collect()
    }

    /// Who is to be woken now. Drops who takes nothing; the seats are free once they are dropped.
    pub(super) fn sweep(&mut self, now: SystemTime) -> (Vec<Waker>, Vec<Seat>) {
        let (mut woken, mut freed, mut next) = (Vec::new(), Vec::new(), None::<SystemTime>);
        for reader in self.by_number.values_mut() {
            match &reader.phase {
                Phase::Waits { until, .. } if *until <= now => woken.extend(reader.phase.wake(now)),
                Phase::Takes { since } if *since + SLOWEST_READER <= now => {
                    reader.phase = Phase::Dropped;
                    freed.extend(reader.seat.take());
                }
                _ => {}
            }
            let again = match &reader.phase {
                Phase::Waits { until, .. } => *until,
                Phase::Takes { since } => *since + SLOWEST_READER,
                Phase::Dropped => continue,
            };
            next = Some(next.map_or(again, |next| next.min(again)));
        }
        self.next_sweep = next;
        (woken, freed)
    }
}

impl Phase {
    fn wake(&mut self, now: SystemTime) -> Option<Waker> {
        if !matches!(self, Self::Waits { .. }) {
            return None;
        }
        match std::mem::replace(self, Self::Takes { since: now }) {
            Self::Waits { waker, .. } => Some(waker),
            Self::Takes { .. } | Self::Dropped => None,
        }
    }
}
