//! Settings of one IDnow account.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::name::ConnectionId;
use crate::settings::{Moment, Network, Problems, SecretSource, Window};
use crate::vendor::account_settings::AccountSettings;
use crate::vendor::idnow::CUSTOMER;
use crate::vendor::idnow::Idnow;
pub use crate::vendor::idnow::files::config::FileSettings;
use crate::vendor::idnow::link::Links;
use crate::vendor::idnow::result::KNOWN_RESULTS;
pub use crate::vendor::idnow::signing::config::{PersonNames, SigningSettings, TrustService};
pub use crate::vendor::kit::account::Environment;
use crate::vendor::kit::account::{
    SecretChecks, check_lifetime, check_senders, check_username, silence_after,
};
use crate::vendor::kit::limit::LimitSettings;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::printable;
use crate::vendor::kit::url::{Origin, Plain, UrlError};
use crate::vendor::{MinEvidence, Vendor};

/// Settings of one IDnow account (`[connections.{name}.idnow]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdnowSettings {
    /// For people; default: the connection's id.
    #[serde(default)]
    pub display_name: String,
    /// Which of the vendor's worlds.
    pub environment: Environment,
    /// Which of the vendor's data centres: `ch` only in Switzerland, `ae` only in the Emirates.
    #[serde(default)]
    pub region: Region,
    /// The account's shortname.
    pub customer: String,
    /// Where the API key is kept.
    pub api_key: SecretSource,
    /// Another API server, `https://host[:port]`. Needed for `sandbox`, where it may be http to this machine.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Other forms of the links for the person.
    #[serde(default)]
    pub links: LinkTemplates,
    /// Result words that mean "the person started". IDnow does not document them.
    #[serde(default = "start_results")]
    pub start_results: Vec<String>,
    /// On what evidence a decision is published.
    #[serde(default)]
    pub min_evidence: MinEvidence,
    /// What the gateway does with files.
    #[serde(default)]
    pub files: FileSettings,
    /// What people sign.
    #[serde(default)]
    pub signing: SigningSettings,
    /// How IDnow's webhooks prove themselves; without it the connection takes none.
    #[serde(default)]
    pub webhook: Option<IdnowWebhookSettings>,
    /// How long IDnow keeps an identification that nobody finishes, in days: 1 to 3650.
    #[serde(default = "identification_lifetime_days")]
    pub identification_lifetime_days: u32,
    /// When identifications are looked at although no webhook told of anything.
    #[serde(default)]
    pub polling: PollingSettings,
    /// How much is asked of IDnow at once, and how patiently.
    #[serde(default)]
    pub limits: LimitSettings,
    /// Whether identifications that IDnow speaks of and nobody here knows are taken over.
    #[serde(default)]
    pub adopt_unknown: bool,
    /// How IDnow's lists are read.
    #[serde(default)]
    pub lists: ListSettings,
}

/// How IDnow's lists are read (`ReconcileConnection`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListSettings {
    /// How long a list is left alone after it was read, in minutes: 1 to 1440.
    pub pause_minutes: u32,
    /// The largest list that is read, in bytes after decompression: 1048576 (1 MiB) to 1073741824 (1 GiB). A list is
    /// held in memory while it is applied.
    pub max_bytes: usize,
}

impl Default for ListSettings {
    fn default() -> Self {
        Self { pause_minutes: 5, max_bytes: 64 << 20 }
    }
}

impl ListSettings {
    /// How long a list is left alone after it was read.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_mins(1) * self.pause_minutes
    }
}

/// Which of IDnow's data centres a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// Germany, and all countries without one of their own.
    #[default]
    De,
    /// Switzerland.
    Ch,
    /// United Arab Emirates.
    Ae,
}

/// Forms of the links for the person. Places: `{host}`, `{customer}`, `{transactionnumber}`, `{identid}`.
///
/// One user of the Swiss production is known to need `/app/` before the customer in `embed`; the document does
/// not show it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkTemplates {
    /// For a browser or the app; default `https://{host}/{customer}/identifications/{transactionnumber}`.
    pub web: Option<String>,
    /// Short enough to type; default `https://{host}/{identid}`.
    pub web_short: Option<String>,
    /// For an iframe; default `https://{host}/{customer}/identifications/{identid}/identification/start`.
    pub embed: Option<String>,
}

/// How IDnow's webhooks prove themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdnowWebhookSettings {
    /// HTTP Basic credentials that are accepted; two while a password is being changed.
    pub basic: Vec<BasicSettings>,
    /// Where IDnow sends from; without it, from everywhere.
    #[serde(default)]
    pub sources: Option<Vec<Network>>,
    /// After how many hours without a webhook, in spite of something that should have brought one, the connection is
    /// DEGRADED: 1 to 8760. Without it, never.
    #[serde(default)]
    pub silence_after_hours: Option<u32>,
}

