//! How many streams are open at once, of one caller and of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Kind, Result};
use crate::telemetry::{Metrics, Open};

/// The seats of a process.
pub(in crate::hub) struct Seats {
    per_caller: usize,
    in_all: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_caller: HashMap<String, usize>,
    in_all: usize,
}

/// A stream's seat, free again when it is dropped.
pub(in crate::hub) struct Seat {
    seats: Arc<Seats>,
    caller: String,
    _open: Open,
}

impl Seats {
    pub(in crate::hub) fn new(per_caller: usize, in_all: usize) -> Arc<Self> {
        Arc::new(Self { per_caller, in_all, taken: Mutex::default() })
    }

    /// A seat for a stream of `caller`, if there is one.
    pub(in crate::hub) fn take(
        self: &Arc<Self>,
        caller: &str,
        metrics: &Metrics,
        operation: &'static str,
    ) -> Result<Seat> {
        let mut taken = self.taken();
        let of_caller = taken.by_caller.get(caller).copied().unwrap_or_default();
        let full = if of_caller >= self.per_caller {
            Some(format!("too many event streams of this caller are open; the limit is {}", self.per_caller))
        } else if taken.in_all >= self.in_all {
            Some(format!("too many event streams of all callers are open; the limit is {}", self.in_all))
        } else {
            None
        };
        if let Some(detail) = full {
            return Err(Error::new(Kind::WatchLimitExceeded, operation, detail));
        }
        taken.by_caller.insert(caller.to_owned(), of_caller + 1);
        taken.in_all += 1;
        Ok(Seat { seats: self.clone(), caller: caller.to_owned(), _open: metrics.stream_opened() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.in_all -= 1;
        if let Some(of_caller) = taken.by_caller.get_mut(&self.caller) {
            *of_caller -= 1;
            if *of_caller == 0 {
                taken.by_caller.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_so_many_seats_and_all_have_so_many() {
        let seats = Seats::new(2, 3);
        let take = |caller: &str| seats.take(caller, &Metrics::noop(), "test");
        let refused = |caller: &str| take(caller).err().map(|error| (error.kind, error.detail));
        let (first, _second) = (take("one").unwrap(), take("one").unwrap());
        let (kind, detail) = refused("one").unwrap();
        assert_eq!(kind, Kind::WatchLimitExceeded);
        assert!(detail.contains("of this caller") && detail.ends_with('2'), "{detail}");
        let _third = take("other").unwrap();
        let (_, detail) = refused("another").unwrap();
        assert!(detail.contains("of all callers") && detail.ends_with('3'), "{detail}");
        drop(first);
        assert!(refused("another").is_none());
        assert!(!seats.taken().by_caller.contains_key("another"), "who has none is forgotten");
    }
}
