//! Personal data is nowhere but at the vendor: not in events, errors, metrics or the store's bytes.

use idv_gateway::journal::Journal as _;
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::{
    Address, AutoIdentSpec, CreateIdentificationRequest, Date, IdentificationSpec, PhoneNumber, ResultView,
    Subject, WebhookDelivery, WebhookDeliveryState, identification_spec,
};
use prost::Message as _;
use serde_json::json;

use super::artifacts::listed as listed_files;
use super::house::{House, id_of};
use super::operator::{listed, replayed, try_got};
use super::result::try_result;
use super::words::{BANK, create, said};

/// Stands in every value that is about the person.
pub(super) const CANARY: &str = "Kanarienvogel";
const PHONE: &str = "+49309876543";

pub(super) fn canaries() -> CreateIdentificationRequest {
    let text = |what: &str| format!("{CANARY}-{what}");
    let spec = AutoIdentSpec { custom_data: vec![text("custom")], ..AutoIdentSpec::default() };
    CreateIdentificationRequest {
        subject: Some(Subject {
            given_name: text("given"),
            family_name: text("family"),
            birth_date: Some(Date { year: 1987, month: 5, day: 23 }),
            birth_place: text("place"),
            birth_name: text("born"),
            title: text("title"),
            email: format!("{CANARY}@beispiel.example"),
            phone: Some(PhoneNumber { e164: PHONE.to_owned(), region_code: "DE".to_owned() }),
            address: Some(Address {
                street: text("street"),
                house_number: text("number"),
                postal_code: text("code"),
                city: text("city"),
                region_code: "DE".to_owned(),
            }),
            ..Subject::default()
        }),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::AutoIdent(spec)) }),
        ..create(BANK)
    }
}

/// Everything that a person's data goes through, with what callers were told when it failed.
async fn everything(house: &House) -> Vec<String> {
    let mut told = Vec::new();
    let created = house.try_create(canaries()).await.unwrap().identification.unwrap();
    let id = id_of(&created.name);
    house.reviewed(&id, "SUCCESS").await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    told.push(format!("{:?}", house.get(&id).await));
    told.extend(seen_of_files(house, &created.name).await);

    // Who asks for values gets them; nobody else sees them pass.
    for view in [ResultView::Full, ResultView::Raw] {
        let values = try_result(house, &id, view, false).await.unwrap();
        assert!(holds(&values.encode_to_vec()));
        told.push(format!("{values:?}"));
    }
    let status = try_result(house, &id, ResultView::Status, false).await.unwrap();
    told.push(String::from_utf8_lossy(&status.encode_to_vec()).into_owned());
    house.fault(json!({ "kind": "half_body", "operation": "get" })).await;
    told.push(format!("{:?}", try_result(house, &id, ResultView::Raw, false).await.unwrap_err()));
    house.well().await;

    // What nobody can read, match or believe is kept too.
    let mut strange = said(&format!("{CANARY} and blanks"), &id);
    strange["identificationprocess"]["reason"] = json!(format!("{CANARY} and blanks"));
    strange[CANARY] = json!(CANARY);
    strange["identificationprocess"][CANARY] = json!(CANARY);
    strange["userdata"]["lastname"] = json!({ "status": "NEW", "value": CANARY });
    let mut unmatched = said("START", "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d");
    unmatched["userdata"]["lastname"] = json!({ "status": "NEW", "value": CANARY });
    for body in [strange.to_string(), CANARY.to_owned(), format!("{{\"{CANARY}\":["), unmatched.to_string()] {
        assert_eq!(house.webhook(body).await.status, 204);
    }
    told.extend(seen_by_operators(house).await);
    let login = house.client().post(house.webhook_url("beispielbank")).basic_auth(CANARY, Some(CANARY));
    told.push(format!("{:?}", house.send(login.body(CANARY)).await));

    // What is refused, here and at the vendor, and what hangs in doubt.
    let mut bad = canaries();
    let subject = bad.subject.as_mut().unwrap();
    subject.email = CANARY.to_owned();
    subject.nationality = CANARY.to_owned();
    subject.family_name = format!("{CANARY}\n");
    told.push(format!("{:?}", house.try_create(bad).await.unwrap_err()));
    for fault in [
        json!({ "kind": "half_body", "operation": "start" }),
        json!({ "kind": "status", "status": 503 }),
        json!({ "kind": "page" }),
    ] {
        house.fault(fault).await;
        told.push(format!("{:?}", house.try_create(canaries()).await.unwrap_err()));
        house.well().await;
    }
    told
}

