//! Counts the bytes of a request while they come in, and refuses the one that is too many with a precise error.

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
        let left = max + FRAME_HEADER;
        self.inner.call(request.map(|inner| tonic::body::Body::new(Counted { inner, left, max })))
    }
}

struct Counted {
    inner: tonic::body::Body,
    left: usize,
    max: usize,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        let size = match &polled {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => 0,
        };
        Poll::Ready(match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                polled
            }
            None => Some(Err(too_large(self.max))),
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
