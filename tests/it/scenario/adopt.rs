//! What was made at the vendor without the gateway is taken over, and is like any other from then on.

use idv_gateway::proto::{
    AdoptIdentificationRequest, CreateIdentificationRequest, EventOrigin, EventType, Evidence,
    IdentificationOrigin, IdentificationState as State, Outcome, RefreshIdentificationRequest, StartLink,
    StartLinkKind, VendorReference, WebhookDeliveryState,
};
use serde_json::json;
use tonic::Code;

use super::house::{House, id_of};
use super::words::{
    BANK, CUSTOMER, OTHER_CUSTOMER, adopt, create, fields, refused, resource, said, shown, types,
};

const ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
/// No UUID, and in the spelling of whoever made it.
const NUMBER: &str = "Order_7-A";
const CREATED: EventType = EventType::IdentificationCreated;
const COMPLETED: EventType = EventType::IdentificationCompleted;

#[tokio::test]
async fn a_finished_one_comes_with_its_decision() {
    for by in ["number", "id", "both", "spelling"] {
        let house = House::silent().await;
        let ident_id = house.made_elsewhere(CUSTOMER, NUMBER).await;
        house.reviewed(NUMBER, "SUCCESS").await;
        let request = match by {
            "number" => adopt(BANK, "", NUMBER),
            "id" => adopt(BANK, &ident_id, ""),
            "both" => adopt(BANK, &ident_id, NUMBER),
            _ => adopt(BANK, &ident_id.to_ascii_lowercase(), &NUMBER.to_ascii_uppercase()),
        };
        let adopted = house.try_adopt(request).await.unwrap();
        let identification = adopted.identification.unwrap();
        assert_eq!((identification.state(), identification.revision), (State::Completed, 2), "by {by}");
        assert_eq!(identification.origin(), IdentificationOrigin::Adopted);
        assert_eq!(identification.decision.as_ref().unwrap().outcome(), Outcome::Verified);
        assert_eq!(identification.external_reference, "case-7");
        assert_eq!(identification.labels["branch"], "north");
        let reference = VendorReference {
            id: ident_id,
            reference: NUMBER.to_ascii_lowercase(),
            ..VendorReference::default()
        };
        assert_eq!(identification.vendor_reference, Some(reference));
        assert!(identification.expire_time.is_some() && identification.start_links.is_empty());

        let events = house.events().await;
        assert_eq!(types(&events), [CREATED, COMPLETED]);
        for (revision, event) in (1..).zip(&events) {
            assert_eq!(
                (event.identification.as_str(), event.revision),
                (identification.name.as_str(), revision)
            );
            assert_eq!((event.evidence(), event.origin()), (Evidence::Fetched, EventOrigin::Api));
            assert_eq!(
                (event.external_reference.as_str(), event.labels["branch"].as_str()),
                ("case-7", "north")
            );
        }
        assert_eq!(shown(&events[0]).state(), State::AwaitingUser);
        assert_eq!(shown(&events[1]), &identification);
        assert_eq!(house.get(&id_of(&identification.name)).await, identification);
    }
}

#[tokio::test]
async fn every_state_the_vendor_shows_is_taken_over() {
    let house = House::silent().await;
    for (index, (word, state, event)) in [
        ("CHECK_PENDING", State::InReview, EventType::IdentificationSubmitted),
        ("FRAUD_SUSPICION_PENDING", State::InReview, EventType::IdentificationSubmitted),
        ("CANCELED", State::AwaitingRetry, EventType::IdentificationAttemptEnded),
        ("SOMETHING_NEW", State::AwaitingUser, EventType::IdentificationUpdated),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("case-{index}");
        house.made_elsewhere(CUSTOMER, &number).await;
        house.person(&number, "start", json!({})).await;
        house.person(&number, "submit", json!({ "result": word })).await;
        let before = house.events().await.len();
        let adopted = house.try_adopt(adopt(BANK, "", &number)).await.unwrap().identification.unwrap();
        assert_eq!((adopted.state(), adopted.vendor_status.as_str()), (state, word));
        assert_eq!(types(&house.events().await[before..]), [CREATED, event], "{word}");
    }
}

