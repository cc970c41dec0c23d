//! The configured connections, each with its vendor behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::name::ConnectionId;
use crate::settings::{Problems, Window};
use crate::telemetry::Metrics;
use crate::vendor::Vendor;
use crate::vendor::account_settings::AccountSettings;
use crate::vendor::idnow::config::IdnowSettings;
use crate::vendor::kit::http::Transport;
use crate::vendor::kit::line::{Line, LineParts};
use crate::vendor::masstack::config::MasstackSettings;
use crate::vendor::preventor::config::PreventorSettings;
use crate::vendor::preventor_open::config::PreventorOpenSettings;

/// Settings of one connection, under the name of its vendor: `[connections.bank-de.idnow]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionSettings {
    /// IDnow AutoIdent.
    Idnow(Box<IdnowSettings>),
    /// Preventor ID.
    Preventor(Box<PreventorSettings>),
    /// Preventor Open Services.
    PreventorOpen(Box<PreventorOpenSettings>),
    /// MasStack Documents.
    Masstack(Box<MasstackSettings>),
}

/// Every connection by id.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<ConnectionId, Arc<dyn Vendor>>);

impl ConnectionSettings {
    /// The settings, whosever they are.
    pub fn account(&self) -> &dyn AccountSettings {
        match self {
            Self::Idnow(settings) => &**settings,
            Self::Preventor(settings) => &**settings,
            Self::PreventorOpen(settings) => &**settings,
            Self::Masstack(settings) => &**settings,
        }
    }

    /// Reports what no type can say about them.
    pub fn check(&self, problems: &mut Problems) {
        let account = self.account();
        problems.within(account.section(), |problems| account.check(problems));
    }

    /// `live`, `test` or `sandbox`.
    pub fn environment(&self) -> &'static str {
        self.account().environment().as_str()
    }

    /// When the configured secrets of webhooks are accepted; `None` where there are none.
    pub fn webhook_windows(&self) -> Option<Vec<Window>> {
        self.account().webhook_windows()
    }
}

impl Registry {
    /// Builds every connection, reading its secrets.
    pub fn build(
        connections: BTreeMap<ConnectionId, ConnectionSettings>,
        clock: &Clock,
        transport: &Arc<dyn Transport>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let build = |(connection, settings): (ConnectionId, ConnectionSettings)| {
            let line = Line::new(LineParts {
                connection: connection.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                transport: transport.clone(),
                limits: settings.account().limits(),
            });
            settings.account().connect(connection, clock.clone(), line)
        };
        connections.into_iter().map(build).collect()
    }

    /// The connection `id`.
    pub fn get(&self, id: &ConnectionId) -> Option<&Arc<dyn Vendor>> {
        self.0.get(id)
    }

    /// Every connection in order of its id.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &Arc<dyn Vendor>> {
        self.0.values()
    }
}

impl FromIterator<Arc<dyn Vendor>> for Registry {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Vendor>>>(vendors: I) -> Self {
        Self(vendors.into_iter().map(|vendor| (vendor.account().connection.clone(), vendor)).collect())
    }
}
