//! `idvgateway.v1.WebhookService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::clock::Clock;
use crate::error::{Error, Violation};
use crate::hub::Hub;
use crate::model::name::{DeliveryName, NameError};
use crate::proto::webhook_service_server::WebhookService;
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
impl WebhookService for Service {
    async fn list_vendor_webhooks(
        &self,
        request: Request<ListVendorWebhooksRequest>,
    ) -> Answer<ListVendorWebhooksResponse> {
        self.hub.list_vendor_webhooks(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn register_vendor_webhook(
        &self,
        request: Request<RegisterVendorWebhookRequest>,
    ) -> Answer<RegisterVendorWebhookResponse> {
        self.hub.register_vendor_webhook(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn delete_vendor_webhook(
        &self,
        request: Request<DeleteVendorWebhookRequest>,
    ) -> Answer<DeleteVendorWebhookResponse> {
        self.hub.delete_vendor_webhook(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<ListWebhookDeliveriesRequest>,
    ) -> Answer<ListWebhookDeliveriesResponse> {
        purpose(&request)?;
        self.hub.list_webhook_deliveries(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn get_webhook_delivery(
        &self,
        request: Request<GetWebhookDeliveryRequest>,
    ) -> Answer<GetWebhookDeliveryResponse> {
        purpose(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, "get_webhook_delivery")?;
        self.hub.get_webhook_delivery(&name, request.include_body).await.map(Response::new).map_err(status)
    }

    async fn replay_webhook_delivery(
        &self,
        request: Request<ReplayWebhookDeliveryRequest>,
    ) -> Answer<ReplayWebhookDeliveryResponse> {
        purpose(&request)?;
        let name = parse_name(&request.get_ref().name, "replay_webhook_delivery")?;
        let deadline = deadline(&self.clock, request.metadata());
        self.hub.replay_webhook_delivery(&name, deadline).await.map(Response::new).map_err(status)
    }
}

fn parse_name(name: &str, operation: &'static str) -> Result<DeliveryName, Status> {
    name.parse().map_err(|error: NameError| {
        status(Error::invalid(operation, vec![Violation::new("name", error.to_string())]))
    })
}