/// Links, refresh and webhooks use the vendor's numbers, not the name.
#[tokio::test]
async fn an_adopted_one_lives_on() {
    let house = House::silent().await;
    let ident_id = house.made_elsewhere(CUSTOMER, NUMBER).await;
    house.person(NUMBER, "start", json!({})).await;
    house.person(NUMBER, "abort", json!({})).await;
    let adopted = house.try_adopt(adopt(BANK, "", NUMBER)).await.unwrap().identification.unwrap();
    assert_eq!((adopted.state(), adopted.startable), (State::AwaitingRetry, true));
    let link = |kind: StartLinkKind| {
        adopted.start_links.iter().find(|link| link.kind() == kind).unwrap().uri.clone()
    };
    assert!(link(StartLinkKind::Web).ends_with("/order_7-a"), "{}", link(StartLinkKind::Web));
    assert!(link(StartLinkKind::WebShort).ends_with(&ident_id));

    let id = id_of(&adopted.name);
    let state = async |state: State| (house.get(&id).await.state() == state).then_some(());
    house.person(NUMBER, "start", json!({})).await;
    assert_eq!(house.webhook(said("START", &NUMBER.to_ascii_uppercase()).to_string()).await.status, 204);
    house.until("the start", async || state(State::InProgress).await).await;
    house.person(NUMBER, "submit", json!({ "result": "SUCCESS" })).await;
    let refresh = RefreshIdentificationRequest { name: adopted.name.clone() };
    let refreshed = house.identifications().refresh_identification(refresh).await.unwrap().into_inner();
    assert_eq!(refreshed.identification.unwrap().state(), State::Completed);
    // Confirmed by a question that bears the vendor's number.
    house.person(NUMBER, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    let mut body = said("FRAUD_SUSPICION_CONFIRMED", "");
    body["identificationprocess"]["id"] = json!(ident_id);
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.in_time("the revision", async || (house.get(&id).await.revision == 5).then_some(())).await;
    let kinds = types(&house.events().await);
    assert_eq!(
        kinds[2..],
        [EventType::IdentificationStarted, COMPLETED, EventType::IdentificationDecisionRevised]
    );
}

#[tokio::test]
async fn webhooks_that_waited_for_it_are_applied() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, NUMBER).await;
    house.reviewed(NUMBER, "SUCCESS").await;
    assert_eq!(house.webhook(said("START", NUMBER).to_string()).await.status, 204);
    assert_eq!(house.webhook(said("SUCCESS", NUMBER).to_string()).await.status, 204);
    house.applied(2).await;
    assert_eq!(house.states(), [WebhookDeliveryState::Unmatched; 2]);
    house.try_adopt(adopt(BANK, "", NUMBER)).await.unwrap();
    let waiting = [WebhookDeliveryState::Unmatched, WebhookDeliveryState::Confirming];
    house
        .in_time("their end", async || {
            (!house.states().iter().any(|state| waiting.contains(state))).then_some(())
        })
        .await;
    // The vendor's own word was newer than either.
    assert_eq!(house.states(), [WebhookDeliveryState::Stale, WebhookDeliveryState::Duplicate]);
    assert_eq!(types(&house.events().await), [CREATED, COMPLETED]);
}

#[tokio::test]
async fn what_the_vendor_has_nothing_to_show_for_is_not_found() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, "nobody-started").await;
    house.made_elsewhere(CUSTOMER, "under-way").await;
    house.person("under-way", "start", json!({})).await;
    for number in ["never-made", "nobody-started", "under-way"] {
        let status = house.try_adopt(adopt(BANK, "", number)).await.unwrap_err();
        refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert!(status.message().contains("nobody has finished a try yet"), "{}", status.message());
    }
    // Another account's, which says nothing against this connection.
    let foreign = house.made_elsewhere(OTHER_CUSTOMER, "theirs").await;
    house.reviewed("theirs", "SUCCESS").await;
    let status = house.try_adopt(adopt(BANK, &foreign, "")).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert!(house.events().await.is_empty(), "nothing is recorded");
    // A missing connection is not the vendor's word.
    let status = house.try_adopt(adopt("connections/nobody", "", "case-7")).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn two_identifiers_must_be_of_one_identification() {
    let house = House::silent().await;
    house.made_elsewhere(CUSTOMER, NUMBER).await;
    let other = house.made_elsewhere(CUSTOMER, "case-8").await;
    house.reviewed(NUMBER, "SUCCESS").await;
    house.reviewed("case-8", "SUCCESS").await;
    for id in [other.as_str(), "TST-NEVER"] {
        let status = house.try_adopt(adopt(BANK, id, NUMBER)).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), ["vendor_reference.id"]);
    }
    // The vendor answers to one in place of the other.
    for (id, number, field) in
        [("", other.as_str(), "vendor_reference.reference"), (NUMBER, "", "vendor_reference.id")]
    {
        let status = house.try_adopt(adopt(BANK, id, number)).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), [field]);
    }
    assert!(house.events().await.is_empty(), "nothing is recorded, nor said about the connection");
}

