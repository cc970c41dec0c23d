//! Durable subscriptions: one reader for each shard at a time, and places that only whoever holds the lease moves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use idv_gateway::journal::Place;
use idv_gateway::journal::subscription::{
    Acquire, LeaseId, Leased, NewSubscription, Subscription, SubscriptionError, SubscriptionSettings,
    Subscriptions,
};
use idv_gateway::model::name::SubscriptionName;
use proptest::test_runner::{TestCaseError, TestRunner};
use tokio::runtime::Handle;

use super::fixture::{Fixture, start};
use super::interleaving::{cases, check, steps};

pub(super) const TERM: Duration = Duration::from_secs(30);

pub(super) fn named(id: &str) -> SubscriptionName {
    SubscriptionName::of(id).unwrap()
}

pub(super) fn settings() -> SubscriptionSettings {
    SubscriptionSettings {
        filter: vec![0, 255, 7],
        max_uncommitted: 1000,
        idle_ttl: Duration::from_secs(3600),
        commit_timeout: Some(Duration::from_nanos(7)),
    }
}

pub(super) fn place(position: u64) -> Place {
    Place { position, check: [u8::try_from(position).unwrap(); 4] }
}

pub(super) fn new(id: &str, shard_count: u32) -> NewSubscription {
    NewSubscription { name: named(id), settings: settings(), shard_count, place: place(3), now: start() }
}

pub(super) fn wish(id: &str, shard: Option<u32>, now: SystemTime) -> Acquire {
    let consumer = "pod-1".to_owned();
    Acquire { subscription: named(id), shard, consumer, preempt: false, now, until: now + TERM }
}

async fn taken(on: &dyn Subscriptions, ask: Acquire) -> Leased {
    on.acquire(ask).await.unwrap()
}

async fn shown(on: &dyn Subscriptions, id: &str) -> Subscription {
    on.get(&named(id)).await.unwrap().unwrap()
}

#[track_caller]
pub(super) fn assert_fenced<T: std::fmt::Debug>(outcome: Result<T, SubscriptionError>) {
    assert!(matches!(outcome, Err(SubscriptionError::Fenced)), "{outcome:?}");
}

pub(super) async fn a_subscription_comes_back_as_made(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    let made = on.create(new("ledger", 2)).await.unwrap();
    assert_eq!((made.revision, made.shards.len()), (1, 2));
    assert_eq!((made.create_time, made.consumer_time), (start(), start()));
    assert!(made.shards.iter().all(|shard| shard.committed == place(3) && shard.lease.is_none()));
    assert_eq!(made.settings, settings());
    assert_eq!(shown(on, "ledger").await, made);
    assert_eq!(on.get(&named("ledge")).await.unwrap(), None);
    assert!(matches!(on.create(new("ledger", 1)).await, Err(SubscriptionError::Exists)));
    assert_eq!(on.create(new("whole", 0)).await.unwrap().shards.len(), 1);
}

pub(super) async fn subscriptions_are_listed_by_name(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    for id in ["b", "a-1", "c", "a"] {
        on.create(new(id, 2)).await.unwrap();
    }
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let page = on.list(after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2 && page.iter().all(|row| row.shards.len() == 2));
        after = Some(last.name.clone());
        names.extend(page.into_iter().map(|row| row.name.to_string()));
    }
    assert_eq!(names, ["a", "a-1", "b", "c"].map(|id| format!("subscriptions/{id}")));
}

pub(super) async fn settings_are_replaced_once(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    on.create(new("ledger", 1)).await.unwrap();
    let other = || SubscriptionSettings { commit_timeout: None, max_uncommitted: 5, ..settings() };
    let changed = on.update(&named("ledger"), 1, other()).await.unwrap();
    assert_eq!((changed.revision, &changed.settings), (2, &other()));
    assert_eq!(shown(on, "ledger").await, changed);
    let late = on.update(&named("ledger"), 1, settings()).await;
    assert!(matches!(late, Err(SubscriptionError::Changed)), "{late:?}");
    let nobody = on.update(&named("nobody"), 1, settings()).await;
    assert!(matches!(nobody, Err(SubscriptionError::Missing)), "{nobody:?}");
    let late = on.delete(&named("ledger"), Some(1)).await;
    assert!(matches!(late, Err(SubscriptionError::Changed)), "{late:?}");
    on.delete(&named("ledger"), Some(2)).await.unwrap();
    let again = on.delete(&named("ledger"), None).await;
    assert!(matches!(again, Err(SubscriptionError::Missing)), "{again:?}");
}

pub(super) async fn a_shard_has_one_holder(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    on.create(new("ledger", 2)).await.unwrap();
    let first = taken(on, wish("ledger", None, start())).await;
    let second = taken(on, wish("ledger", None, start() + Duration::from_secs(1))).await;
    assert_eq!((first.lease.shard, second.lease.shard), (0, 1));
    assert_eq!((first.committed, second.committed), (place(3), place(3)));
    match on.acquire(wish("ledger", None, start())).await {
        Err(SubscriptionError::Held { consumer, until }) => {
            assert_eq!((consumer.as_str(), until), ("pod-1", start() + TERM), "the one that ends first");
        }
        other => panic!("{other:?}"),
    }
    // Renewing holds on beyond the first term; what is not renewed is free at its end.
    on.renew(&second.lease, start(), start() + 3 * TERM).await.unwrap();
    let later = start() + 2 * TERM;
    assert!(matches!(on.acquire(wish("ledger", Some(1), later)).await, Err(SubscriptionError::Held { .. })));
    let third = taken(on, wish("ledger", None, later)).await;
    assert_eq!(third.lease.shard, 0);
    assert!(third.lease.token > second.lease.token && second.lease.token > first.lease.token);
    on.release(&second.lease, later).await.unwrap();
    assert_eq!(taken(on, wish("ledger", None, later)).await.lease.shard, 1);
    let beyond = on.acquire(wish("ledger", Some(2), later)).await;
    assert!(matches!(beyond, Err(SubscriptionError::Missing)), "{beyond:?}");
}

