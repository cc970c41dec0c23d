//! Random interleavings of consumers compared with a model of what they may do, and planted faults that the
//! comparison must find.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::journal::Place;
use idv_gateway::journal::subscription::{
    Acquire, LeaseId, Leased, NewSubscription, Subscription, SubscriptionError, SubscriptionSettings,
    Subscriptions,
};
use idv_gateway::model::name::SubscriptionName;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Handle;

use super::fixture::{Fixture, start};
use super::rules_subscriptions::{TERM, named, new, place, wish};

type Result<T> = std::result::Result<T, SubscriptionError>;

/// What somebody does. Leases are told by the order in which they were handed out.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Acquire { shard: Option<u32>, preempt: bool },
    Renew { lease: usize },
    Release { lease: usize },
    Commit { lease: usize, position: u64 },
    Seek { position: u64 },
    Wait { seconds: u64 },
    Remake,
}

/// What the model knows of a shard.
#[derive(Debug, Clone, Copy)]
struct Known {
    committed: u64,
    token: Option<u64>,
    until: SystemTime,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lease = 0..12_usize;
    let step = prop_oneof![
        4 => (prop::option::of(0..4_u32), any::<bool>())
            .prop_map(|(shard, preempt)| Step::Acquire { shard, preempt }),
        2 => lease.clone().prop_map(|lease| Step::Renew { lease }),
        1 => lease.clone().prop_map(|lease| Step::Release { lease }),
        6 => (lease, 0..40_u64).prop_map(|(lease, position)| Step::Commit { lease, position }),
        1 => (0..40_u64).prop_map(|position| Step::Seek { position }),
        2 => (1..45_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Remake),
    ];
    vec(step, 1..60)
}

/// Runs of `count` cases that write no file.
pub(super) fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

/// Does `steps` on a fresh subscription; says where it and the model part.
pub(super) async fn check(
    on: &dyn Subscriptions,
    id: &str,
    shards: u32,
    steps: &[Step],
) -> std::result::Result<(), String> {
    let name = named(id);
    on.create(new(id, shards)).await.map_err(|error| error.to_string())?;
    let fresh = || (0..shards).map(|shard| (shard, Known { committed: 3, token: None, until: start() }));
    let mut known: BTreeMap<u32, Known> = fresh().collect();
    let (mut now, mut leases) = (start(), Vec::<LeaseId>::new());
    for step in steps {
        let differs =
            |known: &BTreeMap<u32, Known>, what: &str| Err(format!("{step:?}: {what}; the model: {known:?}"));
        match *step {
            Step::Wait { seconds } => now += Duration::from_secs(seconds),
            Step::Seek { position } => {
                on.seek(&name, place(position)).await.map_err(|error| error.to_string())?;
                known
                    .values_mut()
                    .for_each(|shard| *shard = Known { committed: position, token: None, ..*shard });
            }
            Step::Remake => {
                on.delete(&name, None).await.map_err(|error| error.to_string())?;
                on.create(new(id, shards)).await.map_err(|error| error.to_string())?;
                known = fresh().collect();
            }
            Step::Acquire { shard, preempt } => {
                let ask = Acquire { preempt, ..wish(id, shard, now) };
                match acquired(on, ask, &mut known).await {
                    Ok(Some(lease)) if leases.last().is_some_and(|last| last.token >= lease.token) => {
                        return differs(&known, "a fencing token did not grow");
                    }
                    Ok(lease) => leases.extend(lease),
                    Err(what) => return differs(&known, &what),
                }
            }
            Step::Renew { lease } | Step::Release { lease } | Step::Commit { lease, .. } => {
                let Some(lease) = leases.get(lease) else { continue };
                let shard = known.get_mut(&lease.shard).ok_or("a lease of no shard")?;
                if let Err(what) = used(on, lease, step, shard, now).await {
                    return differs(&known, &what);
                }
            }
        }
        let shown = on.get(&name).await.map_err(|error| error.to_string())?.ok_or("it is gone")?;
        let committed: Vec<Place> = shown.shards.iter().map(|shard| shard.committed).collect();
        if committed != known.values().map(|shard| place(shard.committed)).collect::<Vec<_>>() {
            return Err(format!("{step:?}: {committed:?} is committed; the model: {known:?}"));
        }
    }
    Ok(())
}

