//! `idvgateway.v1.EventService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use crate::clock::Clock;
use crate::hub::Hub;
use crate::proto::event_service_server::EventService;
use crate::proto::{
    GetEventLogRequest, GetEventLogResponse, PollEventsRequest, PollEventsResponse, WatchEventsRequest,
    WatchEventsResponse,
};
use crate::rpc::deadline::{deadline, until};
use crate::rpc::status::{not_served, status};

pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
}

#[tonic::async_trait]
impl EventService for Service {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let deadline = deadline(&self.clock, request.metadata());
        let events = self.hub.watch_events(request.into_inner()).await.map_err(status)?;
        let messages = events.map(|message| message.map_err(status));
        Ok(Response::new(match deadline {
            Some(deadline) => Box::pin(until(&self.clock, deadline, messages)),
            None => Box::pin(messages),
        }))
    }

    async fn poll_events(
        &self,
        _request: Request<PollEventsRequest>,
    ) -> Result<Response<PollEventsResponse>, Status> {
        Err(not_served("PollEvents"))
    }

    async fn get_event_log(
        &self,
        _request: Request<GetEventLogRequest>,
    ) -> Result<Response<GetEventLogResponse>, Status> {
        Err(not_served("GetEventLog"))
    }
}
