//! What every module's settings are made of: problems found in them, and secrets that live elsewhere.

mod network;
mod window;

pub use network::{Network, NetworkError};
pub use window::{Moment, MomentError, Window};

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::{env, fs};

use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Problems found in settings, each with the path of its key, for example `connections.bank.idnow.customer`.
#[derive(Debug, Default)]
pub struct Problems {
    prefix: Vec<String>,
    found: Vec<Problem>,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, as a path from the top of the file.
    pub path: Vec<String>,
    /// What is expected there, as a sentence without a full stop.
    pub message: String,
}

impl Problems {
    /// Reports the key `key` of the section being checked.
    pub fn add(&mut self, key: &str, message: impl Into<String>) {
        let mut path = self.prefix.clone();
        path.push(key.to_owned());
        self.found.push(Problem { path, message: message.into() });
    }

    /// Reports the key `key` unless its value lies in `range`.
    pub fn range<N: PartialOrd + Display>(&mut self, key: &str, value: N, range: RangeInclusive<N>) {
        if !range.contains(&value) {
            self.add(key, format!("must be from {} to {}", range.start(), range.end()));
        }
    }

    /// Checks the section `key`: what is reported inside stands under it.
    pub fn within(&mut self, key: &str, check: impl FnOnce(&mut Self)) {
        self.prefix.push(key.to_owned());
        check(self);
        self.prefix.pop();
    }

    /// Everything that was found, in order.
    pub fn into_found(self) -> Vec<Problem> {
        self.found
    }
}

/// Where a secret is kept. Never its value: configuration files are copied, shown and committed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// The content of a file, without the white space around it.
    File(PathBuf),
    /// The value of an environment variable.
    Env(String),
}

/// A secret that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read.
    #[error("the secret file {0} cannot be read")]
    File(PathBuf, #[source] std::io::Error),
    /// The variable is not set, or not text.
    #[error("the environment variable {0} is not set")]
    Env(String),
    /// There, but empty.
    #[error("the secret in {0} is empty")]
    Empty(String),
}

impl SecretSource {
    /// Reads the secret.
    #[expect(clippy::disallowed_methods, reason = "one of the two places that read the environment")]
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let (text, place) = match self {
            Self::File(path) => {
                let text =
                    fs::read_to_string(path).map_err(|error| SecretError::File(path.clone(), error))?;
                (text, path.display().to_string())
            }
            Self::Env(name) => {
                let text = env::var(name).map_err(|_unset| SecretError::Env(name.clone()))?;
                (text, name.clone())
            }
        };
        match text.trim() {
            "" => Err(SecretError::Empty(place)),
            secret => Ok(SecretString::from(secret)),
        }
    }
}

/// Reads an address to listen on, for `#[serde(deserialize_with = "listen_address")]`.
pub fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let expected = "must be an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    String::deserialize(deserializer)?.parse().map_err(|_malformed| D::Error::custom(expected))
}
