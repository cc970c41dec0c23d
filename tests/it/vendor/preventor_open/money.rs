//! Accounts and transactions: amounts and rates go to the vendor as the caller wrote them.

use idv_gateway::error::Kind;
use idv_gateway::model::onboarding::{AccountChange, RegisterTransaction};
use idv_gateway::proto::Date;
use idv_gateway::proto::onboarding::{
    Account, CreateAccountRequest, DeleteAccountRequest, RegisterTransactionRequest, Transaction,
    UpdateAccountRequest,
};
use prost_types::{FieldMask, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ACCOUNT, CUSTOMER, House};
use crate::vendor::rig::json;

fn account() -> Account {
    Account {
        name: format!("connections/bank/accounts/{ACCOUNT}"),
        product_code: "10".to_owned(),
        account_number: "MADEUP0000000001".to_owned(),
        type_code: "AT_EUR".to_owned(),
        open_date: Some(Date { year: 2026, month: 3, day: 4 }),
        close_date: Some(Date { year: 2027, month: 12, day: 31 }),
        initial_deposit_amount: "20.00".to_owned(),
        initial_deposit_type: "DEP".to_owned(),
        display_name: "Everyday".to_owned(),
        status_code: "1".to_owned(),
        currency_code: "EUR".to_owned(),
        balance: "0.00".to_owned(),
        routing_number: "1000".to_owned(),
        bank_name: "Banco Inventado".to_owned(),
        customer: String::new(),
    }
}

fn owned() -> Account {
    Account { customer: format!("connections/bank/customers/{CUSTOMER}"), ..account() }
}

fn created(account: Account) -> AccountChange {
    let (parent, account) = ("connections/bank".to_owned(), Some(account));
    let request = CreateAccountRequest { parent, account, ..CreateAccountRequest::default() };
    AccountChange::of_create(request, |_request_id| Uuid::nil()).unwrap()
}

async fn sent(change: &AccountChange) -> (String, Value) {
    let house = House::new(|_seen| json(200, "")).await;
    assert_eq!(house.onboarding().check_account(change), []);
    let told = house.onboarding().change_account(change).await.unwrap();
    assert!(told.raw_json.is_empty());
    house.last()
}

fn whole(request_type: &str, id: &str) -> Value {
    json!({
        "request_type": request_type,
        "id": id,
        "product_code": "10",
        "account_number": "MADEUP0000000001",
        "account_type": "AT_EUR",
        "date_opened": "2026-03-04",
        "date_closed": "2027-12-31",
        "initial_deposit_amount": "20.00",
        "initial_deposit_type": "DEP",
        "account_name": "Everyday",
        "account_status": "1",
        "account_currency": "EUR",
        "account_balance": "0.00",
        "routing_number": "1000",
        "bank_name": "Banco Inventado",
    })
}

