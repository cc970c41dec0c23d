//! Copies to another account: recorded where it is a connection, never sent twice on a guess.

use std::time::Duration;

use idv_gateway::proto::{
    CopyIdentificationRequest, CopyIdentificationResponse, EventType, GetIdentificationRequest,
    Identification, IdentificationOrigin, IdentificationState as State,
};
use serde_json::json;
use tonic::{Code, Status};

use super::house::{House, id_of};
use super::words::{BANK, OTHER_BANK, OTHER_CUSTOMER, fields, named, refused, types};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const CREATED: EventType = EventType::IdentificationCreated;
const COMPLETED: EventType = EventType::IdentificationCompleted;

fn copy(id: &str) -> CopyIdentificationRequest {
    CopyIdentificationRequest {
        name: named(id),
        destination_parent: OTHER_BANK.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..CopyIdentificationRequest::default()
    }
}

/// To an account that the gateway has no connection for, as far as it knows.
fn copy_out(id: &str) -> CopyIdentificationRequest {
    CopyIdentificationRequest {
        destination_parent: String::new(),
        vendor_account: OTHER_CUSTOMER.to_owned(),
        target_reference: "there-1".to_owned(),
        ..copy(id)
    }
}

fn lost(effect: &str) -> serde_json::Value {
    json!({ "kind": "status", "status": 502, "operation": "copy", "effect": effect, "times": 1 })
}

impl House {
    async fn try_copy(
        &self,
        request: CopyIdentificationRequest,
    ) -> Result<CopyIdentificationResponse, Status> {
        self.identifications().copy_identification(request).await.map(tonic::Response::into_inner)
    }

    async fn copies(&self) -> u64 {
        self.answers("POST /api/v1/{customer}/identifications/{t}/copy").await
    }

    async fn look(&self, name: &str) -> Identification {
        let request = GetIdentificationRequest { name: name.to_owned(), ..Default::default() };
        self.identifications().get_identification(request).await.unwrap().into_inner().identification.unwrap()
    }

    /// What the other account has.
    async fn elsewhere(&self) -> Vec<serde_json::Value> {
        let all = self.see("identifications").await["identifications"].as_array().unwrap().clone();
        all.into_iter().filter(|ident| ident["customer"] == OTHER_CUSTOMER).collect()
    }
}

