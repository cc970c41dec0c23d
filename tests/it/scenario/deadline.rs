//! How long calls may take, and what goes on when they have taken too long.

use std::sync::Arc;
use std::time::Duration;

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::{
    CheckConnectionRequest, CreateIdentificationRequest, IdentificationState as State, ListArtifactsRequest,
};
use serde_json::json;
use tokio::sync::Semaphore;
use tonic::{Code, Request, Status};

use super::house::House;
use super::words::{BANK, create, refused};
use crate::file_vendor::{FileVendor, Reply};

const ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

#[track_caller]
fn exceeded(status: &Status) {
    refused(status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_list_of_files_has_one_deadline_for_all_it_takes() {
    let vendor = FileVendor::open().await;
    let house = House::with(|plan| (plan.webhooks, plan.vendor) = (false, Some(vendor.address))).await;
    let id = house.created().await;
    vendor.says("zip", Reply::Stalling);
    // Shorter than the vendor may be silent for.
    for ends_after in [5, 8] {
        let parent = format!("{BANK}/identifications/{id}");
        let mut list = Request::new(ListArtifactsRequest { parent, ..ListArtifactsRequest::default() });
        list.set_timeout(Duration::from_secs(ends_after));
        let mut client = house.identifications();
        let call = tokio::spawn(async move { client.list_artifacts(list).await });
        house.until("the archive", async || (vendor.transfers() == 1).then_some(())).await;
        house.clock.advance(Duration::from_secs(ends_after - 1));
        assert_eq!(house.operator("/livez").await.status, 200);
        assert!(!call.is_finished() && vendor.transfers() == 1, "{ends_after}");
        house.clock.advance(Duration::from_secs(1));
        exceeded(&call.await.unwrap().unwrap_err());
        house.until("the end of it", async || (vendor.transfers() == 0).then_some(())).await;
    }
}

/// However steadily the archive comes: what counts is the whole call.
#[tokio::test]
async fn a_list_of_files_that_come_slowly_ends_at_the_deadline_of_the_contract() {
    let (vendor, permits) = (FileVendor::open().await, Arc::new(Semaphore::new(1)));
    let house = House::with(|plan| (plan.webhooks, plan.vendor) = (false, Some(vendor.address))).await;
    let id = house.created().await;
    vendor.says("zip", Reply::Paced(permits.clone()));
    let parent = format!("{BANK}/identifications/{id}");
    let list = ListArtifactsRequest { parent, ..ListArtifactsRequest::default() };
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.list_artifacts(list).await });
    house.until("the first piece", async || (vendor.sent() > 0).then_some(())).await;
    for _second in 1..30 {
        let before = vendor.sent();
        house.clock.advance(Duration::from_secs(1));
        permits.add_permits(1);
        house.until("another piece", async || (vendor.sent() > before).then_some(())).await;
        assert!(!call.is_finished() && vendor.transfers() == 1);
    }
    house.clock.advance(Duration::from_secs(1));
    exceeded(&call.await.unwrap().unwrap_err());
    house.until("the end of it", async || (vendor.transfers() == 0).then_some(())).await;
}

#[tokio::test]
async fn a_call_without_a_deadline_has_the_one_of_the_contract() {
    let patient = "max_attempts = 1, breaker_failures = 1000, attempt_timeout_seconds = 30";
    let house = House::with(|plan| (plan.webhooks, plan.limits) = (false, patient)).await;
    house.fault(json!({ "kind": "hang", "operation": "get" })).await;
    let mut client = ConnectionServiceClient::new(house.channel.clone());
    let check = CheckConnectionRequest { name: BANK.to_owned() };
    let call = tokio::spawn(async move { client.check_connection(check).await });
    house.until("the hanging call", async || (house.fired().await == 1).then_some(())).await;
    house.clock.advance(Duration::from_secs(14));
    assert_eq!(house.operator("/livez").await.status, 200);
    assert!(!call.is_finished());
    house.clock.advance(Duration::from_secs(1));
    exceeded(&call.await.unwrap().unwrap_err());
}

#[tokio::test]
async fn what_has_begun_at_the_vendor_is_seen_through() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "hang", "operation": "start" })).await;
    let request = CreateIdentificationRequest {
        identification_id: ID.to_owned(),
        request_id: ID.to_owned(),
        ..create(BANK)
    };
    let mut call = Request::new(request.clone());
    call.set_timeout(Duration::from_secs(5));
    let mut client = house.identifications();
    let call = tokio::spawn(async move { client.create_identification(call).await });
    house.until("the hanging call", async || (house.fired().await == 1).then_some(())).await;
    house.clock.advance(Duration::from_secs(5));
    exceeded(&call.await.unwrap().unwrap_err());

    house.well().await;
    house.until("its end", async || (house.get(ID).await.state() == State::AwaitingUser).then_some(())).await;
    let again = house.try_create(request).await.unwrap();
    assert!(again.replayed);
    assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
}
