//! Customers as the compliance platform is told of them.

use crate::error::Violation;
use crate::model::onboarding::{Action, CustomerChange};
use crate::proto::Date;
use crate::proto::onboarding::{Customer, CustomerAddress, CustomerDocument, CustomerEmail, CustomerPhone};
use crate::vendor::kit::json::iso_date;
use crate::vendor::preventor_open::body::{Body, Texts, path};

/// Lines of an address that the vendor has.
const LINES: [&str; 2] = ["address_line1", "address_line2"];

const TEXTS: Texts<Customer> = &[
    ("cif_status", "status_code", |customer| &customer.status_code),
    ("type_of_person", "person_type_code", |customer| &customer.person_type_code),
    ("full_name", "full_name", |customer| &customer.full_name),
    ("first_name", "given_name", |customer| &customer.given_name),
    ("middle_name", "middle_name", |customer| &customer.middle_name),
    ("last_name", "family_name", |customer| &customer.family_name),
    ("cust_api_ref_id", "reference", |customer| &customer.reference),
];

/// The vendor's names of what is no text, and ours.
const OTHERS: &[(&str, &str)] = &[
    ("id", "name"),
    ("customer_flag", "is_customer"),
    ("addresses", "addresses"),
    ("address_type", "addresses.type_code"),
    ("address_line1", "addresses.lines"),
    ("address_line2", "addresses.lines"),
    ("address_state", "addresses.state"),
    ("address_city", "addresses.city"),
    ("address_zipcode", "addresses.postal_code"),
    ("address_country", "addresses.region_code"),
    ("address_primary_flag", "addresses.primary_code"),
    ("iddocuments", "identity_documents"),
    ("taxiddocuments", "tax_documents"),
    ("phones", "phones"),
    ("phone_number", "phones.number"),
    ("phone_country_prefix", "phones.region_code"),
    ("phone_primary_flag", "phones.primary_code"),
    ("phone_type", "phones.type_code"),
    ("emails", "emails"),
    ("email", "emails.address"),
    ("email_primary_flag", "emails.primary_code"),
];

/// The path in a request of what the vendor calls `name`. What identity and tax documents share is in neither.
pub(super) fn field(name: &str) -> Option<String> {
    path("customer", TEXTS, OTHERS, name)
}

/// Which parts of `customer` the vendor cannot take.
pub(super) fn check(customer: &Customer) -> Vec<Violation> {
    let long = |(index, address): (usize, &CustomerAddress)| {
        let field = format!("customer.addresses[{index}].lines");
        let expected = || format!("must be at most {}", LINES.len());
        (address.lines.len() > LINES.len()).then(|| Violation::new(field, expected()))
    };
    customer.addresses.iter().enumerate().filter_map(long).collect()
}

/// What the vendor is told.
pub(super) fn body(change: &CustomerChange) -> Body {
    let CustomerChange { action, name, customer, sent, .. } = change;
    let wants = |name: &str, is_set| sent.includes(name, is_set);
    let mut body = Body::of(*action, &name.id).texts(TEXTS, customer, wants);
    // Of who is new it is said either way: the vendor's sample does.
    if *action == Action::Add || wants("is_customer", customer.is_customer) {
        body = body.text("customer_flag", if customer.is_customer { "Y" } else { "N" });
    }
    if wants("addresses", !customer.addresses.is_empty()) {
        body = body.list("addresses", customer.addresses.iter().map(address));
    }
    if wants("identity_documents", !customer.identity_documents.is_empty()) {
        body = body.list("iddocuments", customer.identity_documents.iter().map(document));
    }
    if wants("tax_documents", !customer.tax_documents.is_empty()) {
        body = body.list("taxiddocuments", customer.tax_documents.iter().map(document));
    }
    if wants("phones", !customer.phones.is_empty()) {
        body = body.list("phones", customer.phones.iter().map(phone));
    }
    if wants("emails", !customer.emails.is_empty()) {
        body = body.list("emails", customer.emails.iter().map(email));
    }
    body
}

fn address(address: &CustomerAddress) -> Body {
    let body = Body::item(address.action(), address.id).number("address_type", address.type_code);
    let body = LINES.iter().zip(&address.lines).fold(body, |body, (name, line)| body.text(name, line));
    body.some("address_state", &address.state)
        .some("address_city", &address.city)
        .some("address_zipcode", &address.postal_code)
        .some("address_country", &address.region_code)
        .some("transaction_id", &address.transaction_id)
        .some("address_primary_flag", &address.primary_code)
}

fn document(document: &CustomerDocument) -> Body {
    let date = |date: &Option<Date>| date.as_ref().map(iso_date).unwrap_or_default();
    Body::item(document.action(), document.id)
        .number("doc_type", document.type_code)
        .some("doc_number", &document.number)
        .some("doc_issued_country", &document.region_code)
        .some("doc_issued_date", &date(&document.issue_date))
        .some("doc_expiration_date", &date(&document.expire_date))
        .some("doc_primary_flag", &document.primary_code)
        .some("transaction_id", &document.transaction_id)
}

fn phone(phone: &CustomerPhone) -> Body {
    Body::item(phone.action(), phone.id)
        .some("phone_number", &phone.number)
        .some("phone_country_prefix", &phone.region_code)
        .some("phone_primary_flag", &phone.primary_code)
        .number("phone_type", phone.type_code)
}

fn email(email: &CustomerEmail) -> Body {
    Body::item(email.action(), email.id)
        .some("email", &email.address)
        .some("email_primary_flag", &email.primary_code)
}
