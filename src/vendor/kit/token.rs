//! One login for all callers of a credential.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::clock::Clock;
use crate::error::{Error, Result};

/// How long after a failed early renewal the old token is used without another try.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);
/// How long nobody logs in again after a login that failed without saying when to come back, or that brought a token
/// which is refused like the one before it: a vendor that locks accounts counts every try.
const LOGIN_PAUSE: Duration = Duration::from_secs(10);
/// A token that ends sooner than it would be renewed is renewed when this share of its life is over.
const RENEWAL_SHARE: f64 = 0.9;
/// Spread of the renewal time, so that replicas do not log in at the same moment.
const RENEWAL_JITTER: f64 = 0.05;

/// Keeps one token: all callers share it, and while there is none they share one login.
#[derive(Clone)]
pub struct TokenCache<T>(Arc<Inner<T>>);

/// A token in use. Hand it to [`TokenCache::replace`] when the vendor refuses it.
pub struct Token<T> {
    /// What the vendor gave.
    pub value: T,
    expires: SystemTime,
    /// Until when another login would be in vain if the vendor refuses this token too, which replaces a refused one.
    in_vain_until: Option<SystemTime>,
    worked: AtomicBool,
}

/// What a login brought.
pub struct Issued<T> {
    /// What the vendor gave.
    pub value: T,
    /// When the vendor stops taking it, however it is used.
    pub expires: SystemTime,
}

/// When a token is not used any more although its hard end has not come.
#[derive(Debug, Clone, Copy)]
pub struct TokenRules {
    /// Renewed this long after the login, plus or minus 5 %.
    pub renew_after: Duration,
    /// Dropped when nobody used it for this long.
    pub idle: Duration,
}

type Login<T> = dyn Fn() -> BoxFuture<'static, Result<Issued<T>>> + Send + Sync;
type Outcome<T> = std::result::Result<Arc<Token<T>>, Arc<Error>>;
type Flight<T> = BoxFuture<'static, Outcome<T>>;

struct Inner<T> {
    clock: Clock,
    rules: TokenRules,
    login: Box<Login<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    held: Option<Held<T>>,
    /// Weak: a first login that every waiter gave up on is dropped, not found half done by the next caller.
    flight: Option<WeakShared<Flight<T>>>,
    /// The last login, if it failed.
    failure: Option<Failure>,
    /// The vendor refused the token before the next one.
    refused: bool,
}

/// A login that failed, and when the next one may be tried.
struct Failure {
    error: Arc<Error>,
    until: SystemTime,
}

struct Held<T> {
    token: Arc<Token<T>>,
    renew_at: SystemTime,
    last_used: SystemTime,
}

impl<T: Send + Sync + 'static> TokenCache<T> {
    /// A cache that gets its tokens from `login`.
    pub fn new(
        clock: Clock,
        rules: TokenRules,
        login: impl Fn() -> BoxFuture<'static, Result<Issued<T>>> + Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State { held: None, flight: None, failure: None, refused: false });
        Self(Arc::new(Inner { clock, rules, login: Box::new(login), state }))
    }

    /// The present token, or that of the one login all waiters share. A failed login fails every waiter, and whoever
    /// comes before it may be tried again. Nobody waits for an early renewal, which fails nobody: the old token is used
    /// for as long as it is good.
    pub async fn get(&self) -> Result<Arc<Token<T>>> {
        let flight = match self.0.usable() {
            Usable::Token(token) => return Ok(token),
            Usable::Failed { error, left } => {
                let retry_after = error.retry_after.map(|_then| left);
                return Err(Error { retry_after, ..shared_failure(error) });
            }
            Usable::Flight(flight) => flight,
        };
        flight.await.map_err(shared_failure)
    }

    /// Another token in place of `refused`. Of many callers whose calls were refused with the same token, the first
    /// leads to a login; the rest find the next token or the login on its way. `None` when `refused` replaced another
    /// one a moment ago and never worked: then it is not the token that the vendor dislikes.
    pub async fn replace(&self, refused: &Token<T>) -> Result<Option<Arc<Token<T>>>> {
        let now = self.0.clock.now();
        if !refused.worked.load(Ordering::Relaxed) && refused.in_vain_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        {
            let mut state = self.0.lock();
            if state.held.as_ref().is_some_and(|held| std::ptr::eq(&*held.token, refused)) {
                state.held = None;
                state.refused = true;
            }
        }
        self.get().await.map(Some)
    }
}

