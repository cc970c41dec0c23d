//! Metrics as Prometheus sees them.

use std::time::{Duration, SystemTime};

use idv_gateway::model::name::ConnectionId;
use idv_gateway::proto::EventType;
use idv_gateway::telemetry::{AppendFailure, DeliveryOutcome, JobResult, Metrics, Telemetry, WebhookRefusal};

fn connection() -> ConnectionId {
    "bank-de".parse().unwrap()
}

#[test]
fn every_metric_is_scraped_under_its_name() {
    let telemetry = Telemetry::new();
    let metrics = telemetry.metrics();
    let bank = connection();
    metrics.webhook_received(Some(&bank));
    metrics.webhook_received(None);
    metrics.webhook_accepted(&bank);
    metrics.webhook_refused(Some(&bank), WebhookRefusal::WrongCredentials);
    metrics.webhook_refused(None, WebhookRefusal::UnknownConnection);
    metrics.webhook_processed(&bank, DeliveryOutcome::Duplicate);
    metrics.webhook_processed(&bank, DeliveryOutcome::Duplicate);
    metrics.secret_matched(&bank, "2026");
    metrics.secrets_end(
        &bank,
        vec![("2026".to_owned(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))],
    );
    metrics.webhook_last_accepted(&bank, SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500));
    metrics.webhook_refused(Some(&bank), WebhookRefusal::ForeignSource);
    metrics.webhook_refused(Some(&bank), WebhookRefusal::CredentialsOutsideWindow);
    metrics.drift("idnow", "identificationprocess.result");
    metrics.vendor_call(&bank, "idnow.start", Some(201), Duration::from_millis(80));
    metrics.vendor_call(&bank, "idnow.start", None, Duration::from_secs(30));
    metrics.append_failed(AppendFailure::Full);
    metrics.event_appended(EventType::IdentificationCreated);
    metrics.job_run("confirm", JobResult::Retried);

    let scraped = telemetry.scrape().unwrap();
    for line in [
        "idv_webhook_received_total{connection=\"bank-de\"} 1",
        "idv_webhook_received_total{connection=\"unknown\"} 1",
        "idv_webhook_accepted_total{connection=\"bank-de\"} 1",
        "idv_webhook_refused_total{cause=\"wrong_credentials\",connection=\"bank-de\"} 1",
        "idv_webhook_refused_total{cause=\"unknown_connection\",connection=\"unknown\"} 1",
        "idv_webhook_processed_total{connection=\"bank-de\",outcome=\"duplicate\"} 2",
        "idv_secret_matched_total{connection=\"bank-de\",label=\"2026\"} 1",
        "idv_webhook_credential_expiry_timestamp_seconds{connection=\"bank-de\",label=\"2026\"} 1800000000",
        "idv_webhook_last_accepted_timestamp_seconds{connection=\"bank-de\"} 1700000000.5",
        "idv_webhook_refused_total{cause=\"foreign_source\",connection=\"bank-de\"} 1",
        "idv_webhook_refused_total{cause=\"credentials_outside_window\",connection=\"bank-de\"} 1",
        "idv_vendor_drift_total{field=\"identificationprocess.result\",vendor=\"idnow\"} 1",
        "idv_vendor_calls_total{connection=\"bank-de\",operation=\"idnow.start\",status=\"2xx\"} 1",
        "idv_vendor_calls_total{connection=\"bank-de\",operation=\"idnow.start\",status=\"none\"} 1",
        "idv_vendor_call_duration_seconds_bucket{connection=\"bank-de\",operation=\"idnow.start\",le=\"0.075\"} 0",
        "idv_vendor_call_duration_seconds_bucket{connection=\"bank-de\",operation=\"idnow.start\",le=\"0.1\"} 1",
        "idv_vendor_call_duration_seconds_bucket{connection=\"bank-de\",operation=\"idnow.start\",le=\"10\"} 1",
        "idv_vendor_call_duration_seconds_count{connection=\"bank-de\",operation=\"idnow.start\"} 2",
        "idv_journal_append_failures_total{cause=\"full\"} 1",
        "idv_events_appended_total{type=\"IDENTIFICATION_CREATED\"} 1",
        "idv_jobs_run_total{kind=\"confirm\",result=\"retried\"} 1",
        concat!(
            "idv_build_info{commit=\"",
            env!("IDV_BUILD_COMMIT"),
            "\",version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
        "# TYPE idv_webhook_received_total counter",
        "# TYPE idv_vendor_call_duration_seconds histogram",
    ] {
        assert!(scraped.lines().any(|scraped| scraped == line), "{line}\nis not in\n{scraped}");
    }
    assert!(scraped.lines().all(|line| line.starts_with("# ") || line.starts_with("idv_")), "{scraped}");
}

#[test]
fn streams_and_waits_count_while_they_are_open() {
    let telemetry = Telemetry::new();
    let first = telemetry.metrics().stream_opened();
    let _second = telemetry.metrics().stream_opened();
    assert!(telemetry.scrape().unwrap().contains("\nidv_streams_open 2\n"));
    drop(first);
    let _wait = telemetry.metrics().wait_opened();
    let text = telemetry.scrape().unwrap();
    assert!(text.contains("\nidv_streams_open 1\n") && text.contains("\nidv_waits_open 1\n"), "{text}");
}

#[test]
fn gateways_in_one_process_count_apart() {
    let (one, other) = (Telemetry::new(), Telemetry::new());
    one.metrics().webhook_received(Some(&connection()));
    assert!(one.scrape().unwrap().contains("idv_webhook_received_total"));
    assert!(!other.scrape().unwrap().contains("idv_webhook_received_total"));
    Metrics::noop().webhook_received(None);
}
