//! Erasing: at the vendor, and everything sealed here; a tombstone stays.

use std::time::Duration;

use idv_gateway::proto::webhook_service_client::WebhookServiceClient;
use idv_gateway::proto::{
    DeleteIdentificationRequest, DeleteIdentificationResponse, EventOrigin, EventType, Evidence,
    GetWebhookDeliveryRequest, IdentificationState as State, ListWebhookDeliveriesRequest,
    WebhookDeliveryState,
};
use idv_gateway::rpc::purpose::METADATA;
use serde_json::json;
use tonic::{Code, Status};

use super::house::{House, id_of};
use super::words::{BANK, CUSTOMER, PURPOSE, adopt, create, named, refused, resource, said, shown, types};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const DELETED: EventType = EventType::IdentificationDeleted;

fn delete(id: &str) -> DeleteIdentificationRequest {
    DeleteIdentificationRequest { name: named(id), ..DeleteIdentificationRequest::default() }
}

fn once(id: &str) -> DeleteIdentificationRequest {
    DeleteIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..delete(id) }
}

impl House {
    /// A completed identification, which the gateway learned of by asking.
    pub(super) async fn completed(&self) -> String {
        self.made_elsewhere(CUSTOMER, "case-7").await;
        self.reviewed("case-7", "SUCCESS").await;
        let adopted = self.try_adopt(adopt(BANK, "", "case-7")).await.unwrap().identification.unwrap();
        assert_eq!(adopted.state(), State::Completed);
        id_of(&adopted.name)
    }

    async fn try_delete(
        &self,
        request: DeleteIdentificationRequest,
    ) -> Result<DeleteIdentificationResponse, Status> {
        self.identifications().delete_identification(request).await.map(tonic::Response::into_inner)
    }

    /// How often the vendor was asked to delete.
    async fn deletions(&self) -> u64 {
        self.answers("DELETE /api/v1/{customer}/identifications/{t}").await
    }

    /// How many requests of the vendor's were answered on `route`.
    pub(super) async fn answers(&self, route: &str) -> u64 {
        let answers = self.see("statistics").await["by_path"][route].clone();
        answers.as_object().into_iter().flatten().map(|(_status, count)| count.as_u64().unwrap()).sum()
    }

    /// Which deliveries still have their bodies.
    async fn bodies(&self) -> Vec<bool> {
        let mut client = WebhookServiceClient::new(self.channel.clone());
        let list = ListWebhookDeliveriesRequest { parent: BANK.to_owned(), ..Default::default() };
        let mut list = tonic::Request::new(list);
        list.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
        let listed = client.list_webhook_deliveries(list).await.unwrap().into_inner().webhook_deliveries;
        let mut kept = Vec::new();
        for delivery in listed {
            let request = GetWebhookDeliveryRequest { name: delivery.name, include_body: true };
            let mut request = tonic::Request::new(request);
            request.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
            kept.push(client.get_webhook_delivery(request).await.is_ok());
        }
        kept
    }
}

