//! Vendors: the kit and the connectors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

pub(crate) mod rig;

mod archive;
mod calls;
pub(crate) mod cipher;
mod delivery;
mod delivery_cipher;
mod delivery_proofs;
mod http;
mod line;
mod token;
mod url;

mod faults;
mod hostile;
mod idnow_api;
mod idnow_config;
mod idnow_files;
mod idnow_findings;
mod idnow_keeping;
mod idnow_lists;
mod idnow_reason;
mod idnow_results;
mod idnow_update;
mod masstack_api;
mod masstack_config;
mod masstack_faults;
mod masstack_rig;
mod preventor;
mod preventor_open;
mod registry;
