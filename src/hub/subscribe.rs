//! Event streams: read the journal after a cursor, then follow its head.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::Message;
use prost_types::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::error::{Error, Kind, Result};
use crate::hub::{Hub, refused_cursor, store};
use crate::journal::cursor::resolve;
use crate::journal::{Entry, JournalError, Place};
use crate::model::filter::Filter;
use crate::model::validate::Checks;
use crate::proto::watch_events_request::Start;
use crate::proto::watch_events_response::Message as Body;
use crate::proto::{
    CaughtUp, Event, Heartbeat, Lag, StartPosition, StreamClosing, StreamClosingReason, WatchEventsRequest,
    WatchEventsResponse, WatchStarted,
};

const WATCH: &str = "watch_events";
const PAGE: usize = 256;
/// Messages on the way to one reader.
const IN_FLIGHT: usize = 64;
/// A reader that takes nothing for so long is dropped.
const SLOWEST_READER: Duration = Duration::from_secs(60);
const AGE_JITTER: f64 = 0.1;
/// Readers come back within this time of a drain, not all at once.
const RECONNECT_WITHIN: Duration = Duration::from_secs(1);

/// A stream as the door sends it: messages, or the error that ends it.
pub type EventStream = ReceiverStream<Result<WatchEventsResponse>>;

impl Hub {
    /// Opens a stream. It ends with a `closing` message when it is old or the process drains.
    pub async fn watch_events(self: &Arc<Self>, request: WatchEventsRequest) -> Result<EventStream> {
        let heartbeat = self.heartbeat_interval(&request)?;
        if self.drain.is_cancelled() {
            return Err(Error::new(Kind::GatewayDraining, WATCH, "the gateway is shutting down; reconnect"));
        }
        let permit = self.open_streams.clone().try_acquire_owned().map_err(|_none_left| {
            Error::new(Kind::WatchLimitExceeded, WATCH, "too many event streams are open")
        })?;
        let wanted = request.filter.unwrap_or_default();
        if wanted.shard.is_some() {
            let detail = "this release does not serve filter.shard";
            return Err(Error::new(Kind::CapabilityNotSupported, WATCH, detail));
        }
        let filter = Filter::parse(wanted)?;
        let place = self.start_place(request.start).await?;
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let max_age = self.clock.jitter(self.streams.max_stream_age(), AGE_JITTER);
        let now = self.clock.now();
        let reader = Reader {
            hub: self.clone(),
            filter,
            place,
            heartbeat,
            sent_at: now,
            ends_at: now + max_age,
            sender,
            _permit: permit,
        };
        let open = self.metrics.stream_opened();
        self.calls.spawn(async move {
            reader.run(max_age).await;
            drop(open);
        });
        Ok(ReceiverStream::new(receiver))
    }

    fn heartbeat_interval(&self, request: &WatchEventsRequest) -> Result<Duration> {
        let mut checks = Checks::default();
        checks.text("consumer", &request.consumer, 128);
        let asked = request.heartbeat_interval.map(Duration::try_from);
        let interval = match asked {
            None => self.streams.heartbeat_interval(),
            Some(Ok(interval)) if (5..=60).contains(&interval.as_secs()) => interval,
            Some(_) => {
                checks.refuse("heartbeat_interval", "must be 5 s to 60 s");
                Duration::ZERO
            }
        };
        checks.finish(WATCH)?;
        Ok(interval)
    }

    async fn start_place(&self, start: Option<Start>) -> Result<Place> {
        let position = match start {
            Some(Start::AfterCursor(cursor)) => {
                return resolve(&*self.journal, &cursor).await.map_err(|error| refused_cursor(error, WATCH));
            }
            Some(Start::StartTime(_)) => return Err(not_yet("start_time")),
            Some(Start::StartPosition(number)) => StartPosition::try_from(number).map_err(|_unknown| {
                let mut checks = Checks::default();
                checks.refuse("start_position", "is not a start position this gateway knows");
                checks.refused(WATCH)
            })?,
            None => StartPosition::Latest,
        };
        match position {
            StartPosition::Snapshot => Err(not_yet("start_position SNAPSHOT")),
            StartPosition::Earliest => {
                let page =
                    self.journal.read(0, &Filter::default(), 1).await.map_err(|error| store(error, WATCH))?;
                self.place(page.low_water).await
            }
            StartPosition::Latest | StartPosition::Unspecified => {
                let head = *self.journal.watch_head().borrow();
                self.place(head).await
            }
        }
    }
}

fn not_yet(what: &str) -> Error {
    Error::new(Kind::CapabilityNotSupported, WATCH, format!("this release does not serve {what}"))
}

/// One open stream.
struct Reader {
    hub: Arc<Hub>,
    filter: Filter,
    /// Everything at or before it was sent or dropped by the filter.
    place: Place,
    heartbeat: Duration,
    sent_at: SystemTime,
    ends_at: SystemTime,
    sender: mpsc::Sender<Result<WatchEventsResponse>>,
    _permit: OwnedSemaphorePermit,
}

/// Why a reader's turn ended.
enum End {
    /// The caller went away.
    Gone,
    Closing(StreamClosingReason),
    Failed(Error),
}

