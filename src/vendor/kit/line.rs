//! The way to one vendor account: every call goes over it, in its turn, within its time, and again where that helps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::model::name::ConnectionId;
use crate::telemetry::Metrics;
use crate::vendor::kit::breaker::{Breaker, BreakerRules, Pass, Place};
use crate::vendor::kit::deadline::Deadline;
use crate::vendor::kit::http::{Answer, Call, FILE_TIME, Failed, Opened, Transport};
use crate::vendor::kit::limit::{LimitSettings, Rate, Slots};
use crate::vendor::kit::metered::Metered;
use crate::vendor::kit::retry::{self, Budget, Repeat};

/// The way to one vendor account.
pub struct Line {
    connection: ConnectionId,
    clock: Clock,
    metrics: Metrics,
    transport: Metered,
    limits: LimitSettings,
    slots: Slots,
    rate: Option<Rate>,
    budget: Budget,
    breakers: Mutex<HashMap<&'static str, Arc<Breaker>>>,
}

/// What a [`Line`] is made of.
pub struct LineParts {
    /// Whose it is.
    pub connection: ConnectionId,
    /// Time and randomness.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// Sends.
    pub transport: Arc<dyn Transport>,
    /// How much, and how patiently.
    pub limits: LimitSettings,
}

impl Line {
    /// A line over its parts.
    pub fn new(parts: LineParts) -> Self {
        let LineParts { connection, clock, metrics, transport, limits } = parts;
        let now = clock.now();
        Self {
            transport: Metered::new(transport, connection.clone(), metrics.clone(), clock.clone()),
            slots: Slots::new(limits.max_concurrent_requests, limits.max_waiting_calls),
            rate: limits.max_requests_per_second.map(|per_second| Rate::new(per_second, now)),
            budget: Budget::new(now),
            breakers: Mutex::default(),
            connection,
            clock,
            metrics,
            limits,
        }
    }

    /// `call` with the end that every call over this line has, if it has no earlier one. What takes several calls to
    /// do takes them all from one that was begun so.
    pub fn begin(&self, call: Call) -> Call {
        let deadline = self.deadline(&call);
        call.due(Some(deadline))
    }

    /// When `call`, begun now, ends.
    pub fn deadline(&self, call: &Call) -> Deadline {
        let time = call.time().unwrap_or(self.limits.call_timeout());
        Deadline::of_vendor(self.clock.now() + time).or_earlier(call.deadline())
    }

    /// Sends `call`, again while that may help. `failure` tells of answers that say the vendor is not able to answer
    /// now: VENDOR_UNAVAILABLE or VENDOR_RATE_LIMITED. Every other answer is `Ok`, and the caller's to read.
    pub async fn send(
        &self,
        call: &Call,
        failure: impl Fn(&Answer) -> Option<Error> + Send + Sync,
    ) -> Result<Answer> {
        let failure = &failure;
        let once = move || async move {
            let answer = call.send(&self.transport, &self.clock).await?;
            unless_unable(answer, failure)
        };
        self.patiently(call, once).await
    }

    /// Opens the file that `call` asks for, as [`Line::send`] sends. The time of the call ends with the answer's header;
    /// then each piece may take as long as a try, and the whole file an hour.
    pub async fn open(
        &self,
        call: &Call,
        failure: impl Fn(&Answer) -> Option<Error> + Send + Sync,
    ) -> Result<Opened> {
        let failure = &failure;
        let once = move || async move {
            match call.open(&self.transport, &self.clock).await? {
                Opened::Answer(answer) => unless_unable(answer, failure).map(Opened::Answer),
                Opened::File(file) => {
                    let end = Deadline::of_vendor(self.clock.now() + FILE_TIME);
                    let patience = self.limits.attempt_timeout();
                    let timed = file.in_time(self.clock.clone(), call.operation(), patience, end);
                    Ok(Opened::File(timed))
                }
            }
        };
        self.patiently(call, once).await
    }