/// Takes a lease, with the model's word on it; `None`: it was rightly refused.
async fn acquired(
    on: &dyn Subscriptions,
    ask: Acquire,
    known: &mut BTreeMap<u32, Known>,
) -> std::result::Result<Option<LeaseId>, String> {
    let Acquire { shard, preempt, now, until, .. } = ask;
    let wanted: Vec<u32> = match shard {
        Some(shard) => known.contains_key(&shard).then_some(shard).into_iter().collect(),
        None => known.keys().copied().collect(),
    };
    let is_free = |shard: &u32| known[shard].token.is_none() || known[shard].until <= now;
    let free = wanted.iter().copied().find(is_free);
    let leased = match on.acquire(ask).await {
        Ok(leased) => leased,
        Err(SubscriptionError::Missing) if wanted.is_empty() => return Ok(None),
        Err(SubscriptionError::Held { .. }) if free.is_none() && !preempt => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let got = leased.lease.shard;
    if !wanted.contains(&got) || free.is_some_and(|free| free != got) || (free.is_none() && !preempt) {
        return Err("it was not to be had".to_owned());
    }
    if leased.committed != place(known[&got].committed) {
        return Err("it leads to another place".to_owned());
    }
    known.entry(got).and_modify(|shard| {
        *shard = Known { token: Some(leased.lease.token), until, ..*shard };
    });
    Ok(Some(leased.lease))
}

/// What one does who says that it holds a lease, with the model's word on it.
async fn used(
    on: &dyn Subscriptions,
    lease: &LeaseId,
    step: &Step,
    shard: &mut Known,
    now: SystemTime,
) -> std::result::Result<(), String> {
    let holds = shard.token == Some(lease.token);
    let fenced = match *step {
        Step::Renew { .. } => match on.renew(lease, now, now + TERM).await {
            Ok(()) => {
                shard.until = now + TERM;
                false
            }
            Err(SubscriptionError::Fenced) => true,
            Err(error) => return Err(error.to_string()),
        },
        Step::Commit { position, .. } => match on.commit(lease, place(position), now).await {
            Ok(committed) => {
                shard.committed = shard.committed.max(position);
                if committed != place(shard.committed) {
                    return Err(format!("committed {committed:?}"));
                }
                false
            }
            Err(SubscriptionError::Fenced) => true,
            Err(error) => return Err(error.to_string()),
        },
        _ => {
            on.release(lease, now).await.map_err(|error| error.to_string())?;
            shard.token = shard.token.filter(|_| !holds);
            return Ok(());
        }
    };
    if fenced == holds { Err(format!("fenced: {fenced}")) } else { Ok(()) }
}

/// A store that forgets one rule.
struct Faulty<'a> {
    inner: &'a dyn Subscriptions,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    LetsTheReplacedCommit,
    CommitsBackwards,
    HandsOutWhatIsHeld,
    UsesATokenTwice,
}

#[async_trait]
impl Subscriptions for Faulty<'_> {
    async fn create(&self, new: NewSubscription) -> Result<Subscription> {
        self.inner.create(new).await
    }

    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>> {
        self.inner.get(name).await
    }

    async fn list(&self, after: Option<&SubscriptionName>, limit: usize) -> Result<Vec<Subscription>> {
        self.inner.list(after, limit).await
    }

    async fn update(
        &self,
        name: &SubscriptionName,
        revision: u64,
        settings: SubscriptionSettings,
    ) -> Result<Subscription> {
        self.inner.update(name, revision, settings).await
    }

    async fn delete(&self, name: &SubscriptionName, revision: Option<u64>) -> Result<()> {
        self.inner.delete(name, revision).await
    }

    async fn seek(&self, name: &SubscriptionName, place: Place) -> Result<Subscription> {
        self.inner.seek(name, place).await
    }

    async fn acquire(&self, ask: Acquire) -> Result<Leased> {
        let preempt = ask.preempt || self.how == How::HandsOutWhatIsHeld;
        let mut leased = self.inner.acquire(Acquire { preempt, ..ask }).await?;
        if self.how == How::UsesATokenTwice {
            leased.lease.token = 1;
        }
        Ok(leased)
    }

    async fn renew(&self, lease: &LeaseId, now: SystemTime, until: SystemTime) -> Result<()> {
        self.inner.renew(lease, now, until).await
    }

    async fn release(&self, lease: &LeaseId, now: SystemTime) -> Result<()> {
        self.inner.release(lease, now).await
    }

    async fn commit(&self, lease: &LeaseId, place: Place, now: SystemTime) -> Result<Place> {
        match self.how {
            How::LetsTheReplacedCommit => {
                let row = self.inner.get(&lease.subscription).await?.ok_or(SubscriptionError::Missing)?;
                let newest = row.shards[lease.shard as usize].lease.as_ref().map_or(0, |lease| lease.token);
                self.inner.commit(&LeaseId { token: newest, ..lease.clone() }, place, now).await
            }
            How::CommitsBackwards => {
                self.inner.commit(lease, place, now).await?;
                self.inner.seek(&lease.subscription, place).await?;
                Ok(place)
            }
            How::HandsOutWhatIsHeld | How::UsesATokenTwice => self.inner.commit(lease, place, now).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_comparison_finds_planted_faults() {
    for how in
        [How::LetsTheReplacedCommit, How::CommitsBackwards, How::HandsOutWhatIsHeld, How::UsesATokenTwice]
    {
        let fixture = Fixture::memory();
        let faulty = Faulty { inner: fixture.journal.subscriptions(), how };
        let number = AtomicU32::new(0);
        let outcome = tokio::task::block_in_place(|| {
            TestRunner::new(cases(256)).run(&steps(), |steps| {
                let id = format!("case-{}", number.fetch_add(1, Ordering::Relaxed));
                let run = check(&faulty, &id, 2, &steps);
                Handle::current().block_on(run).map_err(TestCaseError::fail)
            })
        });
        assert!(outcome.is_err(), "{how:?} was not found");
    }
}
