//! Durable subscriptions: readers whose places the journal keeps, and the leases under which their places move.
//!
//! Whoever reads a shard holds its lease, which is known by a fencing token: a number higher than that of every lease
//! before it, whatever was restarted, released or deleted meanwhile. A holder that was replaced without hearing of it
//! can therefore not move a place any more.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::journal::{JournalError, Place};
use crate::model::name::SubscriptionName;

/// The subscriptions of a journal. What returns `Ok` is durable.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Makes a subscription; nobody holds its shards. Refused with [`SubscriptionError::Exists`].
    async fn create(&self, new: NewSubscription) -> Result<Subscription, SubscriptionError>;

    /// One subscription.
    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>, SubscriptionError>;

    /// Up to `limit` subscriptions after `after`, in the order of their names' bytes.
    async fn list(
        &self,
        after: Option<&SubscriptionName>,
        limit: usize,
    ) -> Result<Vec<Subscription>, SubscriptionError>;

    /// Replaces the settings of revision `revision`; refused with [`SubscriptionError::Changed`] when it has another.
    async fn update(
        &self,
        name: &SubscriptionName,
        revision: u64,
        settings: SubscriptionSettings,
    ) -> Result<Subscription, SubscriptionError>;

    /// Deletes it with all leases; `revision` as for [`Subscriptions::update`], `None`: whichever it has.
    async fn delete(&self, name: &SubscriptionName, revision: Option<u64>) -> Result<(), SubscriptionError>;

    /// Moves all shards to `place`, also backwards, and ends their leases: a commit under one of them would undo it.
    async fn seek(&self, name: &SubscriptionName, place: Place) -> Result<Subscription, SubscriptionError>;

    /// Takes the lease of a shard. Refused with [`SubscriptionError::Held`] where somebody else has it.
    async fn acquire(&self, ask: Acquire) -> Result<Leased, SubscriptionError>;

    /// Holds the lease until `until`, also when it ran out and nobody took it meanwhile.
    async fn renew(
        &self,
        lease: &LeaseId,
        now: SystemTime,
        until: SystemTime,
    ) -> Result<(), SubscriptionError>;

    /// Frees the shard at once. What is held no longer needs no release: never [`SubscriptionError::Fenced`].
    async fn release(&self, lease: &LeaseId, now: SystemTime) -> Result<(), SubscriptionError>;

    /// Everything up to and including `place`, which stands in the journal, is done. Returns the place that is
    /// committed now: it never goes back. A lease that ran out will do as long as nobody took it.
    async fn commit(
        &self,
        lease: &LeaseId,
        place: Place,
        now: SystemTime,
    ) -> Result<Place, SubscriptionError>;
}

/// Why a subscription was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There is no such subscription, or it has no such shard.
    #[error("there is no such subscription or shard")]
    Missing,
    /// One with this name is there.
    #[error("the subscription exists")]
    Exists,
    /// Somebody else changed its settings.
    #[error("the subscription was changed meanwhile")]
    Changed,
    /// Somebody else reads.
    #[error("the shard is held by another consumer")]
    Held {
        /// Who.
        consumer: String,
        /// When the lease runs out, unless it is renewed.
        until: SystemTime,
    },
    /// The lease was released, or is somebody else's by now.
    #[error("the lease is held no longer")]
    Fenced,
    /// The journal did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A named reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub name: SubscriptionName,
    /// 1 at first, and one more with every change of the settings.
    pub revision: u64,
    /// What can be changed.
    pub settings: SubscriptionSettings,
    /// When it was made.
    pub create_time: SystemTime,
    /// When somebody last read, or it was made.
    pub consumer_time: SystemTime,
    /// Its shards by their number, from 0; at least one, and always as many.
    pub shards: Vec<Shard>,
}

/// What its owner says about a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// The encoded filter, kept as it is.
    pub filter: Vec<u8>,
    /// How many events may be on the way to a consumer without a commit.
    pub max_uncommitted: u32,
    /// It is dropped by [`Journal::sweep`](crate::journal::Journal::sweep) after this time without a consumer.
    pub idle_ttl: Duration,
    /// A consumer that commits nothing for this time while events wait loses its lease; `None`: it never does.
    pub commit_timeout: Option<Duration>,
}

/// Where one shard stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shard {
    /// Everything up to and including this place is done.
    pub committed: Place,
    /// When a consumer last committed.
    pub commit_time: Option<SystemTime>,
    /// The newest lease, which may have run out; `None`: it was released, or there was none.
    pub lease: Option<Lease>,
}

/// Somebody's right to read a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its fencing token.
    pub token: u64,
    /// Whose it is, in the consumer's own words.
    pub consumer: String,
    /// Anybody may take the shard from then on.
    pub until: SystemTime,
}

/// What proves a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseId {
    /// The subscription.
    pub subscription: SubscriptionName,
    /// The shard's number.
    pub shard: u32,
    /// The fencing token.
    pub token: u64,
}

