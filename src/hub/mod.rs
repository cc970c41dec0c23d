//! The hub: where doors, vendors and journal meet. One file per use case.

pub mod activity;
pub mod adopt;
pub mod archive;
pub mod artifact;
pub mod binding_key;
pub mod biometric;
pub mod cancel;
pub mod check;
pub mod client_token;
pub mod config;
pub mod copy;
pub mod default_document;
pub mod definition;
pub mod delete;
pub mod directory;
pub mod document;
pub mod event_log;
pub mod identify;
pub mod intake;
pub mod invite;
pub mod list;
pub mod onboarding;
pub mod poll_events;
pub mod reconcile;
pub mod restart;
pub mod result;
pub mod subscribe;
pub mod ticket;
pub mod undecodable;
pub mod update;
pub mod wait;
pub mod webhook_setting;
pub mod work;

mod alike;
mod answer;
mod apply;
mod believe;
mod capability;
mod confirm;
mod delivery;
mod errand;
mod evolve;
mod expire;
mod forget;
mod generated;
mod health;
mod intent;
mod job;
mod keepsake;
mod learn;
mod locks;
mod outcome;
mod pace;
mod page;
mod picture;
mod poll;
mod prepare;
mod receive;
mod reject;
mod request;
mod secrets;
mod settle;
mod signature;
mod single;
mod tail;
mod transfer;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use prost_types::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::hub::check::Checks;
use crate::hub::config::StreamSettings;
use crate::hub::health::{HealthBoard, awaited};
use crate::hub::locks::KeyedLocks;
use crate::hub::pace::Paces;
use crate::hub::reconcile::ListReads;
use crate::hub::reject::Rejections;
use crate::hub::secrets::SecretWatch;
use crate::hub::tail::Tail;
use crate::hub::tail::ring::Limits;
use crate::hub::tail::seats::Seats;
use crate::hub::undecodable::KeptAnswers;
use crate::journal::cursor::CursorError;
use crate::journal::seal::{SealError, Vault};
use crate::journal::{Appended, Batch, Journal, JournalError, Place, Position, cursor};
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::{Event, VendorReference};
use crate::telemetry::{AppendFailure, Metrics};
use crate::vendor::registry::Registry;
use crate::vendor::{Get, Identifications, Signing, Vendor};

/// Everything a use case needs. Shared by all doors and the worker.
pub struct Hub {
    clock: Clock,
    journal: Arc<dyn Journal>,
    vault: Vault,
    registry: Registry,
    metrics: Metrics,
    streams: StreamSettings,
    webhook_urls: BTreeMap<ConnectionId, String>,
    health: HealthBoard,
    checks: Checks,
    secrets: SecretWatch,
    rejections: Rejections,
    kept_answers: KeptAnswers,
    locks: KeyedLocks,
    paces: Paces,
    list_reads: ListReads,
    /// Looks at the same time, beside the calls that somebody waits for.
    looks: Arc<tokio::sync::Semaphore>,
    /// Moves when a replayed delivery was dealt with.
    replayed: watch::Sender<u64>,
    /// The journal refused the last append: told once, until it accepts one again.
    store_fails: watch::Sender<bool>,
    /// The newest events, and the streams that wait for more.
    tail: Arc<Tail>,
    /// Of event streams.
    seats: Arc<Seats>,
    /// When the oldest event was recorded, and when that was looked up.
    oldest: tokio::sync::Mutex<Option<(SystemTime, Option<Timestamp>)>>,
    /// Uploads of pictures on their way: each is held in memory.
    picture_uploads: Arc<tokio::sync::Semaphore>,
    /// Calls that wait for an identification.
    open_waits: tokio::sync::Semaphore,
    drain: CancellationToken,
    /// Calls that go on when their caller has gone.
    calls: TaskTracker,
}

/// What a [`Hub`] is built from.
pub struct HubParts {
    /// Time, ids and randomness.
    pub clock: Clock,
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// Seals what may hold personal data.
    pub vault: Vault,
    /// The configured connections.
    pub registry: Registry,
    /// Counters.
    pub metrics: Metrics,
    /// Limits of event streams.
    pub streams: StreamSettings,
    /// Where each connection's vendor sends webhooks to, as far as the gateway knows its own address.
    pub webhook_urls: BTreeMap<ConnectionId, String>,
    /// Cancelled when the process drains.
    pub drain: CancellationToken,
}

