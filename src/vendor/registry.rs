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
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::config::IdnowSettings;
use crate::vendor::kit::http::Transport;
use crate::vendor::kit::limit::LimitSettings;
use crate::vendor::kit::line::{Line, LineParts};
use crate::vendor::preventor::Preventor;
use crate::vendor::preventor::config::PreventorSettings;

/// Settings of one connection, under the name of its vendor: `[connections.bank-de.idnow]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionSettings {
    /// IDnow AutoIdent.
    Idnow(IdnowSettings),
    /// Preventor ID.
    Preventor(Box<PreventorSettings>),
}

/// Every connection by id.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<ConnectionId, Arc<dyn Vendor>>);

impl ConnectionSettings {
    /// Reports what no type can say about them.
    pub fn check(&self, problems: &mut Problems) {
        match self {
            Self::Idnow(settings) => problems.within("idnow", |problems| settings.check(problems)),
            Self::Preventor(settings) => problems.within("preventor", |problems| settings.check(problems)),
        }
    }

    /// `live`, `test` or `sandbox`.
    pub fn environment(&self) -> &'static str {
        match self {
            Self::Idnow(settings) => settings.environment.as_str(),
            Self::Preventor(settings) => settings.environment.as_str(),
        }
    }

    /// How much is asked of the vendor at once, and how patiently.
    fn limits(&self) -> LimitSettings {
        match self {
            Self::Idnow(settings) => settings.limits,
            Self::Preventor(settings) => settings.limits,
        }
    }

    /// When the secrets of webhooks are accepted; `None` where the connection takes no webhooks.
    pub fn webhook_windows(&self) -> Option<Vec<Window>> {
        match self {
            Self::Idnow(settings) => settings.webhook_windows(),
            Self::Preventor(settings) => settings.webhook_windows(),
        }
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
                limits: settings.limits(),
            });
            let vendor: Arc<dyn Vendor> = match settings {
                ConnectionSettings::Idnow(settings) => {
                    Arc::new(Idnow::new(connection, &settings, clock.clone(), line)?)
                }
                ConnectionSettings::Preventor(settings) => {
                    Arc::new(Preventor::new(connection, &settings, clock.clone(), line)?)
                }
            };
            Ok(vendor)
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
