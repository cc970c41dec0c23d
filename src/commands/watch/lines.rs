//! What is printed of a stream: lines for people, or JSON for programs.

use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{DESCRIPTORS, WatchEventsResponse};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::commands::render::Renderer;

const RESPONSE: &str = "idvgateway.v1.WatchEventsResponse";

/// Makes lines of messages.
pub(super) enum Lines {
    /// For people: events and the items of a snapshot.
    Text(Renderer),
    /// For programs: the whole message. Not `all`: leaves out what is only about the stream.
    Json { response: MessageDescriptor, all: bool },
}

impl Lines {
    pub(super) fn json(all: bool) -> Result<Self, String> {
        let pool = DescriptorPool::decode(DESCRIPTORS).map_err(|error| error.to_string())?;
        let response = pool.get_message_by_name(RESPONSE).ok_or("the contract has no WatchEvents")?;
        Ok(Self::Json { response, all })
    }

    /// The line for a message, with its end; `None` when nothing is printed of it.
    pub(super) fn line(&self, response: &WatchEventsResponse) -> Result<Option<String>, String> {
        match (self, &response.message) {
            (Self::Text(renderer), Some(Message::Event(event))) => {
                Ok(Some(format!("{}  {}\n", renderer.event(event), event.subject)))
            }
            (Self::Text(renderer), Some(Message::SnapshotItem(item))) => {
                let identification = item.identification.clone().unwrap_or_default();
                Ok(Some(format!("{}  {}\n", renderer.item(&identification), identification.name)))
            }
            (Self::Text(_), _) => Ok(None),
            (Self::Json { response: descriptor, all }, message) if *all || is_content(message.as_ref()) => {
                json(descriptor, response).map(Some)
            }
            (Self::Json { .. }, _) => Ok(None),
        }
    }
}

/// Whether it is what the stream is for. Of a kind that only a newer gateway knows there is nothing to print.
fn is_content(message: Option<&Message>) -> bool {
    matches!(message, Some(Message::Event(_) | Message::SnapshotItem(_) | Message::SnapshotCompleted(_)))
}

fn json(descriptor: &MessageDescriptor, response: &WatchEventsResponse) -> Result<String, String> {
    let mut message = DynamicMessage::new(descriptor.clone());
    message.transcode_from(response).map_err(|error| error.to_string())?;
    let mut line = serde_json::to_string(&message).map_err(|error| error.to_string())?;
    line.push('\n');
    Ok(line)
}
