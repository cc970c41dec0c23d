//! Calls whose answers are lost: nobody is invited twice or not at all, and nobody else's invitation is touched.

use idv_gateway::proto::{
    CancelIdentificationRequest, DeleteIdentificationRequest, IdentificationState as Seen,
};
use serde_json::{Value, json};
use tonic::Code;

use super::{EMAIL, PARENT, invitation, told};
use crate::scenario::house::House;
use crate::scenario::words::refused;

const ID: &str = "5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11";

impl House {
    /// Lets the vendor answer 503 once, to `operation`, which it carries out or not.
    async fn lose(&self, operation: &str, effect: &str) {
        let fault =
            json!({ "kind": "status", "status": 503, "operation": operation, "effect": effect, "times": 1 });
        self.goes_wrong(&fault).await;
    }

    /// Waits until `name` is in `state`.
    async fn becomes(&self, name: &str, state: Seen) {
        let look = async || (self.whole(name).await.state() == state).then_some(());
        self.in_time(state.as_str_name(), look).await;
    }

    /// Where the vendor has the invitation of `name`.
    async fn vendors_state(&self, name: &str) -> Value {
        let id = self.whole(name).await.vendor_reference.unwrap().id;
        self.see(&format!("preventor/invitations/{id}")).await["state"].clone()
    }
}

/// However the vendor writes its refusals.
#[tokio::test]
async fn a_registration_whose_answer_is_lost_is_made_once() {
    for message in ["text", "list", "object"] {
        for (effect, registrations) in [("before", 2), ("after", 1)] {
            let house = told().await;
            assert_eq!(house.control("preventor/profile", &json!({ "message": message })).await.status, 200);
            house.lose("register", effect).await;
            let request = invitation(EMAIL);
            let request = idv_gateway::proto::CreateIdentificationRequest {
                identification_id: ID.to_owned(),
                ..request
            };
            let status = house.try_create(request).await.unwrap_err();
            refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
            house.becomes(&format!("{PARENT}/identifications/{ID}"), Seen::AwaitingUser).await;
            let seen = house.see("preventor/statistics").await;
            assert_eq!(
                (&seen["registrations"], &seen["created"]),
                (&json!(registrations), &json!(1)),
                "{seen}"
            );
            assert_eq!(house.see("preventor/invitations").await["invitations"][0]["recipient"], EMAIL);
        }
    }
}

/// The vendor's URL names the person, who has an earlier invitation.
#[tokio::test]
async fn a_withdrawal_whose_answer_is_lost_leaves_the_earlier_invitation_alone() {
    for erase in [false, true] {
        let house = told().await;
        let earlier = house.invited(EMAIL).await.name;
        house.start(EMAIL).await;
        house.decide(EMAIL, "ACCEPTED").await;
        house.ended(3).await;
        let name = house.invited(EMAIL).await.name;
        house.lose("delete", "after").await;
        let mut client = house.identifications();
        let (status, state) = if erase {
            let request = DeleteIdentificationRequest { name: name.clone(), ..Default::default() };
            (client.delete_identification(request).await.unwrap_err(), Seen::Deleted)
        } else {
            let request = CancelIdentificationRequest { name: name.clone(), ..Default::default() };
            (client.cancel_identification(request).await.unwrap_err(), Seen::Cancelled)
        };
        refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
        house.becomes(&name, state).await;
        assert_eq!(house.vendors_state(&name).await, "DELETED");
        assert_eq!(house.vendors_state(&earlier).await, "COMPLETED");
    }
}
