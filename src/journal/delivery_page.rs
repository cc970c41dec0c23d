//! Pages of deliveries, alike in every store.

use std::ops::ControlFlow;

use crate::journal::Delivery;
use crate::model::name::ConnectionId;
use crate::proto::WebhookDeliveryState;

/// Most deliveries one page looks at: states that are rare must not hold a reader's connection for long.
const SCAN: usize = 4096;
/// Most bytes of event ids on one page: a body can speak of thousands, each with events of its own.
const SCAN_BYTES: usize = 1 << 20;

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

/// A page being filled from the deliveries of its connection, newest first.
pub(super) struct Scan<'a> {
    query: &'a DeliveryQuery,
    scanned: usize,
    bytes: usize,
    last: Option<u64>,
    page: DeliveryPage,
}

impl<'a> Scan<'a> {
    /// An empty page.
    pub(super) fn new(query: &'a DeliveryQuery) -> Self {
        Self { query, scanned: 0, bytes: 0, last: query.before, page: DeliveryPage::default() }
    }

    /// Takes the delivery with the next lower `number`, and breaks where this page ends. A full page goes on looking
    /// for one more that matches, so that the last page knows that it is the last.
    pub(super) fn push(&mut self, number: u64, delivery: Delivery) -> ControlFlow<()> {
        let matches = self.query.states.is_empty() || self.query.states.contains(&delivery.state);
        let full = self.scanned >= SCAN || self.bytes >= SCAN_BYTES;
        if full || (matches && self.page.deliveries.len() >= self.query.limit.max(1)) {
            self.page.next = self.last;
            return ControlFlow::Break(());
        }
        self.scanned += 1;
        self.last = Some(number);
        if matches {
            self.bytes += delivery.event_ids.len() * uuid::fmt::Hyphenated::LENGTH;
            self.page.deliveries.push(delivery);
        }
        ControlFlow::Continue(())
    }

    /// The page.
    pub(super) fn finish(self) -> DeliveryPage {
        self.page
    }
}
