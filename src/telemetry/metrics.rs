//! Every metric's name and labels, once. Labels are words of this crate or of its configuration, never of callers,
//! people or vendors: their number is bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider as _, UpDownCounter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use crate::model::name::ConnectionId;
use crate::proto::EventType;

/// Bounds of the semantic conventions for the duration of HTTP requests, in seconds.
const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// From one minute to one month, in seconds.
const LATENESS_BOUNDS: [f64; 11] =
    [60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0, 2_592_000.0];

/// Collects metrics and shows them to Prometheus.
#[derive(Debug, Clone)]
pub struct Telemetry {
    registry: Registry,
    metrics: Metrics,
    // Dropping it would stop the collection.
    _provider: SdkMeterProvider,
}

/// Counts what happens. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Instruments>);

/// A stream that is open, or a call that waits, until this is dropped.
#[derive(Debug)]
pub struct Open(UpDownCounter<i64>);

/// Why a webhook request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookRefusal {
    /// No connection has this name, or it takes no webhooks.
    UnknownConnection,
    /// The method is not POST.
    NotPosted,
    /// No credentials came with it.
    MissingCredentials,
    /// The credentials are malformed.
    MalformedCredentials,
    /// The credentials are not the configured ones.
    WrongCredentials,
    /// The credentials are configured, for another time.
    CredentialsOutsideWindow,
    /// The credentials are right, and came from where the vendor does not send from.
    ForeignSource,
    /// The credentials are right, and the body does not decrypt.
    UndecryptableBody,
    /// The body is larger than allowed.
    TooLarge,
    /// The sender took too long.
    TooSlow,
    /// The body ended before it was whole.
    BrokenOff,
    /// The journal could not take it; the vendor was asked to come again.
    JournalUnavailable,
}

/// What became of an accepted delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It led to a new state.
    Applied,
    /// It said what was known.
    Duplicate,
    /// It spoke of an identification that is not known.
    Unmatched,
    /// It could not be read.
    Unreadable,
    /// Something newer was known.
    Stale,
}

/// Why an append failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFailure {
    /// The store could not be reached.
    Unavailable,
    /// No room was left.
    Full,
    /// Whether it was written is not known.
    OutcomeUnknown,
    /// Somebody else was faster.
    Conflict,
    /// Stored bytes are damaged.
    Damaged,
}

/// How a due job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobResult {
    /// It is done.
    Done,
    /// It will be tried again.
    Retried,
    /// It failed for a reason of our own; it will be tried again.
    Failed,
}

/// Whether calls of an operation get through to the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// One, to see whether the vendor works again.
    HalfOpen,
    /// None: the vendor is left alone.
    Open,
}

/// When secrets of webhooks end, by connection and label. Asked for at every scrape: what is gone is shown no more.
type SecretEnds = Mutex<BTreeMap<ConnectionId, Vec<(String, SystemTime)>>>;

struct Instruments {
    webhooks_received: Counter<u64>,
    webhooks_accepted: Counter<u64>,
    webhooks_refused: Counter<u64>,
    webhook_outcomes: Counter<u64>,
    webhook_last_accepted: Gauge<f64>,
    webhooks_missed: Counter<u64>,
    webhook_lateness: Histogram<f64>,
    secrets_matched: Counter<u64>,
    secret_ends: Arc<SecretEnds>,
    vendor_drift: Counter<u64>,
    vendor_calls: Counter<u64>,
    vendor_call_duration: Histogram<f64>,
    breaker_state: Gauge<u64>,
    append_failures: Counter<u64>,
    events_appended: Counter<u64>,
    jobs_run: Counter<u64>,
    streams_open: UpDownCounter<i64>,
    waits_open: UpDownCounter<i64>,
}

