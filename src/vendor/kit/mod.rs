//! What every connector needs.

pub mod account;
mod answer;
pub mod archive;
mod breaker;
pub mod deadline;
pub mod delivery;
pub mod envelope;
pub mod field_path;
pub mod header;
pub mod http;
pub mod json;
pub mod limit;
pub mod line;
mod metered;
pub mod multipart;
pub mod phone;
pub mod places;
pub mod polling;
pub mod refusal;
pub mod retry;
pub mod section;
pub mod session;
pub mod spool;
pub mod token;
pub mod transport;
pub mod url;

/// What stands in for a vendor's word that is not [`printable`].
pub const UNPRINTABLE: &str = "UNPRINTABLE";

/// Whether a word that a vendor chooses freely may enter events, logs and error details: `[A-Za-z0-9_.-]{1,64}`.
/// Everything else could carry personal data.
pub fn printable(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&word.len()) && word.bytes().all(plain)
}
