//! Settings of the gRPC door.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use crate::model::purpose::Purpose;
use crate::settings::{Problems, listen_address};

/// A refusal lists them all.
const MAX_PURPOSES: usize = 64;

/// `[grpc]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcSettings {
    /// Address and port; port 0 takes any free one.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// How callers prove who they are. There is no default: nobody is trusted by omission.
    pub auth: Option<Auth>,
    /// Accepts `auth = "none"` on an address that other machines can reach.
    pub allow_public_without_auth: bool,
    /// The largest request, in bytes: 1024 to 4194304. Methods that upload files have limits of their own.
    pub max_request_bytes: usize,
    /// What personal data may be read for, at most 64. Nobody reads any while there is none.
    pub purposes: Vec<Purpose>,
}

/// How callers prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// They do not: whoever reaches the port may do everything.
    None,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 50051).into(),
            auth: None,
            allow_public_without_auth: false,
            max_request_bytes: 64 * 1024,
            purposes: Vec::new(),
        }
    }
}

impl GrpcSettings {
    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        match self.auth {
            None => problems.add(
                "auth",
                "is required, because trust is never a default: say auth = \"none\" to let in whoever reaches this \
                 port, which is accepted on a loopback address (mutual TLS and JWT are not available yet)",
            ),
            Some(Auth::None) if !self.listen.ip().is_loopback() && !self.allow_public_without_auth => problems.add(
                "listen",
                "must be a loopback address such as 127.0.0.1:50051, because auth = \"none\" gives every caller \
                 everyone's identifications; mutual TLS and JWT are not available yet, so put a proxy that \
                 authenticates in front and say allow_public_without_auth = true only if nothing else reaches the port",
            ),
            Some(Auth::None) => {}
        }
        problems.range("max_request_bytes", self.max_request_bytes, 1024..=4 * 1024 * 1024);
        if self.purposes.len() > MAX_PURPOSES {
            problems.add("purposes", format!("must be at most {MAX_PURPOSES} words"));
        }
    }
}
