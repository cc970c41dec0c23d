//! What filters look at: the fields of an event that choose, without the rest of it.

use std::collections::HashMap;
use std::time::SystemTime;

use prost::Message;
use prost_types::Timestamp;

/// The choosing fields of an [`Event`](crate::proto::Event). Decodes from the event's own bytes, whose other fields it
/// passes over.
#[derive(Clone, PartialEq, Message)]
pub struct EventKeys {
    /// Its `type`.
    #[prost(int32, tag = "2")]
    pub kind: i32,
    /// The resource it is about.
    #[prost(string, tag = "3")]
    pub subject: String,
    /// The caller's own key.
    #[prost(string, tag = "4")]
    pub external_reference: String,
    /// The caller's labels.
    #[prost(map = "string, string", tag = "5")]
    pub labels: HashMap<String, String>,
    /// When it entered the journal.
    #[prost(message, optional, tag = "7")]
    pub record_time: Option<Timestamp>,
    /// The identification it belongs to, if any.
    #[prost(string, tag = "14")]
    pub identification: String,
}

impl EventKeys {
    /// When it entered the journal.
    pub fn recorded(&self) -> Option<SystemTime> {
        self.record_time.and_then(|time| SystemTime::try_from(time).ok())
    }

    /// What decides about its shard: the identification it belongs to, or else its subject.
    pub fn person(&self) -> &str {
        if self.identification.is_empty() { &self.subject } else { &self.identification }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::event::Payload;
    use crate::proto::{Event, EventType, IdentificationChanged};

    #[test]
    fn they_are_the_fields_of_the_event() {
        let time = Timestamp { seconds: 1_790_000_000, nanos: 5_000_000 };
        let labels = HashMap::from([("channel".to_owned(), "branch".to_owned())]);
        let event = Event {
            event_id: "5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11".to_owned(),
            r#type: EventType::TicketProgressed.into(),
            subject: "subject".to_owned(),
            external_reference: "reference".to_owned(),
            labels: labels.clone(),
            revision: 7,
            record_time: Some(time),
            identification: "identification".to_owned(),
            payload: Some(Payload::IdentificationChanged(IdentificationChanged::default())),
            ..Event::default()
        };
        let keys = EventKeys::decode(&event.encode_to_vec()[..]).unwrap();
        let expected = EventKeys {
            kind: event.r#type,
            subject: event.subject,
            external_reference: event.external_reference,
            labels,
            record_time: Some(time),
            identification: event.identification,
        };
        assert_eq!(keys, expected);
    }

    #[test]
    fn what_belongs_to_nobody_is_known_by_its_subject() {
        let keys = EventKeys { subject: "connections/bank".to_owned(), ..EventKeys::default() };
        assert_eq!(keys.person(), "connections/bank");
        let of_somebody = EventKeys { identification: "somebody".to_owned(), ..keys };
        assert_eq!(of_somebody.person(), "somebody");
    }
}
