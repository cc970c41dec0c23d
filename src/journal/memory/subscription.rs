//! Durable subscriptions, for as long as the process lives.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::journal::Place;
use crate::journal::memory::MemoryJournal;
use crate::journal::subscription::{
    Acquire, LeaseId, Leased, NewSubscription, Subscription, SubscriptionError, SubscriptionSettings,
    Subscriptions,
};
use crate::model::name::SubscriptionName;

type Result<T> = std::result::Result<T, SubscriptionError>;

/// The subscriptions and the newest fencing token.
#[derive(Default)]
pub(super) struct Kept {
    rows: BTreeMap<SubscriptionName, Subscription>,
    token: u64,
}

impl Kept {
    /// Drops those that are idle; how many.
    pub(super) fn sweep(&mut self, now: SystemTime) -> usize {
        let before = self.rows.len();
        self.rows.retain(|_name, row| !row.is_idle(now));
        before - self.rows.len()
    }
}

impl MemoryJournal {
    /// Changes the subscription that is there.
    fn change<T>(
        &self,
        name: &SubscriptionName,
        change: impl FnOnce(&mut Subscription, &mut u64) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.state();
        state.refuse_when_told()?;
        let Kept { rows, token } = &mut state.subscriptions;
        change(rows.get_mut(name).ok_or(SubscriptionError::Missing)?, token)
    }
}

#[async_trait]
impl Subscriptions for MemoryJournal {
    async fn create(&self, new: NewSubscription) -> Result<Subscription> {
        let mut state = self.state();
        state.refuse_when_told()?;
        let rows = &mut state.subscriptions.rows;
        if rows.contains_key(&new.name) {
            return Err(SubscriptionError::Exists);
        }
        let made = Subscription::new(new);
        rows.insert(made.name.clone(), made.clone());
        Ok(made)
    }

    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>> {
        Ok(self.state().subscriptions.rows.get(name).cloned())
    }

    async fn list(&self, after: Option<&SubscriptionName>, limit: usize) -> Result<Vec<Subscription>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let rest = state.subscriptions.rows.range::<SubscriptionName, _>((from, Bound::Unbounded));
        Ok(rest.take(limit).map(|(_name, row)| row.clone()).collect())
    }

    async fn update(
        &self,
        name: &SubscriptionName,
        revision: u64,
        settings: SubscriptionSettings,
    ) -> Result<Subscription> {
        self.change(name, |row, _token| row.update(revision, settings).map(|()| row.clone()))
    }

    async fn delete(&self, name: &SubscriptionName, revision: Option<u64>) -> Result<()> {
        let mut state = self.state();
        state.refuse_when_told()?;
        let rows = &mut state.subscriptions.rows;
        rows.get(name).ok_or(SubscriptionError::Missing)?.expect(revision)?;
        rows.remove(name);
        Ok(())
    }

    async fn seek(&self, name: &SubscriptionName, place: Place) -> Result<Subscription> {
        self.change(name, |row, _token| {
            row.seek(place);
            Ok(row.clone())
        })
    }

    async fn acquire(&self, ask: Acquire) -> Result<Leased> {
        self.change(&ask.subscription.clone(), |row, token| {
            let leased = row.acquire(ask, *token + 1)?;
            *token += 1;
            Ok(leased)
        })
    }

    async fn renew(&self, lease: &LeaseId, now: SystemTime, until: SystemTime) -> Result<()> {
        self.change(&lease.subscription, |row, _token| row.renew(lease, now, until))
    }

    async fn release(&self, lease: &LeaseId, now: SystemTime) -> Result<()> {
        self.change(&lease.subscription, |row, _token| row.release(lease, now))
    }

    async fn commit(&self, lease: &LeaseId, place: Place, now: SystemTime) -> Result<Place> {
        self.change(&lease.subscription, |row, _token| row.commit(lease, place, now))
    }
}
