//! grpc.health.v1 says what /readyz says.

use std::time::Duration;

use idv_gateway::rpc::SERVICES;
use rusqlite::Connection;
use tonic::Streaming;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::house::House;
use super::words::{BANK, create};

const SERVING: ServingStatus = ServingStatus::Serving;
const NOT_SERVING: ServingStatus = ServingStatus::NotServing;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

impl House {
    /// What is said of the gateway and of each of its services, which is the same.
    async fn serving(&self) -> ServingStatus {
        let mut client = HealthClient::new(self.channel.clone());
        let whole = client.check(of("")).await.unwrap().into_inner().status();
        for service in SERVICES {
            let said = client.check(of(service)).await.unwrap().into_inner().status();
            // They change one after the other.
            if said != whole {
                return ServingStatus::Unknown;
            }
        }
        whole
    }

    async fn until_serving(&self, expected: ServingStatus) {
        let look = async || (self.serving().await == expected).then_some(());
        self.until(expected.as_str_name(), look).await;
        let ready = if expected == SERVING { 200 } else { 503 };
        assert_eq!(self.operator("/readyz").await.status, ready);
    }
}

async fn next(watch: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    watch.message().await.unwrap().unwrap().status()
}

#[tokio::test]
async fn a_journal_that_nobody_appends_to_is_looked_at() {
    let house = House::silent().await;
    house.until_serving(SERVING).await;
    let watched = HealthClient::new(house.channel.clone()).watch(of(SERVICES[0])).await.unwrap();
    let mut watched = watched.into_inner();
    assert_eq!(next(&mut watched).await, SERVING);

    house.journal().limit_size(Some(1)).await.unwrap();
    house.clock.advance(Duration::from_secs(10));
    house.until_serving(NOT_SERVING).await;
    assert_eq!(next(&mut watched).await, NOT_SERVING);

    house.journal().limit_size(None).await.unwrap();
    house.clock.advance(Duration::from_secs(10));
    house.until_serving(SERVING).await;
    assert_eq!(next(&mut watched).await, SERVING);
}

#[tokio::test]
async fn an_append_that_fails_or_works_again_is_heard_of_at_once() {
    let house = House::silent().await;
    let other = Connection::open(house.folder().join("journal.sqlite3")).unwrap();
    for _ in 0..2 {
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        house.try_create(create(BANK)).await.unwrap_err();
        house.until_serving(NOT_SERVING).await;
        other.execute_batch("ROLLBACK").unwrap();
        house.try_create(create(BANK)).await.unwrap();
        house.until_serving(SERVING).await;
    }
}
