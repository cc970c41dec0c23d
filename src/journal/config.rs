//! Settings of the journal and of the keys that seal what is in it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use crate::journal::seal::{MasterKey, MasterKeyError};
use crate::settings::{Problems, SecretError, SecretSource};

const SMALLEST_BYTES: u64 = 16 * 1024 * 1024;
const LONGEST_DAYS: u32 = 36_500;

/// `[journal.<kind>]`: which store keeps events and state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalSettings {
    /// A SQLite file, for one gateway.
    Embedded(EmbeddedSettings),
}

/// `[journal.embedded]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedSettings {
    /// The database file; relative to the working directory.
    pub path: PathBuf,
    /// How large the file may become, in bytes: 16777216 or more. Appends are refused beyond it, and webhooks answered
    /// with 503. Without it the disk is the limit.
    pub max_size_bytes: Option<u64>,
    /// After how many days events are removed: 1 to 36500. Without it they are kept for ever.
    pub event_retention_days: Option<u32>,
}

/// `[keys]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeySettings {
    /// Master keys: the first seals, all of them open, so that a new one can take over.
    pub master: Vec<SecretSource>,
}

/// A master key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("a master key cannot be read")]
    Secret(#[from] SecretError),
    /// It is not a key.
    #[error("a master key cannot be used")]
    MasterKey(#[from] MasterKeyError),
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self::Embedded(EmbeddedSettings::default())
    }
}

impl JournalSettings {
    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        match self {
            Self::Embedded(settings) => {
                problems.within("embedded", |problems| settings.check(problems));
            }
        }
    }
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self { path: PathBuf::from("data/journal.sqlite3"), max_size_bytes: None, event_retention_days: None }
    }
}

impl EmbeddedSettings {
    /// How long events are kept; `None`: for ever.
    pub fn event_retention(&self) -> Option<Duration> {
        self.event_retention_days.map(|days| Duration::from_hours(24 * u64::from(days)))
    }

    fn check(&self, problems: &mut Problems) {
        if self.path.as_os_str().is_empty() {
            problems.add("path", "must be the path of a file, such as data/journal.sqlite3");
        }
        if self.max_size_bytes.is_some_and(|size| size < SMALLEST_BYTES) {
            problems.add("max_size_bytes", format!("must be {SMALLEST_BYTES} or more"));
        }
        if self.event_retention_days.is_some_and(|days| !(1..=LONGEST_DAYS).contains(&days)) {
            problems.add("event_retention_days", format!("must be 1 to {LONGEST_DAYS}"));
        }
    }
}

impl KeySettings {
    /// Makes a master key of a secret that [`KeySettings::master`] names.
    pub fn parse(secret: &SecretString) -> Result<MasterKey, MasterKeyError> {
        MasterKey::parse(secret)
    }

    /// Reads the master keys, in their order.
    pub fn read(&self) -> Result<Vec<MasterKey>, KeyError> {
        let read = |source: &SecretSource| Ok(Self::parse(&source.read()?)?);
        self.master.iter().map(read).collect()
    }

    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        if self.master.is_empty() {
            problems.add(
                "master",
                "is required, because personal data is sealed at rest: make a key with \
                 `openssl rand -base64 32 > master.key`, keep it apart from the journal, and say \
                 master = [{ file = \"master.key\" }] under [keys]",
            );
        }
    }
}
