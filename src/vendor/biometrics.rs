//! Vendors that enrol people by pictures that they are handed.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use prost_types::Timestamp;
use secrecy::SecretString;

use crate::error::{Error, Violation};
use crate::model::biometric::{CreateBiometricUser, EnrollBiometricUser, Pictures};
use crate::model::name::{BiometricUserName, TicketName};
use crate::proto::ClientContext;
use crate::proto::biometrics::EnrollBiometricUserResponse;

/// Biometric users at one vendor account. Nothing says that a creation or an upload is safe to repeat: where the vendor may
/// have heard one and did not answer, the error is VENDOR_OUTCOME_UNKNOWN.
#[async_trait]
pub trait Biometrics: Send + Sync {
    /// How many pictures an upload has.
    fn limits(&self) -> PictureLimits;
    /// Which parts of `command` this vendor cannot take; called before anything is recorded or sent.
    fn check(&self, command: &CreateBiometricUser) -> Vec<Violation>;
    /// Makes a user, and the token of the one process that it is made for.
    async fn create_user(&self, command: &CreateBiometricUser) -> Result<CreatedUser, Error>;
    /// Hands over the pictures of a user; the ticket is what the vendor calls the upload.
    async fn upload(&self, upload: UploadPictures<'_>) -> Result<TicketName, Error>;
    /// Asks what comes of enrolling a user with what was uploaded. May be asked again.
    async fn enroll(&self, enroll: Enroll<'_>) -> Result<Enrolled, Error>;
}

/// How many pictures an upload has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureLimits {
    /// Of the face.
    pub portraits: RangeInclusive<usize>,
    /// Of the document.
    pub documents: RangeInclusive<usize>,
}

/// A biometric user that was made.
#[derive(Debug)]
pub struct CreatedUser {
    /// The vendor's id of it, as a name.
    pub name: BiometricUserName,
    /// When the vendor made it, where it says so.
    pub create_time: Option<Timestamp>,
    /// Opens the vendor's later calls of this process.
    pub token: SecretString,
    /// Until when the vendor takes the token, where that is known.
    pub expire_time: Option<Timestamp>,
}

/// Input of [`Biometrics::upload`].
pub struct UploadPictures<'a> {
    /// Whose pictures.
    pub name: &'a BiometricUserName,
    /// The token of the process.
    pub token: &'a SecretString,
    /// As many as [`Biometrics::limits`] says.
    pub pictures: &'a Pictures,
    /// The end user's client; members that hold nothing were not given.
    pub client: &'a ClientContext,
}

/// Input of [`Biometrics::enroll`].
#[derive(Debug)]
pub struct Enroll<'a> {
    /// Who is enrolled with which upload.
    pub command: &'a EnrollBiometricUser,
    /// The token of the process.
    pub token: &'a SecretString,
}

/// What the vendor found. Personal data: it has no debug form.
pub struct Enrolled {
    /// The findings; `replayed` is filled in by whoever asked.
    pub response: EnrollBiometricUserResponse,
    /// Paths of fields that are not as the connector knows them, for the drift counter.
    pub drift: Vec<String>,
}
