//! What the gateway says about its own work: log lines and metrics.

mod log;
mod metrics;

pub use self::log::{LogError, LogFormat, LogSettings, start_log, wants_colour};
pub use self::metrics::{
    AppendFailure, BreakerState, DeliveryOutcome, JobResult, Metrics, Open, Telemetry, WebhookRefusal,
};
