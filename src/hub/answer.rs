//! Answers as the journal keeps them for a repeat.

use prost::Message;

use crate::error::{Error, Kind, VendorFault, Violation};
use crate::proto::ErrorReason;

/// A response or an error, as the journal keeps it. Holds no personal data: neither may.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredAnswer {
    #[prost(bytes = "vec", optional, tag = "1")]
    response: Option<Vec<u8>>,
    #[prost(message, optional, tag = "2")]
    error: Option<StoredError>,
    /// None of it took place: a repeat begins it once more.
    #[prost(bool, tag = "3")]
    open: bool,
}

#[derive(Clone, PartialEq, Message)]
struct StoredError {
    #[prost(enumeration = "ErrorReason", tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    detail: String,
    #[prost(string, repeated, tag = "3")]
    fields: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    descriptions: Vec<String>,
    #[prost(string, tag = "5")]
    vendor_code: String,
    #[prost(string, tag = "6")]
    vendor_error_id: String,
    #[prost(uint32, tag = "7")]
    vendor_status: u32,
    #[prost(string, tag = "8")]
    resource: String,
}

impl StoredAnswer {
    pub(super) fn encode_response(response: &impl Message) -> Vec<u8> {
        Self { response: Some(response.encode_to_vec()), ..Self::default() }.encode_to_vec()
    }

    pub(super) fn encode_error(error: &Error) -> Vec<u8> {
        let vendor = error.vendor.as_deref().cloned().unwrap_or_default();
        let stored = StoredError {
            kind: error.kind.into(),
            detail: error.detail.clone(),
            fields: error.violations.iter().map(|violation| violation.field.clone()).collect(),
            descriptions: error.violations.iter().map(|violation| violation.description.clone()).collect(),
            vendor_code: vendor.code,
            vendor_error_id: vendor.id,
            vendor_status: vendor.status.into(),
            resource: error.resource.as_deref().cloned().unwrap_or_default().name,
        };
        Self { error: Some(stored), ..Self::default() }.encode_to_vec()
    }

    /// No answer.
    pub(super) fn encode_open() -> Vec<u8> {
        Self { open: true, ..Self::default() }.encode_to_vec()
    }

    /// Whether `bytes` are no answer.
    pub(super) fn is_open(bytes: &[u8]) -> bool {
        Self::decode_bytes(bytes).is_ok_and(|stored| stored.open)
    }

    /// The answer as it was given.
    pub(super) fn decode<T: Message + Default>(bytes: &[u8], operation: &'static str) -> Result<T, Error> {
        let damaged = |error: prost::DecodeError| {
            Error::new(Kind::StoreUnavailable, operation, "a kept answer cannot be read").caused_by(error)
        };
        let stored = Self::decode_bytes(bytes).map_err(damaged)?;
        match stored.error {
            Some(error) => Err(error.revive(operation)),
            None => T::decode(stored.response.unwrap_or_default().as_slice()).map_err(damaged),
        }
    }

    fn decode_bytes(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Message::decode(bytes)
    }
}

impl StoredError {
    fn revive(self, operation: &'static str) -> Error {
        let mut error = Error::new(self.kind(), operation, self.detail);
        error.violations = self
            .fields
            .into_iter()
            .zip(self.descriptions)
            .map(|(field, description)| Violation { field, description })
            .collect();
        if !self.resource.is_empty() {
            error = error.about(self.resource);
        }
        if !self.vendor_code.is_empty() || self.vendor_status != 0 {
            error = error.from_vendor(VendorFault {
                code: self.vendor_code,
                id: self.vendor_error_id,
                status: u16::try_from(self.vendor_status).unwrap_or_default(),
                ..VendorFault::default()
            });
        }
        error
    }
}
