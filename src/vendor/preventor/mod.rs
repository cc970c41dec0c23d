//! Preventor ID with invitations. What it documents, what is assumed and what contradicts itself:
//! docs/vendors/preventor.md.

mod access;
mod api;
mod change;
pub mod config;
mod fault;
mod field;
mod identification;
mod image;
mod invitation;
mod recipient;
mod result;
mod ticket;
mod webhook;
mod webhook_list;
mod wire;
mod word;

use std::time::Duration;

use http::HeaderName;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::model::name::ConnectionId;
use crate::proto::Vendor as VendorKind;
use crate::settings::Problems;
use crate::vendor::account_settings::AccountSettings as _;
use crate::vendor::capability::{Activities, Cancellations, ClientTokens, Deletions, Updates};
use crate::vendor::invitation::Invitations;
use crate::vendor::kit::account::{display_name, silence_after};
use crate::vendor::kit::delivery::Door;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::places::Places;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::url::{Alphabet, Plain};
use crate::vendor::preventor::api::Api;
use crate::vendor::preventor::config::{
    ActivityFields, ImageSettings, InvitationFields, PreventorSettings, SendBy, WebhookFields,
};
use crate::vendor::preventor::ticket::Reader;
use crate::vendor::ticket::Tickets;
use crate::vendor::webhook_setting::WebhookSettings;
use crate::vendor::{Account, Artifacts, Identifications, Probe, Results, Vendor, Webhooks};

/// Ids of invitations: UUIDs in samples.
const INVITATION: Alphabet = Alphabet::letters_digits_and("-_", 128);
/// Ids of tickets: UUIDs in samples.
const TICKET: Alphabet = Alphabet::letters_digits_and("-_", 128);
/// A caller's own value for a recipient, which events show.
const UNIQUE: Alphabet = Alphabet::letters_digits_and("-_.", 255);
/// Where an encrypted webhook has its initialisation vector.
const IV: HeaderName = HeaderName::from_static("x-pvt-cipher-iv");

const DAY: Duration = Duration::from_hours(24);

/// One Preventor account.
#[derive(Debug)]
pub struct Preventor {
    account: Account,
    lifetime: Duration,
    plain: Plain,
    send_by: SendBy,
    allow_client_tokens: bool,
    polling: PollingSettings,
    invitation: InvitationFields,
    activity: ActivityFields,
    images: ImageSettings,
    downloads: Places,
    webhook_list: WebhookFields,
    reader: Reader,
    door: Door,
    api: Api,
}

impl Preventor {
    /// Builds the connection, reading its secrets. `Err` names the settings to mend.
    pub fn new(
        connection: ConnectionId,
        settings: &PreventorSettings,
        clock: Clock,
        line: Line,
    ) -> Result<Self> {
        let mut problems = Problems::default();
        settings.check(&mut problems);
        if let Some(problem) = problems.into_found().into_iter().next() {
            return Err(refused(&connection, &problem.path.join("."), &problem.message));
        }
        let in_settings = |key: &str, error: String| refused(&connection, key, &error);
        let base = settings.base().map_err(|error| in_settings("base_url", error.to_string()))?;
        let api_key = settings.api_key.read().map_err(|error| in_settings("api_key", error.to_string()))?;
        let secret = settings.secret.read().map_err(|error| in_settings("secret", error.to_string()))?;
        let shared = settings.webhook.secrets.iter().enumerate().map(|(index, entry)| {
            entry.read().map_err(|error| in_settings(&format!("webhook.secrets.{index}"), error.to_string()))
        });
        let shared = shared.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            door: Door::new(shared, settings.webhook.sources.clone(), Some(IV)),
            downloads: Places::new(clock.clone(), settings.images.max_downloads),
            api: Api::new(line, clock, base, settings, &api_key, &secret)?,
            reader: Reader::new(settings.ticket.clone().unwrap_or_default()),
            lifetime: DAY * settings.invitation_lifetime_days,
            plain: settings.environment.plain(),
            send_by: settings.send_by,
            allow_client_tokens: settings.allow_client_tokens,
            polling: settings.polling.clone(),
            invitation: settings.invitation.clone(),
            activity: settings.activity.clone(),
            images: settings.images.clone(),
            webhook_list: settings.webhook_list.clone(),
            account: Account {
                vendor: VendorKind::Preventor,
                display_name: display_name(&settings.display_name, &connection),
                environment: settings.environment.as_str().to_owned(),
                region: String::new(),
                min_evidence: settings.least_evidence().into(),
                silence_after: silence_after(settings.webhook.silence_after_hours),
                adopt_unknown: settings.adopt_unknown,
                connection,
            },
        })
    }
}

fn refused(connection: &ConnectionId, key: &str, message: &str) -> Error {
    let detail = format!("connections.{connection}.preventor.{key}: {message}");
    Error::new(Kind::ValidationFailed, "preventor.build", detail)
}

impl Vendor for Preventor {
    fn account(&self) -> &Account {
        &self.account
    }

    fn probe(&self) -> &dyn Probe {
        self
    }

    fn identifications(&self) -> Option<&dyn Identifications> {
        Some(self)
    }

    fn results(&self) -> Option<&dyn Results> {
        Some(self)
    }

    fn artifacts(&self) -> Option<&dyn Artifacts> {
        Some(self)
    }

    fn updates(&self) -> Option<&dyn Updates> {
        Some(self)
    }

    fn deletions(&self) -> Option<&dyn Deletions> {
        Some(self)
    }

    fn cancellations(&self) -> Option<&dyn Cancellations> {
        Some(self)
    }

    fn invitations(&self) -> Option<&dyn Invitations> {
        Some(self)
    }

    fn tickets(&self) -> Option<&dyn Tickets> {
        Some(self)
    }

    fn activities(&self) -> Option<&dyn Activities> {
        Some(self)
    }

    fn client_tokens(&self) -> Option<&dyn ClientTokens> {
        self.allow_client_tokens.then_some(self)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }

    fn webhook_settings(&self) -> Option<&dyn WebhookSettings> {
        Some(self)
    }
}
