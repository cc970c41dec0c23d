//! Webhooks: sent as the vendor sends them, tried again until they are taken, outdated or a day old.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use prost_types::Timestamp;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::fault::{Detour, Faults};
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
    faults: Arc<Faults>,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    everyone: Option<WebhookTarget>,
    customers: HashMap<String, WebhookTarget>,
    log: VecDeque<Entry>,
    last: u64,
    /// What waits for the next webhook of its identification, by IdentID.
    held: HashMap<String, Held>,
}

/// A webhook that changes places with the next one.
struct Held {
    sequence: u64,
    turn: Turn,
    /// Brings it the turn of the webhook that went first.
    takes_over: oneshot::Sender<Turn>,
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
    pub(super) body: Bytes,
    /// The revision of the identification that the body shows.
    pub(super) revision: u64,
    /// The revision it has by now.
    pub(super) current: watch::Receiver<u64>,
    /// When it goes out.
    pub(super) turn: Turn,
}

/// The place of a webhook among those of its identification.
pub(super) struct Turn {
    /// Resolves once the one before was tried.
    pub(super) before: Option<oneshot::Receiver<()>>,
    /// Dropped once this one was tried.
    pub(super) tried: oneshot::Sender<()>,
}

/// Where a webhook takes its turn from.
enum Waiting {
    /// From the order in which things happened.
    Own(Turn),
    /// From the next webhook; or it keeps its own when the fault that holds it is cleared.
    Held { next: oneshot::Receiver<Turn>, cleared: CancellationToken },
}

/// A webhook on its way.
struct Parcel {
    sequence: u64,
    customer: String,
    id: String,
    body: Bytes,
    revision: u64,
    current: watch::Receiver<u64>,
    detour: Detour,
}

/// Which earlier webhook of an identification is meant.
pub(super) enum Which {
    /// By its number in the log.
    Sequence(u64),
    /// The newest with this word.
    Result(String),
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
    #[serde(skip)]
    body: Bytes,
}

