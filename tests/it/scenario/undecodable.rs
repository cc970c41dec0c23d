//! Answers that cannot be decoded: kept for whoever mends the connector, out of everybody else's sight.

use std::time::Duration;

use idv_gateway::journal::Journal as _;
use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::ticket_service_client::TicketServiceClient;
use idv_gateway::proto::{
    CheckConnectionRequest, DeleteIdentificationRequest, GetTicketRequest, ListActivitiesRequest,
    ListUndecodableAnswersRequest, ListVendorWebhooksRequest, ReconcileConnectionRequest,
    RefreshIdentificationRequest, UndecodableAnswer,
};
use rusqlite::Connection;
use serde_json::json;
use tonic::{Code, Status};

use super::canary::{CANARY, holds, look_into_store};
use super::house::{House, START_SECONDS};
use super::masstack::{MAS, created, otp};
use super::operator::{asked, webhooks};
use super::preventor::invitation;
use super::words::{BANK, create, fields, named, refused};
use crate::lines::Lines;

const EVERYWHERE: &str = "connections/-";
const BANCO: &str = "connections/banco";
const QUIET: &str = "polling = { enabled = false }";
const PAUSE: Duration = Duration::from_mins(10);
const KEPT_FOR: Duration = Duration::from_hours(14 * 24);

/// JSON that no answer looks like.
fn rubbish() -> String {
    json!({ CANARY: [CANARY, 7] }).to_string()
}

fn broken() -> &'static str {
    "{\"Kanarienvogel\": [\"Kanarienvogel"
}

/// A house with every vendor, which asks for itself only what it is told to.
async fn house() -> House {
    House::with(|plan| {
        plan.webhooks = false;
        plan.masstack = Some(QUIET);
        plan.preventor = Some(QUIET);
    })
    .await
}

fn client(house: &House) -> ConnectionServiceClient<tonic::transport::Channel> {
    ConnectionServiceClient::new(house.channel.clone())
}

/// The vendor below `path` of the control API answers the next request of the kind `operation` with `text`.
async fn garbles(house: &House, path: &str, operation: &str, text: &str) {
    let fault = json!({ "kind": "body", "operation": operation, "text": text, "times": 1 });
    let reply = house.control(&format!("{path}faults"), &fault).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
}

