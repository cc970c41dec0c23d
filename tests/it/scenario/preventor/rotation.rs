//! Webhooks that are registered anew: the secret before is taken for a day, and then refused.

use std::time::Duration;

use idv_gateway::proto::{
    DeleteVendorWebhookRequest, RegisterVendorWebhookRequest,
    VendorWebhookKind::{Invitations, Tickets},
    WebhookAuthentication::{ApiKey, Basic, Bearer},
};
use serde_json::json;
use tonic::Code;

use super::tap::{Registered, Tap};
use super::{EMAIL, PARENT, UNPOLLED};
use crate::scenario::house::House;
use crate::scenario::operator::webhooks;
use crate::scenario::words::refused;

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

impl House {
    /// Whether the door takes what comes as `registered` has it.
    async fn takes(&self, registered: &Registered) -> bool {
        let body = json!({ "id": "I1", "invitation_state": "SENT" }).to_string();
        match registered.sent(self, &body).await.status {
            204 => true,
            401 => false,
            other => panic!("answered with {other}"),
        }
    }
}

#[tokio::test]
async fn the_secret_before_is_taken_for_a_day_and_then_refused() {
    for proof in [Basic, Bearer, ApiKey] {
        for encrypted in [false, true] {
            let (tap, house) = Tap::house(UNPOLLED).await;
            for _ in 0..2 {
                house.registered(Tickets, proof, encrypted).await;
            }
            let [old, new] = &tap.registered()[..] else { panic!("two were registered") };
            for (one, other) in old.secrets().into_iter().zip(new.secrets()) {
                assert!(one != other && one.len() >= 32, "{proof:?}");
            }
            assert_eq!(new.secrets().len(), 1 + usize::from(encrypted));
            house.clock.advance(DAY - SECOND);
            assert!(house.takes(old).await && house.takes(new).await, "{proof:?}");
            // So it is for a gateway that has them from its journal.
            let house = house.restarted().await;
            assert!(house.takes(old).await && house.takes(new).await, "{proof:?}");
            house.clock.advance(SECOND);
            assert_eq!((house.takes(old).await, house.takes(new).await), (false, true), "{proof:?}");
            let house = house.restarted().await;
            assert_eq!((house.takes(old).await, house.takes(new).await), (false, true), "{proof:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_while_secrets_change() {
    let (tap, house) = Tap::house(UNPOLLED).await;
    house.registered(Tickets, Bearer, true).await;
    house.registered(Invitations, Bearer, true).await;
    house.invited(EMAIL).await;
    house.start(EMAIL).await;
    house.ended(1).await;
    // A try that was on its way while the next secret was made comes with the one before.
    let before = tap.registered();
    house.registered(Tickets, ApiKey, false).await;
    house.step(EMAIL, "liveness", "PASSED").await;
    house.ended(2).await;
    let late = json!({ "event": "something.new", "ticket": "T1" }).to_string();
    assert_eq!(before[0].sent(&house, &late).await.status, 204);
    house.registered(Invitations, Basic, true).await;
    house.decide(EMAIL, "ACCEPTED").await;
    assert_eq!(house.ended(5).await.len(), 5);
    assert_eq!(house.metric("idv_webhook_refused_total", &["connection=\"banco\""]).await, 0.0);
}

#[tokio::test]
async fn while_it_is_open_what_the_vendor_took_both_are_taken() {
    for fault in [
        json!({ "kind": "status", "status": 503, "effect": "after", "operation": "settings" }),
        json!({ "kind": "half_body", "operation": "settings" }),
        json!({ "kind": "status", "status": 503, "operation": "settings" }),
    ] {
        let (tap, house) = Tap::house(UNPOLLED).await;
        house.registered(Tickets, Bearer, true).await;
        house.goes_wrong(&fault).await;
        let request = RegisterVendorWebhookRequest {
            parent: PARENT.to_owned(),
            kind: Tickets.into(),
            authentication: Bearer.into(),
            encrypted: true,
            ..RegisterVendorWebhookRequest::default()
        };
        let status = webhooks(&house).register_vendor_webhook(request).await.unwrap_err();
        refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
        house.mended().await;
        house.clock.advance(30 * DAY);
        for registered in tap.registered() {
            assert!(house.takes(&registered).await, "{fault}");
        }
        // The vendor uses one of the two, and either comes in.
        house.invited(EMAIL).await;
        house.start(EMAIL).await;
        house.until("the webhook", async || (house.fates().len() == 3).then_some(())).await;
        let house = house.restarted().await;
        for registered in tap.registered() {
            assert!(house.takes(&registered).await, "{fault}");
        }

        // A repeat offers the same one, and the vendor's word ends the one before.
        house.registered(Tickets, Bearer, true).await;
        let [first, second, again] = &tap.registered()[..] else { panic!("three were sent") };
        assert_eq!(second.secrets(), again.secrets(), "{fault}");
        house.clock.advance(DAY);
        assert_eq!((house.takes(first).await, house.takes(second).await), (false, true), "{fault}");
    }
}

#[tokio::test]
async fn the_secrets_of_a_webhook_that_was_removed_end_after_a_day() {
    let (tap, house) = Tap::house(UNPOLLED).await;
    let tickets = house.registered(Tickets, Bearer, true).await;
    house.registered(Invitations, Bearer, true).await;
    let request = DeleteVendorWebhookRequest { name: tickets.name, allow_missing: false };
    webhooks(&house).delete_vendor_webhook(request).await.unwrap();
    let [tickets, invitations] = &tap.registered()[..] else { panic!("two were registered") };
    house.clock.advance(DAY - SECOND);
    assert!(house.takes(tickets).await && house.takes(invitations).await);
    house.clock.advance(SECOND);
    assert_eq!((house.takes(tickets).await, house.takes(invitations).await), (false, true));
}
