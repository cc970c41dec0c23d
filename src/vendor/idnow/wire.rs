//! IDnow's JSON. Unknown members are passed over, missing ones and nulls are `None`.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// Body of a login.
#[derive(Serialize)]
pub(super) struct LoginBody<'a> {
    #[serde(rename = "apiKey")]
    pub(super) api_key: &'a str,
}

/// Answer to a login.
#[derive(Deserialize)]
pub(super) struct LoginAnswer {
    #[serde(rename = "authToken")]
    pub(super) auth_token: Option<String>,
}

/// Body of a start: flat and in lower case, unlike the camel case of the document's tables. Nothing empty is sent.
#[derive(Default, Serialize)]
pub(super) struct StartBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) birthday: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) birthname: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) birthplace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) city: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) custom1: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) custom2: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) custom3: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) custom4: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) custom5: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) firstname: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) gender: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) lastname: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) mobilephone: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) nationality: &'a str,
    #[serde(rename = "preferredLang", skip_serializing_if = "str::is_empty")]
    pub(super) preferred_lang: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) street: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) streetnumber: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) zipcode: &'a str,
}

/// Answer to a start.
#[derive(Deserialize)]
pub(super) struct StartAnswer {
    pub(super) id: Option<String>,
}

/// Body of a copy.
#[derive(Serialize)]
pub(super) struct CopyBody<'a> {
    pub(super) target_companyid: &'a str,
    pub(super) target_transactionnumber: &'a str,
}

/// Answer to a question for a binding key.
#[derive(Deserialize)]
pub(super) struct BindingKeyAnswer {
    #[serde(rename = "bindingKey")]
    pub(super) binding_key: Option<String>,
}

/// An error body. The vendor also sends a message and free text in `key`; the message is not even read.
#[derive(Default, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) errors: Option<Vec<Fault>>,
}

/// One error.
#[derive(Default, Deserialize)]
pub(super) struct Fault {
    pub(super) cause: Option<String>,
    pub(super) id: Option<String>,
    pub(super) key: Option<String>,
}

/// A result or a list of results: the same statement comes bare (`identificationprocess`) or wrapped
/// (`identifications`), told apart by the members that are there.
#[derive(Deserialize)]
pub(super) struct ResultBody {
    pub(super) identifications: Option<Vec<Ident>>,
    pub(super) identificationprocess: Option<Process>,
}

/// The answer to a question for a list.
#[derive(Deserialize)]
pub(super) struct ListBody {
    pub(super) identifications: Option<Vec<Ident>>,
}

/// One result of a list. Everything about the person is passed over.
#[derive(Deserialize)]
pub(super) struct Ident {
    pub(super) identificationprocess: Option<Process>,
}

/// What happened.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub(super) result: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) companyid: Option<String>,
    /// RFC 3339 with offset; null for ABORTED.
    pub(super) identificationtime: Option<String>,
    pub(super) id: Option<String>,
    #[serde(rename = "type")]
    pub(super) channel: Option<String>,
    pub(super) transactionnumber: Option<String>,
    pub(super) poaresult: Option<String>,
    pub(super) identchanges: Option<Flag>,
    pub(super) reviewchanges: Option<Flag>,
}

/// A truth value, which IDnow writes as a bool or as text; `None` for a text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag(pub(super) Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false, as a bool or as text")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(Some(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Flag, E> {
        Ok(Flag(match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" | "" => Some(false),
            _ => None,
        }))
    }
}
