//! Commands about customers, accounts and transactions.

mod customer;

use std::collections::BTreeSet;

use prost_types::FieldMask;
use uuid::Uuid;

use crate::error::Result;
use crate::model::change::finish;
use crate::model::name::{AccountName, ConnectionId, CustomerName, is_resource_id};
use crate::model::validate::{Checks, MAX_TEXT};
use crate::proto::ClientContext;
use crate::proto::onboarding::{
    Account, CreateAccountRequest, CreateCustomerRequest, Customer, DeleteAccountRequest,
    DeleteCustomerRequest, GetCustomerRequest, RegisterTransactionRequest, Transaction, UpdateAccountRequest,
    UpdateCustomerRequest,
};

const CREATE_CUSTOMER: &str = "create_customer";
const UPDATE_CUSTOMER: &str = "update_customer";
const CREATE_ACCOUNT: &str = "create_account";
const UPDATE_ACCOUNT: &str = "update_account";
const DELETE_ACCOUNT: &str = "delete_account";
const REGISTER_TRANSACTION: &str = "register_transaction";
const REQUIRED: &str = "is required";
const MAX_DESCRIPTION: usize = 1000;
/// Fields of an account that an update may name.
const ACCOUNT_FIELDS: [&str; 14] = [
    "product_code",
    "account_number",
    "type_code",
    "open_date",
    "close_date",
    "initial_deposit_amount",
    "initial_deposit_type",
    "display_name",
    "status_code",
    "currency_code",
    "balance",
    "routing_number",
    "bank_name",
    "customer",
];

/// What becomes of a customer or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Add,
    /// It is there, and something of it changes.
    Update,
    /// It goes.
    Delete,
}

/// Which fields of a customer or an account the vendor is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Those that hold something.
    Set,
    /// These, named as in the contract, for example `full_name`; one that holds nothing is cleared.
    Named(BTreeSet<String>),
}

