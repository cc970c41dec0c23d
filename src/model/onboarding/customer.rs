//! What a request says of a customer.

use crate::model::onboarding::{Action, REQUIRED, Sent};
use crate::model::validate::{Checks, MAX_TEXT};
use crate::proto::Date;
use crate::proto::onboarding::{
    Customer, CustomerAddress, CustomerDocument, CustomerEmail, CustomerPhone, ItemAction,
};

/// Fields that an update may name.
pub(super) const FIELDS: [&str; 13] = [
    "full_name",
    "given_name",
    "middle_name",
    "family_name",
    "status_code",
    "person_type_code",
    "is_customer",
    "reference",
    "addresses",
    "identity_documents",
    "tax_documents",
    "phones",
    "emails",
];

/// A customer whose fields were checked, but for the name. Items without an action get that of `change`.
pub(super) fn checked(checks: &mut Checks, said: Option<Customer>, change: Action) -> Option<Customer> {
    let Some(mut customer) = said else {
        checks.refuse("customer", REQUIRED);
        return None;
    };
    let texts = [
        ("full_name", &customer.full_name),
        ("given_name", &customer.given_name),
        ("middle_name", &customer.middle_name),
        ("family_name", &customer.family_name),
        ("status_code", &customer.status_code),
        ("person_type_code", &customer.person_type_code),
        ("reference", &customer.reference),
    ];
    for (part, text) in texts {
        checks.text(&format!("customer.{part}"), text, MAX_TEXT);
    }
    items(checks, "customer.addresses", &mut customer.addresses, change);
    items(checks, "customer.identity_documents", &mut customer.identity_documents, change);
    items(checks, "customer.tax_documents", &mut customer.tax_documents, change);
    items(checks, "customer.phones", &mut customer.phones, change);
    items(checks, "customer.emails", &mut customer.emails, change);
    Some(customer)
}

/// `customer` without what the vendor is not told of it.
pub(super) fn told(customer: Customer, sent: &Sent) -> Customer {
    Customer {
        name: customer.name,
        full_name: sent.keep("full_name", customer.full_name),
        given_name: sent.keep("given_name", customer.given_name),
        middle_name: sent.keep("middle_name", customer.middle_name),
        family_name: sent.keep("family_name", customer.family_name),
        status_code: sent.keep("status_code", customer.status_code),
        person_type_code: sent.keep("person_type_code", customer.person_type_code),
        is_customer: sent.keep("is_customer", customer.is_customer),
        reference: sent.keep("reference", customer.reference),
        addresses: sent.keep("addresses", customer.addresses),
        identity_documents: sent.keep("identity_documents", customer.identity_documents),
        tax_documents: sent.keep("tax_documents", customer.tax_documents),
        phones: sent.keep("phones", customer.phones),
        emails: sent.keep("emails", customer.emails),
    }
}

/// One item of a customer's lists.
trait Item {
    /// Checks every field but the action.
    fn check(&self, checks: &mut Checks, at: &str);

    /// What to do with it.
    fn action(&mut self) -> &mut i32;
}

fn items(checks: &mut Checks, field: &str, items: &mut [impl Item], change: Action) {
    checks.count(field, items.len());
    for (index, item) in items.iter_mut().enumerate() {
        let at = format!("{field}[{index}]");
        item.check(checks, &at);
        let action = item.action();
        match ItemAction::try_from(*action) {
            Ok(ItemAction::Unspecified) => *action = default_action(change).into(),
            Ok(ItemAction::Add | ItemAction::Update | ItemAction::Delete) => {}
            Err(_unknown) => checks.refuse(format!("{at}.action"), "must be ADD, UPDATE or DELETE"),
        }
    }
}

fn default_action(change: Action) -> ItemAction {
    match change {
        Action::Add => ItemAction::Add,
        Action::Update => ItemAction::Update,
        Action::Delete => ItemAction::Delete,
    }
}

/// Checks what all items have in the same way.
fn check(checks: &mut Checks, at: &str, numbers: &[(&str, i32)], texts: &[(&str, &str)], region_code: &str) {
    for (part, number) in numbers {
        if *number < 0 {
            checks.refuse(format!("{at}.{part}"), "must not be negative");
        }
    }
    for (part, text) in texts {
        checks.text(&format!("{at}.{part}"), text, MAX_TEXT);
    }
    checks.region(&format!("{at}.region_code"), region_code);
}

impl Item for CustomerAddress {
    fn check(&self, checks: &mut Checks, at: &str) {
        let numbers = [("id", self.id), ("type_code", self.type_code)];
        let texts = [
            ("city", self.city.as_str()),
            ("state", &self.state),
            ("postal_code", &self.postal_code),
            ("primary_code", &self.primary_code),
            ("transaction_id", &self.transaction_id),
        ];
        check(checks, at, &numbers, &texts, &self.region_code);
        checks.count(&format!("{at}.lines"), self.lines.len());
        for (index, line) in self.lines.iter().enumerate() {
            checks.text(&format!("{at}.lines[{index}]"), line, MAX_TEXT);
        }
    }

    fn action(&mut self) -> &mut i32 {
        &mut self.action
    }
}

impl Item for CustomerDocument {
    fn check(&self, checks: &mut Checks, at: &str) {
        let numbers = [("id", self.id), ("type_code", self.type_code)];
        let texts = [
            ("number", self.number.as_str()),
            ("primary_code", &self.primary_code),
            ("transaction_id", &self.transaction_id),
        ];
        check(checks, at, &numbers, &texts, &self.region_code);
        let mut check_date = |part: &str, date: Option<&Date>| {
            if let Some(date) = date {
                checks.date(&format!("{at}.{part}"), date);
            }
        };
        check_date("issue_date", self.issue_date.as_ref());
        check_date("expire_date", self.expire_date.as_ref());
    }

    fn action(&mut self) -> &mut i32 {
        &mut self.action
    }
}

impl Item for CustomerPhone {
    fn check(&self, checks: &mut Checks, at: &str) {
        let numbers = [("id", self.id), ("type_code", self.type_code)];
        let texts = [("number", self.number.as_str()), ("primary_code", &self.primary_code)];
        check(checks, at, &numbers, &texts, &self.region_code);
    }

    fn action(&mut self) -> &mut i32 {
        &mut self.action
    }
}

impl Item for CustomerEmail {
    fn check(&self, checks: &mut Checks, at: &str) {
        check(checks, at, &[("id", self.id)], &[("primary_code", &self.primary_code)], "");
        checks.email(&format!("{at}.address"), &self.address);
    }

    fn action(&mut self) -> &mut i32 {
        &mut self.action
    }
}
