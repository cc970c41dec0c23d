//! Outbound HTTP: the one place that talks to vendors, its limits, and what an answer means before a vendor's
//! own error codes are looked at.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result, VendorFault};
pub use crate::vendor::kit::answer::Answer;
use crate::vendor::kit::deadline::Deadline;
pub use crate::vendor::kit::json::{Misfit, read_json, read_json_noting};
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::spool::Spool;
use crate::vendor::kit::transport::gather;
pub use crate::vendor::kit::transport::{HttpTransport, Timeouts};
use crate::vendor::kit::url::{Segment, Target};

/// Most bytes of an answer that are read, after decompression, unless its call says another number.
pub const MAX_ANSWER: usize = 1 << 20;
/// JSON of at most so many bytes may be a refusal where a file was asked for.
const MAX_REFUSAL: u64 = 4096;
/// How long a call may take whose answer may be larger than that.
pub(super) const LARGE_ANSWER_TIME: Duration = Duration::from_mins(4);
/// How long a call may take that sends a file.
pub(super) const UPLOAD_TIME: Duration = Duration::from_mins(5);
/// How long a file may take to come.
pub(super) const FILE_TIME: Duration = Duration::from_hours(1);
/// Advised when a vendor is not available and does not say for how long.
pub(super) const DEFAULT_DELAY: Duration = Duration::from_secs(1);
/// The media type of JSON.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Sends requests, whatever the status of the answer. Never follows a redirect.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` and reads the whole answer.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
    /// Sends `request` and leaves the body to be read piece by piece. Dropping it ends the transfer.
    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError>;
}

/// A request. Its URL cannot have left its template.
#[derive(Clone)]
pub struct Request {
    /// What it is for, in the words of errors and metrics, for example `idnow.start`.
    pub operation: &'static str,
    /// The method.
    pub method: Method,
    /// Where to.
    pub target: Target,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, or nothing.
    pub body: Payload,
    /// Most bytes of the answer that are read, after decompression.
    pub max_answer: usize,
}

/// What a request carries.
#[derive(Clone)]
pub enum Payload {
    /// Something small.
    Bytes(Bytes),
    /// Something large that is in memory.
    Large(Bytes),
    /// A file, sent piece by piece.
    File(Arc<Spool>),
}

/// An answer, read to its end.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body after decompression, at most [`Request::max_answer`] bytes.
    pub body: Bytes,
}

