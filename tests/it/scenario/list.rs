//! Lists of identifications: whole while they change, chosen by every condition, and refused precisely.

use std::time::Duration;

use idv_gateway::journal::{Batch, Journal as _, RecordChange};
use idv_gateway::model::name::IdentificationName;
use idv_gateway::model::record::{Memory, Record};
use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::{
    CreateIdentificationRequest, GetIdentificationRequest, Identification, IdentificationFilter,
    IdentificationState, IdentificationView, ListConnectionsRequest, ListIdentificationsRequest,
    ListIdentificationsResponse, Outcome,
};
use prost_types::Timestamp;
use serde_json::json;
use tonic::{Code, Status};

use super::house::{House, START_SECONDS, id_of};
use super::words::{BANK, OTHER_BANK, create, fields, refused, said};

const EVERYWHERE: &str = "connections/-";

fn all(parent: &str) -> ListIdentificationsRequest {
    ListIdentificationsRequest { parent: parent.to_owned(), ..ListIdentificationsRequest::default() }
}

fn chosen(filter: IdentificationFilter) -> ListIdentificationsRequest {
    ListIdentificationsRequest { filter: Some(filter), ..all(EVERYWHERE) }
}

fn pages_of(size: i32) -> ListIdentificationsRequest {
    ListIdentificationsRequest { page_size: size, ..all(EVERYWHERE) }
}

async fn try_list(
    house: &House,
    request: ListIdentificationsRequest,
) -> Result<ListIdentificationsResponse, Status> {
    house.identifications().list_identifications(request).await.map(tonic::Response::into_inner)
}

async fn list(house: &House, request: ListIdentificationsRequest) -> ListIdentificationsResponse {
    try_list(house, request).await.unwrap()
}

fn ids(page: &ListIdentificationsResponse) -> Vec<String> {
    page.identifications.iter().map(|identification| id_of(&identification.name)).collect()
}

/// The ids on every page, and how many pages there were.
async fn read(house: &House, mut request: ListIdentificationsRequest) -> (Vec<String>, usize) {
    let (mut read, mut pages) = (Vec::new(), 0);
    loop {
        let page = list(house, request.clone()).await;
        read.extend(ids(&page));
        pages += 1;
        if page.next_page_token.is_empty() {
            return (read, pages);
        }
        request.page_token = page.next_page_token;
    }
}

/// Something happens to `id` at the vendor, and the gateway hears of it.
async fn happens(house: &House, word: &str, id: &str) {
    let before = house.get(id).await.revision;
    assert_eq!(house.webhook(said(word, id).to_string()).await.status, 204);
    house.until(word, async || (house.get(id).await.revision > before).then_some(())).await;
}

#[tokio::test]
async fn pages_neither_repeat_nor_miss_while_records_change() {
    let house = House::silent().await;
    let mut expected = Vec::new();
    for connection in [BANK, BANK, OTHER_BANK, BANK, BANK, OTHER_BANK, BANK, BANK] {
        expected.insert(0, house.created_on(connection).await);
    }
    let mine: Vec<_> = list(&house, all(BANK)).await.identifications;
    assert_eq!(mine.len(), 6);
    let (mut read, mut request) = (Vec::new(), pages_of(3));
    // Every page is followed by a change of one that was read, of one that was not, and by a new one.
    for (early, late) in [(0, 5), (1, 4), (2, 3)] {
        let page = list(&house, request.clone()).await;
        read.extend(ids(&page));
        request.page_token = page.next_page_token;
        happens(&house, "START", &id_of(&mine[early].name)).await;
        happens(&house, "START", &id_of(&mine[late].name)).await;
        house.created().await;
    }
    assert_eq!(read, expected);
    assert_eq!(request.page_token, "");

    let (now, pages) = self::read(&house, pages_of(3)).await;
    assert_eq!((now.len(), pages), (11, 4));
    assert_eq!(now[3..], expected);
    // A last page that is full knows that it is the last, and the size may differ from page to page.
    assert_eq!(self::read(&house, pages_of(11)).await, (now.clone(), 1));
    assert_eq!(self::read(&house, all(EVERYWHERE)).await, (now.clone(), 1));
    let first = list(&house, pages_of(5)).await;
    let rest = ListIdentificationsRequest { page_token: first.next_page_token.clone(), ..pages_of(1000) };
    assert_eq!([ids(&first), ids(&list(&house, rest).await)].concat(), now);
}