#[tokio::test]
async fn accounts_are_added_updated_and_deleted_at_one_address() {
    let (line, body) = sent(&created(account())).await;
    assert_eq!((line.as_str(), body), ("POST /onboarding/accountOnboarding", whole("A", ACCOUNT)));
    let request = DeleteAccountRequest { account: Some(account()), ..DeleteAccountRequest::default() };
    let (line, body) = sent(&AccountChange::of_delete(request).unwrap()).await;
    assert_eq!((line.as_str(), body), ("POST /onboarding/accountOnboarding", whole("D", ACCOUNT)));
    let paths = ["status_code", "close_date", "bank_name"].map(str::to_owned).to_vec();
    let request = UpdateAccountRequest {
        account: Some(Account { close_date: None, bank_name: String::new(), ..account() }),
        update_mask: Some(FieldMask { paths }),
        ..UpdateAccountRequest::default()
    };
    let (line, body) = sent(&AccountChange::of_update(request).unwrap()).await;
    assert_eq!(line, "POST /onboarding/accountOnboarding");
    let expected = json!({
        "request_type": "U", "id": ACCOUNT, "account_status": "1", "date_closed": "", "bank_name": "",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn the_id_of_an_account_is_its_customers_where_that_is_said_and_settings_allow() {
    assert_eq!(sent(&created(owned())).await.1, whole("A", CUSTOMER));
    let house = House::with("", "account_id = \"account\"", |_seen| json(200, "")).await;
    let refused = house.onboarding().check_account(&created(owned()));
    assert_eq!(refused.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), ["account.customer"]);
    house.onboarding().change_account(&created(account())).await.unwrap();
    assert_eq!(house.last().1["id"], ACCOUNT);
}

#[tokio::test]
async fn refusals_of_accounts_name_our_fields() {
    for (status, body, kind) in [
        (400, r#"{"message":{"fields":["account_balance","date_opened"]}}"#, Kind::VendorRejectedField),
        (404, "", Kind::ResourceNotFound),
        (409, "", Kind::ResourceExists),
    ] {
        let house = House::new(move |_seen| json(status, body)).await;
        let error = house.onboarding().change_account(&created(account())).await.err().unwrap();
        assert_eq!(error.kind, kind);
        if kind == Kind::VendorRejectedField {
            assert!(error.detail.ends_with("account.balance, account.open_date"), "{}", error.detail);
        }
    }
}

fn transaction(amount: &str) -> Transaction {
    let text = str::to_owned;
    Transaction {
        transaction_id: text("t-1"),
        routing_number: text("1000"),
        product_code: text("10"),
        account_number: text("MADEUP0000000001"),
        balance_after_posting: text(amount),
        balance_hold: text(amount),
        balance_available: text(amount),
        balance_aggregate: text(amount),
        post_time: Some(Timestamp { seconds: 1_773_489_600, nanos: 0 }),
        effective_time: Some(Timestamp { seconds: 1_773_489_600, nanos: 7_999_999 }),
        code: text("TT_1"),
        amount: text(amount),
        currency_code: text("EUR"),
        exchange_rate: text(amount),
        account_amount: text(amount),
        base_rate: text(amount),
        base_amount: text(amount),
        customer_transaction_id: text("c-1"),
        reference: text("ref"),
        hash: text("hash"),
        ach_id: text("ach"),
        description: text("For the rent, \"March\""),
        cash: text(amount),
        cash_back: text(amount),
        no_cash: text(amount),
    }
}

fn registered(transaction: Transaction) -> RegisterTransaction {
    let request = RegisterTransactionRequest {
        parent: "connections/bank".to_owned(),
        transaction: Some(transaction),
        ..RegisterTransactionRequest::default()
    };
    RegisterTransaction::parse(request, |_request_id| Uuid::nil()).unwrap()
}

#[tokio::test]
async fn amounts_and_rates_are_texts_and_the_same_to_the_last_digit() {
    let amounts = [
        "0.1",
        "0.000166885",
        "150803.247745453",
        "12345678901234567890123456789012345678",
        "0.1234567890123456789012345678901234567",
        "20.00",
        "-0.10",
        "007.500",
    ];
    let members = [
        "account_balance_after_posting",
        "account_balance_hold",
        "account_balance_available",
        "account_balance_aggregate",
        "trans_amount",
        "trans_exchange_rate",
        "account_trans_amount",
        "trans_base_rate",
        "trans_base_amount",
        "trans_cash",
        "trans_cash_back",
        "trans_no_cash",
    ];
    for amount in amounts {
        let house = House::new(|_seen| json(200, r#"{"balance":0.10}"#)).await;
        let told = house.onboarding().register_transaction(&registered(transaction(amount))).await.unwrap();
        assert_eq!(&told.raw_json[..], br#"{"balance":0.10}"#, "as it came");
        let seen = house.calls().pop().unwrap();
        for member in members {
            let bytes = format!("\"{member}\":\"{amount}\"");
            assert!(seen.body.contains(&bytes), "{bytes} in {}", seen.body);
        }
    }
}

#[tokio::test]
async fn a_transaction_tells_every_field_and_its_times_in_milliseconds() {
    let house = House::new(|_seen| json(200, "{}")).await;
    let command = registered(transaction("1.50"));
    assert_eq!(house.onboarding().check_transaction(&command), []);
    house.onboarding().register_transaction(&command).await.unwrap();
    let (line, body) = house.last();
    assert_eq!(line, "POST /onboarding/registerMonetaryTransaction");
    let expected = json!({
        "id": "t-1",
        "routing_number": "1000",
        "product_code": "10",
        "account_number": "MADEUP0000000001",
        "account_balance_after_posting": "1.50",
        "account_balance_hold": "1.50",
        "account_balance_available": "1.50",
        "account_balance_aggregate": "1.50",
        "trans_posting_date": "2026-03-14T12:00:00.000Z",
        "trans_effective_date": "2026-03-14T12:00:00.007Z",
        "trans_code": "TT_1",
        "trans_amount": "1.50",
        "trans_currency": "EUR",
        "trans_exchange_rate": "1.50",
        "account_trans_amount": "1.50",
        "trans_base_rate": "1.50",
        "trans_base_amount": "1.50",
        "customer_trans_id": "c-1",
        "trans_reference": "ref",
        "trans_hash": "hash",
        "trans_ach_id": "ach",
        "trans_description": "For the rent, \"March\"",
        "trans_cash": "1.50",
        "trans_cash_back": "1.50",
        "trans_no_cash": "1.50",
    });
    assert_eq!(body, expected);
}
