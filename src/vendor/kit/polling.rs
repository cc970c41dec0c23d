//! When identifications are looked at although no webhook told of anything.

use std::time::Duration;

use serde::Deserialize;

use crate::proto::IdentificationState as State;
use crate::settings::Problems;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// A pause is this share of the time that nothing has changed for: what has been quiet for long stays so for long.
const SHARE_OF_QUIET: u32 = 4;
/// Late looks of one completed identification.
const MAX_LATE_LOOKS: usize = 10;

/// `polling` of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PollingSettings {
    /// Whether the vendor is asked at all.
    pub enabled: bool,
    /// Most looks a minute of the whole connection: 1 to 6000.
    pub max_per_minute: u32,
    /// While the vendor waits for the person, for the first time or again.
    pub awaiting_user: Pauses,
    /// While the person is at it.
    pub in_progress: Pauses,
    /// While the vendor checks or reviews.
    pub in_review: Pauses,
    /// How many days after its last change a completed identification is looked at, for decisions that were revised:
    /// rising, up to 10 of 1 to 3650.
    pub completed_after_days: Vec<u32>,
}

/// Pauses between two looks, in minutes: a quarter of the time that nothing has changed for, within these bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pauses {
    /// The shortest: 1 to `longest_minutes`.
    pub shortest_minutes: u32,
    /// The longest: up to 43200 (30 days).
    pub longest_minutes: u32,
}

impl Default for PollingSettings {
    fn default() -> Self {
        let pauses = |shortest_minutes, longest_minutes| Pauses { shortest_minutes, longest_minutes };
        Self {
            enabled: true,
            max_per_minute: 300,
            awaiting_user: pauses(30, 12 * 60),
            in_progress: pauses(5, 2 * 60),
            in_review: pauses(5, 60),
            completed_after_days: vec![1, 7, 30],
        }
    }
}

impl PollingSettings {
    /// How long an identification in `state`, which nothing has changed for `quiet`, is left alone. `None`: for good.
    pub fn pause(&self, state: State, quiet: Duration) -> Option<Duration> {
        match state {
            State::AwaitingUser | State::AwaitingRetry => Some(self.awaiting_user.pause(quiet)),
            State::InProgress => Some(self.in_progress.pause(quiet)),
            State::InReview => Some(self.in_review.pause(quiet)),
            State::Completed => {
                let mut looks = self.completed_after_days.iter().map(|days| DAY * *days);
                looks.find(|look| *look > quiet).map(|look| look - quiet)
            }
            // A creation is settled in its own way; what has ended is asked about when a webhook says otherwise.
            _ => None,
        }
    }

    /// The least time between two looks of the connection.
    pub fn spacing(&self) -> Duration {
        MINUTE / self.max_per_minute.max(1)
    }

    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        problems.range("max_per_minute", self.max_per_minute, 1..=6000);
        for (key, pauses) in [
            ("awaiting_user", self.awaiting_user),
            ("in_progress", self.in_progress),
            ("in_review", self.in_review),
        ] {
            problems.within(key, |problems| {
                problems.range("longest_minutes", pauses.longest_minutes, 1..=30 * 24 * 60);
                problems.range("shortest_minutes", pauses.shortest_minutes, 1..=pauses.longest_minutes);
            });
        }
        let days = &self.completed_after_days;
        let in_range = days.iter().all(|days| (1..=3650).contains(days));
        if days.len() > MAX_LATE_LOOKS || !in_range || !days.is_sorted_by(|one, next| one < next) {
            let expected =
                format!("must be up to {MAX_LATE_LOOKS} days from 1 to 3650, each later than the last");
            problems.add("completed_after_days", expected);
        }
    }
}

impl Pauses {
    fn pause(self, quiet: Duration) -> Duration {
        let (shortest, longest) = (MINUTE * self.shortest_minutes, MINUTE * self.longest_minutes);
        (quiet / SHARE_OF_QUIET).max(shortest).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> Duration {
        Duration::from_hours(hours)
    }

    #[test]
    fn pauses_grow_with_the_quiet_within_their_bounds() {
        let polling = PollingSettings::default();
        for (state, quiet, pause) in [
            (State::AwaitingUser, hours(0), Duration::from_mins(30)),
            (State::AwaitingRetry, hours(8), hours(2)),
            (State::AwaitingUser, hours(1000), hours(12)),
            (State::InProgress, hours(0), Duration::from_mins(5)),
            (State::InProgress, hours(1000), hours(2)),
            (State::InReview, hours(2), Duration::from_mins(30)),
            (State::InReview, hours(1000), hours(1)),
        ] {
            assert_eq!(polling.pause(state, quiet), Some(pause), "{state:?} after {quiet:?}");
        }
        for state in [State::Creating, State::Cancelled, State::Expired, State::Failed, State::Deleted] {
            assert_eq!(polling.pause(state, hours(0)), None, "{state:?}");
        }
    }

    #[test]
    fn what_is_completed_is_looked_at_on_its_days_only() {
        let polling = PollingSettings::default();
        let look = |quiet| polling.pause(State::Completed, quiet);
        assert_eq!(look(hours(0)), Some(hours(24)));
        assert_eq!(look(hours(24)), Some(hours(6 * 24)));
        assert_eq!(look(hours(29 * 24)), Some(hours(24)));
        assert_eq!(look(hours(30 * 24)), None);
        let never = PollingSettings { completed_after_days: Vec::new(), ..polling };
        assert_eq!(never.pause(State::Completed, hours(0)), None);
    }
}
