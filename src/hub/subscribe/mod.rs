//! Event streams: where they begin, then the journal from there, then its head.

mod reader;
mod snapshot;
mod start;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::subscribe::reader::{IN_FLIGHT, Reader};
use crate::hub::subscribe::start::Begin;
use crate::model::filter::Filter;
use crate::model::validate::Checks;
use crate::proto::{WatchEventsRequest, WatchEventsResponse};

const WATCH: &str = "watch_events";
const AGE_JITTER: f64 = 0.1;
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(60);

/// A stream as the door sends it: messages, or the error that ends it.
pub type EventStream = ReceiverStream<Result<WatchEventsResponse>>;

impl Hub {
    /// Opens a stream. It ends with a `closing` message when it is old or the process drains.
    pub async fn watch_events(self: &Arc<Self>, request: WatchEventsRequest) -> Result<EventStream> {
        let mut checks = Checks::default();
        checks.text("consumer", &request.consumer, 128);
        let heartbeat = self.heartbeat_interval(request.heartbeat_interval, &mut checks);
        let begin = Begin::parse(request.start, &mut checks);
        let wanted = request.filter.unwrap_or_default();
        let shard = wanted.shard.is_some();
        let filter = begin.narrow(Filter::parse(wanted, &mut checks));
        checks.finish(WATCH)?;
        if shard {
            let detail = "this release does not serve filter.shard";
            return Err(Error::new(Kind::CapabilityNotSupported, WATCH, detail));
        }
        if self.drain.is_cancelled() {
            return Err(Error::new(Kind::GatewayDraining, WATCH, "the gateway is shutting down; reconnect"));
        }
        let permit = self.open_streams.clone().try_acquire_owned().map_err(|_none_left| {
            Error::new(Kind::WatchLimitExceeded, WATCH, "too many event streams are open")
        })?;
        let place = self.beginning(begin).await?;
        // One message more than may be under way: the last word, which must not wait for room.
        let (sender, receiver) = mpsc::channel(IN_FLIGHT + 1);
        let max_age = self.clock.jitter(self.streams.max_stream_age(), AGE_JITTER);
        let now = self.clock.now();
        let reader = Reader {
            hub: self.clone(),
            filter,
            in_snapshot: place.is_none(),
            place: place.unwrap_or_default(),
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
