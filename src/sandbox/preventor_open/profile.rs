//! What the vendor's documents leave open, as switches.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sandbox::stand_in::Reading;

/// The readings of the vendor's documents that the stand-in follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Who the Basic credentials of a login are.
    pub basic: Basic,
    /// How the end of a login's token is told.
    pub token_end: TokenEnd,
    /// What stands in refusals.
    pub errors: Errors,
    /// The HTTP status of what is written, 200 or 201.
    pub written_status: u16,
    /// What is answered to what is written.
    pub written: Written,
    /// Where a customer stands in the answer about it.
    pub customer: Place,
    /// How many pictures of each kind an upload needs.
    pub pictures: Pictures,
    /// How the portrait of a document is written.
    pub portrait: Portrait,
}

/// Who the Basic credentials of a login are: the documents say user and password in one place, and name a client in
/// another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basic {
    /// The API key and the secret, as in all else that the vendor has.
    #[default]
    Key,
    /// The client and the secret.
    Client,
    /// The user and the password of the form.
    User,
}

/// How the end of a login's token is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenEnd {
    /// `expires_in`, in seconds.
    #[default]
    ExpiresIn,
    /// Not at all; the token lives five minutes.
    Untold,
}

/// What stands in refusals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errors {
    /// `{"status","code","message"}`, as the vendor's app reads them.
    #[default]
    Envelope,
    /// Nothing: the documents have a table of statuses alone.
    Empty,
}

/// What is answered to a customer, an account or a transaction that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// It, as it stands now.
    #[default]
    Record,
    /// `{"status","code","message"}`.
    Receipt,
    /// Nothing.
    Empty,
}

/// Where a customer stands in the answer about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At the top.
    #[default]
    Bare,
    /// Below `data`.
    Data,
}

/// How many pictures of each kind an upload needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pictures {
    /// `picture1`.
    #[default]
    First,
    /// `picture1` and `picture2`.
    Both,
}

/// How the portrait of a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Portrait {
    /// `data:image/jpeg;base64,...`
    #[default]
    DataUri,
    /// Base64 alone.
    Base64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            basic: Basic::default(),
            token_end: TokenEnd::default(),
            errors: Errors::default(),
            written_status: 200,
            written: Written::default(),
            customer: Place::default(),
            pictures: Pictures::default(),
            portrait: Portrait::default(),
        }
    }
}

impl Reading for Profile {
    const EXAMPLE: &'static str = r#"{"errors":"empty"}"#;

    fn check(&self) -> Result<(), String> {
        match self.written_status {
            200 | 201 => Ok(()),
            other => Err(format!("`written_status` is 200 or 201, not {other}")),
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}
