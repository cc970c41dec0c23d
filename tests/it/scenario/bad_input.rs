//! What is wrong with a request is told field by field, before the vendor hears of it.

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::{
    Address, AutoIdentSpec, CreateIdentificationRequest, Date, DeliveryMethod, GetConnectionRequest,
    GetIdentificationRequest, IdentificationSpec, InvitationSpec, ListConnectionsRequest, PhoneNumber,
    RefreshIdentificationRequest, Subject, identification_spec,
};
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, create, fields, refused};

type Bad = (&'static str, fn(&mut CreateIdentificationRequest, &mut Subject));

/// A field, and what is wrong with it.
const BAD: &[Bad] = &[
    ("parent", |request, _| request.parent = String::new()),
    ("parent", |request, _| request.parent = "beispielbank".to_owned()),
    ("parent", |request, _| request.parent = "connections/../beispielbank".to_owned()),
    ("parent", |request, _| request.parent = "connections/Beispielbank".to_owned()),
    ("parent", |request, _| request.parent = format!("connections/{}", "a".repeat(64))),
    ("identification_id", |request, _| request.identification_id = "order-1".to_owned()),
    ("identification_id", |request, _| request.identification_id = "../../login".to_owned()),
    ("identification_id", |request, _| {
        request.identification_id = "0B7E5F0C-94F1-4B27-8B0C-11C13F6A0E7D".to_owned();
    }),
    ("identification_id", |request, _| {
        request.identification_id = "0b7e5f0c94f14b278b0c11c13f6a0e7d".to_owned()
    }),
    ("request_id", |request, _| request.request_id = "again".to_owned()),
    ("external_reference", |request, _| request.external_reference = "x".repeat(256)),
    ("external_reference", |request, _| request.external_reference = "line\nbreak".to_owned()),
    ("labels", |request, _| request.labels = [("Upper".to_owned(), String::new())].into()),
    ("labels", |request, _| {
        request.labels = (0..17).map(|number| (format!("label{number}"), String::new())).collect();
    }),
    ("reference_conflict_policy", |request, _| request.reference_conflict_policy = 99),
    ("spec", |request, _| request.spec = None),
    ("spec", |request, _| request.spec = Some(IdentificationSpec { kind: None })),
    ("spec", |request, _| {
        let kind = Some(identification_spec::Kind::Invitation(InvitationSpec {
            delivery_method: DeliveryMethod::None.into(),
            flow: "WF-01".to_owned(),
            ..InvitationSpec::default()
        }));
        request.spec = Some(IdentificationSpec { kind });
    }),
    ("spec.auto_ident.custom_data", |request, _| custom(request, vec![String::new(); 6])),
    ("spec.auto_ident.custom_data[1]", |request, _| custom(request, vec![String::new(), "x".repeat(256)])),
    ("spec.auto_ident.signing_language_code", |request, _| signed_in(request, "English, please")),
    ("spec.auto_ident.signing_language_code", |request, _| {
        signed_in(request, &format!("en{}", "-latn".repeat(20)));
    }),
    ("subject.given_name", |_, subject| subject.given_name = "E".repeat(256)),
    ("subject.family_name", |_, subject| subject.family_name = "Bei\u{7}spiel".to_owned()),
    ("subject.birth_date", |_, subject| date(subject, 2023, 2, 29)),
    ("subject.birth_date", |_, subject| date(subject, 1987, 13, 1)),
    ("subject.birth_date", |_, subject| date(subject, 1987, 0, 0)),
    ("subject.birth_date", |_, subject| date(subject, 0, 5, 23)),
    ("subject.birth_date", |_, subject| date(subject, -1987, 5, 23)),
    ("subject.nationality", |_, subject| subject.nationality = "Germany".to_owned()),
    ("subject.nationality", |_, subject| subject.nationality = "de".to_owned()),
    ("subject.nationality", |_, subject| subject.nationality = "ZZ".to_owned()),
    ("subject.document_country", |_, subject| subject.document_country = "QX".to_owned()),
    ("subject.gender", |_, subject| subject.gender = "W".to_owned()),
    ("subject.email", |_, subject| subject.email = "erika".to_owned()),
    ("subject.language_code", |_, subject| subject.language_code = "deutsch!".to_owned()),
    ("subject.phone.e164", |_, subject| phone(subject, "030 123456", "")),
    ("subject.phone.e164", |_, subject| phone(subject, "+049123456", "")),
    ("subject.phone.e164", |_, subject| phone(subject, "", "DE")),
    ("subject.phone.region_code", |_, subject| phone(subject, "+4930123456", "D")),
    ("subject.address.region_code", |_, subject| {
        subject.address = Some(Address { region_code: "??".to_owned(), ..Address::default() });
    }),
    ("subject.address.city", |_, subject| {
        subject.address = Some(Address { city: "\0".to_owned(), ..Address::default() });
    }),
];

#[tokio::test]
async fn each_bad_field_is_named_and_the_vendor_never_hears_of_it() {
    let house = House::silent().await;
    for (index, (field, spoil)) in BAD.iter().enumerate() {
        let request = spoilt(&[*spoil]);
        let status = house.try_create(request.clone()).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), [*field], "number {index}");
        // The same when it is only asked whether it would do.
        let asked = CreateIdentificationRequest { validate_only: true, ..request };
        assert_eq!(house.try_create(asked).await.unwrap_err().code(), Code::InvalidArgument);
    }
    untouched(&house).await;
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once() {
    let house = House::silent().await;
    let pick =
        ["identification_id", "request_id", "subject.gender", "subject.email", "subject.phone.region_code"];
    let spoils: Vec<_> =
        pick.iter().map(|field| BAD.iter().find(|(name, _)| name == field).unwrap().1).collect();
    let status = house.try_create(spoilt(&spoils)).await.unwrap_err();
    let mut named = fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"));
    let mut expected = pick.to_vec();
    named.sort();
    expected.sort();
    assert_eq!(named, expected);
    untouched(&house).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let house = House::silent().await;
    let id = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
    refused(
        &house.try_create(create("connections/nobody")).await.unwrap_err(),
        Code::NotFound,
        "RESOURCE_NOT_FOUND",
    );
    for name in [format!("{BANK}/identifications/{id}"), format!("connections/nobody/identifications/{id}")] {
        refused(&get(&house, &name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        refused(&refresh(&house, &name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    let mut connections = ConnectionServiceClient::new(house.channel.clone());
    let request = GetConnectionRequest { name: "connections/nobody".to_owned() };
    let status = connections.get_connection(request).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    untouched(&house).await;
}

#[tokio::test]
async fn malformed_names_are_refused() {
    let house = House::silent().await;
    let id = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
    let names = [
        String::new(),
        id.to_owned(),
        format!("{BANK}/identifications/"),
        format!("{BANK}/identifications/{}", id.to_uppercase()),
        format!("{BANK}/identifications/{id}/"),
        format!("{BANK}/tickets/{id}"),
        format!("{BANK}/identifications/..%2f{id}"),
        format!("connections//identifications/{id}"),
        format!(" {BANK}/identifications/{id}"),
    ];
    for name in names {
        for status in [get(&house, &name).await, refresh(&house, &name).await] {
            let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
            assert_eq!(fields(&details), ["name"], "{name:?}");
        }
    }
    let mut connections = ConnectionServiceClient::new(house.channel.clone());
    for (size, token, field) in [(-1, "", "page_size"), (1001, "", "page_size"), (0, "what", "page_token")] {
        let request = ListConnectionsRequest { page_size: size, page_token: token.to_owned() };
        let status = connections.list_connections(request).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    let request = GetIdentificationRequest { name: format!("{BANK}/identifications/{id}"), view: 99 };
    let status = house.identifications().get_identification(request).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["view"]);
    untouched(&house).await;
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_as_one() {
    let house = House::silent().await;
    for length in [64 * 1024, 1 << 20, 8 << 20] {
        let mut request = create(BANK);
        request.external_reference = "x".repeat(length);
        let status = house.try_create(request).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), ["request"], "{length}");
    }
    untouched(&house).await;
}

fn spoilt(spoils: &[fn(&mut CreateIdentificationRequest, &mut Subject)]) -> CreateIdentificationRequest {
    let mut request = create(BANK);
    let mut subject = request.subject.take().unwrap();
    for spoil in spoils {
        spoil(&mut request, &mut subject);
    }
    CreateIdentificationRequest { subject: Some(subject), ..request }
}

fn custom(request: &mut CreateIdentificationRequest, custom_data: Vec<String>) {
    let kind =
        identification_spec::Kind::AutoIdent(AutoIdentSpec { custom_data, ..AutoIdentSpec::default() });
    request.spec = Some(IdentificationSpec { kind: Some(kind) });
}

fn signed_in(request: &mut CreateIdentificationRequest, language: &str) {
    let signing_language_code = language.to_owned();
    let kind = identification_spec::Kind::AutoIdent(AutoIdentSpec {
        signing_language_code,
        ..AutoIdentSpec::default()
    });
    request.spec = Some(IdentificationSpec { kind: Some(kind) });
}

fn date(subject: &mut Subject, year: i32, month: i32, day: i32) {
    subject.birth_date = Some(Date { year, month, day });
}

fn phone(subject: &mut Subject, e164: &str, region_code: &str) {
    subject.phone = Some(PhoneNumber { e164: e164.to_owned(), region_code: region_code.to_owned() });
}

async fn get(house: &House, name: &str) -> Status {
    let request = GetIdentificationRequest { name: name.to_owned(), view: 0 };
    house.identifications().get_identification(request).await.unwrap_err()
}

async fn refresh(house: &House, name: &str) -> Status {
    let request = RefreshIdentificationRequest { name: name.to_owned() };
    house.identifications().refresh_identification(request).await.unwrap_err()
}

/// Nothing was asked of the vendor, and nothing was written.
async fn untouched(house: &House) {
    let by_path = house.see("statistics").await["by_path"].clone();
    assert_eq!(by_path, serde_json::json!({}));
    assert!(house.events().await.is_empty());
}
