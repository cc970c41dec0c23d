//! How many transfers may be under way at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// How long a call waits for a place. Less than the shortest default deadline of a call that needs one, so that its
/// caller hears what it waited for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Places for transfers whose content takes room here.
#[derive(Debug)]
pub struct Places {
    clock: Clock,
    free: Arc<Semaphore>,
}

/// One place, taken until it is dropped.
#[derive(Debug)]
pub struct Taken {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many places.
    pub fn new(clock: Clock, count: usize) -> Self {
        Self { clock, free: Arc::new(Semaphore::new(count)) }
    }

    /// Takes a place, once there is one. Before the vendor is asked: its answer would not wait.
    ///
    /// # Errors
    /// GATEWAY_OVERLOADED when none became free within 20 seconds.
    pub async fn take(&self, operation: &'static str) -> Result<Taken> {
        let permit = tokio::select! {
            biased;
            permit = self.free.clone().acquire_owned() => permit.ok(),
            () = self.clock.sleep(LONGEST_WAIT) => None,
        };
        let detail = "too many files are on their way between callers and the vendor";
        let permit = permit.ok_or_else(|| Error::new(Kind::GatewayOverloaded, operation, detail))?;
        Ok(Taken { _permit: permit })
    }
}
