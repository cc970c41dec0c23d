//! Customers as the compliance platform shows them.

use serde_json::Value;

use crate::error::Result;
use crate::proto::Date;
use crate::proto::onboarding::{Customer, CustomerAddress, CustomerDocument, CustomerEmail, CustomerPhone};
use crate::vendor::kit::field_path::{Drift, Paths, Shown, lacks};
use crate::vendor::kit::http::Answer;
use crate::vendor::onboarding::FoundCustomer;
use crate::vendor::preventor_open::field::{
    AddressFields, CustomerFields, DocumentFields, EmailFields, PhoneFields,
};

impl CustomerFields {
    /// The customer in `answer`, which has to be the one that was `asked` for.
    pub(super) fn read(&self, answer: &Answer, asked: &str) -> Result<FoundCustomer> {
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        let customer = self.customer.find(&body).filter(|found| found.is_object());
        let customer = customer.ok_or_else(|| lacks(answer, "customer", &self.customer))?;
        let shown = Shown::new(customer, &drift);
        if self.id != Paths::default() {
            match shown.text("customer.id", &self.id).as_str() {
                "" => return Err(lacks(answer, "customer id", &self.id)),
                id if id != asked => return Err(answer.invalid("is about another customer")),
                _the_one_asked_for => {}
            }
        }
        let customer = self.customer(&shown);
        let drift = drift.into_names().into_iter().map(str::to_owned).collect();
        Ok(FoundCustomer { customer, raw_json: answer.body().clone(), drift })
    }

    fn customer(&self, shown: &Shown<'_>) -> Customer {
        let documents = |name, paths| {
            let listed = shown.list(name, paths);
            listed.iter().map(|document| self.document.read(document)).collect()
        };
        Customer {
            name: String::new(),
            full_name: shown.text("customer.full_name", &self.full_name),
            given_name: shown.text("customer.given_name", &self.given_name),
            middle_name: shown.text("customer.middle_name", &self.middle_name),
            family_name: shown.text("customer.family_name", &self.family_name),
            status_code: shown.text("customer.status_code", &self.status_code),
            person_type_code: shown.text("customer.person_type_code", &self.person_type_code),
            is_customer: flag(shown, "customer.is_customer", &self.is_customer),
            reference: shown.text("customer.reference", &self.reference),
            addresses: shown
                .list("customer.addresses", &self.addresses)
                .iter()
                .map(|address| self.address.read(address))
                .collect(),
            identity_documents: documents("customer.identity_documents", &self.identity_documents),
            tax_documents: documents("customer.tax_documents", &self.tax_documents),
            phones: shown
                .list("customer.phones", &self.phones)
                .iter()
                .map(|phone| self.phone.read(phone))
                .collect(),
            emails: shown
                .list("customer.emails", &self.emails)
                .iter()
                .map(|email| self.email.read(email))
                .collect(),
        }
    }
}

impl AddressFields {
    fn read(&self, shown: &Shown<'_>) -> CustomerAddress {
        let line = |paths| shown.text("customer.addresses.lines", paths);
        let mut lines = vec![line(&self.line1), line(&self.line2)];
        while lines.pop_if(|line| line.is_empty()).is_some() {}
        CustomerAddress {
            id: number(shown, "customer.addresses.id", &self.id),
            type_code: number(shown, "customer.addresses.type_code", &self.type_code),
            lines,
            city: shown.text("customer.addresses.city", &self.city),
            state: shown.text("customer.addresses.state", &self.state),
            postal_code: shown.text("customer.addresses.postal_code", &self.postal_code),
            region_code: shown.text("customer.addresses.region_code", &self.region_code),
            primary_code: shown.text("customer.addresses.primary_code", &self.primary_code),
            transaction_id: shown.text("customer.addresses.transaction_id", &self.transaction_id),
            ..CustomerAddress::default()
        }
    }
}

impl DocumentFields {
    fn read(&self, shown: &Shown<'_>) -> CustomerDocument {
        CustomerDocument {
            id: number(shown, "customer.documents.id", &self.id),
            type_code: number(shown, "customer.documents.type_code", &self.type_code),
            number: shown.text("customer.documents.number", &self.number),
            region_code: shown.text("customer.documents.region_code", &self.region_code),
            issue_date: date(shown, "customer.documents.issue_date", &self.issue_date),
            expire_date: date(shown, "customer.documents.expire_date", &self.expire_date),
            primary_code: shown.text("customer.documents.primary_code", &self.primary_code),
            transaction_id: shown.text("customer.documents.transaction_id", &self.transaction_id),
            ..CustomerDocument::default()
        }
    }
}

impl PhoneFields {
    fn read(&self, shown: &Shown<'_>) -> CustomerPhone {
        CustomerPhone {
            id: number(shown, "customer.phones.id", &self.id),
            type_code: number(shown, "customer.phones.type_code", &self.type_code),
            number: shown.text("customer.phones.number", &self.number),
            region_code: shown.text("customer.phones.region_code", &self.region_code),
            primary_code: shown.text("customer.phones.primary_code", &self.primary_code),
            ..CustomerPhone::default()
        }
    }
}

impl EmailFields {
    fn read(&self, shown: &Shown<'_>) -> CustomerEmail {
        CustomerEmail {
            id: number(shown, "customer.emails.id", &self.id),
            address: shown.text("customer.emails.address", &self.address),
            primary_code: shown.text("customer.emails.primary_code", &self.primary_code),
            ..CustomerEmail::default()
        }
    }
}

fn number(shown: &Shown<'_>, name: &'static str, paths: &Paths) -> i32 {
    let Some(number) = shown.whole(name, paths) else { return 0 };
    i32::try_from(number).unwrap_or_else(|_too_large| {
        shown.note(name);
        0
    })
}

fn flag(shown: &Shown<'_>, name: &'static str, paths: &Paths) -> bool {
    match paths.find(shown.body()) {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(value) => match value.as_str() {
            Some("Y" | "y") => true,
            Some("N" | "n") => false,
            _ => {
                shown.note(name);
                false
            }
        },
    }
}

/// A date, also one at the begin of a time.
fn date(shown: &Shown<'_>, name: &'static str, paths: &Paths) -> Option<Date> {
    let text = shown.text(name, paths);
    if text.is_empty() {
        return None;
    }
    let read = || {
        let day = text.split(['T', ' ']).next()?;
        let mut parts = day.splitn(3, '-').map(|part| part.parse::<i32>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let sound = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        sound.then_some(Date { year, month, day })
    };
    let date = read();
    if date.is_none() {
        shown.note(name);
    }
    date
}
