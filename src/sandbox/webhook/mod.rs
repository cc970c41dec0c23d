//! Webhooks: sent in the order in which things happen, tried again until they are taken or no longer worth it.

mod log;
mod retry;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::background::Background;
use super::fault::{Detour, Faults, Operation};
use crate::clock::Clock;
use log::{Attempt, Entry, Fate, Log, time};

pub(super) use retry::Retry;

/// How long one try may take. No vendor says.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the vendors' webhooks differ in.
pub(super) trait Carrier: Send + Sync + 'static {
    /// What the log tells about a webhook, beside what became of it.
    type Label: Clone + Serialize + Send + Sync;

    /// One try, as it goes out now; `None` where nobody wants it.
    fn letter(&self, label: &Self::Label, body: &Bytes) -> Option<Letter>;

    /// When one that was not taken is tried again.
    fn retry(&self) -> Retry;
}

/// One request.
pub(super) struct Letter {
    /// Where to.
    pub(super) url: String,
    /// Credentials, and what the body is.
    pub(super) headers: HeaderMap,
    /// The body as it goes over the wire.
    pub(super) body: Bytes,
}

/// Sends webhooks and remembers what became of them.
pub(super) struct Webhooks<C: Carrier, O> {
    clock: Clock,
    speed: f64,
    client: reqwest::Client,
    background: Background,
    faults: Arc<Faults<O>>,
    carrier: C,
    log: Mutex<Log<C::Label>>,
    queues: Mutex<Queues>,
}

/// The order among the webhooks of each subject.
#[derive(Default)]
struct Queues {
    /// Resolves once the last webhook of the subject was tried for the first time.
    last: HashMap<String, oneshot::Receiver<()>>,
    /// What waits for the next webhook of its subject.
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
pub(super) struct Notice<L> {
    /// What it is about: the first tries of one subject's webhooks keep their order.
    pub(super) subject: String,
    /// What the log tells about it.
    pub(super) label: L,
    /// What it says.
    pub(super) body: Bytes,
    /// What makes it outdated, after its first try; `None` if nothing does.
    pub(super) edition: Option<Edition>,
}

/// The state of things that a webhook tells of.
pub(super) struct Edition {
    /// The revision that its body shows.
    pub(super) revision: u64,
    /// The revision that there is by now.
    pub(super) current: watch::Receiver<u64>,
}

/// The place of a webhook among those of its subject.
struct Turn {
    /// Resolves once the one before was tried.
    before: Option<oneshot::Receiver<()>>,
    /// Dropped once this one was tried.
    tried: oneshot::Sender<()>,
}

/// Where a webhook takes its turn from.
enum Waiting {
    /// From the order in which things happened.
    Own(Turn),
    /// From the next webhook; or it keeps its own when the fault that holds it is cleared.
    Held { next: oneshot::Receiver<Turn>, cleared: CancellationToken },
}

/// A webhook on its way.
struct Parcel<L> {
    sequence: u64,
    notice: Notice<L>,
    detour: Detour,
}

impl<C: Carrier, O: Operation> Webhooks<C, O> {
    /// Sends what `carrier` makes of each.
    pub(super) fn new(
        clock: Clock,
        speed: f64,
        carrier: C,
        background: Background,
        faults: Arc<Faults<O>>,
    ) -> io::Result<Self> {
        let client = client().map_err(io::Error::other)?;
        let (log, queues) = (Mutex::default(), Mutex::default());
        Ok(Self { clock, speed, client, background, faults, carrier, log, queues })
    }

    /// What decides where they go.
    pub(super) fn carrier(&self) -> &C {
        &self.carrier
    }

    /// What became of the webhooks so far, in the order they were made.
    pub(super) fn log(&self) -> Vec<Entry<C::Label>> {
        self.lock_log().view()
    }

    /// The newest webhook about `subject` that `wanted` takes by its number and label: its label, and what it said.
    pub(super) fn earlier(
        &self,
        subject: &str,
        wanted: impl Fn(u64, &C::Label) -> bool,
    ) -> Option<(C::Label, Bytes)> {
        self.lock_log().newest(subject, wanted)
    }

    /// Sends `notice` in the background, after those of its subject that are on their way, unless a fault has it
    /// lost.
    pub(super) fn send(self: &Arc<Self>, notice: Notice<C::Label>) {
        let sequence = self.lock_log().enter(&notice);
        let (tried, trying) = oneshot::channel();
        let before = self.lock_queues().last.insert(notice.subject.clone(), trying);
        let detour = self.faults.on_webhook(self.clock.now(), self.speed);
        if detour.dropped {
            // With `tried` goes its turn, so nobody waits for it.
            return self.update(sequence, |entry| entry.finish(Fate::Dropped));
        }
        let waiting = self.queue(sequence, &notice.subject, Turn { before, tried });
        let webhooks = Arc::clone(self);
        let parcel = Parcel { sequence, notice, detour };
        self.background.spawn(async move { webhooks.deliver(parcel, waiting).await });
    }

