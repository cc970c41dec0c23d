//! Counts and times every call of a connection, whatever came of it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::model::name::ConnectionId;
use crate::telemetry::Metrics;
use crate::vendor::kit::http::{Request, Response, Transport, TransportError};

/// A transport that tells the metrics what went through it.
pub(super) struct Metered {
    inner: Arc<dyn Transport>,
    connection: ConnectionId,
    metrics: Metrics,
    clock: Clock,
}

impl Metered {
    /// Sends through `inner` on behalf of `connection`.
    pub(super) fn new(
        inner: Arc<dyn Transport>,
        connection: ConnectionId,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self { inner, connection, metrics, clock }
    }
}

#[async_trait]
impl Transport for Metered {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let operation = request.operation;
        let begin = self.clock.now();
        let sent = self.inner.send(request).await;
        let duration = self.clock.now().duration_since(begin).unwrap_or_default();
        let status = sent.as_ref().ok().map(|response| response.status.as_u16());
        self.metrics.vendor_call(&self.connection, operation, status, duration);
        sent
    }
}
