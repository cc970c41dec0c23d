//! Leaves a vendor alone that fails again and again: one breaker for each operation of a connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::model::name::ConnectionId;
use crate::telemetry::{BreakerState, Metrics};

/// Told to callers who come while the one that tries has not come back.
const MOMENT: Duration = Duration::from_secs(1);

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct BreakerRules {
    /// So many failures in a row open it.
    pub(super) failures: u32,
    /// So long nobody gets through; then one call does, to see.
    pub(super) pause: Duration,
}

/// Counts failures in a row of one operation.
pub(super) struct Breaker {
    rules: BreakerRules,
    clock: Clock,
    place: Place,
    state: Mutex<State>,
}

/// What a breaker is for.
pub(super) struct Place {
    pub(super) connection: ConnectionId,
    pub(super) operation: &'static str,
    pub(super) metrics: Metrics,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: SystemTime,
    },
    /// One call is on its way to see whether the vendor works again.
    Trying,
}

/// Leave to make one call. Dropped without a word it tells nothing of the vendor.
pub(super) struct Pass {
    breaker: Arc<Breaker>,
    tries: bool,
}

impl Breaker {
    pub(super) fn new(rules: BreakerRules, clock: Clock, place: Place) -> Arc<Self> {
        let state = Mutex::new(State::Closed { failures: 0 });
        let breaker = Self { rules, clock, place, state };
        breaker.show(BreakerState::Closed);
        Arc::new(breaker)
    }

    /// Leave for one call, or how long there will be none.
    pub(super) fn admit(self: &Arc<Self>) -> Result<Pass, Duration> {
        let now = self.clock.now();
        let mut state = self.lock();
        let tries = match *state {
            State::Closed { .. } => false,
            State::Trying => return Err(MOMENT),
            State::Open { until } => {
                // A clock that was set back must not keep it open for longer than its pause.
                let until = until.min(now + self.rules.pause);
                if now < until {
                    *state = State::Open { until };
                    return Err(until.duration_since(now).unwrap_or_default());
                }
                *state = State::Trying;
                self.show(BreakerState::HalfOpen);
                true
            }
        };
        Ok(Pass { breaker: self.clone(), tries })
    }

    /// Whether nobody gets through now.
    pub(super) fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open { .. } | State::Trying)
    }

    fn open(&self, state: &mut State) {
        *state = State::Open { until: self.clock.now() + self.rules.pause };
        self.show(BreakerState::Open);
    }

    fn show(&self, state: BreakerState) {
        self.place.metrics.breaker_state(&self.place.connection, self.place.operation, state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The vendor answered; it may have refused, too.
    pub(super) fn worked(mut self) {
        let place = &self.breaker.place;
        let mut state = self.breaker.lock();
        match *state {
            State::Trying if std::mem::take(&mut self.tries) => {
                *state = State::Closed { failures: 0 };
                self.breaker.show(BreakerState::Closed);
                tracing::info!(
                    connection.name = place.connection.name(),
                    operation = place.operation,
                    "A vendor works again; calls go through"
                );
            }
            State::Closed { .. } => *state = State::Closed { failures: 0 },
            // It began before the breaker opened: old news.
            State::Open { .. } | State::Trying => {}
        }
    }

    /// The vendor failed, or there was no answer.
    pub(super) fn failed(mut self) {
        let (breaker, place) = (&self.breaker, &self.breaker.place);
        let mut state = breaker.lock();
        match *state {
            State::Trying if std::mem::take(&mut self.tries) => breaker.open(&mut state),
            State::Closed { failures } if failures + 1 < breaker.rules.failures => {
                *state = State::Closed { failures: failures + 1 };
            }
            State::Closed { .. } => {
                breaker.open(&mut state);
                tracing::warn!(
                    connection.name = place.connection.name(),
                    operation = place.operation,
                    "A vendor fails again and again; it is left alone for a while"
                );
            }
            State::Open { .. } | State::Trying => {}
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // The one that was to see was given up: the next one does.
        if self.tries {
            *self.breaker.lock() = State::Open { until: self.breaker.clock.now() };
            self.breaker.show(BreakerState::Open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const PAUSE: Duration = Duration::from_secs(30);

    fn breaker() -> (Arc<Breaker>, ManualClock) {
        let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH + PAUSE * 1000);
        let rules = BreakerRules { failures: 3, pause: PAUSE };
        let connection = "bank".parse().unwrap();
        let place = Place { connection, operation: "test.get", metrics: Metrics::noop() };
        (Breaker::new(rules, clock, place), hand)
    }

    fn opened() -> (Arc<Breaker>, ManualClock) {
        let (breaker, hand) = breaker();
        for _ in 0..3 {
            breaker.admit().ok().unwrap().failed();
        }
        (breaker, hand)
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let (breaker, _hand) = breaker();
        for _ in 0..10 {
            breaker.admit().ok().unwrap().failed();
            breaker.admit().ok().unwrap().failed();
            breaker.admit().ok().unwrap().worked();
        }
        breaker.admit().ok().unwrap().failed();
        drop(breaker.admit().ok().unwrap());
        breaker.admit().ok().unwrap().failed();
        assert!(!breaker.is_open(), "what was given up tells nothing");
        breaker.admit().ok().unwrap().failed();
        assert!(breaker.is_open());
        assert_eq!(breaker.admit().err(), Some(PAUSE));
    }

    #[test]
    fn after_the_pause_one_call_sees_and_the_others_wait() {
        let (breaker, hand) = opened();
        hand.advance(PAUSE / 3);
        assert_eq!(breaker.admit().err(), Some(PAUSE / 3 * 2));
        hand.advance(PAUSE / 3 * 2);
        let first = breaker.admit().ok().unwrap();
        assert_eq!(breaker.admit().err(), Some(MOMENT));
        first.failed();
        assert_eq!(breaker.admit().err(), Some(PAUSE));
        hand.advance(PAUSE);
        // Given up: the next one sees.
        drop(breaker.admit().ok().unwrap());
        breaker.admit().ok().unwrap().worked();
        assert!(!breaker.is_open());
        let passes = [breaker.admit(), breaker.admit()];
        assert!(passes.iter().all(Result::is_ok));
    }

    #[test]
    fn what_began_before_it_opened_is_old_news() {
        let (breaker, hand) = breaker();
        let [early, late] = [breaker.admit().ok().unwrap(), breaker.admit().ok().unwrap()];
        for _ in 0..3 {
            breaker.admit().ok().unwrap().failed();
        }
        early.worked();
        assert!(breaker.is_open());
        hand.advance(PAUSE / 2);
        late.failed();
        assert_eq!(breaker.admit().err(), Some(PAUSE / 2), "the pause is not made longer");
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_make_the_pause_longer() {
        let (breaker, hand) = opened();
        hand.set_back(PAUSE * 100);
        assert_eq!(breaker.admit().err(), Some(PAUSE));
        hand.advance(PAUSE);
        assert!(breaker.admit().is_ok());
    }
}
