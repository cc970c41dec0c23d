//! Reads the event stream as a subscriber does, and prints what comes.

use std::error::Error;

use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{
    Event, EventFilter, EventType, StartPosition, WatchEventsRequest, WatchEventsResponse,
};
use tonic::Streaming;
use tonic::transport::Channel;

use crate::commands::output::say;
use crate::commands::render::Renderer;
use crate::commands::trial::{CODES, CONNECTION, INVITING};

/// A reader of the demo's connections that prints everything it sees.
pub(super) struct Subscriber {
    stream: Streaming<WatchEventsResponse>,
    renderer: Renderer,
    cursor: String,
}

impl Subscriber {
    pub(super) async fn open(channel: Channel, renderer: Renderer) -> Result<Self, Box<dyn Error>> {
        let connections = [CONNECTION, CODES, INVITING].map(str::to_owned).into();
        let request = WatchEventsRequest {
            start: Some(Start::StartPosition(StartPosition::Earliest.into())),
            filter: Some(EventFilter { connections, ..EventFilter::default() }),
            heartbeat_interval: None,
            consumer: "demo".to_owned(),
        };
        let stream = EventServiceClient::new(channel).watch_events(request).await?.into_inner();
        Ok(Self { stream, renderer, cursor: String::new() })
    }

    /// Where to go on from.
    pub(super) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Prints events until `expected` happens to `name`.
    pub(super) async fn expect(&mut self, name: &str, expected: EventType) -> Result<Event, Box<dyn Error>> {
        loop {
            let response = self.stream.message().await?.ok_or("the event stream ended")?;
            self.cursor = response.cursor;
            let Some(Message::Event(event)) = response.message else { continue };
            say(&format!("  {}", self.renderer.event(&event)))?;
            if event.identification == name && event.r#type() == expected {
                return Ok(event);
            }
        }
    }
}