#[tokio::test]
async fn a_list_has_no_links() {
    let house = House::silent().await;
    let created = house.try_create(create(BANK)).await.unwrap().identification.unwrap();
    assert!(!created.start_links.is_empty());
    let listed = list(&house, all(BANK)).await.identifications;
    let request =
        GetIdentificationRequest { name: created.name.clone(), view: IdentificationView::Basic.into() };
    let basic = house.identifications().get_identification(request).await.unwrap().into_inner();
    assert_eq!(listed, [basic.identification.unwrap()]);
    assert_eq!(listed, [Identification { start_links: Vec::new(), ..created }]);
}

/// The record is DELETED, as it will be when this gateway erases.
async fn erased(house: &House, id: &str) {
    let name: IdentificationName = format!("{BANK}/identifications/{id}").parse().unwrap();
    let before = house.journal().record(&name).await.unwrap().unwrap();
    let (mut record, replaces) = (before.successor(), Some(before.memory.version));
    record.identification.revision += 1;
    record.identification.state = IdentificationState::Deleted.into();
    let records = vec![RecordChange { record, replaces }];
    house.journal().append(Batch { records, ..Batch::default() }).await.unwrap();
}

fn with(change: impl FnOnce(&mut IdentificationFilter)) -> ListIdentificationsRequest {
    let mut filter = IdentificationFilter::default();
    change(&mut filter);
    chosen(filter)
}

/// One of each kind, in the order they were recorded; those with a decision a minute after the others.
struct People {
    plain: String,
    elsewhere: String,
    special: String,
    gone: String,
    verified: String,
    fraud: String,
}

impl People {
    async fn of(house: &House) -> Self {
        let (plain, elsewhere) = (house.created().await, house.created_on(OTHER_BANK).await);
        let special = CreateIdentificationRequest {
            external_reference: "order-2".to_owned(),
            labels: [label("desk", "7"), label("shift", "late")].into(),
            ..create(BANK)
        };
        let special = id_of(&house.try_create(special).await.unwrap().identification.unwrap().name);
        let gone = house.created().await;
        erased(house, &gone).await;
        house.clock.advance(Duration::from_secs(60));
        let (verified, fraud) = (house.created().await, house.created().await);
        house.reviewed(&verified, "SUCCESS").await;
        house.reviewed(&fraud, "FRAUD_SUSPICION_CONFIRMED").await;
        house
            .in_time("decisions", async || {
                house.get(&verified).await.decision.zip(house.get(&fraud).await.decision)
            })
            .await;
        Self { plain, elsewhere, special, gone, verified, fraud }
    }
}

