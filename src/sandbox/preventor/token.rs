//! Login tokens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Clock;

/// How long a token lives. The vendor does not say.
pub(super) const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The tokens that are alive, and when each ends.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, SystemTime>>);

impl Tokens {
    /// A new token and its end; earlier ones stay valid.
    pub(super) fn issue(&self, clock: &Clock) -> (String, SystemTime) {
        let token = URL_SAFE_NO_PAD.encode(clock.random::<32>());
        let now = clock.now();
        let end = now + LIFETIME;
        let mut live = self.live();
        live.retain(|_token, end| now < *end);
        live.insert(token.clone(), end);
        (token, end)
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
