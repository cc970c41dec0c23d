//! The vendor's test robot: asked for by a word among the person's data, it reviews by itself.

use std::time::Duration;

use crate::clock::Clock;

use super::fields::Fields;
use super::ident::{Reviewer, Verdict, Word};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the robot was asked to make of an identification.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// Everything is well.
    HappyPath,
    /// The document is forged.
    FraudIdent,
    /// The person has to try again.
    Canceled,
    /// Everything is well, but nothing is as the customer said.
    ChangeAll,
    /// The same, found by a second review.
    ChangeAllReview,
    /// The person gives up.
    AbortIdent,
    /// A forgery is suspected and confirmed.
    FraudReview,
    /// A forgery is suspected, and there is none.
    FraudOk,
    /// A second review takes a day.
    LongReview,
}

impl Scenario {
    /// The scenario that `fields` ask for: a prefix and its name, as a whole field.
    pub(super) fn asked_for(fields: &Fields) -> Option<Self> {
        let wishes = fields.wishes("X-MANUALTEST-").chain(fields.wishes("X-AUTOTEST-"));
        wishes.into_iter().find_map(Self::named)
    }

    /// Its name in the vendor's tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HappyPath => "HAPPYPATH",
            Self::FraudIdent => "FRAUDIDENT",
            Self::Canceled => "CANCELED",
            Self::ChangeAll => "CHANGEALL",
            Self::ChangeAllReview => "CHANGEALLREVIEW",
            Self::AbortIdent => "ABORTIDENT",
            Self::FraudReview => "FRAUDREVIEW",
            Self::FraudOk => "FRAUDOK",
            Self::LongReview => "LONGREVIEW",
        }
    }

    /// What the robot decides about an identification in review as `pending`. `canceled` is its spelling of that
    /// result.
    pub(super) fn verdict(self, pending: &str, canceled: &Word) -> Result<Verdict, String> {
        const REVIEW: &str = "REVIEW_PENDING";
        const SUSPICION: &str = "FRAUD_SUSPICION_PENDING";
        let (word, reason) = match self {
            Self::ChangeAllReview | Self::LongReview if pending != REVIEW => (REVIEW, None),
            Self::FraudReview | Self::FraudOk if pending != SUSPICION => {
                (SUSPICION, Some("WARNING_FAKED_MANIPULATED_ID"))
            }
            Self::HappyPath | Self::FraudOk | Self::LongReview => ("SUCCESS", None),
            Self::ChangeAll | Self::ChangeAllReview => ("SUCCESS_DATA_CHANGED", None),
            Self::FraudIdent | Self::FraudReview => {
                ("FRAUD_SUSPICION_CONFIRMED", Some("WARNING_FAKED_MANIPULATED_ID"))
            }
            Self::Canceled => (canceled.as_str(), Some("OTHER_ERROR")),
            Self::AbortIdent => ("ABORTED", Some("USER_CANCELLATION_IDENTIFY_LATER")),
        };
        let reason = reason.map(str::to_owned);
        Ok(Verdict { word: Word::parse(word)?, reason, reviewer: Reviewer::Robot })
    }

    /// How long the robot takes: one to two minutes, or a day.
    pub(super) fn wait(self, pending: &str, clock: &Clock) -> Duration {
        match (self, pending) {
            (Self::LongReview, "REVIEW_PENDING") => DAY,
            _ => clock.jitter(Duration::from_secs(90), 1.0 / 3.0),
        }
    }

    fn named(name: &str) -> Option<Self> {
        const ALL: [Scenario; 9] = [
            Scenario::HappyPath,
            Scenario::FraudIdent,
            Scenario::Canceled,
            Scenario::ChangeAll,
            Scenario::ChangeAllReview,
            Scenario::AbortIdent,
            Scenario::FraudReview,
            Scenario::FraudOk,
            Scenario::LongReview,
        ];
        // An older document of the vendor's spells it with two L.
        let name = if name == "CANCELLED" { "CANCELED" } else { name };
        ALL.into_iter().find(|scenario| scenario.name() == name)
    }
}
