//! Biometric processes: one token, one user, and the pictures that were uploaded of them.

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::instant;

/// One process.
pub(super) struct Process {
    /// What lets a caller take part in it.
    pub(super) token: String,
    /// When the token ends, and the process with it.
    pub(super) end: SystemTime,
    /// What it is for.
    pub(super) transaction: Transaction,
    /// Which document the person will show, where that was said.
    pub(super) document: Option<DocumentType>,
    /// Whose it is, once there is somebody.
    pub(super) user: Option<User>,
}

/// What a process is for.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Transaction {
    /// The person becomes known.
    Onboarding,
    /// The person is known already.
    Authentication,
}

/// A document that a person shows.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum DocumentType {
    IdCard,
    Passport,
    DriverLicense,
    Visa,
}

/// A biometric user.
pub(super) struct User {
    /// What the vendor calls them.
    pub(super) id: String,
    /// When they were made.
    pub(super) created: SystemTime,
    /// What was uploaded, each time.
    pub(super) uploads: Vec<Upload>,
    /// What an enrolment finds.
    pub(super) findings: Findings,
}

/// Pictures that were uploaded together.
pub(super) struct Upload {
    /// What the vendor calls them.
    pub(super) ticket: String,
    /// Of the person.
    pub(super) portraits: Vec<Picture>,
    /// Of the document.
    pub(super) documents: Vec<Picture>,
}

/// A picture that was uploaded. Its bytes are not kept.
#[derive(Serialize)]
pub(super) struct Picture {
    size_bytes: usize,
    sha256: String,
}

/// What an enrolment finds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Findings {
    /// Whether the portraits are of the person in the document.
    pub(super) photo_verify: bool,
    /// Whether a living person was in front of the camera.
    pub(super) liveness: bool,
    /// Whether the person is known from now on.
    pub(super) enroll: bool,
}

impl Default for Findings {
    fn default() -> Self {
        Self { photo_verify: true, liveness: true, enroll: true }
    }
}

impl Picture {
    /// Of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let digest = digest(&SHA256, bytes);
        let sha256 = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { size_bytes: bytes.len(), sha256 }
    }
}

impl Process {
    /// As the control API shows it.
    pub(super) fn view(&self) -> Value {
        let uploads = |user: &User| -> Vec<Value> {
            let view = |upload: &Upload| {
                json!({
                    "ticket": upload.ticket,
                    "portraits": upload.portraits,
                    "documents": upload.documents,
                })
            };
            user.uploads.iter().map(view).collect()
        };
        json!({
            "transactionType": self.transaction,
            "documentType": self.document,
            "create": self.user.as_ref().map(|user| instant(user.created)),
            "userId": self.user.as_ref().map(|user| &user.id),
            "uploads": self.user.as_ref().map(uploads),
            "findings": self.user.as_ref().map(|user| user.findings),
        })
    }
}
