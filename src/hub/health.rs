//! What the vendors' answers tell about each connection. Kept in memory: it describes now.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use prost_types::Timestamp;

use crate::error::{Kind, Result};
use crate::hub::Hub;
use crate::journal::Batch;
use crate::model::name::ConnectionId;
use crate::proto::event::Payload;
use crate::proto::{
    ConnectionHealth, ConnectionHealthChanged, ConnectionHealthState as State, Event, EventOrigin, EventType,
    Evidence,
};
use crate::vendor::Vendor;

/// The health of every connection that was heard of since the process started.
#[derive(Default)]
pub(super) struct HealthBoard(Mutex<HashMap<ConnectionId, ConnectionHealth>>);

impl HealthBoard {
    /// The health of `connection`; unspecified while nothing is known.
    pub(super) fn get(&self, connection: &ConnectionId) -> ConnectionHealth {
        self.lock().get(connection).cloned().unwrap_or_default()
    }

    /// An authentic webhook came in.
    pub(super) fn heard(&self, connection: &ConnectionId, now: SystemTime) {
        self.lock().entry(connection.clone()).or_default().last_webhook_time = Some(Timestamp::from(now));
    }

    /// Notes the outcome of a call. Returns the health and the state before, when the state changed.
    fn note(
        &self,
        connection: &ConnectionId,
        state: State,
        reason: &str,
        now: SystemTime,
    ) -> Option<(ConnectionHealth, State)> {
        let mut board = self.lock();
        let health = board.entry(connection.clone()).or_default();
        let before = health.state();
        health.set_state(state);
        health.check_time = Some(Timestamp::from(now));
        reason.clone_into(&mut health.error_reason);
        if state == State::Healthy {
            health.last_success_time = Some(Timestamp::from(now));
        }
        let first_good_word = before == State::Unspecified && state == State::Healthy;
        (before != state && !first_good_word).then(|| (health.clone(), before))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, ConnectionHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Passes `outcome` of a vendor call on, noting what it tells about the connection.
    pub(super) async fn note_health<T>(&self, vendor: &dyn Vendor, outcome: Result<T>) -> Result<T> {
        let (state, reason) = match &outcome {
            Ok(_) => (State::Healthy, ""),
            Err(error) => match error.kind {
                Kind::VendorUnavailable | Kind::VendorTimeout | Kind::VendorCircuitOpen => {
                    (State::Unreachable, error.kind.as_str_name())
                }
                Kind::VendorCredentialsRejected => (State::CredentialsRejected, error.kind.as_str_name()),
                Kind::VendorResponseInvalid | Kind::VendorRejectedRequest | Kind::VendorRateLimited => {
                    (State::Degraded, error.kind.as_str_name())
                }
                // The vendor works: it refused this one request.
                _ => (State::Healthy, ""),
            },
        };
        let reason = reason.trim_start_matches("ERROR_REASON_");
        let account = vendor.account();
        let changed = self.health.note(&account.connection, state, reason, self.clock.now());
        if let Some((health, before)) = changed {
            self.publish_health(vendor, health, before).await;
        }
        outcome
    }

    async fn publish_health(&self, vendor: &dyn Vendor, health: ConnectionHealth, before: State) {
        let account = vendor.account();
        let connection = account.connection.name();
        tracing::info!(
            connection.name = connection,
            connection.health = health.state().as_str_name(),
            "The health of a connection changed"
        );
        let event = Event {
            event_id: self.clock.uuid().to_string(),
            r#type: EventType::ConnectionHealthChanged.into(),
            subject: connection,
            occur_time: health.check_time,
            origin: EventOrigin::Api.into(),
            evidence: Evidence::Gateway.into(),
            environment: account.environment.clone(),
            payload: Some(Payload::ConnectionHealthChanged(ConnectionHealthChanged {
                health: Some(health),
                previous_state: before.into(),
            })),
            ..Event::default()
        };
        let batch = Batch { events: vec![event], ..Batch::default() };
        if let Err(error) = self.append(batch).await {
            // The call it describes goes on; its own append will meet the same store.
            tracing::warn!(error = %error, "A change of a connection's health could not be recorded");
        }
    }
}
