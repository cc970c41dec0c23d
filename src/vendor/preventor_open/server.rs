//! One of the vendor's two hosts: its addresses, and what every call to it carries.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, Kind, Result};
use crate::settings::SecretSource;
use crate::vendor::kit::header;
use crate::vendor::kit::http::Call;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::url::{Base, PathTemplate, Segment, UrlError};
use crate::vendor::preventor_open::config::PreventorOpenSettings;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const TENANT: HeaderName = HeaderName::from_static("x-tenant");
const ENV: HeaderName = HeaderName::from_static("x-env");
const BANKNU: HeaderName = HeaderName::from_static("x-banknu");

/// A setting that cannot be used, and why.
pub(super) type Unusable = (&'static str, String);

/// A host.
pub(super) struct Server {
    pub(super) line: Arc<Line>,
    base: Base,
    /// What every call carries.
    account: [(HeaderName, HeaderValue); 4],
}

impl Server {
    pub(super) fn new(
        settings: &PreventorOpenSettings,
        base: Base,
        line: Arc<Line>,
    ) -> Result<Self, Unusable> {
        let key = secret("api_key", &settings.api_key)?;
        let key = usable("api_key", header::secret(key.expose_secret()))?;
        let named = |key, value: &str| usable(key, header::plain(value));
        let account = [
            (API_KEY, key),
            (TENANT, named("tenant", &settings.tenant)?),
            (ENV, named("env", &settings.env)?),
            (BANKNU, named("banknu", &settings.banknu)?),
        ];
        Ok(Self { line, base, account })
    }

    /// The server, for those who share it.
    pub(super) fn host(&self) -> String {
        self.base.origin.to_string()
    }

    /// The template of `path`.
    pub(super) fn path(&self, path: &str) -> Result<PathTemplate, Unusable> {
        self.base.path(path).map_err(|error| ("base_url", error.to_string()))
    }

    /// A call of `method` to what `path` makes of `places`, which carries what all calls carry.
    pub(super) fn prepare(
        &self,
        operation: &'static str,
        method: Method,
        path: &PathTemplate,
        places: &[(&str, &Segment)],
    ) -> Result<Call> {
        let target = path.fill(&self.base.origin, places).map_err(|error| misbuilt(operation, error))?;
        let call = Call::new(operation, method, target);
        Ok(self.account.iter().fold(call, |call, (name, value)| call.header(name, value)))
    }
}

/// Names are of an alphabet that paths take: a failure is a bug of ours, and nothing is sent.
pub(super) fn misbuilt(operation: &'static str, error: UrlError) -> Error {
    let detail = "the vendor's request cannot be built";
    Error::new(Kind::VendorRejectedRequest, operation, detail).caused_by(error)
}

/// The secret of the setting `key`.
pub(super) fn secret(key: &'static str, source: &SecretSource) -> Result<SecretString, Unusable> {
    source.read().map_err(|error| (key, error.to_string()))
}

/// The header field that the setting `key` makes.
pub(super) fn usable(key: &'static str, value: Option<HeaderValue>) -> Result<HeaderValue, Unusable> {
    value.ok_or_else(|| (key, "cannot stand in a header field".to_owned()))
}
