//! What the vendor's words for states mean.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::observation::Word;
use crate::proto::{AttemptEnd, Outcome, ProvisionalOutcome};
use crate::settings::Problems;
use crate::vendor::kit::printable;

/// The words that are known. Only `CREATED` is documented.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct States(BTreeMap<String, Meaning>);

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Meaning {
    /// Nobody has begun.
    AwaitingUser,
    /// The person is at it.
    InProgress,
    /// The vendor checks or reviews.
    InReview,
    /// The attempt ended without a decision, and may be repeated.
    AwaitingRetry,
    /// The person is who they say.
    Verified,
    /// The person is not.
    Rejected,
    /// It was taken back.
    Cancelled,
    /// Nobody finished it in time.
    Expired,
}

impl Default for States {
    fn default() -> Self {
        let known = [
            ("CREATED", Meaning::AwaitingUser),
            ("STARTED", Meaning::InProgress),
            ("VALIDATED", Meaning::Verified),
            ("FAILED", Meaning::Rejected),
            ("CANCELLED", Meaning::Cancelled),
            ("EXPIRED", Meaning::Expired),
        ];
        Self(known.into_iter().map(|(word, meaning)| (word.to_owned(), meaning)).collect())
    }
}

impl States {
    /// What `word` says.
    pub(super) fn word(&self, word: &str) -> Word {
        match self.0.get(word) {
            None => Word::Unknown,
            Some(Meaning::AwaitingUser) => Word::NotStarted,
            Some(Meaning::InProgress) => Word::Started,
            Some(Meaning::InReview) => Word::Pending(ProvisionalOutcome::Undetermined),
            Some(Meaning::AwaitingRetry) => Word::Ended(AttemptEnd::Inconclusive),
            Some(Meaning::Verified) => Word::Decided(Outcome::Verified),
            Some(Meaning::Rejected) => Word::Decided(Outcome::Rejected),
            Some(Meaning::Cancelled) => Word::Cancelled,
            Some(Meaning::Expired) => Word::Expired,
        }
    }

    /// Reports what is wrong with them.
    pub(super) fn check(&self, problems: &mut Problems) {
        for word in self.0.keys().filter(|word| !printable(word)) {
            problems.add(word, "must be a word of 1 to 64 of A-Z, a-z, 0-9, _, . and -");
        }
    }
}
