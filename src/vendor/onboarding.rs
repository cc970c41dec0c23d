//! Vendors that keep customers, accounts and transactions.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{Error, Violation};
use crate::model::onboarding::{AccountChange, CustomerChange, GetCustomer, RegisterTransaction};
use crate::proto::onboarding::Customer;

/// Customers, accounts and transactions at one vendor account. Nothing of them is kept, and nothing says that a change is
/// safe to repeat: where the vendor may have heard one and did not answer, the error is VENDOR_OUTCOME_UNKNOWN.
#[async_trait]
pub trait Onboarding: Send + Sync {
    /// Which parts of `change` this vendor cannot take; called before anything is recorded or sent.
    fn check_customer(&self, change: &CustomerChange) -> Vec<Violation>;
    /// Which parts of `change` this vendor cannot take; called before anything is recorded or sent.
    fn check_account(&self, change: &AccountChange) -> Vec<Violation>;
    /// Which parts of `command` this vendor cannot take; called before anything is recorded or sent.
    fn check_transaction(&self, command: &RegisterTransaction) -> Vec<Violation>;
    /// A customer. `None`: the vendor has none of that id.
    async fn customer(&self, get: &GetCustomer) -> Result<Option<FoundCustomer>, Error>;
    /// Tells the vendor of a customer. `Err` NOT_FOUND: it has none of that id.
    async fn change_customer(&self, change: &CustomerChange) -> Result<Told, Error>;
    /// Tells the vendor of an account. `Err` NOT_FOUND: it has none of that id.
    async fn change_account(&self, change: &AccountChange) -> Result<Told, Error>;
    /// Tells the vendor of a transaction.
    async fn register_transaction(&self, command: &RegisterTransaction) -> Result<Told, Error>;
}

/// A customer as the vendor shows it. Personal data: it has no debug form.
pub struct FoundCustomer {
    /// What was read of it. Its name is filled in by whoever asked.
    pub customer: Customer,
    /// The body as it came.
    pub raw_json: Bytes,
    /// Paths of fields that are not as the connector knows them, for the drift counter.
    pub drift: Vec<String>,
}

/// The vendor took it. Personal data: it has no debug form.
pub struct Told {
    /// The body as it came, where it is JSON; else empty.
    pub raw_json: Bytes,
}
