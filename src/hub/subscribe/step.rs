//! What a stream asks the journal for: one bounded piece of work at a time, while nothing else is held for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::error::Result;
use crate::hub::subscribe::WATCH;
use crate::hub::subscribe::snapshot::Snapshot;
use crate::hub::tail::frame::{CHUNK, framed, put_event};
use crate::hub::{Hub, expired, store};
use crate::journal::Place;
use crate::model::filter::Filter;
use crate::proto::watch_events_response::Message as Body;
use crate::proto::{CaughtUp, FellBehind, Heartbeat, Lag, WatchEventsResponse, WatchStarted};

/// Events read at once.
const PAGE: usize = 256;

/// What comes next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The first message.
    Start { heartbeat: Duration, max_age: Duration },
    /// A part of the present state.
    Snapshot(Box<Snapshot>),
    /// A page of the journal.
    Page,
    /// The reader is told that it is served from the journal again.
    FellBehind,
    /// The tail, as soon as it reaches back far enough.
    Live,
}

/// What a piece of work leads to.
pub(super) struct Done {
    /// Messages, with the place of the reader after them where they move it.
    pub(super) ready: Vec<(Bytes, Option<Place>)>,
    /// Where the reader stands after all of them.
    pub(super) place: Option<Place>,
    /// The journal had nothing more.
    pub(super) at_head: bool,
    pub(super) then: Step,
}

/// A message that does not move the reader, who stands at `place`, if it may resume there.
pub(super) fn message(hub: &Hub, place: Option<Place>, body: Body) -> Bytes {
    let cursor = place.map_or_else(String::new, |place| hub.cursor(place));
    framed(&WatchEventsResponse { cursor, message: Some(body) })
}

impl Hub {
    /// Does one piece of work for a reader at `place`; `None`: it has a part of the present state.
    pub(super) async fn step(
        self: Arc<Self>,
        step: Step,
        filter: Arc<Filter>,
        place: Option<Place>,
    ) -> Result<Done> {
        match (step, place) {
            (Step::Start { heartbeat, max_age }, _) => self.start(heartbeat, max_age, place).await,
            (Step::Snapshot(snapshot), _) => snapshot.advance(&self, &filter).await,
            // Only the whole of a snapshot leads to a place.
            (_, None) => Snapshot::default().advance(&self, &filter).await,
            (Step::FellBehind, Some(at)) => {
                let lag = Some(self.lag(at, WATCH).await?);
                let told = message(&self, place, Body::FellBehind(FellBehind { lag }));
                Ok(Done { ready: vec![(told, None)], place, at_head: false, then: Step::Page })
            }
            (Step::Page | Step::Live, Some(place)) => self.page_for_stream(&filter, place).await,
        }
    }

    async fn start(&self, heartbeat: Duration, max_age: Duration, place: Option<Place>) -> Result<Done> {
        let started = WatchStarted {
            heartbeat_interval: prost_types::Duration::try_from(heartbeat).ok(),
            max_stream_age: prost_types::Duration::try_from(max_age).ok(),
            server_time: Some(self.timestamp()),
            epoch: self.journal.identity().epoch.to_string(),
            oldest_record_time: self.oldest_record_time(WATCH).await?,
        };
        let started = message(self, place, Body::Started(started));
        let then = if place.is_some() { Step::Live } else { Step::Snapshot(Box::default()) };
        Ok(Done { ready: vec![(started, None)], place, at_head: false, then })
    }

    async fn page_for_stream(&self, filter: &Filter, place: Place) -> Result<Done> {
        let page = self.journal.read(place.position, filter, PAGE).await;
        let page = page.map_err(|error| store(error, WATCH))?;
        if page.low_water > place.position {
            let earliest = self.cursor(self.earliest_place(WATCH).await?);
            return Err(expired("the stream fell behind what the journal keeps", earliest, WATCH));
        }
        let (mut ready, mut bytes, mut last) = (Vec::new(), BytesMut::new(), None);
        for entry in &page.entries {
            put_event(self.journal.identity(), entry, &mut bytes);
            last = Some(entry.place);
            if bytes.len() >= CHUNK {
                ready.push((bytes.split().freeze(), last));
            }
        }
        if !bytes.is_empty() {
            ready.push((bytes.freeze(), last));
        }
        let at_head = page.next.position >= page.head;
        Ok(Done { ready, place: Some(page.next), at_head, then: Step::Live })
    }

    /// What is sent where nothing else was for long.
    pub(super) async fn heartbeat(self: Arc<Self>, place: Option<Place>, then: Step) -> Result<Done> {
        let lag = match place {
            None => None,
            Some(place) if place.position >= self.head() => {
                Some(Lag { events: 0, age: Some(prost_types::Duration::default()) })
            }
            Some(place) => Some(self.lag(place, WATCH).await?),
        };
        let server_time = Some(self.timestamp());
        let oldest_record_time = self.recent_oldest_record_time(WATCH).await?;
        let heartbeat = Heartbeat { server_time, lag, oldest_record_time };
        let heartbeat = message(&self, place, Body::Heartbeat(heartbeat));
        Ok(Done { ready: vec![(heartbeat, None)], place, at_head: false, then })
    }

    pub(super) fn caught_up(&self, place: Place) -> Bytes {
        message(self, Some(place), Body::CaughtUp(CaughtUp { server_time: Some(self.timestamp()) }))
    }
}
