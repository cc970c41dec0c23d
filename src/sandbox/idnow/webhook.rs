//! Where webhooks go, what they carry, and how long the vendor keeps trying.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use crate::sandbox::WebhookTarget;
use crate::sandbox::webhook::{Carrier, Letter, Retry, basic};

/// The wait before the second try; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long the vendor keeps trying.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);

/// Who wants webhooks.
pub(super) struct Targets(Mutex<Book>);

struct Book {
    everyone: Option<WebhookTarget>,
    customers: HashMap<String, WebhookTarget>,
}

/// What the log tells about a webhook.
#[derive(Clone, Serialize)]
pub(super) struct Label {
    /// The account whose target it goes to.
    pub(super) customer: String,
    /// The IdentID.
    pub(super) id: String,
    /// The transaction number.
    pub(super) transactionnumber: String,
    /// The result word in its body.
    pub(super) result: String,
}

impl Targets {
    /// `everyone` until told otherwise.
    pub(super) fn new(everyone: Option<WebhookTarget>) -> Self {
        Self(Mutex::new(Book { everyone, customers: HashMap::new() }))
    }

    /// Sets or removes the target of `customer`, or of everyone without one of their own.
    pub(super) fn set(&self, customer: Option<String>, target: Option<WebhookTarget>) {
        let mut book = self.book();
        match (customer, target) {
            (None, target) => book.everyone = target,
            (Some(customer), Some(target)) => {
                book.customers.insert(customer, target);
            }
            (Some(customer), None) => {
                book.customers.remove(&customer);
            }
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for Targets {
    type Label = Label;

    fn letter(&self, label: &Label, body: &Bytes) -> Option<Letter> {
        let book = self.book();
        let target = book.customers.get(&label.customer).or(book.everyone.as_ref())?;
        let headers = [
            (AUTHORIZATION, basic(&target.username, &target.password)),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ];
        Some(Letter { url: target.url.clone(), headers: HeaderMap::from_iter(headers), body: body.clone() })
    }

    fn retry(&self) -> Retry {
        Retry::Doubling { first: FIRST_WAIT, within: GIVE_UP }
    }
}

/// The bytes of `document`, bare or in a list of one.
pub(super) fn body(document: Value, wrapped: bool) -> Bytes {
    match wrapped {
        true => serde_json::json!({ "identifications": [document] }).to_string().into(),
        false => document.to_string().into(),
    }
}
