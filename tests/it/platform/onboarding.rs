//! What is said of customers, accounts and transactions reaches the vendor as it was said, or is refused by name.

use idv_gateway::error::Violation;
use idv_gateway::model::onboarding::{Action, Sent};
use idv_gateway::proto::DESCRIPTORS;
use idv_gateway::proto::onboarding::{
    Account, CreateAccountRequest, CreateCustomerRequest, Customer, CustomerAddress, CustomerDocument,
    CustomerEmail, CustomerPhone, DeleteCustomerRequest, GetCustomerRequest, ItemAction,
    RegisterTransactionRequest, Transaction, UpdateAccountRequest, UpdateCustomerRequest,
};
use idv_gateway::proto::{ClientContext, Date};
use prost_reflect::DescriptorPool;
use prost_types::{FieldMask, Timestamp};
use tonic::Code;

use super::calls::{Change, account, asked_for, made};
use super::house::House;
use super::{Heard, OTHER, PLATFORM, RAW};
use crate::scenario::words::{fields, refused};

fn client() -> ClientContext {
    ClientContext {
        ip_address: "2001:db8::7".to_owned(),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64)".to_owned(),
        language_code: "es-PE".to_owned(),
        time_zone: "America/Argentina/Buenos_Aires".to_owned(),
    }
}

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Some(Date { year, month, day })
}

fn document(action: ItemAction) -> CustomerDocument {
    CustomerDocument {
        id: 1,
        type_code: 6,
        number: "B-1".to_owned(),
        region_code: "PE".to_owned(),
        issue_date: date(2018, 1, 26),
        expire_date: date(2028, 2, 29),
        primary_code: "P".to_owned(),
        action: action.into(),
        transaction_id: "order-1".to_owned(),
    }
}

/// A customer with something in every field but the name.
fn customer(action: ItemAction) -> Customer {
    let address = CustomerAddress {
        id: 1,
        type_code: 1,
        lines: vec!["Jr. Inventado 12".to_owned(), String::new()],
        city: "Lima".to_owned(),
        state: "LIM".to_owned(),
        postal_code: "15001".to_owned(),
        region_code: "PE".to_owned(),
        primary_code: "P".to_owned(),
        action: action.into(),
        transaction_id: "order-1".to_owned(),
    };
    let phone = CustomerPhone {
        id: 2,
        type_code: 2,
        number: "903 923 421".to_owned(),
        region_code: "PE".to_owned(),
        primary_code: "S".to_owned(),
        action: action.into(),
    };
    let address_of = CustomerEmail {
        id: 3,
        address: "ana@ejemplo.example".to_owned(),
        primary_code: "P".to_owned(),
        action: action.into(),
    };
    Customer {
        name: String::new(),
        full_name: "ANA MARÍA QUISPE".to_owned(),
        given_name: "ANA".to_owned(),
        middle_name: "MARÍA".to_owned(),
        family_name: "QUISPE".to_owned(),
        status_code: "1".to_owned(),
        person_type_code: "P".to_owned(),
        is_customer: true,
        reference: "cu-1".to_owned(),
        addresses: vec![address],
        identity_documents: vec![document(action)],
        tax_documents: vec![document(action), document(ItemAction::Delete)],
        phones: vec![phone],
        emails: vec![address_of],
    }
}