#[tokio::test]
async fn a_copy_is_recorded_on_the_connection_that_gets_it() {
    let house = House::silent().await;
    let id = house.completed().await;
    let original = house.get(&id).await;
    let copied = house.try_copy(copy(&id)).await.unwrap();
    let made = copied.identification.unwrap();
    assert!(made.name.starts_with(OTHER_BANK), "{}", made.name);
    assert_eq!((made.state(), made.origin()), (State::Completed, IdentificationOrigin::Copy));
    assert_eq!((&made.external_reference, &made.labels), (&original.external_reference, &original.labels));
    assert_eq!(made.decision.as_ref().unwrap().outcome(), original.decision.as_ref().unwrap().outcome());
    let there = house.elsewhere().await;
    assert_eq!(there.len(), 1);
    let reference = made.vendor_reference.clone().unwrap();
    assert_eq!(reference.reference, id_of(&made.name));
    assert_eq!(
        (there[0]["id"].as_str(), there[0]["transactionnumber"].as_str()),
        (Some(reference.id.as_str()), Some(reference.reference.as_str()),)
    );
    let events = house.events().await;
    assert_eq!(types(&events), [CREATED, COMPLETED, CREATED, COMPLETED]);
    assert_eq!(house.look(&made.name).await, made);
    assert_eq!(house.get(&id).await, original);

    let house = house.restarted().await;
    let again = house.try_copy(copy(&id)).await.unwrap();
    assert_eq!((again.identification, again.cursor, again.replayed), (Some(made), copied.cursor, true));
    let other = CopyIdentificationRequest { target_reference: "else".to_owned(), ..copy(&id) };
    refused(&house.try_copy(other).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(house.copies().await, 1);
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let house = House::silent().await;
    let id = house.completed().await;
    let with = |change: fn(&mut CopyIdentificationRequest)| {
        let mut request = copy(&id);
        change(&mut request);
        request
    };
    for (request, field) in [
        (with(|request| request.name.push_str("/..")), "name"),
        (with(|request| request.destination_parent.clear()), "destination_parent"),
        (with(|request| request.destination_parent = BANK.to_owned()), "destination_parent"),
        (with(|request| request.destination_parent = "connections/..".to_owned()), "destination_parent"),
        (with(|request| request.vendor_account = "another".to_owned()), "vendor_account"),
        (with(|request| request.target_reference = "../x".to_owned()), "target_reference"),
        (with(|request| request.request_id = "x".to_owned()), "request_id"),
    ] {
        let details =
            refused(&house.try_copy(request).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), [field]);
    }
    let hostile = CopyIdentificationRequest { vendor_account: "a/../b".to_owned(), ..copy_out(&id) };
    let details =
        refused(&house.try_copy(hostile).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["vendor_account"]);
    let nobody =
        CopyIdentificationRequest { destination_parent: "connections/nobody".to_owned(), ..copy(&id) };
    refused(&house.try_copy(nobody).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
    let unknown = CopyIdentificationRequest { name: named(REQUEST_ID), ..copy(&id) };
    refused(&house.try_copy(unknown).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(house.copies().await, 0);
}

#[tokio::test]
async fn only_what_is_completed_is_copied() {
    let house = House::silent().await;
    let id = house.created().await;
    for request in [copy(&id), copy_out(&id)] {
        let status = house.try_copy(request).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
    }
    assert_eq!((house.copies().await, house.events().await.len()), (0, 1));
}

#[tokio::test]
async fn accounts_without_the_right_are_told_so() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.control(&format!("accounts/{OTHER_CUSTOMER}"), &json!({ "copying": false })).await;
    for request in [copy(&id), CopyIdentificationRequest { request_id: String::new(), ..copy_out(&id) }] {
        let status = house.try_copy(request).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
    }
    let events = house.events().await;
    assert_eq!(events.last().unwrap().r#type(), EventType::IdentificationFailed);
    assert!(events.last().unwrap().subject.starts_with(OTHER_BANK));
}

#[tokio::test]
async fn a_reference_belongs_to_one() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.made_elsewhere(OTHER_CUSTOMER, "there-1").await;
    let taken = CopyIdentificationRequest { target_reference: "there-1".to_owned(), ..copy(&id) };
    let status = house.try_copy(taken).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS");
    let free = CopyIdentificationRequest {
        target_reference: "there-2".to_owned(),
        request_id: String::new(),
        ..copy(&id)
    };
    let made = house.try_copy(free.clone()).await.unwrap().identification.unwrap();
    assert_eq!(made.vendor_reference.unwrap().reference, "there-2");
    // Known here: the vendor is not asked.
    let copies = house.copies().await;
    refused(&house.try_copy(free).await.unwrap_err(), Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(house.copies().await, copies);
}

#[tokio::test]
async fn what_the_vendor_has_erased_cannot_be_copied() {
    let house = House::silent().await;
    let id = house.completed().await;
    let url = format!("http://{}/control/identifications/case-7", house.vendor_address());
    assert_eq!(house.send(house.client().delete(url)).await.status, 200);
    let status = house.try_copy(copy(&id)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "IDENTIFICATION_GONE");
}

#[tokio::test]
async fn after_a_lost_answer_the_destination_is_asked_first() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.fault(lost("after")).await;
    let status = house.try_copy(copy(&id)).await.unwrap_err();
    refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    let found = house.try_copy(copy(&id)).await.unwrap();
    assert!(found.replayed);
    assert_eq!(found.identification.unwrap().state(), State::Completed);
    assert_eq!((house.copies().await, house.elsewhere().await.len()), (1, 1), "it was not sent again");
    assert_eq!(types(&house.events().await).last(), Some(&COMPLETED));
}

#[tokio::test]
async fn the_worker_finds_a_lost_copy_or_makes_it() {
    for effect in ["before", "after"] {
        let house = House::silent().await;
        let id = house.completed().await;
        house.fault(lost(effect)).await;
        house.try_copy(copy(&id)).await.unwrap_err();
        let house = house.restarted().await;
        house
            .in_time("the copy", async || {
                let done = types(&house.events().await);
                (done.iter().filter(|kind| **kind == COMPLETED).count() == 2).then_some(())
            })
            .await;
        assert_eq!(house.elsewhere().await.len(), 1);
        assert_eq!(house.copies().await, if effect == "before" { 2 } else { 1 });
        let again = house.try_copy(copy(&id)).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.identification.unwrap().state(), State::Completed);
    }
}

#[tokio::test]
async fn a_copy_that_nobody_confirms_fails_after_a_day() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.fault(json!({ "kind": "status", "status": 502, "operation": "copy" })).await;
    house.try_copy(copy(&id)).await.unwrap_err();
    house.clock.advance(Duration::from_secs(25 * 60 * 60));
    house
        .in_time("the end", async || {
            (types(&house.events().await).last() == Some(&EventType::IdentificationFailed)).then_some(())
        })
        .await;
    let status = house.try_copy(copy(&id)).await.unwrap_err();
    refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    assert_eq!(house.elsewhere().await.len(), 0);
}

#[tokio::test]
async fn an_account_without_a_connection_gets_a_copy_of_which_nothing_is_kept() {
    let house = House::silent().await;
    let id = house.completed().await;
    let first = house.try_copy(copy_out(&id)).await.unwrap();
    let made = first.identification.clone().unwrap();
    let reference = made.vendor_reference.clone().unwrap();
    assert_eq!((made.name.as_str(), made.origin()), ("", IdentificationOrigin::Copy));
    let there = house.elsewhere().await;
    assert_eq!(
        (there[0]["id"].as_str().unwrap(), "there-1"),
        (reference.id.as_str(), reference.reference.as_str())
    );
    assert_eq!(house.events().await.len(), 2);
    let again = house.try_copy(copy_out(&id)).await.unwrap();
    assert_eq!(
        (again.identification, again.cursor, again.replayed),
        (first.identification, first.cursor, true)
    );
    assert_eq!(house.copies().await, 1);
}

#[tokio::test]
async fn an_account_that_cannot_be_asked_is_sent_nothing_twice() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.fault(lost("after")).await;
    for _ in 0..2 {
        let status = house.try_copy(copy_out(&id)).await.unwrap_err();
        refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    }
    assert_eq!((house.copies().await, house.elsewhere().await.len()), (1, 1));
}
