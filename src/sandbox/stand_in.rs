//! What the parts that all stand-ins share ask of each.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::{Router, middleware};

use super::background::Background;
use super::fault::{self, Faults, Operation};
use super::statistics::{self, Statistics};
use crate::clock::Clock;

/// Bytes of a request body that are read; the vendors' own limits are not known.
pub(super) const BODY: usize = 256 * 1024;

/// One vendor's API.
pub(super) trait StandIn: Send + Sync + Sized + 'static {
    /// The requests that a fault can be meant for.
    type Operation: Operation;

    /// Where its control API lies.
    const CONTROL: &'static str;

    /// Time, ids and randomness.
    fn clock(&self) -> &Clock;

    /// What goes on between requests.
    fn background(&self) -> &Background;

    /// What goes wrong.
    fn faults(&self) -> &Faults<Self::Operation>;

    /// What was asked.
    fn statistics(&self) -> &Statistics;

    /// What of the vendor's a request asks for: its path with names in place of the values.
    fn route<'r>(&self, request: &'r Request) -> Option<Cow<'r, str>>;

    /// What a fault has to be meant for to meet such a request; `None` if none does.
    fn operation(method: &Method, route: &str) -> Option<Self::Operation>;

    /// The vendor's failure of its own, a 5xx.
    fn server_error(&self, status: StatusCode) -> Response;

    /// The vendor's 401 to a token that it does not take.
    fn unauthorized(&self) -> Response;

    /// The vendor's 429.
    fn rate_limited(&self) -> Response;
}

/// `api` with the faults that are switched on, and counted.
pub(super) fn faulty<S: StandIn>(api: Router<Arc<S>>, stand_in: &Arc<S>) -> Router<Arc<S>> {
    api.layer(middleware::from_fn_with_state(Arc::clone(stand_in), fault::interfere::<S>))
        // Outside of the faults: what was answered is counted, not what would have been.
        .layer(middleware::from_fn_with_state(Arc::clone(stand_in), statistics::count::<S>))
}

/// The header `name`, if it is there and text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
