//! Refuses requests that are too long with a precise error: by what they announce, and by what comes in.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;
use tower::{Layer, Service};

use crate::error::{Error, Violation};
use crate::rpc::status::status;
use crate::rpc::upload::UPLOADS;

/// gRPC puts five bytes before each message.
const FRAME_HEADER: usize = 5;

/// Largest message of an upload: a chunk of 1 MiB, and what is around it.
pub(super) const UPLOAD_MESSAGE: usize = (1 << 20) + 1024;
/// Most bytes of an upload: a document of 50 MiB, however small the chunks are within reason.
const UPLOAD: usize = 64 << 20;

/// Bounds every request, and each of its messages, to so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLimitLayer {
    max: usize,
}

/// How long a request may be.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// Bytes of one message.
    message: usize,
    /// Bytes of all messages, with what frames them.
    total: usize,
}

impl RequestLimitLayer {
    /// `max` is for every method but those that upload files.
    pub(super) fn new(max: usize) -> Self {
        Self { max }
    }
}

impl Limit {
    fn of(path: &str, max: usize) -> Self {
        match UPLOADS.contains(&path) {
            true => Self { message: UPLOAD_MESSAGE, total: UPLOAD },
            false => Self { message: max, total: max + FRAME_HEADER },
        }
    }
}

impl<S> Layer<S> for RequestLimitLayer {
    type Service = RequestLimit<S>;

    fn layer(&self, inner: S) -> RequestLimit<S> {
        RequestLimit { inner, max: self.max }
    }
}

/// See [`RequestLimitLayer`].
#[derive(Debug, Clone)]
pub(super) struct RequestLimit<S> {
    inner: S,
    max: usize,
}

impl<S: Service<Request<tonic::body::Body>>> Service<Request<tonic::body::Body>> for RequestLimit<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> S::Future {
        let limit = Limit::of(request.uri().path(), self.max);
        let counted = |inner| Counted { inner, left: limit.total, limit, header: Vec::new(), rest: 0 };
        self.inner.call(request.map(|inner| tonic::body::Body::new(counted(inner))))
    }
}

struct Counted {
    inner: tonic::body::Body,
    left: usize,
    limit: Limit,
    /// The frame header of the next message, as far as it has come in.
    header: Vec<u8>,
    /// How much of the present message is still to come.
    rest: usize,
}

impl Counted {
    /// Whether a message announces more than it may have. The decoder inside would refuse that too, but not in the
    /// contract's words.
    fn announces_too_much(&mut self, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            let (message, behind) = data.split_at(self.rest.min(data.len()));
            self.rest -= message.len();
            let missing = FRAME_HEADER - self.header.len();
            let (header, behind) = behind.split_at(missing.min(behind.len()));
            self.header.extend(header);
            // A flag, then the length of the message.
            if let [_flag, a, b, c, d] = self.header[..] {
                self.header.clear();
                self.rest = u32::from_be_bytes([a, b, c, d]) as usize;
                if self.rest > self.limit.message {
                    return true;
                }
            }
            data = behind;
        }
        false
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        let data = match &polled {
            Some(Ok(frame)) => frame.data_ref().cloned().unwrap_or_default(),
            Some(Err(_)) | None => Bytes::new(),
        };
        let left = self.left.checked_sub(data.len());
        Poll::Ready(match left {
            Some(left) if !self.announces_too_much(&data) => {
                self.left = left;
                polled
            }
            Some(_) => {
                Some(Err(too_large(format!("must be at most {} bytes in one message", self.limit.message))))
            }
            None => Some(Err(too_large(format!("must be at most {} bytes in all", self.limit.total)))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn too_large(expected: String) -> Status {
    status(Error::invalid("read_request", vec![Violation::new("request", expected)]))
}
