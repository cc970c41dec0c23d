//! Labels and what the vendor knows of a person change, while nothing is decided.

use std::collections::BTreeMap;

use idv_gateway::proto::{
    Address, AutoIdentSpec, EventType, Identification, IdentificationSpec, IdentificationState as State,
    OtpSpec, Subject, UpdateIdentificationRequest, UpdateIdentificationResponse, identification_spec,
};
use prost_types::FieldMask;
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, CUSTOMER, adopt, fields, named, refused, resource, shown, types};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const UPDATED: EventType = EventType::IdentificationUpdated;

fn update(id: &str, paths: &[&str]) -> UpdateIdentificationRequest {
    UpdateIdentificationRequest {
        name: named(id),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        labels: [("branch".to_owned(), "north".to_owned())].into(),
        subject: Some(Subject {
            given_name: "Max".to_owned(),
            family_name: "Muster".to_owned(),
            address: Some(Address { city: "Köln".to_owned(), ..Address::default() }),
            ..Subject::default()
        }),
        ..UpdateIdentificationRequest::default()
    }
}

fn spec(kind: identification_spec::Kind) -> Option<IdentificationSpec> {
    Some(IdentificationSpec { kind: Some(kind) })
}

impl House {
    async fn try_update(
        &self,
        request: UpdateIdentificationRequest,
    ) -> Result<UpdateIdentificationResponse, Status> {
        self.identifications().update_identification(request).await.map(tonic::Response::into_inner)
    }

    async fn refused_update(&self, request: UpdateIdentificationRequest, code: Code, reason: &str) {
        refused(&self.try_update(request).await.unwrap_err(), code, reason);
    }
}

#[tokio::test]
async fn labels_change_here_alone() {
    let house = House::silent().await;
    let id = house.created().await;
    let before = house.get(&id).await;
    let starts = house.asked("starts").await;
    let updated = house.try_update(update(&id, &["labels"])).await.unwrap();
    let after = updated.identification.unwrap();
    assert_eq!(after.labels["branch"], "north");
    assert_eq!((after.revision, after.state()), (before.revision + 1, State::AwaitingUser));
    assert_ne!(after.etag, before.etag);
    assert_eq!(house.get(&id).await, after);
    let events = house.events().await;
    assert_eq!(types(&events), [EventType::IdentificationCreated, UPDATED]);
    assert_eq!((shown(&events[1]), &events[1].labels["branch"]), (&after, &"north".to_owned()));
    assert_eq!(house.asked("starts").await, starts, "the vendor has no labels");

    // What is so already is no change.
    let again = house.try_update(update(&id, &["labels"])).await.unwrap();
    assert_eq!((again.identification.unwrap(), again.replayed), (after, false));
    // All labels are replaced, by none as well.
    let none = UpdateIdentificationRequest { labels: BTreeMap::new(), ..update(&id, &["labels"]) };
    assert_eq!(house.try_update(none).await.unwrap().identification.unwrap().labels.len(), 0);
}

#[tokio::test]
async fn the_vendor_is_told_by_the_same_upsert() {
    let house = House::silent().await;
    let id = house.created().await;
    let after = house.try_update(update(&id, &["subject.given_name"])).await.unwrap().identification.unwrap();
    assert_eq!((after.revision, after.labels.len()), (2, 0));
    let after = house.try_update(update(&id, &["labels", "subject"])).await.unwrap().identification.unwrap();
    assert_eq!((after.revision, after.labels.len()), (3, 1));
    let custom = AutoIdentSpec { custom_data: vec!["a".to_owned()], ..Default::default() };
    let mut request = update(&id, &["spec.auto_ident.custom_data"]);
    request.spec = spec(identification_spec::Kind::AutoIdent(custom));
    house.try_update(request).await.unwrap();
    assert_eq!((house.asked("starts").await, house.asked("created").await), (4, 1));
    let events = house.events().await;
    assert_eq!(types(&events), [EventType::IdentificationCreated, UPDATED, UPDATED, UPDATED]);
    assert!(events[1..].iter().all(|event| shown(event).start_links.is_empty()));
}

