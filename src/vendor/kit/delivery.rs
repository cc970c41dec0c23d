//! Webhook requests before and after they were proven authentic.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use prost::Message;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::proto::Evidence;
use crate::settings::{Network, Window};

/// A webhook request as it came in; nothing in it may be believed.
pub struct Unverified {
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, unread.
    pub body: Bytes,
    /// Who sent it.
    pub source: Source,
    /// When it was there as a whole.
    pub receive_time: SystemTime,
}

/// Where a webhook request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This address sent it.
    Known(IpAddr),
    /// This trusted proxy passed it on and did not say, in a form that can be read, for whom.
    Behind(IpAddr),
}

/// A webhook request that proved to be the vendor's. Only this module makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    body: Bytes,
    evidence: Evidence,
    matched: String,
}

/// Why a request was refused; for counters only, the sender never learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No credentials came with it.
    Missing,
    /// The credentials are malformed.
    Malformed,
    /// The credentials are not the configured ones.
    Wrong,
    /// The credentials are configured, for another time.
    OutsideWindow,
    /// The credentials are right, and came from where the vendor does not send from.
    ForeignSource,
}

/// A kept delivery that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("a kept delivery cannot be read back")]
pub struct NotKept(#[source] prost::DecodeError);

impl Source {
    /// The nearest address that is certain.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Known(address) | Self::Behind(address) => address,
        }
    }

    /// Whether it is known to be in one of `networks`.
    pub fn is_in(self, networks: &[Network]) -> bool {
        match self {
            Self::Known(address) => networks.iter().any(|network| network.contains(address)),
            Self::Behind(_) => false,
        }
    }
}

impl Verified {
    /// The body as received.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the proof is worth.
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Label of the credential that matched: which of several live secrets the vendor uses.
    pub fn matched(&self) -> &str {
        &self.matched
    }

    /// What the journal seals, so that the delivery can be applied after a restart.
    pub fn to_kept(&self) -> Vec<u8> {
        let (body, matched) = (self.body.clone(), self.matched.clone());
        Kept { evidence: self.evidence.into(), matched, body }.encode_to_vec()
    }

    /// Reads back what [`Verified::to_kept`] made.
    ///
    /// The proof itself is not repeated (headers are not kept, and secrets rotate). `kept` must therefore come
    /// from a sealed item and nowhere else: only this process could seal it, and only after verifying it.
    pub(crate) fn from_kept(kept: &[u8]) -> Result<Self, NotKept> {
        let kept = Kept::decode(kept).map_err(NotKept)?;
        Ok(Self { evidence: kept.evidence(), body: kept.body, matched: kept.matched })
    }
}

/// HTTP Basic credentials a vendor may use, several while they are being rotated.
pub struct BasicCredentials(Vec<Credential>);

/// One user name and password to accept.
pub struct BasicPair {
    /// Names the pair in metrics and logs.
    pub label: String,
    /// Has no colon: Basic has no way to say one.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// When it is accepted.
    pub window: Window,
}

struct Credential {
    label: String,
    window: Window,
    /// SHA-256 of `username:password`: equally long for all, so that a comparison tells nothing about lengths.
    digest: Digest,
}

impl BasicCredentials {
    /// Accepts these and no others.
    pub fn new(pairs: impl IntoIterator<Item = BasicPair>) -> Self {
        let credential = |pair: BasicPair| {
            let text = SecretString::from(format!("{}:{}", pair.username, pair.password.expose_secret()));
            let digest = digest(&SHA256, text.expose_secret().as_bytes());
            Credential { label: pair.label, window: pair.window, digest }
        };
        Self(pairs.into_iter().map(credential).collect())
    }

    /// Label and window of each.
    pub fn windows(&self) -> impl Iterator<Item = (&str, Window)> {
        self.0.iter().map(|credential| (credential.label.as_str(), credential.window))
    }

    /// Compares with every credential, in a time that does not depend on which one matches, how nearly, or whether
    /// its time is over.
    pub fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        let given = digest(&SHA256, &basic_pair(&delivery.headers)?);
        let (mut found, mut known) = (u32::MAX, Choice::from(0));
        for (index, credential) in (0..).zip(&self.0) {
            let equal: Choice = credential.digest.as_ref().ct_eq(given.as_ref());
            let in_time = Choice::from(u8::from(credential.window.contains(delivery.receive_time)));
            found.conditional_assign(&index, equal & in_time);
            known |= equal;
        }
        let refusal = if known.into() { Refusal::OutsideWindow } else { Refusal::Wrong };
        let matched = usize::try_from(found).ok().and_then(|index| self.0.get(index)).ok_or(refusal)?;
        let matched = matched.label.clone();
        Ok(Verified { body: delivery.body, evidence: Evidence::SharedSecret, matched })
    }
}

/// The decoded `username:password` of the one Authorization header.
fn basic_pair(headers: &HeaderMap) -> Result<Vec<u8>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        // Two could be read differently by something in front of the gateway.
        return Err(Refusal::Malformed);
    }
    let text = value.to_str().map_err(|_not_ascii| Refusal::Malformed)?;
    let (scheme, encoded) = text.split_once(' ').ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::Malformed);
    }
    let pair = STANDARD_PAD_INDIFFERENT.decode(encoded.trim()).map_err(|_damaged| Refusal::Malformed)?;
    if pair.contains(&b':') { Ok(pair) } else { Err(Refusal::Malformed) }
}

/// [`Verified`] as it is kept.
#[derive(Clone, PartialEq, Message)]
struct Kept {
    #[prost(enumeration = "Evidence", tag = "1")]
    evidence: i32,
    #[prost(string, tag = "2")]
    matched: String,
    #[prost(bytes = "bytes", tag = "3")]
    body: Bytes,
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        let mut form = f.debug_struct("Unverified");
        form.field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut form = f.debug_struct("Verified");
        form.field("evidence", &self.evidence).field("matched", &self.matched);
        form.field("body_bytes", &self.body.len()).finish()
    }
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|credential| &credential.label)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_delivery_is_the_same_after_a_restart() {
        let body = Bytes::from_static(b"{\"a\":1}\xff");
        let verified = Verified { body, evidence: Evidence::SharedSecret, matched: "second".to_owned() };
        let again = Verified::from_kept(&verified.to_kept()).unwrap();
        assert_eq!(again, verified);
        assert!(Verified::from_kept(&[0xff, 0xff]).is_err());
    }
}
