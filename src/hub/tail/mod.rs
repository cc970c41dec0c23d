//! The tail of the journal: read once for all streams, and kept encoded for those that keep up.

pub(super) mod frame;
pub(super) mod ring;
pub(super) mod seats;

mod readers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Result;
use crate::hub::tail::readers::Readers;
use crate::hub::tail::ring::{Block, Limits, Ring};
use crate::hub::tail::seats::Seat;
use crate::hub::{Hub, store};
use crate::journal::Place;
use crate::model::filter::Filter;

const FOLLOW: &str = "follow_journal";
const PAGE: usize = 256;
/// After the journal could not be read.
const PAUSE: Duration = Duration::from_secs(1);
/// Between sweeps: many readers are seen to at once.
pub(super) const SWEEP_EVERY: Duration = Duration::from_millis(10);

/// The newest events, and the streams that wait for more.
pub(super) struct Tail {
    limits: Limits,
    state: Mutex<State>,
    /// Somebody is to be looked at earlier than was known.
    earlier: Notify,
}

#[derive(Default)]
struct State {
    /// Nobody wakes anybody any more.
    over: bool,
    /// `None`: the journal cannot be read, or is not read yet.
    ring: Option<Ring>,
    readers: Readers,
}

/// A stream that is open, until this is dropped.
pub(super) struct Registration {
    tail: Arc<Tail>,
    number: u64,
}

/// What a stream gets from the tail.
pub(super) enum Live {
    /// Messages, in pieces, and the place after them.
    Messages(Vec<Bytes>, Place),
    /// There is nothing more up to this place; the stream is woken when there is.
    AtEnd(Place),
    /// What comes next is not in memory.
    Left,
}

/// How a stream waits.
pub(super) struct Wait<'a> {
    /// Woken when there is something to do.
    pub(super) waker: &'a Waker,
    /// At the latest then.
    pub(super) until: SystemTime,
    pub(super) for_what: For,
}

/// What a stream waits for, beside a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Work of its own, whatever comes meanwhile.
    Work,
    /// Whatever comes behind the end of the tail, where the stream stands.
    Anything,
    /// What matches, of what comes behind the end of the tail, where the stream stands.
    Matching,
}