#[tokio::test]
async fn a_tombstone_without_personal_data_remains() {
    let house = House::silent().await;
    let id = house.completed().await;
    let before = house.get(&id).await;
    let deleted = house.try_delete(delete(&id)).await.unwrap();
    assert!(!deleted.replayed);
    let tombstone = deleted.identification.unwrap();
    assert_eq!((tombstone.state(), tombstone.revision), (State::Deleted, before.revision + 1));
    assert!(tombstone.delete_time.is_some() && !tombstone.startable);
    // What its owner declared free of personal data is how readers find it.
    assert_eq!(
        (&tombstone.external_reference, &tombstone.labels),
        (&before.external_reference, &before.labels)
    );
    assert_eq!(house.get(&id).await, tombstone);
    let events = house.events().await;
    let event = events.last().unwrap();
    assert_eq!(
        (event.r#type(), event.origin(), event.evidence()),
        (DELETED, EventOrigin::Api, Evidence::Fetched)
    );
    assert_eq!((shown(event), &event.labels), (&tombstone, &before.labels));
    assert_eq!(house.see("identifications/case-7").await["state"], "DELETED");

    // The number is burnt.
    house.reviewed_refuses("case-7").await;
    let status = house.try_adopt(adopt(BANK, "", "case-7")).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}

impl House {
    async fn reviewed_refuses(&self, id: &str) {
        assert_eq!(self.control(&format!("identifications/{id}/start"), &json!({})).await.status, 409);
    }
}

#[tokio::test]
async fn every_body_of_its_deliveries_goes() {
    let house = House::silent().await;
    let (id, other) = (house.created().await, house.created().await);
    for about in [&id, &other] {
        house.reviewed(about, "SUCCESS").await;
        for result in ["START", "CHECK_PENDING", "CHECK_PENDING", "SUCCESS"] {
            let count = house.fates().len();
            assert_eq!(house.webhook(said(result, about).to_string()).await.status, 204);
            house.applied(count + 1).await;
        }
        house.in_time("the decision", async || house.get(about).await.decision.is_some().then_some(())).await;
    }
    assert!(house.states().contains(&WebhookDeliveryState::Duplicate), "{:?}", house.states());
    assert_eq!(house.bodies().await, [true; 8]);
    house.try_delete(delete(&id)).await.unwrap();
    // Newest first: those about the other stay.
    assert_eq!(house.bodies().await, [true, true, true, true, false, false, false, false]);

    // What comes late finds the tombstone, and leaves nothing behind either.
    for (count, fate) in [(9, WebhookDeliveryState::Stale), (10, WebhookDeliveryState::Duplicate)] {
        assert_eq!(house.webhook(said("CANCELED", &id).to_string()).await.status, 204);
        house.applied(count).await;
        assert_eq!(house.states().last(), Some(&fate));
        assert!(!house.bodies().await[0], "{fate:?}");
    }
    assert_eq!(house.get(&id).await.state(), State::Deleted);
}

#[tokio::test]
async fn a_body_about_several_goes_with_any_of_them() {
    let house = House::silent().await;
    let (one, other) = (house.created().await, house.created().await);
    house.reviewed(&one, "SUCCESS").await;
    let both = json!({ "identifications": [said("START", &one), said("START", &other)] }).to_string();
    // One of them waits for somebody whom nobody knows.
    let unknown = said("START", "5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11");
    let waiting = json!({ "identifications": [said("CHECK_PENDING", &one), unknown] }).to_string();
    for (count, body) in (1..).zip([both.clone(), both, said("START", &other).to_string(), waiting]) {
        assert_eq!(house.webhook(body).await.status, 204);
        house.applied(count).await;
    }
    house.try_delete(delete(&one)).await.unwrap();
    // Newest first.
    assert_eq!(house.bodies().await, [false, true, false, false]);
}

#[tokio::test]
async fn a_repeat_of_what_waited_goes_with_it() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, "case-7").await;
    house.reviewed("case-7", "SUCCESS").await;
    for (count, fate) in [(1, WebhookDeliveryState::Unmatched), (2, WebhookDeliveryState::Duplicate)] {
        assert_eq!(house.webhook(said("START", "case-7").to_string()).await.status, 204);
        house.applied(count).await;
        assert_eq!(house.states().last(), Some(&fate));
    }
    let adopted = house.try_adopt(adopt(BANK, "", "case-7")).await.unwrap().identification.unwrap();
    let matched = async || (house.states()[0] != WebhookDeliveryState::Unmatched).then_some(());
    house.in_time("its identification", matched).await;
    house.try_delete(delete(&id_of(&adopted.name))).await.unwrap();
    let gone = async || (house.bodies().await == [false, false]).then_some(());
    house.in_time("the end of both", gone).await;
}

#[tokio::test]
async fn what_is_not_finished_is_not_erased() {
    let house = House::silent().await;
    let id = house.created().await;
    for _ in 0..2 {
        let status = house.try_delete(once(&id)).await.unwrap_err();
        let details = refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
        assert_eq!(resource(&details), named(&id));
    }
    assert_eq!(house.get(&id).await.state(), State::AwaitingUser);
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated]);
    // Once it is finished, the same request is one that can be met.
    house.reviewed(&id, "SUCCESS").await;
    assert!(!house.try_delete(once(&id)).await.unwrap().replayed);
    assert_eq!(house.get(&id).await.state(), State::Deleted);
    assert!(house.try_delete(once(&id)).await.unwrap().replayed);
    assert_eq!(
        house.deletions().await,
        3,
        "an answer is repeated from here, and a refusal that may end is not"
    );
}

#[tokio::test]
async fn what_the_vendor_has_erased_itself_is_erased_here() {
    let house = House::silent().await;
    let id = house.completed().await;
    let url = format!("http://{}/control/identifications/case-7", house.vendor_address());
    assert_eq!(house.send(house.client().delete(url)).await.status, 200);
    let tombstone = house.try_delete(delete(&id)).await.unwrap().identification.unwrap();
    assert_eq!(tombstone.state(), State::Deleted);
}

