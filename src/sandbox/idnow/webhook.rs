//! Webhooks: sent as the vendor sends them, tried again until they are taken, outdated or a day old.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::sandbox::WebhookTarget;
use crate::sandbox::background::Background;

/// The wait before the second try; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long the vendor keeps trying.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one try may take. The vendor does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many webhooks the log remembers.
const LOG: usize = 10_000;

/// Sends webhooks and remembers what became of them.
pub(super) struct Webhooks {
    clock: Clock,
    speed: f64,
    client: reqwest::Client,
    background: Background,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    everyone: Option<WebhookTarget>,
    customers: HashMap<String, WebhookTarget>,
    log: VecDeque<Entry>,
    last: u64,
}

/// One webhook to send.
pub(super) struct Notice {
    /// The account whose target it goes to.
    pub(super) customer: String,
    /// The IdentID.
    pub(super) id: String,
    /// The transaction number.
    pub(super) number: String,
    /// The result word in its body.
    pub(super) result: String,
    /// The exact bytes to send.
    pub(super) body: String,
    /// The revision of the identification that the body shows.
    pub(super) revision: u64,
    /// The revision it has by now.
    pub(super) current: watch::Receiver<u64>,
    /// Resolves once the identification's webhook before this one was tried.
    pub(super) before: Option<oneshot::Receiver<()>>,
    /// Dropped once this one was tried.
    pub(super) tried: oneshot::Sender<()>,
}

/// What became of one webhook, as the control API shows it.
#[derive(Clone, Serialize)]
pub(super) struct Entry {
    sequence: u64,
    customer: String,
    id: String,
    transactionnumber: String,
    result: String,
    state: Fate,
    attempts: Vec<Attempt>,
    next_attempt: Option<String>,
}

/// Where one webhook stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    Sending,
    Retrying,
    Delivered,
    Superseded,
    GaveUp,
    NoTarget,
}

/// One try: the status that came back, or why none did.
#[derive(Clone, Serialize)]
struct Attempt {
    time: String,
    url: String,
    status: Option<u16>,
    error: Option<String>,
}

impl Webhooks {
    /// Sends to `everyone` until told otherwise.
    pub(super) fn new(
        clock: Clock,
        speed: f64,
        everyone: Option<WebhookTarget>,
        background: Background,
    ) -> io::Result<Self> {
        let client = client().map_err(io::Error::other)?;
        let book = Mutex::new(Book { everyone, ..Book::default() });
        Ok(Self { clock, speed, client, background, book })
    }

    /// Sets or removes the target of `customer`, or of everyone without one of their own.
    pub(super) fn set_target(&self, customer: Option<String>, target: Option<WebhookTarget>) {
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

    /// What became of the webhooks so far, in the order they were made.
    pub(super) fn log(&self) -> Vec<Entry> {
        self.book().log.iter().cloned().collect()
    }

    /// Sends `notice` in the background.
    pub(super) fn send(self: &Arc<Self>, notice: Notice) {
        let sequence = self.enter(&notice);
        let webhooks = Arc::clone(self);
        self.background.spawn(async move { webhooks.deliver(sequence, notice).await });
    }

    async fn deliver(&self, sequence: u64, notice: Notice) {
        let Notice { customer, body, revision, mut current, before, tried, .. } = notice;
        if let Some(before) = before {
            // Its sender says nothing, it is dropped.
            let _tried = before.await;
        }
        let first = self.clock.now();
        let (mut wait, mut tried) = (FIRST_WAIT, Some(tried));
        loop {
            let Some(target) = self.target(&customer) else {
                self.update(sequence, |entry| entry.finish(Fate::NoTarget));
                return;
            };
            let attempt = self.attempt(&target, body.clone()).await;
            let taken = attempt.status.is_some_and(|status| (200..300).contains(&status));
            let next = self.clock.now() + wait.div_f64(self.speed);
            let too_late = next > first + GIVE_UP.div_f64(self.speed);
            self.update(sequence, |entry| {
                entry.attempts.push(attempt);
                match (taken, too_late) {
                    (true, _) => entry.finish(Fate::Delivered),
                    (false, true) => entry.finish(Fate::GaveUp),
                    (false, false) => entry.retry(next),
                }
            });
            drop(tried.take());
            if taken || too_late {
                return;
            }
            tokio::select! {
                // The sender lives in the register as long as the sandbox.
                _moved_on = current.wait_for(|current| *current != revision) => {
                    self.update(sequence, |entry| entry.finish(Fate::Superseded));
                    return;
                }
                () = self.clock.sleep_until(next) => wait *= 2,
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the stand-in shares nothing with the gateway's HTTP kit")]
    async fn attempt(&self, target: &WebhookTarget, body: String) -> Attempt {
        let time = time(self.clock.now());
        let request = self
            .client
            .post(&target.url)
            .basic_auth(&target.username, Some(target.password.expose_secret()))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let (status, error) = match request.send().await {
            Ok(response) => (Some(response.status().as_u16()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Attempt { time, url: target.url.clone(), status, error }
    }

    fn target(&self, customer: &str) -> Option<WebhookTarget> {
        let book = self.book();
        book.customers.get(customer).or(book.everyone.as_ref()).cloned()
    }

    fn enter(&self, notice: &Notice) -> u64 {
        let mut book = self.book();
        book.last += 1;
        let sequence = book.last;
        if book.log.len() == LOG {
            book.log.pop_front();
        }
        book.log.push_back(Entry {
            sequence,
            customer: notice.customer.clone(),
            id: notice.id.clone(),
            transactionnumber: notice.number.clone(),
            result: notice.result.clone(),
            state: Fate::Sending,
            attempts: Vec::new(),
            next_attempt: None,
        });
        sequence
    }

    fn update(&self, sequence: u64, change: impl FnOnce(&mut Entry)) {
        // The log forgets from the front, and what it forgot needs no update.
        if let Some(entry) = self.book().log.iter_mut().rev().find(|entry| entry.sequence == sequence) {
            change(entry);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn finish(&mut self, fate: Fate) {
        self.state = fate;
        self.next_attempt = None;
    }

    fn retry(&mut self, next: SystemTime) {
        self.state = Fate::Retrying;
        self.next_attempt = Some(time(next));
    }
}

/// The bytes of `document`, bare or in a list of one.
pub(super) fn body(document: Value, wrapped: bool) -> String {
    match wrapped {
        true => serde_json::json!({ "identifications": [document] }).to_string(),
        false => document.to_string(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the stand-in shares nothing with the gateway's HTTP kit")]
fn client() -> reqwest::Result<reqwest::Client> {
    // A redirect is no success to the vendor, and a proxy would carry credentials elsewhere.
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(TIMEOUT).build()
}

fn time(at: SystemTime) -> String {
    Timestamp::from(at).to_string()
}
