//! Secrets are rotated while webhooks come in: no authentic one is refused.

use std::sync::Arc;
use std::time::Duration;

use idv_gateway::error::Kind;
use idv_gateway::proto::VendorWebhookKind;
use idv_gateway::vendor::webhook_setting::GeneratedSecret;

use super::house::{DAY, House, URI};
use super::registrar::{Manner, Registrar};

const TICKETS: VendorWebhookKind = VendorWebhookKind::Tickets;

/// Rotates five times within a day, now and then without an answer, and tells which authentic requests were refused:
/// new ones, and old ones that were on their way for less than a day.
async fn refused_while_rotating(house: &House) -> Vec<String> {
    let mut refused = Vec::new();
    house.register(TICKETS).await.unwrap();
    let mut used = vec![house.office.secret(TICKETS)];
    for (round, manner) in
        [Manner::Takes, Manner::Mumbles, Manner::IsAway, Manner::Takes, Manner::Takes].into_iter().enumerate()
    {
        house.office.desk().manner = manner;
        let _answer = house.register(TICKETS).await;
        used.push(house.office.secret(TICKETS));
        house.hand.advance(Duration::from_hours(4));
        for (age, secret) in used.iter().rev().enumerate() {
            if !house.takes(secret).await {
                refused.push(format!("round {round}, secret {age} rounds old"));
            }
        }
    }
    refused
}

#[tokio::test]
async fn no_authentic_request_is_refused() {
    assert_eq!(refused_while_rotating(&House::new().await).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_connector_that_takes_up_the_newest_alone_is_found_out() {
    let forgetful = |office| Registrar::new(office, []).forgetful();
    let house = House::with(Some(URI), forgetful).await;
    assert!(!refused_while_rotating(&house).await.is_empty());
}

#[tokio::test]
async fn the_secret_before_ends_after_a_day() {
    let house = House::new().await;
    house.register(TICKETS).await.unwrap();
    house.register(TICKETS).await.unwrap();
    let [old, new] = &house.offered()[..] else { panic!("two were offered") };
    house.hand.advance(DAY - Duration::from_nanos(1));
    assert!(house.takes(old).await && house.takes(new).await);
    house.hand.advance(Duration::from_nanos(1));
    assert_eq!((house.takes(old).await, house.takes(new).await), (false, true));
    let labels: Vec<_> = [old, new].map(|secret| secret.label.as_str()).into();
    assert_eq!(labels, ["tickets-1", "tickets-2"]);
    assert_eq!(house.metric("idv_webhook_refused_total", "credentials_outside_window"), 1.0);
}

#[tokio::test]
async fn none_is_pushed_out_by_too_many() {
    let house = House::new().await;
    for _ in 0..8 {
        house.register(TICKETS).await.unwrap();
    }
    let error = house.register(TICKETS).await.unwrap_err();
    assert_eq!(error.kind, Kind::StateNotAllowed);
    assert!(error.detail.starts_with("8 secrets"), "{}", error.detail);
    for secret in house.offered() {
        assert!(house.takes(&secret).await, "{}", secret.label);
    }
    house.hand.advance(DAY);
    house.register(TICKETS).await.unwrap();
}

#[tokio::test]
async fn registrations_at_the_same_time_all_hold() {
    let house = Arc::new(House::new().await);
    let kinds = [TICKETS, VendorWebhookKind::Invitations, TICKETS, VendorWebhookKind::Invitations];
    let calls = kinds.map(|kind| {
        let house = house.clone();
        tokio::spawn(async move { house.register(kind).await.unwrap() })
    });
    for call in calls {
        call.await.unwrap();
    }
    let secrets: Vec<GeneratedSecret> = house.offered();
    assert_eq!(secrets.len(), 4);
    for secret in &secrets {
        assert!(house.takes(secret).await, "{}", secret.label);
    }
}
