//! How files come in: what their first message announces.

use std::str::FromStr;

use uuid::Uuid;

use crate::error::{Error, Kind, Result, Violation};
use crate::model::document::{DefinitionName, DocumentName, MAX_DOCUMENT_BYTES, PDF};
use crate::model::name::NameError;
use crate::model::validate::Checks;
use crate::proto::{UploadDefaultDocumentHeader, UploadDocumentHeader};

/// How an upload of what is called `N` begins.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadHeader<N> {
    /// Whose content follows.
    pub name: N,
    /// What will follow.
    pub content: Announced,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// What an upload says of its content before it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How many bytes: 1 to [`MAX_DOCUMENT_BYTES`].
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

/// The members that the headers of all uploads have.
struct Said<'a> {
    operation: &'static str,
    name: &'a str,
    size_bytes: i64,
    sha256: &'a [u8],
    media_type: &'a str,
    request_id: &'a str,
}

impl UploadHeader<DocumentName> {
    /// Parses the first message of an upload.
    pub fn parse(header: &UploadDocumentHeader) -> Result<Self> {
        let UploadDocumentHeader { name, size_bytes, sha256, media_type, request_id } = header;
        Self::read(Said {
            operation: "upload_document",
            name,
            size_bytes: *size_bytes,
            sha256,
            media_type,
            request_id,
        })
    }
}

impl UploadHeader<DefinitionName> {
    /// Parses the first message of an upload.
    pub fn parse(header: &UploadDefaultDocumentHeader) -> Result<Self> {
        let UploadDefaultDocumentHeader { name, size_bytes, sha256, media_type, request_id } = header;
        Self::read(Said {
            operation: "upload_default_document",
            name,
            size_bytes: *size_bytes,
            sha256,
            media_type,
            request_id,
        })
    }
}

impl<N: FromStr<Err = NameError>> UploadHeader<N> {
    fn read(said: Said<'_>) -> Result<Self> {
        let mut checks = Checks::default();
        let name = checks.parse("header.name", said.name);
        let size = u64::try_from(said.size_bytes).unwrap_or_default();
        if size == 0 {
            checks.refuse("header.size_bytes", format!("must be 1 to {MAX_DOCUMENT_BYTES}"));
        }
        let sha256 = <[u8; 32]>::try_from(said.sha256).unwrap_or_else(|_other_length| {
            checks.refuse("header.sha256", "must be the 32 bytes of the content's SHA-256");
            [0; 32]
        });
        if said.media_type != PDF {
            checks.refuse("header.media_type", format!("must be \"{PDF}\""));
        }
        let request_id = checks.optional_uuid("header.request_id", said.request_id);
        let Some(name) = name else { return Err(checks.refused(said.operation)) };
        checks.finish(said.operation)?;
        if size > MAX_DOCUMENT_BYTES {
            return Err(too_large(said.operation, format!("must be 1 to {MAX_DOCUMENT_BYTES}")));
        }
        Ok(Self { name, content: Announced { size, sha256 }, request_id })
    }
}

/// A document that is larger than what is allowed, which `expected` says.
pub fn too_large(operation: &'static str, expected: String) -> Error {
    let error = Error::invalid(operation, vec![Violation::new("header.size_bytes", expected)]);
    Error { kind: Kind::DocumentTooLarge, ..error }
}
