//! Customers: what the vendor is told, and what its answers are taken for.

use idv_gateway::error::Kind;
use idv_gateway::model::onboarding::CustomerChange;
use idv_gateway::proto::onboarding::{
    CreateCustomerRequest, Customer, CustomerAddress, CustomerDocument, CustomerEmail, CustomerPhone,
    DeleteCustomerRequest, ItemAction, UpdateCustomerRequest,
};
use idv_gateway::proto::{ClientContext, Date};
use prost_types::FieldMask;
use serde_json::{Value, json};
use uuid::Uuid;

use super::compliance::get;
use super::{CUSTOMER, House, header};
use crate::vendor::rig::json;

const FIXTURE: &str = include_str!("../../../fixtures/preventor_open/customer.json");

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Some(Date { year, month, day })
}

fn document(number: &str) -> CustomerDocument {
    CustomerDocument {
        id: 1,
        type_code: 6,
        number: number.to_owned(),
        region_code: "PE".to_owned(),
        issue_date: date(2019, 2, 3),
        expire_date: date(2029, 12, 31),
        primary_code: "P".to_owned(),
        action: ItemAction::Unspecified.into(),
        transaction_id: "onb-77".to_owned(),
    }
}

/// A customer with everything that the contract has.
fn customer() -> Customer {
    Customer {
        name: format!("connections/bank/customers/{CUSTOMER}"),
        full_name: "MARÍA LUZ EJEMPLO".to_owned(),
        given_name: "MARÍA".to_owned(),
        middle_name: "LUZ".to_owned(),
        family_name: "EJEMPLO".to_owned(),
        status_code: "1".to_owned(),
        person_type_code: "P".to_owned(),
        is_customer: true,
        reference: "onb-77".to_owned(),
        addresses: vec![CustomerAddress {
            id: 1,
            type_code: 1,
            lines: vec!["Calle Inventada 12".to_owned(), "Piso 3".to_owned()],
            city: "Lima".to_owned(),
            state: "LMA".to_owned(),
            postal_code: "15001".to_owned(),
            region_code: "PE".to_owned(),
            primary_code: "P".to_owned(),
            action: ItemAction::Unspecified.into(),
            transaction_id: "onb-77".to_owned(),
        }],
        identity_documents: vec![document("MADE-UP-1")],
        tax_documents: vec![document("MADE-UP-2")],
        phones: vec![CustomerPhone {
            id: 1,
            type_code: 2,
            number: "900000001".to_owned(),
            region_code: "PE".to_owned(),
            primary_code: "P".to_owned(),
            action: ItemAction::Unspecified.into(),
        }],
        emails: vec![CustomerEmail {
            id: 1,
            address: "maria@mail.example".to_owned(),
            primary_code: "P".to_owned(),
            action: ItemAction::Unspecified.into(),
        }],
    }
}

fn created(customer: Customer) -> CustomerChange {
    let request = CreateCustomerRequest {
        parent: "connections/bank".to_owned(),
        customer: Some(customer),
        customer_id: CUSTOMER.to_owned(),
        ..CreateCustomerRequest::default()
    };
    CustomerChange::of_create(request, |_request_id| Uuid::nil()).unwrap()
}

fn updated(customer: Customer, paths: &[&str]) -> CustomerChange {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateCustomerRequest {
        customer: Some(Customer { name: self::customer().name, ..customer }),
        update_mask: Some(FieldMask { paths }),
        ..UpdateCustomerRequest::default()
    };
    CustomerChange::of_update(request).unwrap()
}