async fn try_listed(
    house: &House,
    parent: &str,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<UndecodableAnswer>, String), Status> {
    let request = ListUndecodableAnswersRequest {
        parent: parent.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let page = client(house).list_undecodable_answers(asked(request)).await?.into_inner();
    Ok((page.undecodable_answers, page.next_page_token))
}

async fn listed(house: &House, parent: &str) -> Vec<UndecodableAnswer> {
    try_listed(house, parent, 0, "").await.unwrap().0
}

async fn refresh(house: &House, name: &str) -> Status {
    let request = RefreshIdentificationRequest { name: name.to_owned() };
    house.identifications().refresh_identification(request).await.unwrap_err()
}

/// Has every vendor garble one answer of each kind; what callers heard of it.
async fn garbled_everywhere(house: &House) -> Vec<Status> {
    let mut heard = Vec::new();
    let id = house.created().await;
    garbles(house, "", "get", &rubbish()).await;
    heard.push(refresh(house, &named(&id)).await);
    garbles(house, "", "start", &rubbish()).await;
    heard.push(house.try_create(create(BANK)).await.unwrap_err());
    garbles(house, "", "list", &rubbish()).await;
    let name = BANK.to_owned();
    let list = ReconcileConnectionRequest { name, states: Vec::new() };
    heard.push(client(house).reconcile_connection(list).await.unwrap_err());

    let made = created(house, otp()).await;
    garbles(house, "masstack/", "get", &rubbish()).await;
    heard.push(refresh(house, &made.name).await);
    garbles(house, "masstack/", "create", &rubbish()).await;
    heard.push(house.try_create(otp()).await.unwrap_err());

    let who = house.try_create(invitation("person@example.com")).await.unwrap().identification.unwrap();
    garbles(house, "preventor/", "activities", &rubbish()).await;
    let history = ListActivitiesRequest { parent: who.name, include_vendor: true, ..Default::default() };
    heard.push(house.identifications().list_activities(asked(history)).await.unwrap_err());
    garbles(house, "preventor/", "register", &rubbish()).await;
    heard.push(house.try_create(invitation("another@example.com")).await.unwrap_err());
    // Nobody knows what a ticket looks like: only what is no JSON is none.
    garbles(house, "preventor/", "ticket", broken()).await;
    let mut tickets = TicketServiceClient::new(house.channel.clone());
    let ticket = GetTicketRequest { name: format!("{BANCO}/tickets/T-1") };
    heard.push(tickets.get_ticket(asked(ticket)).await.unwrap_err());
    garbles(house, "preventor/", "settings", &rubbish()).await;
    let settings = ListVendorWebhooksRequest { parent: BANCO.to_owned(), ..Default::default() };
    heard.push(webhooks(house).list_vendor_webhooks(settings).await.unwrap_err());
    heard
}

#[tokio::test]
async fn every_connectors_answer_is_found_and_nowhere_else() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let house = house().await;
    for status in garbled_everywhere(&house).await {
        refused(&status, Code::Internal, "VENDOR_RESPONSE_INVALID");
        assert!(!holds(format!("{status:?}").as_bytes()), "{status:?}");
    }
    let answers = listed(&house, EVERYWHERE).await;
    let brief = |answer: &'_ UndecodableAnswer| (answer.operation.clone(), !answer.identification.is_empty());
    let seen: Vec<_> = answers.iter().map(brief).collect();
    let expected = [
        ("preventor.activities", true),
        ("preventor.get_ticket", false),
        ("preventor.list_webhooks", false),
        ("preventor.register", true),
        ("idnow.get", true),
        ("idnow.list", false),
        ("idnow.start", true),
        ("masstack.create", true),
        ("masstack.get", true),
    ];
    assert_eq!(seen, expected.map(|(operation, about_one)| (operation.to_owned(), about_one)));
    for answer in &answers {
        let (connection, operation) = answer.name.split_once("/undecodableAnswers/").unwrap();
        assert_eq!(operation, answer.operation);
        assert!(answer.identification.is_empty() || answer.identification.starts_with(connection));
        assert_eq!(answer.receive_time.unwrap().seconds, START_SECONDS as i64);
        let said = if answer.operation == "preventor.get_ticket" { broken().to_owned() } else { rubbish() };
        assert_eq!((answer.vendor_status, answer.size_bytes), (200, said.len() as i64));
        assert!(answer.detail.starts_with("the vendor's answer "), "{}", answer.detail);
        assert!(answer.detail.contains(" at "), "{}", answer.detail);
        // What webhooks are sent with may stand in the list of them.
        let whole = answer.operation != "preventor.list_webhooks";
        assert_eq!(answer.body == said.as_bytes(), whole, "{answer:?}");
        assert!(!holds(format!("{answer:?} {}", answer.detail).as_bytes()), "{answer:?}");
    }

    // Of one connection, by pages.
    let (mut paged, mut token) = (Vec::new(), String::new());
    for _page in 0..4 {
        let (page, next) = try_listed(&house, BANCO, 1, &token).await.unwrap();
        paged.extend(page);
        token = next;
    }
    assert_eq!((paged.as_slice(), token.as_str()), (&answers[..4], ""));

    for event in house.events().await {
        assert!(!holds(&prost::Message::encode_to_vec(&event)), "{event:?}");
    }
    assert!(!holds(&house.operator("/metrics").await.body));
    assert!(!holds(&lines.bytes()), "a log line");
    look_into_store(house.folder());
}

#[tokio::test]
async fn of_what_brings_a_secret_only_the_outline_is_kept() {
    let house = house().await;
    let check = |name: &str| CheckConnectionRequest { name: name.to_owned() };
    garbles(
        &house,
        "preventor/",
        "token",
        &json!({ "token": { "value": CANARY }, "expiracy": 900 }).to_string(),
    )
    .await;
    garbles(&house, "masstack/", "token", &json!({ "id_token": [CANARY, true, null] }).to_string()).await;
    garbles(&house, "", "login", &format!("authToken={CANARY}")).await;
    for name in [BANCO, MAS, BANK] {
        client(&house).check_connection(check(name)).await.unwrap();
    }
    let answers = listed(&house, EVERYWHERE).await;
    let seen: Vec<_> = answers
        .iter()
        .map(|answer| (answer.operation.as_str(), String::from_utf8(answer.body.clone()).unwrap()))
        .collect();
    let expected = [
        ("preventor.login", json!({ "token": { "value": "..." }, "expiracy": 0 }).to_string()),
        ("idnow.login", String::new()),
        ("masstack.login", json!({ "id_token": ["...", true, null] }).to_string()),
    ];
    assert_eq!(seen, expected);
    assert!(answers.iter().all(|answer| answer.size_bytes > 0));
}

