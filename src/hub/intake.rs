//! Webhooks come in: proven authentic, durable, and only then acknowledged.

use std::net::IpAddr;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};

use crate::hub::{Hub, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, Delivery, DeliveryChange};
use crate::model::name::{ConnectionId, DeliveryName};
use crate::proto::WebhookDeliveryState;
use crate::telemetry::WebhookRefusal;
use crate::vendor::kit::delivery::{Refusal, Unverified};

const INTAKE: &str = "accept_webhook";

/// Why a webhook was not accepted.
#[derive(Debug)]
pub enum IntakeError {
    /// It is not the vendor's, or not for a connection of this gateway. The sender learns nothing else.
    Refused,
    /// It could not be kept now; the vendor must send it again.
    NotKept(crate::error::Error),
}

/// How a delivery came in.
struct Arrival {
    source: IpAddr,
    receive_time: SystemTime,
    body_sha256: [u8; 32],
}

impl Hub {
    /// Counts a request for `connection`, a name as it stands in the URL.
    pub fn webhook_came_in(&self, connection: &str) {
        self.metrics.webhook_received(self.configured(connection).as_ref());
    }

    /// Counts a request for `connection` that was refused before it was read.
    pub fn webhook_not_read(&self, connection: &str, cause: WebhookRefusal) {
        self.metrics.webhook_refused(self.configured(connection).as_ref(), cause);
    }

    fn configured(&self, connection: &str) -> Option<ConnectionId> {
        connection.parse().ok().filter(|id| self.registry.get(id).is_some())
    }

    /// Accepts a webhook for `connection`. When it returns `Ok`, the delivery is on disk and will be applied.
    pub async fn accept_webhook(&self, connection: &str, delivery: Unverified) -> Result<(), IntakeError> {
        let (source, receive_time) = (delivery.source, delivery.receive_time);
        let known = self.configured(connection);
        let vendor = known.as_ref().and_then(|id| self.registry.get(id));
        let (Some(connection), Some(vendor), Some(webhooks)) =
            (known.clone(), vendor, vendor.and_then(|vendor| vendor.webhooks()))
        else {
            self.metrics.webhook_refused(known.as_ref(), WebhookRefusal::UnknownConnection);
            return Err(IntakeError::Refused);
        };
        let verified = match webhooks.verify(delivery) {
            Ok(verified) => verified,
            Err(refusal) => {
                self.metrics.webhook_refused(Some(&connection), cause(refusal));
                self.note_rejection(&**vendor).await;
                return Err(IntakeError::Refused);
            }
        };
        self.metrics.secret_matched(&connection, verified.matched());
        // Of what it says, not of how it was encrypted: the same said again has another initialisation vector.
        let body_sha256 = sha256(verified.body());
        let arrival = Arrival { source: source.address(), receive_time, body_sha256 };
        self.keep(connection, arrival, &verified.to_kept()).await
    }

    async fn keep(&self, connection: ConnectionId, arrival: Arrival, kept: &[u8]) -> Result<(), IntakeError> {
        let name = DeliveryName { connection: connection.clone(), id: self.clock.uuid() };
        let owner = name.to_string();
        let sealed = self
            .vault
            .seal(SealInput {
                connection: connection.as_str(),
                owner: &owner,
                item: &owner,
                kind: "webhook_delivery",
                plaintext: kept,
            })
            .map_err(|error| IntakeError::NotKept(sealing(error, INTAKE)))?;
        let delivery = Delivery {
            name: name.clone(),
            state: WebhookDeliveryState::Received,
            receive_time: arrival.receive_time,
            body_sha256: arrival.body_sha256,
            source_ip: arrival.source.to_string(),
            subjects: Vec::new(),
            failure: String::new(),
            duplicate_count: 0,
            event_ids: Vec::new(),
            waits_for: Vec::new(),
            replays: 0,
            told: Vec::new(),
        };
        let batch = Batch {
            deliveries: vec![DeliveryChange::Put(delivery)],
            seal: vec![sealed],
            schedule: vec![self.apply_job(&name)],
            ..Batch::default()
        };
        self.append(batch).await.map_err(|error| {
            self.metrics.webhook_refused(Some(&connection), WebhookRefusal::JournalUnavailable);
            IntakeError::NotKept(store(error, INTAKE))
        })?;
        self.metrics.webhook_accepted(&connection);
        self.heard(&connection, arrival.receive_time);
        Ok(())
    }
}

fn cause(refusal: Refusal) -> WebhookRefusal {
    match refusal {
        Refusal::Missing => WebhookRefusal::MissingCredentials,
        Refusal::Malformed => WebhookRefusal::MalformedCredentials,
        Refusal::Wrong => WebhookRefusal::WrongCredentials,
        Refusal::OutsideWindow => WebhookRefusal::CredentialsOutsideWindow,
        Refusal::ForeignSource => WebhookRefusal::ForeignSource,
        Refusal::Undecryptable => WebhookRefusal::UndecryptableBody,
    }
}

fn sha256(body: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, body).as_ref());
    bytes
}