/// Create, update or delete a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerChange {
    /// What becomes of it.
    pub action: Action,
    /// Which. `name.id` is what the vendor is told to call it.
    pub name: CustomerName,
    /// What is told of it, and nothing else; `customer.name` is `name`. Every item of its lists has an action. Of a
    /// deletion only the name is set.
    pub customer: Customer,
    /// Which fields of `customer` are told.
    pub sent: Sent,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Create, update or delete an account.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountChange {
    /// What becomes of it.
    pub action: Action,
    /// Which. `name.id` is what the vendor is told to call it.
    pub name: AccountName,
    /// Whose it is, where the caller says so, also where `sent` does not name it; on the same connection.
    pub customer: Option<CustomerName>,
    /// What is told of it, and nothing else; `account.name` is `name`. Amounts are decimal numbers as the caller wrote them, or empty.
    pub account: Account,
    /// Which fields of `account` are told.
    pub sent: Sent,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Register a monetary transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterTransaction {
    /// Where.
    pub connection: ConnectionId,
    /// What is told of it, with an id. Amounts and rates are decimal numbers as the caller wrote them, or empty.
    pub transaction: Transaction,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Read a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct GetCustomer {
    /// Which.
    pub name: CustomerName,
    /// The end user's client; members that hold nothing were not given.
    pub client: ClientContext,
}

impl Sent {
    /// Whether the vendor is told `field`, named as in the contract; `is_set`: it holds something.
    pub fn includes(&self, field: &str, is_set: bool) -> bool {
        match self {
            Self::Set => is_set,
            Self::Named(fields) => fields.contains(field),
        }
    }

    /// `value` of `field`, unless the vendor is not told of it.
    fn keep<T: Default>(&self, field: &str, value: T) -> T {
        if self.includes(field, true) { value } else { T::default() }
    }

    fn parse(checks: &mut Checks, mask: Option<FieldMask>, known: &[&str]) -> Self {
        let paths = mask.unwrap_or_default().paths;
        checks.count("update_mask.paths", paths.len());
        match paths.as_slice() {
            [] => return Self::Set,
            [all] if all == "*" => return Self::Named(known.iter().copied().map(str::to_owned).collect()),
            _ => {}
        }
        for (index, path) in paths.iter().enumerate() {
            if !known.contains(&path.as_str()) {
                let expected = format!("must be one of: {}; \"*\" alone names all", known.join(", "));
                checks.refuse(format!("update_mask.paths[{index}]"), expected);
            }
        }
        Self::Named(paths.into_iter().collect())
    }
}

impl CustomerChange {
    /// Parses a request to create. `fresh` makes the id where the caller chooses none, from the `request_id`.
    pub fn of_create(
        request: CreateCustomerRequest,
        fresh: impl FnOnce(Option<Uuid>) -> Uuid,
    ) -> Result<Self> {
        let mut checks = Checks::default();
        let asked = Asked::parse(&mut checks, &request.request_id, request.client);
        let connection = parent(&mut checks, &request.parent);
        let id = request.customer_id;
        if !id.is_empty() && !is_resource_id(&id) {
            checks.refuse("customer_id", "must be 1 to 128 of A-Z, a-z, 0-9, -, ., _ and ~, or empty");
        }
        let id = if id.is_empty() { fresh(asked.request_id).to_string() } else { id };
        let name = connection.map(|connection| CustomerName { connection, id });
        let customer = customer::checked(&mut checks, request.customer, Action::Add);
        if let (Some(name), Some(customer)) = (&name, &customer)
            && !customer.name.is_empty()
            && customer.name != name.to_string()
        {
            checks.refuse("customer.name", "must be the name that is being made, or empty");
        }
        let change = name.zip(customer).map(|it| Self::new(Action::Add, it, Sent::Set, asked));
        finish(change, checks, CREATE_CUSTOMER)
    }

    /// Parses a request to update.
    pub fn of_update(request: UpdateCustomerRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let asked = Asked::parse(&mut checks, &request.request_id, request.client);
        let sent = Sent::parse(&mut checks, request.update_mask, &customer::FIELDS);
        let customer = customer::checked(&mut checks, request.customer, Action::Update);
        let name = customer.as_ref().and_then(|customer| checks.parse("customer.name", &customer.name));
        let change = name.zip(customer).map(|it| Self::new(Action::Update, it, sent, asked));
        finish(change, checks, UPDATE_CUSTOMER)
    }

    /// Parses a request to delete.
    pub fn of_delete(request: DeleteCustomerRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let asked = Asked::parse(&mut checks, &request.request_id, request.client);
        let name = checks.parse("name", &request.name);
        let change =
            name.map(|name| Self::new(Action::Delete, (name, Customer::default()), Sent::Set, asked));
        finish(change, checks, "delete_customer")
    }

    fn new(action: Action, (name, customer): (CustomerName, Customer), sent: Sent, asked: Asked) -> Self {
        let customer = customer::told(Customer { name: name.to_string(), ..customer }, &sent);
        Self { action, name, customer, sent, client: asked.client, request_id: asked.request_id }
    }
}

impl AccountChange {
    /// Parses a request to create. `fresh` makes the id where the account has no name, from the `request_id`.
    pub fn of_create(
        request: CreateAccountRequest,
        fresh: impl FnOnce(Option<Uuid>) -> Uuid,
    ) -> Result<Self> {
        let mut checks = Checks::default();
        let asked = Asked::parse(&mut checks, &request.request_id, request.client);
        let connection = parent(&mut checks, &request.parent);
        let account = account(&mut checks, request.account);
        let name = match &account {
            Some(account) if !account.name.is_empty() => {
                let name: Option<AccountName> = checks.parse("account.name", &account.name);
                if name.as_ref().zip(connection.as_ref()).is_some_and(|(name, own)| name.connection != *own) {
                    checks.refuse("account.name", "must be the name of an account of the parent, or empty");
                }
                name
            }
            _ => connection
                .map(|connection| AccountName { connection, id: fresh(asked.request_id).to_string() }),
        };
        Self::finish(checks, CREATE_ACCOUNT, Action::Add, name.zip(account), Sent::Set, asked)
    }

    /// Parses a request to update.
    pub fn of_update(request: UpdateAccountRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let asked = Asked::parse(&mut checks, &request.request_id, request.client);
        let sent = Sent::parse(&mut checks, request.update_mask, &ACCOUNT_FIELDS);
        let account = account(&mut checks, request.account);
        let name = account.as_ref().and_then(|account| checks.parse("account.name", &account.name));
        Self::finish(checks, UPDATE_ACCOUNT, Action::Update, name.zip(account), sent, asked)
    }

    /// Parses a request to delete.
    pub fn of_delete(request: DeleteAccountRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let asked = Asked::parse(&mut checks, &request.request_id, request.client);
        let account = account(&mut checks, request.account);
        let name = account.as_ref().and_then(|account| checks.parse("account.name", &account.name));
        Self::finish(checks, DELETE_ACCOUNT, Action::Delete, name.zip(account), Sent::Set, asked)
    }

    fn finish(
        mut checks: Checks,
        operation: &'static str,
        action: Action,
        parsed: Option<(AccountName, Account)>,
        sent: Sent,
        asked: Asked,
    ) -> Result<Self> {
        let Some((name, account)) = parsed else { return Err(checks.refused(operation)) };
        let customer: Option<CustomerName> = match account.customer.as_str() {
            "" => None,
            customer => checks.parse("account.customer", customer),
        };
        if customer.as_ref().is_some_and(|customer| customer.connection != name.connection) {
            checks.refuse("account.customer", "must be a customer of the account's own connection");
        }
        checks.finish(operation)?;
        let account = told_account(Account { name: name.to_string(), ..account }, &sent);
        let Asked { client, request_id } = asked;
        Ok(Self { action, name, customer, account, sent, client, request_id })
    }
}

impl RegisterTransaction {
    /// Parses a request. `fresh` makes the id where the caller gives none, from the `request_id`.
    pub fn parse(
        request: RegisterTransactionRequest,
        fresh: impl FnOnce(Option<Uuid>) -> Uuid,
    ) -> Result<Self> {
        let mut checks = Checks::default();
        let Asked { client, request_id } = Asked::parse(&mut checks, &request.request_id, request.client);
        let connection = parent(&mut checks, &request.parent);
        let Some(mut transaction) = request.transaction else {
            checks.refuse("transaction", REQUIRED);
            return Err(checks.refused(REGISTER_TRANSACTION));
        };
        check_transaction(&mut checks, &transaction);
        if transaction.transaction_id.is_empty() {
            transaction.transaction_id = fresh(request_id).to_string();
        }
        let command = connection.map(|connection| Self { connection, transaction, client, request_id });
        finish(command, checks, REGISTER_TRANSACTION)
    }
}

impl GetCustomer {
    /// Parses a request.
    pub fn parse(request: GetCustomerRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let client = request.client.unwrap_or_default();
        checks.client("client", &client);
        let name = checks.parse("name", &request.name);
        finish(name.map(|name| Self { name, client }), checks, "get_customer")
    }
}

/// What every change is asked with.
struct Asked {
    client: ClientContext,
    request_id: Option<Uuid>,
}

impl Asked {
    fn parse(checks: &mut Checks, request_id: &str, client: Option<ClientContext>) -> Self {
        let client = client.unwrap_or_default();
        checks.client("client", &client);
        Self { client, request_id: checks.optional_uuid("request_id", request_id) }
    }
}

fn parent(checks: &mut Checks, parent: &str) -> Option<ConnectionId> {
    ConnectionId::from_name(parent).map_err(|error| checks.refuse("parent", error.to_string())).ok()
}

/// An account whose fields were checked, but for its name and its customer.
fn account(checks: &mut Checks, said: Option<Account>) -> Option<Account> {
    let Some(account) = said else {
        checks.refuse("account", REQUIRED);
        return None;
    };
    let texts = [
        ("product_code", &account.product_code),
        ("account_number", &account.account_number),
        ("type_code", &account.type_code),
        ("initial_deposit_type", &account.initial_deposit_type),
        ("display_name", &account.display_name),
        ("status_code", &account.status_code),
        ("currency_code", &account.currency_code),
        ("routing_number", &account.routing_number),
        ("bank_name", &account.bank_name),
    ];
    for (part, text) in texts {
        checks.text(&format!("account.{part}"), text, MAX_TEXT);
    }
    for (part, date) in [("open_date", &account.open_date), ("close_date", &account.close_date)] {
        if let Some(date) = date {
            checks.date(&format!("account.{part}"), date);
        }
    }
    checks.decimal("account.initial_deposit_amount", &account.initial_deposit_amount);
    checks.decimal("account.balance", &account.balance);
    Some(account)
}

/// `account` without what the vendor is not told of it.
fn told_account(account: Account, sent: &Sent) -> Account {
    Account {
        name: account.name,
        product_code: sent.keep("product_code", account.product_code),
        account_number: sent.keep("account_number", account.account_number),
        type_code: sent.keep("type_code", account.type_code),
        open_date: sent.keep("open_date", account.open_date),
        close_date: sent.keep("close_date", account.close_date),
        initial_deposit_amount: sent.keep("initial_deposit_amount", account.initial_deposit_amount),
        initial_deposit_type: sent.keep("initial_deposit_type", account.initial_deposit_type),
        display_name: sent.keep("display_name", account.display_name),
        status_code: sent.keep("status_code", account.status_code),
        currency_code: sent.keep("currency_code", account.currency_code),
        balance: sent.keep("balance", account.balance),
        routing_number: sent.keep("routing_number", account.routing_number),
        bank_name: sent.keep("bank_name", account.bank_name),
        // Some vendors know the account by it.
        customer: account.customer,
    }
}

fn check_transaction(checks: &mut Checks, transaction: &Transaction) {
    let texts = [
        ("transaction_id", &transaction.transaction_id),
        ("routing_number", &transaction.routing_number),
        ("product_code", &transaction.product_code),
        ("account_number", &transaction.account_number),
        ("code", &transaction.code),
        ("currency_code", &transaction.currency_code),
        ("customer_transaction_id", &transaction.customer_transaction_id),
        ("reference", &transaction.reference),
        ("hash", &transaction.hash),
        ("ach_id", &transaction.ach_id),
    ];
    for (part, text) in texts {
        checks.text(&format!("transaction.{part}"), text, MAX_TEXT);
    }
    checks.text("transaction.description", &transaction.description, MAX_DESCRIPTION);
    let numbers = [
        ("balance_after_posting", &transaction.balance_after_posting),
        ("balance_hold", &transaction.balance_hold),
        ("balance_available", &transaction.balance_available),
        ("balance_aggregate", &transaction.balance_aggregate),
        ("amount", &transaction.amount),
        ("exchange_rate", &transaction.exchange_rate),
        ("account_amount", &transaction.account_amount),
        ("base_rate", &transaction.base_rate),
        ("base_amount", &transaction.base_amount),
        ("cash", &transaction.cash),
        ("cash_back", &transaction.cash_back),
        ("no_cash", &transaction.no_cash),
    ];
    for (part, number) in numbers {
        checks.decimal(&format!("transaction.{part}"), number);
    }
    checks.time("transaction.post_time", transaction.post_time);
    checks.time("transaction.effective_time", transaction.effective_time);
}
