//! Preventor Open Services: customers, accounts and transactions of a compliance platform, and biometric enrolment. What
//! it documents, what is assumed and what contradicts itself: docs/vendors/preventor_open.md.

mod access;
mod account;
mod biometrics;
mod body;
mod client;
mod compliance;
pub mod config;
mod customer;
mod fault;
mod field;
mod findings;
mod found;
mod picture;
mod server;
mod token;
mod transaction;

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::model::name::ConnectionId;
use crate::proto::Vendor as VendorKind;
use crate::settings::Problems;
use crate::vendor::account_settings::AccountSettings as _;
use crate::vendor::biometrics::Biometrics;
use crate::vendor::kit::account::display_name;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::url::Alphabet;
use crate::vendor::onboarding::Onboarding;
use crate::vendor::preventor_open::biometrics::Framework;
use crate::vendor::preventor_open::compliance::Compliance;
use crate::vendor::preventor_open::config::PreventorOpenSettings;
use crate::vendor::{Account, MinEvidence, Probe, Vendor};

/// Ids in the vendor's paths and forms: UUIDs in samples.
const ID: Alphabet = Alphabet::letters_digits_and("-._~", 128);

/// One account at Preventor Open Services.
#[derive(Debug)]
pub struct PreventorOpen {
    account: Account,
    compliance: Option<Compliance>,
    framework: Option<Framework>,
}

impl PreventorOpen {
    /// Builds the connection, reading its secrets. `Err` names the settings to mend.
    pub fn new(
        connection: ConnectionId,
        settings: &PreventorOpenSettings,
        clock: Clock,
        line: Line,
    ) -> Result<Self> {
        let mut problems = Problems::default();
        settings.check(&mut problems);
        if let Some(problem) = problems.into_found().into_iter().next() {
            return Err(refused(&connection, &problem.path.join("."), &problem.message));
        }
        let line = Arc::new(line);
        let in_settings = |(key, message): (&str, String)| refused(&connection, key, &message);
        let compliance = settings
            .onboarding
            .as_ref()
            .map(|onboarding| Compliance::new(settings, onboarding, line.clone(), clock));
        let framework =
            settings.biometrics.as_ref().map(|biometrics| Framework::new(settings, biometrics, line));
        Ok(Self {
            compliance: compliance.transpose().map_err(in_settings)?,
            framework: framework.transpose().map_err(in_settings)?,
            account: Account {
                vendor: VendorKind::PreventorOpenServices,
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
    let detail = format!("connections.{connection}.preventor_open.{key}: {message}");
    Error::new(Kind::ValidationFailed, "preventor_open.build", detail)
}

impl Vendor for PreventorOpen {
    fn account(&self) -> &Account {
        &self.account
    }

    fn probe(&self) -> &dyn Probe {
        self
    }

    fn onboarding(&self) -> Option<&dyn Onboarding> {
        self.compliance.as_ref().map(|compliance| compliance as &dyn Onboarding)
    }

    fn biometrics(&self) -> Option<&dyn Biometrics> {
        self.framework.as_ref().map(|framework| framework as &dyn Biometrics)
    }
}
