//! The one error of the crate. It knows neither gRPC nor HTTP: doors translate it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub use crate::proto::ErrorReason as Kind;

/// What went wrong, in which operation, and what a caller may do about it.
///
/// `detail` is our own sentence and may be shown to callers; it never holds a vendor's text or personal data.
#[derive(Debug)]
pub struct Error {
    /// The reason callers branch on; code and retry advice follow from it.
    pub kind: Kind,
    /// What was being done, for example `idnow.start`.
    pub operation: &'static str,
    /// One sentence for a person, lower case, without personal data.
    pub detail: String,
    /// Which parts of the request were refused.
    pub violations: Vec<Violation>,
    /// How long to wait before the next try.
    pub retry_after: Option<Duration>,
    /// What the vendor called it.
    pub vendor: Option<Box<VendorFault>>,
    /// What stands against the request, where that is a resource of the caller's own.
    pub resource: Option<Box<Resource>>,
    /// What caused it, for our own log.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A refused part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, for example `subject.birth_date`.
    pub field: String,
    /// What is expected there.
    pub description: String,
}

/// A resource that an error is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    /// For example `connections/bank-de/identifications/{uuid}`; empty for the journal of events.
    pub name: String,
    /// The oldest cursor that works, where an older one was refused.
    pub earliest_cursor: String,
}

/// The vendor's own code and error number: what its support asks for. Never its message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VendorFault {
    /// For example `BAD_REQUEST`.
    pub code: String,
    /// For example `73464627`.
    pub id: String,
    /// HTTP status, 0 when there was no answer.
    pub status: u16,
    /// Which of the gateway's rules for what vendors hand out was broken, for example `name_traversal`; empty where the
    /// reason says it all.
    pub rule: &'static str,
    /// The answer, where it could not be decoded.
    pub answer: Option<Unread>,
}

/// A vendor's answer that could not be decoded. It may be about a person: nothing shows it, and only the hub reads it,
/// to seal it.
#[derive(Clone, PartialEq, Eq)]
pub struct Unread {
    /// What it begins with: at most [`Unread::MAX`] bytes.
    pub body: Bytes,
    /// How many bytes it has in all.
    pub size: usize,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` in `operation`, explained by `detail`.
    pub fn new(kind: Kind, operation: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            detail: detail.into(),
            violations: Vec::new(),
            retry_after: None,
            vendor: None,
            resource: None,
            source: None,
        }
    }

    /// A request that cannot be accepted, with every refused part.
    pub fn invalid(operation: &'static str, violations: Vec<Violation>) -> Self {
        let detail = match violations.as_slice() {
            [only] => format!("{}: {}", only.field, only.description),
            several => format!("{} fields were refused", several.len()),
        };
        Self { violations, ..Self::new(Kind::ValidationFailed, operation, detail) }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds how long to wait.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Adds the name of the resource that stands against it.
    #[must_use]
    pub fn about(mut self, name: impl fmt::Display) -> Self {
        self.resource = Some(Box::new(Resource { name: name.to_string(), ..Resource::default() }));
        self
    }

    /// Adds the oldest cursor that works.
    #[must_use]
    pub fn instead_from(mut self, earliest_cursor: String) -> Self {
        self.resource = Some(Box::new(Resource { earliest_cursor, ..Resource::default() }));
        self
    }

    /// Adds what the vendor called it.
    #[must_use]
    pub fn from_vendor(mut self, fault: VendorFault) -> Self {
        self.vendor = Some(Box::new(fault));
        self
    }
}

impl Violation {
    /// A refused `field` and what is expected there.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

impl Unread {
    /// Most bytes of an answer that are taken along.
    pub const MAX: usize = 256 << 10;

    /// What is taken along of `body`.
    pub fn of(body: &Bytes) -> Self {
        let size = body.len();
        // A slice would hold all of a large answer for as long as the error lives.
        let body = if size > Self::MAX { Bytes::copy_from_slice(&body[..Self::MAX]) } else { body.clone() };
        Self { body, size }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("size", &self.size).finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.detail)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
