//! Settings of one account at Preventor Open Services. What the vendor does not publish is a setting.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::name::ConnectionId;
use crate::settings::{Problems, SecretSource, Window};
use crate::vendor::Vendor;
use crate::vendor::account_settings::AccountSettings;
use crate::vendor::kit::account::{Environment, check_username};
use crate::vendor::kit::field_path::Paths;
use crate::vendor::kit::limit::LimitSettings;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::url::{Base, UrlError};
use crate::vendor::preventor_open::PreventorOpen;
pub use crate::vendor::preventor_open::field::{
    AddressFields, CustomerFields, DocumentFields, EmailFields, PhoneFields,
};

const COMPLIANCE: &str = "https://api.preventor.com";
const FRAMEWORK: &str = "https://api.preventor.id/v1";

/// Settings of one account at Preventor Open Services (`[connections.{name}.preventor_open]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreventorOpenSettings {
    /// For people; default: the connection's id.
    #[serde(default)]
    pub display_name: String,
    /// Which of the vendor's worlds.
    pub environment: Environment,
    /// Where the API key is kept.
    pub api_key: SecretSource,
    /// `x-tenant`.
    pub tenant: String,
    /// `x-env`.
    pub env: String,
    /// `x-banknu`.
    pub banknu: String,
    /// What is said of the end user's client where the caller says nothing.
    #[serde(default)]
    pub client: ClientSettings,
    /// How much is asked of the vendor at once, and how patiently.
    #[serde(default)]
    pub limits: LimitSettings,
    /// The compliance platform; without it the connection has no onboarding.
    #[serde(default)]
    pub onboarding: Option<OnboardingSettings>,
    /// The biometrics framework; without it the connection has no biometrics.
    #[serde(default)]
    pub biometrics: Option<BiometricsSettings>,
}

/// What is said of the end user's client where the caller says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// `user-agent`.
    pub user_agent: String,
    /// `x-lang`: BCP 47.
    pub language_code: String,
    /// `x-tzone`: a name of IANA.
    pub time_zone: String,
    /// `x-real-ip` and `x-ip`; without it they are not sent.
    pub ip_address: Option<IpAddr>,
}

/// The compliance platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnboardingSettings {
    /// Where it is. Needed but for `live`; for `sandbox` it may be http to this machine.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The pair in `Basic` of the login.
    pub basic: Basic,
    /// `grant_type`.
    #[serde(default = "password_grant")]
    pub grant_type: String,
    /// `scope`; empty: nothing is said.
    #[serde(default)]
    pub scope: String,
    /// `client_id`.
    pub client_id: String,
    /// `username`.
    pub username: String,
    /// Where `password` is kept.
    pub password: SecretSource,
    /// What the vendor's `id` of an account is.
    #[serde(default)]
    pub account_id: AccountId,
    /// Where things stand in the answer to the login.
    #[serde(default)]
    pub token: TokenFields,
    /// Where things stand in customers.
    #[serde(default)]
    pub customer: CustomerFields,
}

/// The pair in `Basic` of the login: the vendor says "user and password", and not which.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Basic {
    /// The API key, and this secret that belongs to it.
    Secret(SecretSource),
    /// The user and the password of the form.
    User,
    /// Another pair.
    Pair {
        /// Without a colon.
        username: String,
        /// Where it is kept.
        password: SecretSource,
    },
}

/// What the vendor's `id` of an account is: "identifier unique", and in its sample the customer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountId {
    /// The customer's, where the caller says whose the account is; else the account's own.
    #[default]
    Customer,
    /// The account's own. Whose it is cannot be told.
    Account,
}

/// Where things stand in the answer to the login. The vendor does not publish it; these are OAuth's names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenFields {
    /// The token.
    pub access_token: Paths,
    /// How many seconds it lives.
    pub expires_in: Paths,
}

/// The biometrics framework.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BiometricsSettings {
    /// Where it is, its version included. Needed but for `live`; for `sandbox` it may be http to this machine.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where the secret is kept that belongs to the API key.
    pub secret: SecretSource,
    /// How a picture is written.
    #[serde(default)]
    pub picture: PictureForm,
    /// The fewest pictures of the face in an upload: 0 to 2.
    #[serde(default = "one")]
    pub min_portraits: usize,
    /// The fewest pictures of the document in an upload: 0 to 2.
    #[serde(default = "one")]
    pub min_documents: usize,
}

