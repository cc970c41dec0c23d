//! Messages of streams as they go out: each after a flag for "not compressed" and its length, which is how gRPC tells
//! them apart. Encoded once, the bytes serve every stream.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::journal::{Entry, Identity, cursor};

/// About as many bytes go out at once.
pub(in crate::hub) const CHUNK: usize = 16 << 10;
const HEADER: usize = 5;
/// `cursor` and `event` of the contract's messages; `ConsumeSubscriptionResponse` has the same numbers.
const CURSOR: u32 = 1;
const EVENT: u32 = 3;

/// `message` on its way.
pub(in crate::hub) fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER + message.encoded_len());
    put_header(message.encoded_len(), &mut bytes);
    // A vector of bytes grows: there is always room.
    bytes.put_slice(&message.encode_to_vec());
    bytes.freeze()
}

/// Adds the message with the event of `entry`, whose bytes are passed on as they are stored: fields that this release
/// does not know stay in it.
pub(in crate::hub) fn put_event(identity: &Identity, entry: &Entry, bytes: &mut BytesMut) {
    let cursor = cursor::encode(identity, entry.place);
    let length = field_length(CURSOR, cursor.len()) + field_length(EVENT, entry.bytes.len());
    bytes.reserve(HEADER + length);
    put_header(length, bytes);
    for (tag, field) in [(CURSOR, cursor.as_bytes()), (EVENT, &entry.bytes[..])] {
        encode_key(tag, WireType::LengthDelimited, bytes);
        encode_varint(field.len() as u64, bytes);
        bytes.put_slice(field);
    }
}

fn put_header(length: usize, bytes: &mut BytesMut) {
    bytes.put_u8(0);
    // No message is nearly as long as 4 GiB: the journal bounds its entries.
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

fn field_length(tag: u32, length: usize) -> usize {
    prost::encoding::key_len(tag) + encoded_len_varint(length as u64) + length
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::journal::Place;
    use crate::journal::cursor::CursorKey;
    use crate::proto::watch_events_response::Message as Body;
    use crate::proto::{
        ConsumeSubscriptionResponse, Event, WatchEventsResponse, consume_subscription_response,
    };

    #[test]
    fn one_message_serves_both_kinds_of_streams() {
        let identity = Identity { epoch: Uuid::nil(), key: CursorKey::new([7; 32]) };
        let event = Event { event_id: "id".to_owned(), subject: "x".repeat(300), ..Event::default() };
        let place = Place { position: 7, check: [1; 4] };
        let mut bytes = BytesMut::new();
        put_event(&identity, &Entry { place, bytes: event.encode_to_vec().into() }, &mut bytes);
        let cursor = cursor::encode(&identity, place);
        let watched =
            WatchEventsResponse { cursor: cursor.clone(), message: Some(Body::Event(event.clone())) };
        assert_eq!(bytes, framed(&watched));
        let consumed = ConsumeSubscriptionResponse {
            cursor,
            message: Some(consume_subscription_response::Message::Event(event)),
        };
        assert_eq!(bytes, framed(&consumed));
    }
}
