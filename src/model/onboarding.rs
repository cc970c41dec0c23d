//! Commands about customers, accounts and transactions.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::model::name::{AccountName, ConnectionId, CustomerName};
use crate::proto::ClientContext;
use crate::proto::onboarding::{Account, Customer, Transaction};

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
    /// What is told of it; `customer.name` is `name`. Every item of its lists has an action. Of a deletion only the name is set.
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
    /// Whose it is, where the caller says so; on the same connection.
    pub customer: Option<CustomerName>,
    /// What is told of it; `account.name` is `name`. Amounts are decimal numbers as the caller wrote them, or empty.
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
}