#[tokio::test]
async fn it_goes_with_the_identification_it_was_about() {
    let house = house().await;
    let (id, other) = (house.created().await, house.created().await);
    for id in [&id, &other] {
        house.reviewed(id, "SUCCESS").await;
    }
    garbles(&house, "", "get", &rubbish()).await;
    refresh(&house, &named(&id)).await;
    garbles(&house, "", "list", &rubbish()).await;
    let list = ReconcileConnectionRequest { name: BANK.to_owned(), states: Vec::new() };
    client(&house).reconcile_connection(list).await.unwrap_err();
    assert_eq!(listed(&house, BANK).await.len(), 2);

    for (id, left) in [(&other, 2), (&id, 1)] {
        let delete = DeleteIdentificationRequest { name: named(id), ..Default::default() };
        house.identifications().delete_identification(delete).await.unwrap();
        assert_eq!(listed(&house, BANK).await.len(), left);
    }
    let left = house.journal().sealed_names("undecodable/", "", 10).await.unwrap();
    assert_eq!(left, ["undecodable/beispielbank/idnow.list"]);
}

#[tokio::test]
async fn it_is_forgotten_in_time_also_by_a_gateway_that_began_later() {
    let house = house().await;
    let id = house.created().await;
    garbles(&house, "", "get", &rubbish()).await;
    refresh(&house, &named(&id)).await;
    let house = house.restarted().await;
    let kept = listed(&house, EVERYWHERE).await;
    assert_eq!(kept[0].body, rubbish().into_bytes());
    house.clock.advance(KEPT_FOR - Duration::from_secs(60));
    assert_eq!(listed(&house, EVERYWHERE).await, kept);
    house.in_time("its end", async || listed(&house, EVERYWHERE).await.is_empty().then_some(())).await;
    assert!(house.journal().sealed_names("", "undecodable", 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_vendor_that_talks_rubbish_does_not_write_the_store_full() {
    let house = house().await;
    let id = house.created().await;
    let said = |turn: i32| json!({ "turn": turn }).to_string();
    for turn in 0..20 {
        garbles(&house, "", "get", &said(turn)).await;
        refused(&refresh(&house, &named(&id)).await, Code::Internal, "VENDOR_RESPONSE_INVALID");
    }
    let bodies = async || {
        let answers = listed(&house, EVERYWHERE).await;
        answers.into_iter().map(|answer| String::from_utf8(answer.body).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(bodies().await, [said(0)], "one in ten minutes");
    house.clock.advance(PAUSE);
    for turn in 20..22 {
        garbles(&house, "", "get", &said(turn)).await;
        refresh(&house, &named(&id)).await;
    }
    assert_eq!(bodies().await, [said(20)], "the newest replaces the one before");
    // It is what it has replaced that would be forgotten now.
    house.clock.advance(KEPT_FOR - PAUSE);
    house.until("the worker", async || (house.operator("/readyz").await.status == 200).then_some(())).await;
    assert_eq!(bodies().await, [said(20)]);
}

#[tokio::test]
async fn a_store_that_does_not_take_it_is_in_nobodys_way() {
    let house = house().await;
    let id = house.created().await;
    let other = Connection::open(house.folder().join("journal.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    garbles(&house, "", "get", &rubbish()).await;
    refused(&refresh(&house, &named(&id)).await, Code::Internal, "VENDOR_RESPONSE_INVALID");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(listed(&house, EVERYWHERE).await, []);
    garbles(&house, "", "get", &rubbish()).await;
    refresh(&house, &named(&id)).await;
    assert_eq!(listed(&house, EVERYWHERE).await.len(), 1, "the next one is kept");
}

#[tokio::test]
async fn what_nobody_can_list_is_refused() {
    let house = house().await;
    let status = try_listed(&house, "connections/nobody", 0, "").await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    for (parent, size, token, field) in
        [("bank", 0, "", "parent"), (BANK, 1001, "", "page_size"), (BANK, 0, "x", "page_token")]
    {
        let status = try_listed(&house, parent, size, token).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), [field]);
    }
    let without = client(&house).list_undecodable_answers(ListUndecodableAnswersRequest::default()).await;
    refused(&without.unwrap_err(), Code::InvalidArgument, "PURPOSE_REQUIRED");
}
