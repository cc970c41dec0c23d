//! Counts and times every call of a connection, whatever came of it.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http::StatusCode;

use crate::clock::Clock;
use crate::model::name::ConnectionId;
use crate::telemetry::Metrics;
use crate::vendor::kit::http::{OpenResponse, Request, Response, Transport, TransportError};

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

impl Metered {
    async fn measured<T>(
        &self,
        operation: &'static str,
        sending: impl Future<Output = Result<T, TransportError>>,
        status: impl Fn(&T) -> StatusCode,
    ) -> Result<T, TransportError> {
        let mut one = Try { metered: self, operation, begin: self.clock.now(), status: None };
        let sent = sending.await;
        one.status = sent.as_ref().ok().map(|response| status(response).as_u16());
        sent
    }
}

/// One try. It counts where it ends, also when whoever waits for it gives it up.
struct Try<'a> {
    metered: &'a Metered,
    operation: &'static str,
    begin: SystemTime,
    status: Option<u16>,
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let Metered { connection, metrics, clock, .. } = self.metered;
        let duration = clock.now().duration_since(self.begin).unwrap_or_default();
        metrics.vendor_call(connection, self.operation, self.status, duration);
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
