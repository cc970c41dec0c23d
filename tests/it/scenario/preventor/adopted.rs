//! Invitations that were made at the vendor without the gateway, and tickets of theirs.

use idv_gateway::proto::{
    AdoptIdentificationRequest, CancelIdentificationRequest, EventType as Type, IdentificationOrigin,
    IdentificationState as Seen, Outcome, VendorReference, WebhookDeliveryState as State,
};
use idv_gateway::sandbox::preventor::{BANKNU, ENV, TENANT};
use serde_json::{Value, json};
use tonic::Code;

use super::{EMAIL, PARENT, PLAIN, bank, told, way};
use crate::scenario::house::{API_KEY, House, PASSWORD};
use crate::scenario::words::{fields, refused};

const STARTED: Type = Type::IdentificationStarted;
const COMPLETED: Type = Type::IdentificationCompleted;
/// Whoever the vendor speaks of is taken over.
const ADOPTS: &str = r#"
adopt_unknown = true
polling = { enabled = false }
webhook = { secrets = [{ label = "static", proof = { bearer = { token = { file = "@/webhook" } } } }] }
"#;

impl House {
    /// Somebody is invited by other means than the gateway; the invitation's id.
    async fn invited_elsewhere(&self, email: &str) -> String {
        let url = |path: &str| format!("http://{}/id/v1/identity/{path}", self.vendor_address());
        let login = self.client().post(url("auth/token")).basic_auth(API_KEY, Some(PASSWORD));
        let login = login.header("x-tenant", TENANT).header("x-env", ENV).header("x-banknu", BANKNU);
        let told: Value = self.told_by_vendor(login).await;
        let register = self.client().post(url("invitations/users/register"));
        let body = json!({
            "delivery_method": "EMAIL", "email": email, "deliver_invitation": true,
            "unique": format!("crm-{}", email.len()), "flow": "WF-07",
        });
        let register = register.bearer_auth(told["token"].as_str().unwrap()).body(body.to_string());
        let made: Value = self.told_by_vendor(register).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn told_by_vendor(&self, request: reqwest::RequestBuilder) -> Value {
        let reply = self.send(request.header("x-api-key", API_KEY)).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        serde_json::from_slice(&reply.body).unwrap()
    }
}

/// A request to take over the invitation `id` with these tickets.
fn adopt(id: &str, tickets: &[&str]) -> AdoptIdentificationRequest {
    AdoptIdentificationRequest {
        parent: PARENT.to_owned(),
        vendor_reference: Some(VendorReference {
            id: id.to_owned(),
            ticket_ids: tickets.iter().map(|ticket| (*ticket).to_owned()).collect(),
            ..VendorReference::default()
        }),
        external_reference: "case-7".to_owned(),
        ..AdoptIdentificationRequest::default()
    }
}

/// The same request, which says the `unique` too.
fn named(mut request: AdoptIdentificationRequest, unique: &str) -> AdoptIdentificationRequest {
    request.vendor_reference.as_mut().unwrap().reference = unique.to_owned();
    request
}

#[tokio::test]
async fn an_invitation_is_taken_over_as_it_stands_and_its_webhooks_with_it() {
    let house = told().await;
    let id = house.invited_elsewhere(EMAIL).await;
    let ticket = house.start(EMAIL).await;
    house.decide(EMAIL, "ACCEPTED").await;
    let waits = async || (house.states() == [State::Unmatched; 3]).then_some(());
    house.in_time("the end of waiting for whose they are", waits).await;
    assert!(house.events().await.is_empty());

    let adopted = house.try_adopt(adopt(&id, &[])).await.unwrap().identification.unwrap();
    assert_eq!((adopted.state(), adopted.origin()), (Seen::Completed, IdentificationOrigin::Adopted));
    assert_eq!(adopted.decision.as_ref().unwrap().outcome(), Outcome::Verified);
    let reference = adopted.vendor_reference.as_ref().unwrap();
    assert_eq!((reference.id.as_str(), &reference.ticket_ids), (id.as_str(), &vec![ticket]));
    assert!(adopted.start_links.is_empty(), "nobody tells the link");
    let over = async || (!house.states().contains(&State::Unmatched)).then_some(());
    house.in_time("the webhooks that waited", over).await;
    house.ended(3).await;
    assert_eq!(way(&house.events().await), [COMPLETED]);
    let customer = house.whole(&adopted.name).await.vendor_reference.unwrap().customer_id;
    assert_eq!(customer.len(), 8, "which only WH_002 tells");
}

#[tokio::test]
async fn one_under_way_lives_on_but_cannot_be_addressed() {
    let house = told().await;
    let id = house.invited_elsewhere(EMAIL).await;
    let ticket = house.start(EMAIL).await;
    let adopted = house.try_adopt(adopt(&id, &[&ticket])).await.unwrap().identification.unwrap();
    assert_eq!((adopted.state(), adopted.attempt_count), (Seen::InProgress, 1));
    house.step(EMAIL, "liveness", "PASSED").await;
    let request = CancelIdentificationRequest { name: adopted.name.clone(), ..Default::default() };
    let status = house.identifications().cancel_identification(request).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
    assert!(status.message().contains("by its recipient only"), "{}", status.message());
    house.decide(EMAIL, "REJECTED").await;
    house.ended(4).await;
    let seen = house.whole(&adopted.name).await;
    assert_eq!((seen.state(), seen.decision.unwrap().outcome()), (Seen::Completed, Outcome::Rejected));
    assert_eq!(way(&house.events().await), [STARTED, COMPLETED]);
    // Once is enough.
    let status = house.try_adopt(adopt(&id, &[])).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS");
}

#[tokio::test]
async fn what_nobody_has_or_nobody_began_is_not_taken_over() {
    let house = told().await;
    let waiting = house.invited_elsewhere(EMAIL).await;
    for id in ["7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d", &waiting] {
        let status = house.try_adopt(adopt(id, &[])).await.unwrap_err();
        refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    for (request, field) in [
        (adopt("", &[]), "vendor_reference"),
        (named(adopt("", &[]), "crm-1"), "vendor_reference.id"),
        (adopt("a/../b", &[]), "vendor_reference.id"),
        (adopt(&waiting, &["a b"]), "vendor_reference.ticket_ids[0]"),
    ] {
        let status = house.try_adopt(request).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    assert!(house.events().await.is_empty());
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_told_apart() {
    let house = told().await;
    let (first, second) =
        (house.invited_elsewhere(EMAIL).await, house.invited_elsewhere("another@example.com").await);
    let ticket = house.start("another@example.com").await;
    let unique = house.see(&format!("preventor/invitations/{second}")).await["unique"].clone();
    for (request, field) in [
        (adopt(&first, &[&ticket]), "vendor_reference.id"),
        (named(adopt(&second, &[&ticket]), "crm-1"), "vendor_reference.reference"),
    ] {
        let status = house.try_adopt(request).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    let request = named(adopt(&second, &[&ticket]), unique.as_str().unwrap());
    let adopted = house.try_adopt(request).await.unwrap().identification.unwrap();
    let reference = adopted.vendor_reference.unwrap();
    assert_eq!((reference.ticket_ids, unique), (vec![ticket], reference.reference.into()));
}

#[tokio::test]
async fn where_strangers_are_welcome_their_webhooks_bring_them_once_the_vendor_knows_them() {
    let house = bank(ADOPTS).await;
    house.send_plain().await;
    house.invited_elsewhere(EMAIL).await;
    house.start(EMAIL).await;
    house.ended(1).await;
    house.step(EMAIL, "liveness", "PASSED").await;
    house.ended(2).await;
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(4).await;
    let events = house.events().await;
    assert_eq!(way(&events), [STARTED, COMPLETED]);
    let seen = house.whole(&events[0].identification).await;
    assert_eq!((seen.origin(), seen.state()), (IdentificationOrigin::Webhook, Seen::Completed));
    assert_eq!(seen.decision.unwrap().outcome(), Outcome::Verified);

    // Whoever has the secret cannot make anybody up.
    let made_up = json!({ "id": "I1", "invitation_state": "COMPLETED", "transaction_status": "ACCEPTED" });
    let request = house.client().post(house.webhook_url("banco")).bearer_auth(PASSWORD);
    assert_eq!(house.send(request.body(made_up.to_string())).await.status, 204);
    let waits = async || (house.states().last() == Some(&State::Unmatched)).then_some(());
    house.in_time("the end of asking", waits).await;
    assert_eq!(house.events().await.len(), events.len());
}

#[tokio::test]
async fn where_they_are_not_they_wait() {
    let house = bank(PLAIN).await;
    house.send_plain().await;
    house.invited_elsewhere(EMAIL).await;
    house.start(EMAIL).await;
    let waits = async || (house.states() == [State::Unmatched]).then_some(());
    house.in_time("the end of asking", waits).await;
    assert!(house.events().await.is_empty());
}
