//! Accounts as the compliance platform is told of them.

use crate::error::Violation;
use crate::model::onboarding::AccountChange;
use crate::proto::onboarding::Account;
use crate::vendor::kit::json::iso_date;
use crate::vendor::preventor_open::body::{Body, Texts, path};
use crate::vendor::preventor_open::config::AccountId;

const TEXTS: Texts<Account> = &[
    ("product_code", "product_code", |account| &account.product_code),
    ("account_number", "account_number", |account| &account.account_number),
    ("account_type", "type_code", |account| &account.type_code),
    ("initial_deposit_amount", "initial_deposit_amount", |account| &account.initial_deposit_amount),
    ("initial_deposit_type", "initial_deposit_type", |account| &account.initial_deposit_type),
    ("account_name", "display_name", |account| &account.display_name),
    ("account_status", "status_code", |account| &account.status_code),
    ("account_currency", "currency_code", |account| &account.currency_code),
    ("account_balance", "balance", |account| &account.balance),
    ("routing_number", "routing_number", |account| &account.routing_number),
    ("bank_name", "bank_name", |account| &account.bank_name),
];

/// The path in a request of what the vendor calls `name`.
pub(super) fn field(name: &str) -> Option<String> {
    let others = [("id", "name"), ("date_opened", "open_date"), ("date_closed", "close_date")];
    path("account", TEXTS, &others, name)
}

/// Which parts of `change` the vendor cannot take.
pub(super) fn check(change: &AccountChange, id: AccountId) -> Vec<Violation> {
    if id == AccountId::Customer || change.customer.is_none() {
        return Vec::new();
    }
    let expected = "must be empty: the vendor has one id for an account, and this connection's account_id says that it \
                    is the account's own";
    vec![Violation::new("account.customer", expected)]
}

/// What the vendor is told.
pub(super) fn body(change: &AccountChange, id: AccountId) -> Body {
    let AccountChange { action, name, customer, account, sent, .. } = change;
    let id = match (id, customer) {
        (AccountId::Customer, Some(customer)) => &customer.id,
        (AccountId::Customer | AccountId::Account, _) => &name.id,
    };
    let body = Body::of(*action, id).texts(TEXTS, account, |name, is_set| sent.includes(name, is_set));
    let dates = [
        ("date_opened", "open_date", &account.open_date),
        ("date_closed", "close_date", &account.close_date),
    ];
    dates.into_iter().fold(body, |body, (theirs, ours, date)| {
        let date = date.as_ref().map(iso_date);
        if sent.includes(ours, date.is_some()) { body.text(theirs, date.unwrap_or_default()) } else { body }
    })
}
