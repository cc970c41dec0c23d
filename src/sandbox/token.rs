//! Tokens that are alive.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Clock;

/// The tokens that are alive, and when each ends.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, SystemTime>>);

impl Tokens {
    /// A new token that lives for `life`, and its end; earlier ones stay valid.
    pub(super) fn issue(&self, clock: &Clock, life: Duration) -> (String, SystemTime) {
        let token = URL_SAFE_NO_PAD.encode(clock.random::<32>());
        let end = clock.now() + life;
        self.keep(clock, &token, end);
        (token, end)
    }

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
