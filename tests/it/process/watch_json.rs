//! `watch --json`: lines for programs.

use std::collections::HashMap;
use std::process::Command;

use idv_gateway::proto::event::Payload;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{
    Decision, Event, EventType, Evidence, Heartbeat, Identification, IdentificationChanged,
    IdentificationState, Lag, Outcome, Reason, WatchEventsResponse, WatchStarted, WebhookRejected,
};
use prost_types::{Duration, Timestamp};
use serde_json::{Deserializer, Value};

use super::child::Child;
use super::house::House;
use super::script::Script;
use super::watch::{lines, tell, watch};

const NAME: &str = "connections/bank-de/identifications/6f1c7a52-3b1e-4a7e-9f5d-0d7c1f1b2a3c";

fn time(seconds: i64, nanos: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_772_352_000 + seconds, nanos })
}

fn response(cursor: &str, message: Message) -> WatchEventsResponse {
    WatchEventsResponse { cursor: cursor.to_owned(), message: Some(message) }
}

/// Every kind of value that JSON has its own way with.
fn completed() -> Event {
    let decision = Decision {
        outcome: Outcome::VerifiedDataChanged.into(),
        // A category of a later contract.
        reasons: vec![Reason { vendor_code: "DATA".to_owned(), category: 4711, recognized: false }],
        revision: 1,
        decide_time: time(1, 0),
        confidence: Some(0.0),
        evidence: Evidence::Fetched.into(),
        ..Decision::default()
    };
    let identification = Identification {
        name: NAME.to_owned(),
        revision: 4,
        state: IdentificationState::Completed.into(),
        decision: Some(decision),
        ..Identification::default()
    };
    Event {
        event_id: "0b9d1f0e-7f0c-4a55-8a44-1a8f6f0d9b11".to_owned(),
        r#type: EventType::IdentificationCompleted.into(),
        subject: NAME.to_owned(),
        external_reference: "order \"7\"\nü".to_owned(),
        labels: HashMap::from([("branch".to_owned(), "berlin".to_owned())]),
        // More than a double can count.
        revision: 9_007_199_254_740_993,
        record_time: time(2, 120_000_000),
        occur_time: time(2, 1),
        payload: Some(Payload::IdentificationChanged(IdentificationChanged {
            identification: Some(identification),
            previous_state: IdentificationState::InReview.into(),
            previous_decision: None,
        })),
        ..Event::default()
    }
}

fn rejected() -> Event {
    Event {
        r#type: EventType::WebhookRejected.into(),
        payload: Some(Payload::WebhookRejected(WebhookRejected { request_count: 3 })),
        ..Event::default()
    }
}

fn stream() -> Vec<WatchEventsResponse> {
    let started = WatchStarted {
        heartbeat_interval: Some(Duration { seconds: 15, nanos: 500_000_000 }),
        server_time: time(0, 0),
        ..WatchStarted::default()
    };
    let lag = Lag { events: 0, age: Some(Duration::default()) };
    let heartbeat = Heartbeat { server_time: time(3, 0), lag: Some(lag), oldest_record_time: None };
    vec![
        response("c0", Message::Started(started)),
        response("c1", Message::Event(completed())),
        response("c2", Message::Heartbeat(heartbeat)),
        // A kind of message that only a newer gateway knows.
        WatchEventsResponse { cursor: "c3".to_owned(), message: None },
        response("c4", Message::Event(rejected())),
    ]
}

async fn printed(arguments: &[&str]) -> String {
    let script = Script::tell([stream()]).await;
    let mut watch = script.watch(arguments);
    watch.lines_until(|line| line.contains("WEBHOOK_REJECTED")).await.join("\n")
}

#[tokio::test]
async fn a_line_is_the_whole_message_in_canonical_json() {
    let all = printed(&["--json", "--all"]).await;
    insta::assert_snapshot!(all);
    let events: Vec<_> = all.lines().filter(|line| line.contains("\"event\"")).collect();
    assert_eq!(printed(&["--json"]).await, events.join("\n"), "only events, when not all is asked for");
}

/// Two readings of one contract: ours, and grpcurl's over reflection.
#[tokio::test]
async fn grpcurl_prints_the_same() {
    let Some(grpcurl) = std::env::var_os("IDV_GRPCURL") else {
        println!("skipped: IDV_GRPCURL does not say where grpcurl is; tests/run test does");
        return;
    };
    let house = House::build().await;
    let gateway = house.serve().await;
    tell(&house, &gateway.doors).await;
    let ours = lines(&mut watch(&gateway.doors, &["--earliest", "--json"]), 4).await;

    let mut theirs = Command::new(grpcurl);
    theirs.args(["-plaintext", "-d", r#"{"start_position":"START_POSITION_EARLIEST"}"#]);
    theirs.arg(gateway.doors.grpc.to_string()).arg("idvgateway.v1.EventService/WatchEvents");
    let mut theirs = Child::spawn(theirs);
    let mut text = theirs.lines_until(|line| line.contains("EVENT_TYPE_IDENTIFICATION_COMPLETED")).await;
    text.extend(theirs.lines_until(|line| line == "}").await);
    let theirs = parsed(&text.join("\n")).into_iter().filter(|message| message.get("event").is_some());
    assert_eq!(parsed(&ours.join("\n")), theirs.collect::<Vec<_>>());
}

fn parsed(text: &str) -> Vec<Value> {
    Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_failure() {
    // More than a pipe holds: the rest meets its closed end.
    let events = (0..4096).map(|number| response(&format!("c{number}"), Message::Event(completed())));
    let script = Script::tell([events.collect()]).await;
    let line = r#""$@" | head -n 1; exit "${PIPESTATUS[0]}""#;
    let ended = script.shell(line, &["--json"]).ended().await;
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(0), 1, 0), "{ended:#?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_cannot_be_written_is_not_counted_as_read() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let script = Script::tell([stream()]).await;
    let arguments = ["--json", "--cursor-file", cursor.to_str().unwrap()];
    let ended = script.shell(r#""$@" > /dev/full"#, &arguments).ended().await;
    assert_eq!(ended.code, Some(69), "{ended:#?}");
    assert!(ended.stderr.join("\n").contains("standard output cannot be written"), "{ended:#?}");
    assert_eq!(
        std::fs::read_to_string(cursor).unwrap(),
        "c0\n",
        "the event that was not printed comes again"
    );
}