/// One accepted pair of user name and password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicSettings {
    /// Names the pair in metrics: which one the vendor uses.
    pub label: String,
    /// The user name, without a colon.
    pub username: String,
    /// Where the password is kept.
    pub password: SecretSource,
    /// From when on it is accepted; without it, from ever.
    #[serde(default)]
    pub not_before: Option<Moment>,
    /// Until when it is accepted; without it, for ever.
    #[serde(default)]
    pub not_after: Option<Moment>,
}

fn start_results() -> Vec<String> {
    ["START", "STARTED"].map(str::to_owned).to_vec()
}

fn identification_lifetime_days() -> u32 {
    90
}

impl AccountSettings for IdnowSettings {
    fn section(&self) -> &'static str {
        "idnow"
    }

    fn check(&self, problems: &mut Problems) {
        if let Err(error) = CUSTOMER.segment(&self.customer) {
            problems.add("customer", error.to_string());
        }
        self.check_base_url(problems);
        problems.within("links", |problems| Links::check(self, problems));
        for word in &self.start_results {
            if !printable(word) {
                problems.add("start_results", "must be words of 1 to 64 of A-Z, a-z, 0-9, _, . and -");
            } else if KNOWN_RESULTS.contains(&word.as_str()) {
                problems.add(
                    "start_results",
                    format!("must not hold {word}, which already means something else"),
                );
            }
        }
        check_lifetime(problems, "identification_lifetime_days", self.identification_lifetime_days);
        problems.within("files", |problems| self.files.check(problems));
        problems.within("polling", |problems| self.polling.check(problems));
        problems.within("limits", |problems| self.limits.check(problems));
        problems.within("lists", |problems| {
            problems.range("pause_minutes", self.lists.pause_minutes, 1..=24 * 60);
            problems.range("max_bytes", self.lists.max_bytes, 1 << 20..=1 << 30);
        });
        problems.within("signing", |problems| self.signing.check(problems));
        if let Some(webhook) = &self.webhook {
            problems.within("webhook", |problems| webhook.check(problems));
        }
    }

    fn environment(&self) -> Environment {
        self.environment
    }

    fn limits(&self) -> LimitSettings {
        self.limits
    }

    fn webhook_windows(&self) -> Option<Vec<Window>> {
        self.webhook.as_ref().map(|webhook| webhook.basic.iter().map(BasicSettings::window).collect())
    }

    fn connect(&self, connection: ConnectionId, clock: Clock, line: Line) -> Result<Arc<dyn Vendor>> {
        Ok(Arc::new(Idnow::new(connection, self, clock, line)?))
    }
}

impl IdnowSettings {
    fn check_base_url(&self, problems: &mut Problems) {
        if self.environment == Environment::Sandbox && self.base_url.is_none() {
            problems
                .add("base_url", "is needed for environment \"sandbox\", for example http://127.0.0.1:8090");
        } else if let Err(error) = self.api_origin() {
            problems.add("base_url", error.to_string());
        }
    }

    pub(super) fn silence_after(&self) -> Option<Duration> {
        silence_after(self.webhook.as_ref()?.silence_after_hours)
    }

    /// Where the API is.
    pub(super) fn api_origin(&self) -> Result<Origin, UrlError> {
        match &self.base_url {
            Some(url) => Origin::parse(url, self.environment.plain()),
            None => Origin::parse(&self.vendor_host("gateway"), Plain::Never),
        }
    }

    /// Where the person goes. A sandbox serves both from one place.
    pub(super) fn person_origin(&self) -> Result<Origin, UrlError> {
        match self.environment {
            Environment::Sandbox => self.api_origin(),
            Environment::Live | Environment::Test => Origin::parse(&self.vendor_host("go"), Plain::Never),
        }
    }

    fn vendor_host(&self, service: &str) -> String {
        let domain = match self.region {
            Region::De => "idnow.de",
            Region::Ch => "online-ident.ch",
            Region::Ae => "idnow.ae",
        };
        match self.environment {
            Environment::Live => format!("https://{service}.{domain}"),
            Environment::Test | Environment::Sandbox => format!("https://{service}.test.{domain}"),
        }
    }
}

impl BasicSettings {
    /// When it is accepted.
    pub fn window(&self) -> Window {
        Window::new(self.not_before, self.not_after)
    }
}

impl IdnowWebhookSettings {
    fn check(&self, problems: &mut Problems) {
        if self.basic.is_empty() {
            problems.add("basic", "must hold at least one pair; leave out the section to take no webhooks");
        }
        check_senders(problems, self.sources.as_deref(), self.silence_after_hours);
        let mut secrets = SecretChecks::default();
        problems.within("basic", |problems| {
            for (index, entry) in self.basic.iter().enumerate() {
                problems.within(&index.to_string(), |problems| {
                    secrets.check(problems, &entry.label, entry.window());
                    check_username(problems, &entry.username);
                });
            }
        });
    }
}

impl Region {
    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::De => "de",
            Self::Ch => "ch",
            Self::Ae => "ae",
        }
    }
}
