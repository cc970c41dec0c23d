//! Tokens that are alive.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::clock::Clock;

/// The tokens that are alive, and when each ends.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, SystemTime>>);

impl Tokens {
    /// Takes `token` until `end`.
    pub(super) fn keep(&self, clock: &Clock, token: &str, end: SystemTime) {
        let now = clock.now();
        let mut live = self.live();
        live.retain(|_token, end| now < *end);
        live.insert(token.to_owned(), end);
    }

    /// Whether `token` is alive.
    pub(super) fn accept(&self, clock: &Clock, token: &str) -> bool {
        self.live().get(token).is_some_and(|end| clock.now() < *end)
    }

    /// Ends all tokens, and tells how many.
    pub(super) fn revoke(&self) -> usize {
        std::mem::take(&mut *self.live()).len()
    }

    fn live(&self) -> MutexGuard<'_, HashMap<String, SystemTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
