//! Cursors: a reader's place in the journal, opaque to the reader.
//!
//! Base64url without padding of: version (1 byte), epoch (16), position (8, big endian), the first bytes of that
//! entry's checksum (4) and a keyed check over all of it (8). The checksum notices a journal that was replaced
//! while its epoch was copied; the keyed check makes a cursor something that only this journal can have made.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::journal::{Identity, Journal, JournalError, Place};
use crate::model::filter::Filter;

const VERSION: u8 = 1;
const MAC_LABEL: &str = "cursor";
const SIGNED: usize = 1 + 16 + 8 + 4;
const LENGTH: usize = SIGNED + 8;

/// The journal's own key: checks cursors and the payloads of repeated requests. Wiped when dropped.
#[derive(Clone)]
pub struct CursorKey(Zeroizing<[u8; 32]>);

/// Why a cursor was refused.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// Not a cursor of this deployment.
    #[error("the cursor is malformed")]
    Malformed,
    /// The journal was replaced since it was handed out.
    #[error("the cursor belongs to another epoch of the journal")]
    EpochMismatch,
    /// What follows it is no longer kept.
    #[error("the cursor is older than the journal")]
    Expired {
        /// The oldest cursor that works.
        earliest: String,
    },
    /// The journal did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The cursor of `place`: 50 characters of `[A-Za-z0-9_-]`.
pub fn encode(identity: &Identity, place: Place) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(VERSION);
    bytes.extend_from_slice(identity.epoch.as_bytes());
    bytes.extend_from_slice(&place.position.to_be_bytes());
    bytes.extend_from_slice(&place.check);
    let mac = identity.key.mac(MAC_LABEL, &bytes);
    bytes.extend_from_slice(&mac[..LENGTH - SIGNED]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place a reader's cursor stands for, checked against the journal.
pub async fn resolve(journal: &dyn Journal, cursor: &str) -> Result<Place, CursorError> {
    let identity = journal.identity();
    let (epoch, place) = decode(&identity.key, cursor).ok_or(CursorError::Malformed)?;
    if epoch != identity.epoch {
        return Err(CursorError::EpochMismatch);
    }
    let bounds = journal.read(place.position, &Filter::default(), 0).await?;
    if place.position > bounds.head {
        return Err(CursorError::EpochMismatch);
    }
    if place.position < bounds.low_water {
        return Err(expired(journal).await?);
    }
    match journal.place(place.position).await? {
        Some(found) if found == place => Ok(place),
        Some(_) => Err(CursorError::EpochMismatch),
        // It may have been removed since the bounds were read.
        None if place.position < earliest(journal).await?.position => Err(expired(journal).await?),
        None => Err(CursorError::EpochMismatch),
    }
}

async fn expired(journal: &dyn Journal) -> Result<CursorError, JournalError> {
    let earliest = encode(journal.identity(), earliest(journal).await?);
    Ok(CursorError::Expired { earliest })
}

/// The place before the oldest event that is kept.
pub async fn earliest(journal: &dyn Journal) -> Result<Place, JournalError> {
    let mut position = journal.read(0, &Filter::default(), 0).await?.low_water;
    loop {
        if let Some(place) = journal.place(position).await? {
            return Ok(place);
        }
        // It may have been removed between the two looks.
        let moved = journal.read(0, &Filter::default(), 0).await?.low_water;
        if moved == position {
            return Err(JournalError::Damaged(format!("position {position}")));
        }
        position = moved;
    }
}

impl CursorKey {
    /// The key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// HMAC-SHA-256 of `bytes` under this key; `label` keeps uses apart.
    pub fn mac(&self, label: &str, bytes: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut context = hmac::Context::with_key(&key);
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        context.update(&(label.len() as u64).to_be_bytes());
        context.update(label.as_bytes());
        context.update(bytes);
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}

fn decode(key: &CursorKey, cursor: &str) -> Option<(Uuid, Place)> {
    // Longer input is refused before any work is spent on it.
    if cursor.len() > 2 * LENGTH {
        return None;
    }
    let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
    let (signed, mac) = bytes.split_at(SIGNED);
    let expected = key.mac(MAC_LABEL, signed);
    if !bool::from(expected[..mac.len()].ct_eq(mac)) || signed[0] != VERSION {
        return None;
    }
    let epoch = Uuid::from_slice(&signed[1..17]).ok()?;
    let position = u64::from_be_bytes(signed[17..25].try_into().ok()?);
    let check = signed[25..].try_into().ok()?;
    Some((epoch, Place { position, check }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_made(
            key: [u8; 32],
            epoch: [u8; 16],
            position: u64,
            check: [u8; 4],
            altered in 0..LENGTH,
            with in 1..=u8::MAX,
        ) {
            let identity = Identity { epoch: Uuid::from_bytes(epoch), key: CursorKey::new(key) };
            let place = Place { position, check };
            let cursor = encode(&identity, place);
            prop_assert_eq!(decode(&identity.key, &cursor), Some((identity.epoch, place)));

            let mut bytes = URL_SAFE_NO_PAD.decode(cursor)?;
            bytes[altered] ^= with;
            prop_assert_eq!(decode(&identity.key, &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn no_text_passes_for_a_cursor(text in ".{0,120}") {
            prop_assert_eq!(decode(&CursorKey::new([7; 32]), &text), None);
        }
    }

    #[test]
    fn labels_keep_uses_apart() {
        let key = CursorKey::new([7; 32]);
        assert_ne!(key.mac("ab", b"c"), key.mac("a", b"bc"));
        assert_eq!(key.mac("ab", b"c"), key.mac("ab", b"c"));
        assert_ne!(key.mac("ab", b"c"), CursorKey::new([8; 32]).mac("ab", b"c"));
    }
}
