//! What breaks inside a gateway shows: in its log, in its readiness, and in how it ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::app::App;
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::journal::{Job, Journal, JournalError};
use idv_gateway::proto::GetIdentificationRequest;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use rusqlite::Connection;
use tokio::time::timeout;
use tonic::Code;

use super::child::GUARD;
use super::house::House;
use crate::journal::altered::{Alter, Altered};

/// A store that breaks whoever asks it for jobs.
struct Breaking;

#[async_trait]
impl Alter for Breaking {
    async fn claim(
        &self,
        _inner: &dyn Journal,
        _now: SystemTime,
        _limit: usize,
        _lease: Duration,
    ) -> Result<Vec<Job>, JournalError> {
        panic!("told to panic")
    }
}

#[tokio::test]
async fn a_gateway_without_its_worker_is_of_no_use() {
    let house = House::build().await;
    let config = Config::load(&house.config(), std::iter::empty()).unwrap();
    let breaking = |journal: Arc<dyn Journal>| Altered::over(journal, Breaking);
    let app = App::start_over(config, Clock::system(), breaking).await.unwrap();
    timeout(GUARD, app.broken()).await.unwrap();
    let ready = house.get(&format!("http://{}/readyz", app.addresses().admin)).await;
    assert_eq!(ready.unwrap().0, 503);
    assert!(timeout(GUARD, app.shut_down()).await.unwrap());
}

#[tokio::test]
async fn damage_is_told_to_the_caller_and_explained_in_the_log() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let channel = gateway.doors.channel().await;
    let name = house.create(channel.clone()).await;
    let damage = "UPDATE records SET checksum = zeroblob(16)";
    Connection::open(house.path("journal.sqlite3")).unwrap().execute(damage, ()).unwrap();
    let request = GetIdentificationRequest { name: name.clone(), ..GetIdentificationRequest::default() };
    let status = IdentificationServiceClient::new(channel).get_identification(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DataLoss, "{status:?}");
    gateway.child.signal("TERM");
    let ended = gateway.child.ended().await;
    let told =
        |line: &&String| line.contains("STORE_DAMAGED") && line.contains(&format!("damaged at {name}"));
    assert_eq!(ended.stderr.iter().filter(told).count(), 1, "{ended:#?}");
}
