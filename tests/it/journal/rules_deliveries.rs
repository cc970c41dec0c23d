//! Deliveries: kept whole, counted, found by their bytes and by what they wait for.

use std::time::Duration;

use idv_gateway::journal::{Batch, Delivery, DeliveryChange, DeliveryPage, DeliveryQuery, Subject, VendorId};
use idv_gateway::model::name::IdentificationName;
use idv_gateway::proto::WebhookDeliveryState;

use super::fixture::{Fixture, assert_conflict, bank, delivery, fresh, identification, start};

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
    delivery.subjects[0].revision = 4;
    delivery.subjects.push(Subject { name: "another".to_owned(), revision: 1 });
    delivery.waits_for.clear();
    delivery.told = vec![1];
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

pub(super) async fn those_being_confirmed_are_found_by_what_they_are_about(fixture: Fixture) {
    let (name, other) = (identification(), identification());
    let about = |subject: &IdentificationName, state| {
        let subjects = [(&identification(), 3), (subject, 0)]
            .map(|(name, revision)| Subject { name: name.to_string(), revision });
        Delivery { subjects: subjects.into(), state, ..delivery() }
    };
    let mut first = about(&name, WebhookDeliveryState::Confirming);
    let last = about(&name, WebhookDeliveryState::Confirming);
    let applied = about(&name, WebhookDeliveryState::Applied);
    let elsewhere = about(&other, WebhookDeliveryState::Confirming);
    for delivery in [&first, &applied, &elsewhere, &last] {
        fixture.journal.append(put(delivery)).await.unwrap();
    }
    assert_eq!(fixture.journal.confirming(&name).await.unwrap(), [first.clone(), last.clone()]);
    first.state = WebhookDeliveryState::Stale;
    fixture.journal.append(update(&first)).await.unwrap();
    assert_eq!(fixture.journal.confirming(&name).await.unwrap(), [last]);
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
    let (mut first, mut second, received) = (waiting(), waiting(), delivery());
    second.state = WebhookDeliveryState::Confirming;
    let asked = Delivery { state: WebhookDeliveryState::Confirming, waits_for: Vec::new(), ..delivery() };
    for delivery in [&first, &received, &second, &asked] {
        fixture.journal.append(put(delivery)).await.unwrap();
    }
    for by in [
        VendorId::Id("tst-abcde"),
        VendorId::Id("TST-ABCDE"),
        VendorId::Reference("REFERENCE-1"),
        VendorId::Ticket("reference-1"),
    ] {
        let found = fixture.journal.unmatched(&bank(), by).await.unwrap();
        assert_eq!(found, [first.clone(), second.clone()], "{by:?}");
    }
    for by in [VendorId::Id(""), VendorId::Id("tst-abcd"), VendorId::Reference(""), VendorId::Ticket("")] {
        assert!(fixture.journal.unmatched(&bank(), by).await.unwrap().is_empty(), "{by:?}");
    }
    let elsewhere = "other-bank".parse().unwrap();
    assert!(fixture.journal.unmatched(&elsewhere, VendorId::Id("tst-abcde")).await.unwrap().is_empty());

    first.state = WebhookDeliveryState::Applied;
    fixture.journal.append(update(&first)).await.unwrap();
    assert_eq!(fixture.journal.unmatched(&bank(), VendorId::Id("tst-abcde")).await.unwrap(), [second]);
}

pub(super) async fn deliveries_are_listed_newest_first(fixture: Fixture) {
    let unreadable = Delivery { state: WebhookDeliveryState::Unreadable, ..delivery() };
    let (first, last) = (delivery(), delivery());
    let mut elsewhere = delivery();
    elsewhere.name.connection = "other-bank".parse().unwrap();
    for delivery in [&first, &unreadable, &elsewhere, &last] {
        fixture.journal.append(put(delivery)).await.unwrap();
    }
    let query = |connection: Option<&str>, states: &[WebhookDeliveryState]| DeliveryQuery {
        connection: connection.map(|id| id.parse().unwrap()),
        states: states.to_vec(),
        before: None,
        limit: 10,
    };
    let page = |deliveries: &[&Delivery]| DeliveryPage {
        deliveries: deliveries.iter().copied().cloned().collect(),
        next: None,
    };
    let (received, stale) = (WebhookDeliveryState::Received, WebhookDeliveryState::Stale);
    for (query, expected) in [
        (query(None, &[]), page(&[&last, &elsewhere, &unreadable, &first])),
        (query(Some("bank"), &[]), page(&[&last, &unreadable, &first])),
        (query(Some("bank"), &[received]), page(&[&last, &first])),
        (query(None, &[unreadable.state, stale]), page(&[&unreadable])),
        (query(None, &[stale]), page(&[])),
        (query(Some("no-bank"), &[]), page(&[])),
    ] {
        assert_eq!(fixture.journal.deliveries(&query).await.unwrap(), expected, "{query:?}");
    }
}

