//! One lock per key, made when asked for and gone when nobody holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Keeps work on the same thing in turn inside this process. The journal's revisions guard against other processes.
#[derive(Default)]
pub(super) struct KeyedLocks(Mutex<HashMap<String, Arc<AsyncMutex<()>>>>);

impl KeyedLocks {
    /// Waits for the lock of `key`.
    pub(super) async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = self.get(key);
        lock.lock_owned().await
    }

    /// Waits for several locks, always in the same order.
    pub(super) async fn lock_all(&self, mut keys: Vec<String>) -> Vec<OwnedMutexGuard<()>> {
        keys.sort();
        keys.dedup();
        let mut guards = Vec::with_capacity(keys.len());
        for key in keys {
            guards.push(self.lock(&key).await);
        }
        guards
    }

    /// The lock of `key`, unless somebody holds it.
    pub(super) fn try_lock(&self, key: &str) -> Option<OwnedMutexGuard<()>> {
        self.get(key).try_lock_owned().ok()
    }

    fn get(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(key) {
            return lock.clone();
        }
        // Nobody else can be holding on to a lock that only the map knows.
        locks.retain(|_key, lock| Arc::strong_count(lock) > 1);
        locks.entry(key.to_owned()).or_default().clone()
    }
}
