//! Requests: begun once, answered, forgotten in time.

use std::time::Duration;

use bytes::Bytes;
use idv_gateway::journal::{Answer, Batch, Position, Request, RequestChange, RequestKey};

use super::fixture::{Fixture, any_event, assert_conflict, events, fresh};

fn key() -> RequestKey {
    RequestKey { caller: "anonymous".to_owned(), method: "/idvgateway.v1.X/Create", request_id: fresh() }
}

fn begin(key: &RequestKey) -> Batch {
    let change = RequestChange::Begin {
        key: key.clone(),
        payload_mac: [3; 32],
        subject: "connections/bank".to_owned(),
    };
    Batch { requests: vec![change], ..Batch::default() }
}

fn answer(fixture: &Fixture, key: &RequestKey, position: Position) -> Batch {
    let change = RequestChange::Answer {
        key: key.clone(),
        bytes: Bytes::from_static(b"answer"),
        position,
        keep_until: fixture.clock.now() + Duration::from_secs(60),
    };
    Batch { requests: vec![change], ..Batch::default() }
}

fn expected(position: Option<Position>) -> Option<Request> {
    let answer = position.map(|position| Answer { bytes: Bytes::from_static(b"answer"), position });
    Some(Request { payload_mac: [3; 32], subject: "connections/bank".to_owned(), answer })
}

pub(super) async fn a_request_is_begun_once(fixture: Fixture) {
    let key = key();
    assert_eq!(fixture.journal.request(&key).await.unwrap(), None);
    fixture.journal.append(begin(&key)).await.unwrap();
    assert_eq!(fixture.journal.request(&key).await.unwrap(), expected(None));
    assert_conflict(fixture.journal.append(begin(&key)).await, &key.request_id);
    // Every part of the key counts.
    for other in [
        RequestKey { caller: "somebody".to_owned(), ..key.clone() },
        RequestKey { method: "/idvgateway.v1.X/Cancel", ..key.clone() },
    ] {
        fixture.journal.append(begin(&other)).await.unwrap();
    }
}

pub(super) async fn an_answer_stands_at_its_last_event(fixture: Fixture) {
    let key = key();
    fixture.journal.append(begin(&key)).await.unwrap();
    let batch = Batch { events: vec![any_event(), any_event()], ..answer(&fixture, &key, 77) };
    fixture.journal.append(batch).await.unwrap();
    assert_eq!(fixture.journal.request(&key).await.unwrap(), expected(Some(2)));
}

pub(super) async fn an_answer_without_event_stands_where_it_says(fixture: Fixture) {
    let key = key();
    fixture.journal.append(events(vec![any_event(), any_event()])).await.unwrap();
    fixture.journal.append(begin(&key)).await.unwrap();
    fixture.journal.append(answer(&fixture, &key, 1)).await.unwrap();
    assert_eq!(fixture.journal.request(&key).await.unwrap(), expected(Some(1)));
}

pub(super) async fn answering_what_was_not_begun_conflicts(fixture: Fixture) {
    let key = key();
    assert_conflict(fixture.journal.append(answer(&fixture, &key, 0)).await, &key.request_id);
}

pub(super) async fn answered_requests_are_swept_in_time(fixture: Fixture) {
    let (answered, open) = (key(), key());
    fixture.journal.append(begin(&answered)).await.unwrap();
    fixture.journal.append(begin(&open)).await.unwrap();
    fixture.journal.append(answer(&fixture, &answered, 0)).await.unwrap();
    let end = fixture.clock.now() + Duration::from_secs(60);
    assert_eq!(fixture.journal.sweep(end).await.unwrap(), 0);
    assert_eq!(fixture.journal.sweep(end + Duration::from_secs(86_400)).await.unwrap(), 1);
    assert_eq!(fixture.journal.request(&answered).await.unwrap(), None);
    assert_eq!(fixture.journal.request(&open).await.unwrap(), expected(None));
}
