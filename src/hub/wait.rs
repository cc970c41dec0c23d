//! Waiting for one identification, for callers that hold no stream.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use tokio::sync::{SemaphorePermit, watch};

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::journal::Position;
use crate::model::name::IdentificationName;
use crate::model::validate::Checks;
use crate::proto::{
    Identification, IdentificationState, WaitIdentificationRequest, WaitIdentificationResponse,
};
use crate::telemetry::Open;

const WAIT: &str = "wait_identification";
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// What an answer is given to reach the caller before its deadline; of a short time left no more than a quarter.
const ON_THE_WAY: Duration = Duration::from_millis(500);

impl Hub {
    /// Answers once the identification is as it was asked for, or when the time is over: `max_wait`, or what is left to
    /// the caller until its deadline.
    pub async fn wait_identification(
        &self,
        request: WaitIdentificationRequest,
        left: Option<Duration>,
    ) -> Result<WaitIdentificationResponse> {
        let mut condition = Condition::parse(request)?;
        let ends_at = self.clock.now() + patience(condition.max_wait, left);
        let mut head = self.journal.watch_head();
        let mut turn = None;
        loop {
            // Before the look, so that nothing can happen between the two unnoticed.
            head.mark_unchanged();
            let identification = self.existing(&condition.name, WAIT).await?.identification;
            let holds = condition.holds(&identification);
            let timed_out = !holds && self.clock.now() >= ends_at;
            if holds || timed_out {
                return Ok(WaitIdentificationResponse { identification: Some(identification), timed_out });
            }
            if self.drain.is_cancelled() {
                let detail = "the gateway is shutting down; wait again at another one";
                return Err(Error::new(Kind::GatewayDraining, WAIT, detail));
            }
            if turn.is_none() {
                turn = Some(self.begin_to_wait(WAIT)?);
            }
            self.until_moved(&mut head, ends_at).await;
        }
    }

    /// A place among the calls that wait, as long as it is held.
    pub(super) fn begin_to_wait(&self, operation: &'static str) -> Result<(SemaphorePermit<'_>, Open)> {
        let permit = self.open_waits.try_acquire().map_err(|_none_left| {
            Error::new(Kind::WatchLimitExceeded, operation, "too many calls are waiting")
        })?;
        Ok((permit, self.metrics.wait_opened()))
    }

    /// Waits until the journal moves, until `ends_at`, or until the process drains.
    pub(super) async fn until_moved(&self, head: &mut watch::Receiver<Position>, ends_at: SystemTime) {
        let moved = async {
            match head.changed().await {
                Ok(()) => {}
                Err(_journal_gone) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = moved => {}
            () = self.drain.cancelled() => {}
            () = self.clock.sleep_until(ends_at) => {}
        }
    }
}

/// How long a caller is kept waiting who asked for `max_wait` and has `left` until its deadline.
pub(super) fn patience(max_wait: Duration, left: Option<Duration>) -> Duration {
    left.map_or(max_wait, |left| max_wait.min(left - ON_THE_WAY.min(left / 4)))
}

/// What is waited for.
struct Condition {
    name: IdentificationName,
    /// A higher revision than this; `None`: than it has when the wait begins.
    after_revision: Option<i64>,
    /// One of these; empty: any.
    states: BTreeSet<IdentificationState>,
    max_wait: Duration,
}

impl Condition {
    fn parse(request: WaitIdentificationRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let name = checks.parse("name", &request.name);
        if request.after_revision < 0 {
            checks.refuse("after_revision", "must be a revision, or 0");
        }
        let states = checks.values("states", &request.states);
        let max_wait = match request.max_wait.map_or(Ok(Duration::ZERO), Duration::try_from) {
            Ok(Duration::ZERO) => DEFAULT_WAIT,
            Ok(wait) if wait <= LONGEST_WAIT => wait,
            Ok(_) | Err(_) => {
                checks.refuse("max_wait", "must be at most 60 s, or 0 for 30 s");
                DEFAULT_WAIT
            }
        };
        let any_change = request.after_revision == 0 && states.is_empty();
        let after_revision = (!any_change).then_some(request.after_revision);
        let Some(name) = name else { return Err(checks.refused(WAIT)) };
        checks.finish(WAIT)?;
        Ok(Self { name, after_revision, states, max_wait })
    }

    /// Whether it is so. The first look fixes the revision where none was given.
    fn holds(&mut self, identification: &Identification) -> bool {
        let after = *self.after_revision.get_or_insert(identification.revision);
        identification.revision > after
            && (self.states.is_empty() || self.states.contains(&identification.state()))
    }
}
