//! What was asked of the stand-in, so that a test can tell one vendor session from two.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use super::{GET, LOGIN, START};

/// Answers by `METHOD path-template`, then by status.
#[derive(Default)]
pub(super) struct Statistics(Mutex<BTreeMap<String, BTreeMap<u16, u64>>>);

impl Statistics {
    /// The counts: requests answered, whatever the answer, and the same split by path and status.
    pub(super) fn view(&self) -> Value {
        let counts = self.lock();
        let sum = |key: String| counts.get(&key).map_or(0, |answers| answers.values().sum::<u64>());
        json!({
            "logins": sum(format!("POST {LOGIN}")),
            "starts": sum(format!("POST {START}")),
            "gets": sum(format!("GET {GET}")),
            "by_path": *counts,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<u16, u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request by its route, never by its path: ids would make the table grow without end.
pub(super) async fn count(State(counts): State<Arc<Statistics>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    if let Some(route) = route {
        let status = response.status().as_u16();
        *counts.lock().entry(format!("{method} {route}")).or_default().entry(status).or_default() += 1;
    }
    response
}
