//! Preventor Open Services: a connection against a small stub server.

mod biometrics;
mod compliance;
mod config;
mod customer;
mod money;

use std::sync::Arc;

use axum::response::Response;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::error::Result;
use idv_gateway::vendor::Vendor as _;
use idv_gateway::vendor::biometrics::Biometrics;
use idv_gateway::vendor::kit::http::{HttpTransport, Timeouts};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::onboarding::Onboarding;
use idv_gateway::vendor::preventor_open::PreventorOpen;
use idv_gateway::vendor::preventor_open::config::PreventorOpenSettings;
use serde_json::Value;
use tempfile::TempDir;

use super::rig::{Seen, Stub, json, line, noon};

pub(super) const CUSTOMER: &str = "b3f2c7d1-55aa-4c1e-8d90-2f6a7c3e9b10";
pub(super) const ACCOUNT: &str = "0d9e7a52-1c3b-4f6d-9a88-7be0c4d2f315";
pub(super) const USER: &str = "6c1f0a9e-2b7d-4e35-b8c4-93d5e1f70a62";
pub(super) const TICKET: &str = "e47a15c0-8f3d-4b29-9d6e-0c2b71fa5d38";

/// What a vendor that works answers to everything but what a test is about.
const TOKEN: &str = r#"{"access_token":"token-1","token_type":"bearer","expires_in":3600}"#;

/// Secrets in files, and settings that point to them.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Self {
        let files = Self(TempDir::new().unwrap());
        for (name, text) in [
            ("key", "made-up-key\n"),
            ("secret", "made-up-secret\n"),
            ("password", "made up: password\n"),
            ("odd", "line\nbreak\n"),
        ] {
            std::fs::write(files.0.path().join(name), text).unwrap();
        }
        files
    }

    pub(super) fn source(&self, name: &str) -> String {
        format!("{{ file = {:?} }}", self.0.path().join(name).display().to_string())
    }

    /// The compliance platform at `base`.
    fn onboarding(&self, base: &str, basic: &str) -> String {
        let password = self.source("password");
        format!(
            "[onboarding]\nbase_url = \"{base}\"\nbasic = {basic}\nclient_id = \"gateway\"\n\
             username = \"gateway@bank.example\"\npassword = {password}\n"
        )
    }

    /// The biometrics framework below `base`.
    fn biometrics(&self, base: &str) -> String {
        format!("[biometrics]\nbase_url = \"{base}/v1\"\nsecret = {}\n", self.source("secret"))
    }

    /// TOML of a connection; `more` stands at the top, `parts` below.
    fn toml(&self, more: &str, parts: &str) -> String {
        let key = self.source("key");
        format!(
            "environment = \"sandbox\"\napi_key = {key}\ntenant = \"bank\"\nenv = \"test\"\nbanknu = \"001\"\n\
             {more}\n{parts}\n"
        )
    }

    /// Settings of both parts at `base`. Calls are not repeated, which would wait for the clock.
    pub(super) fn settings(&self, base: &str, more: &str, below: &str) -> PreventorOpenSettings {
        let basic = format!("{{ secret = {} }}", self.source("secret"));
        let parts = format!("{}{}{below}", self.biometrics(base), self.onboarding(base, &basic));
        parsed(&self.toml(more, &parts))
    }
}

fn parsed(text: &str) -> PreventorOpenSettings {
    let mut settings: PreventorOpenSettings = toml::from_str(text).unwrap();
    if settings.limits == LimitSettings::default() {
        settings.limits.max_attempts = 1;
    }
    settings
}

fn build(settings: &PreventorOpenSettings) -> (Result<PreventorOpen>, ManualClock) {
    let (clock, manual) = Clock::manual(noon());
    let transport = Arc::new(HttpTransport::new(Timeouts::default()).unwrap());
    let line = line(settings.limits, clock.clone(), transport);
    (PreventorOpen::new("bank".parse().unwrap(), settings, clock, line), manual)
}

/// A connection to a stub that answers `answer`, logins aside. `more` and `below` as for [`Files`].
struct House {
    vendor: PreventorOpen,
    stub: Stub,
}

impl House {
    async fn with(
        more: &str,
        below: &str,
        answer: impl Fn(&Seen) -> Response + Send + Sync + 'static,
    ) -> Self {
        let stub = Stub::start(move |seen| match seen.path.as_str() {
            "/security/oauth/token" => json(200, TOKEN),
            "/v1/auth/token" => json(200, r#"{"token":"process-1"}"#),
            _ => answer(seen),
        })
        .await;
        // Secrets are read at once: the files need not stay.
        let (vendor, _clock) = build(&Files::new().settings(&stub.base, more, below));
        Self { vendor: vendor.unwrap(), stub }
    }

    async fn new(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        Self::with("", "", answer).await
    }

    fn onboarding(&self) -> &dyn Onboarding {
        self.vendor.onboarding().unwrap()
    }

    fn biometrics(&self) -> &dyn Biometrics {
        self.vendor.biometrics().unwrap()
    }

    /// What the stub saw beside logins.
    fn calls(&self) -> Vec<Seen> {
        self.stub.seen().into_iter().filter(|seen| !seen.path.ends_with("/token")).collect()
    }

    /// The last of them, whose body is JSON.
    fn last(&self) -> (String, Value) {
        let seen = self.calls().pop().unwrap();
        (format!("{} {}", seen.method, seen.path), serde_json::from_str(&seen.body).unwrap())
    }
}

fn header(seen: &Seen, name: &str) -> String {
    seen.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}
