//! Event streams: what they begin with, what they leave out, and how they end.

use std::time::Duration;

use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{EventFilter, EventType, StreamClosingReason, WatchEventsRequest};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::house::House;
use super::reader::{Reader, earliest, latest, refusal, watch};
use super::words::{BANK, fields, refused};

#[tokio::test]
async fn a_stream_says_how_it_began_and_when_it_caught_up() {
    let house = House::silent().await;
    house.created().await;
    house.created().await;
    let mut reader = Reader::from(&house.channel, earliest()).await;
    let Message::Started(started) = reader.next().await else { panic!("WatchStarted comes first") };
    let events = house.events().await;
    assert_eq!(started.heartbeat_interval.unwrap().seconds, 5);
    assert_eq!(started.oldest_record_time, events[0].record_time);
    assert!(!started.epoch.is_empty() && started.server_time.is_some() && started.max_stream_age.is_some());
    assert!(matches!(reader.next().await, Message::Event(_)));
    assert!(matches!(reader.next().await, Message::Event(_)));
    assert!(matches!(reader.next().await, Message::CaughtUp(_)));

    let mut new = Reader::from(&house.channel, latest()).await;
    assert!(matches!(new.next().await, Message::Started(_)));
    assert!(matches!(new.next().await, Message::CaughtUp(_)));
    house.created().await;
    let (one, other) = (new.event().await, reader.event().await);
    assert_eq!(one, other);
    assert_eq!(new.cursor, reader.cursor, "a cursor is the same for all readers");
    assert_eq!(house.metric("idv_streams_open", &[]).await, 2.0);
}

#[tokio::test]
async fn a_stream_without_a_start_begins_at_the_end() {
    let house = House::silent().await;
    house.created().await;
    let mut reader = Reader::open(&house.channel, WatchEventsRequest::default()).await.unwrap();
    assert!(reader.rest().await.is_empty());
}

#[tokio::test]
async fn a_heartbeat_comes_when_nothing_is_sent_and_moves_the_cursor() {
    let house = House::silent().await;
    let nothing =
        EventFilter { types: vec![EventType::IdentificationFailed.into()], ..EventFilter::default() };
    let mut reader = Reader::open(&house.channel, watch(latest(), nothing)).await.unwrap();
    assert!(reader.rest().await.is_empty());
    let before = reader.cursor.clone();
    // Dropped by the filter: the stream is as silent as without them.
    house.created().await;
    house.clock.advance(Duration::from_secs(3));
    house.created().await;
    house.clock.advance(Duration::from_secs(2));
    let Message::Heartbeat(beat) = reader.next().await else { panic!("a heartbeat") };
    assert_eq!(beat.lag.unwrap().events, 0);
    assert_ne!(reader.cursor, before);
    let mut resumed = Reader::from(&house.channel, Start::AfterCursor(reader.cursor.clone())).await;
    assert!(resumed.rest().await.is_empty(), "the heartbeat's cursor stands after what was dropped");
    house.clock.advance(Duration::from_secs(5));
    assert!(matches!(reader.next().await, Message::Heartbeat(_)));
}

#[tokio::test]
async fn cursors_this_gateway_did_not_make_are_refused() {
    let (house, elsewhere) = (House::silent().await, House::silent().await);
    for house in [&house, &elsewhere] {
        house.created().await;
    }
    let mut reader = Reader::from(&elsewhere.channel, earliest()).await;
    reader.event().await;
    let (own, foreign) = (house.try_create(super::words::create(BANK)).await.unwrap().cursor, reader.cursor);
    let mut altered = own.clone().into_bytes();
    altered[30] = if altered[30] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let own_and_more = format!("{own}A");
    for cursor in ["", "what", &own[..49], &own_and_more, &altered, &foreign, "%%%", &"A".repeat(50)] {
        let start = Start::AfterCursor(cursor.to_owned());
        let status = refusal(&house.channel, watch(start, EventFilter::default())).await;
        refused(&status, Code::InvalidArgument, "CURSOR_MALFORMED");
    }
    let mut reader = Reader::from(&house.channel, Start::AfterCursor(own)).await;
    assert!(reader.rest().await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let house = House::silent().await;
    let beating = |seconds, nanos| WatchEventsRequest {
        heartbeat_interval: Some(prost_types::Duration { seconds, nanos }),
        ..WatchEventsRequest::default()
    };
    let everything = WatchEventsRequest {
        start: Some(Start::StartPosition(99)),
        filter: Some(EventFilter { types: vec![0], ..EventFilter::default() }),
        consumer: "x".repeat(129),
        ..beating(0, 0)
    };
    let wrong: [(WatchEventsRequest, &[&str]); 7] = [
        (watch(Start::StartPosition(99), EventFilter::default()), &["start_position"]),
        (beating(4, 999_999_999), &["heartbeat_interval"]),
        (beating(60, 1), &["heartbeat_interval"]),
        (beating(-5, 0), &["heartbeat_interval"]),
        (beating(i64::MAX, 0), &["heartbeat_interval"]),
        (WatchEventsRequest { consumer: "x".repeat(129), ..WatchEventsRequest::default() }, &["consumer"]),
        (everything, &["consumer", "heartbeat_interval", "start_position", "filter.types[0]"]),
    ];
    for (request, expected) in wrong {
        let status = refusal(&house.channel, request).await;
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), expected);
    }
    assert_eq!(house.metric("idv_streams_open", &[]).await, 0.0);
}

