//! Webhooks that are registered at the vendor: listed, made and removed.

use idv_gateway::proto::{
    DeleteVendorWebhookRequest, IdentificationState as Seen, ListVendorWebhooksRequest,
    RegisterVendorWebhookRequest, VendorWebhook,
    VendorWebhookKind::{Invitations, Tickets},
    WebhookAuthentication::{ApiKey, Basic, Bearer},
};
use serde_json::json;
use tonic::{Code, Status};

use super::tap::Tap;
use super::{EMAIL, PARENT, UNPOLLED, bank};
use crate::scenario::house::House;
use crate::scenario::operator::webhooks;
use crate::scenario::words::{BANCO, fields, refused};

impl House {
    /// Everything that is registered at the vendor, `page_size` at a time.
    async fn registrations(&self, page_size: i32) -> Vec<VendorWebhook> {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let parent = PARENT.to_owned();
            let request = ListVendorWebhooksRequest { parent, page_size, page_token };
            let page = webhooks(self).list_vendor_webhooks(request).await.unwrap().into_inner();
            found.extend(page.vendor_webhooks);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    }

    async fn remove(&self, name: &str, allow_missing: bool) -> Result<(), Status> {
        let request = DeleteVendorWebhookRequest { name: name.to_owned(), allow_missing };
        webhooks(self).delete_vendor_webhook(request).await.map(drop)
    }
}

#[tokio::test]
async fn with_every_proof_plain_and_encrypted_they_are_listed_used_and_removed() {
    let (tap, house) = Tap::house(UNPOLLED).await;
    let (mut came, mut shown) = (0, String::new());
    for proof in [Basic, Bearer, ApiKey] {
        for encrypted in [false, true] {
            let mut made = Vec::new();
            for kind in [Tickets, Invitations] {
                let webhook = house.registered(kind, proof, encrypted).await;
                assert_eq!((webhook.kind(), webhook.authentication()), (kind, proof));
                assert_eq!((webhook.encrypted, webhook.managed), (encrypted, true));
                assert_eq!(webhook.uri, house.webhook_url(BANCO));
                shown += &format!("{webhook:?}");
                made.push(webhook);
            }
            made.sort_by(|one, other| one.name.cmp(&other.name));
            assert_eq!(house.registrations(0).await, made, "{proof:?}");

            let name = house.invited(&format!("person-{came}@example.com")).await.name;
            let who = format!("person-{came}@example.com");
            house.start(&who).await;
            house.decide(&who, "ACCEPTED").await;
            came += 3;
            house.ended(came).await;
            assert_eq!(house.whole(&name).await.state(), Seen::Completed, "{proof:?}");

            for webhook in made {
                house.remove(&webhook.name, false).await.unwrap();
                let status = house.remove(&webhook.name, false).await.unwrap_err();
                refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
                house.remove(&webhook.name, true).await.unwrap();
            }
            assert!(house.registrations(0).await.is_empty(), "{proof:?}");
        }
    }
    // Nothing that is shown, and nothing in the store, has a secret in it.
    let folder = std::fs::read_dir(house.folder()).unwrap().map(|file| file.unwrap().path());
    let store: Vec<u8> = folder.flat_map(|path| std::fs::read(path).unwrap()).collect();
    let sent = tap.registered();
    assert_eq!(sent.len(), 12);
    for secret in sent.iter().flat_map(super::tap::Registered::secrets) {
        assert!(!shown.contains(secret));
        assert!(!store.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
}

#[tokio::test]
async fn only_the_events_that_were_asked_for_come() {
    let house = bank(UNPOLLED).await;
    let request = RegisterVendorWebhookRequest {
        parent: PARENT.to_owned(),
        kind: Tickets.into(),
        vendor_events: vec!["ticket.verification.completed".to_owned()],
        authentication: Bearer.into(),
        encrypted: true,
    };
    let made = webhooks(&house).register_vendor_webhook(request.clone()).await.unwrap().into_inner();
    assert_eq!(made.vendor_webhook.unwrap().vendor_events, request.vendor_events);
    assert_eq!(house.registrations(0).await[0].vendor_events, request.vendor_events);
    let name = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    house.step(EMAIL, "liveness", "PASSED").await;
    house.decide(EMAIL, "REJECTED").await;
    assert_eq!(house.ended(1).await.len(), 1);
    assert_eq!(house.whole(&name).await.state(), Seen::Completed);
}

#[tokio::test]
async fn what_points_elsewhere_is_shown_as_such_and_may_be_removed() {
    let house = bank(UNPOLLED).await;
    let elsewhere = json!({
        "type": "WH_001",
        "url": "https://elsewhere.invalid/hook",
        "authorization": { "type": "API_KEY", "value": { "key": "x-their-key", "value": "theirs" } },
    });
    assert_eq!(house.control("preventor/webhooks/settings", &elsewhere).await.status, 200);
    let own = house.registered(Invitations, Basic, true).await;
    let all = house.registrations(1).await;
    assert_eq!(all.len(), 2);
    let theirs = all.iter().find(|webhook| webhook.name != own.name).unwrap();
    assert_eq!((theirs.managed, theirs.encrypted, theirs.authentication()), (false, false, ApiKey));
    assert_eq!((theirs.kind(), theirs.uri.as_str()), (Tickets, "https://elsewhere.invalid/hook"));
    house.remove(&theirs.name, false).await.unwrap();
    assert_eq!(house.registrations(0).await, [own]);

    // One of each kind: what is registered here takes the place of theirs.
    assert_eq!(house.control("preventor/webhooks/settings", &elsewhere).await.status, 200);
    let tickets = house.registered(Tickets, ApiKey, false).await;
    let all = house.registrations(0).await;
    assert!(all.len() == 2 && all.iter().all(|webhook| webhook.managed) && all.contains(&tickets));
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_before_the_vendor_is_asked() {
    let house = bank(UNPOLLED).await;
    let good = RegisterVendorWebhookRequest {
        parent: PARENT.to_owned(),
        kind: Tickets.into(),
        authentication: Bearer.into(),
        ..RegisterVendorWebhookRequest::default()
    };
    for (request, field) in [
        (RegisterVendorWebhookRequest { parent: "banco".to_owned(), ..good.clone() }, "parent"),
        (RegisterVendorWebhookRequest { kind: 0, ..good.clone() }, "kind"),
        (RegisterVendorWebhookRequest { authentication: 0, ..good.clone() }, "authentication"),
        (
            RegisterVendorWebhookRequest { vendor_events: vec!["two words".to_owned()], ..good },
            "vendor_events[0]",
        ),
    ] {
        let status = webhooks(&house).register_vendor_webhook(request).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    let status = house.remove("connections/banco", false).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["name"]);
    assert_eq!(house.see("preventor/statistics").await["logins"], 0);
}