impl Hub {
    /// A hub over its parts.
    pub fn new(parts: HubParts) -> Arc<Self> {
        Arc::new(Self {
            health: HealthBoard::default(),
            checks: Checks::default(),
            secrets: SecretWatch::new(&parts.registry, &parts.metrics, parts.clock.now()),
            rejections: Rejections::default(),
            kept_answers: KeptAnswers::default(),
            locks: KeyedLocks::default(),
            paces: Paces::default(),
            list_reads: ListReads::default(),
            looks: Arc::new(tokio::sync::Semaphore::new(poll::MAX_LOOKS)),
            replayed: watch::Sender::default(),
            store_fails: watch::Sender::new(false),
            tail: Tail::new(Limits {
                bytes: parts.streams.tail_max_bytes,
                events: parts.streams.tail_max_events,
            }),
            oldest: tokio::sync::Mutex::default(),
            seats: Seats::new(parts.streams.max_streams_per_caller, parts.streams.max_streams),
            picture_uploads: Arc::new(tokio::sync::Semaphore::new(picture::MAX_UPLOADS)),
            open_waits: tokio::sync::Semaphore::new(parts.streams.max_streams_per_caller),
            calls: TaskTracker::new(),
            clock: parts.clock,
            journal: parts.journal,
            vault: parts.vault,
            registry: parts.registry,
            metrics: parts.metrics,
            streams: parts.streams,
            webhook_urls: parts.webhook_urls,
            drain: parts.drain,
        })
    }

    /// `Ok` when the journal accepts appends.
    pub async fn ready(&self) -> Result<()> {
        self.journal.health().await.map_err(|error| store(error, "check_readiness"))
    }

    /// Moves when the journal stops accepting appends, and when it begins to again, as far as appends have shown.
    pub fn watch_store(&self) -> watch::Receiver<bool> {
        self.store_fails.subscribe()
    }

    /// Waits for calls that were under way when the drain began.
    pub async fn finish_calls(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Runs a call to its end, also when its caller goes away: an outcome at the vendor must reach the journal.
    async fn see_through<T: Send + 'static>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        // What a panic says may hold anything: it goes no further. Nobody knows what the call has done before.
        self.calls.spawn(call).await.unwrap_or_else(|_panic| {
            Err(Error::new(
                Kind::GatewayFault,
                operation,
                "the call broke off; whether it took effect is not known",
            ))
        })
    }

    /// Asks the vendor about `reference`, noting what the answer tells about the connection.
    async fn ask(
        &self,
        vendor: &dyn Vendor,
        reference: &VendorReference,
        operation: &'static str,
    ) -> Result<Observation> {
        self.ask_in_time(vendor, Get { reference, deadline: None }, operation).await
    }

    /// The same for a caller who may not wait for as long as the vendor may take.
    async fn ask_in_time(
        &self,
        vendor: &dyn Vendor,
        get: Get<'_>,
        operation: &'static str,
    ) -> Result<Observation> {
        let tickets = get.reference.ticket_ids.clone();
        let reference = get.reference;
        let asked = identifications(vendor, operation)?.get(get).await;
        let answer = self.note_health_about(vendor, reference, asked).await?;
        for field in answer.drift {
            self.metrics.drift(vendor.account().vendor.as_str_name(), field);
        }
        let mut observation = answer.observation;
        if observation.reference.ticket_ids.is_empty() {
            // What names no ticket is about the one it was asked by.
            observation.reference.ticket_ids.clone_from(&tickets);
        }
        Ok(observation)
    }

