//! The vendor's requests, as faults tell them apart.

use axum::http::Method;
use serde::{Deserialize, Serialize};

use super::api::{
    ACCOUNT, CUSTOMER, ENROL, GET_CUSTOMER, MAINTENANCE, PROCESS, TOKEN, TRANSACTION, UPLOAD, USER,
};
use crate::sandbox::fault::Operation;

/// Which requests of Preventor's Open Services a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenCall {
    /// Logins of the compliance platform.
    Token,
    /// Creations of customers.
    Customer,
    /// Changes and deletions of customers.
    Maintenance,
    /// Questions for a customer.
    GetCustomer,
    /// Everything about accounts.
    Account,
    /// Monetary transactions.
    Transaction,
    /// Tokens of biometric processes.
    Process,
    /// Creations of biometric users.
    User,
    /// Pictures of biometric users.
    Upload,
    /// Enrolments.
    Enroll,
    /// All of these.
    #[default]
    Any,
}

impl Operation for OpenCall {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("token", Self::Token),
        ("customer", Self::Customer),
        ("maintenance", Self::Maintenance),
        ("get_customer", Self::GetCustomer),
        ("account", Self::Account),
        ("transaction", Self::Transaction),
        ("process", Self::Process),
        ("user", Self::User),
        ("upload", Self::Upload),
        ("enroll", Self::Enroll),
        ("any", Self::Any),
    ];
}

impl OpenCall {
    /// What `method` on `route` is.
    pub(super) fn of(method: &Method, route: &str) -> Self {
        match (method.as_str(), route) {
            ("POST", TOKEN) => Self::Token,
            ("POST", CUSTOMER) => Self::Customer,
            ("POST", MAINTENANCE) => Self::Maintenance,
            ("POST", GET_CUSTOMER) => Self::GetCustomer,
            ("POST", ACCOUNT) => Self::Account,
            ("POST", TRANSACTION) => Self::Transaction,
            ("POST", PROCESS) => Self::Process,
            ("POST", USER) => Self::User,
            ("POST", UPLOAD) => Self::Upload,
            ("GET", ENROL) => Self::Enroll,
            // Met by `any` alone.
            _ => Self::Any,
        }
    }
}