fn label(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Each request lists these, in one page and one by one.
async fn assert_listed(house: &House, cases: Vec<(ListIdentificationsRequest, Vec<&String>)>) {
    for (request, expected) in cases {
        for page_size in [0, 1] {
            let request = ListIdentificationsRequest { page_size, ..request.clone() };
            let (found, _pages) = read(house, request.clone()).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{request:?}");
        }
    }
}

#[tokio::test]
async fn states_outcomes_and_the_callers_own_words_choose() {
    let house = House::new().await;
    let People { plain, elsewhere, special, gone, verified, fraud } = &People::of(&house).await;
    let (completed, awaiting) = (IdentificationState::Completed, IdentificationState::AwaitingUser);
    let deleted = with(|it| it.states = vec![IdentificationState::Deleted.into()]);
    let tombstones = |request| ListIdentificationsRequest { show_deleted: true, ..request };
    let cases = vec![
        (all(EVERYWHERE), vec![fraud, verified, special, elsewhere, plain]),
        (all(OTHER_BANK), vec![elsewhere]),
        (tombstones(all(BANK)), vec![fraud, verified, gone, special, plain]),
        (deleted.clone(), vec![]),
        (tombstones(deleted), vec![gone]),
        (with(|it| it.states = vec![completed.into()]), vec![fraud, verified]),
        (
            with(|it| it.states = vec![awaiting.into(), completed.into()]),
            vec![fraud, verified, special, elsewhere, plain],
        ),
        (with(|it| it.outcomes = vec![Outcome::Verified.into()]), vec![verified]),
        (
            with(|it| it.outcomes = vec![Outcome::FraudConfirmed.into(), Outcome::Verified.into()]),
            vec![fraud, verified],
        ),
        (with(|it| it.outcomes = vec![Outcome::Rejected.into()]), vec![]),
        (with(|it| it.external_references = vec!["order-2".into(), "order-3".into()]), vec![special]),
        (with(|it| it.labels = [label("desk", "7")].into()), vec![special]),
        (with(|it| it.labels = [label("desk", "7"), label("shift", "late")].into()), vec![special]),
        (with(|it| it.labels = [label("desk", "7"), label("shift", "early")].into()), vec![]),
    ];
    assert_listed(&house, cases).await;
}

#[tokio::test]
async fn vendor_ids_and_times_choose() {
    let house = House::new().await;
    let People { plain, elsewhere, special, verified, fraud, .. } = &People::of(&house).await;
    let vendor = house.get(special).await.vendor_reference.unwrap();
    let changed = house.get(verified).await.update_time.unwrap();
    let later = Timestamp { nanos: changed.nanos + 1, ..changed };
    let minute = Timestamp { seconds: START_SECONDS.cast_signed() + 60, nanos: 0 };
    let cases = vec![
        (with(|it| it.vendor_ids = vec![vendor.id.to_uppercase()]), vec![special]),
        (
            with(|it| it.vendor_ids = vec![vendor.reference.clone(), plain.to_uppercase()]),
            vec![special, plain],
        ),
        (with(|it| it.vendor_ids = vec!["TST-NOBODY".into()]), vec![]),
        (with(|it| it.update_time_from = Some(minute)), vec![fraud, verified]),
        (with(|it| it.update_time_before = Some(minute)), vec![special, elsewhere, plain]),
        (
            with(|it| {
                (it.update_time_from, it.update_time_before) = (Some(changed), Some(later));
                it.outcomes = vec![Outcome::Verified.into()];
            }),
            vec![verified],
        ),
        (
            with(|it| {
                it.update_time_before = Some(changed);
                it.outcomes = vec![Outcome::Verified.into()];
            }),
            vec![],
        ),
        (
            with(|it| {
                it.states = vec![IdentificationState::Completed.into()];
                it.external_references = vec!["order-2".into()];
            }),
            vec![],
        ),
    ];
    assert_listed(&house, cases).await;
}

async fn refused_fields(house: &House, request: ListIdentificationsRequest) -> Vec<String> {
    let status = try_list(house, request).await.unwrap_err();
    fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"))
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused_field_by_field() {
    let house = House::silent().await;
    let second = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let wrong: Vec<(&[&str], ListIdentificationsRequest)> = vec![
        (&["parent"], all("")),
        (&["parent"], all("connections/Bank")),
        (&["parent"], all("beispielbank")),
        (&["parent"], all("connections/--")),
        (&["page_size"], pages_of(-1)),
        (&["page_size"], pages_of(1001)),
        (&["page_token"], ListIdentificationsRequest { page_token: "2".to_owned(), ..all(BANK) }),
        (&["page_token"], ListIdentificationsRequest { page_token: "x".repeat(10_000), ..all(BANK) }),
        (&["filter.states[0]"], with(|it| it.states = vec![0])),
        (&["filter.states[1]", "filter.states[2]"], with(|it| it.states = vec![1, 99, -1])),
        (&["filter.states"], with(|it| it.states = vec![1; 101])),
        (&["filter.outcomes[0]"], with(|it| it.outcomes = vec![99])),
        (&["filter.outcomes"], with(|it| it.outcomes = vec![1; 101])),
        (&["filter.external_references"], with(|it| it.external_references = vec!["a".into(); 101])),
        (&["filter.external_references[0]"], with(|it| it.external_references = vec![String::new()])),
        (
            &["filter.external_references[1]"],
            with(|it| it.external_references = vec!["a".into(), "x".repeat(256)]),
        ),
        (&["filter.vendor_ids"], with(|it| it.vendor_ids = vec!["a".into(); 101])),
        (&["filter.vendor_ids[0]"], with(|it| it.vendor_ids = vec!["a\n".into()])),
        (&["filter.vendor_ids[0]"], with(|it| it.vendor_ids = vec![String::new()])),
        (&["filter.labels"], with(|it| it.labels = [("Upper".to_owned(), String::new())].into())),
        (
            &["filter.labels"],
            with(|it| it.labels = (0..17).map(|number| (format!("l{number}"), String::new())).collect()),
        ),
        (
            &["filter.update_time_from"],
            with(|it| it.update_time_from = Some(Timestamp { seconds: 1, nanos: -1 })),
        ),
        (&["filter.update_time_before"], with(|it| it.update_time_before = second(i64::MAX))),
        (
            &["filter.update_time_before"],
            with(|it| (it.update_time_from, it.update_time_before) = (second(7), second(7))),
        ),
        (
            &["parent", "filter.states[0]", "page_size"],
            ListIdentificationsRequest {
                parent: String::new(),
                page_size: -1,
                ..with(|it| it.states = vec![99])
            },
        ),
    ];
    for (expected, request) in wrong {
        assert_eq!(refused_fields(&house, request.clone()).await, expected, "{request:?}");
    }
    let status = try_list(&house, all("connections/nobody")).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    // Limits are reached, not passed.
    let widest = with(|it| {
        it.states = vec![1; 100];
        it.external_references = (0..100).map(|number| format!("order-{number}")).collect();
        it.labels = (0..16).map(|number| (format!("l{number}"), "x".repeat(255))).collect();
    });
    assert!(list(&house, widest).await.identifications.is_empty());
}

#[tokio::test]
async fn a_page_token_goes_with_its_list() {
    let house = House::silent().await;
    for _ in 0..3 {
        house.created().await;
    }
    let request = ListIdentificationsRequest {
        page_size: 1,
        ..with(|it| {
            it.external_references = vec!["order-1".into(), "order-2".into()];
            it.labels = [].into();
        })
    };
    let first = list(&house, request.clone()).await;
    let next = ListIdentificationsRequest { page_token: first.next_page_token, ..request };
    // The same conditions in other words.
    let mut turned = next.clone();
    turned.filter.as_mut().unwrap().external_references =
        vec!["order-2".into(), "order-1".into(), "order-1".into()];
    assert_eq!(ids(&list(&house, turned).await), ids(&list(&house, next.clone()).await));

    let other = |change: fn(&mut ListIdentificationsRequest)| {
        let mut other = next.clone();
        change(&mut other);
        other
    };
    for request in [
        other(|it| it.parent = BANK.to_owned()),
        other(|it| it.show_deleted = true),
        other(|it| it.filter = None),
        other(|it| it.filter.as_mut().unwrap().states = vec![2]),
        other(|it| it.filter.as_mut().unwrap().labels = [("desk".to_owned(), "7".to_owned())].into()),
    ] {
        let status = try_list(&house, request).await.unwrap_err();
        assert!(status.message().contains("with other parameters"), "{}", status.message());
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), ["page_token"]);
    }
    let mut connections = ConnectionServiceClient::new(house.channel.clone());
    let request = ListConnectionsRequest { page_token: next.page_token, ..ListConnectionsRequest::default() };
    let status = connections.list_connections(request).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["page_token"]);
}

