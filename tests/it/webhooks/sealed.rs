//! Encrypted webhooks behind the door: what is kept is what they say.

use aws_lc_rs::digest::{SHA256, digest};
use idv_gateway::proto::{VendorWebhookKind, WebhookDeliveryState as State};
use secrecy::ExposeSecret as _;

use super::house::House;
use super::registrar::{CONNECTION, sent_with};
use crate::vendor::cipher::{IV_FIELD, encrypt};

const SAID: &str = r#"{"ticket":"762ebbda"}"#;

#[tokio::test]
async fn the_same_event_with_another_vector_is_a_duplicate() {
    let house = House::new().await;
    house.register(VendorWebhookKind::Tickets).await.unwrap();
    let secret = house.office.secret(VendorWebhookKind::Tickets);
    let first = sent_with(&secret, SAID);
    let mut again = sent_with(&secret, SAID);
    let (iv, body) = encrypt(secret.cipher_key.as_ref().unwrap().expose_secret(), 44, SAID.as_bytes());
    again.headers.insert(IV_FIELD, iv.parse().unwrap());
    again.body = body.into();
    assert_ne!(first.body, again.body);
    for request in [first, again] {
        house.hub.accept_webhook(CONNECTION, request).await.unwrap();
    }
    let worker = tokio::spawn(house.hub.clone().work());
    let applied = loop {
        let deliveries = house.deliveries().await;
        if deliveries.iter().all(|delivery| delivery.state() != State::Received) {
            break deliveries;
        }
        tokio::task::yield_now().await;
    };
    worker.abort();
    let mut fates = Vec::new();
    for delivery in applied {
        let shown = house.hub.get_webhook_delivery(&delivery.name.parse().unwrap(), true).await.unwrap();
        assert_eq!(shown.webhook_delivery.unwrap().body, SAID.as_bytes());
        assert_eq!(delivery.body_sha256, digest(&SHA256, SAID.as_bytes()).as_ref());
        fates.push((delivery.state(), delivery.duplicate_count));
    }
    fates.sort_by_key(|(_state, count)| *count);
    assert_eq!(fates, [(State::Duplicate, 0), (State::Unmatched, 1)]);
}