#[tokio::test]
async fn what_is_gone_is_gone_unless_the_caller_does_not_mind() {
    let house = House::silent().await;
    let id = house.completed().await;
    let first = house.try_delete(delete(&id)).await.unwrap();
    let status = house.try_delete(delete(&id)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "IDENTIFICATION_GONE");
    let tolerant = DeleteIdentificationRequest { allow_missing: true, ..delete(&id) };
    let again = house.try_delete(tolerant).await.unwrap();
    assert_eq!(again.identification, first.identification);

    refused(&house.try_delete(delete(REQUEST_ID)).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
    let unknown = DeleteIdentificationRequest { allow_missing: true, ..delete(REQUEST_ID) };
    assert_eq!(house.try_delete(unknown).await.unwrap().identification, None);
    let hostile = DeleteIdentificationRequest { name: format!("{BANK}/identifications/.."), ..delete(&id) };
    refused(&house.try_delete(hostile).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(house.deletions().await, 1);
}

#[tokio::test]
async fn an_etag_guards_it_and_a_repeat_gets_the_first_answer() {
    let house = House::silent().await;
    let id = house.completed().await;
    let stale = DeleteIdentificationRequest { etag: "r0".to_owned(), ..once(&id) };
    refused(&house.try_delete(stale).await.unwrap_err(), Code::Aborted, "ETAG_MISMATCH");
    let request = DeleteIdentificationRequest { etag: house.get(&id).await.etag, ..once(&id) };
    let first = house.try_delete(request.clone()).await.unwrap();
    let house = house.restarted().await;
    let again = house.try_delete(request.clone()).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.identification, again.cursor), (first.identification, first.cursor));
    let other = DeleteIdentificationRequest { force: true, ..request };
    refused(&house.try_delete(other).await.unwrap_err(), Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(house.deletions().await, 1);
}

#[tokio::test]
async fn a_lost_answer_is_found_again_by_the_caller() {
    let house = House::silent().await;
    let id = house.completed().await;
    for (effect, times) in [("before", 1), ("after", 1)] {
        let fault = json!({ "kind": "status", "status": 503, "operation": "delete", "effect": effect, "times": times });
        house.fault(fault).await;
        refused(&house.try_delete(once(&id)).await.unwrap_err(), Code::Unavailable, "VENDOR_UNAVAILABLE");
        let house_state = house.get(&id).await.state();
        assert_eq!(house_state, State::Completed);
    }
    let found = house.try_delete(once(&id)).await.unwrap();
    assert!(found.replayed);
    assert_eq!(found.identification.as_ref().unwrap().state(), State::Deleted);
    let again = house.try_delete(once(&id)).await.unwrap();
    assert_eq!((again.identification, again.cursor), (found.identification, found.cursor));
    assert_eq!(house.deletions().await, 3);
}

#[tokio::test]
async fn a_lost_answer_is_found_again_by_the_worker() {
    let house = House::silent().await;
    let id = house.completed().await;
    let fault = json!({ "kind": "half_body", "operation": "delete", "times": 1 });
    house.fault(fault).await;
    house
        .fault(
            json!({ "kind": "status", "status": 500, "operation": "delete", "effect": "after", "times": 1 }),
        )
        .await;
    let first = house.try_delete(once(&id)).await;
    let house = house.restarted().await;
    house
        .in_time("the deletion", async || (house.get(&id).await.state() == State::Deleted).then_some(()))
        .await;
    let events = house.events().await;
    assert_eq!(events.iter().filter(|event| event.r#type() == DELETED).count(), 1);
    if first.is_err() {
        assert_eq!(events.last().unwrap().origin(), EventOrigin::Timer);
    }
    assert!(house.try_delete(once(&id)).await.unwrap().replayed);
}

#[tokio::test]
async fn a_vendor_that_stays_silent_is_asked_for_a_day() {
    let house = House::silent().await;
    let id = house.completed().await;
    house.fault(json!({ "kind": "status", "status": 503, "operation": "delete" })).await;
    house.try_delete(once(&id)).await.unwrap_err();
    house.clock.advance(Duration::from_secs(25 * 60 * 60));
    let status = house
        .in_time("the end", async || {
            let status = house.try_delete(once(&id)).await.unwrap_err();
            (status.code() == Code::Unknown).then_some(status)
        })
        .await;
    refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    assert_eq!(house.get(&id).await.state(), State::Completed);
    house.well().await;
    house.try_delete(delete(&id)).await.unwrap();
}

#[tokio::test]
async fn a_creation_without_an_answer_cannot_be_erased() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start", "times": 1 })).await;
    let mut creation = create(BANK);
    creation.identification_id = REQUEST_ID.to_owned();
    house.try_create(creation).await.unwrap_err();
    let status = house.try_delete(delete(REQUEST_ID)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
    house
        .in_time("the creation", async || {
            (house.get(REQUEST_ID).await.state() == State::AwaitingUser).then_some(())
        })
        .await;
}
