//! Registrations whose answer never came.

use std::time::Duration;

use idv_gateway::proto::{
    CancelIdentificationRequest, CreateIdentificationRequest, EventType as Type, Identification,
    IdentificationState as Seen,
};
use serde_json::{Value, json};
use tonic::Code;

use super::{EMAIL, invitation, told, way};
use crate::scenario::house::House;
use crate::scenario::words::refused;

const ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

fn named() -> CreateIdentificationRequest {
    CreateIdentificationRequest {
        identification_id: ID.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..invitation(EMAIL)
    }
}

/// What meets a registration, what its caller is told, and how many invitations the vendor has then.
fn lost() -> [(Value, Code, &'static str, u64); 5] {
    let unknown = "VENDOR_OUTCOME_UNKNOWN";
    [
        (json!({ "kind": "status", "status": 503, "effect": "after" }), Code::Unknown, unknown, 1),
        (json!({ "kind": "half_body" }), Code::Unknown, unknown, 1),
        (json!({ "kind": "empty", "effect": "after" }), Code::Internal, "VENDOR_RESPONSE_INVALID", 1),
        (json!({ "kind": "page", "effect": "after" }), Code::Internal, "VENDOR_RESPONSE_INVALID", 1),
        (json!({ "kind": "status", "status": 503 }), Code::Unknown, unknown, 0),
    ]
}

impl House {
    /// Somebody is invited, which comes to `fault`.
    async fn invited_into(&self, fault: &Value, code: Code, reason: &str) -> Identification {
        let mut fault = fault.clone();
        fault["operation"] = json!("register");
        fault["times"] = json!(1);
        self.goes_wrong(&fault).await;
        refused(&self.try_create(named()).await.unwrap_err(), code, reason);
        let open = self.get_of_bank().await;
        assert_eq!((open.state(), open.in_doubt), (Seen::Creating, true), "{fault}");
        open
    }

    async fn get_of_bank(&self) -> Identification {
        self.whole(&format!("{}/identifications/{ID}", super::PARENT)).await
    }

    async fn made(&self) -> u64 {
        self.see("preventor/statistics").await["created"].as_u64().unwrap()
    }

    async fn settled(&self) -> Identification {
        self.in_time("the settled registration", async || {
            Some(self.get_of_bank().await).filter(|seen| seen.state() == Seen::AwaitingUser)
        })
        .await
    }
}

#[tokio::test]
async fn nobody_is_invited_twice_and_what_the_vendor_did_is_found() {
    for (fault, code, reason, made) in lost() {
        let house = told().await;
        house.invited_into(&fault, code, reason).await;
        assert_eq!(house.made().await, made, "{fault}");
        // By then the call itself is surely over.
        house.clock.advance(Duration::from_secs(45));
        let seen = house.settled().await;
        assert!(!seen.in_doubt);
        assert_eq!(house.made().await, 1, "{fault}");
        let sent = house.see("preventor/statistics").await["registrations"].as_u64().unwrap();
        assert_eq!(sent, 2 - made, "{fault}: what is taken is not sent again");
        let reference = seen.vendor_reference.clone().unwrap();
        // The id and the link were in the answer that was lost.
        assert_eq!((reference.id.is_empty(), reference.reference.as_str()), (made == 1, ID), "{fault}");
        assert_eq!(seen.start_links.is_empty(), made == 1, "{fault}");
        assert!(house.try_create(named()).await.unwrap().replayed);

        // Whoever is invited starts, and is known by it.
        house.start(EMAIL).await;
        house.ended(1).await;
        house.decide(EMAIL, "ACCEPTED").await;
        house.ended(3).await;
        let seen = house.get_of_bank().await;
        assert_eq!(seen.state(), Seen::Completed, "{fault}");
        let at_vendor = house.see(&format!("preventor/invitations/{EMAIL}")).await;
        assert_eq!(seen.vendor_reference.unwrap().id, at_vendor["id"], "{fault}");
        let moves = way(&house.events().await);
        assert!(moves.ends_with(&[Type::IdentificationStarted, Type::IdentificationCompleted]), "{moves:?}");
    }
}

#[tokio::test]
async fn a_repeat_by_the_caller_settles_it_at_once() {
    for (fault, code, reason, _) in lost() {
        let house = told().await;
        house.invited_into(&fault, code, reason).await;
        let mut altered = named();
        altered.external_reference = "order-2".to_owned();
        let status = house.try_create(altered).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
        let settled = house.try_create(named()).await.unwrap();
        assert!(settled.replayed, "{fault}");
        assert_eq!(settled.identification.unwrap().state(), Seen::AwaitingUser, "{fault}");
        assert_eq!(house.made().await, 1, "{fault}");
    }
}

#[tokio::test]
async fn what_was_found_again_is_taken_back_like_any_other() {
    let house = told().await;
    let (fault, code, reason, _) = &lost()[0];
    let name = house.invited_into(fault, *code, reason).await.name;
    house.clock.advance(Duration::from_secs(45));
    house.settled().await;
    let request = CancelIdentificationRequest { name, ..Default::default() };
    let cancelled = house.identifications().cancel_identification(request).await.unwrap().into_inner();
    assert_eq!(cancelled.identification.unwrap().state(), Seen::Cancelled);
    assert_eq!(house.see("preventor/invitations").await["invitations"][0]["state"], "DELETED");
}

/// The `unique` is somebody else's: nothing here is made of it.
#[tokio::test]
async fn a_value_that_was_taken_before_is_refused_at_once() {
    let house = told().await;
    house.invited(EMAIL).await;
    let status = house.try_create(named()).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(house.get_of_bank().await.state(), Seen::Failed);
    assert_eq!(house.made().await, 1);
}