/// An answer whose body is still on its way.
pub struct OpenResponse {
    /// The status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body after decompression, as it comes. It has no limit of its own.
    pub body: BoxStream<'static, Result<Bytes, TransportError>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection came about: the vendor never saw the request.
    #[error("no connection came about")]
    Unconnected(#[source] Box<dyn StdError + Send + Sync>),
    /// The connection broke.
    #[error("the connection failed")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// No answer in time.
    #[error("no answer came in time")]
    Timeout(#[source] Box<dyn StdError + Send + Sync>),
    /// More bytes than the request allows.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer's compression is damaged.
    #[error("the answer cannot be decompressed")]
    Undecodable(#[source] Box<dyn StdError + Send + Sync>),
}

/// One call to a vendor, under the name its errors carry.
#[derive(Debug, Clone)]
pub struct Call {
    request: Request,
    repeat: Repeat,
    deadline: Option<Deadline>,
    /// The file that is asked for is itself JSON.
    json_file: bool,
    /// The answer holds a secret.
    secret_answer: bool,
}

/// A try that brought no answer to work with.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: Box<Error>,
    /// Whether the vendor may have acted on the request.
    pub acted: bool,
    /// How long the vendor itself asked to be left alone.
    pub asked: Option<Duration>,
}

impl Call {
    /// A call of `operation` without a body. A POST may be repeated while the vendor surely did not act on it, all
    /// others freely.
    pub fn new(operation: &'static str, method: Method, target: Target) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        let repeat = if method.is_idempotent() { Repeat::Freely } else { Repeat::Unsent };
        let body = Payload::Bytes(Bytes::new());
        let request = Request { operation, method, target, headers, body, max_answer: MAX_ANSWER };
        Self { request, repeat, deadline: None, json_file: false, secret_answer: false }
    }

    /// Says which of its tries may be repeated, where that is not as the method has it.
    #[must_use]
    pub fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    /// Ends it at `deadline`, unless it ends before.
    #[must_use]
    pub fn due(self, deadline: Option<Deadline>) -> Self {
        let earlier = deadline.map(|deadline| deadline.or_earlier(self.deadline));
        Self { deadline: earlier.or(self.deadline), ..self }
    }

    /// Adds a JSON body.
    pub fn json(self, body: &impl Serialize) -> Result<Self> {
        let operation = self.operation();
        let unwritable = |_names_a_value| {
            Error::new(Kind::VendorRejectedRequest, operation, "the request cannot be written as JSON")
        };
        let body = serde_json::to_vec(body).map_err(unwritable)?;
        Ok(self.carrying(JSON, Payload::Bytes(body.into())))
    }

    /// Adds a form as the body.
    #[must_use]
    pub fn form(self, members: &[(&str, &str)]) -> Self {
        let form = ::url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
        self.carrying(FORM, Payload::Bytes(form.into()))
    }

    /// Adds a parameter of the connector's own to the address.
    #[must_use]
    pub fn with_parameter(mut self, name: &'static str, value: &'static str) -> Self {
        self.request.target = self.request.target.with_parameter(name, value);
        self
    }

    /// Adds a file of this media type as the body.
    #[must_use]
    pub fn file(self, media_type: &'static str, file: Arc<Spool>) -> Self {
        self.carrying(HeaderValue::from_static(media_type), Payload::File(file))
    }

    /// Adds a body of this media type.
    #[must_use]
    pub fn carrying(mut self, media_type: HeaderValue, body: Payload) -> Self {
        self.request.body = body;
        self.request.headers.insert(CONTENT_TYPE, media_type);
        self
    }

    /// Takes answers of every kind, not JSON alone.
    #[must_use]
    pub fn accept_any(mut self) -> Self {
        self.request.headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        self
    }

    /// Takes JSON for the file that is asked for, unless it is said beforehand to be as small as a refusal.
    #[must_use]
    pub fn json_file(self) -> Self {
        Self { json_file: true, ..self }
    }

    /// Says that the answer holds a secret, which goes nowhere even when it cannot be decoded.
    #[must_use]
    pub fn secret_answer(self) -> Self {
        Self { secret_answer: true, ..self }
    }

    /// Lets the answer be as large as `bytes`, and gives it the time for that.
    #[must_use]
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.request.max_answer = bytes;
        self
    }

    /// Adds a parameter whose value is a list of words joined by commas.
    #[must_use]
    pub fn with_words(mut self, name: &'static str, words: &[Segment]) -> Self {
        self.request.target = self.request.target.with_words(name, words);
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &HeaderName, value: &HeaderValue) -> Self {
        self.request.headers.insert(name, value.clone());
        self
    }

    /// Adds a header field that no debug output shows.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.request.headers.insert(name, value);
        self
    }

