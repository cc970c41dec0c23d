//! Create, Get and Refresh as callers use them.

use idv_gateway::journal::Journal as _;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::{
    AutoIdentSpec, CreateIdentificationRequest, EventType, GetIdentificationRequest, IdentificationSpec,
    IdentificationState, IdentificationView, RefreshIdentificationRequest, StartLinkKind,
    identification_spec,
};
use serde_json::json;
use tonic::Code;

use super::house::{House, id_of};
use super::reader::Reader;
use super::words::{BANK, create, refused, said, types};

const ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

#[tokio::test]
async fn the_answer_of_a_create_is_all_one_needs_to_follow_it() {
    let house = House::new().await;
    house.created().await;
    let created = house.try_create(create(BANK)).await.unwrap();
    let identification = created.identification.unwrap();
    assert_eq!(identification.state(), IdentificationState::AwaitingUser);
    assert_eq!((identification.revision, identification.startable, created.replayed), (1, true, false));
    assert_eq!(identification.external_reference, "order-1");
    let id = id_of(&identification.name);
    assert_eq!(identification.vendor_reference.as_ref().unwrap().reference, id);

    // The cursor watches from exactly after the creation.
    let mut reader = Reader::from(&house.channel, Start::AfterCursor(created.cursor)).await;
    house.created().await;
    house.person(&id, "start", json!({})).await;
    let events = reader.until(|event| event.r#type() == EventType::IdentificationStarted).await;
    assert_eq!(types(&events), [EventType::IdentificationCreated, EventType::IdentificationStarted]);
    assert_ne!(events[0].identification, identification.name);
    assert_eq!(events[1].identification, identification.name);
    assert_eq!((events[1].environment.as_str(), events[1].revision), ("sandbox", 2));
}

#[tokio::test]
async fn links_come_with_create_and_the_full_view_only() {
    let house = House::silent().await;
    let created = house.try_create(create(BANK)).await.unwrap().identification.unwrap();
    let kinds: Vec<_> = created.start_links.iter().map(|link| link.kind()).collect();
    assert_eq!(kinds, [StartLinkKind::Web, StartLinkKind::WebShort, StartLinkKind::Embed]);
    for link in &created.start_links {
        assert!(link.uri.starts_with(&format!("http://{}/", house.vendor_address())), "{}", link.uri);
    }
    let get = async |view: IdentificationView| {
        let request = GetIdentificationRequest { name: created.name.clone(), view: view.into() };
        let response = house.identifications().get_identification(request).await.unwrap();
        response.into_inner().identification.unwrap().start_links
    };
    assert_eq!(get(IdentificationView::Full).await, created.start_links);
    assert!(get(IdentificationView::Basic).await.is_empty());
    assert!(get(IdentificationView::Unspecified).await.is_empty());
    assert!(house.events().await.iter().all(|event| super::words::shown(event).start_links.is_empty()));

    // Who is under way needs no link.
    assert_eq!(house.webhook(said("START", &id_of(&created.name)).to_string()).await.status, 204);
    house.applied(1).await;
    assert!(get(IdentificationView::Full).await.is_empty());
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_no_second_session() {
    let house = House::silent().await;
    let request = CreateIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..create(BANK) };
    let first = house.try_create(request.clone()).await.unwrap();
    for _ in 0..3 {
        let again = house.try_create(request.clone()).await.unwrap();
        assert!(again.replayed);
        assert_eq!((&again.identification, &again.cursor), (&first.identification, &first.cursor));
    }
    assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated]);

    let mut altered = request.clone();
    altered.subject.as_mut().unwrap().family_name = "Muster".to_owned();
    let status = house.try_create(altered).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(house.asked("starts").await, 1);
}

