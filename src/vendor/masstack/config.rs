//! Settings of one organisation at MasStack. What the vendor does not publish is a setting.

use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::name::ConnectionId;
use crate::settings::{Problems, SecretSource, Window};
use crate::vendor::Vendor;
use crate::vendor::account_settings::AccountSettings;
use crate::vendor::kit::account::Environment;
use crate::vendor::kit::field_path::Paths;
use crate::vendor::kit::limit::LimitSettings;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::polling::{Pauses, PollingSettings};
use crate::vendor::kit::url::{Alphabet, Base, UrlError};
use crate::vendor::masstack::Masstack;
use crate::vendor::masstack::assertion::ServiceAccount;
use crate::vendor::masstack::endpoint::{CallSettings, EndpointSettings};
use crate::vendor::masstack::state::States;

const LIVE: &str = "https://documents.masstack.com/v1";
/// Names of organisations, which the vendor describes no further.
pub(super) const ORG: Alphabet = Alphabet::letters_digits_and("-_.", 128);

/// Settings of one organisation at MasStack (`[connections.{name}.masstack]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MasstackSettings {
    /// For people; default: the connection's id.
    #[serde(default)]
    pub display_name: String,
    /// Which of the vendor's worlds.
    pub environment: Environment,
    /// Where the API is, its version included. Needed but for `live`; for `sandbox` it may be http to this machine.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The organisation.
    pub org_id: String,
    /// What signs the gateway in.
    pub service_account: ServiceAccountSource,
    /// Where assertions are exchanged for tokens.
    pub token_url: String,
    /// Whom assertions are meant for; default: `token_url`.
    #[serde(default)]
    pub audience: Option<String>,
    /// What is asked for with an assertion; empty: nothing is said.
    #[serde(default)]
    pub scope: String,
    /// In which of the two published forms identifications with a document are made.
    #[serde(default)]
    pub generation: Generation,
    /// When processes are looked at: nothing else tells of them.
    #[serde(default)]
    pub polling: Looks,
    /// How much is asked of the vendor at once, and how patiently.
    #[serde(default)]
    pub limits: LimitSettings,
    /// Where the operations lie.
    #[serde(default)]
    pub endpoints: EndpointSettings,
    /// Operations whose verb and path the vendor does not publish; none until they are written here.
    #[serde(default)]
    pub calls: CallSettings,
    /// Where things stand in answers.
    #[serde(default)]
    pub fields: Fields,
    /// What the vendor's words for states mean. Written, it stands in place of all of the defaults.
    #[serde(default)]
    pub states: States,
}

/// Where the service account is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServiceAccountSource {
    /// The JSON that the vendor hands out, whole.
    Json(SecretSource),
    /// Its members.
    Members {
        /// The key as PEM, PKCS#1 or PKCS#8.
        private_key: SecretSource,
        /// What the vendor calls the key.
        private_key_id: String,
        /// Whose it is.
        client_email: String,
    },
}

/// The two published forms of `CreateIdentityDocumentIdentificationRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// The person's members stand in the request itself.
    #[default]
    Flat,
    /// The person is an `actor`, with mail address, phone and language.
    Actor,
}

/// When processes are looked at. The keys are those of every vendor's `polling`; the pauses are shorter, because no webhook
/// tells of anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Looks {
    /// Whether the vendor is asked at all.
    pub enabled: bool,
    /// Most looks a minute of the whole connection: 1 to 6000.
    pub max_per_minute: u32,
    /// While the vendor waits for the person, for the first time or again.
    pub awaiting_user: Pauses,
    /// While the person is at it.
    pub in_progress: Pauses,
    /// While the vendor checks or reviews.
    pub in_review: Pauses,
    /// Days after its last change on which a completed one is looked at.
    pub completed_after_days: Vec<u32>,
}

/// Where things stand in answers: the schemas are not published. Each is a list of paths, of which the first with
/// something is taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// What admin paths call a process.
    pub admin_identification_id: Paths,
    /// What all others call it.
    pub identification_id: Paths,
    /// The vendor's word for its state.
    pub state: Paths,
    /// The token.
    pub access_token: Paths,
    /// How many seconds the token lives.
    pub expires_in: Paths,
}

impl Default for Looks {
    fn default() -> Self {
        let pauses = |shortest_minutes, longest_minutes| Pauses { shortest_minutes, longest_minutes };
        Self {
            enabled: true,
            max_per_minute: 300,
            awaiting_user: pauses(1, 60),
            in_progress: pauses(1, 15),
            in_review: pauses(1, 60),
            completed_after_days: Vec::new(),
        }
    }
}

