//! Settings of documents that people sign.

use serde::Deserialize;

use crate::model::document::MAX_DOCUMENT_BYTES;
use crate::settings::Problems;
use crate::vendor::SigningLimits;

/// Settings of signing (`[connections.{name}.idnow.signing]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SigningSettings {
    /// Most documents of one identification: 1 to 25. IDnow's document says 10 twice and 25 once.
    pub max_documents: usize,
    /// Most bytes of all documents of one identification: 1048576 to 52428800.
    pub max_total_bytes: u64,
    /// Which names a person to be identified may have.
    pub person_names: PersonNames,
    /// Whose certificates the signatures are made with.
    pub trust_service: TrustService,
}

/// Which names a person to be identified may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonNames {
    /// Every name.
    #[default]
    Any,
    /// Only A to Z, a to z and hyphen, which is what IDnow documents for names on certificates.
    AsciiLetters,
}

/// Whose certificates the signatures are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustService {
    /// One that needs nothing beyond an identification.
    #[default]
    Any,
    /// Namirial: it sends the person a code, and texts in the person's language.
    Namirial,
}

impl Default for SigningSettings {
    fn default() -> Self {
        Self {
            max_documents: 10,
            max_total_bytes: MAX_DOCUMENT_BYTES,
            person_names: PersonNames::default(),
            trust_service: TrustService::default(),
        }
    }
}

impl SigningSettings {
    /// Reports what no type can say about them.
    pub fn check(&self, problems: &mut Problems) {
        problems.range("max_documents", self.max_documents, 1..=25);
        problems.range("max_total_bytes", self.max_total_bytes, 1 << 20..=MAX_DOCUMENT_BYTES);
    }

    pub(super) fn limits(&self) -> SigningLimits {
        SigningLimits { documents: self.max_documents, total_bytes: self.max_total_bytes }
    }
}