#[tokio::test]
async fn connections_are_listed_page_by_page() {
    let house = House::silent().await;
    let mut connections = ConnectionServiceClient::new(house.channel.clone());
    let (mut names, mut request) =
        (Vec::new(), ListConnectionsRequest { page_size: 1, ..ListConnectionsRequest::default() });
    for _ in 0..2 {
        let page = connections.list_connections(request.clone()).await.unwrap().into_inner();
        names.extend(page.connections.into_iter().map(|connection| connection.name));
        request.page_token = page.next_page_token;
    }
    assert_eq!((names, request.page_token), (vec![BANK.to_owned(), OTHER_BANK.to_owned()], String::new()));
}

/// Records that nobody created through the front door, in their order.
async fn recorded(house: &House, changes: Vec<impl FnOnce(&mut Identification)>) {
    let records = changes.into_iter().enumerate().map(|(number, change)| {
        let name = format!("{BANK}/identifications/00000000-0000-4000-8000-{number:012}");
        let mut identification =
            Identification { name: name.clone(), revision: 1, ..Identification::default() };
        change(&mut identification);
        let record = Record { name: name.parse().unwrap(), identification, memory: Memory::default() };
        RecordChange { record, replaces: None }
    });
    let records = records.collect();
    house.journal().append(Batch { records, ..Batch::default() }).await.unwrap();
}

#[tokio::test]
async fn a_page_is_filled_from_far_apart() {
    let house = House::silent().await;
    let label = |number: usize| {
        move |it: &mut Identification| {
            if number.is_multiple_of(4999) {
                it.labels = [("desk".to_owned(), "7".to_owned())].into();
            }
        }
    };
    recorded(&house, (0..5000).map(label).collect()).await;
    let rare = with(|it| it.labels = [("desk".to_owned(), "7".to_owned())].into());
    let page = list(&house, rare).await;
    assert_eq!((page.identifications.len(), page.next_page_token.as_str()), (2, ""));
}

#[tokio::test]
async fn a_page_is_no_longer_than_clients_take() {
    let house = House::silent().await;
    let large = |it: &mut Identification| it.vendor_status = "x".repeat(100_000);
    recorded(&house, vec![large; 100]).await;
    let (read, pages) = read(&house, pages_of(1000)).await;
    assert_eq!(read.len(), 100);
    assert!(pages > 1);
    assert_eq!(house.see("statistics").await["by_path"], json!({}));
}