#[tokio::test]
async fn a_customer_is_created_shown_changed_and_deleted() {
    let house = House::new().await;
    let name = format!("{PLATFORM}/customers/8adc1652~A");
    let request = CreateCustomerRequest {
        parent: PLATFORM.to_owned(),
        customer: Some(customer(ItemAction::Unspecified)),
        customer_id: "8adc1652~A".to_owned(),
        client: Some(client()),
        ..CreateCustomerRequest::default()
    };
    let created = house.onboarding().create_customer(asked_for(request)).await.unwrap().into_inner();
    let expected = Customer { name: name.clone(), ..customer(ItemAction::Add) };
    assert_eq!(
        (created.customer.as_ref(), created.replayed, &*created.raw_json),
        (Some(&expected), false, RAW)
    );
    let Heard::Customer(change) = house.platform.only() else { panic!("something else") };
    assert_eq!((change.action, &change.sent, &change.client), (Action::Add, &Sent::Set, &client()));
    assert_eq!((change.name.to_string(), change.customer), (name.clone(), expected.clone()));

    let request = GetCustomerRequest { name: name.clone(), client: Some(client()) };
    let got = house.onboarding().get_customer(asked_for(request)).await.unwrap().into_inner();
    assert_eq!((got.customer, &*got.raw_json), (Some(expected), RAW));
    let Some(Heard::Get(get)) = house.platform.heard().pop() else { panic!("something else") };
    assert_eq!((get.name.to_string(), get.client), (name.clone(), client()));
    let drift = house.telemetry.scrape().unwrap();
    assert!(drift.contains("customer.mood"), "{drift}");

    let said = Customer { name: name.clone(), ..customer(ItemAction::Unspecified) };
    let paths = vec!["reference".to_owned(), "emails".to_owned(), "family_name".to_owned()];
    let request = UpdateCustomerRequest {
        customer: Some(said),
        update_mask: Some(FieldMask { paths }),
        ..UpdateCustomerRequest::default()
    };
    let updated = house.onboarding().update_customer(asked_for(request)).await.unwrap().into_inner();
    let told = customer(ItemAction::Update);
    let expected = Customer {
        name: name.clone(),
        reference: told.reference,
        emails: told.emails,
        family_name: told.family_name,
        ..Customer::default()
    };
    assert_eq!(updated.customer.as_ref(), Some(&expected), "what the vendor was told, and nothing else");
    let Some(Heard::Customer(change)) = house.platform.heard().pop() else { panic!("something else") };
    assert_eq!((change.action, change.customer), (Action::Update, expected));
    assert!(change.sent.includes("emails", false), "named, so that it is cleared");
    assert!(!change.sent.includes("phones", true), "set, and not named");

    let request = DeleteCustomerRequest { name: name.clone(), ..DeleteCustomerRequest::default() };
    house.onboarding().delete_customer(request).await.unwrap();
    let Some(Heard::Customer(change)) = house.platform.heard().pop() else { panic!("something else") };
    assert_eq!((change.action, change.name.to_string()), (Action::Delete, name.clone()));
    let request = asked_for(GetCustomerRequest { name, client: None });
    let status = house.onboarding().get_customer(request).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn an_account_names_its_customer() {
    let house = House::new().await;
    let name = format!("{PLATFORM}/accounts/a-7");
    let said = Account { customer: format!("{PLATFORM}/customers/c-1"), ..account(&name) };
    let request = CreateAccountRequest {
        parent: PLATFORM.to_owned(),
        account: Some(said.clone()),
        ..CreateAccountRequest::default()
    };
    let created = house.onboarding().create_account(asked_for(request)).await.unwrap().into_inner();
    assert_eq!(created.account, Some(said.clone()));
    let Heard::Account(change) = house.platform.only() else { panic!("something else") };
    assert_eq!((change.name.id.as_str(), change.customer.unwrap().id.as_str()), ("a-7", "c-1"));

    let request = UpdateAccountRequest {
        account: Some(said),
        update_mask: Some(FieldMask { paths: vec!["*".to_owned()] }),
        ..UpdateAccountRequest::default()
    };
    house.onboarding().update_account(asked_for(request)).await.unwrap();
    let Some(Heard::Account(change)) = house.platform.heard().pop() else { panic!("something else") };
    assert!(change.sent.includes("bank_name", false), "all are named");
}

#[tokio::test]
async fn amounts_and_rates_are_the_text_that_came() {
    let house = House::new().await;
    let most = "12345678901234567890123456789012345.678";
    let said = Transaction {
        transaction_id: "t-1".to_owned(),
        balance_after_posting: "0.1".to_owned(),
        balance_hold: "-0.00".to_owned(),
        balance_available: "007.500".to_owned(),
        balance_aggregate: most.to_owned(),
        post_time: Some(Timestamp { seconds: 1_589_544_000, nanos: 123_000_000 }),
        effective_time: Some(Timestamp { seconds: 1_589_544_000, nanos: 0 }),
        amount: "150803.247745453".to_owned(),
        exchange_rate: "0.000166885".to_owned(),
        account_amount: "1".to_owned(),
        base_rate: "99999999999999999999999999999999999999".to_owned(),
        base_amount: "40000.00".to_owned(),
        cash: "-12".to_owned(),
        cash_back: String::new(),
        no_cash: "0".to_owned(),
        ..Transaction::default()
    };
    let request = RegisterTransactionRequest {
        parent: PLATFORM.to_owned(),
        transaction: Some(said.clone()),
        ..RegisterTransactionRequest::default()
    };
    let told = house.onboarding().register_transaction(asked_for(request)).await.unwrap().into_inner();
    assert_eq!((told.transaction, &*told.raw_json), (Some(said.clone()), RAW));
    let Heard::Transaction(command) = house.platform.only() else { panic!("something else") };
    assert_eq!(command.transaction, said);
}

/// Refusals of transactions with this amount.
async fn refusal_of_amount(house: &House, amount: &str) -> Vec<String> {
    let request = RegisterTransactionRequest {
        parent: PLATFORM.to_owned(),
        transaction: Some(Transaction { amount: amount.to_owned(), ..Transaction::default() }),
        ..RegisterTransactionRequest::default()
    };
    let status = house.onboarding().register_transaction(asked_for(request)).await.unwrap_err();
    fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"))
}

#[tokio::test]
async fn what_is_no_decimal_number_is_refused() {
    let house = House::new().await;
    for amount in [
        ".5",
        "5.",
        "1e3",
        "+1",
        "1,5",
        " 1",
        "1 ",
        "-",
        "--1",
        "1.2.3",
        "NaN",
        "0x10",
        "١",
        "123456789012345678901234567890123456789",
        "1234567890123456789012345678901234567.89",
    ] {
        assert_eq!(refusal_of_amount(&house, amount).await, ["transaction.amount"], "{amount}");
    }
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn every_refused_part_of_a_customer_is_named() {
    let house = House::new().await;
    let mut odd = customer(ItemAction::Add);
    odd.name = format!("{PLATFORM}/customers/another");
    odd.full_name = "A\nB".to_owned();
    odd.addresses.push(CustomerAddress {
        id: -1,
        lines: vec!["fine".to_owned(), "x".repeat(256)],
        region_code: "Peru".to_owned(),
        primary_code: "\u{7}".to_owned(),
        ..CustomerAddress::default()
    });
    odd.identity_documents[0].issue_date = date(2018, 2, 29);
    odd.tax_documents[1].action = 9;
    odd.phones[0].region_code = "pe".to_owned();
    odd.emails[0].address = "nobody".to_owned();
    let request = CreateCustomerRequest {
        parent: "platform".to_owned(),
        customer: Some(odd.clone()),
        request_id: "7".to_owned(),
        customer_id: "a/b".to_owned(),
        client: Some(ClientContext {
            ip_address: "10.0.0.256".to_owned(),
            user_agent: "line\r\nbreak".to_owned(),
            language_code: "Spanish (Peru)".to_owned(),
            time_zone: "../etc/passwd".to_owned(),
        }),
    };
    let status = house.onboarding().create_customer(asked_for(request)).await.unwrap_err();
    let expected = [
        "client.ip_address",
        "client.user_agent",
        "client.language_code",
        "client.time_zone",
        "request_id",
        "parent",
        "customer_id",
        "customer.full_name",
        "customer.addresses[1].id",
        "customer.addresses[1].primary_code",
        "customer.addresses[1].region_code",
        "customer.addresses[1].lines[1]",
        "customer.identity_documents[0].issue_date",
        "customer.tax_documents[1].action",
        "customer.phones[0].region_code",
        "customer.emails[0].address",
    ];
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), expected);

    odd = Customer { name: odd.name, ..customer(ItemAction::Add) };
    let request = CreateCustomerRequest {
        parent: PLATFORM.to_owned(),
        customer: Some(odd),
        ..CreateCustomerRequest::default()
    };
    let status = house.onboarding().create_customer(asked_for(request)).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["customer.name"]);

    let paths = ["name", "addresses[0].city", "emails"].map(str::to_owned).to_vec();
    let request = UpdateCustomerRequest {
        customer: Some(customer(ItemAction::Add)),
        update_mask: Some(FieldMask { paths }),
        ..UpdateCustomerRequest::default()
    };
    let status = house.onboarding().update_customer(asked_for(request)).await.unwrap_err();
    let expected = ["update_mask.paths[0]", "update_mask.paths[1]", "customer.name"];
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), expected);
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn every_refused_part_of_an_account_is_named() {
    let house = House::new().await;
    let odd = Account {
        balance: "1.".to_owned(),
        initial_deposit_amount: "much".to_owned(),
        open_date: date(2026, 0, 0),
        customer: format!("{OTHER}/customers/c-1"),
        bank_name: "\u{0}".to_owned(),
        ..account(&format!("{OTHER}/accounts/a-1"))
    };
    let request = CreateAccountRequest {
        parent: PLATFORM.to_owned(),
        account: Some(odd.clone()),
        ..CreateAccountRequest::default()
    };
    let status = house.onboarding().create_account(asked_for(request)).await.unwrap_err();
    let first = [
        "account.bank_name",
        "account.open_date",
        "account.initial_deposit_amount",
        "account.balance",
        "account.name",
    ];
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), first);
    let odd = Account { name: format!("{PLATFORM}/accounts/a-1"), ..odd };
    let request = UpdateAccountRequest { account: Some(odd), ..UpdateAccountRequest::default() };
    let status = house.onboarding().update_account(asked_for(request)).await.unwrap_err();
    let second = [first[0], first[1], first[2], first[3], "account.customer"];
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), second);
    let status =
        house.onboarding().update_account(asked_for(UpdateAccountRequest::default())).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["account"]);
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn what_the_vendor_cannot_take_is_not_sent() {
    let house = House::new().await;
    house.platform.memory().refuses =
        vec![Violation::new("customer.addresses[0].lines", "must be at most 2")];
    for change in Change::ALL {
        let status = made(&house, change, super::REQUEST_ID).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), ["customer.addresses[0].lines"], "{change:?}");
    }
    assert_eq!(house.platform.heard().len(), 0);
    house.platform.memory().refuses.clear();
    for change in Change::ALL {
        assert!(!made(&house, change, super::REQUEST_ID).await.unwrap().replayed, "{change:?}");
    }
}