    /// What it is for, in the words of errors and metrics.
    pub fn operation(&self) -> &'static str {
        self.request.operation
    }

    /// Which of its tries may be repeated.
    pub fn repeats(&self) -> Repeat {
        self.repeat
    }

    /// How long it may take, where it sends or brings more than most.
    pub fn time(&self) -> Option<Duration> {
        match self.request.body {
            Payload::Large(_) | Payload::File(_) => Some(UPLOAD_TIME),
            Payload::Bytes(_) => (self.request.max_answer > MAX_ANSWER).then_some(LARGE_ANSWER_TIME),
        }
    }

    /// When it ends, where that has been said.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Sends it once. `Ok` is any answer but a redirect.
    #[tracing::instrument(
        level = "debug", name = "vendor_call", skip_all,
        fields(operation = self.request.operation, template = self.request.target.template(), status)
    )]
    pub async fn send(&self, transport: &dyn Transport, clock: &Clock) -> Result<Answer, Failed> {
        let operation = self.operation();
        let answer = transport.send(self.request.clone()).await.map_err(|error| failed(operation, error))?;
        Answer::new(operation, answer, clock.now(), self.secret_answer)
    }

    /// Sends it for a file, which may be as large as it likes: whoever reads it sets the limit. Everything else that
    /// comes is an answer like any other.
    #[tracing::instrument(
        level = "debug", name = "vendor_call", skip_all,
        fields(operation = self.request.operation, template = self.request.target.template(), status)
    )]
    pub async fn open(&self, transport: &dyn Transport, clock: &Clock) -> Result<Opened, Failed> {
        let (operation, mut request) = (self.operation(), self.request.clone());
        // A packed file could not be counted before it is unpacked.
        request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let OpenResponse { status, headers, body } =
            transport.open(request).await.map_err(|error| failed(operation, error))?;
        let size = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let may_refuse = |size: u64| size <= MAX_REFUSAL;
        let is_file = if self.json_file { !size.is_some_and(may_refuse) } else { !is_text(&headers) };
        if status == StatusCode::OK && is_file {
            tracing::Span::current().record("status", status.as_u16());
            let pieces =
                body.map(move |piece| piece.map_err(|error| *failed(operation, error).error)).boxed();
            return Ok(Opened::File(FileStream { size, pieces }));
        }
        let body = gather(body, MAX_ANSWER).await.map_err(|error| failed(operation, error))?;
        let answer = Response { status, headers, body };
        Answer::new(operation, answer, clock.now(), self.secret_answer).map(Opened::Answer)
    }
}

/// What a vendor answers where a file was asked for.
pub enum Opened {
    /// The file.
    File(FileStream),
    /// Something else: a refusal, or a page of something in between.
    Answer(Answer),
}

/// A file on its way from the vendor. Dropping it ends the transfer.
pub struct FileStream {
    /// How many bytes it has, where the vendor says so beforehand.
    pub size: Option<u64>,
    /// The content as it comes.
    pub pieces: BoxStream<'static, Result<Bytes>>,
}

impl FileStream {
    /// A file that came at once.
    pub fn of(content: Bytes) -> Self {
        let size = u64::try_from(content.len()).ok();
        Self { size, pieces: stream::once(async { Ok(content) }).boxed() }
    }

    /// The same, with a VENDOR_TIMEOUT in place of a piece that takes longer than `patience`, or comes after `end`.
    pub(super) fn in_time(
        self,
        clock: Clock,
        operation: &'static str,
        patience: Duration,
        end: Deadline,
    ) -> Self {
        let timed = stream::try_unfold((self.pieces, clock), move |(mut pieces, clock)| async move {
            let deadline = Deadline::of_vendor(clock.now() + patience).or_earlier(Some(end));
            let next = pieces.next().map(Option::transpose);
            let piece = deadline.hold(&clock, operation, next).await?;
            Ok(piece.map(|piece| (piece, (pieces, clock))))
        });
        Self { pieces: timed.boxed(), ..self }
    }
}

/// Whether an answer is JSON or a page, which no file is.
fn is_text(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(media.as_str(), "application/json" | "text/html" | "application/xhtml+xml")
}

fn failed(operation: &'static str, error: TransportError) -> Failed {
    let (kind, delay) = match error {
        TransportError::Unconnected(_) | TransportError::Unreachable(_) => {
            (Kind::VendorUnavailable, Some(DEFAULT_DELAY))
        }
        TransportError::Timeout(_) => (Kind::VendorTimeout, Some(DEFAULT_DELAY)),
        TransportError::TooLarge | TransportError::Undecodable(_) => (Kind::VendorResponseInvalid, None),
    };
    let acted = !matches!(error, TransportError::Unconnected(_));
    let failure = Error::new(kind, operation, error.to_string()).from_vendor(VendorFault::default());
    let error = Box::new(Error { retry_after: delay, ..failure.caused_by(error) });
    Failed { error, acted, asked: None }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut form = f.debug_struct("Request");
        form.field("method", &self.method)
            .field("target", &self.target)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Payload {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) | Self::Large(bytes) => bytes.len() as u64,
            Self::File(file) => file.len(),
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl fmt::Debug for OpenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenResponse").field("status", &self.status).finish_non_exhaustive()
    }
}
