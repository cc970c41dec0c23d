//! What the settings of every account have in common.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;

use crate::model::name::ConnectionId;
use crate::settings::{Network, Problems, Window};
use crate::vendor::kit::printable;
use crate::vendor::kit::url::Plain;

/// Which of the vendor's worlds a connection lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Real people.
    Live,
    /// The vendor's own world for trials.
    Test,
    /// The stand-in of this crate.
    Sandbox,
}

impl Environment {
    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether its servers may be plain http.
    pub fn plain(self) -> Plain {
        match self {
            Self::Sandbox => Plain::Loopback,
            Self::Live | Self::Test => Plain::Never,
        }
    }
}

/// What people see: the name that the settings say, or the connection's own.
pub fn display_name(said: &str, connection: &ConnectionId) -> String {
    if said.is_empty() { connection.to_string() } else { said.to_owned() }
}

/// Reports what is wrong with the time for which a vendor keeps what nobody finishes.
pub fn check_lifetime(problems: &mut Problems, key: &str, days: u32) {
    if !(1..=3650).contains(&days) {
        problems.add(key, "must be 1 to 3650");
    }
}

/// Reports what is wrong with where webhooks come from, and with how long there may be none.
pub fn check_senders(problems: &mut Problems, sources: Option<&[Network]>, silence_after_hours: Option<u32>) {
    if sources.is_some_and(<[_]>::is_empty) {
        problems
            .add("sources", "must hold at least one address or range; leave it out to accept every source");
    }
    if let Some(hours) = silence_after_hours {
        problems.range("silence_after_hours", hours, 1..=24 * 365);
    }
}

/// After how long without a webhook a connection is DEGRADED.
pub fn silence_after(hours: Option<u32>) -> Option<Duration> {
    hours.map(|hours| Duration::from_hours(hours.into()))
}

/// Checks the shared secrets of one connection's webhooks, each with a label of its own.
#[derive(Debug, Default)]
pub struct SecretChecks<'a>(HashSet<&'a str>);

impl<'a> SecretChecks<'a> {
    /// Reports what is wrong with the label and the time of one of them.
    pub fn check(&mut self, problems: &mut Problems, label: &'a str, window: Window) {
        if !printable(label) || !self.0.insert(label) {
            problems.add("label", "must be a word of 1 to 64 of A-Z, a-z, 0-9, _, . and -, used once");
        }
        if window.is_empty() {
            problems.add("not_after", "must be later than not_before");
        }
    }
}

/// Reports a user name that HTTP Basic cannot say.
pub fn check_username(problems: &mut Problems, username: &str) {
    if username.is_empty() || username.contains(':') {
        problems.add("username", "must not be empty and must not contain a colon");
    }
}
