//! Webhooks that failed authentication: counted, and told at most once a minute per connection.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::hub::Hub;
use crate::journal::Batch;
use crate::model::name::ConnectionId;
use crate::proto::event::Payload;
use crate::proto::{Event, EventOrigin, EventType, Evidence, WebhookRejected};
use crate::vendor::Vendor;

const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// Refused requests that no event has told of yet.
#[derive(Default)]
pub(super) struct Rejections(Mutex<HashMap<ConnectionId, Tally>>);

#[derive(Default)]
struct Tally {
    untold: i64,
    told_at: Option<SystemTime>,
}

impl Rejections {
    /// Counts one more, and takes the count when it is time to tell.
    fn note(&self, connection: &ConnectionId, now: SystemTime) -> Option<i64> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(connection.clone()).or_default();
        tally.untold += 1;
        tally.take(now)
    }

    /// Takes the counts whose minute is over.
    fn due(&self, now: SystemTime) -> Vec<(ConnectionId, i64)> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        for (connection, tally) in tallies.iter_mut() {
            due.extend(tally.take(now).map(|count| (connection.clone(), count)));
        }
        due
    }
}

impl Tally {
    fn take(&mut self, now: SystemTime) -> Option<i64> {
        let waited =
            self.told_at.is_none_or(|told| now.duration_since(told).unwrap_or_default() >= AT_MOST_EVERY);
        if self.untold == 0 || !waited {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Hub {
    /// A request to `vendor`'s webhook failed authentication.
    pub(super) async fn note_rejection(&self, vendor: &dyn Vendor) {
        if let Some(count) = self.rejections.note(&vendor.account().connection, self.clock.now()) {
            self.tell_rejections(vendor, count).await;
        }
    }

    /// Tells what was refused since the last event; called every minute by the worker.
    pub(super) async fn flush_rejections(&self) {
        for (connection, count) in self.rejections.due(self.clock.now()) {
            if let Some(vendor) = self.registry.get(&connection) {
                self.tell_rejections(&**vendor, count).await;
            }
        }
    }

    async fn tell_rejections(&self, vendor: &dyn Vendor, count: i64) {
        let account = vendor.account();
        let event = Event {
            event_id: self.clock.uuid().to_string(),
            r#type: EventType::WebhookRejected.into(),
            subject: account.connection.name(),
            origin: EventOrigin::Webhook.into(),
            evidence: Evidence::Gateway.into(),
            environment: account.environment.clone(),
            payload: Some(Payload::WebhookRejected(WebhookRejected { request_count: count })),
            ..Event::default()
        };
        let batch = Batch { events: vec![event], ..Batch::default() };
        if let Err(error) = self.append(batch).await {
            tracing::warn!(error = %error, "Refused webhooks could not be recorded; they are counted in the metrics");
        }
    }
}
