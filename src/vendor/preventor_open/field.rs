//! Where things stand in the compliance platform's customers, whose shape it does not publish. The defaults are the names
//! that it gives them in requests.

use serde::Deserialize;

use crate::vendor::kit::field_path::Paths;

/// A customer (`[connections.{name}.preventor_open.onboarding.customer]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerFields {
    /// The customer in the answer; everything below stands in it.
    pub customer: Paths,
    /// The id, which has to be the one that was asked for. None: the vendor does not repeat it.
    pub id: Paths,
    /// `full_name` of the contract; the same holds of the others.
    pub full_name: Paths,
    /// `given_name`.
    pub given_name: Paths,
    /// `middle_name`.
    pub middle_name: Paths,
    /// `family_name`.
    pub family_name: Paths,
    /// `status_code`.
    pub status_code: Paths,
    /// `person_type_code`.
    pub person_type_code: Paths,
    /// `is_customer`: Y or N, or a truth value.
    pub is_customer: Paths,
    /// `reference`.
    pub reference: Paths,
    /// `addresses`.
    pub addresses: Paths,
    /// In each of them.
    pub address: AddressFields,
    /// `identity_documents`.
    pub identity_documents: Paths,
    /// `tax_documents`.
    pub tax_documents: Paths,
    /// In each of both.
    pub document: DocumentFields,
    /// `phones`.
    pub phones: Paths,
    /// In each of them.
    pub phone: PhoneFields,
    /// `emails`.
    pub emails: Paths,
    /// In each of them.
    pub email: EmailFields,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddressFields {
    /// `id`.
    pub id: Paths,
    /// `type_code`.
    pub type_code: Paths,
    /// The first of `lines`.
    pub line1: Paths,
    /// The second.
    pub line2: Paths,
    /// `city`.
    pub city: Paths,
    /// `state`.
    pub state: Paths,
    /// `postal_code`.
    pub postal_code: Paths,
    /// `region_code`.
    pub region_code: Paths,
    /// `primary_code`.
    pub primary_code: Paths,
    /// `transaction_id`.
    pub transaction_id: Paths,
}

/// An identity or tax document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentFields {
    /// `id`.
    pub id: Paths,
    /// `type_code`.
    pub type_code: Paths,
    /// `number`.
    pub number: Paths,
    /// `region_code`.
    pub region_code: Paths,
    /// `issue_date`.
    pub issue_date: Paths,
    /// `expire_date`.
    pub expire_date: Paths,
    /// `primary_code`.
    pub primary_code: Paths,
    /// `transaction_id`.
    pub transaction_id: Paths,
}

/// A phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneFields {
    /// `id`.
    pub id: Paths,
    /// `type_code`.
    pub type_code: Paths,
    /// `number`.
    pub number: Paths,
    /// `region_code`.
    pub region_code: Paths,
    /// `primary_code`.
    pub primary_code: Paths,
}

/// A mail address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailFields {
    /// `id`.
    pub id: Paths,
    /// `address`.
    pub address: Paths,
    /// `primary_code`.
    pub primary_code: Paths,
}

impl Default for CustomerFields {
    fn default() -> Self {
        let named = |name| Paths::of(&[name]);
        Self {
            customer: Paths::of(&["customer", "data.customer", "data", "$"]),
            id: Paths::of(&["id", "cifCod", "cifcod"]),
            full_name: named("full_name"),
            given_name: named("first_name"),
            middle_name: named("middle_name"),
            family_name: named("last_name"),
            status_code: named("cif_status"),
            person_type_code: named("type_of_person"),
            is_customer: named("customer_flag"),
            reference: named("cust_api_ref_id"),
            addresses: named("addresses"),
            address: AddressFields::default(),
            identity_documents: named("iddocuments"),
            tax_documents: named("taxiddocuments"),
            document: DocumentFields::default(),
            phones: named("phones"),
            phone: PhoneFields::default(),
            emails: named("emails"),
            email: EmailFields::default(),
        }
    }
}

impl Default for AddressFields {
    fn default() -> Self {
        let named = |name| Paths::of(&[name]);
        Self {
            id: named("id"),
            type_code: named("address_type"),
            line1: named("address_line1"),
            line2: named("address_line2"),
            city: named("address_city"),
            state: named("address_state"),
            postal_code: named("address_zipcode"),
            region_code: named("address_country"),
            primary_code: named("address_primary_flag"),
            transaction_id: named("transaction_id"),
        }
    }
}

impl Default for DocumentFields {
    fn default() -> Self {
        let named = |name| Paths::of(&[name]);
        Self {
            id: named("id"),
            type_code: named("doc_type"),
            number: named("doc_number"),
            region_code: named("doc_issued_country"),
            issue_date: named("doc_issued_date"),
            expire_date: named("doc_expiration_date"),
            primary_code: named("doc_primary_flag"),
            transaction_id: named("transaction_id"),
        }
    }
}

impl Default for PhoneFields {
    fn default() -> Self {
        let named = |name| Paths::of(&[name]);
        Self {
            id: named("id"),
            type_code: named("phone_type"),
            number: named("phone_number"),
            region_code: named("phone_country_prefix"),
            primary_code: named("phone_primary_flag"),
        }
    }
}

impl Default for EmailFields {
    fn default() -> Self {
        let named = |name| Paths::of(&[name]);
        Self { id: named("id"), address: named("email"), primary_code: named("email_primary_flag") }
    }
}
