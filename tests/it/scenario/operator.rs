//! What operators do with deliveries, in short.

use idv_gateway::proto::webhook_service_client::WebhookServiceClient;
use idv_gateway::proto::{
    GetWebhookDeliveryRequest, ListWebhookDeliveriesRequest, ReplayWebhookDeliveryRequest,
    ReplayWebhookDeliveryResponse, WebhookDelivery, WebhookDeliveryState,
};
use idv_gateway::rpc::purpose::METADATA;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::house::House;
use super::words::PURPOSE;

pub(super) fn webhooks(house: &House) -> WebhookServiceClient<Channel> {
    WebhookServiceClient::new(house.channel.clone())
}

/// `message` with a purpose.
pub(super) fn asked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
    request
}

/// Every delivery of every connection in one of `states` (none: in any), newest first, with the number of pages.
pub(super) async fn listed(
    house: &House,
    states: &[WebhookDeliveryState],
    page_size: i32,
) -> (Vec<WebhookDelivery>, usize) {
    let mut request = ListWebhookDeliveriesRequest {
        parent: "connections/-".to_owned(),
        page_size,
        page_token: String::new(),
        states: states.iter().map(|state| *state as i32).collect(),
    };
    let (mut deliveries, mut pages) = (Vec::new(), 0);
    loop {
        let page =
            webhooks(house).list_webhook_deliveries(asked(request.clone())).await.unwrap().into_inner();
        deliveries.extend(page.webhook_deliveries);
        pages += 1;
        if page.next_page_token.is_empty() {
            return (deliveries, pages);
        }
        request.page_token = page.next_page_token;
    }
}

/// The newest delivery.
pub(super) async fn newest(house: &House) -> WebhookDelivery {
    listed(house, &[], 0).await.0.swap_remove(0)
}

pub(super) async fn try_got(
    house: &House,
    name: &str,
    include_body: bool,
) -> Result<WebhookDelivery, Status> {
    let request = GetWebhookDeliveryRequest { name: name.to_owned(), include_body };
    let got = webhooks(house).get_webhook_delivery(asked(request)).await?;
    Ok(got.into_inner().webhook_delivery.unwrap())
}

pub(super) async fn got(house: &House, name: &str) -> WebhookDelivery {
    try_got(house, name, false).await.unwrap()
}

pub(super) async fn try_replayed(house: &House, name: &str) -> Result<ReplayWebhookDeliveryResponse, Status> {
    let request = ReplayWebhookDeliveryRequest { name: name.to_owned() };
    webhooks(house).replay_webhook_delivery(asked(request)).await.map(Response::into_inner)
}

/// The delivery `name` after its replay.
pub(super) async fn replayed(house: &House, name: &str) -> WebhookDelivery {
    try_replayed(house, name).await.unwrap().webhook_delivery.unwrap()
}
