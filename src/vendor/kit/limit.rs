//! How much is asked of a vendor at once, and how patiently.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;
use crate::settings::Problems;

/// What the rate allows to come at once after a rest.
const BURST: Duration = Duration::from_secs(1);
/// No setting lets a try take longer; the transport ends one by itself then.
pub(super) const LONGEST_ATTEMPT: Duration = Duration::from_secs(30);
/// No setting lets a call take longer.
const LONGEST_CALL_SECONDS: u64 = 120;

/// Limits of one connection's calls (`[connections.{name}.{vendor}.limits]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// How long a call may take with all its tries, in seconds: 1 to 120.
    pub call_timeout_seconds: u64,
    /// How long one try may take, in seconds: 1 to 30.
    pub attempt_timeout_seconds: u64,
    /// How often a call is tried at most: 1 to 3.
    pub max_attempts: u32,
    /// Requests under way at the same time: 1 to 1000.
    pub max_concurrent_requests: usize,
    /// Calls that wait until it is their turn: 0 to 100000.
    pub max_waiting_calls: usize,
    /// Requests in a second: 1 to 10000. Without it, as many as there are.
    pub max_requests_per_second: Option<u32>,
    /// Failures in a row after which an operation is left alone: 1 to 1000.
    pub breaker_failures: u32,
    /// For how long it is left alone, in seconds: 1 to 600.
    pub breaker_pause_seconds: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            call_timeout_seconds: 30,
            attempt_timeout_seconds: 10,
            max_attempts: 3,
            max_concurrent_requests: 32,
            max_waiting_calls: 1000,
            max_requests_per_second: None,
            breaker_failures: 5,
            breaker_pause_seconds: 30,
        }
    }
}

impl LimitSettings {
    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        problems.range("call_timeout_seconds", self.call_timeout_seconds, 1..=LONGEST_CALL_SECONDS);
        let longest_attempt = LONGEST_ATTEMPT.as_secs();
        problems.range("attempt_timeout_seconds", self.attempt_timeout_seconds, 1..=longest_attempt);
        problems.range("max_attempts", self.max_attempts, 1..=3);
        problems.range("max_concurrent_requests", self.max_concurrent_requests, 1..=1000);
        problems.range("max_waiting_calls", self.max_waiting_calls, 0..=100_000);
        if let Some(rate) = self.max_requests_per_second {
            problems.range("max_requests_per_second", rate, 1..=10_000);
        }
        problems.range("breaker_failures", self.breaker_failures, 1..=1000);
        problems.range("breaker_pause_seconds", self.breaker_pause_seconds, 1..=600);
    }

    /// How long a call may take with all its tries.
    pub fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.call_timeout_seconds)
    }

    /// How long one try may take.
    pub fn attempt_timeout(&self) -> Duration {
        Duration::from_secs(self.attempt_timeout_seconds)
    }

    /// For how long an operation is left alone.
    pub fn breaker_pause(&self) -> Duration {
        Duration::from_secs(self.breaker_pause_seconds)
    }
}

/// Bounds the requests under way, and the calls that wait for their turn.
pub(super) struct Slots {
    running: Semaphore,
    waiting: Semaphore,
}

/// No slot comes free in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Slots {
    pub(super) fn new(running: usize, waiting: usize) -> Self {
        Self { running: Semaphore::new(running), waiting: Semaphore::new(waiting) }
    }

    /// Waits for a slot until `deadline`, if there is room to wait.
    pub(super) async fn enter(
        &self,
        clock: &Clock,
        deadline: SystemTime,
    ) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(slot) = self.running.try_acquire() {
            return Ok(slot);
        }
        let _place = self.waiting.try_acquire().map_err(|_all_taken| Full)?;
        tokio::select! {
            biased;
            slot = self.running.acquire() => slot.map_err(|_never_closed| Full),
            () = clock.sleep_until(deadline) => Err(Full),
        }
    }
}

/// Spreads requests over time.
pub(super) struct Rate {
    interval: Duration,
    /// The turn after the last one that was given.
    next: Mutex<SystemTime>,
}

impl Rate {
    pub(super) fn new(per_second: u32, now: SystemTime) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: Mutex::new(now - BURST) }
    }

    /// The next turn, unless it comes after `deadline`: then how long that would take, and nobody has it.
    pub(super) fn book(&self, now: SystemTime, deadline: SystemTime) -> Result<SystemTime, Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody can have booked further ahead: the clock was set back.
        let latest = now + Duration::from_secs(LONGEST_CALL_SECONDS) + self.interval;
        let turn = if *next > latest { now } else { (*next).max(now - BURST + self.interval) };
        if turn > deadline {
            return Err(turn.duration_since(now).unwrap_or_default());
        }
        *next = turn + self.interval;
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + SECOND * 1_773_489_600
    }

    #[tokio::test]
    async fn whoever_finds_no_slot_waits_if_there_is_room_until_the_deadline() {
        let (clock, hand) = Clock::manual(noon());
        let slots = Slots::new(1, 1);
        let deadline = clock.now() + SECOND;
        let first = slots.enter(&clock, deadline).await.unwrap();
        let mut second = Box::pin(slots.enter(&clock, deadline));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(slots.enter(&clock, deadline).await.err(), Some(Full), "no room to wait");
        hand.advance(SECOND);
        assert_eq!(second.await.err(), Some(Full), "no slot in time");

        let mut third = Box::pin(slots.enter(&clock, deadline + SECOND));
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        assert!(third.await.is_ok());
    }

    #[test]
    fn a_second_holds_no_more_turns_than_it_may() {
        let start = noon();
        let rate = Rate::new(4, start);
        let turn = |now: SystemTime| rate.book(now, now + SECOND).map(|turn| turn.max(now));
        for _ in 0..4 {
            assert_eq!(turn(start), Ok(start), "what a second allows comes at once");
        }
        for number in 1..=4 {
            assert_eq!(turn(start), Ok(start + SECOND / 4 * number));
        }
        assert_eq!(turn(start), Err(SECOND / 4 * 5), "behind the deadline");
        assert_eq!(turn(start), Err(SECOND / 4 * 5), "which took nobody's turn");
        let rested = start + SECOND * 100;
        for _ in 0..4 {
            assert_eq!(turn(rested), Ok(rested));
        }
        assert_eq!(turn(rested), Ok(rested + SECOND / 4), "a long rest allows no more than a short one");
        assert_eq!(turn(start - SECOND * 1000), Ok(start - SECOND * 1000), "the clock was set back");
    }
}
