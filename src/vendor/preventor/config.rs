//! Settings of one Preventor account.

use std::sync::Arc;

use serde::Deserialize;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::name::ConnectionId;
use crate::settings::{Network, Problems, SecretSource, Window};
use crate::vendor::account_settings::AccountSettings;
use crate::vendor::kit::account::{Environment, check_lifetime, check_senders};
use crate::vendor::kit::delivery::{SecretSettings, check_secrets};
use crate::vendor::kit::limit::LimitSettings;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::url::{Base, UrlError};
use crate::vendor::preventor::Preventor;
pub use crate::vendor::preventor::field::{
    ActivityFields, ConfidenceScale, ImageSettings, InvitationFields, MappedField, TicketFields,
    WebhookFields,
};
use crate::vendor::{MinEvidence, Vendor};

const LIVE: &str = "https://api-id.preventor.com/v1/identity";
const TEST: &str = "https://api-sandbox.preventor.com/id/v1/identity";

/// Settings of one Preventor account (`[connections.{name}.preventor]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreventorSettings {
    /// For people; default: the connection's id.
    #[serde(default)]
    pub display_name: String,
    /// Which of the vendor's worlds.
    pub environment: Environment,
    /// Where the API is, its prefix included. Needed for `sandbox`, where it may be http to this machine.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where the API key is kept.
    pub api_key: SecretSource,
    /// Where the secret that belongs to it is kept.
    pub secret: SecretSource,
    /// `x-tenant`.
    pub tenant: String,
    /// `x-env`.
    pub env: String,
    /// `x-banknu`.
    pub banknu: String,
    /// `user-agent` of every call.
    #[serde(default = "product")]
    pub user_agent: String,
    /// `x-interface` of the login.
    #[serde(default = "product")]
    pub interface: String,
    /// On what evidence a decision is published. Without it `fetched` where `ticket` is there, else `shared_secret`:
    /// the vendor does not publish where in a ticket its decision stands.
    #[serde(default)]
    pub min_evidence: Option<MinEvidence>,
    /// Whether what the vendor speaks of and nobody here knows is taken over.
    #[serde(default)]
    pub adopt_unknown: bool,
    /// Whether callers may have tokens for the vendor's SDK: whoever holds one may do what the connection may.
    #[serde(default)]
    pub allow_client_tokens: bool,
    /// How long an invitation can be followed, in days: 1 to 3650.
    #[serde(default = "invitation_lifetime_days")]
    pub invitation_lifetime_days: u32,
    /// What the vendor's URL for sending an invitation names it by.
    #[serde(default)]
    pub send_by: SendBy,
    /// When invitations are looked at although no webhook told of anything.
    #[serde(default)]
    pub polling: PollingSettings,
    /// How much is asked of the vendor at once, and how patiently.
    #[serde(default)]
    pub limits: LimitSettings,
    /// How the vendor's webhooks prove themselves, beside those that the gateway registered itself.
    #[serde(default)]
    pub webhook: PreventorWebhookSettings,
    /// Where things stand in answers about invitations.
    #[serde(default)]
    pub invitation: InvitationFields,
    /// Where things stand in tickets. Written where an operator has compared it with a ticket of the account.
    #[serde(default)]
    pub ticket: Option<TicketFields>,
    /// Where things stand in the log of an invitation.
    #[serde(default)]
    pub activity: ActivityFields,
    /// Images of tickets.
    #[serde(default)]
    pub images: ImageSettings,
    /// Where things stand in the list of webhooks.
    #[serde(default)]
    pub webhook_list: WebhookFields,
}

/// What an invitation is named by when it is sent: the vendor's documents say both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendBy {
    /// The vendor's id of the invitation.
    #[default]
    Id,
    /// The mail address or phone number.
    Recipient,
}

/// How the vendor's webhooks prove themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreventorWebhookSettings {
    /// What is accepted beside what the gateway made itself; several while one is being changed.
    pub secrets: Vec<SecretSettings>,
    /// Where they come from; without it, from everywhere.
    pub sources: Option<Vec<Network>>,
    /// After how many hours without a webhook, in spite of something that should have brought one, the connection is
    /// DEGRADED: 1 to 8760. Without it, never.
    pub silence_after_hours: Option<u32>,
}

fn product() -> String {
    "idv-gateway".to_owned()
}

fn invitation_lifetime_days() -> u32 {
    30
}

impl AccountSettings for PreventorSettings {
    fn section(&self) -> &'static str {
        "preventor"
    }

    fn check(&self, problems: &mut Problems) {
        if self.environment == Environment::Sandbox && self.base_url.is_none() {
            let expected = "is needed for environment \"sandbox\", for example \
                            http://127.0.0.1:8090/id/v1/identity";
            problems.add("base_url", expected);
        } else if let Err(error) = self.base() {
            problems.add("base_url", error.to_string());
        }
        for (key, value) in [
            ("tenant", &self.tenant),
            ("env", &self.env),
            ("banknu", &self.banknu),
            ("user_agent", &self.user_agent),
            ("interface", &self.interface),
        ] {
            let visible = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            if !visible || !(1..=255).contains(&value.len()) || value.trim() != value {
                problems.add(key, "must be 1 to 255 visible ASCII characters");
            }
        }
        check_lifetime(problems, "invitation_lifetime_days", self.invitation_lifetime_days);
        problems.within("polling", |problems| self.polling.check(problems));
        problems.within("limits", |problems| self.limits.check(problems));
        problems.within("webhook", |problems| self.webhook.check(problems));
        if let Some(ticket) = &self.ticket {
            problems.within("ticket", |problems| ticket.check(problems));
        }
        problems.within("images", |problems| self.images.check(problems));
    }

    fn environment(&self) -> Environment {
        self.environment
    }

    fn limits(&self) -> LimitSettings {
        self.limits
    }

    fn webhook_windows(&self) -> Option<Vec<Window>> {
        let secrets = &self.webhook.secrets;
        (!secrets.is_empty()).then(|| secrets.iter().map(SecretSettings::window).collect())
    }

    fn connect(&self, connection: ConnectionId, clock: Clock, line: Line) -> Result<Arc<dyn Vendor>> {
        Ok(Arc::new(Preventor::new(connection, self, clock, line)?))
    }
}

impl PreventorSettings {
    /// Where the API is.
    pub(super) fn base(&self) -> Result<Base, UrlError> {
        let vendors = if self.environment == Environment::Live { LIVE } else { TEST };
        Base::parse(self.base_url.as_deref().unwrap_or(vendors), self.environment.plain())
    }

    /// On what evidence a decision is published.
    pub fn least_evidence(&self) -> MinEvidence {
        let known = if self.ticket.is_some() { MinEvidence::Fetched } else { MinEvidence::SharedSecret };
        self.min_evidence.unwrap_or(known)
    }
}

impl PreventorWebhookSettings {
    fn check(&self, problems: &mut Problems) {
        check_senders(problems, self.sources.as_deref(), self.silence_after_hours);
        problems.within("secrets", |problems| check_secrets(&self.secrets, problems));
    }
}
