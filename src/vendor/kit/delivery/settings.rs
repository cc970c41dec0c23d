//! How the secrets of webhooks are written down.

use http::HeaderName;
use serde::Deserialize;

use crate::settings::{Moment, Problems, SecretError, SecretSource, Window};
use crate::vendor::kit::account::{SecretChecks, check_username};
use crate::vendor::kit::delivery::{CipherKey, CipherKeyError, Proof, SharedSecret};

/// One shared secret of a connection's webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    /// Names it in metrics: which one the vendor uses.
    pub label: String,
    /// What stands in the header.
    pub proof: ProofSettings,
    /// Where the key is kept that bodies are encrypted with: exactly 32 bytes. Without it, bodies are plain.
    #[serde(default)]
    pub cipher_key: Option<SecretSource>,
    /// From when on it is accepted; without it, from ever.
    #[serde(default)]
    pub not_before: Option<Moment>,
    /// Until when it is accepted; without it, for ever.
    #[serde(default)]
    pub not_after: Option<Moment>,
}

/// How the vendor shows who it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProofSettings {
    /// HTTP Basic.
    Basic {
        /// The user name, without a colon.
        username: String,
        /// Where the password is kept.
        password: SecretSource,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// Where the token is kept.
        token: SecretSource,
    },
    /// A header field of its own.
    ApiKey {
        /// Its name, for example `x-webhook-key`.
        header: String,
        /// Where its value is kept.
        value: SecretSource,
    },
}

/// A secret that cannot be used, as a sentence.
#[derive(Debug, thiserror::Error)]
pub enum UnusableSecret {
    /// It could not be read.
    #[error(transparent)]
    Unreadable(#[from] SecretError),
    /// The key that bodies are encrypted with is none.
    #[error("cipher_key {0}")]
    CipherKey(#[from] CipherKeyError),
    /// The header field has no such name.
    #[error("proof.api_key.header is no name of a header field")]
    Header,
}

impl SecretSettings {
    /// When it is accepted.
    pub fn window(&self) -> Window {
        Window::new(self.not_before, self.not_after)
    }

    /// The secret, read from where it is kept.
    pub fn read(&self) -> Result<SharedSecret, UnusableSecret> {
        let cipher_key = match &self.cipher_key {
            Some(key) => Some(CipherKey::new(&key.read()?)?),
            None => None,
        };
        let (label, proof) = (self.label.clone(), self.proof.read()?);
        Ok(SharedSecret { label, proof, cipher_key, window: self.window() })
    }
}

impl ProofSettings {
    fn read(&self) -> Result<Proof, UnusableSecret> {
        Ok(match self {
            Self::Basic { username, password } => {
                Proof::Basic { username: username.clone(), password: password.read()? }
            }
            Self::Bearer { token } => Proof::Bearer(token.read()?),
            Self::ApiKey { header, value } => {
                let header = HeaderName::try_from(header).map_err(|_odd| UnusableSecret::Header)?;
                Proof::ApiKey { header, value: value.read()? }
            }
        })
    }

    fn check(&self, problems: &mut Problems) {
        match self {
            Self::Basic { username, .. } => {
                problems.within("basic", |problems| check_username(problems, username));
            }
            Self::ApiKey { header, .. } if HeaderName::try_from(header).is_err() => {
                problems.within("api_key", |problems| {
                    problems.add("header", "must be the name of a header field, for example x-webhook-key");
                });
            }
            _ => {}
        }
    }
}

/// Reports what is wrong with a list of secrets: each has a label of its own, and a time.
pub fn check_secrets(secrets: &[SecretSettings], problems: &mut Problems) {
    let mut checks = SecretChecks::default();
    for (index, secret) in secrets.iter().enumerate() {
        problems.within(&index.to_string(), |problems| {
            checks.check(problems, &secret.label, secret.window());
            problems.within("proof", |problems| secret.proof.check(problems));
        });
    }
}