pub(super) async fn pages_of_deliveries_neither_repeat_nor_skip(fixture: Fixture) {
    let mut all = Vec::new();
    for number in 0..7 {
        let mut delivery = delivery();
        delivery.state = [WebhookDeliveryState::Stale, WebhookDeliveryState::Received][number % 2];
        fixture.journal.append(put(&delivery)).await.unwrap();
        all.insert(0, delivery);
    }
    for (states, limit, pages) in [
        (vec![], 3, 3),
        (vec![], 7, 1),
        (vec![WebhookDeliveryState::Stale], 2, 2),
        (vec![WebhookDeliveryState::Stale], 0, 4),
    ] {
        let mut query = DeliveryQuery { states: states.clone(), limit, ..DeliveryQuery::default() };
        let (mut seen, mut count) = (Vec::new(), 0);
        loop {
            let page = fixture.journal.deliveries(&query).await.unwrap();
            assert!(page.deliveries.len() <= limit.max(1));
            seen.extend(page.deliveries);
            count += 1;
            // One that comes in meanwhile belongs before the first page.
            fixture
                .journal
                .append(put(&Delivery { state: WebhookDeliveryState::Unmatched, ..delivery() }))
                .await
                .unwrap();
            query.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        let wanted = all.iter().filter(|delivery| states.is_empty() || states.contains(&delivery.state));
        let old = seen.iter().filter(|delivery| delivery.state != WebhookDeliveryState::Unmatched);
        assert!(old.eq(wanted), "{states:?} by {limit}");
        assert!(count >= pages, "{count} pages of {limit}");
    }
}

pub(super) async fn a_look_for_a_rare_state_is_bounded(fixture: Fixture) {
    let rare = Delivery { state: WebhookDeliveryState::Unreadable, ..delivery() };
    fixture.journal.append(put(&rare)).await.unwrap();
    let many = (0..5000).map(|_| DeliveryChange::Put(delivery())).collect();
    fixture.journal.append(deliveries(many)).await.unwrap();
    let mut query = DeliveryQuery { states: vec![rare.state], limit: 5, ..DeliveryQuery::default() };
    let page = fixture.journal.deliveries(&query).await.unwrap();
    assert!(page.deliveries.is_empty());
    query.before = Some(page.next.expect("there is more to look at"));
    let page = fixture.journal.deliveries(&query).await.unwrap();
    assert_eq!(page, DeliveryPage { deliveries: vec![rare], next: None });
}

pub(super) async fn a_page_of_deliveries_has_few_bytes(fixture: Fixture) {
    // One body can speak of thousands.
    let large = Delivery { event_ids: vec![fresh(); 20_000], ..delivery() };
    for _ in 0..3 {
        let name = delivery().name;
        fixture.journal.append(put(&Delivery { name, ..large.clone() })).await.unwrap();
    }
    let mut query = DeliveryQuery { limit: 10, ..DeliveryQuery::default() };
    let first = fixture.journal.deliveries(&query).await.unwrap();
    query.before = first.next;
    let second = fixture.journal.deliveries(&query).await.unwrap();
    assert_eq!((first.deliveries.len(), second.deliveries.len(), second.next), (2, 1, None));
}

pub(super) async fn a_replayed_delivery_is_received_again(fixture: Fixture) {
    let waiting = Delivery { state: WebhookDeliveryState::Unmatched, ..delivery() };
    let replay = |name| deliveries(vec![DeliveryChange::Replay(name)]);
    assert_conflict(fixture.journal.append(replay(waiting.name.clone())).await, &waiting.name);
    fixture.journal.append(put(&waiting)).await.unwrap();
    fixture.journal.append(replay(waiting.name.clone())).await.unwrap();
    let expected = Delivery {
        state: WebhookDeliveryState::Received,
        replays: 1,
        waits_for: Vec::new(),
        failure: String::new(),
        ..waiting.clone()
    };
    assert_eq!(fixture.journal.delivery(&waiting.name).await.unwrap(), Some(expected));
    let by = VendorId::Id("TST-Abcde");
    assert!(fixture.journal.unmatched(&bank(), by).await.unwrap().is_empty(), "it waits for nothing");
}

pub(super) async fn what_was_read_before_a_replay_is_not_written_after_it(fixture: Fixture) {
    let before = delivery();
    fixture.journal.append(put(&before)).await.unwrap();
    let replay = deliveries(vec![DeliveryChange::Replay(before.name.clone())]);
    fixture.journal.append(replay).await.unwrap();
    let late = Delivery { state: WebhookDeliveryState::Applied, ..before.clone() };
    assert_conflict(fixture.journal.append(update(&late)).await, &before.name);
    let known = fixture.journal.delivery(&before.name).await.unwrap().unwrap();
    assert_eq!((known.state, known.replays), (WebhookDeliveryState::Received, 1));
    let in_time = Delivery { state: WebhookDeliveryState::Applied, ..known };
    fixture.journal.append(update(&in_time)).await.unwrap();
    assert_eq!(fixture.journal.delivery(&before.name).await.unwrap(), Some(in_time));
}
