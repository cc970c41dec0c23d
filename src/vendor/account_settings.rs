//! What all vendors' settings have in common.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::name::ConnectionId;
use crate::settings::{Problems, Window};
use crate::vendor::Vendor;
use crate::vendor::kit::account::Environment;
use crate::vendor::kit::limit::LimitSettings;
use crate::vendor::kit::line::Line;

/// What the registry, and whoever checks a configuration, asks of any vendor's settings.
pub trait AccountSettings {
    /// The name of their section.
    fn section(&self) -> &'static str;
    /// Reports what no type can say about them.
    fn check(&self, problems: &mut Problems);
    /// Whose people they are about.
    fn environment(&self) -> Environment;
    /// How much is asked of the vendor at once, and how patiently.
    fn limits(&self) -> LimitSettings;
    /// When the configured secrets of webhooks are accepted; `None` where there are none.
    fn webhook_windows(&self) -> Option<Vec<Window>>;
    /// Builds the connection, reading its secrets.
    fn connect(&self, connection: ConnectionId, clock: Clock, line: Line) -> Result<Arc<dyn Vendor>>;
}
