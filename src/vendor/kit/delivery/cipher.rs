//! Bodies that a vendor encrypts with AES-256 in CBC mode, padded by PKCS#7.
//!
//! CBC does not show whether a text was altered. What decrypts to no JSON is refused like a wrong password, and what
//! the padding was is not told by the answer: all steps are gone through, whichever of them fails.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

/// Bytes of a key: the UTF-8 bytes of the secret itself.
pub const CIPHER_KEY_BYTES: usize = 32;
const BLOCK: usize = 16;

/// A key that a vendor encrypts bodies with.
pub struct CipherKey(DecryptingKey);

/// A secret that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be exactly 32 bytes; it has {0} (a character that is not ASCII has more than one)")]
pub struct CipherKeyError(usize);

impl CipherKey {
    /// The key that `secret` is.
    pub fn new(secret: &SecretString) -> Result<Self, CipherKeyError> {
        let bytes = secret.expose_secret().as_bytes();
        let wrong = CipherKeyError(bytes.len());
        if bytes.len() != CIPHER_KEY_BYTES {
            return Err(wrong);
        }
        let key = UnboundCipherKey::new(&AES_256, bytes).and_then(DecryptingKey::cbc);
        key.map(Self).map_err(|_unspecified| wrong)
    }

    /// The JSON text in `body`, which is base64; `iv` is the header field with the initialisation vector. `None`: it is
    /// not what the vendor encrypts with this key.
    pub(super) fn open(&self, iv: Option<&HeaderValue>, body: &[u8]) -> Option<Vec<u8>> {
        let iv: [u8; BLOCK] = STANDARD_PAD_INDIFFERENT.decode(iv?.as_bytes()).ok()?.try_into().ok()?;
        let mut text = STANDARD_PAD_INDIFFERENT.decode(body.trim_ascii()).ok()?;
        if text.is_empty() || !text.len().is_multiple_of(BLOCK) {
            return None;
        }
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        self.0.decrypt(&mut text, context).ok()?;
        let (padded, content) = unpad(&text);
        let json = match str::from_utf8(&text[..content]) {
            Ok(said) => serde_json::from_str::<IgnoredAny>(said).is_ok(),
            Err(_no_text) => false,
        };
        text.truncate(content);
        (bool::from(padded) & json).then_some(text)
    }
}

/// Whether whole blocks end in PKCS#7 padding, and how many bytes stand before it; in a time that only depends on how
/// many there are.
fn unpad(text: &[u8]) -> (Choice, usize) {
    let last = text.last().copied().unwrap_or_default();
    let mut padded = !last.ct_eq(&0) & !last.ct_gt(&16);
    for (place, byte) in (1_u8..=16).zip(text.iter().rev()) {
        let is_padding = !place.ct_gt(&last);
        padded &= !is_padding | byte.ct_eq(&last);
    }
    let padding = u8::conditional_select(&0, &last, padded);
    (padded, text.len() - usize::from(padding))
}

impl fmt::Debug for CipherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CipherKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_one_to_sixteen_equal_bytes_at_the_end() {
        let blocks = |end: &[u8]| [vec![b'x'; 32 - end.len()], end.to_vec()].concat();
        for bytes in 1..=16_u8 {
            let text = blocks(&vec![bytes; bytes.into()]);
            let (padded, content) = unpad(&text);
            assert!(bool::from(padded), "{bytes}");
            assert_eq!(content, 32 - usize::from(bytes));
            if bytes > 1 {
                let mut broken = text;
                broken[32 - usize::from(bytes)] ^= 1;
                assert!(!bool::from(unpad(&broken).0), "{bytes}");
            }
        }
        for end in [[0].as_slice(), &[17], &[255], &[2], &[3, 3, 2]] {
            assert!(!bool::from(unpad(&blocks(end)).0), "{end:?}");
        }
    }
}