#[tokio::test]
async fn connections_without_it_say_so() {
    let house = House::new().await;
    for change in Change::ALL {
        let status = change.make(&house, OTHER, "", "").await.unwrap_err();
        refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
        let status = change.make(&house, "connections/nobody", "", "").await.unwrap_err();
        refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    let request = GetCustomerRequest { name: format!("{OTHER}/customers/c-1"), client: None };
    let status = house.onboarding().get_customer(asked_for(request)).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
}

#[tokio::test]
async fn personal_data_is_shown_for_a_purpose() {
    let house = House::new().await;
    let mut door = house.onboarding();
    let statuses = [
        door.create_customer(CreateCustomerRequest::default()).await.unwrap_err(),
        door.get_customer(GetCustomerRequest::default()).await.unwrap_err(),
        door.update_customer(UpdateCustomerRequest::default()).await.unwrap_err(),
        door.create_account(CreateAccountRequest::default()).await.unwrap_err(),
        door.update_account(UpdateAccountRequest::default()).await.unwrap_err(),
        door.register_transaction(RegisterTransactionRequest::default()).await.unwrap_err(),
    ];
    for status in statuses {
        refused(&status, Code::InvalidArgument, "PURPOSE_REQUIRED");
    }
    let status = door.delete_customer(DeleteCustomerRequest::default()).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["name"]);
}

#[tokio::test]
async fn masks_name_every_field_of_the_contract() {
    let house = House::new().await;
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let paths = |message: &str| {
        let message = pool.get_message_by_name(&format!("idvgateway.onboarding.v1.{message}")).unwrap();
        let fields = message.fields().map(|field| field.name().to_owned());
        Some(FieldMask { paths: fields.filter(|field| field != "name").collect() })
    };
    let name = format!("{PLATFORM}/customers/c-1");
    let request = UpdateCustomerRequest {
        customer: Some(Customer { name, ..Customer::default() }),
        update_mask: paths("Customer"),
        ..UpdateCustomerRequest::default()
    };
    house.onboarding().update_customer(asked_for(request)).await.unwrap();
    let request = UpdateAccountRequest {
        account: Some(account(&format!("{PLATFORM}/accounts/a-1"))),
        update_mask: paths("Account"),
        ..UpdateAccountRequest::default()
    };
    house.onboarding().update_account(asked_for(request)).await.unwrap();
}
