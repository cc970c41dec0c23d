//! What is known of each connection: from the vendor's answers, and from webhooks that stay out. Kept in memory: it
//! describes now. Only when webhooks last came is taken up from the journal at the start.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use prost_types::Timestamp;

use crate::error::{Kind, Result};
use crate::hub::Hub;
use crate::hub::evolve::system_time;
use crate::hub::undecodable::unread;
use crate::journal::{Batch, JournalError};
use crate::model::name::{ConnectionId, IdentificationName};
use crate::proto::event::Payload;
use crate::proto::{
    ConnectionHealth, ConnectionHealthChanged, ConnectionHealthState as State, Event, EventOrigin, EventType,
    Evidence, IdentificationOrigin, VendorReference,
};
use crate::vendor::{Account, Vendor};

const SILENT: &str = "WEBHOOK_SILENT";

/// The health of every connection that was heard of.
#[derive(Default)]
pub(super) struct HealthBoard {
    vitals: Mutex<HashMap<ConnectionId, Vitals>>,
    /// Held while a change is written, so that changes are told in their order, and before a check is answered.
    telling: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Vitals {
    /// As the vendor's answers tell it.
    answers: ConnectionHealth,
    /// When the first thing happened, since the newest webhook, that should have brought one.
    awaiting_since: Option<SystemTime>,
    /// The state that the newest event told, or that was good from the start.
    told: State,
}

/// A change to tell: the health, and the state before.
struct Change {
    health: ConnectionHealth,
    before: State,
}

impl HealthBoard {
    /// The health at `now`; unspecified while nothing is known.
    pub(super) fn get(&self, account: &Account, now: SystemTime) -> ConnectionHealth {
        self.lock().get(&account.connection).map(|vitals| vitals.health(account, now)).unwrap_or_default()
    }

    /// An authentic webhook came in at `time`.
    fn heard(&self, connection: &ConnectionId, time: SystemTime) {
        let mut board = self.lock();
        let vitals = board.entry(connection.clone()).or_default();
        let before = vitals.answers.last_webhook_time.as_ref().map(system_time);
        vitals.answers.last_webhook_time = before.max(Some(time)).map(Timestamp::from);
        vitals.awaiting_since = vitals.awaiting_since.filter(|since| *since > time);
    }

    /// Something happened at `time` that should bring a webhook.
    fn awaits(&self, connection: &ConnectionId, time: SystemTime) {
        self.lock().entry(connection.clone()).or_default().awaiting_since.get_or_insert(time);
    }

    /// Notes what came of asking the vendor.
    fn note(&self, connection: &ConnectionId, failure: Option<Kind>, now: SystemTime) {
        let (state, reason) = verdict(failure);
        let mut board = self.lock();
        let answers = &mut board.entry(connection.clone()).or_default().answers;
        answers.set_state(state);
        answers.check_time = Some(Timestamp::from(now));
        reason.clone_into(&mut answers.error_reason);
        if state == State::Healthy {
            answers.last_success_time = Some(Timestamp::from(now));
        }
    }

    /// The change that was not told yet.
    fn turn(&self, account: &Account, now: SystemTime) -> Option<Change> {
        let mut board = self.lock();
        let vitals = board.get_mut(&account.connection)?;
        let health = vitals.health(account, now);
        if matches!(health.state(), State::Unspecified) || health.state() == vitals.told {
            return None;
        }
        let before = vitals.told;
        let first_good_word = before == State::Unspecified && health.state() == State::Healthy;
        if first_good_word {
            vitals.told = health.state();
            return None;
        }
        Some(Change { health, before })
    }