#[tokio::test]
async fn the_callers_deadline_ends_a_stream() {
    let house = House::silent().await;
    let mut request = tonic::Request::new(watch(latest(), EventFilter::default()));
    // In the header alone: the client here does not watch the time itself.
    request.metadata_mut().insert("grpc-timeout", "3S".parse().unwrap());
    let mut client = idv_gateway::proto::event_service_client::EventServiceClient::new(house.channel.clone());
    let mut stream = client.watch_events(request).await.unwrap().into_inner();
    let mut messages = 0;
    let status = loop {
        match stream.message().await {
            Ok(Some(_message)) => messages += 1,
            Ok(None) => panic!("the stream ended as if all was well"),
            Err(status) => break status,
        }
        if messages == 2 {
            house.clock.advance(Duration::from_secs(3));
        }
    };
    assert_eq!((status.code(), messages), (Code::DeadlineExceeded, 2));
}

#[tokio::test]
async fn a_stream_that_is_old_ends_with_a_cursor() {
    let house = House::silent().await;
    house.created().await;
    let mut reader = Reader::from(&house.channel, earliest()).await;
    assert_eq!(reader.rest().await.len(), 1);
    house.clock.advance(Duration::from_secs(40 * 60));
    let closing = loop {
        match reader.next().await {
            Message::Closing(closing) => break closing,
            Message::Heartbeat(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert_eq!(closing.reason(), StreamClosingReason::MaxAge);
    assert!(reader.try_next().await.unwrap().is_none(), "status OK");
}

#[tokio::test]
async fn too_many_streams_are_refused_until_one_is_closed() {
    let house = House::with(|plan| plan.max_streams = 2).await;
    let mut first = Reader::from(&house.channel, latest()).await;
    let second = Reader::from(&house.channel, latest()).await;
    first.rest().await;
    let status = refusal(&house.channel, watch(latest(), EventFilter::default())).await;
    let details = refused(&status, Code::ResourceExhausted, "WATCH_LIMIT_EXCEEDED");
    assert!(details.retry_info().is_some());
    drop(second);
    house
        .until("a free place", async || {
            Reader::open(&house.channel, watch(latest(), EventFilter::default())).await.ok()
        })
        .await;
}

#[tokio::test]
async fn a_drain_closes_streams_with_a_cursor_and_status_ok() {
    let house = House::silent().await;
    house.created().await;
    let channel = house.channel.clone();
    let mut health = HealthClient::new(channel.clone());
    let mut health = health
        .watch(HealthCheckRequest { service: "idvgateway.v1.EventService".to_owned() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut reader = Reader::from(&channel, earliest()).await;
    let events = reader.rest().await;
    let last = reader.cursor.clone();

    let down = tokio::spawn(house.shut_down());
    let Message::Closing(closing) = reader.next().await else { panic!("StreamClosing") };
    assert_eq!(closing.reason(), StreamClosingReason::Shutdown);
    assert!(closing.reconnect_after.is_some());
    assert_eq!((reader.cursor.as_str(), events.len()), (last.as_str(), 1));
    assert!(reader.try_next().await.unwrap().is_none(), "status OK");
    assert_eq!(health.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((reader, health, channel));
    let (in_time, _folder) = down.await.unwrap();
    assert!(in_time);
}
