//! Bodies that the connector sends.

use serde::Serialize;

/// `CreateOtpIdentificationRequest`.
#[derive(Serialize)]
pub(super) struct OtpBody<'a> {
    pub(super) actor: Actor<'a>,
    pub(super) expires_in: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) two_factor_type: Option<&'static str>,
    pub(super) channel: Channel,
}

/// How the code gets to the person.
#[derive(Serialize)]
pub(super) struct Channel {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// In quotes, as in the vendor's example of this request.
    pub(super) external: &'static str,
}

/// `CreateIdentityDocumentIdentificationRequest`: the person's members, or an actor.
#[derive(Serialize)]
pub(super) struct DocumentBody<'a> {
    #[serde(flatten)]
    pub(super) person: Option<Person<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) actor: Option<Actor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) configuration_name: Option<&'static str>,
    pub(super) expires_in: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scoring: Option<Scoring>,
}

/// Who scores.
#[derive(Serialize)]
pub(super) struct Scoring {
    pub(super) provider: &'static str,
}

/// What both generations say of a person.
#[derive(Serialize)]
pub(super) struct Person<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity_document: Option<IdentityDocument<'a>>,
}

/// A person, and how to reach them.
#[derive(Serialize)]
pub(super) struct Actor<'a> {
    #[serde(flatten)]
    pub(super) person: Person<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) msisdn: Option<Msisdn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
}

/// The document that a person has.
#[derive(Serialize)]
pub(super) struct IdentityDocument<'a> {
    pub(super) document_number: &'a str,
    pub(super) document_type: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) country: &'a str,
}

/// A phone number.
#[derive(Serialize)]
pub(super) struct Msisdn<'a> {
    /// A number without quotes.
    pub(super) phone_number: u64,
    /// The calling code.
    pub(super) country_code: &'a str,
}