impl Reader {
    async fn run(mut self, max_age: Duration) {
        let end = match self.serve(max_age).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let last = match end {
            End::Gone => return,
            End::Failed(error) => Err(error),
            End::Closing(reason) => {
                let wait = self.hub.clock.jitter(RECONNECT_WITHIN / 2, 1.0);
                Ok(self.message(Body::Closing(StreamClosing {
                    reason: reason.into(),
                    reconnect_after: prost_types::Duration::try_from(wait).ok(),
                })))
            }
        };
        // A caller that is gone, or that takes nothing, needs no last word.
        tokio::select! {
            _sent = self.sender.send(last) => {}
            () = self.hub.clock.sleep(SLOWEST_READER) => {}
        }
    }

    async fn serve(&mut self, max_age: Duration) -> Result<std::convert::Infallible, End> {
        self.start(max_age).await?;
        let mut head = self.hub.journal.watch_head();
        let mut caught_up = false;
        loop {
            head.mark_unchanged();
            let more = self.send_page().await?;
            if more {
                self.interrupted()?;
                continue;
            }
            if !caught_up {
                caught_up = true;
                let server_time = Some(self.hub.timestamp());
                self.send(Body::CaughtUp(CaughtUp { server_time })).await?;
            }
            self.wait(&mut head).await?;
        }
    }

    async fn start(&mut self, max_age: Duration) -> Result<(), End> {
        let identity = self.hub.journal.identity();
        let started = WatchStarted {
            heartbeat_interval: prost_types::Duration::try_from(self.heartbeat).ok(),
            max_stream_age: prost_types::Duration::try_from(max_age).ok(),
            server_time: Some(self.hub.timestamp()),
            epoch: identity.epoch.to_string(),
            oldest_record_time: self.oldest().await?,
        };
        self.send(Body::Started(started)).await
    }

    async fn oldest(&self) -> Result<Option<Timestamp>, End> {
        let journal = &self.hub.journal;
        let read = async {
            let low_water = journal.read(0, &Filter::default(), 1).await?.low_water;
            journal.read(low_water, &Filter::default(), 1).await
        };
        let page = read.await.map_err(|error| End::Failed(store(error, WATCH)))?;
        page.entries.first().map_or(Ok(None), |entry| Ok(decode(entry)?.record_time))
    }

    /// Sends one page. True when more may be waiting behind it.
    async fn send_page(&mut self) -> Result<bool, End> {
        let read = self.hub.journal.read(self.place.position, &self.filter, PAGE).await;
        let page = read.map_err(|error| End::Failed(store(error, WATCH)))?;
        if page.low_water > self.place.position {
            let detail = "the stream fell behind what the journal keeps; start again from a snapshot";
            return Err(End::Failed(Error::new(Kind::CursorExpired, WATCH, detail)));
        }
        for entry in page.entries {
            self.place = entry.place;
            self.send(Body::Event(decode(&entry)?)).await?;
        }
        self.place = page.next;
        Ok(page.next.position < page.head)
    }

    /// Waits until the journal moves, sending heartbeats while nothing else is sent.
    async fn wait(&mut self, head: &mut tokio::sync::watch::Receiver<u64>) -> Result<(), End> {
        loop {
            self.interrupted()?;
            let beat_at = self.sent_at + self.heartbeat;
            let moved = async {
                match head.changed().await {
                    Ok(()) => {}
                    Err(_journal_gone) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = moved => return Ok(()),
                () = self.hub.drain.cancelled() => {}
                () = self.sender.closed() => {}
                () = self.hub.clock.sleep_until(beat_at.min(self.ends_at)) => {}
            }
            if self.hub.clock.now() >= beat_at {
                self.beat().await?;
            }
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        let heartbeat = Heartbeat {
            server_time: Some(self.hub.timestamp()),
            lag: Some(Lag { events: 0, age: Some(prost_types::Duration::default()) }),
            oldest_record_time: self.oldest().await?,
        };
        self.send(Body::Heartbeat(heartbeat)).await
    }

    fn interrupted(&self) -> Result<(), End> {
        let now = self.hub.clock.now();
        if self.sender.is_closed() {
            return Err(End::Gone);
        }
        if self.hub.drain.is_cancelled() {
            return Err(End::Closing(StreamClosingReason::Shutdown));
        }
        if self.ends_at <= now {
            return Err(End::Closing(StreamClosingReason::MaxAge));
        }
        Ok(())
    }

    async fn send(&mut self, body: Body) -> Result<(), End> {
        let message = Ok(self.message(body));
        let patience = self.hub.clock.sleep(SLOWEST_READER);
        tokio::select! {
            sent = self.sender.send(message) => sent.map_err(|_gone| End::Gone)?,
            () = patience => {
                let detail = "the reader took nothing for 60 s; resume from its last cursor";
                return Err(End::Failed(Error::new(Kind::SlowConsumer, WATCH, detail)));
            }
        }
        self.sent_at = self.hub.clock.now();
        Ok(())
    }

    fn message(&self, body: Body) -> WatchEventsResponse {
        WatchEventsResponse { cursor: self.hub.cursor(self.place), message: Some(body) }
    }
}

fn decode(entry: &Entry) -> Result<Event, End> {
    Event::decode(entry.bytes.clone()).map_err(|error| {
        let damaged = JournalError::Damaged(format!("position {}: {error}", entry.place.position));
        End::Failed(store(damaged, WATCH))
    })
}
