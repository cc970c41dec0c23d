//! Deliveries as operators see them: listed, looked into, and applied once more.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use prost::Message as _;
use prost_types::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::hub::page::{self, Pages};
use crate::hub::{Hub, store};
use crate::journal::{Batch, Delivery, DeliveryChange, DeliveryQuery, Job};
use crate::model::name::DeliveryName;
use crate::model::validate::Checks;
use crate::proto::{
    GetWebhookDeliveryResponse, ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse,
    ReplayWebhookDeliveryResponse, WebhookDelivery, WebhookDeliveryState as State,
};

const LIST: &str = "list_webhook_deliveries";
const GET: &str = "get_webhook_delivery";
const REPLAY: &str = "replay_webhook_delivery";

/// How often one call looks into the journal for deliveries in a rare state; the next page goes on.
const LOOKS: usize = 8;
/// Bytes that are enough for a page: with what one look adds it stays below the 4 MiB that clients take by default.
const ENOUGH_BYTES: usize = 1 << 20;
/// How long a replay is waited for when the caller sets no deadline: the contract's own.
const REPLAY_WITHIN: Duration = Duration::from_secs(30);

impl Hub {
    /// Deliveries, newest first, a page of them. Never with their bodies.
    pub async fn list_webhook_deliveries(
        &self,
        request: &ListWebhookDeliveriesRequest,
    ) -> Result<ListWebhookDeliveriesResponse> {
        let mut checks = Checks::default();
        let limit = page::size(request.page_size, &mut checks);
        let connection = checks.parent(&request.parent);
        let states: BTreeSet<State> = checks.values("states", &request.states);
        checks.finish(LIST)?;
        if let Some(connection) = &connection {
            self.vendor(connection, LIST)?;
        }
        let key = &self.journal.identity().key;
        let pages = Pages::new(key, LIST, &(&connection, &states));
        let before = pages.after(&request.page_token)?;
        let states = states.into_iter().collect();
        let mut query = DeliveryQuery { connection, states, before, limit };
        let mut response = ListWebhookDeliveriesResponse::default();
        for _look in 0..LOOKS {
            let page = self.journal.deliveries(&query).await.map_err(|error| store(error, LIST))?;
            query.limit -= page.deliveries.len();
            query.before = page.next;
            response.webhook_deliveries.extend(page.deliveries.into_iter().map(describe));
            if query.limit == 0 || query.before.is_none() || response.encoded_len() >= ENOUGH_BYTES {
                break;
            }
        }
        response.next_page_token = query.before.map_or_else(String::new, |before| pages.token(before));
        Ok(response)
    }

    /// One delivery; `include_body` adds what the vendor sent, byte for byte.
    pub async fn get_webhook_delivery(
        &self,
        name: &DeliveryName,
        include_body: bool,
    ) -> Result<GetWebhookDeliveryResponse> {
        let mut delivery = describe(self.existing_delivery(name, GET).await?);
        if include_body {
            let kept = self.kept(name, GET).await?.ok_or_else(|| {
                let detail = format!("the body of {name} was erased; get it without include_body");
                Error::new(Kind::StateNotAllowed, GET, detail)
            })?;
            delivery.body = kept.body().to_vec();
        }
        Ok(GetWebhookDeliveryResponse { webhook_delivery: Some(delivery) })
    }

    /// Applies a kept delivery once more and answers when that is done, or hangs on the vendor. What took effect
    /// before does not do so again. `deadline` is the caller's; the replay goes on without the caller.
    ///
    /// The cursor stands before everything that the replay causes.
    pub async fn replay_webhook_delivery(
        &self,
        name: &DeliveryName,
        deadline: Option<SystemTime>,
    ) -> Result<ReplayWebhookDeliveryResponse> {
        let deadline = deadline.unwrap_or_else(|| self.clock.now() + REPLAY_WITHIN);
        let mut replayed = self.replayed.subscribe();
        let cursor = self.head_cursor().await?;
        self.begin_replay(name).await?;
        loop {
            let delivery = self.existing_delivery(name, REPLAY).await?;
            if delivery.state != State::Received {
                return Ok(ReplayWebhookDeliveryResponse {
                    webhook_delivery: Some(describe(delivery)),
                    cursor,
                });
            }
            let (kind, detail) = tokio::select! {
                // The hub holds the sender: it does not end.
                _moved = replayed.changed() => continue,
                () = self.drain.cancelled() => {
                    (Kind::GatewayDraining, "the gateway stops; the replay goes on when it has started again")
                }
                () = self.clock.sleep_until(deadline) => {
                    (Kind::DeadlineExceeded, "the replay goes on; get the delivery to see what becomes of it")
                }
            };
            return Err(Error::new(kind, REPLAY, detail));
        }
    }

    /// Leaves the replay to the worker, by way of the journal: a crash loses nothing.
    async fn begin_replay(&self, name: &DeliveryName) -> Result<()> {
        let _turn = self.locks.lock(&format!("replay/{name}")).await;
        let delivery = self.existing_delivery(name, REPLAY).await?;
        let vendor = self.vendor(&name.connection, REPLAY)?;
        if vendor.webhooks().is_none() {
            let detail = format!("{} takes no webhooks", name.connection.name());
            return Err(Error::new(Kind::CapabilityNotSupported, REPLAY, detail));
        }
        if self.kept(name, REPLAY).await?.is_none() {
            let detail = format!("the body of {name} was erased, so that nothing is left to replay");
            return Err(Error::new(Kind::StateNotAllowed, REPLAY, detail));
        }
        let mut batch = Batch::default();
        let mut run = delivery.replays;
        let is_under_way = delivery.state == State::Received && run > 0;
        if !is_under_way {
            run += 1;
            batch.deliveries.push(DeliveryChange::Replay(name.clone()));
            // The replay asks the vendor anew if it has to.
            batch.complete.push(confirm_id(name));
        }
        // A job of its own: one of an earlier run that ends meanwhile must not take this one along.
        batch.schedule.push(Job { id: format!("replay/{name}/{run}"), ..self.apply_job(name) });
        self.append(batch).await.map(drop).map_err(|error| store(error, REPLAY))
    }

    async fn existing_delivery(&self, name: &DeliveryName, operation: &'static str) -> Result<Delivery> {
        let delivery = self.journal.delivery(name).await.map_err(|error| store(error, operation))?;
        delivery
            .ok_or_else(|| Error::new(Kind::ResourceNotFound, operation, format!("{name} does not exist")))
    }
}

/// The id of the job that asks the vendor about a delivery.
pub(super) fn confirm_id(delivery: &DeliveryName) -> String {
    format!("confirm/{delivery}")
}

/// Of several subjects it shows the one that was spoken of last.
fn describe(mut delivery: Delivery) -> WebhookDelivery {
    WebhookDelivery {
        name: delivery.name.to_string(),
        state: delivery.state.into(),
        receive_time: Some(Timestamp::from(delivery.receive_time)),
        subject: delivery.subjects.pop().map(|subject| subject.name).unwrap_or_default(),
        source_ip: delivery.source_ip,
        body_sha256: delivery.body_sha256.to_vec(),
        failure: delivery.failure,
        duplicate_count: delivery.duplicate_count.try_into().unwrap_or(i32::MAX),
        body: Vec::new(),
        event_ids: delivery.event_ids.iter().map(ToString::to_string).collect(),
    }
}