/// How a picture is written: "base64 with mime type", and in the vendor's sample without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureForm {
    /// Base64 alone.
    #[default]
    Base64,
    /// A `data:` URI.
    DataUri,
}

fn password_grant() -> String {
    "password".to_owned()
}

fn one() -> usize {
    1
}

impl Default for ClientSettings {
    fn default() -> Self {
        let [user_agent, language_code, time_zone] = ["idv-gateway", "en", "UTC"].map(str::to_owned);
        Self { user_agent, language_code, time_zone, ip_address: None }
    }
}

impl Default for TokenFields {
    fn default() -> Self {
        Self { access_token: Paths::of(&["access_token"]), expires_in: Paths::of(&["expires_in"]) }
    }
}

impl AccountSettings for PreventorOpenSettings {
    fn section(&self) -> &'static str {
        "preventor_open"
    }

    fn check(&self, problems: &mut Problems) {
        for (key, value) in [("tenant", &self.tenant), ("env", &self.env), ("banknu", &self.banknu)] {
            check_text(problems, key, value, 1);
        }
        problems.within("client", |problems| self.client.check(problems));
        problems.within("limits", |problems| self.limits.check(problems));
        if self.onboarding.is_none() && self.biometrics.is_none() {
            problems.add("onboarding", "is needed, or biometrics: without both the connection does nothing");
        }
        if let Some(onboarding) = &self.onboarding {
            problems.within("onboarding", |problems| {
                self.check_base(problems, onboarding.base(self.environment), onboarding.base_url.as_deref());
                onboarding.check(problems);
            });
        }
        if let Some(biometrics) = &self.biometrics {
            problems.within("biometrics", |problems| {
                self.check_base(problems, biometrics.base(self.environment), biometrics.base_url.as_deref());
                problems.range("min_portraits", biometrics.min_portraits, 0..=2);
                problems.range("min_documents", biometrics.min_documents, 0..=2);
            });
        }
    }

    fn environment(&self) -> Environment {
        self.environment
    }

    fn limits(&self) -> LimitSettings {
        self.limits
    }

    fn webhook_windows(&self) -> Option<Vec<Window>> {
        None
    }

    fn connect(&self, connection: ConnectionId, clock: Clock, line: Line) -> Result<Arc<dyn Vendor>> {
        Ok(Arc::new(PreventorOpen::new(connection, self, clock, line)?))
    }
}

impl PreventorOpenSettings {
    fn check_base(&self, problems: &mut Problems, base: Result<Base, UrlError>, said: Option<&str>) {
        if self.environment != Environment::Live && said.is_none() {
            let expected = "is needed but for environment \"live\", for example http://127.0.0.1:8090";
            problems.add("base_url", expected);
        } else if let Err(error) = base {
            problems.add("base_url", error.to_string());
        }
    }
}

impl ClientSettings {
    fn check(&self, problems: &mut Problems) {
        for (key, value) in [
            ("user_agent", &self.user_agent),
            ("language_code", &self.language_code),
            ("time_zone", &self.time_zone),
        ] {
            check_text(problems, key, value, 1);
        }
    }
}

impl OnboardingSettings {
    /// Where it is.
    pub(super) fn base(&self, environment: Environment) -> Result<Base, UrlError> {
        Base::parse(self.base_url.as_deref().unwrap_or(COMPLIANCE), environment.plain())
    }

    fn check(&self, problems: &mut Problems) {
        if let Basic::Pair { username, .. } = &self.basic {
            problems.within("basic", |problems| {
                problems.within("pair", |problems| check_username(problems, username));
            });
        }
        if self.basic == Basic::User {
            check_username(problems, &self.username);
        }
        for (key, value, least) in [
            ("grant_type", &self.grant_type, 1),
            ("scope", &self.scope, 0),
            ("client_id", &self.client_id, 1),
            ("username", &self.username, 1),
        ] {
            check_text(problems, key, value, least);
        }
    }
}

impl BiometricsSettings {
    /// Where it is.
    pub(super) fn base(&self, environment: Environment) -> Result<Base, UrlError> {
        Base::parse(self.base_url.as_deref().unwrap_or(FRAMEWORK), environment.plain())
    }
}

fn check_text(problems: &mut Problems, key: &str, text: &str, least: usize) {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !visible || !(least..=255).contains(&text.len()) || text.trim() != text {
        problems.add(key, format!("must be {least} to 255 visible ASCII characters"));
    }
}