    /// Gives a webhook its turn: its own, that of the one held back before it, or a later one.
    fn queue(&self, sequence: u64, subject: &str, turn: Turn) -> Waiting {
        let mut queues = self.lock_queues();
        if let Some(held) = queues.held.remove(subject) {
            // A held webhook waits for its turn as long as the sandbox runs.
            let _stopped = held.takes_over.send(turn);
            return Waiting::Own(held.turn);
        }
        let Some(cleared) = self.faults.holds_webhook() else { return Waiting::Own(turn) };
        let (takes_over, next) = oneshot::channel();
        queues.held.insert(subject.to_owned(), Held { sequence, turn, takes_over });
        drop(queues);
        self.update(sequence, |entry| entry.hold());
        Waiting::Held { next, cleared }
    }

    /// `None` when the sandbox stops.
    async fn turn(&self, sequence: u64, subject: &str, waiting: Waiting) -> Option<Turn> {
        let (mut next, cleared) = match waiting {
            Waiting::Own(turn) => return Some(turn),
            Waiting::Held { next, cleared } => (next, cleared),
        };
        tokio::select! {
            turn = &mut next => return turn.ok(),
            () = cleared.cancelled() => {}
        }
        match self.take_held(sequence, subject) {
            Some(held) => Some(held.turn),
            // The next webhook was faster than the news that nothing is held back any more.
            None => next.await.ok(),
        }
    }

    fn take_held(&self, sequence: u64, subject: &str) -> Option<Held> {
        let mut queues = self.lock_queues();
        let is_it = queues.held.get(subject).is_some_and(|held| held.sequence == sequence);
        if is_it { queues.held.remove(subject) } else { None }
    }

    async fn deliver(&self, parcel: Parcel<C::Label>, waiting: Waiting) {
        let Parcel { sequence, mut notice, mut detour } = parcel;
        let Some(turn) = self.turn(sequence, &notice.subject, waiting).await else { return };
        if let Some(before) = turn.before {
            // Its sender says nothing, it is dropped.
            let _tried = before.await;
        }
        let mut tried = Some(turn.tried);
        if let Some((late, cleared)) = detour.delay.take() {
            drop(tried.take());
            let due = self.clock.now() + late.div_f64(self.speed);
            self.update(sequence, |entry| entry.wait(Fate::Delayed, due));
            tokio::select! {
                () = self.clock.sleep_until(due) => {}
                () = cleared.cancelled() => {}
            }
        }
        let (first, mut tries, mut copies) = (self.clock.now(), 0, detour.copies);
        loop {
            // Each copy is a letter of its own, as each try is.
            let letters = (0..=copies).map_while(|_| self.carrier.letter(&notice.label, &notice.body));
            let letters: Vec<_> = letters.collect();
            if letters.is_empty() {
                return self.update(sequence, |entry| entry.finish(Fate::NoTarget));
            }
            let attempts =
                futures::future::join_all(letters.into_iter().map(|letter| self.attempt(letter))).await;
            (copies, tries) = (0, tries + 1);
            let taken = attempts.iter().any(Attempt::is_taken);
            let now = self.clock.now();
            let since = now.duration_since(first).unwrap_or_default().mul_f64(self.speed);
            let next = self.carrier.retry().wait(tries, since).map(|wait| now + wait.div_f64(self.speed));
            self.update(sequence, |entry| {
                entry.tried(attempts);
                match (taken, next) {
                    (true, _) => entry.finish(Fate::Delivered),
                    (false, None) => entry.finish(Fate::GaveUp),
                    (false, Some(next)) => entry.wait(Fate::Retrying, next),
                }
            });
            drop(tried.take());
            let Some(next) = next.filter(|_| !taken) else { return };
            tokio::select! {
                () = outdated(&mut notice.edition) => {
                    return self.update(sequence, |entry| entry.finish(Fate::Superseded));
                }
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the stand-in shares nothing with the gateway's HTTP kit")]
    async fn attempt(&self, letter: Letter) -> Attempt {
        let Letter { url, headers, body } = letter;
        let time = time(self.clock.now());
        match self.client.post(&url).headers(headers).body(body).send().await {
            Ok(response) => Attempt::answered(time, url, response.status().as_u16()),
            Err(error) => Attempt::failed(time, url, error.to_string()),
        }
    }

    fn update(&self, sequence: u64, change: impl FnOnce(&mut Entry<C::Label>)) {
        self.lock_log().update(sequence, change);
    }

    fn lock_log(&self) -> MutexGuard<'_, Log<C::Label>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves once what `edition` shows is no longer so.
async fn outdated(edition: &mut Option<Edition>) {
    match edition {
        // The sender lives as long as the sandbox.
        Some(Edition { revision, current }) => {
            let _moved_on = current.wait_for(|current| current != revision).await;
        }
        None => std::future::pending().await,
    }
}

/// The value of an `Authorization` header with Basic credentials.
pub(super) fn basic(username: &str, password: &SecretString) -> HeaderValue {
    let pair = STANDARD.encode(format!("{username}:{}", password.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Whether `text` is an absolute http or https URL.
pub(super) fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[expect(clippy::disallowed_methods, reason = "the stand-in shares nothing with the gateway's HTTP kit")]
fn client() -> reqwest::Result<reqwest::Client> {
    // A redirect is no success to a vendor, and a proxy would carry credentials elsewhere.
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(TIMEOUT).build()
}
