//! Webhook requests before and after they were proven authentic.

mod cipher;
mod door;
mod settings;

pub use cipher::{CIPHER_KEY_BYTES, CipherKey, CipherKeyError};
pub use door::{Door, Proof, SharedSecret};
pub use settings::{ProofSettings, SecretSettings, UnusableSecret, check_secrets};

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;

use crate::proto::Evidence;
use crate::settings::Network;

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

/// A webhook request that proved to be the vendor's. Only the [`Door`] makes one.
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
    /// The credentials are right, and the body does not decrypt to JSON with the key that belongs to them.
    Undecryptable,
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
    /// The body as received, decrypted where it was encrypted.
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
