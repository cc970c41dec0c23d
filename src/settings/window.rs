//! Times at which something holds.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

const DAY: Duration = Duration::from_hours(24);

/// A time as people write it in settings: RFC 3339 with an offset, or a date, which is a whole day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    begin: SystemTime,
    end: SystemTime,
}

/// Text that is no [`Moment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date such as 2026-12-31, or a time with its offset such as 2026-12-31T18:00:00+01:00")]
pub struct MomentError;

/// From one time until another, which is not part of it; without the one or the other it has no such end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    from: Option<SystemTime>,
    until: Option<SystemTime>,
}

impl Window {
    /// From `not_before`, a whole day included, until `not_after`, a whole day included too.
    pub fn new(not_before: Option<Moment>, not_after: Option<Moment>) -> Self {
        Self { from: not_before.map(|moment| moment.begin), until: not_after.map(|moment| moment.end) }
    }

    /// From ever until `until`, which is not part of it; without it, for ever.
    pub fn until_time(until: Option<SystemTime>) -> Self {
        Self { from: None, until }
    }

    /// Whether `time` lies in it.
    pub fn contains(&self, time: SystemTime) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }

    /// Whether no time lies in it.
    pub fn is_empty(&self) -> bool {
        self.from.zip(self.until).is_some_and(|(from, until)| until <= from)
    }

    /// The first time behind it; `None`: it has no end.
    pub fn until(&self) -> Option<SystemTime> {
        self.until
    }

    /// The first time from `now` on that lies in none of `windows`; `None`: there is none.
    pub fn gap(windows: &[Self], now: SystemTime) -> Option<SystemTime> {
        let mut gap = now;
        // Each turn leaves at least one window behind.
        while let Some(window) = windows.iter().find(|window| window.contains(gap)) {
            gap = window.until?;
        }
        Some(gap)
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let (date, time) = text.split_at_checked("2026-12-31".len()).ok_or(MomentError)?;
        let is_date = date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        // A time without offset is not guessed.
        let has_offset = time.contains(['Z', 'z', '+', '-']);
        if !is_date || !(time.is_empty() || has_offset) {
            return Err(MomentError);
        }
        let timestamp: Timestamp = text.parse().map_err(|_malformed| MomentError)?;
        let begin = SystemTime::try_from(timestamp).map_err(|_out_of_reach| MomentError)?;
        let end = if time.is_empty() { begin.checked_add(DAY).ok_or(MomentError)? } else { begin };
        Ok(Self { begin, end })
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Moment>().unwrap().begin
    }

    fn window(from: &str, until: &str) -> Window {
        let moment = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Window::new(moment(from), moment(until))
    }

    #[test]
    fn a_date_is_a_whole_day_and_a_time_an_instant() {
        let days = window("2026-03-01", "2026-03-02");
        for inside in ["2026-03-01T00:00:00Z", "2026-03-02T23:59:59.999Z", "2026-03-03T00:59:59+01:00"] {
            assert!(days.contains(at(inside)), "{inside}");
        }
        for outside in ["2026-02-28T23:59:59Z", "2026-03-03T00:00:00Z", "2026-03-01T00:59:59+01:00"] {
            assert!(!days.contains(at(outside)), "{outside}");
        }
        let hour = window("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z");
        assert!(hour.contains(at("2026-03-01T10:00:00Z")) && !hour.contains(at("2026-03-01T11:00:00Z")));
        assert!(window("", "").contains(at("1999-01-01")));
    }

    #[test]
    fn windows_without_a_time_are_empty() {
        for (from, until, empty) in [
            ("2026-03-01", "2026-03-01", false),
            ("2026-03-02", "2026-03-01", true),
            ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", true),
            ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00", true),
            ("2026-03-01", "", false),
            ("", "2026-03-01", false),
        ] {
            assert_eq!(window(from, until).is_empty(), empty, "{from} {until}");
        }
    }

    #[test]
    fn the_gap_is_where_no_window_goes_on() {
        let now = at("2026-03-10");
        for (windows, gap) in [
            (vec![], Some("2026-03-10")),
            (vec![window("", "2026-03-09")], Some("2026-03-10")),
            (vec![window("", "2026-03-19")], Some("2026-03-20")),
            (vec![window("2026-03-19", "2026-03-29"), window("", "2026-03-19")], Some("2026-03-30")),
            (vec![window("", "2026-03-19"), window("2026-03-21", "")], Some("2026-03-20")),
            (vec![window("", "2026-03-19"), window("2026-03-20", "")], None),
            (vec![window("2026-03-11", "")], Some("2026-03-10")),
        ] {
            assert_eq!(Window::gap(&windows, now), gap.map(at), "{windows:?}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-30",
            "2026-12-31T18:00:00",
            "2026-12-31 ",
            "31.12.2026",
            "2026-12-31T25:00:00Z",
            "tomorrow and more",
            "+999999-01-01",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(MomentError), "{text}");
        }
    }
}
