//! Webhooks that stay out: told when there was reason to expect one, once, and until the next one comes.

use std::time::Duration;

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    CheckConnectionRequest, ConnectionHealth, ConnectionHealthState as Health, GetConnectionRequest,
    RefreshIdentificationRequest,
};

use serde_json::json;

use super::house::House;
use super::words::{BANK, said};

const HOUR: Duration = Duration::from_secs(60 * 60);
const SECOND: Duration = Duration::from_secs(1);
const SILENT: &str = "WEBHOOK_SILENT";

/// A house that expects a webhook within a day; its sandbox sends none.
async fn patient() -> House {
    House::with(|plan| {
        plan.webhooks = false;
        plan.webhook = "silence_after_hours = 24";
    })
    .await
}

async fn health(house: &House) -> ConnectionHealth {
    let mut client = ConnectionServiceClient::new(house.channel.clone());
    let got = client.get_connection(GetConnectionRequest { name: BANK.to_owned() }).await.unwrap();
    got.into_inner().connection.unwrap().health.unwrap()
}

async fn check(house: &House) -> ConnectionHealth {
    let mut client = ConnectionServiceClient::new(house.channel.clone());
    let checked = client.check_connection(CheckConnectionRequest { name: BANK.to_owned() }).await.unwrap();
    checked.into_inner().health.unwrap()
}

/// The states of every change of health that was told, with their reasons.
async fn told(house: &House) -> Vec<(Health, String)> {
    let told = house.events().await.into_iter().filter_map(|event| match event.payload {
        Some(Payload::ConnectionHealthChanged(changed)) => changed.health,
        _ => None,
    });
    told.map(|health| (health.state(), health.error_reason)).collect()
}

/// The worker looks every minute.
async fn until_told(house: &House, count: usize) -> Vec<(Health, String)> {
    house.in_time("the change", async || Some(told(house).await).filter(|told| told.len() >= count)).await
}

fn silent() -> (Health, String) {
    (Health::Degraded, SILENT.to_owned())
}

fn healthy() -> (Health, String) {
    (Health::Healthy, String::new())
}

#[tokio::test]
async fn a_quiet_weekend_without_identifications_is_no_silence() {
    let house = patient().await;
    let id = house.created().await;
    house.webhook(said("START", &id).to_string()).await;
    house.applied(1).await;
    house.clock.advance(72 * HOUR);
    assert_eq!(check(&house).await.state(), Health::Healthy);
    assert!(told(&house).await.is_empty());
}

#[tokio::test]
async fn nothing_is_said_of_silence_without_the_setting() {
    let house = House::silent().await;
    house.created().await;
    house.clock.advance(720 * HOUR);
    assert_eq!(check(&house).await.state(), Health::Healthy);
    assert!(told(&house).await.is_empty());
}

#[tokio::test]
async fn silence_is_told_once_and_ends_with_the_next_webhook() {
    let house = patient().await;
    let id = house.created().await;
    house.clock.advance(24 * HOUR - SECOND);
    assert_eq!(check(&house).await.state(), Health::Healthy);
    house.clock.advance(SECOND);
    assert_eq!(until_told(&house, 1).await, [silent()]);
    house.clock.advance(24 * HOUR);
    let found = check(&house).await;
    assert_eq!((found.state(), found.error_reason.as_str()), (Health::Degraded, SILENT));
    assert_eq!(found.check_time, found.last_success_time, "the vendor was asked and is well");
    // What is not authentic ends nothing.
    house.send(house.client().post(house.webhook_url("beispielbank"))).await;
    assert_eq!(health(&house).await.state(), Health::Degraded);

    house.webhook(said("START", &id).to_string()).await;
    assert_eq!(until_told(&house, 2).await, [silent(), healthy()]);
    let now = health(&house).await;
    assert_eq!((now.state(), now.error_reason.as_str()), (Health::Healthy, ""));
    assert!(now.last_webhook_time.unwrap().seconds >= now.check_time.unwrap().seconds);
    house.clock.advance(72 * HOUR);
    assert_eq!(check(&house).await.state(), Health::Healthy);
}

#[tokio::test]
async fn a_move_that_was_only_found_by_asking_should_have_been_heard() {
    let house = patient().await;
    let id = house.created().await;
    house.webhook(said("START", &id).to_string()).await;
    house.applied(1).await;
    house.clock.advance(HOUR);
    house.reviewed(&id, "SUCCESS").await;
    let request = RefreshIdentificationRequest { name: format!("{BANK}/identifications/{id}") };
    assert!(house.identifications().refresh_identification(request).await.unwrap().into_inner().changed);
    house.clock.advance(23 * HOUR);
    assert_eq!(check(&house).await.state(), Health::Healthy);
    house.clock.advance(HOUR);
    assert_eq!(check(&house).await.error_reason, SILENT);
    assert_eq!(told(&house).await, [silent()]);
}

#[tokio::test]
async fn another_trouble_is_told_in_its_place() {
    let house = patient().await;
    house.created().await;
    house.clock.advance(24 * HOUR);
    assert_eq!(until_told(&house, 1).await, [silent()]);
    house.fault(json!({ "kind": "page", "operation": "get" })).await;
    assert_eq!(check(&house).await.error_reason, "VENDOR_RESPONSE_INVALID");
    house.well().await;
    house.clock.advance(HOUR);
    assert_eq!(check(&house).await.error_reason, SILENT);
    // It was degraded all along.
    assert_eq!(told(&house).await, [silent()]);
}

#[tokio::test]
async fn a_restart_forgets_neither_the_last_webhook_nor_what_came_after_it() {
    let house = patient().await;
    let first = house.created().await;
    house.webhook(said("START", &first).to_string()).await;
    house.applied(1).await;
    let heard = health(&house).await.last_webhook_time.unwrap();
    house.clock.advance(HOUR);
    house.created().await;
    house.clock.advance(HOUR);

    let house = house.restarted().await;
    let known = health(&house).await;
    assert_eq!((known.state(), known.last_webhook_time), (Health::Unspecified, Some(heard)));
    let metric = "idv_webhook_last_accepted_timestamp_seconds";
    let seconds = house.metric(metric, &["connection=\"beispielbank\""]).await;
    assert_eq!(seconds, heard.seconds as f64);
    assert_eq!(house.metric(metric, &["connection=\"musterbank\""]).await, 0.0, "never heard of");
    // A day after the second creation, not after the restart.
    house.clock.advance(22 * HOUR);
    assert_eq!(health(&house).await.state(), Health::Unspecified);
    house.clock.advance(HOUR);
    assert_eq!(until_told(&house, 1).await, [silent()]);
    // The vendor was not asked since: that it is heard again does not say how its API is.
    house.webhook(said("ABORTED", &first).to_string()).await;
    house.applied(2).await;
    assert_eq!(health(&house).await.state(), Health::Unspecified);
    assert_eq!(check(&house).await.state(), Health::Healthy);
    assert_eq!(told(&house).await, [silent(), healthy()]);
}
