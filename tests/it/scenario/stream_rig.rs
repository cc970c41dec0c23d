//! Streams over a journal alone: a hub without doors, whose readers take what they like when they like.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::{FutureExt as _, StreamExt as _};
use idv_gateway::error::Result;
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::subscribe::{Caller, EventStream};
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::journal::{Batch, Journal};
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::{EventFilter, WatchEventsResponse};
use idv_gateway::telemetry::Telemetry;
use idv_gateway::vendor::registry::Registry;
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use super::reader::watch;
use crate::journal::checker::with_pages;
use crate::journal::fixture::Fixture;

const GUARD: Duration = Duration::from_secs(60);

/// A hub over a journal of its own.
pub(super) struct Rig {
    pub(super) hub: Arc<Hub>,
    pub(super) fixture: Arc<Fixture>,
    pub(super) drain: CancellationToken,
    pages: Arc<AtomicUsize>,
}

/// A reader that takes a piece when it is asked for a message and has none left.
pub(super) struct Taker {
    stream: EventStream,
    taken: VecDeque<Bytes>,
}

impl Rig {
    /// Over what `batch` records; `then` happens after every page that is read of it. One stream may be open.
    pub(super) async fn new(batch: Batch, then: impl Fn(&Fixture) + Send + Sync + 'static) -> Self {
        let fixture = Arc::new(Fixture::memory());
        fixture.journal.append(batch).await.unwrap();
        let (behind, pages) = (Arc::clone(&fixture), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&pages);
        let journal = with_pages(Arc::clone(&fixture.journal), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            then(&behind);
        });
        let streams = StreamSettings { max_streams_per_caller: 1, ..StreamSettings::default() };
        Self { pages, ..Self::over(fixture, journal, streams) }
    }

    /// Over `journal`, which `fixture` lies behind.
    pub(super) fn over(fixture: Arc<Fixture>, journal: Arc<dyn Journal>, streams: StreamSettings) -> Self {
        let drain = CancellationToken::new();
        let hub = Hub::new(HubParts {
            clock: fixture.clock.clone(),
            journal,
            vault: Vault::new(fixture.clock.clone(), vec![MasterKey::generate(&fixture.clock)]).unwrap(),
            registry: Registry::default(),
            metrics: Telemetry::new().metrics(),
            streams,
            webhook_urls: std::collections::BTreeMap::new(),
            drain: drain.clone(),
        });
        let follower = hub.clone();
        tokio::spawn(async move { follower.follow().await });
        Self { hub, fixture, drain, pages: Arc::default() }
    }

    pub(super) async fn open(&self, start: Start, filter: EventFilter) -> Taker {
        self.open_as(Caller::default(), start, filter).await.unwrap()
    }

    pub(super) async fn open_as(&self, caller: Caller, start: Start, filter: EventFilter) -> Result<Taker> {
        let stream = self.hub.watch_events(watch(start, filter), caller).await?;
        Ok(Taker { stream, taken: VecDeque::new() })
    }

    pub(super) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }
}

impl Taker {
    /// The next message as it came.
    pub(super) async fn next_bytes(&mut self) -> Option<Result<Bytes>> {
        if self.taken.is_empty() {
            match tokio::time::timeout(GUARD, self.stream.next()).await.expect("a message in time")? {
                Ok(piece) => self.taken.extend(messages(piece)),
                Err(error) => return Some(Err(error)),
            }
        }
        self.taken.pop_front().map(Ok)
    }

    pub(super) async fn next(&mut self) -> Option<Result<WatchEventsResponse>> {
        Some(self.next_bytes().await?.map(|bytes| WatchEventsResponse::decode(bytes).unwrap()))
    }

    /// What is there at once, and no more than one piece of it.
    pub(super) fn now(&mut self) -> Vec<WatchEventsResponse> {
        if let Some(Some(Ok(piece))) = self.stream.next().now_or_never() {
            self.taken.extend(messages(piece));
        }
        self.taken.drain(..).map(|bytes| WatchEventsResponse::decode(bytes).unwrap()).collect()
    }
}

/// The messages of a piece.
fn messages(mut piece: Bytes) -> Vec<Bytes> {
    let mut messages = Vec::new();
    while piece.has_remaining() {
        assert_eq!(piece.get_u8(), 0, "not compressed");
        let length = piece.get_u32() as usize;
        messages.push(piece.split_to(length));
    }
    assert!(!messages.is_empty(), "no piece is empty");
    messages
}
