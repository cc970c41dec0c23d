//! How often a connection's vendor is asked without anybody having asked for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::model::name::ConnectionId;

/// As many looks as fit in here at the connection's spacing may begin at once; at least one may.
const BURST: Duration = Duration::from_secs(1);
/// Nobody is told to come back later than this: the queue is reckoned anew then.
const LONGEST_QUEUE: Duration = Duration::from_hours(1);

/// The pace of every connection. Kept in memory: a new process begins with one burst.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<ConnectionId, Pace>>);

struct Pace {
    /// When the looks taken so far are used up at the connection's spacing.
    free_at: SystemTime,
    /// The end of the queue of those who were told to come back.
    queue_end: SystemTime,
}

impl Paces {
    /// Takes the next look of `connection`. `Err` says when to come back; everyone is told another time.
    pub(super) fn take(
        &self,
        connection: &ConnectionId,
        spacing: Duration,
        now: SystemTime,
    ) -> Result<(), SystemTime> {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = paces.entry(connection.clone()).or_insert(Pace { free_at: now, queue_end: now });
        // Times further ahead were reckoned before the clock was set back.
        pace.free_at = pace.free_at.clamp(now, now + LONGEST_QUEUE);
        if pace.free_at + spacing <= now + BURST.max(spacing) {
            pace.free_at += spacing;
            return Ok(());
        }
        let slot = pace.queue_end.max(pace.free_at);
        let slot = if slot > now + LONGEST_QUEUE { pace.free_at } else { slot };
        pace.queue_end = slot + spacing;
        Err(slot)
    }

    /// Nobody looks before `until`: the vendor asked for patience.
    pub(super) fn rest(&self, connection: &ConnectionId, until: SystemTime) {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = paces.entry(connection.clone()).or_insert(Pace { free_at: until, queue_end: until });
        pace.free_at = pace.free_at.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING: Duration = Duration::from_millis(200);

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + Duration::from_millis(millis)
    }

    fn bank() -> ConnectionId {
        "bank".parse().unwrap()
    }

    #[test]
    fn a_burst_goes_and_the_rest_comes_back_one_by_one() {
        let paces = Paces::default();
        let taken: Vec<_> = (0..10).map(|_| paces.take(&bank(), SPACING, at(0))).collect();
        assert_eq!(taken[..5], [Ok(()); 5]);
        let slots: Vec<_> = (0..5).map(|turn| Err(at(1000 + 200 * turn))).collect();
        assert_eq!(taken[5..], slots);
        for turn in 0..5 {
            assert_eq!(paces.take(&bank(), SPACING, at(1000 + 200 * turn)), Ok(()), "{turn}");
        }
    }

    #[test]
    fn however_many_come_no_more_go_than_the_pace_allows() {
        for spacing in [Duration::from_millis(10), SPACING, Duration::from_secs(60)] {
            let paces = Paces::default();
            let taken = (0..600_u64).flat_map(|second| (0..200).map(move |_| second));
            let gone = taken.filter(|second| paces.take(&bank(), spacing, at(second * 1000)).is_ok()).count();
            let most =
                Duration::from_secs(600).div_duration_f64(spacing) + BURST.div_duration_f64(spacing).max(1.0);
            assert!(gone as f64 <= most && gone as f64 >= most / 2.0, "{gone} of {most} at {spacing:?}");
        }
    }

    #[test]
    fn connections_do_not_wait_for_each_other_and_patience_is_kept() {
        let paces = Paces::default();
        paces.rest(&bank(), at(30_000));
        assert_eq!(paces.take(&bank(), SPACING, at(0)), Err(at(30_000)));
        assert_eq!(paces.take(&bank(), SPACING, at(0)), Err(at(30_200)));
        assert_eq!(paces.take(&"other".parse().unwrap(), SPACING, at(0)), Ok(()));
        assert_eq!(paces.take(&bank(), SPACING, at(30_000)), Ok(()));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_it_for_longer_than_the_queue() {
        let paces = Paces::default();
        assert_eq!(paces.take(&bank(), SPACING, at(90_000_000)), Ok(()));
        let Err(slot) = paces.take(&bank(), SPACING, at(0)) else { panic!("the clamp holds it for an hour") };
        assert!(slot <= at(0) + LONGEST_QUEUE, "{slot:?}");
        assert_eq!(paces.take(&bank(), SPACING, slot), Ok(()));
    }
}
