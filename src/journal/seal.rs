//! Sealed items: what may hold personal data, encrypted with a key of its own.

/// One encrypted item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedItem {
    /// Unique name, for example `delivery/{name}`.
    pub item: String,
    /// Whose erasure takes it along: a delivery's or an identification's name.
    pub owner: String,
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

/// Seals and opens items under the master keys, which live outside the store.
pub struct Vault;

/// A key that wraps data keys.
pub struct MasterKey;

/// Why an item could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The master key it was sealed with is not configured.
    #[error("the master key {0} is not configured")]
    UnknownMasterKey(String),
    /// It was altered, or belongs elsewhere.
    #[error("a sealed item does not open")]
    Broken,
}
