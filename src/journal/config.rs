//! Settings of the journal and of the keys that seal what is in it.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use crate::journal::seal::{MasterKey, MasterKeyError};
use crate::settings::{Problems, SecretSource};

const SMALLEST_BYTES: u64 = 16 * 1024 * 1024;

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
}

/// `[keys]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeySettings {
    /// Master keys: the first seals, all of them open, so that a new one can take over.
    pub master: Vec<SecretSource>,
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
        Self { path: PathBuf::from("data/journal.sqlite3"), max_size_bytes: None }
    }
}

impl EmbeddedSettings {
    fn check(&self, problems: &mut Problems) {
        if self.path.as_os_str().is_empty() {
            problems.add("path", "must be the path of a file, such as data/journal.sqlite3");
        }
        if self.max_size_bytes.is_some_and(|size| size < SMALLEST_BYTES) {
            problems.add("max_size_bytes", format!("must be {SMALLEST_BYTES} or more"));
        }
    }
}

impl KeySettings {
    /// Whether `secret`, read from one of the sources, is a master key.
    pub fn check_key(secret: &SecretString) -> Result<(), MasterKeyError> {
        MasterKey::parse(secret).map(|_key| ())
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
