//! The login to the compliance platform: OAuth's password grant.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::clock::Clock;
use crate::error::Result;
use crate::vendor::kit::field_path::{Drift, Shown, lacks};
use crate::vendor::kit::header::{basic, bearer};
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::token::Issued;
use crate::vendor::kit::url::PathTemplate;
use crate::vendor::preventor_open::config::{Basic, OnboardingSettings, TokenFields};
use crate::vendor::preventor_open::fault::Refused;
use crate::vendor::preventor_open::server::{Server, Unusable, secret, usable};

const LOGIN: &str = "preventor_open.login";

/// How long a token is used whose end the vendor does not say.
const UNSAID_LIFE: Duration = Duration::from_mins(5);
/// The longest that any token is used.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// What the gateway signs in with.
pub(super) struct Login {
    server: Arc<Server>,
    clock: Clock,
    path: PathTemplate,
    authorization: HeaderValue,
    grant_type: String,
    scope: String,
    client_id: String,
    username: String,
    password: SecretString,
    fields: TokenFields,
}

impl Login {
    pub(super) fn new(
        server: Arc<Server>,
        clock: Clock,
        settings: &OnboardingSettings,
        api_key: &SecretString,
    ) -> Result<Self, Unusable> {
        let password = secret("onboarding.password", &settings.password)?;
        let key = "onboarding.basic";
        let pair = match &settings.basic {
            Basic::Secret(source) => basic(api_key.expose_secret(), secret(key, source)?.expose_secret()),
            Basic::User => basic(&settings.username, password.expose_secret()),
            Basic::Pair { username, password } => basic(username, secret(key, password)?.expose_secret()),
        };
        Ok(Self {
            path: server.path("/security/oauth/token")?,
            authorization: usable(key, pair)?,
            grant_type: settings.grant_type.clone(),
            scope: settings.scope.clone(),
            client_id: settings.client_id.clone(),
            username: settings.username.clone(),
            fields: settings.token.clone(),
            password,
            clock,
            server,
        })
    }

    /// Signs in, whatever token there is.
    pub(super) async fn log_in(&self) -> Result<Issued<HeaderValue>> {
        let mut members = vec![
            ("grant_type", self.grant_type.as_str()),
            ("client_id", &self.client_id),
            ("password", self.password.expose_secret()),
            ("username", &self.username),
        ];
        if !self.scope.is_empty() {
            members.push(("scope", &self.scope));
        }
        let call = self.server.prepare(LOGIN, Method::POST, &self.path, &[])?.repeat(Repeat::Freely);
        let call = call.form(&members).secret_header(AUTHORIZATION, self.authorization.clone());
        // The token's life begins at the vendor, at the earliest when the request leaves.
        let asked = self.clock.now();
        let answer = self.server.line.send(&call, Refused::passing).await?;
        if let Some(refused) = Refused::read(&answer) {
            let settings =
                "api_key, tenant, env, banknu, onboarding.basic, client_id, scope, username and password";
            return Err(refused.login_error(&answer, settings));
        }
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        let shown = Shown::new(&body, &drift);
        let token = shown.text("access_token", &self.fields.access_token);
        let value = bearer(&token).ok_or_else(|| lacks(&answer, "token", &self.fields.access_token))?;
        let life = shown.whole("expires_in", &self.fields.expires_in);
        Ok(Issued { value, expires: end(asked, life) })
    }
}

fn end(asked: SystemTime, life: Option<i64>) -> SystemTime {
    let life = life.and_then(|life| u64::try_from(life).ok()).filter(|life| *life > 0);
    let life = life.map_or(UNSAID_LIFE, Duration::from_secs);
    asked + life.min(LONGEST_LIFE)
}