/// What the vendor is sent for `change`, and where to.
async fn sent(change: &CustomerChange) -> (String, Value) {
    let house = House::new(|_seen| json(200, r#"{"result":"ok"}"#)).await;
    assert_eq!(house.onboarding().check_customer(change), []);
    let told = house.onboarding().change_customer(change).await.unwrap();
    assert_eq!(&told.raw_json[..], br#"{"result":"ok"}"#);
    assert_eq!(header(&house.calls()[0], "content-type"), "application/json");
    house.last()
}

#[tokio::test]
async fn a_creation_tells_every_field_and_every_item_what_is_to_be_done() {
    let (line, body) = sent(&created(customer())).await;
    assert_eq!(line, "POST /onboarding/customerOnboarding");
    let expected: Value = serde_json::from_str(FIXTURE).unwrap();
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_creation_tells_nothing_that_is_not_set() {
    let (_, body) = sent(&created(Customer { full_name: "X".to_owned(), ..Customer::default() })).await;
    assert_eq!(body, json!({ "request_type": "A", "id": CUSTOMER, "full_name": "X", "customer_flag": "N" }));
}

#[tokio::test]
async fn an_update_tells_what_its_mask_names_or_else_what_is_set() {
    let changed =
        || Customer { given_name: "MARIE".to_owned(), reference: "r".to_owned(), ..Customer::default() };
    let (line, body) = sent(&updated(changed(), &[])).await;
    assert_eq!(line, "POST /onboarding/customerMaintenance");
    let both = json!({ "request_type": "U", "id": CUSTOMER, "first_name": "MARIE", "cust_api_ref_id": "r" });
    assert_eq!(body, both);
    let (_, body) = sent(&updated(changed(), &["given_name", "middle_name", "emails", "is_customer"])).await;
    let named = json!({
        "request_type": "U", "id": CUSTOMER, "first_name": "MARIE", "middle_name": "", "emails": [],
        "customer_flag": "N",
    });
    assert_eq!(body, named);
}

#[tokio::test]
async fn items_are_added_updated_and_deleted_by_themselves() {
    let phone =
        |id, action: ItemAction| CustomerPhone { id, action: action.into(), ..CustomerPhone::default() };
    let phones =
        vec![phone(1, ItemAction::Delete), phone(2, ItemAction::Unspecified), phone(3, ItemAction::Add)];
    let (_, body) = sent(&updated(Customer { phones, ..Customer::default() }, &["phones"])).await;
    let expected = json!([
        { "id": 1, "request_type": "D" }, { "id": 2, "request_type": "U" }, { "id": 3, "request_type": "A" },
    ]);
    assert_eq!(body["phones"], expected);
}

#[tokio::test]
async fn a_deletion_tells_the_id_alone() {
    let request = DeleteCustomerRequest { name: customer().name, ..DeleteCustomerRequest::default() };
    let (line, body) = sent(&CustomerChange::of_delete(request).unwrap()).await;
    assert_eq!(line, "POST /onboarding/customerMaintenance");
    assert_eq!(body, json!({ "request_type": "D", "id": CUSTOMER }));
}

#[tokio::test]
async fn what_the_vendor_has_no_place_for_is_refused_with_its_path() {
    let mut change = created(customer());
    change.customer.addresses[0].lines.push("a third".to_owned());
    let house = House::new(|_seen| json(500, "")).await;
    let refused = house.onboarding().check_customer(&change);
    let fields: Vec<_> = refused.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["customer.addresses[0].lines"]);
}

#[tokio::test]
async fn refusals_name_our_fields_and_what_is_missing_or_there() {
    let named = r#"{"status":"400","message":{"fields":["addresses.address_city","first_name","x"]}}"#;
    for (status, body, kind) in [
        (400, named, Kind::VendorRejectedField),
        (400, "", Kind::VendorRejectedRequest),
        (404, "", Kind::VendorRejectedRequest),
        (409, "", Kind::ResourceExists),
        (200, "<html>", Kind::VendorResponseInvalid),
        (200, r#"{"status":403}"#, Kind::VendorFeatureNotEnabled),
    ] {
        let house = House::new(move |_seen| json(status, body)).await;
        let error = house.onboarding().change_customer(&created(customer())).await.err().unwrap();
        assert_eq!(error.kind, kind, "{status} {body}");
        assert_eq!(
            error.detail.contains("client"),
            kind == Kind::VendorFeatureNotEnabled,
            "{}",
            error.detail
        );
        let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        let ours = ["customer.addresses.city", "customer.given_name"];
        assert_eq!(fields, if kind == Kind::VendorRejectedField { &ours[..] } else { &[] });
    }
    let house = House::new(|_seen| json(404, "")).await;
    let error = house.onboarding().change_customer(&updated(customer(), &[])).await.err().unwrap();
    assert_eq!(error.kind, Kind::ResourceNotFound);
}

#[tokio::test]
async fn a_customer_is_asked_for_by_a_form_and_read_as_it_was_written() {
    for wrapped in ["{}", r#"{"data":{}}"#, r#"{"customer":{}}"#, r#"{"data":{"customer":{}}}"#] {
        let body = wrapped.replacen("{}", FIXTURE, 1);
        let answer = body.clone();
        let house = House::new(move |_seen| json(200, &answer)).await;
        let found = house.onboarding().customer(&get(ClientContext::default())).await.unwrap().unwrap();
        let plain = |mut customer: Customer| {
            customer.name.clear();
            customer.addresses.iter_mut().for_each(|item| item.action = 0);
            customer
        };
        assert_eq!(found.customer, plain(customer()));
        assert_eq!((found.raw_json, found.drift), (body.into(), Vec::<String>::new()));
        let seen = house.calls().pop().unwrap();
        assert_eq!(format!("{} {}", seen.method, seen.path), "POST /onboarding/getCustomer");
        let media_type = header(&seen, "content-type");
        let boundary = media_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let form = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"cifCod\"\r\n\r\n{CUSTOMER}\r\n--{boundary}--\r\n"
        );
        assert_eq!(seen.body, form);
    }
}

#[tokio::test]
async fn an_answer_without_the_customer_says_where_it_was_looked_for() {
    for (body, told) in [
        ("[]", "has no usable customer at customer, data.customer, data, $"),
        (r#"{"customer":{"full_name":"Erika"}}"#, "has no usable customer id at id, cifCod, cifcod"),
        (r#"{"id":"another"}"#, "is about another customer"),
        ("<html>", "is not the JSON that was expected"),
    ] {
        let house = House::new(move |_seen| json(200, body)).await;
        let error = house.onboarding().customer(&get(ClientContext::default())).await.err().unwrap();
        assert_eq!(error.kind, Kind::VendorResponseInvalid);
        assert!(error.detail.contains(told), "{}", error.detail);
        assert!(!format!("{error:?}").contains("Erika"));
    }
    let house = House::new(|_seen| json(404, r#"{"message":"none"}"#)).await;
    assert!(house.onboarding().customer(&get(ClientContext::default())).await.unwrap().is_none());
}

#[tokio::test]
async fn places_are_settings_and_what_cannot_be_read_is_counted() {
    let below = "[onboarding.customer]\ncustomer = [\"cif\"]\nid = []\nfull_name = [\"names.full\"]\n\
                 [onboarding.customer.phone]\nnumber = [\"digits\"]";
    let body = r#"{"cif":{"names":{"full":"M E"},"customer_flag":"MAYBE","cif_status":{},
        "phones":{"digits":"9"},"iddocuments":[{"doc_issued_date":"2019-13-01","doc_type":99999999999}]}}"#;
    let house = House::with("", below, move |_seen| json(200, body)).await;
    let found = house.onboarding().customer(&get(ClientContext::default())).await.unwrap().unwrap();
    assert_eq!((found.customer.full_name.as_str(), found.customer.phones[0].number.as_str()), ("M E", "9"));
    let odd = ["documents.issue_date", "documents.type_code", "is_customer", "status_code"];
    assert_eq!(found.drift, odd.map(|name| format!("customer.{name}")));
}
