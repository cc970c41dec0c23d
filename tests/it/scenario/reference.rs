//! What a caller may ask for when an external reference has a holder.

use std::time::Duration;

use idv_gateway::proto::{
    CreateIdentificationRequest, IdentificationState as State, ReferenceConflictPolicy as Policy,
};
use serde_json::json;
use tonic::Code;

use super::house::{House, id_of};
use super::words::{BANK, CUSTOMER, OTHER_BANK, adopt, create, fields, refused, resource, said};

const ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

fn with(policy: Policy) -> CreateIdentificationRequest {
    CreateIdentificationRequest { reference_conflict_policy: policy.into(), ..create(BANK) }
}

#[tokio::test]
async fn allow_makes_another_one() {
    let house = House::silent().await;
    let first = house.created().await;
    for policy in [Policy::Allow, Policy::Unspecified] {
        let another = house.try_create(with(policy)).await.unwrap();
        assert!(!another.replayed);
        assert_ne!(id_of(&another.identification.unwrap().name), first);
    }
    assert_eq!(house.asked("created").await, 3);
}

#[tokio::test]
async fn fail_names_the_holder() {
    let house = House::silent().await;
    let holder = house.try_create(with(Policy::Fail)).await.unwrap().identification.unwrap();
    for validate_only in [true, false] {
        let status = house.try_create(CreateIdentificationRequest { validate_only, ..with(Policy::Fail) });
        let details = refused(&status.await.unwrap_err(), Code::AlreadyExists, "RESOURCE_EXISTS");
        assert_eq!(resource(&details), holder.name);
    }
    assert_eq!((house.asked("starts").await, house.events().await.len()), (1, 1));
    // Another connection, or another reference, is another matter.
    house
        .try_create(CreateIdentificationRequest { parent: OTHER_BANK.to_owned(), ..with(Policy::Fail) })
        .await
        .unwrap();
    let other =
        CreateIdentificationRequest { external_reference: "Order-1".to_owned(), ..with(Policy::Fail) };
    house.try_create(other).await.unwrap();
}

#[tokio::test]
async fn use_existing_gives_the_holder_with_its_links() {
    let house = House::silent().await;
    let holder = house.try_create(with(Policy::UseExisting)).await.unwrap();
    assert!(!holder.replayed);
    let holder = holder.identification.unwrap();
    let repeatable =
        CreateIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..with(Policy::UseExisting) };
    let found = house.try_create(repeatable.clone()).await.unwrap();
    assert!(found.replayed, "an earlier call made it");
    assert_eq!((found.identification.as_ref(), found.cursor.is_empty()), (Some(&holder), false));
    assert_eq!(holder.start_links.len(), 3);
    assert_eq!((house.asked("starts").await, house.events().await.len()), (1, 1));

    // Who is under way needs no links; whoever repeats a call gets its answer, not the present state.
    assert_eq!(house.webhook(said("START", &id_of(&holder.name)).to_string()).await.status, 204);
    house.applied(1).await;
    let now = house.try_create(with(Policy::UseExisting)).await.unwrap().identification.unwrap();
    assert_eq!((now.state(), now.start_links.len(), &now.name), (State::InProgress, 0, &holder.name));
    assert_eq!(house.try_create(repeatable).await.unwrap(), found);
}

#[tokio::test]
async fn a_policy_needs_a_reference() {
    let house = House::silent().await;
    for policy in [Policy::Fail, Policy::UseExisting] {
        let request = CreateIdentificationRequest { external_reference: String::new(), ..with(policy) };
        let details = refused(
            &house.try_create(request).await.unwrap_err(),
            Code::InvalidArgument,
            "VALIDATION_FAILED",
        );
        assert_eq!(fields(&details), ["external_reference"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_make_one() {
    for policy in [Policy::Fail, Policy::UseExisting] {
        let house = House::silent().await;
        let calls = (0..12).map(|_| house.try_create(with(policy)));
        let (mut made, mut found) = (Vec::new(), Vec::new());
        for outcome in futures::future::join_all(calls).await {
            match outcome {
                Ok(created) if created.replayed => {
                    let identification = created.identification.unwrap();
                    assert_eq!(identification.start_links.len(), 3, "its creation was waited for");
                    found.push(identification.name);
                }
                Ok(created) => made.push(created.identification.unwrap().name),
                Err(status) => {
                    found.push(resource(&refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS")));
                }
            }
        }
        assert_eq!((made.len(), found.len()), (1, 11));
        assert!(found.iter().all(|name| *name == made[0]));
        assert_eq!((house.asked("starts").await, house.asked("created").await), (1, 1));
    }
}

#[tokio::test]
async fn a_creation_in_doubt_holds_its_reference() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "half_body", "operation": "start" })).await;
    let named = CreateIdentificationRequest { identification_id: ID.to_owned(), ..create(BANK) };
    house.try_create(named).await.unwrap_err();
    house.well().await;
    let details = refused(
        &house.try_create(with(Policy::Fail)).await.unwrap_err(),
        Code::AlreadyExists,
        "RESOURCE_EXISTS",
    );
    assert!(resource(&details).ends_with(ID));
    let found = house.try_create(with(Policy::UseExisting)).await.unwrap().identification.unwrap();
    assert_eq!((found.state(), found.in_doubt, found.start_links.len()), (State::Creating, true, 0));
    assert_eq!(house.asked("created").await, 1);
}

#[tokio::test]
async fn a_decision_holds_the_reference_and_an_end_without_one_frees_it() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, ID).await;
    house.reviewed(ID, "SUCCESS").await;
    // Refused by the vendor, which has finished that number: FAILED.
    let refused_there =
        CreateIdentificationRequest { identification_id: ID.to_owned(), ..with(Policy::Fail) };
    house.try_create(refused_there).await.unwrap_err();
    assert_eq!(house.get(ID).await.state(), State::Failed);
    let first = house.try_create(with(Policy::Fail)).await.unwrap().identification.unwrap();

    // Nobody came: EXPIRED.
    house.clock.advance(Duration::from_secs(91 * 24 * 60 * 60));
    let expired = async || (house.get(&id_of(&first.name)).await.state() == State::Expired).then_some(());
    house.in_time("the end", expired).await;
    let second = house.try_create(with(Policy::Fail)).await.unwrap().identification.unwrap();

    house.reviewed(&id_of(&second.name), "SUCCESS").await;
    assert_eq!(house.webhook(said("SUCCESS", &id_of(&second.name)).to_string()).await.status, 204);
    let done = async || (house.get(&id_of(&second.name)).await.state() == State::Completed).then_some(());
    house.in_time("the decision", done).await;
    let found = house.try_create(with(Policy::UseExisting)).await.unwrap().identification.unwrap();
    assert_eq!((found.state(), found.name), (State::Completed, second.name));
}

#[tokio::test]
async fn an_adopted_one_holds_its_reference_too() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, "case-7").await;
    house.person("case-7", "start", json!({})).await;
    house.person("case-7", "abort", json!({})).await;
    let adopted = house.try_adopt(adopt(BANK, "", "case-7")).await.unwrap().identification.unwrap();
    let request =
        CreateIdentificationRequest { external_reference: "case-7".to_owned(), ..with(Policy::UseExisting) };
    assert_eq!(house.try_create(request).await.unwrap().identification.unwrap(), adopted);
    assert_eq!(adopted.start_links.len(), 3);
}
