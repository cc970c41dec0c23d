//! Deliveries: kept whole, counted, found by their bytes and by what they wait for.

use std::time::Duration;

use idv_gateway::journal::{Batch, Delivery, DeliveryChange, VendorId};
use idv_gateway::proto::WebhookDeliveryState;

use super::fixture::{Fixture, assert_conflict, bank, delivery, fresh, start};

fn deliveries(changes: Vec<DeliveryChange>) -> Batch {
    Batch { deliveries: changes, ..Batch::default() }
}

fn put(delivery: &Delivery) -> Batch {
    deliveries(vec![DeliveryChange::Put(delivery.clone())])
}

fn update(delivery: &Delivery) -> Batch {
    deliveries(vec![DeliveryChange::Update(delivery.clone())])
}

pub(super) async fn a_delivery_comes_back_as_put(fixture: Fixture) {
    let mut delivery = delivery();
    assert_eq!(fixture.journal.delivery(&delivery.name).await.unwrap(), None);
    fixture.journal.append(put(&delivery)).await.unwrap();
    assert_eq!(fixture.journal.delivery(&delivery.name).await.unwrap(), Some(delivery.clone()));
    delivery.state = WebhookDeliveryState::Applied;
    delivery.event_ids = vec![fresh()];
    delivery.failure.clear();
    delivery.applied_revision = 4;
    delivery.waits_for.clear();
    fixture.journal.append(update(&delivery)).await.unwrap();
    assert_eq!(fixture.journal.delivery(&delivery.name).await.unwrap(), Some(delivery));
}

pub(super) async fn putting_twice_and_updating_nothing_conflict(fixture: Fixture) {
    let (there, absent) = (delivery(), delivery());
    fixture.journal.append(put(&there)).await.unwrap();
    assert_conflict(fixture.journal.append(put(&there)).await, &there.name);
    assert_conflict(fixture.journal.append(update(&absent)).await, &absent.name);
    let count = deliveries(vec![DeliveryChange::CountDuplicate(absent.name.clone())]);
    assert_conflict(fixture.journal.append(count).await, &absent.name);
}

pub(super) async fn duplicates_are_counted(fixture: Fixture) {
    let delivery = delivery();
    fixture.journal.append(put(&delivery)).await.unwrap();
    let counts = (0..4).map(|_| {
        let (journal, name) = (fixture.journal.clone(), delivery.name.clone());
        let batch = deliveries(vec![DeliveryChange::CountDuplicate(name)]);
        tokio::spawn(async move { journal.append(batch).await.unwrap() })
    });
    futures::future::try_join_all(counts).await.unwrap();
    let found = fixture.journal.delivery(&delivery.name).await.unwrap();
    assert_eq!(found, Some(Delivery { duplicate_count: 4, ..delivery }));
}

pub(super) async fn an_update_does_not_forget_duplicates(fixture: Fixture) {
    let mut delivery = delivery();
    fixture.journal.append(put(&delivery)).await.unwrap();
    let count = deliveries(vec![DeliveryChange::CountDuplicate(delivery.name.clone())]);
    fixture.journal.append(count).await.unwrap();
    // Read before the count, written after it.
    delivery.state = WebhookDeliveryState::Applied;
    fixture.journal.append(update(&delivery)).await.unwrap();
    let found = fixture.journal.delivery(&delivery.name).await.unwrap();
    assert_eq!(found, Some(Delivery { duplicate_count: 1, ..delivery }));
}

pub(super) async fn like_deliveries_are_found_oldest_first(fixture: Fixture) {
    let (first, second, mut duplicate) = (delivery(), delivery(), delivery());
    duplicate.state = WebhookDeliveryState::Duplicate;
    let other = Delivery { body_sha256: [8; 32], ..delivery() };
    for delivery in [&first, &duplicate, &other, &second] {
        fixture.journal.append(put(delivery)).await.unwrap();
    }
    let found = fixture.journal.deliveries_like(&bank(), [7; 32]).await.unwrap();
    assert_eq!(found, [first, second]);
    assert!(fixture.journal.deliveries_like(&bank(), [9; 32]).await.unwrap().is_empty());
    let elsewhere = "other-bank".parse().unwrap();
    assert!(fixture.journal.deliveries_like(&elsewhere, [7; 32]).await.unwrap().is_empty());
}

pub(super) async fn the_time_of_the_last_delivery_is_known(fixture: Fixture) {
    assert_eq!(fixture.journal.last_delivery_time(&bank()).await.unwrap(), None);
    let later = |seconds| start() + Duration::from_secs(seconds);
    let (mut first, second) = (
        Delivery { receive_time: later(10), ..delivery() },
        Delivery { receive_time: later(20), ..delivery() },
    );
    let mut elsewhere = Delivery { receive_time: later(30), ..delivery() };
    elsewhere.name.connection = "other-bank".parse().unwrap();
    for delivery in [&first, &second, &elsewhere] {
        fixture.journal.append(put(delivery)).await.unwrap();
    }
    // What becomes of an earlier one changes nothing.
    first.state = WebhookDeliveryState::Applied;
    fixture.journal.append(update(&first)).await.unwrap();
    assert_eq!(fixture.journal.last_delivery_time(&bank()).await.unwrap(), Some(later(20)));
    let other = fixture.journal.last_delivery_time(&elsewhere.name.connection).await.unwrap();
    assert_eq!(other, Some(later(30)));
}

pub(super) async fn unmatched_deliveries_wait_for_vendor_ids(fixture: Fixture) {
    let waiting = || Delivery {
        state: WebhookDeliveryState::Unmatched,
        waits_for: vec![
            "TST-Abcde".to_owned(),
            "tst-ABCDE".to_owned(),
            String::new(),
            "Reference-1".to_owned(),
        ],
        ..delivery()
    };
    let (mut first, second, received) = (waiting(), waiting(), delivery());
    for delivery in [&first, &received, &second] {
        fixture.journal.append(put(delivery)).await.unwrap();
    }
    for by in [VendorId::Id("tst-abcde"), VendorId::Id("TST-ABCDE"), VendorId::Reference("REFERENCE-1")] {
        let found = fixture.journal.unmatched(&bank(), by).await.unwrap();
        assert_eq!(found, [first.clone(), second.clone()], "{by:?}");
    }
    for by in [VendorId::Id(""), VendorId::Id("tst-abcd"), VendorId::Reference("")] {
        assert!(fixture.journal.unmatched(&bank(), by).await.unwrap().is_empty(), "{by:?}");
    }
    let elsewhere = "other-bank".parse().unwrap();
    assert!(fixture.journal.unmatched(&elsewhere, VendorId::Id("tst-abcde")).await.unwrap().is_empty());

    first.state = WebhookDeliveryState::Applied;
    fixture.journal.append(update(&first)).await.unwrap();
    assert_eq!(fixture.journal.unmatched(&bank(), VendorId::Id("tst-abcde")).await.unwrap(), [second]);
}
