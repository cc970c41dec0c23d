//! Commands about biometric users.

use bytes::Bytes;
use uuid::Uuid;

use crate::error::Result;
use crate::model::change::finish;
use crate::model::name::{BiometricUserName, ConnectionId, TicketName};
use crate::model::validate::Checks;
use crate::proto::ClientContext;
use crate::proto::biometrics::{
    BiometricImageHeader, BiometricImageKind, BiometricPurpose, CreateBiometricUserRequest,
    EnrollBiometricUserRequest, UploadBiometricImagesHeader,
};

/// Largest picture, in bytes.
pub const MAX_PICTURE: usize = 1 << 20;

const UPLOAD: &str = "upload_biometric_images";
const JPEG: &str = "image/jpeg";

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

/// Upload the pictures of a biometric user, which follow.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadPictures {
    /// Whose.
    pub name: BiometricUserName,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// The face.
    Portrait,
    /// The document.
    Document,
}

/// What an upload says of a picture before it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnouncedPicture {
    /// What it shows.
    pub kind: PictureKind,
    /// How many bytes: 1 to [`MAX_PICTURE`].
    pub size: usize,
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

impl CreateBiometricUser {
    /// Parses a request.
    pub fn parse(request: CreateBiometricUserRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let connection = ConnectionId::from_name(&request.parent)
            .map_err(|error| checks.refuse("parent", error.to_string()))
            .ok();
        let purpose = match BiometricPurpose::try_from(request.purpose) {
            Ok(BiometricPurpose::Onboarding) => Some(Purpose::Onboarding),
            Ok(BiometricPurpose::Authentication) => Some(Purpose::Authentication),
            Ok(BiometricPurpose::Unspecified) | Err(_) => {
                checks.refuse("purpose", "is required: ONBOARDING or AUTHENTICATION");
                None
            }
        };
        let word = request.document_type;
        let document_type = DocumentType::ALL.into_iter().find(|it| it.word() == word);
        if document_type.is_none() && !word.is_empty() {
            let words = DocumentType::ALL.map(DocumentType::word).join(", ");
            checks.refuse("document_type", format!("must be one of {words}, or empty"));
        }
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        let client = request.client.unwrap_or_default();
        checks.client("client", &client);
        let command = connection.zip(purpose).map(|(connection, purpose)| Self {
            connection,
            purpose,
            document_type,
            client,
            request_id,
        });
        finish(command, checks, "create_biometric_user")
    }
}

impl UploadPictures {
    /// Parses the first message of an upload.
    pub fn parse(header: UploadBiometricImagesHeader) -> Result<Self> {
        let mut checks = Checks::default();
        let name = checks.parse("header.name", &header.name);
        let request_id = checks.optional_uuid("header.request_id", &header.request_id);
        let client = header.client.unwrap_or_default();
        checks.client("header.client", &client);
        finish(name.map(|name| Self { name, client, request_id }), checks, UPLOAD)
    }
}

impl AnnouncedPicture {
    /// Parses the header of the picture that `field` names.
    pub fn parse(field: &str, header: &BiometricImageHeader) -> Result<Self> {
        let mut checks = Checks::default();
        let kind = match BiometricImageKind::try_from(header.kind) {
            Ok(BiometricImageKind::Portrait) => Some(PictureKind::Portrait),
            Ok(BiometricImageKind::Document) => Some(PictureKind::Document),
            Ok(BiometricImageKind::Unspecified) | Err(_) => {
                checks.refuse(format!("{field}.kind"), "is required: PORTRAIT or DOCUMENT");
                None
            }
        };
        if header.media_type != JPEG {
            checks.refuse(format!("{field}.media_type"), format!("must be \"{JPEG}\""));
        }
        let size = usize::try_from(header.size_bytes).unwrap_or_default();
        if !(1..=MAX_PICTURE).contains(&size) {
            checks.refuse(format!("{field}.size_bytes"), format!("must be 1 to {MAX_PICTURE}"));
        }
        finish(kind.map(|kind| Self { kind, size }), checks, UPLOAD)
    }
}

impl Pictures {
    /// The pictures of one kind.
    pub fn of(&mut self, kind: PictureKind) -> &mut Vec<Bytes> {
        match kind {
            PictureKind::Portrait => &mut self.portraits,
            PictureKind::Document => &mut self.documents,
        }
    }
}

impl EnrollBiometricUser {
    /// Parses a request.
    pub fn parse(request: EnrollBiometricUserRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let name: Option<BiometricUserName> = checks.parse("name", &request.name);
        let ticket: Option<TicketName> = checks.parse("ticket", &request.ticket);
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        let client = request.client.unwrap_or_default();
        checks.client("client", &client);
        if name.as_ref().zip(ticket.as_ref()).is_some_and(|(name, of)| name.connection != of.connection) {
            checks.refuse("ticket", "must be a ticket of the user's own connection");
        }
        let command = name.zip(ticket).map(|(name, ticket)| Self { name, ticket, client, request_id });
        finish(command, checks, "enroll_biometric_user")
    }
}

impl DocumentType {
    const ALL: [Self; 4] = [Self::IdCard, Self::Passport, Self::DriverLicense, Self::Visa];

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