#[tokio::test]
async fn what_is_here_already_is_named() {
    let house = House::silent().await;
    let own = house.try_create(create(BANK)).await.unwrap().identification.unwrap();
    let own_reference = own.vendor_reference.clone().unwrap();
    house.made_elsewhere(CUSTOMER, ID).await;
    house.reviewed(ID, "SUCCESS").await;
    let adopted = house.try_adopt(adopt(BANK, "", ID)).await.unwrap().identification.unwrap();
    let adopted_reference = adopted.vendor_reference.clone().unwrap();
    let gets = house.asked("gets").await;
    for (holder, reference) in [(&own, &own_reference), (&adopted, &adopted_reference)] {
        for request in [
            adopt(BANK, &reference.id, ""),
            adopt(BANK, "", &reference.reference),
            adopt(BANK, &reference.id, &reference.reference.to_ascii_uppercase()),
        ] {
            let status = house.try_adopt(request).await.unwrap_err();
            assert_eq!(resource(&refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS")), holder.name);
        }
    }
    assert_eq!(house.asked("gets").await, gets, "the vendor is not asked about them");
    // A creation would use the number of the adopted one.
    for validate_only in [true, false] {
        let request =
            CreateIdentificationRequest { identification_id: ID.to_owned(), validate_only, ..create(BANK) };
        let status = house.try_create(request).await.unwrap_err();
        assert_eq!(resource(&refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS")), adopted.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_take_over_once() {
    let house = House::silent().await;
    let ident_id = house.made_elsewhere(CUSTOMER, NUMBER).await;
    house.reviewed(NUMBER, "SUCCESS").await;
    let requests = (0..12).map(|number| match number % 3 {
        0 => adopt(BANK, &ident_id, ""),
        1 => adopt(BANK, "", NUMBER),
        _ => adopt(BANK, &ident_id, NUMBER),
    });
    let outcomes = futures::future::join_all(requests.map(|request| house.try_adopt(request))).await;
    let (made, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), lost.len()), (1, 11));
    let name = made.into_iter().next().unwrap().unwrap().identification.unwrap().name;
    for status in lost {
        let details = refused(&status.unwrap_err(), Code::AlreadyExists, "RESOURCE_EXISTS");
        assert_eq!(resource(&details), name);
    }
    assert_eq!(types(&house.events().await), [CREATED, COMPLETED]);
}

/// Lets the vendor answer with a result that does not say the transaction number.
async fn shows_only(house: &House, ident_id: &str) {
    let text = json!({ "identificationprocess": { "result": "CANCELED", "id": ident_id } }).to_string();
    house.well().await;
    house.fault(json!({ "kind": "body", "operation": "get", "text": text })).await;
}

#[tokio::test]
async fn an_ident_id_alone_is_enough() {
    let house = House::silent().await;
    shows_only(&house, "TST-KLMNP").await;
    let adopted = house.try_adopt(adopt(BANK, "TST-KLMNP", "")).await.unwrap().identification.unwrap();
    let reference = VendorReference { id: "TST-KLMNP".to_owned(), ..VendorReference::default() };
    assert_eq!(adopted.vendor_reference, Some(reference));
    let kinds: Vec<_> = adopted.start_links.iter().map(StartLink::kind).collect();
    assert_eq!(kinds, [StartLinkKind::WebShort, StartLinkKind::Embed]);
    let refresh = RefreshIdentificationRequest { name: adopted.name };
    let refreshed = house.identifications().refresh_identification(refresh).await.unwrap().into_inner();
    assert!(!refreshed.changed);
}

/// Nothing in the store keeps two apart that share no transaction number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_take_over_once_without_a_number() {
    let house = House::silent().await;
    for round in 0..20 {
        let ident_id = format!("TST-{round:05}");
        shows_only(&house, &ident_id).await;
        let calls = (0..8).map(|_| house.try_adopt(adopt(BANK, &ident_id, "")));
        let outcomes = futures::future::join_all(calls).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "in round {round}");
    }
}

#[tokio::test]
async fn bad_fields_are_named_and_the_vendor_never_hears_of_them() {
    let house = House::silent().await;
    type Spoil = fn(&mut AdoptIdentificationRequest, &mut VendorReference);
    let bad: &[(&str, Spoil)] = &[
        ("parent", |request, _| request.parent = "beispielbank".to_owned()),
        ("request_id", |request, _| request.request_id = "again".to_owned()),
        ("external_reference", |request, _| request.external_reference = "x".repeat(256)),
        ("labels", |request, _| request.labels = [("Upper".to_owned(), String::new())].into()),
        ("vendor_reference", |_, reference| *reference = VendorReference::default()),
        ("vendor_reference.reference", |_, reference| reference.reference = "../login".to_owned()),
        ("vendor_reference.reference", |_, reference| reference.reference = "case 7".to_owned()),
        ("vendor_reference.reference", |_, reference| reference.reference = "a".repeat(256)),
        ("vendor_reference.id", |_, reference| reference.id = "%2e%2e".to_owned()),
        ("vendor_reference.id", |_, reference| reference.id = "TST-\u{212a}LMNP".to_owned()),
        ("vendor_reference.ticket_ids", |_, reference| reference.ticket_ids = vec!["1".to_owned()]),
        ("vendor_reference.customer_id", |_, reference| reference.customer_id = "1".to_owned()),
    ];
    for (index, (field, spoil)) in bad.iter().enumerate() {
        let mut request = adopt(BANK, "", "case-7");
        let mut reference = request.vendor_reference.take().unwrap();
        spoil(&mut request, &mut reference);
        request.vendor_reference = Some(reference);
        let status = house.try_adopt(request).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), [*field], "number {index}");
    }
    assert_eq!(house.see("statistics").await["by_path"], json!({}));
}
