//! `idvgateway.v1.TicketService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::clock::Clock;
use crate::hub::Hub;
use crate::proto::ticket_service_server::TicketService;
use crate::proto::*;
use crate::rpc::deadline::deadline;
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;

pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TicketService for Service {
    async fn get_ticket(&self, request: Request<GetTicketRequest>) -> Answer<GetTicketResponse> {
        purpose(&request)?;
        self.hub.get_ticket(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn list_tickets(&self, request: Request<ListTicketsRequest>) -> Answer<ListTicketsResponse> {
        purpose(&request)?;
        self.hub.list_tickets(request.get_ref()).await.map(Response::new).map_err(status)
    }

    type DownloadTicketImagesStream =
        Pin<Box<dyn Stream<Item = Result<DownloadTicketImagesResponse, Status>> + Send>>;

    async fn download_ticket_images(
        &self,
        request: Request<DownloadTicketImagesRequest>,
    ) -> Answer<Self::DownloadTicketImagesStream> {
        purpose(&request)?;
        let deadline = deadline(&self.clock, request.metadata());
        let messages = self.hub.download_ticket_images(request.get_ref(), deadline).await.map_err(status)?;
        Ok(Response::new(Box::pin(messages.map(|message| message.map_err(status)))))
    }
}
