//! One open stream: what it is sent, and why it ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::Message;
use prost_types::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use crate::error::{Error, Kind, Result};
use crate::hub::subscribe::WATCH;
use crate::hub::{Hub, store};
use crate::journal::{Entry, JournalError, Place, Position, cursor};
use crate::model::filter::Filter;
use crate::proto::watch_events_response::Message as Body;
use crate::proto::{
    CaughtUp, Event, Heartbeat, Lag, StreamClosing, StreamClosingReason, WatchEventsResponse, WatchStarted,
};

/// Messages on the way to one reader, beside its last.
pub(super) const IN_FLIGHT: usize = 64;
const PAGE: usize = 256;
/// A reader that takes nothing for so long is dropped.
const SLOWEST_READER: Duration = Duration::from_secs(60);
/// Readers come back within this time of a drain, not all at once.
const RECONNECT_WITHIN: Duration = Duration::from_secs(1);

/// One open stream.
pub(super) struct Reader {
    pub(super) hub: Arc<Hub>,
    pub(super) filter: Filter,
    /// Everything at or before it was sent or dropped by the filter.
    pub(super) place: Place,
    /// The reader has a part of the present state: no place is safe to resume from until it has all of it.
    pub(super) in_snapshot: bool,
    pub(super) heartbeat: Duration,
    pub(super) sent_at: SystemTime,
    pub(super) ends_at: SystemTime,
    pub(super) sender: mpsc::Sender<Result<WatchEventsResponse>>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Why a reader's turn ended.
pub(super) enum End {
    /// The caller went away.
    Gone,
    Closing(StreamClosingReason),
    Failed(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<JournalError> for End {
    fn from(error: JournalError) -> Self {
        Self::Failed(store(error, WATCH))
    }
}

impl Reader {
    /// Serves the stream to its end.
    pub(super) async fn run(mut self, max_age: Duration) {
        let Ok(last_word) = self.sender.clone().reserve_owned().await else { return };
        let Err(end) = self.serve(max_age).await;
        let last = match end {
            End::Gone => return,
            End::Failed(error) => Err(error),
            End::Closing(reason) => {
                let wait = self.hub.clock.jitter(RECONNECT_WITHIN / 2, 1.0);
                let closing = StreamClosing {
                    reason: reason.into(),
                    reconnect_after: prost_types::Duration::try_from(wait).ok(),
                };
                Ok(message(self.cursor(), Body::Closing(closing)))
            }
        };
        last_word.send(last);
    }

    async fn serve(&mut self, max_age: Duration) -> Result<Infallible, End> {
        self.send_started(max_age).await?;
        if self.in_snapshot {
            self.send_snapshot().await?;
        }
        self.follow().await
    }

    async fn send_started(&mut self, max_age: Duration) -> Result<(), End> {
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

    /// Sends what the journal has after the reader's place, and what it gets.
    async fn follow(&mut self) -> Result<Infallible, End> {
        let mut head = self.hub.journal.watch_head();
        let mut caught_up = false;
        loop {
            head.mark_unchanged();
            if self.send_page().await? {
                self.breathe().await?;
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

    /// Sends one page. True when more may be waiting behind it.
    async fn send_page(&mut self) -> Result<bool, End> {
        let page = self.hub.journal.read(self.place.position, &self.filter, PAGE).await?;
        if page.low_water > self.place.position {
            let detail = "the stream fell behind what the journal keeps; start again from a snapshot";
            return Err(Error::new(Kind::CursorExpired, WATCH, detail).into());
        }
        for entry in page.entries {
            self.interrupted()?;
            self.send_at(entry.place, Body::Event(decode(&entry)?)).await?;
        }
        self.place = page.next;
        Ok(page.next.position < page.head)
    }

    /// Waits until the journal moves.
    async fn wait(&mut self, head: &mut watch::Receiver<Position>) -> Result<(), End> {
        loop {
            self.breathe().await?;
            let moved = async {
                if head.changed().await.is_err() {
                    // The journal is gone, and the process with it.
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                // What is there goes first, so that a heartbeat's cursor stands behind it.
                biased;
                () = moved => return Ok(()),
                () = self.hub.drain.cancelled() => {}
                () = self.sender.closed() => {}
                () = self.hub.clock.sleep_until(self.beat_at().min(self.ends_at)) => {}
            }
        }
    }

    /// What every long work does between its steps: ends when it has to, and beats when nothing was sent for long.
    pub(super) async fn breathe(&mut self) -> Result<(), End> {
        self.interrupted()?;
        if self.hub.clock.now() < self.beat_at() {
            return Ok(());
        }
        let heartbeat = Heartbeat {
            server_time: Some(self.hub.timestamp()),
            lag: self.lag().await?,
            oldest_record_time: self.oldest().await?,
        };
        self.send(Body::Heartbeat(heartbeat)).await
    }

    fn beat_at(&self) -> SystemTime {
        self.sent_at + self.heartbeat
    }

    /// How far the reader is behind; in a snapshot nobody knows yet.
    async fn lag(&self) -> Result<Option<Lag>, End> {
        if self.in_snapshot {
            return Ok(None);
        }
        let unread = self.hub.journal.read(self.place.position, &Filter::default(), 1).await?;
        let events = i64::try_from(unread.head.saturating_sub(self.place.position)).unwrap_or(i64::MAX);
        let recorded = unread.entries.first().map(record_time).transpose()?.flatten();
        let recorded = recorded.and_then(|time| SystemTime::try_from(time).ok());
        let age = recorded.and_then(|time| self.hub.clock.now().duration_since(time).ok());
        let age = prost_types::Duration::try_from(age.unwrap_or_default()).ok();
        Ok(Some(Lag { events, age }))
    }

    async fn oldest(&self) -> Result<Option<Timestamp>, End> {
        let journal = &*self.hub.journal;
        let earliest = cursor::earliest(journal).await?;
        let page = journal.read(earliest.position, &Filter::default(), 1).await?;
        page.entries.first().map_or(Ok(None), record_time)
    }

    /// Whether the stream has to end now.
    pub(super) fn interrupted(&self) -> Result<(), End> {
        if self.sender.is_closed() {
            return Err(End::Gone);
        }
        if self.hub.drain.is_cancelled() {
            return Err(End::Closing(StreamClosingReason::Shutdown));
        }
        if self.ends_at <= self.hub.clock.now() {
            return Err(End::Closing(StreamClosingReason::MaxAge));
        }
        Ok(())
    }

    /// Sends `body`, which does not move the reader.
    pub(super) async fn send(&mut self, body: Body) -> Result<(), End> {
        self.deliver(message(self.cursor(), body)).await
    }

    /// Sends `body`, after which the reader stands at `place`.
    pub(super) async fn send_at(&mut self, place: Place, body: Body) -> Result<(), End> {
        self.deliver(message(self.hub.cursor(place), body)).await?;
        self.place = place;
        Ok(())
    }

    async fn deliver(&mut self, message: WatchEventsResponse) -> Result<(), End> {
        tokio::select! {
            biased;
            sent = self.sender.send(Ok(message)) => sent.map_err(|_gone| End::Gone)?,
            () = self.hub.drain.cancelled() => return Err(End::Closing(StreamClosingReason::Shutdown)),
            () = self.hub.clock.sleep(SLOWEST_READER) => {
                let detail = "the reader took nothing for 60 s; resume from its last cursor, or begin again without one";
                return Err(Error::new(Kind::SlowConsumer, WATCH, detail).into());
            }
        }
        self.sent_at = self.hub.clock.now();
        Ok(())
    }

    fn cursor(&self) -> String {
        if self.in_snapshot { String::new() } else { self.hub.cursor(self.place) }
    }
}

fn message(cursor: String, body: Body) -> WatchEventsResponse {
    WatchEventsResponse { cursor, message: Some(body) }
}

fn record_time(entry: &Entry) -> Result<Option<Timestamp>, End> {
    Ok(decode(entry)?.record_time)
}

fn decode(entry: &Entry) -> Result<Event, End> {
    Event::decode(entry.bytes.clone())
        .map_err(|error| JournalError::Damaged(format!("position {}: {error}", entry.place.position)).into())
}
