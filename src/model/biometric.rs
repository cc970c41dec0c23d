//! Commands about biometric users.

use bytes::Bytes;
use uuid::Uuid;

use crate::model::name::{BiometricUserName, ConnectionId, TicketName};
use crate::proto::ClientContext;

/// Largest picture, in bytes.
pub const MAX_PICTURE: usize = 1 << 20;

/// What a biometric process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Getting to know somebody.
    Onboarding,
    /// Knowing somebody again.
    Authentication,
}

/// The document that a person shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentType {
    /// `ID_CARD`.
    IdCard,
    /// `PASSPORT`.
    Passport,
    /// `DRIVER_LICENSE`.
    DriverLicense,
    /// `VISA`.
    Visa,
}

/// Create a biometric user.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateBiometricUser {
    /// Where.
    pub connection: ConnectionId,
    /// What for.
    pub purpose: Purpose,
    /// The document that will be shown, where the caller says so.
    pub document_type: Option<DocumentType>,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Pictures of a person: biometric data, so that it has no debug form. Each is a JPEG of at most [`MAX_PICTURE`] bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Pictures {
    /// Of the face, in the order in which they came.
    pub portraits: Vec<Bytes>,
    /// Of the document, in the order in which they came.
    pub documents: Vec<Bytes>,
}

/// Enrol a biometric user with what was uploaded.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrollBiometricUser {
    /// Who.
    pub name: BiometricUserName,
    /// The upload; on the same connection.
    pub ticket: TicketName,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

impl DocumentType {
    /// The contract's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::IdCard => "ID_CARD",
            Self::Passport => "PASSPORT",
            Self::DriverLicense => "DRIVER_LICENSE",
            Self::Visa => "VISA",
        }
    }
}
