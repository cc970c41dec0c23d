//! Vendors: the kit and the connectors.

mod rig;

mod delivery;
mod http;
mod token;
mod url;

mod hostile;
mod idnow_api;
mod idnow_config;
mod idnow_reason;
mod idnow_results;
mod registry;
