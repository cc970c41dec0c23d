//! What was asked of a stand-in, so that a test can tell one vendor session from two.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use super::stand_in::StandIn;

/// Answers by `METHOD path-template`, then by status.
#[derive(Default)]
pub(super) struct Statistics(Mutex<BTreeMap<String, BTreeMap<u16, u64>>>);

impl Statistics {
    /// How many requests to `METHOD path-template` were answered, whatever the answer.
    pub(super) fn sum(&self, key: &str) -> u64 {
        self.lock().get(key).map_or(0, |answers| answers.values().sum())
    }

    /// All of them.
    pub(super) fn view(&self) -> Value {
        json!(*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<u16, u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request by its route, never by its path: ids would make the table grow without end.
pub(super) async fn count<S: StandIn>(
    State(stand_in): State<Arc<S>>,
    request: Request,
    next: Next,
) -> Response {
    let route = stand_in.route(&request).map(Cow::into_owned);
    let method = request.method().clone();
    let response = next.run(request).await;
    if let Some(route) = route {
        let status = response.status().as_u16();
        let key = format!("{method} {route}");
        *stand_in.statistics().lock().entry(key).or_default().entry(status).or_default() += 1;
    }
    response
}
