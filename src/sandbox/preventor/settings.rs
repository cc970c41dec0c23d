//! Webhooks as an account registers them.

use axum::http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::cipher;
use crate::clock::Clock;
use crate::sandbox::webhook::{basic, is_url};

/// What webhooks tell about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Tickets.
    #[serde(rename = "WH_001")]
    Tickets,
    /// Invitations.
    #[serde(rename = "WH_002")]
    Invitations,
}

/// A webhook, as `PUT /settings/webhooks` takes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// What it tells about. There is one of each.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// An absolute http or https URL.
    pub url: String,
    /// The events that are wanted; without any, all are.
    #[serde(default)]
    pub events: Vec<String>,
    /// 32 bytes to encrypt bodies with; without it they are plain.
    #[serde(default, deserialize_with = "maybe_secret")]
    pub secret: Option<SecretString>,
    /// What proves who sends it.
    pub authorization: Option<Authorization>,
}

/// What proves who sends a webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum Authorization {
    /// Basic credentials.
    BasicAuth {
        /// The user name.
        username: String,
        /// The password.
        #[serde(deserialize_with = "secret")]
        password: SecretString,
    },
    /// A bearer token.
    BearerToken {
        /// The token.
        #[serde(deserialize_with = "secret")]
        token: SecretString,
    },
    /// A header of the receiver's choice.
    ApiKey {
        /// The header's name.
        key: String,
        /// The header's value.
        #[serde(deserialize_with = "secret")]
        value: SecretString,
    },
}

/// The webhooks of the account, at most one of each kind.
#[derive(Default)]
pub(super) struct Settings(Vec<Registered>);

struct Registered {
    id: String,
    registration: Registration,
}

impl Registration {
    /// The member that cannot be, and what it has to be.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !is_url(&self.url) {
            return Err(("url", "an absolute http or https URL"));
        }
        if self.secret.as_ref().is_some_and(|secret| secret.expose_secret().len() != cipher::KEY) {
            return Err(("secret", "32 bytes of UTF-8"));
        }
        match self.authorization.as_ref().map(Authorization::header) {
            Some(None) => Err(("authorization.value", "what an HTTP header can carry")),
            None | Some(Some(_)) => Ok(()),
        }
    }

    /// Whether `event` is wanted; what has no event always is.
    pub(super) fn wants(&self, event: Option<&str>) -> bool {
        let listed = |event| self.events.iter().any(|wanted| wanted == event);
        self.events.is_empty() || event.is_none_or(listed)
    }
}

impl Authorization {
    /// The header that it is; `None` if HTTP has no such header.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let hidden = |text: &str| {
            let mut value = HeaderValue::try_from(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        match self {
            Self::BasicAuth { username, password } => {
                Some((HeaderName::from_static("authorization"), basic(username, password)))
            }
            Self::BearerToken { token } => {
                let value = hidden(&format!("Bearer {}", token.expose_secret()))?;
                Some((HeaderName::from_static("authorization"), value))
            }
            Self::ApiKey { key, value } => {
                Some((HeaderName::try_from(key).ok()?, hidden(value.expose_secret())?))
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::BasicAuth { .. } => "BASIC_AUTH",
            Self::BearerToken { .. } => "BEARER_TOKEN",
            Self::ApiKey { .. } => "API_KEY",
        }
    }
}

impl Settings {
    /// Registers or replaces the webhook of its kind, and shows it.
    pub(super) fn put(&mut self, clock: &Clock, registration: Registration) -> Value {
        let is_it = |known: &&mut Registered| known.registration.kind == registration.kind;
        if let Some(known) = self.0.iter_mut().find(is_it) {
            known.registration = registration;
            return known.view();
        }
        let registered = Registered { id: clock.uuid().to_string(), registration };
        let view = registered.view();
        self.0.push(registered);
        view
    }

    /// Takes the webhook `id` away, if it is there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|known| known.id != id);
        self.0.len() < before
    }

    /// The one that tells about `kind`.
    pub(super) fn of(&self, kind: Kind) -> Option<&Registration> {
        self.0.iter().map(|known| &known.registration).find(|registration| registration.kind == kind)
    }

    /// All of them, without their secrets.
    pub(super) fn view(&self) -> Vec<Value> {
        self.0.iter().map(Registered::view).collect()
    }
}

impl Registered {
    fn view(&self) -> Value {
        let Registration { kind, url, events, secret, authorization } = &self.registration;
        json!({
            "id": self.id,
            "type": kind,
            "url": url,
            "events": events,
            "encrypted": secret.is_some(),
            "authorization": authorization.as_ref().map(|known| json!({ "type": known.kind() })),
        })
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn maybe_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(SecretString::from))
}