impl Telemetry {
    /// Starts counting, from zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .expect("a new registry has no collector that could be in the way");
        let provider = SdkMeterProvider::builder()
            .with_resource(Resource::builder_empty().build())
            .with_reader(exporter)
            .build();
        let metrics = Metrics::new(&provider.meter("idv-gateway"));
        Self { registry, metrics, _provider: provider }
    }

    /// Where to count.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Everything counted so far, in the text format of Prometheus ([`prometheus::TEXT_FORMAT`]).
    pub fn scrape(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that nobody reads, for tests.
    pub fn noop() -> Self {
        Self::new(&SdkMeterProvider::builder().build().meter("idv-gateway"))
    }

    fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, description: &'static str| {
            meter.u64_counter(name).with_description(description).build()
        };
        let timestamp = |name: &'static str, description: &'static str| {
            meter.f64_gauge(name).with_unit("s").with_description(description).build()
        };
        let build =
            meter.u64_gauge("idv_build_info").with_description("Always 1; says which version runs.").build();
        let version = KeyValue::new("version", env!("CARGO_PKG_VERSION"));
        build.record(1, &[version, KeyValue::new("commit", env!("IDV_BUILD_COMMIT"))]);
        let level = |name: &'static str, description: &'static str| {
            meter.i64_up_down_counter(name).with_description(description).build()
        };
        Self(Arc::new(Instruments {
            webhooks_received: counter("idv_webhook_received", "Webhook requests that came in."),
            webhooks_accepted: counter("idv_webhook_accepted", "Webhook requests that are on disk."),
            webhooks_refused: counter("idv_webhook_refused", "Webhook requests that were refused, by cause."),
            webhook_outcomes: counter("idv_webhook_processed", "What became of accepted webhook requests."),
            webhook_last_accepted: timestamp(
                "idv_webhook_last_accepted_timestamp",
                "When the last authentic webhook came in.",
            ),
            webhooks_missed: counter("idv_webhook_missed", "News that no webhook announced."),
            webhook_lateness: meter
                .f64_histogram("idv_webhook_lateness")
                .with_unit("s")
                .with_description(
                    "How long the vendor had had news that no webhook announced, by its own time.",
                )
                .with_boundaries(LATENESS_BOUNDS.to_vec())
                .build(),
            secret_ends: secret_ends(meter),
            secrets_matched: counter("idv_secret_matched", "Which of several live secrets a vendor used."),
            vendor_drift: counter("idv_vendor_drift", "Words of a vendor that the connector does not know."),
            vendor_calls: counter("idv_vendor_calls", "Calls of vendors' APIs, by the class of the answer."),
            vendor_call_duration: meter
                .f64_histogram("idv_vendor_call_duration")
                .with_unit("s")
                .with_description("How long calls of vendors' APIs took.")
                .with_boundaries(DURATION_BOUNDS.to_vec())
                .build(),
            breaker_state: meter
                .u64_gauge("idv_vendor_breaker_state")
                .with_description("Whether calls get through: 0 all, 1 one to see, 2 none.")
                .build(),
            append_failures: counter("idv_journal_append_failures", "Appends to the journal that failed."),
            events_appended: counter("idv_events_appended", "Events in the journal, by type."),
            jobs_run: counter("idv_jobs_run", "Due jobs that were run, by kind and result."),
            streams_open: level("idv_streams_open", "Event streams open now."),
            waits_open: level("idv_waits_open", "Calls that wait for an identification now."),
        }))
    }

    /// A request for this connection came in; `None` when there is no such connection.
    pub fn webhook_received(&self, connection: Option<&ConnectionId>) {
        self.0.webhooks_received.add(1, &[of(connection)]);
    }

    /// A request is on disk.
    pub fn webhook_accepted(&self, connection: &ConnectionId) {
        self.0.webhooks_accepted.add(1, &[of(Some(connection))]);
    }

    /// The newest authentic request of the connection came in at `time`.
    pub fn webhook_last_accepted(&self, connection: &ConnectionId, time: SystemTime) {
        self.0.webhook_last_accepted.record(unix_seconds(time), &[of(Some(connection))]);
    }

    /// The gateway learnt, by asking, what no webhook announced; `lateness` is how long after it happened, where the
    /// vendor says when it did.
    pub fn webhook_missed(&self, connection: &ConnectionId, lateness: Option<Duration>) {
        let labels = [of(Some(connection))];
        self.0.webhooks_missed.add(1, &labels);
        if let Some(lateness) = lateness {
            self.0.webhook_lateness.record(lateness.as_secs_f64(), &labels);
        }
    }

    /// The connection's secrets that end, by their labels, each with its end. No others do.
    pub fn secrets_end(&self, connection: &ConnectionId, ends: Vec<(String, SystemTime)>) {
        let mut all = self.0.secret_ends.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(connection.clone(), ends);
    }

    /// A request was refused; `None` when there is no such connection.
    pub fn webhook_refused(&self, connection: Option<&ConnectionId>, cause: WebhookRefusal) {
        self.0.webhooks_refused.add(1, &[of(connection), KeyValue::new("cause", cause.label())]);
    }

    /// An accepted delivery was dealt with.
    pub fn webhook_processed(&self, connection: &ConnectionId, outcome: DeliveryOutcome) {
        self.0.webhook_outcomes.add(1, &[of(Some(connection)), KeyValue::new("outcome", outcome.label())]);
    }

    /// A vendor signed in with the secret that is called `label`: the others can be retired.
    pub fn secret_matched(&self, connection: &ConnectionId, label: &str) {
        self.0.secrets_matched.add(1, &[of(Some(connection)), KeyValue::new("label", label.to_owned())]);
    }

    /// A vendor used an unknown word in `field`, a path that the connector knows.
    pub fn drift(&self, vendor: &'static str, field: &str) {
        self.0
            .vendor_drift
            .add(1, &[KeyValue::new("vendor", vendor), KeyValue::new("field", field.to_owned())]);
    }

    /// A call of a vendor's API ended after `duration` with an HTTP status, or `None` without an answer.
    pub fn vendor_call(
        &self,
        connection: &ConnectionId,
        operation: &'static str,
        status: Option<u16>,
        duration: Duration,
    ) {
        let labels = [of(Some(connection)), KeyValue::new("operation", operation)];
        self.0.vendor_call_duration.record(duration.as_secs_f64(), &labels);
        let [connection, operation] = labels;
        self.0.vendor_calls.add(1, &[connection, operation, KeyValue::new("status", status_class(status))]);
    }

    /// From now on calls of `operation` get through, or not.
    pub fn breaker_state(&self, connection: &ConnectionId, operation: &'static str, state: BreakerState) {
        let labels = [of(Some(connection)), KeyValue::new("operation", operation)];
        self.0.breaker_state.record(state.value(), &labels);
    }

    /// An append failed.
    pub fn append_failed(&self, cause: AppendFailure) {
        self.0.append_failures.add(1, &[KeyValue::new("cause", cause.label())]);
    }

    /// An event is in the journal.
    pub fn event_appended(&self, kind: EventType) {
        let name = kind.as_str_name();
        let label = name.strip_prefix("EVENT_TYPE_").unwrap_or(name);
        self.0.events_appended.add(1, &[KeyValue::new("type", label)]);
    }

    /// A due job of `kind` was run.
    pub fn job_run(&self, kind: &'static str, result: JobResult) {
        self.0.jobs_run.add(1, &[KeyValue::new("kind", kind), KeyValue::new("result", result.label())]);
    }

    /// A stream was opened; it counts until the answer is dropped.
    pub fn stream_opened(&self) -> Open {
        Open::count(&self.0.streams_open)
    }

    /// A call begins to wait; it counts until the answer is dropped.
    pub fn wait_opened(&self) -> Open {
        Open::count(&self.0.waits_open)
    }
}