    /// Appends `batch` and counts what came of it.
    async fn append(&self, batch: Batch) -> Result<Appended, JournalError> {
        let kinds: Vec<_> = batch.events.iter().map(Event::r#type).collect();
        let awaited = awaited(&batch.events);
        let appended = self.journal.append(batch).await;
        match &appended {
            Ok(appended) if appended.duplicate => {}
            Ok(_) => {
                kinds.into_iter().for_each(|kind| self.metrics.event_appended(kind));
                self.await_webhooks(&awaited);
            }
            Err(error) => self.metrics.append_failed(match error {
                JournalError::Unavailable(_) => AppendFailure::Unavailable,
                JournalError::Full => AppendFailure::Full,
                JournalError::OutcomeUnknown(_) => AppendFailure::OutcomeUnknown,
                JournalError::Conflict(_) => AppendFailure::Conflict,
                JournalError::Damaged(_) => AppendFailure::Damaged,
            }),
        }
        self.tell_store_state(appended.as_ref().err());
        appended
    }

    /// Logs when the journal stops and when it begins to accept appends, not every append in between.
    fn tell_store_state(&self, failure: Option<&JournalError>) {
        let failure = failure.filter(|error| !matches!(error, JournalError::Conflict(_)));
        let turned = self
            .store_fails
            .send_if_modified(|fails| std::mem::replace(fails, failure.is_some()) != failure.is_some());
        match failure {
            _ if !turned => {}
            Some(error) => tracing::error!(
                error = %error,
                error.source = std::error::Error::source(error).map(ToString::to_string),
                "The journal does not accept changes; calls and webhooks are refused until it does"
            ),
            None => tracing::info!("The journal accepts changes again"),
        }
    }

    fn cursor(&self, place: Place) -> String {
        cursor::encode(self.journal.identity(), place)
    }

    /// The position of the newest event: whatever is read after this shows it.
    fn head(&self) -> Position {
        *self.journal.watch_head().borrow()
    }

    /// The cursor of the newest event: everything that happens from now on comes after it.
    async fn head_cursor(&self) -> Result<String> {
        Ok(self.cursor(self.head_place().await?))
    }

    /// The place of the newest event.
    async fn head_place(&self) -> Result<Place> {
        self.place(self.head()).await
    }

    async fn place(&self, position: Position) -> Result<Place> {
        let place = self.journal.place(position).await.map_err(|error| store(error, "read_journal"))?;
        place.ok_or_else(|| store(JournalError::Damaged(format!("position {position}")), "read_journal"))
    }

    fn vendor(&self, connection: &ConnectionId, operation: &'static str) -> Result<Arc<dyn Vendor>> {
        self.registry.get(connection).cloned().ok_or_else(|| {
            let detail = format!("connection {} is not configured", connection.name());
            Error::new(Kind::ResourceNotFound, operation, detail)
        })
    }

    async fn existing(&self, name: &IdentificationName, operation: &'static str) -> Result<Record> {
        let record = self.journal.record(name).await.map_err(|error| store(error, operation))?;
        record.ok_or_else(|| Error::new(Kind::ResourceNotFound, operation, format!("{name} does not exist")))
    }
}

fn identifications<'a>(vendor: &'a dyn Vendor, operation: &'static str) -> Result<&'a dyn Identifications> {
    vendor.identifications().ok_or_else(|| {
        let detail = format!("{} has no identifications", vendor.account().connection.name());
        Error::new(Kind::CapabilityNotSupported, operation, detail)
    })
}

fn signing<'a>(vendor: &'a dyn Vendor, operation: &'static str) -> Result<&'a dyn Signing> {
    vendor.signing().ok_or_else(|| {
        let detail = format!("{} has no documents to sign", vendor.account().connection.name());
        Error::new(Kind::CapabilityNotSupported, operation, detail)
    })
}

/// A journal's refusal in the words callers branch on.
fn store(error: JournalError, operation: &'static str) -> Error {
    let (kind, detail) = match error {
        JournalError::Conflict(_) => (Kind::GatewayOverloaded, "the identification keeps changing"),
        JournalError::Damaged(_) => {
            (Kind::StoreDamaged, "the journal is damaged; its operator must restore it")
        }
        JournalError::OutcomeUnknown(_) => {
            (Kind::StoreOutcomeUnknown, "the journal did not say whether it kept the change")
        }
        JournalError::Unavailable(_) | JournalError::Full => {
            (Kind::StoreUnavailable, "the journal does not accept changes now")
        }
    };
    Error::new(kind, operation, detail).caused_by(error)
}

/// A failure to seal or open in the words callers branch on.
fn sealing(error: SealError, operation: &'static str) -> Error {
    Error::new(Kind::StoreUnavailable, operation, "a sealed item cannot be handled; check the master keys")
        .caused_by(error)
}

/// A refusal to begin before what is kept; the oldest cursor that works is told.
fn expired(detail: &str, earliest: String, operation: &'static str) -> Error {
    let detail = format!("{detail}; the earliest cursor is {earliest}");
    Error::new(Kind::CursorExpired, operation, detail).instead_from(earliest)
}

/// A refused cursor in the words callers branch on.
fn refused_cursor(error: CursorError, operation: &'static str) -> Error {
    match error {
        CursorError::Malformed => {
            Error::new(Kind::CursorMalformed, operation, "the cursor was not made by this gateway")
        }
        CursorError::EpochMismatch => Error::new(
            Kind::CursorEpochMismatch,
            operation,
            "the journal was replaced since the cursor was handed out; start again from a snapshot",
        ),
        CursorError::Expired { earliest } => {
            let detail = "events right after the cursor are no longer kept";
            expired(detail, earliest, operation)
        }
        CursorError::Journal(error) => store(error, operation),
    }
}
