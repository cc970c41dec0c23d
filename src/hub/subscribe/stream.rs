//! One open stream: what its reader is given when it asks, and why it ends.
//!
//! A stream is pulled: it has no task, no channel and no timer of its own. While its reader keeps up it holds nothing
//! but its place; what it is given are pieces of the memory that all streams share.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::future::BoxFuture;

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::subscribe::step::{Done, Step, message};
use crate::hub::subscribe::{Caller, WATCH};
use crate::hub::tail::{For, Live, Registration, SWEEP_EVERY, Wait};
use crate::journal::Place;
use crate::model::filter::Filter;
use crate::proto::watch_events_response::Message as Body;
use crate::proto::{StreamClosing, StreamClosingReason};

/// Readers come back within this time of a drain, not all at once.
const RECONNECT_WITHIN: Duration = Duration::from_secs(1);

/// A stream as the door sends it: encoded messages, each with the prefix that gRPC puts before it, several in one piece
/// where they are there; or the error that ends it.
pub struct EventStream {
    /// `None`: it has ended.
    pub(super) registration: Option<Registration>,
    pub(super) hub: Arc<Hub>,
    pub(super) filter: Arc<Filter>,
    /// Everything at or before it was given or dropped by the filter. `None`: the reader has a part of the present
    /// state, and no place is safe to resume from until it has all of it.
    pub(super) place: Option<Place>,
    pub(super) heartbeat: Duration,
    pub(super) sent_at: SystemTime,
    pub(super) ends_at: SystemTime,
    pub(super) caller: Caller,
    /// What comes once all that is ready was given.
    pub(super) step: Step,
    pub(super) work: Option<BoxFuture<'static, Result<Done>>>,
    /// What was read for it, with the place after each.
    pub(super) ready: VecDeque<(Bytes, Option<Place>)>,
    /// The reader was told that it has everything, and not yet that it has not.
    pub(super) caught_up: bool,
    /// The last page of the journal that was read had nothing behind it.
    pub(super) at_head: bool,
}

/// Why a stream ends.
enum End {
    Closing(StreamClosingReason),
    Failed(Error),
}

impl Stream for EventStream {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let stream = self.get_mut();
        let end = loop {
            let Some(registration) = &stream.registration else { return Poll::Ready(None) };
            // Work takes time: it is another at every turn.
            let now = stream.hub.clock.now();
            if let Some(end) = stream.over(registration, now) {
                break end;
            }
            match ready!(stream.next(context, now)) {
                Ok(Some(bytes)) => {
                    stream.sent_at = now;
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Ok(None) => {}
                Err(error) => break End::Failed(error),
            }
        };
        stream.registration = None;
        Poll::Ready(Some(match end {
            End::Closing(reason) => Ok(stream.closing(reason)),
            End::Failed(error) => Err(error),
        }))
    }
}

impl EventStream {
    /// Whether the stream has to end now.
    fn over(&self, registration: &Registration, now: SystemTime) -> Option<End> {
        let passed = |time: Option<SystemTime>| time.is_some_and(|time| time <= now);
        if registration.is_dropped() {
            let detail =
                "the reader took nothing for 60 s; resume from its last cursor, or begin again without one";
            return Some(End::Failed(Error::new(Kind::SlowConsumer, WATCH, detail)));
        }
        if passed(self.caller.deadline) {
            let detail = "the deadline of the call has passed";
            return Some(End::Failed(Error::new(Kind::DeadlineExceeded, WATCH, detail)));
        }
        if self.hub.drain.is_cancelled() {
            return Some(End::Closing(StreamClosingReason::Shutdown));
        }
        if passed(self.caller.credentials_end) {
            return Some(End::Closing(StreamClosingReason::CredentialsExpired));
        }
        passed(Some(self.ends_at)).then_some(End::Closing(StreamClosingReason::MaxAge))
    }

    fn closing(&self, reason: StreamClosingReason) -> Bytes {
        let wait = self.hub.clock.jitter(RECONNECT_WITHIN / 2, 1.0);
        let closing = StreamClosing {
            reason: reason.into(),
            reconnect_after: prost_types::Duration::try_from(wait).ok(),
        };
        message(&self.hub, self.place, Body::Closing(closing))
    }

    fn beat_at(&self) -> SystemTime {
        self.sent_at + self.heartbeat
    }