/// Where one webhook stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    Sending,
    Held,
    Delayed,
    Retrying,
    Delivered,
    Superseded,
    GaveUp,
    Dropped,
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
        faults: Arc<Faults>,
    ) -> io::Result<Self> {
        let client = client().map_err(io::Error::other)?;
        let book = Mutex::new(Book { everyone, ..Book::default() });
        Ok(Self { clock, speed, client, background, faults, book })
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

    /// What an earlier webhook of `ident` said, and its bytes: the one numbered `sequence`, or the newest with the
    /// word `result`.
    pub(super) fn earlier(&self, ident: &str, which: &Which) -> Option<(String, Bytes)> {
        let is_it = |entry: &&Entry| {
            entry.id == ident
                && match which {
                    Which::Sequence(sequence) => entry.sequence == *sequence,
                    Which::Result(result) => entry.result == *result,
                }
        };
        let book = self.book();
        book.log.iter().rev().find(is_it).map(|entry| (entry.result.clone(), entry.body.clone()))
    }

    /// Sends `notice` in the background, unless a fault has it lost.
    pub(super) fn send(self: &Arc<Self>, notice: Notice) {
        let sequence = self.enter(&notice);
        let detour = self.faults.on_webhook(self.clock.now(), self.speed);
        if detour.dropped {
            // With the notice goes its turn, so nobody waits for it.
            return self.update(sequence, |entry| entry.finish(Fate::Dropped));
        }
        let Notice { customer, id, body, revision, current, turn, .. } = notice;
        let waiting = self.queue(sequence, id.clone(), turn);
        let parcel = Parcel { sequence, customer, id, body, revision, current, detour };
        let webhooks = Arc::clone(self);
        self.background.spawn(async move { webhooks.deliver(parcel, waiting).await });
    }

    /// Gives a webhook its turn: its own, that of the one held back before it, or a later one.
    fn queue(&self, sequence: u64, id: String, turn: Turn) -> Waiting {
        let held = self.book().held.remove(&id);
        if let Some(held) = held {
            // A held webhook waits for its turn as long as the sandbox runs.
            let _stopped = held.takes_over.send(turn);
            return Waiting::Own(held.turn);
        }
        let Some(cleared) = self.faults.holds_webhook() else { return Waiting::Own(turn) };
        let (takes_over, next) = oneshot::channel();
        self.book().held.insert(id, Held { sequence, turn, takes_over });
        self.update(sequence, |entry| entry.state = Fate::Held);
        Waiting::Held { next, cleared }
    }

    /// `None` when the sandbox stops.
    async fn turn(&self, parcel: &Parcel, waiting: Waiting) -> Option<Turn> {
        let (mut next, cleared) = match waiting {
            Waiting::Own(turn) => return Some(turn),
            Waiting::Held { next, cleared } => (next, cleared),
        };
        tokio::select! {
            turn = &mut next => return turn.ok(),
            () = cleared.cancelled() => {}
        }
        match self.take_held(parcel) {
            Some(held) => Some(held.turn),
            // The next webhook was faster than the news that nothing is held back any more.
            None => next.await.ok(),
        }
    }

    fn take_held(&self, parcel: &Parcel) -> Option<Held> {
        let mut book = self.book();
        let is_it = book.held.get(&parcel.id).is_some_and(|held| held.sequence == parcel.sequence);
        if is_it { book.held.remove(&parcel.id) } else { None }
    }

    async fn deliver(&self, mut parcel: Parcel, waiting: Waiting) {
        let sequence = parcel.sequence;
        let Some(turn) = self.turn(&parcel, waiting).await else { return };
        if let Some(before) = turn.before {
            // Its sender says nothing, it is dropped.
            let _tried = before.await;
        }
        let mut tried = Some(turn.tried);
        if let Some((late, cleared)) = parcel.detour.delay.take() {
            drop(tried.take());
            let due = self.clock.now() + late.div_f64(self.speed);
            self.update(sequence, |entry| entry.wait(Fate::Delayed, due));
            tokio::select! {
                () = self.clock.sleep_until(due) => {}
                () = cleared.cancelled() => {}
            }
        }
        let first = self.clock.now();
        let (mut wait, mut copies) = (FIRST_WAIT, parcel.detour.copies);
        loop {
            let Some(target) = self.target(&parcel.customer) else {
                self.update(sequence, |entry| entry.finish(Fate::NoTarget));
                return;
            };
            let tries = (0..=copies).map(|_| self.attempt(&target, parcel.body.clone()));
            let attempts = futures::future::join_all(tries).await;
            copies = 0;
            let is_taken =
                |attempt: &Attempt| attempt.status.is_some_and(|status| (200..300).contains(&status));
            let taken = attempts.iter().any(is_taken);
            let next = self.clock.now() + wait.div_f64(self.speed);
            let too_late = next > first + GIVE_UP.div_f64(self.speed);
            self.update(sequence, |entry| {
                entry.attempts.extend(attempts);
                match (taken, too_late) {
                    (true, _) => entry.finish(Fate::Delivered),
                    (false, true) => entry.finish(Fate::GaveUp),
                    (false, false) => entry.wait(Fate::Retrying, next),
                }
            });
            drop(tried.take());
            if taken || too_late {
                return;
            }
            tokio::select! {
                // The sender lives in the register as long as the sandbox.
                _moved_on = parcel.current.wait_for(|current| *current != parcel.revision) => {
                    self.update(sequence, |entry| entry.finish(Fate::Superseded));
                    return;
                }
                () = self.clock.sleep_until(next) => wait *= 2,
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the stand-in shares nothing with the gateway's HTTP kit")]
    async fn attempt(&self, target: &WebhookTarget, body: Bytes) -> Attempt {
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
            body: notice.body.clone(),
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

    fn wait(&mut self, fate: Fate, next: SystemTime) {
        self.state = fate;
        self.next_attempt = Some(time(next));
    }
}

/// The bytes of `document`, bare or in a list of one.
pub(super) fn body(document: Value, wrapped: bool) -> Bytes {
    match wrapped {
        true => serde_json::json!({ "identifications": [document] }).to_string().into(),
        false => document.to_string().into(),
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
