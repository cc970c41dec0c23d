//! Until when a call may take, carried through everything that it does.

use std::time::SystemTime;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result, VendorFault};
use crate::vendor::kit::http::DEFAULT_DELAY;

/// When a call ends, whatever has become of it by then, and what that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: SystemTime,
    kind: Kind,
}

impl Deadline {
    /// The caller stops waiting at `at`: that says nothing of the vendor.
    pub fn of_caller(at: SystemTime) -> Self {
        Self { at, kind: Kind::DeadlineExceeded }
    }

    /// The vendor has had all the time there is at `at`.
    pub fn of_vendor(at: SystemTime) -> Self {
        Self { at, kind: Kind::VendorTimeout }
    }

    /// When it ends.
    pub fn at(self) -> SystemTime {
        self.at
    }

    /// The one that comes first.
    #[must_use]
    pub fn or_earlier(self, other: Option<Self>) -> Self {
        other.filter(|other| other.at <= self.at).unwrap_or(self)
    }

    /// What `work` comes to in `operation`, or that the time was over before.
    pub async fn hold<T>(
        self,
        clock: &Clock,
        operation: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = clock.sleep_until(self.at) => Err(self.passed(operation)),
        }
    }

    /// The time of `operation` is over.
    pub fn passed(self, operation: &'static str) -> Error {
        let error =
            |detail: &str| Error::new(self.kind, operation, detail).from_vendor(VendorFault::default());
        match self.kind {
            Kind::DeadlineExceeded => error("the caller's deadline passed before the vendor had answered"),
            _ => error("no answer came in time").retry_after(DEFAULT_DELAY),
        }
    }
}
