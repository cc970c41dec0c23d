//! A subscriber that collects what it is sent.

use std::collections::BTreeSet;
use std::time::Duration;

use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{Event, EventFilter, StartPosition, WatchEventsRequest, WatchEventsResponse};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

const GUARD: Duration = Duration::from_secs(60);

/// An open stream.
pub(super) struct Reader {
    stream: Streaming<WatchEventsResponse>,
    /// The last cursor it was sent; empty while a snapshot is sent.
    pub(super) cursor: String,
    in_snapshot: bool,
}

/// From the first event on.
pub(super) fn earliest() -> Start {
    Start::StartPosition(StartPosition::Earliest.into())
}

/// From the next event on.
pub(super) fn latest() -> Start {
    Start::StartPosition(StartPosition::Latest.into())
}

/// From the present state on.
pub(super) fn snapshot() -> Start {
    Start::StartPosition(StartPosition::Snapshot.into())
}

/// A request to read `filter` from `start`.
pub(super) fn watch(start: Start, filter: EventFilter) -> WatchEventsRequest {
    WatchEventsRequest { start: Some(start), filter: Some(filter), ..WatchEventsRequest::default() }
}

/// How `request` is refused.
pub(super) async fn refusal(channel: &Channel, request: WatchEventsRequest) -> Status {
    match Reader::open(channel, request).await {
        Err(status) => status,
        Ok(mut reader) => reader.try_next().await.expect_err("it is refused"),
    }
}

impl Reader {
    pub(super) async fn open(channel: &Channel, request: WatchEventsRequest) -> Result<Self, Status> {
        let in_snapshot = request.start == Some(snapshot());
        let mut client = EventServiceClient::new(channel.clone());
        let stream = tokio::time::timeout(GUARD, client.watch_events(request)).await.unwrap()?.into_inner();
        Ok(Self { stream, cursor: String::new(), in_snapshot })
    }

    /// Everything from `start` on.
    pub(super) async fn from(channel: &Channel, start: Start) -> Self {
        Self::open(channel, watch(start, EventFilter::default())).await.unwrap()
    }

    /// The next message; `None` at the end with status OK.
    pub(super) async fn try_next(&mut self) -> Result<Option<Message>, Status> {
        let response =
            tokio::time::timeout(GUARD, self.stream.message()).await.expect("a message in time")?;
        Ok(response.map(|response| {
            let message = response.message.unwrap();
            self.in_snapshot &= !matches!(message, Message::SnapshotCompleted(_));
            assert_eq!(response.cursor.is_empty(), self.in_snapshot, "the cursor of {message:?}");
            self.cursor = response.cursor;
            message
        }))
    }

    pub(super) async fn next(&mut self) -> Message {
        self.try_next().await.unwrap().expect("the stream goes on")
    }

    /// The next event, whatever else comes before it.
    pub(super) async fn event(&mut self) -> Event {
        loop {
            if let Message::Event(event) = self.next().await {
                return event;
            }
        }
    }

    /// The next `count` events.
    pub(super) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.event().await);
        }
        events
    }

    /// Events up to and with the first one that is `last`.
    pub(super) async fn until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.push(self.event().await);
            if events.last().is_some_and(&last) {
                return events;
            }
        }
    }

    /// The names of what the snapshot shows.
    pub(super) async fn items(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        loop {
            match self.next().await {
                Message::SnapshotItem(item) => drop(names.insert(item.identification.unwrap().name)),
                Message::SnapshotCompleted(_) => return names,
                Message::Started(_) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// Every event until the stream has nothing more to send.
    pub(super) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Message::Event(event) => events.push(event),
                Message::CaughtUp(_) => return events,
                Message::Started(_) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
}
