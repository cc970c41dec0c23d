//! What a connector needs for later calls about an identification beside the vendor's ids.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

use crate::error::{Error, Kind};
use crate::proto::VendorReference;

/// Bytes that only their connector reads: a recipient, a link that cannot be computed. Personal data: the hub keeps them
/// sealed until the identification is DELETED or its retention ends.
#[derive(Clone)]
pub struct Keepsake(SecretSlice<u8>);

/// An identification as its connector knows it.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The vendor's identifiers.
    pub reference: &'a VendorReference,
    /// What the connector wanted kept; `None` where it wanted nothing, and for what was made without the gateway.
    pub keepsake: Option<&'a Keepsake>,
}

impl<'a> About<'a> {
    /// The keepsake, for a call that cannot do without it.
    pub fn needed(&self, operation: &'static str) -> Result<&'a Keepsake, Error> {
        self.keepsake.ok_or_else(|| {
            let detail = "the vendor addresses this by what is not known of an identification that was made without the \
                          gateway; do it at the vendor";
            Error::new(Kind::StateNotAllowed, operation, detail)
        })
    }
}

impl Keepsake {
    /// Wants `bytes` kept.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they were handed over.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Keepsake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keepsake").field("bytes", &self.bytes().len()).finish()
    }
}