#[tokio::test]
async fn what_cannot_be_updated_is_named() {
    let house = House::silent().await;
    let id = house.created().await;
    let otp = spec(identification_spec::Kind::Otp(OtpSpec::default()));
    let with = |paths: &[&str], change: fn(&mut UpdateIdentificationRequest)| {
        let mut request = update(&id, paths);
        change(&mut request);
        request
    };
    for (mut request, expected) in [
        (with(&[], |_| ()), vec!["update_mask"]),
        (with(&["external_reference"], |_| ()), vec!["update_mask.paths[0]"]),
        (
            with(&["labels.branch", "spec", "", "*"], |_| ()),
            vec![
                "update_mask.paths[0]",
                "update_mask.paths[1]",
                "update_mask.paths[2]",
                "update_mask.paths[3]",
            ],
        ),
        (with(&["labels", "subject.language_code"], |_| ()), vec!["update_mask.paths[1]"]),
        (
            with(&["subject.given", "subject.birth_date.year"], |_| ()),
            vec!["update_mask.paths[0]", "update_mask.paths[1]"],
        ),
        (with(&["subject.title"], |_| ()), vec!["subject.title"]),
        (with(&["subject"], |request| request.subject = None), vec!["subject"]),
        (with(&["spec.auto_ident"], |_| ()), vec!["spec.auto_ident"]),
        (with(&["spec.otp.factor"], |_| ()), vec!["update_mask.paths[0]"]),
        (with(&["labels"], |request| drop(request.labels.insert("Big".into(), "x".into()))), vec!["labels"]),
        (with(&["labels"], |request| request.request_id = "7".into()), vec!["request_id"]),
        (with(&["labels"], |request| request.etag = "r".repeat(65)), vec!["etag"]),
        (
            with(&["subject.gender"], |request| request.subject.as_mut().unwrap().gender = "W".into()),
            vec!["subject.gender"],
        ),
    ] {
        request.spec = otp.clone();
        let details = refused(
            &house.try_update(request).await.unwrap_err(),
            Code::InvalidArgument,
            "VALIDATION_FAILED",
        );
        assert_eq!(fields(&details), expected);
    }
    let many = UpdateIdentificationRequest {
        update_mask: Some(FieldMask { paths: vec!["labels".to_owned(); 101] }),
        ..update(&id, &[])
    };
    house.refused_update(many, Code::InvalidArgument, "VALIDATION_FAILED").await;
    assert_eq!(
        (house.asked("starts").await, house.events().await.len()),
        (1, 1),
        "nothing was sent or written"
    );
}

#[tokio::test]
async fn an_unknown_name_is_not_found_and_a_hostile_one_refused() {
    let house = House::silent().await;
    let id = house.created().await;
    for hostile in
        ["", &id, "connections/beispielbank/identifications/..", "connections/../identifications/x"]
    {
        let request = UpdateIdentificationRequest { name: hostile.to_owned(), ..update(&id, &["labels"]) };
        house.refused_update(request, Code::InvalidArgument, "VALIDATION_FAILED").await;
    }
    for unknown in [named(REQUEST_ID), format!("connections/nobody/identifications/{REQUEST_ID}")] {
        let request = UpdateIdentificationRequest { name: unknown, ..update(&id, &["labels"]) };
        house.refused_update(request, Code::NotFound, "RESOURCE_NOT_FOUND").await;
    }
}

#[tokio::test]
async fn an_etag_guards_an_update() {
    let house = House::silent().await;
    let id = house.created().await;
    let old = house.get(&id).await.etag;
    let guarded = |etag: &str, paths: &[&str]| UpdateIdentificationRequest {
        etag: etag.to_owned(),
        ..update(&id, paths)
    };
    let present = house.try_update(guarded(&old, &["labels"])).await.unwrap().identification.unwrap().etag;
    let starts = house.asked("starts").await;
    for paths in [&["labels"][..], &["subject.given_name"]] {
        let status = house.try_update(guarded(&old, paths)).await.unwrap_err();
        assert_eq!(resource(&refused(&status, Code::Aborted, "ETAG_MISMATCH")), named(&id));
    }
    assert_eq!(house.asked("starts").await, starts, "the vendor hears nothing of it");
    house.try_update(guarded(&present, &["subject.given_name"])).await.unwrap();
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    let house = House::silent().await;
    let id = house.created().await;
    let etag = house.get(&id).await.etag;
    let request = UpdateIdentificationRequest {
        request_id: REQUEST_ID.to_owned(),
        etag,
        ..update(&id, &["labels", "subject.given_name"])
    };
    let first = house.try_update(request.clone()).await.unwrap();
    let house = house.restarted().await;
    let again = house.try_update(request.clone()).await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!((again.identification, again.cursor), (first.identification, first.cursor));
    assert_eq!((house.asked("starts").await, house.events().await.len()), (2, 2));
    let other = UpdateIdentificationRequest { labels: BTreeMap::new(), ..request };
    house.refused_update(other, Code::InvalidArgument, "REQUEST_ID_REUSED").await;
}