impl Tail {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), earlier: Notify::new() })
    }

    /// Adds a stream, to which something is to be given from now on.
    pub(super) fn register(
        self: &Arc<Self>,
        filter: Arc<Filter>,
        seat: Seat,
        now: SystemTime,
    ) -> Registration {
        let mut state = self.state();
        let number = state.readers.add(filter, seat, now);
        let look_at = state.readers.takes(number, now);
        self.look(&mut state, look_at);
        Registration { tail: self.clone(), number }
    }

    /// Bytes that are held for all streams.
    pub(super) fn weight(&self) -> usize {
        self.state().ring.as_ref().map_or(0, Ring::weight)
    }

    /// Begins after `place`, or anew there.
    fn open(&self, place: Place, now: SystemTime) {
        let woken = {
            let mut state = self.state();
            state.ring = Some(Ring::new(place, self.limits));
            state.readers.all(now)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Streams read the journal themselves from now on, and hear from it what is wrong.
    fn close(&self, now: SystemTime) {
        let woken = {
            let mut state = self.state();
            state.ring = None;
            state.readers.all(now)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn publish(&self, blocks: Vec<Block>, now: SystemTime) {
        let woken = {
            let mut state = self.state();
            let State { ring: Some(ring), readers, .. } = &mut *state else { return };
            let end = blocks.last().map_or(ring.end(), Block::end);
            let woken = readers.reached_by(&blocks, end, now);
            blocks.into_iter().for_each(|block| ring.push(block));
            woken
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Wakes and drops who is to be, and tells when to come again.
    fn sweep(&self, now: SystemTime) -> Option<SystemTime> {
        let (woken, freed, next) = {
            let mut state = self.state();
            let (woken, freed) = state.readers.sweep(now);
            (woken, freed, state.readers.next_sweep)
        };
        drop(freed);
        woken.into_iter().for_each(Waker::wake);
        next
    }

    /// Wakes everybody; who comes now has to wait for nothing.
    fn end(&self, now: SystemTime) {
        let woken = {
            let mut state = self.state();
            state.over = true;
            state.readers.all(now)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn wait(&self, state: &mut State, number: u64, wait: &Wait<'_>) {
        if state.over {
            wait.waker.wake_by_ref();
        }
        state.readers.waits(number, wait);
        self.look(state, wait.until);
    }

    fn look(&self, state: &mut State, at: SystemTime) {
        if state.readers.next_sweep.is_none_or(|next| at < next) {
            state.readers.next_sweep = Some(at);
            self.earlier.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// The next messages after `place` that match. `may_wait`: where the tail is not followed now, the stream waits
    /// for it, for it has all that the journal has.
    pub(super) fn next(
        &self,
        place: Place,
        filter: &Filter,
        may_wait: bool,
        (wait, now): (&Wait<'_>, SystemTime),
    ) -> Live {
        let mut state = self.tail.state();
        let passed = state.readers.take_passed(self.number);
        let place = passed.filter(|passed| passed.position > place.position).unwrap_or(place);
        let found = match &state.ring {
            Some(ring) if ring.reaches_back_to(place.position) => ring.after(place, filter),
            None if may_wait => ring::Found { pieces: Vec::new(), place },
            Some(_) | None => return Live::Left,
        };
        if !found.pieces.is_empty() {
            let look_at = state.readers.takes(self.number, now);
            self.tail.look(&mut state, look_at);
            return Live::Messages(found.pieces, found.place);
        }
        if state.ring.as_ref().is_some_and(|ring| found.place.position < ring.end().position) {
            return Live::Messages(Vec::new(), found.place);
        }
        self.tail.wait(&mut state, self.number, wait);
        Live::AtEnd(found.place)
    }

    /// The stream was given something.
    pub(super) fn gave(&self, now: SystemTime) {
        let mut state = self.tail.state();
        let look_at = state.readers.takes(self.number, now);
        self.tail.look(&mut state, look_at);
    }

    /// The stream waits for something else.
    pub(super) fn waits(&self, wait: &Wait<'_>) {
        self.tail.wait(&mut self.tail.state(), self.number, wait);
    }

    /// Whether it was dropped for taking nothing.
    pub(super) fn is_dropped(&self) -> bool {
        self.tail.state().readers.is_dropped(self.number)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let seat = self.tail.state().readers.remove(self.number);
        drop(seat);
    }
}

impl Hub {
    /// Follows the journal for all streams, until the process drains. One per process; without it streams that have
    /// caught up get nothing.
    pub async fn follow(&self) {
        tokio::join!(self.follow_journal(), self.sweep_streams());
        self.tail.end(self.clock.now());
    }

    /// Bytes of events that are held in memory for all streams.
    pub fn tail_bytes(&self) -> usize {
        self.tail.weight()
    }

    async fn follow_journal(&self) {
        let mut head = self.journal.watch_head();
        let mut end = None;
        let mut told = false;
        while !self.drain.is_cancelled() {
            // Before the look, so that nothing can happen between the two unnoticed.
            head.mark_unchanged();
            let pause = match self.read_on(end).await {
                Ok((place, more)) => {
                    (end, told) = (Some(place), false);
                    if more {
                        continue;
                    }
                    None
                }
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!(
                            error = %error,
                            error.source = error.source.as_ref().map(ToString::to_string),
                            "The journal cannot be followed; every stream reads it for itself until it can"
                        );
                    }
                    end = None;
                    self.tail.close(self.clock.now());
                    Some(self.clock.sleep(PAUSE))
                }
            };
            let moved = async {
                match pause {
                    Some(pause) => pause.await,
                    None if head.changed().await.is_ok() => {}
                    // The journal is gone, and the process with it.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = moved => {}
                () = self.drain.cancelled() => {}
            }
        }
    }

    /// Reads what comes after `end`, or finds the place to begin at. Tells the new end, and whether there is more.
    async fn read_on(&self, end: Option<Place>) -> Result<(Place, bool)> {
        let Some(end) = end else {
            let head = self.head_place().await?;
            self.tail.open(head, self.clock.now());
            return Ok((head, true));
        };
        let page = self.journal.read(end.position, &Filter::default(), PAGE).await;
        let page = page.map_err(|error| store(error, FOLLOW))?;
        let (next, more) = (page.next, page.next.position < page.head);
        let blocks =
            Block::of(self.journal.identity(), page.entries).map_err(|error| store(error, FOLLOW))?;
        if !blocks.is_empty() {
            self.tail.publish(blocks, self.clock.now());
        }
        Ok((next, more))
    }

    async fn sweep_streams(&self) {
        while !self.drain.is_cancelled() {
            let now = self.clock.now();
            let next = self.tail.sweep(now);
            let due = async {
                match next {
                    Some(next) => self.clock.sleep_until(next.max(now + SWEEP_EVERY)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.tail.earlier.notified() => {}
                () = self.drain.cancelled() => {}
            }
        }
    }
}
