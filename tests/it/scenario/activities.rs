//! The history of one identification.

use std::time::Duration;

use idv_gateway::proto::{Activity, ListActivitiesRequest, ListActivitiesResponse};
use idv_gateway::rpc::purpose::METADATA;
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, OTHER_BANK, PURPOSE, fields, named, refused};

const UNKNOWN: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

fn of(id: &str) -> ListActivitiesRequest {
    ListActivitiesRequest { parent: named(id), ..ListActivitiesRequest::default() }
}

fn kinds(activities: &[Activity]) -> Vec<&str> {
    activities.iter().map(|activity| activity.kind.as_str()).collect()
}

impl House {
    async fn activities(&self, request: ListActivitiesRequest) -> Result<ListActivitiesResponse, Status> {
        let mut request = tonic::Request::new(request);
        request.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
        self.identifications().list_activities(request).await.map(tonic::Response::into_inner)
    }

    /// One person's way to a decision, with another's in between.
    async fn history(&self) -> String {
        let id = self.created().await;
        let other = self.created_on(OTHER_BANK).await;
        for (does, body) in [("start", json!({})), ("submit", json!({ "result": "SUCCESS" }))] {
            for id in [&id, &other] {
                self.person(id, does, body.clone()).await;
            }
        }
        self.until("the decision", async || self.get(&id).await.decision.is_some().then_some(())).await;
        id
    }
}

#[tokio::test]
async fn it_begins_with_what_happened_in_the_very_instant() {
    let house = House::silent().await;
    house.clock.advance(Duration::from_nanos(1_000_001));
    for id in [house.completed().await, house.created().await] {
        let listed = house.activities(of(&id)).await.unwrap();
        assert_eq!(listed.activities[0].kind, "IDENTIFICATION_CREATED");
    }
}

#[tokio::test]
async fn it_is_told_in_order_and_alone() {
    let house = House::new().await;
    let id = house.history().await;
    let listed = house.activities(of(&id)).await.unwrap();
    let last = listed.activities.last().unwrap();
    assert_eq!(listed.activities.first().unwrap().kind, "IDENTIFICATION_CREATED");
    assert_eq!(last.kind, "IDENTIFICATION_COMPLETED");
    assert_eq!(last.revision, house.get(&id).await.revision);
    let revisions: Vec<_> = listed.activities.iter().map(|activity| activity.revision).collect();
    assert_eq!(revisions, (1..=last.revision).collect::<Vec<_>>());
    for activity in &listed.activities {
        assert_eq!((activity.source.as_str(), activity.vendor_json.as_str()), ("gateway", ""));
        assert!(activity.occur_time.is_some());
    }
    assert_eq!(listed.next_page_token, "");
}

#[tokio::test]
async fn pages_hold_everything_once() {
    let house = House::new().await;
    let id = house.history().await;
    let whole = house.activities(of(&id)).await.unwrap().activities;
    let mut request = ListActivitiesRequest { page_size: 1, ..of(&id) };
    let mut found = Vec::new();
    loop {
        let page = house.activities(request.clone()).await.unwrap();
        assert!(page.activities.len() <= 1);
        found.extend(page.activities);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(found, whole);
    // A token leads on in its own list only.
    let other = ListActivitiesRequest { parent: named(&house.created().await), ..request };
    let status = house.activities(other).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["page_token"]);
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let house = House::silent().await;
    let id = house.created().await;
    for (request, field) in [
        (ListActivitiesRequest { parent: BANK.to_owned(), ..of(&id) }, "parent"),
        (ListActivitiesRequest { parent: format!("{BANK}/identifications/.."), ..of(&id) }, "parent"),
        (ListActivitiesRequest { page_size: -1, ..of(&id) }, "page_size"),
        (ListActivitiesRequest { page_token: "x".to_owned(), ..of(&id) }, "page_token"),
    ] {
        let status = house.activities(request).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    let status = house.activities(of(UNKNOWN)).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    let status = house.identifications().list_activities(of(&id)).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "PURPOSE_REQUIRED");
}

#[tokio::test]
async fn the_vendor_keeps_no_log_that_could_be_asked_for() {
    let house = House::silent().await;
    let id = house.created().await;
    let asked = ListActivitiesRequest { include_vendor: true, ..of(&id) };
    let status = house.activities(asked).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    assert!(status.message().contains(BANK), "{}", status.message());
    assert_eq!(kinds(&house.activities(of(&id)).await.unwrap().activities), ["IDENTIFICATION_CREATED"]);
}
