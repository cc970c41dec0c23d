//! Nothing of a person is found in logs, errors, metrics or the store's bytes, and no process token either.

use idv_gateway::error::Kind;
use idv_gateway::proto::ClientContext;
use idv_gateway::proto::onboarding::{CreateCustomerRequest, Customer, GetCustomerRequest};

use super::calls::{Change, asked_for, made};
use super::house::House;
use super::{Fault, PLATFORM, REQUEST_ID, biometrics};
use crate::lines::Lines;

/// Stands in everything that is about the person.
pub(super) const CANARY: &str = "Kanarienvogel";
const TOKEN: &str = "process-token-1";

/// Everything that a person's data goes through, and what callers were told who did not ask for it.
async fn everything(house: &House) -> Vec<String> {
    let mut told = Vec::new();
    for change in Change::ALL {
        let shown = made(house, change, REQUEST_ID).await.unwrap().shown;
        assert_eq!(holds(&shown, CANARY), change.shows());
        assert_eq!(holds(&made(house, change, REQUEST_ID).await.unwrap().shown, CANARY), change.shows());
        house.platform.fault(Fault::Lost);
        told.push(format!("{:?}", made(house, change, "").await.unwrap_err()));
        house.platform.fault(Fault::Refused(Kind::ResourceNotFound));
        let id = "0f7e1b86-50a5-4a0e-8a36-6c3d9a1d2b11";
        told.push(format!("{:?}", made(house, change, id).await.unwrap_err()));
    }
    let client = ClientContext { ip_address: CANARY.to_owned(), ..ClientContext::default() };
    let odd = CreateCustomerRequest {
        parent: PLATFORM.to_owned(),
        customer: Some(Customer { full_name: format!("{CANARY}\n"), ..Customer::default() }),
        client: Some(client),
        ..CreateCustomerRequest::default()
    };
    told.push(format!("{odd:?}"));
    told.push(format!("{:?}", house.onboarding().create_customer(asked_for(odd)).await.unwrap_err()));
    let get = GetCustomerRequest { name: format!("{PLATFORM}/customers/c-1"), client: None };
    told.push(format!("{:?}", house.onboarding().get_customer(asked_for(get)).await));
    told.extend(biometrics::everything(house).await);
    told
}

/// Where the canary is, of all the places where it must not be.
async fn found(house: House, lines: &Lines) -> Vec<&'static str> {
    let told = everything(&house).await;
    let mut found = Vec::new();
    if told.iter().any(|text| holds(text.as_bytes(), CANARY) || holds(text.as_bytes(), TOKEN)) {
        found.push("what callers were told");
    }
    let logged = lines.bytes();
    assert!(holds(&logged, "may return personal data"));
    let places = [
        ("the log", logged),
        ("metrics", house.telemetry.scrape().unwrap().into_bytes()),
        ("the store", store(&house)),
    ];
    for (place, bytes) in places {
        if holds(&bytes, CANARY) || holds(&bytes, TOKEN) {
            found.push(place);
        }
    }
    found
}

fn store(house: &House) -> Vec<u8> {
    let files = std::fs::read_dir(house.folder.path()).unwrap();
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(holds(&bytes, "user-1"), "the search reads what is there");
    bytes
}

fn holds(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

#[tokio::test]
async fn nothing_of_a_person_is_found_anywhere() {
    let lines = Lines::default();
    let _listening = lines.listen();
    assert_eq!(found(House::new().await, &lines).await, Vec::<&str>::new());
}

#[tokio::test]
async fn a_connector_that_repeats_what_it_was_told_is_caught() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let house = House::new().await;
    house.platform.memory().talkative = true;
    let found = found(house, &lines).await;
    assert!(found.contains(&"what callers were told") && found.contains(&"the store"), "{found:?}");
}
