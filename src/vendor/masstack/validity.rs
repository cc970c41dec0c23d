//! How long a process is open.

use std::time::Duration;

use prost_types::Duration as Said;

const SHORTEST: Duration = Duration::from_mins(1);
/// The vendor's own limit, and what it takes where nothing is said.
pub(super) const LONGEST: Duration = Duration::from_hours(30 * 24);

/// What a caller's `expires_in` asks for. `Err` says what is expected.
pub(super) fn read(said: Option<&Said>) -> Result<Duration, &'static str> {
    let Some(said) = said else { return Ok(LONGEST) };
    u64::try_from(said.seconds)
        .ok()
        .filter(|_seconds| said.nanos == 0)
        .map(Duration::from_secs)
        .filter(|validity| (SHORTEST..=LONGEST).contains(validity))
        .ok_or("must be whole seconds, from one minute to 30 days")
}

/// `validity` in the vendor's form, ISO 8601.
pub(super) fn written(validity: Duration) -> String {
    let all = validity.as_secs();
    let parts = [(all / 3600 % 24, 'H'), (all / 60 % 60, 'M'), (all % 60, 'S')];
    let days = all / (24 * 3600);
    let date = if days > 0 { format!("{days}D") } else { String::new() };
    let time: String = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if time.is_empty() { format!("P{date}") } else { format!("P{date}T{time}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validities_are_a_minute_to_thirty_days() {
        let said = |seconds, nanos| read(Some(&Said { seconds, nanos })).map(|validity| validity.as_secs());
        assert_eq!((said(60, 0), said(2_592_000, 0)), (Ok(60), Ok(2_592_000)));
        assert_eq!(read(None), Ok(LONGEST));
        for (seconds, nanos) in [(59, 0), (2_592_001, 0), (-60, 0), (60, 1), (0, 0), (i64::MIN, 0)] {
            assert!(said(seconds, nanos).is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn they_are_written_as_iso_8601_has_it() {
        for (seconds, text) in
            [(60, "PT1M"), (900, "PT15M"), (604_800, "P7D"), (2_592_000, "P30D"), (90_061, "P1DT1H1M1S")]
        {
            assert_eq!(written(Duration::from_secs(seconds)), text);
        }
    }
}
