//! What webhooks have to show before they are believed to be the vendor's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use crate::proto::Evidence;
use crate::settings::{Network, Window};
use crate::vendor::kit::delivery::cipher::CipherKey;
use crate::vendor::kit::delivery::{Refusal, Unverified, Verified};

/// The shared secrets of one connection, several while they are being rotated.
///
/// Encryption alone opens no door: whether a body decrypts would have to be answered, and the answers would tell its
/// content.
pub struct Door {
    sources: Option<Vec<Network>>,
    iv: Option<HeaderName>,
    fixed: Vec<Arc<Key>>,
    keys: RwLock<Arc<[Arc<Key>]>>,
}

/// One shared secret.
#[derive(Debug)]
pub struct SharedSecret {
    /// Names it in metrics and logs.
    pub label: String,
    /// What stands in the header.
    pub proof: Proof,
    /// What the body is encrypted with; `None`: it is plain.
    pub cipher_key: Option<CipherKey>,
    /// When it is accepted.
    pub window: Window,
}

/// How a vendor shows who it is.
#[derive(Clone)]
pub enum Proof {
    /// HTTP Basic.
    Basic {
        /// Has no colon: Basic has no way to say one.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// `Authorization: Bearer`.
    Bearer(SecretString),
    /// A header field of its own.
    ApiKey {
        /// Its name.
        header: HeaderName,
        /// Its value.
        value: SecretString,
    },
}

/// Where a proof stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Basic,
    Bearer,
    Field(HeaderName),
}

struct Key {
    label: String,
    window: Window,
    place: Place,
    /// SHA-256 of the proof: equally long for all, so that a comparison tells nothing about lengths.
    digest: Digest,
    cipher: Option<CipherKey>,
}

impl Door {
    /// Accepts `secrets` and no others, from `sources` or, without them, from everywhere. Encrypted bodies have their
    /// initialisation vector in the header field `iv`.
    pub fn new(
        secrets: impl IntoIterator<Item = SharedSecret>,
        sources: Option<Vec<Network>>,
        iv: Option<HeaderName>,
    ) -> Self {
        let fixed: Vec<_> = secrets.into_iter().map(Key::new).map(Arc::new).collect();
        Self { sources, iv, keys: RwLock::new(fixed.iter().cloned().collect()), fixed }
    }

    /// Accepts `secrets` too, in place of those of an earlier call.
    pub fn accept(&self, secrets: impl IntoIterator<Item = SharedSecret>) {
        let others = secrets.into_iter().map(Key::new).map(Arc::new);
        let keys = self.fixed.iter().cloned().chain(others).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Label and window of each.
    pub fn windows(&self) -> Vec<(String, Window)> {
        self.keys().iter().map(|key| (key.label.clone(), key.window)).collect()
    }

    /// Compares with every secret, in a time that does not depend on which one matches, how nearly, or whether its
    /// time is over. The body is decrypted only for who knows the secret. While nothing but the key of bodies is being
    /// rotated, several keys go with one secret: the first that opens the body counts.
    pub fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        let keys = self.keys();
        let mut given = HashMap::new();
        for key in keys.iter() {
            if !given.contains_key(&key.place) {
                given.insert(key.place.clone(), key.place.read(&delivery.headers));
            }
        }
        let (mut known, mut accepted) = (Choice::from(0), Vec::with_capacity(keys.len()));
        for key in keys.iter() {
            let equal = match given.get(&key.place) {
                Some(Ok(said)) => key.digest.as_ref().ct_eq(said.as_ref()),
                _ => Choice::from(0),
            };
            let in_time = Choice::from(u8::from(key.window.contains(delivery.receive_time)));
            known |= equal;
            accepted.push((key, equal & in_time));
        }
        accepted.retain(|(_key, accepted)| bool::from(*accepted));
        if accepted.is_empty() {
            return Err(match known.into() {
                true => Refusal::OutsideWindow,
                false => refusal(given.into_values()),
            });
        }
        // The address only counts for who knows the secret, so that its cause means a leak, or a vendor that has moved.
        if self.sources.as_ref().is_some_and(|sources| !delivery.source.is_in(sources)) {
            return Err(Refusal::ForeignSource);
        }
        let iv = self.iv.as_ref().and_then(|name| only(&delivery.headers, name).ok());
        let decrypted = accepted.iter().find_map(|(key, _accepted)| {
            let body = key.cipher.as_ref()?.open(iv, &delivery.body)?;
            Some((key, body.into()))
        });
        let plain = || accepted.iter().find(|(key, _accepted)| key.cipher.is_none());
        let (key, body) = match decrypted {
            Some(opened) => opened,
            None => plain().map(|(key, _accepted)| (key, delivery.body)).ok_or(Refusal::Undecryptable)?,
        };
        Ok(Verified { body, evidence: Evidence::SharedSecret, matched: key.label.clone() })
    }

    fn keys(&self) -> Arc<[Arc<Key>]> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The worst that can be said of what was given in place of a secret.
fn refusal(given: impl Iterator<Item = Result<Digest, Refusal>>) -> Refusal {
    let (mut malformed, mut missing) = (false, false);
    for one in given {
        match one {
            Ok(_) => return Refusal::Wrong,
            Err(Refusal::Missing) => missing = true,
            Err(_) => malformed = true,
        }
    }
    match (malformed, missing) {
        (true, _) => Refusal::Malformed,
        (false, true) => Refusal::Missing,
        (false, false) => Refusal::Wrong,
    }
}

impl Key {
    fn new(secret: SharedSecret) -> Self {
        let SharedSecret { label, proof, cipher_key: cipher, window } = secret;
        let (place, digest) = match proof {
            Proof::Basic { username, password } => {
                let pair = SecretString::from(format!("{username}:{}", password.expose_secret()));
                (Place::Basic, sha256(&pair))
            }
            Proof::Bearer(token) => (Place::Bearer, sha256(&token)),
            Proof::ApiKey { header, value } => (Place::Field(header), sha256(&value)),
        };
        Self { label, window, place, digest, cipher }
    }
}

impl Place {
    /// The digest of what stands there.
    fn read(&self, headers: &HeaderMap) -> Result<Digest, Refusal> {
        match self {
            Self::Basic => {
                let pair = STANDARD_PAD_INDIFFERENT.decode(authorization(headers, "basic")?);
                let pair = pair.map_err(|_damaged| Refusal::Malformed)?;
                let has_colon = pair.contains(&b':');
                has_colon.then(|| digest(&SHA256, &pair)).ok_or(Refusal::Malformed)
            }
            Self::Bearer => Ok(digest(&SHA256, authorization(headers, "bearer")?.as_bytes())),
            Self::Field(name) => Ok(digest(&SHA256, only(headers, name)?.as_bytes())),
        }
    }
}

/// What follows `scheme` in the one Authorization field.
fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Result<&'a str, Refusal> {
    let text = only(headers, &AUTHORIZATION)?.to_str().map_err(|_not_ascii| Refusal::Malformed)?;
    let (given, rest) = text.split_once(' ').ok_or(Refusal::Malformed)?;
    given.eq_ignore_ascii_case(scheme).then_some(rest.trim()).ok_or(Refusal::Malformed)
}

/// The one field of this name. Two could be read differently by something in front of the gateway.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a http::HeaderValue, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Refusal::Missing),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Refusal::Malformed),
    }
}

fn sha256(secret: &SecretString) -> Digest {
    digest(&SHA256, secret.expose_secret().as_bytes())
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().iter().map(|key| &key.label)).finish()
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::ApiKey { .. } => "ApiKey",
        })
    }
}
