//! Lists of deliveries: what is asked, and what comes back.

use crate::journal::Delivery;
use crate::journal::page::{Filler, Paged};
use crate::model::name::ConnectionId;
use crate::proto::WebhookDeliveryState;

/// Which deliveries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// On this connection only.
    pub connection: Option<ConnectionId>,
    /// In one of these states; empty: in any.
    pub states: Vec<WebhookDeliveryState>,
    /// That came in before the one with this number; `None`: from the newest on.
    pub before: Option<u64>,
    /// How many at most; 0 is taken for 1.
    pub limit: usize,
}

/// Some deliveries, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Those that match.
    pub deliveries: Vec<Delivery>,
    /// What to go on before, also when the look ended with few matches or none; `None`: nothing is left.
    pub next: Option<u64>,
}

impl Paged for DeliveryQuery {
    type Item = Delivery;
    const MAX_BYTES: usize = 1 << 20;

    fn limit(&self) -> usize {
        self.limit
    }

    fn matches(&self, delivery: &Delivery) -> bool {
        self.states.is_empty() || self.states.contains(&delivery.state)
    }
}

impl From<Filler<'_, DeliveryQuery>> for DeliveryPage {
    fn from(filler: Filler<'_, DeliveryQuery>) -> Self {
        let (found, next) = filler.finish();
        Self { deliveries: found.into_iter().map(|(_place, delivery)| delivery).collect(), next }
    }
}

/// Bytes of the event ids of a delivery as they are shown: a body can speak of thousands, each with events of its own.
pub(super) fn size(delivery: &Delivery) -> usize {
    delivery.event_ids.len() * uuid::fmt::Hyphenated::LENGTH
}
