//! Settings of the door for vendors' webhooks.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::Uri;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::model::name::ConnectionId;
use crate::settings::{Network, Problems, listen_address};

/// `[webhooks]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Address and port; port 0 takes any free one.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// Where vendors reach this door from outside, for example `https://idv.bank.example`; deliveries come to
    /// `{public_url}/webhooks/{connection}`.
    #[serde(deserialize_with = "https_url")]
    pub public_url: Option<Uri>,
    /// The largest body, in bytes: 1024 to 16777216.
    pub max_body_bytes: usize,
    /// How long a sender may take for the header, in seconds: 1 to 60.
    pub header_timeout_seconds: u64,
    /// How long a sender may take for the body, in seconds: 1 to 120.
    pub body_timeout_seconds: u64,
    /// Proxies in front of this door whose `X-Forwarded-For` is believed. Others' is not read.
    pub trusted_proxies: Vec<Network>,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8081).into(),
            public_url: None,
            max_body_bytes: 256 * 1024,
            header_timeout_seconds: 5,
            body_timeout_seconds: 10,
            trusted_proxies: Vec::new(),
        }
    }
}

impl WebhookSettings {
    /// How long a sender may take for the header.
    pub fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_timeout_seconds)
    }

    /// How long a sender may take for the body.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// What a vendor has to be told to call for `connection`; unknown without `public_url`.
    pub fn url_for(&self, connection: &ConnectionId) -> Option<String> {
        let base = self.public_url.as_ref()?.to_string();
        Some(format!("{}/webhooks/{connection}", base.trim_end_matches('/')))
    }

    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        problems.range("max_body_bytes", self.max_body_bytes, 1024..=16 * 1024 * 1024);
        problems.range("header_timeout_seconds", self.header_timeout_seconds, 1..=60);
        problems.range("body_timeout_seconds", self.body_timeout_seconds, 1..=120);
    }
}

fn https_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uri>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let url: Option<Uri> = text.parse().ok();
    let usable = |url: &Uri| {
        url.scheme_str() == Some("https")
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && url.query().is_none()
            && !text.contains('#')
    };
    let expected =
        || D::Error::custom("must be an https URL without a query, such as https://idv.bank.example");
    url.filter(usable).map(Some).ok_or_else(expected)
}
