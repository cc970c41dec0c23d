//! Event streams: where they begin, then the journal from there, then its tail.

mod snapshot;
mod start;
mod step;
mod stream;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::subscribe::start::Begin;
use crate::hub::subscribe::step::Step;
use crate::model::filter::Filter;
use crate::model::validate::Checks;
use crate::proto::WatchEventsRequest;

pub use crate::hub::subscribe::stream::EventStream;

const WATCH: &str = "watch_events";
const AGE_JITTER: f64 = 0.1;
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(60);

/// Who reads a stream, and until when at most.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Whose streams are counted together.
    pub name: String,
    /// When its call is over: the stream ends with DEADLINE_EXCEEDED.
    pub deadline: Option<SystemTime>,
    /// When its credentials end: the stream ends with CREDENTIALS_EXPIRED.
    pub credentials_end: Option<SystemTime>,
}

impl Hub {
    /// Opens a stream. It ends with a `closing` message when it is old, its caller's credentials end or the process
    /// drains.
    pub async fn watch_events(
        self: &Arc<Self>,
        request: WatchEventsRequest,
        caller: Caller,
    ) -> Result<EventStream> {
        let mut checks = Checks::default();
        checks.text("consumer", &request.consumer, 128);
        let heartbeat = self.heartbeat_interval(request.heartbeat_interval, &mut checks);
        let begin = Begin::parse(request.start, &mut checks);
        let filter = begin.narrow(Filter::parse(request.filter.unwrap_or_default(), &mut checks));
        checks.finish(WATCH)?;
        if self.drain.is_cancelled() {
            return Err(Error::new(Kind::GatewayDraining, WATCH, "the gateway is shutting down; reconnect"));
        }
        let seat = self.seats.take(&caller.name, &self.metrics, WATCH)?;
        let place = self.beginning(begin).await?;
        let max_age = self.clock.jitter(self.streams.max_stream_age(), AGE_JITTER);
        let (now, filter) = (self.clock.now(), Arc::new(filter));
        Ok(EventStream {
            registration: Some(self.tail.register(filter.clone(), seat, now)),
            hub: self.clone(),
            filter,
            place,
            heartbeat,
            sent_at: now,
            ends_at: now + max_age,
            caller,
            step: Step::Start { heartbeat, max_age },
            work: None,
            ready: VecDeque::new(),
            caught_up: false,
            at_head: false,
        })
    }

    fn heartbeat_interval(&self, asked: Option<prost_types::Duration>, checks: &mut Checks) -> Duration {
        match asked.map(Duration::try_from) {
            None => self.streams.heartbeat_interval(),
            Some(Ok(interval)) if HEARTBEATS.contains(&interval) => interval,
            Some(_) => {
                checks.refuse("heartbeat_interval", "must be 5 s to 60 s");
                Duration::ZERO
            }
        }
    }
}