impl<T> Token<T> {
    /// The vendor has taken it.
    pub fn worked(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }
}

enum Usable<T> {
    Token(Arc<Token<T>>),
    /// The last login failed, and the next one has to wait.
    Failed {
        error: Arc<Error>,
        left: Duration,
    },
    Flight(Shared<Flight<T>>),
}

impl<T: Send + Sync + 'static> Inner<T> {
    fn usable(self: &Arc<Self>) -> Usable<T> {
        let now = self.clock.now();
        let mut state = self.lock();
        let flight = state.flight.as_ref().and_then(WeakShared::upgrade);
        if let Some(held) = state.held.as_mut().filter(|held| held.is_good(now, self.rules)) {
            held.last_used = now;
            let (token, due) = (held.token.clone(), now >= held.renew_at);
            if due && flight.is_none() {
                // On its own: with whoever began it, it would end when they leave, and so be begun again and again.
                tokio::spawn(self.take_off(&mut state));
            }
            return Usable::Token(token);
        }
        if let Some(flight) = flight {
            return Usable::Flight(flight);
        }
        if let Some(Failure { error, until }) = &state.failure
            && let Ok(left) = until.duration_since(now)
            && !left.is_zero()
        {
            return Usable::Failed { error: error.clone(), left };
        }
        Usable::Flight(self.take_off(&mut state))
    }

    fn take_off(self: &Arc<Self>, state: &mut State<T>) -> Shared<Flight<T>> {
        let flight = self.clone().fly().boxed().shared();
        state.flight = flight.downgrade();
        flight
    }

    async fn fly(self: Arc<Self>) -> Outcome<T> {
        let outcome = (self.login)().await;
        let now = self.clock.now();
        let mut state = self.lock();
        state.flight = None;
        match outcome {
            Ok(Issued { value, expires }) => {
                state.failure = None;
                let in_vain_until = std::mem::take(&mut state.refused).then(|| now + LOGIN_PAUSE);
                let token = Arc::new(Token { value, expires, in_vain_until, worked: AtomicBool::new(false) });
                let life = expires.duration_since(now).unwrap_or_default();
                let renew_after = self.rules.renew_after.min(life.mul_f64(RENEWAL_SHARE));
                let renew_at = now + self.clock.jitter(renew_after, RENEWAL_JITTER);
                state.held = Some(Held { token: token.clone(), renew_at, last_used: now });
                Ok(token)
            }
            Err(error) => match &mut state.held {
                Some(held) if held.is_good(now, self.rules) => {
                    held.renew_at = now + RENEWAL_PAUSE;
                    tracing::warn!(
                        error.operation = error.operation,
                        "A vendor login could not be renewed early."
                    );
                    Ok(held.token.clone())
                }
                _ => {
                    let error = Arc::new(error);
                    let until = now + error.retry_after.unwrap_or(LOGIN_PAUSE);
                    state.failure = Some(Failure { error: error.clone(), until });
                    Err(error)
                }
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Held<T> {
    /// The vendor takes it, as far as is known.
    fn is_good(&self, now: SystemTime, rules: TokenRules) -> bool {
        now < self.token.expires && now < self.last_used + rules.idle
    }
}

/// An error of its own for each waiter; what the vendor said is kept as its cause.
fn shared_failure(error: Arc<Error>) -> Error {
    Error {
        kind: error.kind,
        operation: error.operation,
        detail: error.detail.clone(),
        violations: error.violations.clone(),
        retry_after: error.retry_after,
        vendor: error.vendor.clone(),
        resource: error.resource.clone(),
        source: Some(Box::new(error)),
    }
}

impl<T> fmt::Debug for TokenCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCache")
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Issued<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("expires", &self.expires).finish_non_exhaustive()
    }
}