#[tokio::test]
async fn what_is_decided_is_not_updated() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    // The gateway has not heard of the decision: the vendor refuses, and again under the same request_id.
    let request = UpdateIdentificationRequest {
        request_id: REQUEST_ID.to_owned(),
        ..update(&id, &["subject.given_name"])
    };
    for _ in 0..2 {
        let status = house.try_update(request.clone()).await.unwrap_err();
        let details = refused(&status, Code::FailedPrecondition, "IDENTIFICATION_COMPLETED");
        assert_eq!(details.error_info().unwrap().metadata["vendor_http_status"], "409");
    }
    assert_eq!(house.asked("starts").await, 2);

    house.made_elsewhere(CUSTOMER, "case-7").await;
    house.reviewed("case-7", "SUCCESS").await;
    let adopted = house.try_adopt(adopt(BANK, "", "case-7")).await.unwrap().identification.unwrap();
    assert_eq!(adopted.state(), State::Completed);
    let request = UpdateIdentificationRequest { name: adopted.name.clone(), ..update(&id, &["labels"]) };
    let status = house.try_update(request).await.unwrap_err();
    let details = refused(&status, Code::FailedPrecondition, "IDENTIFICATION_COMPLETED");
    assert_eq!(resource(&details), adopted.name);
}

#[tokio::test]
async fn what_the_vendor_has_not_confirmed_or_refused_takes_no_update() {
    let house = House::silent().await;
    let id = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
    let mut creation = super::words::create(BANK);
    creation.identification_id = id.to_owned();
    house.fault(json!({ "kind": "status", "status": 503, "operation": "start" })).await;
    house.try_create(creation).await.unwrap_err();
    for paths in [&["labels"][..], &["subject"]] {
        house.refused_update(update(id, paths), Code::FailedPrecondition, "STATE_NOT_ALLOWED").await;
    }
    house.well().await;
    house
        .in_time("the creation", async || (house.get(id).await.state() == State::AwaitingUser).then_some(()))
        .await;
    house.try_update(update(id, &["labels"])).await.unwrap();
}

#[tokio::test]
async fn a_vendor_that_fails_leaves_everything_as_it_was() {
    let house = House::silent().await;
    let id = house.created().await;
    let before = house.get(&id).await;
    let request = UpdateIdentificationRequest {
        request_id: REQUEST_ID.to_owned(),
        ..update(&id, &["labels", "subject.given_name"])
    };
    for (fault, code, reason) in [
        (json!({ "kind": "status", "status": 503 }), Code::Unavailable, "VENDOR_UNAVAILABLE"),
        (json!({ "kind": "half_body" }), Code::Unavailable, "VENDOR_UNAVAILABLE"),
    ] {
        let mut fault = fault;
        fault["operation"] = json!("start");
        house.fault(fault).await;
        house.refused_update(request.clone(), code, reason).await;
        house.well().await;
    }
    let left = Identification { labels: Default::default(), ..before };
    assert_eq!(house.get(&id).await, left);
    // None of these used the request_id up.
    assert!(!house.try_update(request).await.unwrap().replayed);
}

#[tokio::test]
async fn an_update_of_a_person_under_way_keeps_the_state() {
    let house = House::new().await;
    let id = house.created().await;
    house.person(&id, "start", json!({})).await;
    house
        .until("the start", async || (house.get(&id).await.state() == State::InProgress).then_some(()))
        .await;
    let after = house.try_update(update(&id, &["subject.given_name"])).await.unwrap();
    assert_eq!(after.identification.unwrap().state(), State::InProgress);
}
