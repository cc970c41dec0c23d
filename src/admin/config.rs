//! Settings of the operators' door.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use crate::settings::listen_address;

/// `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// Address and port; port 0 takes any free one. Nobody proves who they are here: probes and scrapes only.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 9090).into() }
    }
}
