//! The vendor's archive.

use idv_gateway::proto::{
    ArchiveIdentificationRequest, ArchiveIdentificationResponse, EventOrigin, EventType,
    IdentificationState as State,
};
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, CUSTOMER, named, refused, shown};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const ARCHIVED: EventType = EventType::IdentificationArchived;

fn archive(id: &str) -> ArchiveIdentificationRequest {
    ArchiveIdentificationRequest { name: named(id), ..ArchiveIdentificationRequest::default() }
}

fn once(id: &str) -> ArchiveIdentificationRequest {
    ArchiveIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..archive(id) }
}

impl House {
    async fn try_archive(
        &self,
        request: ArchiveIdentificationRequest,
    ) -> Result<ArchiveIdentificationResponse, Status> {
        self.identifications().archive_identification(request).await.map(tonic::Response::into_inner)
    }

    async fn archivings(&self) -> u64 {
        self.answers("POST /api/v1/{customer}/identifications/{t}/archive").await
    }
}

#[tokio::test]
async fn what_is_completed_is_archived_once() {
    let house = House::silent().await;
    let id = house.completed().await;
    let before = house.get(&id).await;
    let archived = house.try_archive(archive(&id)).await.unwrap().identification.unwrap();
    assert_eq!((archived.state(), archived.revision), (State::Completed, before.revision + 1));
    assert!(archived.archive_time.is_some());
    assert_eq!(archived.decision, before.decision);
    let events = house.events().await;
    assert_eq!((events.last().unwrap().r#type(), shown(events.last().unwrap())), (ARCHIVED, &archived));

    let again = house.try_archive(archive(&id)).await.unwrap();
    assert_eq!((again.identification, again.replayed), (Some(archived), false));
    assert_eq!((house.archivings().await, house.events().await.len()), (1, events.len()));
}

#[tokio::test]
async fn only_what_is_completed_is_archived() {
    let house = House::silent().await;
    let id = house.created().await;
    let status = house.try_archive(archive(&id)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
    for (name, code, reason) in [
        (named(REQUEST_ID), Code::NotFound, "RESOURCE_NOT_FOUND"),
        (format!("{BANK}/identifications/../x"), Code::InvalidArgument, "VALIDATION_FAILED"),
    ] {
        let request = ArchiveIdentificationRequest { name, ..archive(&id) };
        refused(&house.try_archive(request).await.unwrap_err(), code, reason);
    }
    assert_eq!(house.archivings().await, 0);
}

#[tokio::test]
async fn an_etag_guards_it_and_a_repeat_gets_the_first_answer() {
    let house = House::silent().await;
    let id = house.completed().await;
    let stale = ArchiveIdentificationRequest { etag: "r0".to_owned(), ..archive(&id) };
    refused(&house.try_archive(stale).await.unwrap_err(), Code::Aborted, "ETAG_MISMATCH");
    let first = house.try_archive(once(&id)).await.unwrap();
    let house = house.restarted().await;
    let again = house.try_archive(once(&id)).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.identification, again.cursor), (first.identification, first.cursor));
    let other = ArchiveIdentificationRequest { etag: "r9".to_owned(), ..once(&id) };
    refused(&house.try_archive(other).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(house.archivings().await, 1);
}

#[tokio::test]
async fn an_account_without_the_right_is_told_so() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.control(&format!("accounts/{CUSTOMER}"), &json!({ "archiving": false })).await;
    let status = house.try_archive(archive(&id)).await.unwrap_err();
    let details = refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
    assert_eq!(details.error_info().unwrap().metadata["vendor_http_status"], "403");
    assert!(house.get(&id).await.archive_time.is_none());
}

#[tokio::test]
async fn a_request_can_be_met_once_its_account_is_mended() {
    let house = House::silent().await;
    let id = house.completed().await;
    let account = format!("accounts/{CUSTOMER}");
    house.control(&account, &json!({ "archiving": false })).await;
    for _ in 0..2 {
        let status = house.try_archive(once(&id)).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
    }
    house.control(&account, &json!({ "archiving": true })).await;
    assert!(!house.try_archive(once(&id)).await.unwrap().replayed);
    assert!(house.try_archive(once(&id)).await.unwrap().replayed);
    assert!(house.get(&id).await.archive_time.is_some());
}

#[tokio::test]
async fn a_lost_answer_is_found_again() {
    let house = House::silent().await;
    let id = house.completed().await;
    let lost =
        json!({ "kind": "status", "status": 502, "operation": "archive", "effect": "after", "times": 1 });
    house.fault(lost.clone()).await;
    refused(&house.try_archive(once(&id)).await.unwrap_err(), Code::Unavailable, "VENDOR_UNAVAILABLE");
    // The vendor answers 409 to the second one.
    let found = house.try_archive(once(&id)).await.unwrap();
    assert!(found.replayed && found.identification.unwrap().archive_time.is_some());
    assert_eq!(house.archivings().await, 2);
}

#[tokio::test]
async fn the_worker_goes_on_when_the_caller_does_not() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.fault(json!({ "kind": "status", "status": 502, "operation": "archive", "times": 1 })).await;
    house.try_archive(archive(&id)).await.unwrap_err();
    let house = house.restarted().await;
    house.in_time("the archive", async || house.get(&id).await.archive_time.map(drop)).await;
    let events = house.events().await;
    assert_eq!(
        (events.last().unwrap().r#type(), events.last().unwrap().origin()),
        (ARCHIVED, EventOrigin::Timer)
    );
}
