//! Counts and times every call of a connection, whatever came of it.

use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;

use crate::clock::Clock;
use crate::model::name::ConnectionId;
use crate::telemetry::Metrics;
use crate::vendor::kit::http::{OpenResponse, Request, Response, Transport, TransportError};

/// A transport that tells the metrics what went through it.
pub struct Metered {
    inner: Arc<dyn Transport>,
    connection: ConnectionId,
    metrics: Metrics,
    clock: Clock,
}

impl Metered {
    /// Sends through `inner` on behalf of `connection`.
    pub fn new(inner: Arc<dyn Transport>, connection: ConnectionId, metrics: Metrics, clock: Clock) -> Self {
        Self { inner, connection, metrics, clock }
    }
}

impl Metered {
    async fn measured<T>(
        &self,
        operation: &'static str,
        sending: impl Future<Output = Result<T, TransportError>>,
        status: impl Fn(&T) -> StatusCode,
    ) -> Result<T, TransportError> {
        let begin = self.clock.now();
        let sent = sending.await;
        let duration = self.clock.now().duration_since(begin).unwrap_or_default();
        let status = sent.as_ref().ok().map(|response| status(response).as_u16());
        self.metrics.vendor_call(&self.connection, operation, status, duration);
        sent
    }
}

#[async_trait]
impl Transport for Metered {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.measured(request.operation, self.inner.send(request), |response| response.status).await
    }

    /// Measured up to where the body begins: how long that takes is up to whoever reads it.
    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        self.measured(request.operation, self.inner.open(request), |response| response.status).await
    }
}