/// A subscription to make.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Its name.
    pub name: SubscriptionName,
    /// What its owner says.
    pub settings: SubscriptionSettings,
    /// How many shards; 0 is taken for 1.
    pub shard_count: u32,
    /// Where all of them begin.
    pub place: Place,
    /// The time.
    pub now: SystemTime,
}

/// A wish to read.
#[derive(Debug, Clone)]
pub struct Acquire {
    /// The subscription.
    pub subscription: SubscriptionName,
    /// The shard's number; `None`: the first free one.
    pub shard: Option<u32>,
    /// Who wants to read.
    pub consumer: String,
    /// Takes the lease of somebody who holds it; where no shard is asked for and none is free, that which runs out
    /// first.
    pub preempt: bool,
    /// The time.
    pub now: SystemTime,
    /// How long the lease is to hold.
    pub until: SystemTime,
}

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// What proves it.
    pub lease: LeaseId,
    /// Where to read on.
    pub committed: Place,
}

type Result<T, E = SubscriptionError> = std::result::Result<T, E>;

/// The rules, which are every store's; a store only loads, locks and keeps.
impl Subscription {
    pub(super) fn new(new: NewSubscription) -> Self {
        let NewSubscription { name, settings, shard_count, place, now } = new;
        let shard = Shard { committed: place, ..Shard::default() };
        let shards = vec![shard; shard_count.max(1) as usize];
        Self { name, revision: 1, settings, create_time: now, consumer_time: now, shards }
    }

    /// Refuses another revision than `revision`.
    pub(super) fn expect(&self, revision: Option<u64>) -> Result<()> {
        let same = revision.is_none_or(|revision| revision == self.revision);
        if same { Ok(()) } else { Err(SubscriptionError::Changed) }
    }

    pub(super) fn update(&mut self, revision: u64, settings: SubscriptionSettings) -> Result<()> {
        self.expect(Some(revision))?;
        self.revision += 1;
        self.settings = settings;
        Ok(())
    }

    pub(super) fn seek(&mut self, place: Place) {
        for shard in &mut self.shards {
            shard.committed = place;
            shard.lease = None;
        }
    }

    /// Takes a lease with `token`.
    pub(super) fn acquire(&mut self, ask: Acquire, token: u64) -> Result<Leased> {
        let number = match ask.shard {
            Some(number) => number,
            None => self.freest(ask.now)?,
        };
        let shard = self.shards.get_mut(number as usize).ok_or(SubscriptionError::Missing)?;
        if let Some(held) = shard.held(ask.now)
            && !ask.preempt
        {
            let Lease { consumer, until, .. } = held.clone();
            return Err(SubscriptionError::Held { consumer, until });
        }
        shard.lease = Some(Lease { token, consumer: ask.consumer, until: ask.until });
        self.consumer_time = ask.now;
        let lease = LeaseId { subscription: ask.subscription, shard: number, token };
        Ok(Leased { lease, committed: shard.committed })
    }

    pub(super) fn renew(&mut self, lease: &LeaseId, now: SystemTime, until: SystemTime) -> Result<()> {
        let shard = self.leased(lease)?;
        shard.lease.iter_mut().for_each(|held| held.until = until);
        self.consumer_time = now;
        Ok(())
    }

    pub(super) fn release(&mut self, lease: &LeaseId, now: SystemTime) -> Result<()> {
        match self.leased(lease) {
            Ok(shard) => shard.lease = None,
            Err(SubscriptionError::Fenced) => return Ok(()),
            Err(missing) => return Err(missing),
        }
        self.consumer_time = now;
        Ok(())
    }

    pub(super) fn commit(&mut self, lease: &LeaseId, place: Place, now: SystemTime) -> Result<Place> {
        let shard = self.leased(lease)?;
        if place.position > shard.committed.position {
            shard.committed = place;
        }
        shard.commit_time = Some(now);
        let committed = shard.committed;
        self.consumer_time = now;
        Ok(committed)
    }

    /// Whether nobody has read for too long, nor reads now.
    pub(super) fn is_idle(&self, now: SystemTime) -> bool {
        let idle = now.duration_since(self.consumer_time).is_ok_and(|idle| idle >= self.settings.idle_ttl);
        idle && self.shards.iter().all(|shard| shard.held(now).is_none())
    }

    fn freest(&self, now: SystemTime) -> Result<u32> {
        let ends = |shard: &Shard| shard.held(now).map(|lease| lease.until);
        let freest = (0..).zip(&self.shards).min_by_key(|(_number, shard)| ends(shard));
        freest.map(|(number, _shard)| number).ok_or(SubscriptionError::Missing)
    }

    /// The shard, if its newest lease is `lease`.
    fn leased(&mut self, lease: &LeaseId) -> Result<&mut Shard> {
        let shard = self.shards.get_mut(lease.shard as usize).ok_or(SubscriptionError::Missing)?;
        let newest = shard.lease.as_ref().is_some_and(|held| held.token == lease.token);
        if newest { Ok(shard) } else { Err(SubscriptionError::Fenced) }
    }
}

impl Shard {
    /// The lease that somebody holds.
    pub fn held(&self, now: SystemTime) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.until > now)
    }
}