#[tokio::test]
async fn repeats_at_the_same_time_make_one_session() {
    let house = House::silent().await;
    let mut request = create(BANK);
    request.request_id = REQUEST_ID.to_owned();
    let calls = (0..8).map(|_| house.try_create(request.clone()));
    let mut names = Vec::new();
    for outcome in futures::future::join_all(calls).await {
        match outcome {
            Ok(created) => names.push(created.identification.unwrap().name),
            Err(status) => {
                let details = refused(&status, Code::Aborted, "REQUEST_IN_PROGRESS");
                assert!(details.retry_info().is_some());
            }
        }
    }
    names.dedup();
    assert_eq!(names.len(), 1);
    assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let house = House::silent().await;
    let mut request = create(BANK);
    request.identification_id = ID.to_owned();
    let created = house.try_create(request.clone()).await.unwrap();
    assert_eq!(created.identification.unwrap().name, format!("{BANK}/identifications/{ID}"));
    let status = house.try_create(request.clone()).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(house.asked("starts").await, 1, "the vendor is not asked to change the first one");
    // On another connection it is another name.
    request.parent = super::words::OTHER_BANK.to_owned();
    request.identification_id = "1b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d".to_owned();
    house.try_create(request).await.unwrap();
}

#[tokio::test]
async fn validate_only_changes_nothing() {
    let house = House::silent().await;
    let mut request = create(BANK);
    (request.identification_id, request.request_id) = (ID.to_owned(), REQUEST_ID.to_owned());
    request.validate_only = true;
    let answer = house.try_create(request.clone()).await.unwrap();
    assert_eq!(answer.identification.unwrap().name, format!("{BANK}/identifications/{ID}"));
    assert!(house.events().await.is_empty());
    assert!(
        house
            .journal()
            .record(&format!("{BANK}/identifications/{ID}").parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!((house.asked("logins").await, house.asked("starts").await), (0, 0));
    // Neither the id nor the request id is used up.
    request.validate_only = false;
    assert!(!house.try_create(request).await.unwrap().replayed);
}

#[tokio::test]
async fn every_field_of_the_person_reaches_the_vendor() {
    let house = House::silent().await;
    let mut request = create(BANK);
    let custom_data = (1..=5).map(|number| format!("own data {number}")).collect();
    let spec = AutoIdentSpec { custom_data, signing_language_code: "de".to_owned() };
    request.spec = Some(IdentificationSpec { kind: Some(identification_spec::Kind::AutoIdent(spec)) });
    let subject = request.subject.as_mut().unwrap();
    subject.email = "erika@beispiel.example".to_owned();
    subject.gender = "FEMALE".to_owned();
    subject.birth_place = "Musterstadt".to_owned();
    subject.phone = Some(idv_gateway::proto::PhoneNumber {
        e164: "+4930123456".to_owned(),
        region_code: "DE".to_owned(),
    });
    let created = house.try_create(request).await.unwrap().identification.unwrap();
    let id = id_of(&created.name);
    let by_path = house.see("statistics").await["by_path"].clone();
    assert!(!by_path.to_string().contains("400"), "the vendor knows every field: {by_path}");
    house.person(&id, "start", json!({})).await;
}

#[tokio::test]
async fn a_refresh_asks_the_vendor_and_tells_what_it_changed() {
    let house = House::silent().await;
    let created = house.try_create(create(BANK)).await.unwrap().identification.unwrap();
    let refresh = async || {
        let request = RefreshIdentificationRequest { name: created.name.clone() };
        house.identifications().refresh_identification(request).await.unwrap().into_inner()
    };
    // Nobody has started: the vendor's 404 means just that.
    let idle = refresh().await;
    assert_eq!(
        (idle.changed, idle.identification.unwrap().state()),
        (false, IdentificationState::AwaitingUser)
    );

    house.reviewed(&id_of(&created.name), "SUCCESS").await;
    let changed = refresh().await;
    assert!(changed.changed);
    let seen = changed.identification.unwrap();
    assert_eq!((seen.state(), seen.revision), (IdentificationState::Completed, 2));
    let mut reader = Reader::from(&house.channel, Start::AfterCursor(changed.cursor)).await;
    assert!(reader.rest().await.is_empty());
    let again = refresh().await;
    assert_eq!((again.changed, again.identification.unwrap().revision), (false, 2));
    assert_eq!(house.events().await.len(), 2);
}
