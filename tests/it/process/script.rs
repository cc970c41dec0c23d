//! A gateway that says what it was told to say: for answers that a real one gives rarely, or never twice.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;

use futures::{Stream, StreamExt as _, stream};
use idv_gateway::proto::event_service_server::{EventService, EventServiceServer};
use idv_gateway::proto::{
    GetEventLogRequest, GetEventLogResponse, PollEventsRequest, PollEventsResponse, WatchEventsRequest,
    WatchEventsResponse,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::child::{Child, GUARD, program};

/// A running one.
pub(super) struct Script {
    url: String,
    requests: UnboundedReceiver<WatchEventsRequest>,
}

struct Service {
    streams: Mutex<VecDeque<Vec<WatchEventsResponse>>>,
    requests: UnboundedSender<WatchEventsRequest>,
}

impl Script {
    /// Answers with one stream after the other. The last one stays open, the others end after their messages.
    pub(super) async fn tell(streams: impl IntoIterator<Item = Vec<WatchEventsResponse>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = unbounded_channel();
        let service = Service { streams: Mutex::new(streams.into_iter().collect()), requests: sender };
        let server = tonic::transport::Server::builder().add_service(EventServiceServer::new(service));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { url, requests }
    }

    pub(super) fn watch(&self, arguments: &[&str]) -> Child {
        let mut watch = program();
        watch.args(["watch", "--server", &self.url]).args(arguments);
        Child::spawn(watch)
    }

    /// Lets a shell run `line`, in which "$@" is the watch.
    pub(super) fn shell(&self, line: &str, arguments: &[&str]) -> Child {
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", line, "bash", env!("CARGO_BIN_EXE_idv-gateway"), "watch", "--server", &self.url]);
        shell.args(arguments);
        Child::spawn(shell)
    }

    /// The next request for a stream.
    pub(super) async fn asked(&mut self) -> WatchEventsRequest {
        timeout(GUARD, self.requests.recv()).await.expect("nobody asks").unwrap()
    }
}

#[tonic::async_trait]
impl EventService for Service {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let mut streams = self.streams.lock().unwrap();
        let messages = stream::iter(streams.pop_front().unwrap_or_default().into_iter().map(Ok));
        self.requests.send(request.into_inner()).unwrap();
        let last = streams.is_empty();
        Ok(Response::new(if last { Box::pin(messages.chain(stream::pending())) } else { Box::pin(messages) }))
    }

    async fn poll_events(
        &self,
        _request: Request<PollEventsRequest>,
    ) -> Result<Response<PollEventsResponse>, Status> {
        Err(Status::unimplemented("it is not in the script"))
    }

    async fn get_event_log(
        &self,
        _request: Request<GetEventLogRequest>,
    ) -> Result<Response<GetEventLogResponse>, Status> {
        Err(Status::unimplemented("it is not in the script"))
    }
}
