//! Kept deliveries are read: opened, normalised, and matched with what they are about.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::hub::job::Outcome;
use crate::hub::{Hub, sealing, store};
use crate::journal::{Batch, Delivery, DeliveryChange, Job, VendorId};
use crate::model::name::{ConnectionId, DeliveryName};
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::{VendorReference, WebhookDeliveryState as State};
use crate::telemetry::DeliveryOutcome as Fate;
use crate::vendor::Vendor;
use crate::vendor::kit::delivery::Verified;

const PREPARE: &str = "read_webhook";
const UNKNOWN_CONNECTION_WAIT: Duration = Duration::from_secs(60);

/// A delivery that was read, ready to be applied.
pub(super) struct Prepared {
    pub(super) job: Job,
    pub(super) delivery: Delivery,
    vendor: Arc<dyn Vendor>,
    observations: Vec<Observation>,
}

/// What reading a delivery came to.
pub(super) enum Preparation {
    Ready(Box<Prepared>),
    /// Nothing is left to apply; the job is over or comes again.
    Over(Outcome),
}

impl Prepared {
    pub(super) fn observations(&self) -> &[Observation] {
        &self.observations
    }

    pub(super) fn vendor(&self) -> &dyn Vendor {
        &*self.vendor
    }

    /// What must not be worked on at the same time: the things it is about.
    pub(super) fn keys(&self) -> Vec<String> {
        let connection = &self.delivery.name.connection;
        let key = |reference: &VendorReference| {
            let id = if reference.reference.is_empty() { &reference.id } else { &reference.reference };
            turn_key(connection, id)
        };
        self.observations.iter().map(|observation| key(&observation.reference)).collect()
    }
}

impl Hub {
    /// Reads the delivery of a job. What cannot be read is kept as UNREADABLE.
    pub(super) async fn prepare(&self, job: Job) -> Result<Preparation> {
        let name: DeliveryName = job.subject.parse().map_err(|error| {
            Error::new(Kind::StoreUnavailable, PREPARE, format!("job {} is damaged", job.id)).caused_by(error)
        })?;
        let Some(delivery) = self.journal.delivery(&name).await.map_err(|error| store(error, PREPARE))?
        else {
            return Ok(Preparation::Over(Outcome::Done));
        };
        if !matches!(delivery.state, State::Received | State::Confirming | State::Unmatched) {
            return Ok(Preparation::Over(Outcome::Done));
        }
        let Some(vendor) = self.registry.get(&name.connection).cloned() else {
            // The connection is not configured at present; it may come back.
            return Ok(Preparation::Over(Outcome::Again(UNKNOWN_CONNECTION_WAIT)));
        };
        let item = self.journal.sealed(&name.to_string()).await.map_err(|error| store(error, PREPARE))?;
        let Some(item) = item else {
            return self.give_up(delivery, &job, "the body was erased").await;
        };
        let kept = self.vault.open(&item).map_err(|error| sealing(error, PREPARE))?;
        let verified = Verified::from_kept(&kept).map_err(|error| {
            Error::new(Kind::StoreUnavailable, PREPARE, "a kept delivery is damaged").caused_by(error)
        })?;
        let Some(webhooks) = vendor.webhooks() else {
            return Ok(Preparation::Over(Outcome::Again(UNKNOWN_CONNECTION_WAIT)));
        };
        match webhooks.normalise(&verified) {
            Ok(reading) => {
                for field in &reading.drift {
                    self.metrics.drift(vendor.account().vendor.as_str_name(), field);
                }
                let observations = reading.observations;
                Ok(Preparation::Ready(Box::new(Prepared { job, delivery, vendor, observations })))
            }
            Err(unreadable) => {
                self.metrics.drift(vendor.account().vendor.as_str_name(), "$");
                let failure = format!("{}: {}", unreadable.path, unreadable.expected);
                self.give_up(delivery, &job, &failure).await
            }
        }
    }

    async fn give_up(&self, mut delivery: Delivery, job: &Job, failure: &str) -> Result<Preparation> {
        let name = delivery.name.clone();
        delivery.state = State::Unreadable;
        delivery.failure = failure.to_owned();
        let batch = Batch {
            deliveries: vec![DeliveryChange::Update(delivery)],
            complete: vec![job.id.clone()],
            ..Batch::default()
        };
        self.append(batch).await.map_err(|error| store(error, PREPARE))?;
        self.metrics.webhook_processed(&name.connection, Fate::Unreadable);
        tracing::warn!(delivery.name = %name, delivery.failure = failure, "An authentic webhook cannot be read; it is kept");
        Ok(Preparation::Over(Outcome::Written))
    }

    pub(super) async fn matching(
        &self,
        connection: &ConnectionId,
        reference: &VendorReference,
    ) -> Result<Option<Record>> {
        for id in vendor_ids(reference) {
            let found = self.journal.find(connection, id).await.map_err(|error| store(error, PREPARE))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What stands for one thing at a vendor while it is worked on.
pub(super) fn turn_key(connection: &ConnectionId, vendor_id: &str) -> String {
    format!("{connection}/{}", vendor_id.to_ascii_lowercase())
}

/// The identifiers a reference holds.
pub(super) fn vendor_ids(reference: &VendorReference) -> impl Iterator<Item = VendorId<'_>> {
    [VendorId::Reference(&reference.reference), VendorId::Id(&reference.id)]
        .into_iter()
        .filter(|id| !matches!(id, VendorId::Reference("") | VendorId::Id("")))
}
