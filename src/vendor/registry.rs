//! Which vendors there are, and the settings of a connection to each.

use serde::Deserialize;

use crate::settings::{Problems, SecretSource};

/// `[connections.<name>.<vendor>]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionSettings {
    /// IDnow AutoIdent.
    Idnow(IdnowSettings),
}

/// `[connections.<name>.idnow]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdnowSettings {
    /// For people.
    #[serde(default)]
    pub display_name: String,
    /// `live`, `test` or `sandbox`.
    pub environment: String,
    /// `de`, `ch` or `ae`.
    pub region: String,
    /// The account's shortname.
    pub customer: String,
    /// What the gateway signs in with.
    pub api_key: SecretSource,
    /// Webhooks of this connection.
    pub webhook: WebhookSettings,
}

/// `[connections.<name>.idnow.webhook]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Credentials that are accepted.
    pub basic: Vec<BasicSettings>,
}

/// One user name and password the vendor may sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicSettings {
    /// Names the pair in metrics.
    pub label: String,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: SecretSource,
}

impl ConnectionSettings {
    /// `live`, `test` or `sandbox`.
    pub fn environment(&self) -> &str {
        match self {
            Self::Idnow(settings) => &settings.environment,
        }
    }

    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        match self {
            Self::Idnow(settings) => problems.within("idnow", |problems| {
                if settings.customer.is_empty() {
                    problems.add("customer", "must be the account's shortname");
                }
            }),
        }
    }
}
