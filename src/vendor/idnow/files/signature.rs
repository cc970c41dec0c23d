//! IDnow's signature over its XML report: RSA (PKCS #1) with SHA-512, detached, in a file of its own.

use std::path::Path;
use std::{fs, io};

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::proto::SignatureVerdict;

/// Longest signature: RSA with 8192 bits.
pub(super) const MAX_SIGNATURE: usize = 1024;

/// The public keys that a signature may have been made with; several while IDnow changes its own.
pub(super) struct SigningKeys(Vec<ParsedPublicKey>);

/// A file that holds no usable public key.
#[derive(Debug, thiserror::Error)]
pub(in crate::vendor::idnow) enum KeyError {
    #[error("the file {0} cannot be read")]
    File(String, #[source] io::Error),
    #[error("the file {0} must hold one RSA public key of 2048 to 8192 bits in PEM (BEGIN PUBLIC KEY)")]
    NoKey(String),
}

impl SigningKeys {
    /// Reads one key from each file.
    pub(super) fn read(paths: &[impl AsRef<Path>]) -> Result<Self, KeyError> {
        let read = |path: &Path| {
            let shown = || path.display().to_string();
            let text = fs::read_to_string(path).map_err(|error| KeyError::File(shown(), error))?;
            parse(&text).ok_or_else(|| KeyError::NoKey(shown()))
        };
        paths.iter().map(|path| read(path.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// What `signature` says about a report with this SHA-512.
    pub(super) fn judge(&self, report: &Digest, signature: &[u8]) -> SignatureVerdict {
        if self.0.is_empty() {
            return SignatureVerdict::Unchecked;
        }
        match self.0.iter().any(|key| key.verify_digest_sig(report, signature).is_ok()) {
            true => SignatureVerdict::Valid,
            false => SignatureVerdict::Invalid,
        }
    }
}

fn parse(pem: &str) -> Option<ParsedPublicKey> {
    let (_, body) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, rest) = body.split_once("-----END PUBLIC KEY-----")?;
    if !rest.trim().is_empty() {
        return None;
    }
    let text: String = body.split_whitespace().collect();
    let der = BASE64_STANDARD.decode(text).ok()?;
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, der).ok()
}