pub(super) async fn who_was_replaced_is_fenced(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    on.create(new("ledger", 1)).await.unwrap();
    let first = taken(on, wish("ledger", None, start())).await.lease;
    let preempting = Acquire { preempt: true, consumer: "pod-2".to_owned(), ..wish("ledger", None, start()) };
    let second = taken(on, preempting).await.lease;
    assert_fenced(on.commit(&first, place(9), start()).await);
    assert_fenced(on.renew(&first, start(), start() + TERM).await);
    on.release(&first, start()).await.unwrap();
    assert_eq!(shown(on, "ledger").await.shards[0].lease.as_ref().unwrap().consumer, "pod-2");
    assert_eq!(on.commit(&second, place(5), start()).await.unwrap(), place(5));

    // One that was made again under the same name knows nothing of the leases of the first.
    on.delete(&named("ledger"), None).await.unwrap();
    assert!(matches!(on.commit(&second, place(9), start()).await, Err(SubscriptionError::Missing)));
    on.create(new("ledger", 1)).await.unwrap();
    assert_fenced(on.commit(&second, place(9), start()).await);
    let third = taken(on, wish("ledger", None, start())).await.lease;
    assert!(third.token > second.token);
    assert_fenced(on.commit(&second, place(9), start()).await);
}

pub(super) async fn commits_never_go_back(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    on.create(new("ledger", 2)).await.unwrap();
    let lease = taken(on, wish("ledger", Some(1), start())).await.lease;
    let at = |seconds| start() + Duration::from_secs(seconds);
    assert_eq!(on.commit(&lease, place(7), at(1)).await.unwrap(), place(7));
    assert_eq!(on.commit(&lease, place(5), at(2)).await.unwrap(), place(7));
    // It ran out, but nobody took it.
    assert_eq!(on.commit(&lease, place(8), at(3600)).await.unwrap(), place(8));
    let shown = shown(on, "ledger").await;
    assert_eq!((shown.shards[0].committed, shown.shards[0].commit_time), (place(3), None));
    assert_eq!((shown.shards[1].committed, shown.shards[1].commit_time), (place(8), Some(at(3600))));
    assert_eq!((shown.consumer_time, shown.revision), (at(3600), 1));
    let elsewhere = LeaseId { shard: 0, ..lease.clone() };
    assert_fenced(on.commit(&elsewhere, place(9), at(4)).await);
    on.release(&lease, at(4)).await.unwrap();
    assert_fenced(on.commit(&lease, place(9), at(4)).await);
}

pub(super) async fn seeking_ends_every_lease(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    on.create(new("ledger", 2)).await.unwrap();
    let lease = taken(on, wish("ledger", Some(1), start())).await.lease;
    on.commit(&lease, place(7), start()).await.unwrap();
    let moved = on.seek(&named("ledger"), place(1)).await.unwrap();
    assert!(moved.shards.iter().all(|shard| shard.committed == place(1) && shard.lease.is_none()));
    assert_eq!(shown(on, "ledger").await, moved);
    assert_fenced(on.commit(&lease, place(9), start()).await);
    assert_eq!(taken(on, wish("ledger", Some(1), start())).await.committed, place(1));
}

pub(super) async fn idle_subscriptions_are_swept(fixture: Fixture) {
    let on = fixture.journal.subscriptions();
    let sweep = async |seconds| fixture.journal.sweep(start() + Duration::from_secs(seconds)).await.unwrap();
    on.create(new("idle", 1)).await.unwrap();
    on.create(new("read", 1)).await.unwrap();
    let lease = taken(on, wish("read", None, start())).await.lease;
    on.renew(&lease, start(), start() + Duration::from_secs(4000)).await.unwrap();
    assert_eq!(sweep(3599).await, 0);
    assert_eq!(sweep(3600).await, 1);
    assert_eq!(on.get(&named("idle")).await.unwrap(), None);
    assert_eq!(sweep(3999).await, 0, "somebody holds its lease");
    on.commit(&lease, place(9), start() + Duration::from_secs(3999)).await.unwrap();
    assert_eq!(sweep(7598).await, 0);
    assert_eq!(sweep(7599).await, 1);
    assert_eq!(on.list(None, 10).await.unwrap(), []);
}

pub(super) async fn interleavings_agree_with_the_model(fixture: Fixture) {
    let number = AtomicU32::new(0);
    let case = (2..4_u32, steps());
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(cases(48)).run(&case, |(shards, steps)| {
            let id = format!("case-{}", number.fetch_add(1, Ordering::Relaxed));
            let run = check(fixture.journal.subscriptions(), &id, shards, &steps);
            Handle::current().block_on(run).map_err(TestCaseError::fail)
        })
    });
    outcome.unwrap();
}
