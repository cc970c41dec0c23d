//! The person, as the vendor wants them.

use crate::error::Violation;
use crate::proto::{IdentityDocumentType as DocumentType, PhoneNumber, Subject};
use crate::vendor::kit::phone;
use crate::vendor::masstack::spanish::{is_nie, is_nif};
use crate::vendor::masstack::wire::{Actor, IdentityDocument, Msisdn, Person};

/// Which documents a request may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Documents {
    /// NIF, NIE and passport.
    Spanish,
    /// The same, each with its country.
    Listed,
    /// Identity cards too, each with its country.
    AnyCard,
}

/// Name and document of `subject`; what the vendor cannot take is added to `violations`.
pub(super) fn person<'a>(
    subject: &'a Subject,
    documents: Documents,
    violations: &mut Vec<Violation>,
) -> Person<'a> {
    Person {
        name: &subject.given_name,
        last_name: &subject.family_name,
        identity_document: document(subject, documents, violations),
    }
}

/// The whole of `subject` that the vendor has members for.
pub(super) fn actor<'a>(
    subject: &'a Subject,
    documents: Documents,
    violations: &mut Vec<Violation>,
) -> Actor<'a> {
    Actor {
        person: person(subject, documents, violations),
        email: &subject.email,
        msisdn: subject.phone.as_ref().and_then(|number| msisdn(number, violations)),
        language: language(&subject.language_code, violations),
    }
}

fn document<'a>(
    subject: &'a Subject,
    documents: Documents,
    violations: &mut Vec<Violation>,
) -> Option<IdentityDocument<'a>> {
    let number = subject.document_number.as_str();
    let mut refuse =
        |field: &str, expected: &str| violations.push(Violation::new(format!("subject.{field}"), expected));
    let document_type = match subject.document_type() {
        DocumentType::Unspecified if number.is_empty() => return None,
        _ if number.is_empty() => {
            refuse("document_number", "is required with document_type");
            return None;
        }
        DocumentType::Nif if !is_nif(number) => {
            refuse("document_number", "must be a NIF in capitals without separators, with its right letter");
            "NIF"
        }
        DocumentType::Nie if !is_nie(number) => {
            refuse("document_number", "must be a NIE in capitals without separators, with its right letter");
            "NIE"
        }
        DocumentType::Nif => "NIF",
        DocumentType::Nie => "NIE",
        DocumentType::Passport => "PASSPORT",
        DocumentType::IdCard if documents == Documents::AnyCard => "IDENTITY_CARD",
        _ if documents == Documents::AnyCard => {
            refuse("document_type", "must be NIF, NIE, PASSPORT or ID_CARD on this connection");
            return None;
        }
        _ => {
            refuse("document_type", "must be NIF, NIE or PASSPORT on this connection");
            return None;
        }
    };
    let country = if documents == Documents::Spanish { "" } else { subject.document_country.as_str() };
    Some(IdentityDocument { document_number: number, document_type, country })
}

fn msisdn<'a>(number: &'a PhoneNumber, violations: &mut Vec<Violation>) -> Option<Msisdn<'a>> {
    let mut refuse = |field: &str, expected: &str| {
        violations.push(Violation::new(format!("subject.phone.{field}"), expected));
    };
    let parts = match phone::split(number) {
        Ok(parts) => parts,
        Err((field, expected)) => {
            refuse(field, expected);
            return None;
        }
    };
    match parts.national.parse() {
        // A number in JSON has no leading zeros: another subscriber would be called.
        Ok(phone_number) if !parts.national.starts_with('0') => {
            Some(Msisdn { phone_number, country_code: parts.calling_code })
        }
        _ => {
            refuse("e164", "must not have a 0 after its calling code: the vendor takes it as a number");
            None
        }
    }
}

/// The vendor's form of a language, which is that of `ES`.
fn language(tag: &str, violations: &mut Vec<Violation>) -> Option<String> {
    let primary = tag.split('-').next().unwrap_or_default();
    match primary.len() {
        0 => None,
        2 => Some(primary.to_ascii_uppercase()),
        _ => {
            let expected = "must begin with a language of two letters on this connection, for example es";
            violations.push(Violation::new("subject.language_code", expected));
            None
        }
    }
}
