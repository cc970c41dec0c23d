//! Bodies that the connector sends.

use serde::Serialize;

/// A registration.
#[derive(Serialize)]
pub(super) struct RegisterBody<'a> {
    pub(super) delivery_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<RegisterPhone<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'a str>,
    pub(super) deliver_invitation: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) broker: &'a str,
    pub(super) unique: &'a str,
    pub(super) flow: &'a str,
}

/// A phone number as a registration has it.
#[derive(Serialize)]
pub(super) struct RegisterPhone<'a> {
    pub(super) phone_number_prefix: String,
    pub(super) phone_number: &'a str,
}

/// An update: only what changes.
#[derive(Serialize)]
pub(super) struct UpdateBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<UpdatePhone<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) broker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flow: Option<&'a str>,
}

/// A phone number as an update has it.
#[derive(Serialize)]
pub(super) struct UpdatePhone<'a> {
    pub(super) phone_number: &'a str,
    pub(super) phone_country_code: &'a str,
}

/// A question whether somebody can be invited.
#[derive(Serialize)]
pub(super) struct CheckBody<'a> {
    pub(super) unique: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) email: &'a str,
    pub(super) delivery_method: &'static str,
    #[serde(rename = "type")]
    pub(super) process: &'a str,
}

/// A registration of webhooks.
#[derive(Serialize)]
pub(super) struct WebhookBody<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) events: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<&'a str>,
    pub(super) authorization: Authorization<'a>,
}

/// How the vendor shows who it is.
#[derive(Serialize)]
#[serde(tag = "type", content = "value", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Authorization<'a> {
    BasicAuth { username: &'a str, password: &'a str },
    BearerToken { token: &'a str },
    ApiKey { key: &'a str, value: &'a str },
}
