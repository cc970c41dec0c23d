//! When webhooks are tried again.

use std::time::Duration;

/// A vendor's patience with a receiver that does not take a webhook.
pub(in crate::sandbox) enum Retry {
    /// After `first`, then after twice as long each time, until `within` has passed since the first try.
    Doubling {
        /// The wait before the second try.
        first: Duration,
        /// How long the vendor keeps trying.
        within: Duration,
    },
    /// After each of these waits, and then no more.
    After(Vec<Duration>),
}

impl Retry {
    /// The wait after `tries` tries of which the first was `since` ago; `None` if that was the last.
    pub(super) fn wait(&self, tries: u32, since: Duration) -> Option<Duration> {
        let before = tries.saturating_sub(1);
        match self {
            Self::Doubling { first, within } => {
                let wait = first.saturating_mul(2_u32.saturating_pow(before));
                (since.saturating_add(wait) <= *within).then_some(wait)
            }
            Self::After(waits) => waits.get(usize::try_from(before).ok()?).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_ends_when_the_next_try_would_be_too_late() {
        let seconds = Duration::from_secs;
        let retry = Retry::Doubling { first: seconds(1), within: seconds(7) };
        assert_eq!(retry.wait(1, seconds(0)), Some(seconds(1)));
        assert_eq!(retry.wait(2, seconds(1)), Some(seconds(2)));
        assert_eq!(retry.wait(3, seconds(3)), Some(seconds(4)));
        assert_eq!(retry.wait(4, seconds(7)), None);
        assert_eq!(retry.wait(u32::MAX, seconds(0)), None);
    }

    #[test]
    fn listed_waits_are_as_many_tries_more() {
        let retry = Retry::After(vec![Duration::from_secs(5)]);
        assert_eq!(retry.wait(1, Duration::ZERO), Some(Duration::from_secs(5)));
        assert_eq!(retry.wait(2, Duration::from_secs(5)), None);
        assert_eq!(Retry::After(Vec::new()).wait(1, Duration::ZERO), None);
    }
}
