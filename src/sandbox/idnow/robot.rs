//! The vendor's test robot: asked for by a word among the person's data, it reviews by itself.

use std::time::Duration;

use crate::clock::Clock;

use super::fields::Fields;
use super::ident::{Reviewer, Verdict, Word};

/// What the robot was asked to make of an identification.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// Everything is well.
    HappyPath,
    /// The document is forged.
    FraudIdent,
    /// The person has to try again.
    Canceled,
}

impl Scenario {
    /// The scenario that `fields` ask for: `X-MANUALTEST-` and its name, as a whole field.
    pub(super) fn asked_for(fields: &Fields) -> Option<Self> {
        ["firstname", "lastname", "custom1", "custom2", "custom3", "custom4", "custom5"]
            .into_iter()
            .filter_map(|name| fields.get(name)?.strip_prefix("X-MANUALTEST-"))
            .find_map(Self::named)
    }

    /// Its name in the vendor's table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HappyPath => "HAPPYPATH",
            Self::FraudIdent => "FRAUDIDENT",
            Self::Canceled => "CANCELED",
        }
    }

    /// What the robot decides. `canceled` is its spelling of that result.
    pub(super) fn verdict(self, canceled: Word) -> Result<Verdict, String> {
        let (word, reason) = match self {
            Self::HappyPath => (Word::parse("SUCCESS")?, None),
            Self::FraudIdent => {
                (Word::parse("FRAUD_SUSPICION_CONFIRMED")?, Some("WARNING_FAKED_MANIPULATED_ID"))
            }
            Self::Canceled => (canceled, Some("OTHER_ERROR")),
        };
        Ok(Verdict { word, reason: reason.map(str::to_owned), reviewer: Reviewer::Robot })
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "HAPPYPATH" => Some(Self::HappyPath),
            "FRAUDIDENT" => Some(Self::FraudIdent),
            // An older document of the vendor's spells it with two L.
            "CANCELED" | "CANCELLED" => Some(Self::Canceled),
            _ => None,
        }
    }
}

/// How long the robot takes: one to two minutes.
pub(super) fn review_time(clock: &Clock) -> Duration {
    clock.jitter(Duration::from_secs(90), 1.0 / 3.0)
}
