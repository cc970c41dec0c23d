//! Time, ids and randomness as values, so that tests can hold them still.
//!
//! Nothing else in the crate may ask the system for any of the three; `clippy.toml` bans it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

/// A source of time and randomness. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Source>);

trait Source: Send + Sync {
    fn now(&self) -> SystemTime;
    fn sleep_until(&self, deadline: SystemTime) -> BoxFuture<'static, ()>;
    fn fill(&self, bytes: &mut [u8]);
}

impl Clock {
    /// The machine's time and its secure random numbers.
    pub fn system() -> Self {
        Self(Arc::new(SystemSource))
    }

    /// A clock that stands still at `start` until its [`ManualClock`] moves it.
    pub fn manual(start: SystemTime) -> (Self, ManualClock) {
        let manual = ManualClock(Arc::new(ManualSource::new(start)));
        (Self(manual.0.clone()), manual)
    }

    /// The present time.
    pub fn now(&self) -> SystemTime {
        self.0.now()
    }

    /// The present time in whole milliseconds since 1970.
    pub fn now_millis(&self) -> i64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Resolves once `deadline` has passed.
    pub fn sleep_until(&self, deadline: SystemTime) -> BoxFuture<'static, ()> {
        self.0.sleep_until(deadline)
    }

    /// Resolves after `duration`.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }

    /// A random (version 4) UUID.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random()).into_uuid()
    }

    /// `N` random bytes fit for keys.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    /// `duration` lengthened or shortened by up to `share` of itself (0.1: ten per cent).
    pub fn jitter(&self, duration: Duration, share: f64) -> Duration {
        let unit = f64::from(u32::from_le_bytes(self.random())) / f64::from(u32::MAX);
        duration.mul_f64((1.0 + share * (2.0 * unit - 1.0)).max(0.0))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

struct SystemSource;

impl Source for SystemSource {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's time")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits on the machine's time")]
    fn sleep_until(&self, deadline: SystemTime) -> BoxFuture<'static, ()> {
        let left = deadline.duration_since(self.now()).unwrap_or_default();
        Box::pin(tokio::time::sleep(left))
    }

    fn fill(&self, bytes: &mut [u8]) {
        if SystemRandom::new().fill(bytes).is_err() {
            // Without randomness every key and id would be guessable: nothing may go on.
            std::process::abort();
        }
    }
}

/// Moves a clock made by [`Clock::manual`]. Its random numbers are real: ids stay unique across tests.
#[derive(Clone)]
pub struct ManualClock(Arc<ManualSource>);

impl ManualClock {
    /// Moves the time forward and wakes everything whose deadline has come, in order of deadline.
    pub fn advance(&self, by: Duration) {
        let woken = {
            let mut state = self.0.lock();
            state.now += by;
            let later = state.now + Duration::from_nanos(1);
            let rest = state.sleepers.split_off(&(later, 0));
            std::mem::replace(&mut state.sleepers, rest)
        };
        for (_, sleeper) in woken {
            // A dropped receiver is a sleeper that no longer waits.
            let _gone = sleeper.send(());
        }
    }

    /// Moves the time back, as a machine's clock does when it is corrected. Deadlines stay where they are.
    pub fn set_back(&self, by: Duration) {
        self.0.lock().now -= by;
    }

    /// How many sleepers wait for the time to move.
    pub fn sleepers(&self) -> usize {
        self.0.lock().sleepers.values().filter(|sleeper| !sleeper.is_closed()).count()
    }
}

struct ManualSource(Mutex<ManualState>);

struct ManualState {
    now: SystemTime,
    next: u64,
    sleepers: BTreeMap<(SystemTime, u64), oneshot::Sender<()>>,
}

impl ManualSource {
    fn new(now: SystemTime) -> Self {
        Self(Mutex::new(ManualState { now, next: 1, sleepers: BTreeMap::new() }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ManualState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for ManualSource {
    fn now(&self) -> SystemTime {
        self.lock().now
    }

    fn sleep_until(&self, deadline: SystemTime) -> BoxFuture<'static, ()> {
        let mut state = self.lock();
        if deadline <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (sender, receiver) = oneshot::channel();
        let number = state.next;
        state.next += 1;
        state.sleepers.insert((deadline, number), sender);
        Box::pin(async move {
            // The sender is only dropped with the clock itself; waking then is as good as any time.
            let _woken = receiver.await;
        })
    }

    fn fill(&self, bytes: &mut [u8]) {
        SystemSource.fill(bytes);
    }
}