    fn told(&self, connection: &ConnectionId, state: State) {
        self.lock().entry(connection.clone()).or_default().told = state;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Vitals>> {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vitals {
    fn health(&self, account: &Account, now: SystemTime) -> ConnectionHealth {
        let waited = self.awaiting_since.map(|since| now.duration_since(since).unwrap_or_default());
        let silent = waited.zip(account.silence_after).is_some_and(|(waited, patience)| waited >= patience);
        let mut health = self.answers.clone();
        // Whatever else is wrong is worse, and the likely cause.
        if silent && matches!(health.state(), State::Unspecified | State::Healthy) {
            health.set_state(State::Degraded);
            SILENT.clone_into(&mut health.error_reason);
        }
        health
    }
}

/// What an answer, or its failure, tells about the connection.
fn verdict(failure: Option<Kind>) -> (State, &'static str) {
    let state = match failure {
        Some(
            Kind::VendorUnavailable
            | Kind::VendorTimeout
            | Kind::VendorCircuitOpen
            | Kind::VendorOutcomeUnknown,
        ) => State::Unreachable,
        Some(Kind::VendorCredentialsRejected) => State::CredentialsRejected,
        Some(Kind::VendorResponseInvalid | Kind::VendorRejectedRequest | Kind::VendorRateLimited) => {
            State::Degraded
        }
        // The vendor works, even when it refused this one request.
        _ => State::Healthy,
    };
    let reason = failure.filter(|_| state != State::Healthy).map_or("", |kind| kind.as_str_name());
    (state, reason.trim_start_matches("ERROR_REASON_"))
}

impl Hub {
    /// Takes up from the journal when each connection's webhooks last came. Called once, before the doors open.
    pub async fn recall_webhooks(&self) -> Result<(), JournalError> {
        for vendor in self.registry.list().filter(|vendor| vendor.webhooks().is_some()) {
            let account = vendor.account();
            let last = self.journal.last_delivery_time(&account.connection).await?;
            if let Some(time) = last {
                self.heard(&account.connection, time);
            }
            if account.silence_after.is_some() {
                let after = last.unwrap_or(SystemTime::UNIX_EPOCH);
                let created = self.journal.first_created_after(&account.connection, after).await?;
                created.into_iter().for_each(|time| self.health.awaits(&account.connection, time));
            }
        }
        Ok(())
    }

    /// An authentic webhook of `connection` came in at `time`.
    pub(super) fn heard(&self, connection: &ConnectionId, time: SystemTime) {
        self.health.heard(connection, time);
        self.metrics.webhook_last_accepted(connection, time);
    }

    /// These connections' webhooks should come now: the vendor took something on, or moved without being heard.
    pub(super) fn await_webhooks(&self, of: &[ConnectionId]) {
        of.iter().for_each(|connection| self.health.awaits(connection, self.clock.now()));
    }

    /// The health of a connection now.
    pub(super) fn health_of(&self, vendor: &dyn Vendor) -> ConnectionHealth {
        self.health.get(vendor.account(), self.clock.now())
    }

    /// Passes `outcome` of a vendor call that was about no identification on, noting what it tells about the connection.
    pub(super) async fn note_health<T>(&self, vendor: &dyn Vendor, outcome: Result<T>) -> Result<T> {
        self.note_health_of(vendor, None::<&IdentificationName>, outcome).await
    }

    /// The same of a call about the identification called `of`. An answer that could not be decoded is kept.
    pub(super) async fn note_health_of<T>(
        &self,
        vendor: &dyn Vendor,
        of: Option<&(impl Display + Sync)>,
        outcome: Result<T>,
    ) -> Result<T> {
        if let Some(error) = outcome.as_ref().err().filter(|error| unread(error).is_some()) {
            let of = of.map(ToString::to_string).unwrap_or_default();
            self.keep_undecodable(&vendor.account().connection, &of, error).await;
        }
        self.note_answer(vendor, outcome.as_ref().err().map(|error| error.kind)).await;
        outcome
    }

    /// The same of a call about what the vendor knows by `reference`, whosever that is.
    pub(super) async fn note_health_about<T>(
        &self,
        vendor: &dyn Vendor,
        reference: &VendorReference,
        outcome: Result<T>,
    ) -> Result<T> {
        let undecodable = outcome.as_ref().err().and_then(unread).is_some();
        let owner = if undecodable {
            self.matching(&vendor.account().connection, reference).await.ok().flatten()
        } else {
            None
        };
        self.note_health_of(vendor, owner.as_ref().map(|record| &record.name), outcome).await
    }

    /// Notes why the vendor's answer was a `failure`, or that it was none.
    pub(super) async fn note_answer(&self, vendor: &dyn Vendor, failure: Option<Kind>) {
        // The caller left, or the vendor was not asked: that tells nothing of it.
        if matches!(failure, Some(Kind::DeadlineExceeded | Kind::GatewayOverloaded)) {
            return;
        }
        self.health.note(&vendor.account().connection, failure, self.clock.now());
        self.tell_health(vendor).await;
    }

    /// Tells changes that only time brings: webhooks that stay out. Called every minute by the worker.
    pub(super) async fn tell_silences(&self) {
        for vendor in self.registry.list() {
            self.tell_health(&**vendor).await;
        }
    }

    /// Tells how the connection is when that was not told yet.
    pub(super) async fn tell_health(&self, vendor: &dyn Vendor) {
        let account = vendor.account();
        let _order = self.health.telling.lock().await;
        let Some(Change { health, before }) = self.health.turn(account, self.clock.now()) else { return };
        let connection = account.connection.name();
        let (state, reason) = (health.state(), health.error_reason.clone());
        let event = Event {
            event_id: self.clock.uuid().to_string(),
            r#type: EventType::ConnectionHealthChanged.into(),
            subject: connection.clone(),
            occur_time: Some(self.timestamp()),
            origin: if reason == SILENT { EventOrigin::Timer } else { EventOrigin::Api }.into(),
            evidence: Evidence::Gateway.into(),
            environment: account.environment.clone(),
            payload: Some(Payload::ConnectionHealthChanged(ConnectionHealthChanged {
                health: Some(health),
                previous_state: before.into(),
            })),
            ..Event::default()
        };
        let batch = Batch { events: vec![event], ..Batch::default() };
        // The call it describes goes on: a store that does not take it says so itself, and it is told by the next one.
        if self.append(batch).await.is_ok() {
            self.health.told(&account.connection, state);
            tracing::info!(
                connection.name = connection,
                connection.health = state.as_str_name(),
                connection.reason = reason,
                "The health of a connection changed"
            );
        }
    }
}

/// The connections whose webhooks should follow `events`: those of identifications that the vendor took on, or that
/// were found moved when it was asked.
pub(super) fn awaited(events: &[Event]) -> Vec<ConnectionId> {
    let unheard = events
        .iter()
        .filter(|event| event.webhook_delivery.is_empty() && moves(event.r#type()) && !is_adopted(event));
    let names = unheard.filter_map(|event| event.identification.parse::<IdentificationName>().ok());
    names.map(|name| name.connection).collect()
}

/// Whether it is about an identification that was made elsewhere: its webhooks may have come long ago.
fn is_adopted(event: &Event) -> bool {
    let Some(Payload::IdentificationChanged(changed)) = &event.payload else { return false };
    let identification = changed.identification.as_ref();
    identification.is_some_and(|identification| identification.origin() == IdentificationOrigin::Adopted)
}

/// Whether a vendor sends a webhook when this happens, or will send one after it.
fn moves(event: EventType) -> bool {
    matches!(
        event,
        EventType::IdentificationCreated
            | EventType::IdentificationStarted
            | EventType::IdentificationSubmitted
            | EventType::IdentificationAttemptEnded
            | EventType::IdentificationCompleted
            | EventType::IdentificationDecisionRevised
            | EventType::IdentificationReopened
    )
}
