//! IDnow AutoIdent. What it documents, what is assumed and what contradicts itself: docs/vendors/idnow.md.

mod api;
pub mod config;
mod copy;
mod fault;
mod files;
mod findings;
mod identification;
mod keeping;
mod link;
mod list;
mod probe;
pub mod reason;
mod result;
mod signing;
mod update;
mod webhook;
mod wire;

use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::model::name::ConnectionId;
use crate::proto::Vendor as VendorKind;
use crate::settings::Problems;
use crate::vendor::account_settings::AccountSettings as _;
use crate::vendor::capability::{Archives, BindingKeys, Copies, Deletions, Updates};
use crate::vendor::idnow::api::Api;
use crate::vendor::idnow::config::{BasicSettings, IdnowSettings, IdnowWebhookSettings, ListSettings};
use crate::vendor::idnow::files::Files;
use crate::vendor::idnow::link::Links;
use crate::vendor::idnow::result::Reader;
use crate::vendor::idnow::signing::SigningRoom;
use crate::vendor::kit::account::display_name;
use crate::vendor::kit::delivery::{Door, Proof, SharedSecret};
use crate::vendor::kit::line::Line;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::url::Alphabet;
use crate::vendor::{Account, Artifacts, Identifications, Lists, Probe, Results, Signing, Vendor, Webhooks};

/// The document names letters, `_` and `-` in four places and digits too in a fifth; all samples have digits.
const TRANSACTION_NUMBER: Alphabet = Alphabet::letters_digits_and("-_", 255);
/// Documented as `ABC-DEFGH`, with digits in samples; wider here, so that a new form does not stop the gateway.
const IDENT_ID: Alphabet = Alphabet::letters_digits_and("-_", 64);
/// The account's shortname.
const CUSTOMER: Alphabet = Alphabet::letters_digits_and("-_", 64);

const DAY: Duration = Duration::from_hours(24);

/// One IDnow account.
#[derive(Debug)]
pub struct Idnow {
    account: Account,
    lifetime: Duration,
    polling: PollingSettings,
    lists: ListSettings,
    api: Api,
    links: Links,
    reader: Reader,
    files: Files,
    signing: SigningRoom,
    door: Option<Door>,
}

impl Idnow {
    /// Builds the connection, reading its secrets. `Err` names the settings to mend.
    pub fn new(connection: ConnectionId, settings: &IdnowSettings, clock: Clock, line: Line) -> Result<Self> {
        let mut problems = Problems::default();
        settings.check(&mut problems);
        if let Some(problem) = problems.into_found().into_iter().next() {
            return Err(refused(&connection, &problem.path.join("."), &problem.message));
        }
        let in_settings = |key: &str, error: String| refused(&connection, key, &error);
        let origin = settings.api_origin().map_err(|error| in_settings("base_url", error.to_string()))?;
        let customer = CUSTOMER
            .segment(&settings.customer)
            .map_err(|error| in_settings("customer", error.to_string()))?;
        let api_key = settings.api_key.read().map_err(|error| in_settings("api_key", error.to_string()))?;
        Ok(Self {
            links: Links::new(settings).map_err(|error| in_settings("links", error.to_string()))?,
            reader: Reader::new(&settings.customer, &settings.start_results),
            door: settings.webhook.as_ref().map(|webhook| door(&connection, webhook)).transpose()?,
            files: Files::new(&settings.files, clock.clone())
                .map_err(|error| in_settings("files.xml_signing_keys", error.to_string()))?,
            signing: SigningRoom::new(&settings.signing, &settings.files, clock.clone())?,
            lifetime: DAY * settings.identification_lifetime_days,
            polling: settings.polling.clone(),
            lists: settings.lists,
            api: Api::new(line, clock, origin, customer, api_key)?,
            account: Account {
                vendor: VendorKind::IdnowAutoident,
                display_name: display_name(&settings.display_name, &connection),
                environment: settings.environment.as_str().to_owned(),
                region: settings.region.as_str().to_owned(),
                min_evidence: settings.min_evidence.into(),
                silence_after: settings.silence_after(),
                adopt_unknown: settings.adopt_unknown,
                connection,
            },
        })
    }
}

/// What IDnow's webhooks have to show: HTTP Basic, perhaps from known addresses.
fn door(connection: &ConnectionId, settings: &IdnowWebhookSettings) -> Result<Door> {
    let secret = |entry: &BasicSettings| {
        let password = entry.password.read();
        let password = password.map_err(|error| refused(connection, "webhook.basic", &error.to_string()))?;
        let proof = Proof::Basic { username: entry.username.clone(), password };
        Ok(SharedSecret { label: entry.label.clone(), proof, cipher_key: None, window: entry.window() })
    };
    let secrets: Vec<_> = settings.basic.iter().map(secret).collect::<Result<_>>()?;
    Ok(Door::new(secrets, settings.sources.clone(), None))
}

fn refused(connection: &ConnectionId, key: &str, message: &str) -> Error {
    let detail = format!("connections.{connection}.idnow.{key}: {message}");
    Error::new(Kind::ValidationFailed, "idnow.build", detail)
}

impl Vendor for Idnow {
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

    fn lists(&self) -> Option<&dyn Lists> {
        Some(self)
    }

    fn signing(&self) -> Option<&dyn Signing> {
        Some(self)
    }

    fn updates(&self) -> Option<&dyn Updates> {
        Some(self)
    }

    fn copies(&self) -> Option<&dyn Copies> {
        Some(self)
    }

    fn archives(&self) -> Option<&dyn Archives> {
        Some(self)
    }

    fn deletions(&self) -> Option<&dyn Deletions> {
        Some(self)
    }

    fn binding_keys(&self) -> Option<&dyn BindingKeys> {
        Some(self)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        self.door.as_ref().map(|_door| self as &dyn Webhooks)
    }
}
