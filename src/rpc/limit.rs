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

/// gRPC puts five bytes before each message.
const FRAME_HEADER: usize = 5;

/// Bounds every request to so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLimitLayer {
    max: usize,
}

impl RequestLimitLayer {
    pub(super) fn new(max: usize) -> Self {
        Self { max }
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
        let max = self.max;
        let counted = |inner| Counted { inner, left: max + FRAME_HEADER, max, header: Vec::new() };
        self.inner.call(request.map(|inner| tonic::body::Body::new(counted(inner))))
    }
}

struct Counted {
    inner: tonic::body::Body,
    left: usize,
    max: usize,
    /// The frame header of the first message, as far as it has come in.
    header: Vec<u8>,
}

impl Counted {
    /// Whether the first message announces more than it may have. The decoder inside would refuse that too, but not
    /// in the contract's words.
    fn announces_too_much(&mut self, data: &[u8]) -> bool {
        let missing = FRAME_HEADER - self.header.len();
        self.header.extend(data.iter().take(missing));
        match self.header[..] {
            // A flag, then the length of the message.
            [_flag, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) as usize > self.max,
            _ => false,
        }
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
            Some(_) | None => Some(Err(too_large(self.max))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn too_large(max: usize) -> Status {
    let violation = Violation::new("request", format!("must be at most {max} bytes"));
    status(Error::invalid("read_request", vec![violation]))
}