impl From<Looks> for PollingSettings {
    fn from(looks: Looks) -> Self {
        let Looks { enabled, max_per_minute, awaiting_user, in_progress, in_review, completed_after_days } =
            looks;
        Self { enabled, max_per_minute, awaiting_user, in_progress, in_review, completed_after_days }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            admin_identification_id: Paths::of(&["admin_identification_id", "adminIdentificationId"]),
            identification_id: Paths::of(&["identification_id", "identificationId"]),
            state: Paths::of(&["state", "status"]),
            access_token: Paths::of(&["access_token"]),
            expires_in: Paths::of(&["expires_in"]),
        }
    }
}

impl AccountSettings for MasstackSettings {
    fn section(&self) -> &'static str {
        "masstack"
    }

    fn check(&self, problems: &mut Problems) {
        if self.environment != Environment::Live && self.base_url.is_none() {
            let expected = "is needed but for environment \"live\", for example http://127.0.0.1:8090/v1";
            problems.add("base_url", expected);
        } else if let Err(error) = self.base() {
            problems.add("base_url", error.to_string());
        }
        match self.tokens() {
            Ok((tokens, _)) if tokens.prefix.is_empty() => {
                problems.add("token_url", "must have a path, for example https://host/oauth2/token");
            }
            Ok(_) => {}
            Err(error) => problems.add("token_url", error.to_string()),
        }
        if let Err(error) = ORG.segment(&self.org_id) {
            problems.add("org_id", error.to_string());
        }
        if let ServiceAccountSource::Members { private_key_id, client_email, .. } = &self.service_account {
            problems.within("service_account", |problems| {
                problems.within("members", |problems| {
                    for (key, value) in [("private_key_id", private_key_id), ("client_email", client_email)] {
                        check_text(problems, key, value, 1);
                    }
                });
            });
        }
        if let Some(audience) = &self.audience {
            check_text(problems, "audience", audience, 1);
        }
        check_text(problems, "scope", &self.scope, 0);
        problems.within("polling", |problems| PollingSettings::from(self.polling.clone()).check(problems));
        problems.within("limits", |problems| self.limits.check(problems));
        problems.within("endpoints", |problems| self.endpoints.check(problems));
        problems.within("calls", |problems| self.calls.check(problems));
        problems.within("states", |problems| self.states.check(problems));
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
        Ok(Arc::new(Masstack::new(connection, self, clock, line)?))
    }
}

impl MasstackSettings {
    /// Where the API is.
    pub(super) fn base(&self) -> Result<Base, UrlError> {
        Base::parse(self.base_url.as_deref().unwrap_or(LIVE), self.environment.plain())
    }

    /// Where assertions are exchanged, and whom they are meant for.
    pub(super) fn tokens(&self) -> Result<(Base, &str), UrlError> {
        let base = Base::parse(&self.token_url, self.environment.plain())?;
        Ok((base, self.audience.as_deref().unwrap_or(&self.token_url)))
    }
}

impl ServiceAccountSource {
    /// Reads it. `Err` says what is wrong, never what stands there.
    pub(super) fn read(&self) -> Result<ServiceAccount, String> {
        let read = |source: &SecretSource| source.read().map_err(|error| error.to_string());
        match self {
            Self::Json(source) => ServiceAccount::of_json(&read(source)?),
            Self::Members { private_key, private_key_id, client_email } => Ok(ServiceAccount {
                private_key: read(private_key)?,
                private_key_id: private_key_id.clone(),
                client_email: client_email.clone(),
            }),
        }
    }
}

impl ServiceAccount {
    /// The account in the vendor's JSON.
    fn of_json(text: &SecretString) -> Result<Self, String> {
        use secrecy::ExposeSecret as _;
        #[derive(Deserialize)]
        struct Json {
            private_key_id: String,
            private_key: String,
            client_email: String,
        }
        let json: Json = serde_json::from_str(text.expose_secret()).map_err(|_names_a_value| {
            "must be JSON with private_key_id, private_key and client_email".to_owned()
        })?;
        let Json { private_key_id, private_key, client_email } = json;
        Ok(Self { private_key: private_key.into(), private_key_id, client_email })
    }
}

fn check_text(problems: &mut Problems, key: &str, text: &str, least: usize) {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !visible || !(least..=1024).contains(&text.len()) {
        problems.add(key, format!("must be {least} to 1024 visible ASCII characters"));
    }
}
