//! When a call is made again, and how many may be.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::clock::Clock;

/// Longest delay a vendor's `Retry-After` can ask for.
const MAX_DELAY: Duration = Duration::from_hours(1);

/// The longest pause before the second try; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What a budget counts over.
const WINDOW: Duration = Duration::from_secs(60);
/// Repeats of one window that need no calls to be measured by: a quiet connection may repeat, too.
const RESERVE: u32 = 10;
/// One repeat for so many calls: a vendor that fails altogether is asked 1.1 times as often as one that works.
const CALLS_PER_REPEAT: u32 = 10;

/// Which calls may be made again after they failed for a reason that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// All: they read, or write the same thing however often they come.
    Freely,
    /// Those that the vendor surely did not act on: another one would make another thing.
    Unsent,
    /// None: the vendor wants to be asked no more than once.
    Never,
}

/// A random pause before the try after `tries`, so that callers who failed together do not return together.
pub(super) fn pause(clock: &Clock, tries: u32) -> Duration {
    let longest =
        FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_PAUSE);
    clock.jitter(longest / 2, 1.0)
}

/// Bounds the repeats of one connection: repeating what fails everywhere keeps a vendor from recovering.
pub(super) struct Budget(Mutex<Window>);

struct Window {
    since: SystemTime,
    calls: u32,
    repeats: u32,
}

impl Budget {
    pub(super) fn new(now: SystemTime) -> Self {
        Self(Mutex::new(Window { since: now, calls: 0, repeats: 0 }))
    }

    /// Counts a call, whatever will become of it.
    pub(super) fn note_call(&self, now: SystemTime) {
        self.window(now, |window| window.calls = window.calls.saturating_add(1));
    }

    /// Takes one repeat, if one is left.
    pub(super) fn take(&self, now: SystemTime) -> bool {
        self.window(now, |window| {
            let left = window.repeats < RESERVE.max(window.calls / CALLS_PER_REPEAT);
            window.repeats += u32::from(left);
            left
        })
    }

    fn window<T>(&self, now: SystemTime, act: impl FnOnce(&mut Window) -> T) -> T {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new one, too.
        if now.duration_since(window.since).map_or(true, |age| age >= WINDOW) {
            *window = Window { since: now, calls: 0, repeats: 0 };
        }
        act(&mut window)
    }
}

/// How long a vendor asks to be left alone: `Retry-After` in seconds or as a date.
pub(super) fn asked_delay(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_no_number) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(delay.min(MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_random_and_grow_to_their_limit() {
        let clock = Clock::system();
        for (tries, longest) in
            [(1, FIRST_PAUSE), (2, FIRST_PAUSE * 2), (3, FIRST_PAUSE * 4), (40, LONGEST_PAUSE)]
        {
            let pauses: Vec<_> = (0..500).map(|_| pause(&clock, tries)).collect();
            assert!(pauses.iter().all(|pause| *pause <= longest), "{tries}");
            // Each half of the range is met, the chance of missing one is 2^-499.
            assert!(pauses.iter().any(|pause| *pause > longest / 2), "{tries}");
            assert!(pauses.iter().any(|pause| *pause < longest / 2), "{tries}");
        }
    }

    #[test]
    fn a_tenth_of_the_calls_may_be_repeated_and_a_few_of_few() {
        let start = SystemTime::UNIX_EPOCH + WINDOW;
        let repeats = |budget: &Budget, calls: u32, now: SystemTime| {
            (0..calls).map(|_| budget.note_call(now)).for_each(drop);
            (0..1000).filter(|_| budget.take(now)).count()
        };
        for (calls, expected) in [(1, 10), (99, 10), (100, 10), (200, 20), (1000, 100)] {
            assert_eq!(repeats(&Budget::new(start), calls, start), expected, "{calls}");
        }
        let budget = Budget::new(start);
        assert_eq!(repeats(&budget, 1, start), 10);
        assert_eq!(repeats(&budget, 1, start + WINDOW - Duration::from_secs(1)), 0);
        assert_eq!(repeats(&budget, 1, start + WINDOW), 10);
        assert_eq!(repeats(&budget, 1, start), 10, "the clock was set back");
    }
}