    /// Does `once` what `call` is for, again while that may help.
    async fn patiently<T, F>(&self, call: &Call, once: impl Fn() -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T, Failed>> + Send,
    {
        let deadline = self.deadline(call);
        let breaker = self.breaker(call.operation());
        self.budget.note_call(self.clock.now());
        let mut tries = 1;
        loop {
            let failed = match self.attempt(call, deadline, &breaker, once()).await {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            let Some(pause) = self.pause(call, &failed, tries, deadline) else {
                return Err(told(call, failed));
            };
            if breaker.is_open() || !self.budget.take(self.clock.now()) {
                return Err(told(call, failed));
            }
            self.clock.sleep(pause).await;
            tries += 1;
        }
    }

    async fn attempt<T>(
        &self,
        call: &Call,
        deadline: Deadline,
        breaker: &Arc<Breaker>,
        once: impl Future<Output = Result<T, Failed>> + Send,
    ) -> Result<T, Failed> {
        let operation = call.operation();
        let (_slot, pass) = self.turn(operation, deadline, breaker).await.map_err(unsent)?;
        let now = self.clock.now();
        if now >= deadline.at() {
            return Err(unsent(deadline.passed(operation)));
        }
        let patience = call.time().unwrap_or(self.limits.attempt_timeout());
        let patience = Deadline::of_vendor(now + patience);
        let end = patience.or_earlier(Some(deadline));
        let done = tokio::select! {
            biased;
            done = once => done,
            () = self.clock.sleep_until(end.at()) => {
                Err(Failed { error: Box::new(end.passed(operation)), acted: true, asked: None })
            }
        };
        judge(pass, done.as_ref().err());
        done
    }

    /// Waits for leave to send one request.
    async fn turn(
        &self,
        operation: &'static str,
        deadline: Deadline,
        breaker: &Arc<Breaker>,
    ) -> Result<(SemaphorePermit<'_>, Pass)> {
        let slot = self.slots.enter(&self.clock, deadline.at()).await.map_err(|_full| {
            Error::new(Kind::GatewayOverloaded, operation, "too many calls of this connection are under way")
        })?;
        let pass = breaker.admit().map_err(|left| {
            let detail = "the vendor failed again and again and is left alone for a while";
            Error::new(Kind::VendorCircuitOpen, operation, detail).retry_after(left)
        })?;
        if let Some(rate) = &self.rate {
            let turn = rate.book(self.clock.now(), deadline.at()).map_err(|wait| {
                let detail = "the configured rate of requests to the vendor is reached";
                Error::new(Kind::VendorRateLimited, operation, detail).retry_after(wait)
            })?;
            self.clock.sleep_until(turn).await;
        }
        Ok((slot, pass))
    }

    /// How long to wait before the next try, if there may be one and it can still begin in time.
    fn pause(&self, call: &Call, failed: &Failed, tries: u32, deadline: Deadline) -> Option<Duration> {
        let may = match call.repeats() {
            Repeat::Freely => true,
            Repeat::Unsent => !failed.acted,
            Repeat::Never => false,
        };
        if !may || !passes(failed.error.kind) || tries >= self.limits.max_attempts {
            return None;
        }
        let pause = failed.asked.unwrap_or_default() + retry::pause(&self.clock, tries);
        (self.clock.now() + pause < deadline.at()).then_some(pause)
    }

    fn breaker(&self, operation: &'static str) -> Arc<Breaker> {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let rules =
                BreakerRules { failures: self.limits.breaker_failures, pause: self.limits.breaker_pause() };
            let (connection, metrics) = (self.connection.clone(), self.metrics.clone());
            Breaker::new(rules, self.clock.clone(), Place { connection, operation, metrics })
        };
        breakers.entry(operation).or_insert_with(made).clone()
    }
}

/// `answer`, unless it says that the vendor is not able to answer now.
fn unless_unable(answer: Answer, failure: impl Fn(&Answer) -> Option<Error>) -> Result<Answer, Failed> {
    match failure(&answer) {
        None => Ok(answer),
        Some(error) => {
            // Who is told to come later was not served.
            let acted = error.kind != Kind::VendorRateLimited;
            Err(Failed { error: Box::new(error), acted, asked: answer.retry_after() })
        }
    }
}

/// Tells the breaker what one try came to.
fn judge(pass: Pass, failed: Option<&Failed>) {
    match failed.map(|failed| failed.error.kind) {
        Some(Kind::VendorUnavailable | Kind::VendorTimeout) => pass.failed(),
        // The caller left: that tells nothing of the vendor.
        Some(Kind::DeadlineExceeded) => drop(pass),
        _ => pass.worked(),
    }
}

/// Whether it may be otherwise in a moment.
fn passes(kind: Kind) -> bool {
    matches!(kind, Kind::VendorUnavailable | Kind::VendorTimeout | Kind::VendorRateLimited)
}

/// The error of a call that is not tried any more.
fn told(call: &Call, failed: Failed) -> Error {
    let silent = passes(failed.error.kind) || failed.error.kind == Kind::DeadlineExceeded;
    if call.repeats() == Repeat::Unsent && failed.acted && silent {
        let detail = "whether the vendor did it is not known, and it is not sent again";
        let Error { operation, vendor, .. } = *failed.error;
        return Error { vendor, ..Error::new(Kind::VendorOutcomeUnknown, operation, detail) };
    }
    *failed.error
}

/// Nothing was sent.
fn unsent(error: Error) -> Failed {
    Failed { asked: error.retry_after, error: Box::new(error), acted: false }
}