    /// When it has something to do, whatever comes.
    fn due(&self) -> SystemTime {
        let ends = [Some(self.ends_at), self.caller.deadline, self.caller.credentials_end];
        ends.into_iter().flatten().fold(self.beat_at(), SystemTime::min)
    }

    /// The next piece for the reader; `None`: work was begun or done, and more may be there.
    fn next(&mut self, context: &mut Context<'_>, now: SystemTime) -> Poll<Result<Option<Bytes>>> {
        if let Some((bytes, place)) = self.ready.pop_front() {
            self.place = place.or(self.place);
            if let Some(registration) = &self.registration {
                registration.gave(now);
            }
            return Poll::Ready(Ok(Some(bytes)));
        }
        if let Some(work) = &mut self.work {
            let Poll::Ready(done) = work.as_mut().poll(context) else {
                if let Some(registration) = &self.registration {
                    registration.waits(&self.wait(For::Work, context, now));
                }
                return Poll::Pending;
            };
            self.work = None;
            return Poll::Ready(done.map(|done| self.take(done)).map(|()| None));
        }
        let live = match (&self.step, self.place) {
            (Step::Live, Some(place)) => self.live(place, context, now),
            _ => None,
        };
        if live.is_none() {
            self.begin(now);
        }
        live.map_or(Poll::Ready(Ok(None)), |polled| polled.map(|bytes| Ok(Some(bytes))))
    }

    /// What the tail has for it; `None`: there is other work.
    fn live(&mut self, place: Place, context: &mut Context<'_>, now: SystemTime) -> Option<Poll<Bytes>> {
        let registration = self.registration.as_ref()?;
        let at_once = !self.caught_up || now >= self.beat_at();
        let wait = self.wait(if at_once { For::Anything } else { For::Matching }, context, now);
        let mut place = place;
        loop {
            // What was the head once is not waited at: without the tail nobody would tell what came since.
            let may_wait = self.at_head && place.position >= self.hub.head();
            match registration.next(place, &self.filter, may_wait, (&wait, now)) {
                Live::Messages(pieces, next) => {
                    place = next;
                    self.place = Some(next);
                    if let Some(bytes) = joined(pieces) {
                        return Some(Poll::Ready(bytes));
                    }
                }
                Live::AtEnd(end) => {
                    self.place = Some(end);
                    // What the journal has and the tail does not have yet goes before either.
                    let has_all = end.position >= self.hub.head();
                    if has_all && !self.caught_up {
                        self.caught_up = true;
                        registration.gave(now);
                        return Some(Poll::Ready(self.hub.caught_up(end)));
                    }
                    return (!has_all || now < self.beat_at()).then_some(Poll::Pending);
                }
                Live::Left => {
                    let fell_behind = std::mem::take(&mut self.caught_up);
                    self.step = if fell_behind { Step::FellBehind } else { Step::Page };
                    return None;
                }
            }
        }
    }

    /// Begins the work that comes next: a sign of life before it, where nothing was sent for long.
    fn begin(&mut self, now: SystemTime) {
        self.at_head = false;
        let hub = self.hub.clone();
        self.work = Some(if now >= self.beat_at() {
            let then = std::mem::replace(&mut self.step, Step::Live);
            Box::pin(hub.heartbeat(self.place, then))
        } else {
            let step = std::mem::replace(&mut self.step, Step::Live);
            Box::pin(hub.step(step, self.filter.clone(), self.place))
        });
    }

    fn take(&mut self, done: Done) {
        self.ready = done.ready.into();
        self.step = done.then;
        self.at_head = done.at_head;
        match self.ready.back_mut() {
            // Behind the last message, so that its cursor does not seem to be the reader's before it has it.
            Some((_, place)) => *place = done.place,
            None => self.place = done.place,
        }
    }

    fn wait<'a>(&self, for_what: For, context: &Context<'a>, now: SystemTime) -> Wait<'a> {
        // What is overdue and cannot be done yet is not looked at in a circle.
        let until = self.due().max(now + SWEEP_EVERY);
        Wait { waker: context.waker(), until, for_what }
    }
}

/// Pieces as one; `None` where there is none.
fn joined(mut pieces: Vec<Bytes>) -> Option<Bytes> {
    if pieces.len() <= 1 {
        return pieces.pop();
    }
    let mut bytes = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
    Some(bytes.freeze())
}