impl Open {
    fn count(level: &UpDownCounter<i64>) -> Self {
        level.add(1, &[]);
        Self(level.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl WebhookRefusal {
    fn label(self) -> &'static str {
        match self {
            Self::UnknownConnection => "unknown_connection",
            Self::NotPosted => "not_posted",
            Self::MissingCredentials => "missing_credentials",
            Self::MalformedCredentials => "malformed_credentials",
            Self::WrongCredentials => "wrong_credentials",
            Self::CredentialsOutsideWindow => "credentials_outside_window",
            Self::ForeignSource => "foreign_source",
            Self::UndecryptableBody => "undecryptable_body",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::BrokenOff => "broken_off",
            Self::JournalUnavailable => "journal_unavailable",
        }
    }
}

impl DeliveryOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Unmatched => "unmatched",
            Self::Unreadable => "unreadable",
            Self::Stale => "stale",
        }
    }
}

impl AppendFailure {
    fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Conflict => "conflict",
            Self::Damaged => "damaged",
        }
    }
}

impl BreakerState {
    fn value(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

impl JobResult {
    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Failed => "failed",
        }
    }
}

/// Names that no connection has stay out of the labels: anybody can invent them.
fn of(connection: Option<&ConnectionId>) -> KeyValue {
    KeyValue::new("connection", connection.map_or_else(|| "unknown".to_owned(), ToString::to_string))
}

fn secret_ends(meter: &Meter) -> Arc<SecretEnds> {
    let ends = Arc::<SecretEnds>::default();
    let shown = ends.clone();
    let _observed_as_long_as_the_meter_lasts = meter
        .f64_observable_gauge("idv_webhook_credential_expiry_timestamp")
        .with_unit("s")
        .with_description("When a secret of a connection's webhooks ends.")
        .with_callback(move |observer| {
            for (connection, ends) in shown.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                for (label, end) in ends {
                    let labels = [of(Some(connection)), KeyValue::new("label", label.clone())];
                    observer.observe(unix_seconds(*end), &labels);
                }
            }
        })
        .build();
    ends
}

/// Seconds since 1970.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn status_class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}
