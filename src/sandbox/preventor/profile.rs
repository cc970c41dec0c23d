//! What the vendor leaves open or contradicts itself about, to be switched.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sandbox::stand_in::Reading;
use crate::sandbox::webhook::Retry;

/// Longest pause between two tries of a webhook, in seconds.
const LONGEST_PAUSE: u32 = 86_400;
const MOST_PAUSES: usize = 20;

/// The readings of the vendor's documents that the stand-in follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The HTTP status of a login, 200 or 201.
    pub token_status: u16,
    /// What a login's `expiracy` counts.
    pub expiry: Expiry,
    /// How an answer's `status` is written.
    pub envelope_status: EnvelopeStatus,
    /// How an answer's `message` is written.
    pub message: Message,
    /// Which webhooks are sent.
    pub generation: Generation,
    /// Which of the two webhooks of an end goes first.
    pub order: Order,
    /// How often a webhook that was not taken is tried again.
    pub retry: Retries,
}

/// What a login's `expiracy` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// Seconds from now.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    EpochMs,
    /// It is not there.
    Absent,
}

/// How an answer's `status` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeStatus {
    /// As a number.
    #[default]
    Number,
    /// As text.
    Text,
}

/// How an answer's `message` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// As text.
    #[default]
    Text,
    /// As a list of texts.
    List,
    /// As `{"message","fields"}`.
    Object,
}

/// Which webhooks are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// Those of the present documents.
    #[default]
    Current,
    /// Those of 2022.
    Legacy,
}

/// Which of the two webhooks of an end goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The ticket's, `WH_001`.
    #[default]
    TicketFirst,
    /// The invitation's, `WH_002`.
    InvitationFirst,
}

/// How often a webhook that was not taken is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Retries {
    /// Never: the vendor promises nothing.
    #[default]
    None,
    /// Once after each of the pauses.
    Pauses {
        /// Up to 20, each of 1 to 86400 seconds.
        seconds: Vec<u32>,
    },
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            token_status: 200,
            expiry: Expiry::default(),
            envelope_status: EnvelopeStatus::default(),
            message: Message::default(),
            generation: Generation::default(),
            order: Order::default(),
            retry: Retries::default(),
        }
    }
}

impl Profile {
    pub(super) fn retry(&self) -> Retry {
        match &self.retry {
            Retries::None => Retry::After(Vec::new()),
            Retries::Pauses { seconds } => {
                Retry::After(seconds.iter().map(|pause| Duration::from_secs((*pause).into())).collect())
            }
        }
    }
}

impl Reading for Profile {
    const EXAMPLE: &'static str = r#"{"token_status":201}"#;

    fn check(&self) -> Result<(), String> {
        if !matches!(self.token_status, 200 | 201) {
            return Err(format!("`token_status` is 200 or 201, not {}", self.token_status));
        }
        if let Retries::Pauses { seconds } = &self.retry {
            let fits = |pause: &u32| (1..=LONGEST_PAUSE).contains(pause);
            if seconds.len() > MOST_PAUSES || !seconds.iter().all(fits) {
                return Err(format!(
                    "`retry.seconds` is up to {MOST_PAUSES} pauses of 1 to {LONGEST_PAUSE} seconds"
                ));
            }
        }
        Ok(())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_what_differs() {
        assert_eq!("{}".parse(), Ok(Profile::default()));
        let retry = Retries::Pauses { seconds: vec![1, 5] };
        let expected = Profile { token_status: 201, retry, ..Profile::default() };
        let text = r#"{"token_status":201,"retry":{"kind":"pauses","seconds":[1,5]}}"#;
        assert_eq!(text.parse(), Ok(expected));
    }

    #[test]
    fn what_is_no_profile_is_told_precisely() {
        for (text, sentence) in [
            ("201", "a profile is a JSON object such as {\"token_status\":201}"),
            (r#"{"token_status":204}"#, "`token_status` is 200 or 201, not 204"),
            (r#"{"message":"html"}"#, "message: unknown variant `html`, expected one of `text`"),
            (r#"{"speed":1}"#, "unknown field `speed`"),
            (r#"{"retry":{"kind":"pauses","seconds":[0]}}"#, "`retry.seconds` is up to 20 pauses"),
        ] {
            let told = text.parse::<Profile>().unwrap_err();
            assert!(told.contains(sentence), "{text}: {told}");
        }
    }
}
