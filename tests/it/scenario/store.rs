//! The store has no room, or belongs to somebody else, while webhooks come in.

use std::time::Duration;

use idv_gateway::proto::{EventType, WebhookDeliveryState as State};
use rusqlite::Connection;
use tonic::Code;

use super::house::House;
use super::words::{BANK, create, refused, said};

const STARTED: EventType = EventType::IdentificationStarted;

#[tokio::test]
async fn a_full_store_acknowledges_nothing_and_recovers_alone() {
    let house = House::silent().await;
    let ids = identifications(&house, 40).await;
    house.journal().limit_size(Some(1)).await.unwrap();
    let (kept, refused) = post_all(&house, &ids).await;
    assert!(!refused.is_empty(), "the store is full");
    // A small append may still fit into pages that were free; what counts as room does not.
    not_ready(&house).await;

    house.journal().limit_size(None).await.unwrap();
    recovered(&house, &ids, kept, refused).await;
}

#[tokio::test]
async fn a_locked_store_acknowledges_nothing_and_recovers_alone() {
    let house = House::silent().await;
    let ids = identifications(&house, 4).await;
    let other = Connection::open(house.folder().join("journal.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (kept, refused) = post_all(&house, &ids).await;
    assert!(kept.is_empty(), "nothing can be written");
    not_ready(&house).await;
    let status = house.try_create(create(BANK)).await.unwrap_err();
    refused_by_store(&status);

    other.execute_batch("ROLLBACK").unwrap();
    recovered(&house, &ids, kept, refused).await;
}

#[tokio::test]
async fn what_was_acknowledged_before_the_store_failed_is_applied_after() {
    let house = House::silent().await;
    let ids = identifications(&house, 20).await;
    let other = Connection::open(house.folder().join("journal.sqlite3")).unwrap();
    // The lock falls somewhere into the applying of what was just acknowledged.
    let (kept, _none) = post_all(&house, &ids).await;
    assert_eq!(kept.len(), 20);
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    not_ready(&house).await;
    house.clock.advance(Duration::from_secs(1));
    other.execute_batch("ROLLBACK").unwrap();
    recovered(&house, &ids, kept, Vec::new()).await;
}

async fn identifications(house: &House, count: usize) -> Vec<String> {
    futures::future::join_all((0..count).map(|_| house.created())).await
}

/// Posts a start of each; those that were acknowledged, and the others.
async fn post_all(house: &House, ids: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        // Long enough to need pages of its own.
        let body = format!("{}{}", said("START", id), " ".repeat(8192));
        let reply = house.webhook(body).await;
        match reply.status {
            204 => kept.push(id.clone()),
            503 => {
                assert!(reply.headers.contains_key("retry-after"));
                refused.push(id.clone());
            }
            other => panic!("{other} is no answer to a webhook that cannot be kept"),
        }
    }
    (kept, refused)
}

async fn not_ready(house: &House) {
    assert_eq!(house.operator("/readyz").await.status, 503);
    assert_eq!(house.operator("/livez").await.status, 200);
}

fn refused_by_store(status: &tonic::Status) {
    let details = refused(status, Code::Unavailable, "STORE_UNAVAILABLE");
    assert!(details.retry_info().is_some());
}

/// Without a restart: ready, what was acknowledged applied once, what was refused taken when it comes again.
async fn recovered(house: &House, ids: &[String], kept: Vec<String>, refused: Vec<String>) {
    assert_eq!(house.operator("/readyz").await.status, 200);
    house
        .in_time("what was acknowledged", async || (started(house).await == sorted(&kept)).then_some(()))
        .await;
    assert_eq!(house.states(), vec![State::Applied; kept.len()], "nothing that was refused was kept");
    let (again, none) = post_all(house, &refused).await;
    assert_eq!((again, none), (refused, Vec::new()));
    house.in_time("the rest", async || (started(house).await == sorted(ids)).then_some(())).await;
    assert_eq!(house.states(), vec![State::Applied; ids.len()]);
}

async fn started(house: &House) -> Vec<String> {
    let events = house.events().await;
    let started = events.iter().filter(|event| event.r#type() == STARTED);
    let ids: Vec<_> = started.map(|event| super::house::id_of(&event.identification)).collect();
    sorted(&ids)
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort();
    ids
}