/// The list of the files, and why they are refused. Their content is asked for, and is about the person.
async fn seen_of_files(house: &House, name: &str) -> Vec<String> {
    let list = listed_files(house, name).await.unwrap();
    assert!(list.len() >= 5);
    house.person(&id_of(name), "archive", json!({ "kind": "traversal" })).await;
    let refusal = listed_files(house, name).await.unwrap_err();
    vec![format!("{list:?}"), format!("{refusal:?}")]
}

/// The deliveries that are there, as operators see them, and what they are told about a replay. Bodies apart: they are
/// asked for, and hold what the vendor sent.
async fn seen_by_operators(house: &House) -> Vec<String> {
    let mut told = Vec::new();
    house
        .until("the end of applying", async || {
            (!house.states().contains(&WebhookDeliveryState::Received)).then_some(())
        })
        .await;
    let (deliveries, _pages) = listed(house, &[], 2).await;
    for shown in deliveries {
        told.push(format!("{shown:?}"));
        told.push(format!("{:?}", replayed(house, &shown.name).await));
        let with_body = try_got(house, &shown.name, true).await.unwrap();
        told.push(format!("{with_body:?}"));
        assert!(!with_body.body.is_empty());
        let rest = WebhookDelivery { body: Vec::new(), ..with_body };
        told.push(String::from_utf8_lossy(&rest.encode_to_vec()).into_owned());
    }
    told.push(format!("{:?}", try_got(house, CANARY, true).await.unwrap_err()));
    told
}

#[tokio::test]
async fn personal_data_is_not_found_anywhere() {
    let house = House::new().await;
    let told = everything(&house).await;
    for text in &told {
        assert!(!holds(text.as_bytes()), "{text}");
    }
    let page = house.journal().read(0, &Filter::default(), 1000).await.unwrap();
    assert!(page.entries.len() >= 5);
    for entry in &page.entries {
        assert!(!holds(&entry.bytes), "an event: {:?}", entry.place);
    }
    assert!(!holds(&house.operator("/metrics").await.body));
    // While it runs, the write-ahead log holds what was written last; closed, all is in the file.
    assert!(look_into_store(house.folder()) >= 2);
    let (_in_time, folder) = house.shut_down().await;
    assert!(look_into_store(folder.path()) >= 1);
}

#[tokio::test]
async fn the_search_would_find_it() {
    let house = House::silent().await;
    let request = CreateIdentificationRequest { external_reference: CANARY.to_owned(), ..create(BANK) };
    house.try_create(request).await.unwrap();
    let found = files(house.folder()).iter().any(|(_name, bytes)| holds(bytes));
    assert!(found, "a reference is no personal data and stands in the store as it is");
}

/// How many files of the journal were searched.
pub(super) fn look_into_store(folder: &std::path::Path) -> usize {
    let files = files(folder);
    for (name, bytes) in &files {
        assert!(!holds(bytes), "{name}");
    }
    files.iter().filter(|(name, bytes)| name.starts_with("journal") && bytes.len() > 4096).count()
}

fn files(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(Result::unwrap).map(read).collect()
}

pub(super) fn holds(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let found = |what: &str| lower.windows(what.len()).any(|window| window == what.as_bytes());
    found(&CANARY.to_ascii_lowercase()) || found(PHONE) || found("1987-05-23")
}
