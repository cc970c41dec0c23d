//! `watch`: where it begins, what it asks for, and how it goes on after a snapshot.

use std::fs;

use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{
    Event, EventFilter, EventType, Identification, IdentificationState, SnapshotCompleted, SnapshotItem,
    StartPosition, WatchEventsResponse,
};

use super::script::Script;

fn item(name: &str) -> WatchEventsResponse {
    let identification = Identification {
        name: name.to_owned(),
        state: IdentificationState::InProgress.into(),
        ..Identification::default()
    };
    let item = SnapshotItem { identification: Some(identification) };
    WatchEventsResponse { cursor: String::new(), message: Some(Message::SnapshotItem(item)) }
}

fn completed(cursor: &str, item_count: i64) -> WatchEventsResponse {
    let message = Message::SnapshotCompleted(SnapshotCompleted { item_count });
    WatchEventsResponse { cursor: cursor.to_owned(), message: Some(message) }
}

fn event(cursor: &str, subject: &str) -> WatchEventsResponse {
    let kind = EventType::IdentificationUpdated.into();
    let event = Event { r#type: kind, subject: subject.to_owned(), ..Event::default() };
    WatchEventsResponse { cursor: cursor.to_owned(), message: Some(Message::Event(event)) }
}

fn snapshot() -> Option<Start> {
    Some(Start::StartPosition(StartPosition::Snapshot.into()))
}

#[tokio::test]
async fn a_snapshot_that_is_cut_off_begins_anew_and_one_that_is_whole_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    let mut script = Script::tell([
        vec![item("a")],
        vec![item("a"), item("b"), completed("c1", 2), event("c2", "a")],
        vec![event("c3", "b")],
    ])
    .await;
    let arguments = ["--snapshot", "--cursor-file", file.to_str().unwrap()];
    let mut watch = script.watch(&arguments);
    assert_eq!(script.asked().await.start, snapshot());
    assert!(watch.line().await.unwrap().ends_with("  a"));
    watch.find_error(|line| line.contains("it ended unannounced").then_some(())).await;
    assert!(!file.exists(), "nothing can be resumed in the middle of a snapshot");

    assert_eq!(script.asked().await.start, snapshot());
    let lines = watch.lines_until(|line| line.contains(" UPDATED ") && line.ends_with("  a")).await;
    assert!(lines[0].contains(" NOW            IN_PROGRESS") && lines[0].ends_with("  a"), "{lines:#?}");
    assert_eq!(lines.len(), 3, "two items and an event: {lines:#?}");
    assert_eq!(script.asked().await.start, Some(Start::AfterCursor("c2".to_owned())));
    watch.lines_until(|line| line.contains(" UPDATED ") && line.ends_with("  b")).await;
    watch.signal("TERM");
    assert_eq!(watch.ended().await.code, Some(0));
    assert_eq!(fs::read_to_string(file).unwrap(), "c3\n");
}

#[tokio::test]
async fn the_end_of_a_snapshot_is_a_line_of_json() {
    let script = Script::tell([vec![item("a"), completed("c1", 1), event("c2", "a")]]).await;
    let lines = script.watch(&["--snapshot", "--json"]).lines_until(|line| line.contains("UPDATED")).await;
    let expected = [
        r#"{"snapshotItem":{"identification":{"name":"a","state":"IDENTIFICATION_STATE_IN_PROGRESS"}}}"#,
        r#"{"cursor":"c1","snapshotCompleted":{"itemCount":"1"}}"#,
        r#"{"cursor":"c2","event":{"type":"EVENT_TYPE_IDENTIFICATION_UPDATED","subject":"a"}}"#,
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn options_become_the_request() {
    let mut script = Script::tell([vec![]]).await;
    let watch = script.watch(&[
        "--since=2026-03-01T09:00:00.5+01:00",
        "--connection=connections/bank-de",
        "--identification=connections/bank-de/identifications/1",
        "--external-reference=order 7",
        "--external-reference=order 8",
        "--label=branch=berlin",
        "--label=note=a=b",
        "--type=webhook_rejected",
    ]);
    let asked = script.asked().await;
    let time = prost_types::Timestamp { seconds: 1_772_352_000, nanos: 500_000_000 };
    assert_eq!(asked.start, Some(Start::StartTime(time)));
    let text = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = EventFilter {
        connections: text(&["connections/bank-de"]),
        identifications: text(&["connections/bank-de/identifications/1"]),
        external_references: text(&["order 7", "order 8"]),
        labels: [label("branch", "berlin"), label("note", "a=b")].into(),
        types: vec![EventType::WebhookRejected.into()],
        ..EventFilter::default()
    };
    assert_eq!(asked.filter, Some(expected));
    drop(watch);
}

#[tokio::test]
async fn wrong_usage_is_named() {
    let script = Script::tell([vec![]]).await;
    for (arguments, problem) in [
        (&["--since", "yesterday"][..], "must be a time such as 2026-03-01T08:00:00Z"),
        (&["--earliest", "--snapshot"], "cannot be used with"),
        (&["--all"], "--json"),
        (&["--label", "branch"], "must be KEY=VALUE"),
        (&["--label", "=berlin"], "must be KEY=VALUE"),
        (&["--label", "branch=berlin", "--label", "branch=bonn"], "--label names branch twice"),
    ] {
        let ended = script.watch(arguments).ended().await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:#?}");
        assert!(ended.stderr.join("\n").contains(problem), "{arguments:?}: {ended:#?}");
    }
}
