//! What the parts that all stand-ins share ask of each.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::{Router, middleware};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

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

/// A stand-in of a vendor whose documents can be read in more than one way.
pub(super) trait Interpreter: StandIn {
    /// The readings that it follows.
    type Profile: Reading;
    /// Everything that was made.
    type Register: Register;

    /// The readings, behind their lock.
    fn reading(&self) -> &Mutex<Self::Profile>;

    /// What was made, behind its lock.
    fn records(&self) -> &Mutex<Self::Register>;

    /// The readings as they are now.
    fn profile(&self) -> Self::Profile {
        self.reading().lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was made, and what nobody finished in time has ended.
    fn register(&self) -> MutexGuard<'_, Self::Register> {
        let mut register = self.records().lock().unwrap_or_else(PoisonError::into_inner);
        register.expire(self.clock().now());
        register
    }
}

/// Everything that was made at a vendor.
pub(super) trait Register: Send + 'static {
    /// Ends what nobody finished before `now`.
    fn expire(&mut self, now: SystemTime);
}

/// Readings of a vendor's documents, each member a switch with a default.
pub(super) trait Reading: Clone + Default + DeserializeOwned + Send + Serialize + 'static {
    /// Readings that differ from the default, for whoever wrote none.
    const EXAMPLE: &'static str;

    /// Says what no type can say about them.
    fn check(&self) -> Result<(), String>;

    /// The same but for the members of `change`.
    fn with(&self, change: Map<String, Value>) -> Result<Self, String> {
        let mut members = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Value::Object(members) = &mut members {
            members.extend(change);
        }
        let changed: Self = serde_path_to_error::deserialize(members).map_err(|error| error.to_string())?;
        changed.check().map(|()| changed)
    }

    /// The command line's form: a JSON object of what differs from the default.
    fn parse(text: &str) -> Result<Self, String> {
        let change = serde_json::from_str(text)
            .map_err(|error| format!("a profile is a JSON object such as {}: {error}", Self::EXAMPLE))?;
        Self::default().with(change)
    }
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
