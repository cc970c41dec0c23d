//! What was asked of the stand-in, so that a test can tell one vendor session from two.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use super::api::{self, GET, LOGIN, START};

/// How often the vendor lets its system check be asked.
const CHECK_EVERY: Duration = Duration::from_secs(5 * 60);

/// What was counted since the start.
#[derive(Default)]
pub(super) struct Statistics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// Answers by `METHOD path-template`, then by status.
    answers: BTreeMap<String, BTreeMap<u16, u64>>,
    last_check: Option<SystemTime>,
    hasty_checks: u64,
}

impl Statistics {
    /// The counts: requests answered, whatever the answer, and the same split by path and status.
    pub(super) fn view(&self) -> Value {
        let counts = self.lock();
        let sum = |key: String| counts.answers.get(&key).map_or(0, |answers| answers.values().sum::<u64>());
        json!({
            "logins": sum(format!("POST {LOGIN}")),
            "starts": sum(format!("POST {START}")),
            "gets": sum(format!("GET {GET}")),
            "hasty_system_checks": counts.hasty_checks,
            "by_path": counts.answers,
        })
    }

    /// Takes note of a system check at `now`, which may come too soon after the last one.
    pub(super) fn checked(&self, now: SystemTime) {
        let mut counts = self.lock();
        let too_soon = |last: SystemTime| now < last + CHECK_EVERY;
        counts.hasty_checks += u64::from(counts.last_check.is_some_and(too_soon));
        counts.last_check = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request by its route, never by its path: ids would make the table grow without end.
pub(super) async fn count(State(counts): State<Arc<Statistics>>, request: Request, next: Next) -> Response {
    let route = api::route(&request).map(Cow::into_owned);
    let method = request.method().clone();
    let response = next.run(request).await;
    if let Some(route) = route {
        let status = response.status().as_u16();
        let key = format!("{method} {route}");
        *counts.lock().answers.entry(key).or_default().entry(status).or_default() += 1;
    }
    response
}
