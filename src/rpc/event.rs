//! `idvgateway.v1.EventService`, without the generated server: streams share encoded messages, and go out as they are.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream as _, stream};
use http::HeaderMap;
use http_body::Frame;
use prost::Message;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::clock::Clock;
use crate::hub::Hub;
use crate::hub::subscribe::{Caller, EventStream};
use crate::proto::{GetEventLogRequest, PollEventsRequest, WatchEventsRequest, WatchEventsResponse};
use crate::rpc::CALLER;
use crate::rpc::deadline::{deadline, timeout};
use crate::rpc::status::status;

/// The service.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
    /// The largest request message, in bytes.
    pub(super) max_request: usize,
}

impl NamedService for Service {
    const NAME: &'static str = "idvgateway.v1.EventService";
}

impl tower::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/idvgateway.v1.EventService/WatchEvents" => service.watch_events(request).await,
                "/idvgateway.v1.EventService/PollEvents" => service.poll_events(request).await,
                "/idvgateway.v1.EventService/GetEventLog" => service.get_event_log(request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

impl Service {
    async fn watch_events(&self, request: http::Request<Body>) -> http::Response<Body> {
        let opened = Mutex::new(None);
        let open = service_fn(|request: Request<WatchEventsRequest>| async {
            let deadline = deadline(&self.clock, request.metadata());
            let caller = Caller { name: CALLER.to_owned(), deadline, credentials_end: None };
            let events = self.hub.watch_events(request.into_inner(), caller).await.map_err(status)?;
            *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(events);
            Ok(Response::new(stream::empty()))
        });
        let mut grpc = self.grpc::<WatchEventsRequest, WatchEventsResponse>();
        let answer = grpc.server_streaming(open, request).await;
        match opened.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(events) => answer.map(|_empty| Body::new(Events { events, ended: false })),
            None => answer,
        }
    }

    async fn poll_events(&self, request: http::Request<Body>) -> http::Response<Body> {
        let poll = service_fn(|request: Request<PollEventsRequest>| async {
            let left = timeout(request.metadata());
            self.hub.poll_events(request.into_inner(), left).await.map(Response::new).map_err(status)
        });
        self.grpc().unary(poll, request).await
    }

    async fn get_event_log(&self, request: http::Request<Body>) -> http::Response<Body> {
        let get = service_fn(|_request: Request<GetEventLogRequest>| async {
            self.hub.get_event_log().await.map(Response::new).map_err(status)
        });
        self.grpc().unary(get, request).await
    }

    fn grpc<Q, A>(&self) -> Grpc<ProstCodec<A, Q>>
    where
        Q: Message + Default + Send + 'static,
        A: Message + Send + 'static,
    {
        Grpc::new(ProstCodec::default()).max_decoding_message_size(self.max_request)
    }
}

/// A stream as the transport pulls it: pieces of memory that all streams share, then the status.
struct Events {
    events: EventStream,
    ended: bool,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let end = match ready!(Pin::new(&mut self.events).poll_next(context)) {
            Some(Ok(messages)) => return Poll::Ready(Some(Ok(Frame::data(messages)))),
            Some(Err(error)) => status(error),
            None => Status::new(Code::Ok, ""),
        };
        self.ended = true;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(end.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
