//! MasStack Documents: identifications with a code or a document, without webhooks. What it documents, what is assumed
//! and what contradicts itself: docs/vendors/masstack.md.

mod access;
mod actor;
mod api;
mod assertion;
mod change;
pub mod config;
mod endpoint;
mod fault;
mod identification;
mod process;
mod spanish;
mod state;
mod validity;
mod wire;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::model::name::ConnectionId;
use crate::proto::Vendor as VendorKind;
use crate::settings::Problems;
use crate::vendor::account_settings::AccountSettings as _;
use crate::vendor::capability::{Cancellations, Deletions, Restarts};
use crate::vendor::invitation::Invitations;
use crate::vendor::kit::account::display_name;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::masstack::api::Api;
use crate::vendor::masstack::config::{Fields, Generation, MasstackSettings};
use crate::vendor::masstack::state::States;
use crate::vendor::{Account, Identifications, MinEvidence, Probe, Vendor};

/// One organisation at MasStack.
#[derive(Debug)]
pub struct Masstack {
    account: Account,
    generation: Generation,
    polling: PollingSettings,
    fields: Fields,
    states: States,
    api: Api,
}

impl Masstack {
    /// Builds the connection, reading its secrets. `Err` names the settings to mend.
    pub fn new(
        connection: ConnectionId,
        settings: &MasstackSettings,
        clock: Clock,
        line: Line,
    ) -> Result<Self> {
        let mut problems = Problems::default();
        settings.check(&mut problems);
        if let Some(problem) = problems.into_found().into_iter().next() {
            return Err(refused(&connection, &problem.path.join("."), &problem.message));
        }
        let service_account = settings.service_account.read();
        let service_account =
            service_account.map_err(|message| refused(&connection, "service_account", &message))?;
        Ok(Self {
            api: Api::new(line, clock, settings, service_account)
                .map_err(|message| refused(&connection, "service_account", &message))?,
            generation: settings.generation,
            polling: settings.polling.clone().into(),
            fields: settings.fields.clone(),
            states: settings.states.clone(),
            account: Account {
                vendor: VendorKind::Masstack,
                display_name: display_name(&settings.display_name, &connection),
                environment: settings.environment.as_str().to_owned(),
                region: String::new(),
                min_evidence: MinEvidence::Fetched.into(),
                silence_after: None,
                adopt_unknown: false,
                connection,
            },
        })
    }
}

fn refused(connection: &ConnectionId, key: &str, message: &str) -> Error {
    let detail = format!("connections.{connection}.masstack.{key}: {message}");
    Error::new(Kind::ValidationFailed, "masstack.build", detail)
}

impl Vendor for Masstack {
    fn account(&self) -> &Account {
        &self.account
    }

    fn probe(&self) -> &dyn Probe {
        self
    }

    fn identifications(&self) -> Option<&dyn Identifications> {
        Some(self)
    }

    fn deletions(&self) -> Option<&dyn Deletions> {
        Some(self)
    }

    fn cancellations(&self) -> Option<&dyn Cancellations> {
        self.api.endpoints().cancel.is_some().then_some(self)
    }

    fn restarts(&self) -> Option<&dyn Restarts> {
        self.api.endpoints().restart.is_some().then_some(self)
    }

    fn invitations(&self) -> Option<&dyn Invitations> {
        self.api.endpoints().send.is_some().then_some(self)
    }
}
