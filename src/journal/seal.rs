//! Sealed items: what may hold personal data, encrypted with a key of its own.
//!
//! Every item gets a fresh AES-256-GCM data key, which a master key wraps. Wrapped keys are kept apart from
//! bodies: deleting the few bytes of a wrapped key makes its body unreadable wherever copies of it are. Body and
//! wrapped key are bound to connection, item and kind, so that neither opens in another place. They are not
//! bound to the owner, which changes when a delivery finds its identification.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine as _, alphabet};
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::Clock;

const KEY: usize = 32;

/// One encrypted item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedItem {
    /// Unique name, for example `delivery/{name}`.
    pub item: String,
    /// Whose erasure takes it along, any one's: names of deliveries and identifications.
    pub owners: Vec<String>,
    /// What it is, for example `webhook_body`.
    pub kind: String,
    /// The connection's id.
    pub connection: String,
    /// Which master key wraps the data key.
    pub master_key: String,
    /// The wrapped data key.
    pub wrapped_key: Vec<u8>,
    /// Nonce and ciphertext.
    pub body: Vec<u8>,
}

/// What to seal, and the place it belongs to. No `Debug`: it holds what must not be printed.
#[derive(Clone, Copy)]
pub struct SealInput<'a> {
    /// The connection's id.
    pub connection: &'a str,
    /// A delivery's or an identification's name.
    pub owner: &'a str,
    /// Unique name of the item.
    pub item: &'a str,
    /// What it is.
    pub kind: &'a str,
    /// The content.
    pub plaintext: &'a [u8],
}

/// Seals and opens items under the master keys, which live outside the store.
pub struct Vault {
    clock: Clock,
    /// Never empty; the first one seals.
    keys: Vec<MasterKey>,
}

/// A key that wraps data keys. Wiped when dropped.
pub struct MasterKey {
    id: String,
    key: Zeroizing<[u8; KEY]>,
}

/// Why an item could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The master key it was sealed with is not configured.
    #[error("the master key {0} is not configured")]
    UnknownMasterKey(String),
    /// It was altered, or belongs elsewhere.
    #[error("a sealed item does not open")]
    Broken,
    /// There is nothing to seal with.
    #[error("no master key is configured")]
    NoMasterKey,
}

/// A text that is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key must be 32 bytes in base64; `openssl rand -base64 32` makes one")]
pub struct MasterKeyError;

impl Vault {
    /// A vault that seals under the first key and opens what any of them sealed.
    pub fn new(clock: Clock, keys: Vec<MasterKey>) -> Result<Self, SealError> {
        if keys.is_empty() {
            return Err(SealError::NoMasterKey);
        }
        Ok(Self { clock, keys })
    }

    /// Encrypts an item under a data key of its own.
    pub fn seal(&self, input: SealInput<'_>) -> Result<SealedItem, SealError> {
        let SealInput { connection, owner, item, kind, plaintext } = input;
        let master = self.keys.first().ok_or(SealError::NoMasterKey)?;
        let data_key = Zeroizing::new(self.clock.random::<KEY>());
        let body = self.encrypt(&data_key, &body_aad(connection, item, kind), plaintext)?;
        let wrapping = key_aad(&master.id, connection, item, kind);
        let wrapped_key = self.encrypt(&master.key, &wrapping, data_key.as_slice())?;
        Ok(SealedItem {
            item: item.to_owned(),
            owners: vec![owner.to_owned()],
            kind: kind.to_owned(),
            connection: connection.to_owned(),
            master_key: master.id.clone(),
            wrapped_key,
            body,
        })
    }

    /// Decrypts an item; the content is wiped when dropped.
    pub fn open(&self, sealed: &SealedItem) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let SealedItem { connection, item, kind, .. } = sealed;
        let master = self.keys.iter().find(|key| key.id == sealed.master_key);
        let master = master.ok_or_else(|| SealError::UnknownMasterKey(sealed.master_key.clone()))?;
        let wrapping = key_aad(&master.id, connection, item, kind);
        let data_key = decrypt(&master.key, &wrapping, &sealed.wrapped_key)?;
        let data_key: &[u8; KEY] = data_key.as_slice().try_into().map_err(|_length| SealError::Broken)?;
        decrypt(data_key, &body_aad(connection, item, kind), &sealed.body)
    }

    fn encrypt(&self, key: &[u8; KEY], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = self.clock.random::<NONCE_LEN>();
        let mut bytes = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(plaintext);
        let tag = cipher(key)
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut bytes[NONCE_LEN..])
            })
            .map_err(|Unspecified| {
                bytes.zeroize();
                SealError::Broken
            })?;
        bytes.extend_from_slice(tag.as_ref());
        Ok(bytes)
    }
}

impl MasterKey {
    /// Reads 32 bytes in base64, standard or URL-safe, with or without padding.
    ///
    /// The id is derived from the key: an operator has no name to invent, and none that could be given to another
    /// key later.
    pub fn parse(secret: &SecretString) -> Result<Self, MasterKeyError> {
        let text = secret.expose_secret().trim();
        let bytes = Zeroizing::new(decode(text).ok_or(MasterKeyError)?);
        let key: &[u8; KEY] = bytes.as_slice().try_into().map_err(|_length| MasterKeyError)?;
        Ok(Self::new(Zeroizing::new(*key)))
    }

    /// A new random key.
    pub fn generate(clock: &Clock) -> Self {
        Self::new(Zeroizing::new(clock.random()))
    }

    /// The key as [`MasterKey::parse`] reads it.
    pub fn to_base64(&self) -> SecretString {
        SecretString::from(STANDARD.encode(self.key.as_slice()))
    }

    /// Names the key without giving it away: 8 hexadecimal digits, the same for the same key.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn new(key: Zeroizing<[u8; KEY]>) -> Self {
        let mac =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), b"idv-gateway master key id");
        let id = mac.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id, key }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let url_safe = text.contains(['-', '_']);
    let alphabet = if url_safe { alphabet::URL_SAFE } else { alphabet::STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(text).ok()
}

fn decrypt(key: &[u8; KEY], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|Unspecified| SealError::Broken)?;
    let mut bytes = Zeroizing::new(ciphertext.to_vec());
    let length = cipher(key)
        .and_then(|key| {
            key.open_in_place(nonce, Aad::from(aad), bytes.as_mut_slice()).map(|plain| plain.len())
        })
        .map_err(|Unspecified| SealError::Broken)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn cipher(key: &[u8; KEY]) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new)
}

fn body_aad(connection: &str, item: &str, kind: &str) -> Vec<u8> {
    framed(&["body", connection, item, kind])
}

fn key_aad(master: &str, connection: &str, item: &str, kind: &str) -> Vec<u8> {
    framed(&["data key", master, connection, item, kind])
}

/// Every part with its length in front: no two lists of parts give the same bytes.
fn framed(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}
