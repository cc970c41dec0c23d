//! Kept deliveries are read: opened, normalised, and matched with what they are about.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::hub::evolve::Cause;
use crate::hub::job::Outcome;
use crate::hub::{Hub, sealing, store};
use crate::journal::{Batch, Delivery, DeliveryChange, Job, JournalError, VendorId};
use crate::model::name::{ConnectionId, DeliveryName};
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::{EventOrigin, VendorReference, WebhookDeliveryState as State};
use crate::telemetry::DeliveryOutcome as Fate;
use crate::vendor::kit::delivery::Verified;
use crate::vendor::{Reading, Unreadable, Vendor};

const PREPARE: &str = "read_webhook";
pub(super) const UNKNOWN_CONNECTION_WAIT: Duration = Duration::from_secs(60);

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

    /// What is still to be applied, each with its place in the body: of a delivery that waits, only what it waits
    /// for, and never what took effect before.
    pub(super) fn open(&self) -> impl Iterator<Item = (u32, &Observation)> {
        let Delivery { waits_for: waited, told, .. } = &self.delivery;
        (0..).zip(&self.observations).filter(|(place, observation)| {
            let awaited =
                waited.is_empty() || waits_for(&observation.reference).any(|id| waited.contains(&id));
            awaited && !told.contains(place)
        })
    }

    /// Whether somebody asked for it to be applied once more. One that still waits for its identification after that
    /// is applied for the identification's sake.
    pub(super) fn is_replay(&self) -> bool {
        self.delivery.replays > 0 && self.delivery.state != State::Unmatched
    }

    /// Whether it was found before that nobody knows what it is about.
    pub(super) fn waits(&self) -> bool {
        self.delivery.state == State::Unmatched
    }

    /// What the changes it leads to are due to.
    pub(super) fn cause(&self) -> Cause {
        let origin = if self.is_replay() { EventOrigin::Replay } else { EventOrigin::Webhook };
        Cause { origin, delivery: Some(self.delivery.name.clone()) }
    }

    pub(super) fn vendor(&self) -> &dyn Vendor {
        &*self.vendor
    }

    /// What must not be worked on at the same time: the things it is about.
    pub(super) fn keys(&self) -> Vec<String> {
        let connection = &self.delivery.name.connection;
        let ids = |reference: &VendorReference| {
            let id = if reference.reference.is_empty() { &reference.id } else { &reference.reference };
            let ids = [id].into_iter().chain(&reference.ticket_ids).filter(|id| !id.is_empty());
            ids.map(|id| turn_key(connection, id)).collect::<Vec<_>>()
        };
        self.observations.iter().flat_map(|observation| ids(&observation.reference)).collect()
    }

    /// The vendor was asked for as long as it is asked about one delivery.
    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        self.job.give_up_at.is_some_and(|time| time <= now)
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
        let Some(verified) = self.kept(&name, PREPARE).await? else {
            return self.give_up(delivery, &job, "the body was erased").await;
        };
        let Some(webhooks) = vendor.webhooks() else {
            return Ok(Preparation::Over(Outcome::Again(UNKNOWN_CONNECTION_WAIT)));
        };
        let reading = webhooks.normalise(&verified);
        // It is read again whenever the vendor is asked about it, or about what came before it, and when it is replayed.
        if delivery.state == State::Received && delivery.replays == 0 && job.attempts == 0 {
            self.count_drift(&*vendor, &reading);
        }
        match reading {
            Ok(Reading { observations, .. }) => {
                Ok(Preparation::Ready(Box::new(Prepared { job, delivery, vendor, observations })))
            }
            Err(unreadable) => {
                let failure = format!("{}: {}", unreadable.path, unreadable.expected);
                self.give_up(delivery, &job, &failure).await
            }
        }
    }

    /// What the vendor sent. `None`: it was erased.
    pub(super) async fn kept(
        &self,
        name: &DeliveryName,
        operation: &'static str,
    ) -> Result<Option<Verified>> {
        let item = self.journal.sealed(&name.to_string()).await.map_err(|error| store(error, operation))?;
        let Some(item) = item else { return Ok(None) };
        let kept = self.vault.open(&item).map_err(|error| sealing(error, operation))?;
        let verified = Verified::from_kept(&kept).map_err(|error| {
            Error::new(Kind::StoreUnavailable, operation, "a kept delivery is damaged").caused_by(error)
        })?;
        Ok(Some(verified))
    }

    fn count_drift(&self, vendor: &dyn Vendor, reading: &Result<Reading, Unreadable>) {
        let vendor = vendor.account().vendor.as_str_name();
        match reading {
            Ok(reading) => reading.drift.iter().for_each(|field| self.metrics.drift(vendor, field)),
            Err(unreadable) => self.metrics.drift(vendor, field_of(&unreadable.path)),
        }
    }

    async fn give_up(&self, mut delivery: Delivery, job: &Job, failure: &str) -> Result<Preparation> {
        delivery.state = State::Unreadable;
        delivery.failure = failure.to_owned();
        let batch = Batch {
            deliveries: vec![DeliveryChange::Update(delivery.clone())],
            complete: vec![job.id.clone()],
            ..Batch::default()
        };
        match self.append(batch).await {
            Ok(_appended) => {}
            // It is being replayed: that reads it again.
            Err(JournalError::Conflict(_)) => return Ok(Preparation::Over(Outcome::Written)),
            Err(error) => return Err(store(error, PREPARE)),
        }
        self.dealt_with(&delivery, Some(Fate::Unreadable));
        tracing::warn!(delivery.name = %delivery.name, delivery.failure = failure, "An authentic webhook cannot be read; it is kept");
        Ok(Preparation::Over(Outcome::Written))
    }

    /// Counts what became of a delivery, once, and tells those who wait for its replay. `None`: the vendor is asked.
    pub(super) fn dealt_with(&self, delivery: &Delivery, fate: Option<Fate>) {
        if delivery.replays > 0 {
            self.replayed.send_modify(|moves| *moves += 1);
        } else if let Some(fate) = fate {
            self.metrics.webhook_processed(&delivery.name.connection, fate);
        }
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

/// The identifiers a delivery about `reference` waits for.
pub(super) fn waits_for(reference: &VendorReference) -> impl Iterator<Item = String> {
    vendor_ids(reference).map(|id| id.as_str().to_owned())
}

/// The field at `path`, wherever in a list it stands: as many labels as there are fields, however long a sender's
/// lists are.
fn field_of(path: &str) -> &str {
    let field = path.rsplit_once("].").map_or(path, |(_list, field)| field);
    field.split_once('[').map_or(field, |(field, _place)| field)
}

/// The identifiers a reference holds: first those of the identification itself, then its tickets, the last one first.
pub(super) fn vendor_ids(reference: &VendorReference) -> impl Iterator<Item = VendorId<'_>> {
    let own = [VendorId::Reference(&reference.reference), VendorId::Id(&reference.id)];
    let tickets = reference.ticket_ids.iter().rev().map(|id| VendorId::Ticket(id));
    own.into_iter().chain(tickets).filter(|id| !id.as_str().is_empty())
}

/// Whether `reference` names tickets and nothing that an identification is made with.
pub(super) fn names_only_tickets(reference: &VendorReference) -> bool {
    reference.id.is_empty() && reference.reference.is_empty() && !reference.ticket_ids.is_empty()
}
