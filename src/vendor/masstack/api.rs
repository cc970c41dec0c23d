//! MasStack's API: its login, and its operations where settings say they lie.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::clock::Clock;
use crate::error::{Error, Kind as Reason, Result};
use crate::vendor::kit::field_path::{Drift, Shown, lacks};
use crate::vendor::kit::header::bearer;
use crate::vendor::kit::http::{Answer, Call};
use crate::vendor::kit::line::Line;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::session::{Dialect, Session};
use crate::vendor::kit::token::{Issued, TokenRules};
use crate::vendor::kit::url::{Alphabet, Base, PathTemplate, Segment, UrlError};
use crate::vendor::masstack::assertion::{ServiceAccount, Signer, end};
use crate::vendor::masstack::config::{Fields, MasstackSettings, ORG};
use crate::vendor::masstack::endpoint::{Endpoint, Endpoints};
use crate::vendor::masstack::fault::Refused;
use crate::vendor::masstack::process::{Kind, Process};

const LOGIN: &str = "masstack.login";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a token is used whose end nobody says.
const UNSAID_LIFE: Duration = Duration::from_mins(5);
/// The longest that any token is used.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// The vendor documents no idle time.
const RULES: TokenRules = TokenRules { renew_after: LONGEST_LIFE, idle: LONGEST_LIFE };
/// Kinds as segments.
const KIND: Alphabet = Alphabet::letters_digits_and("_", 32);

/// The API of one organisation.
pub(super) struct Api {
    server: Arc<Server>,
    session: Session,
    base: Base,
    org: Segment,
    endpoints: Endpoints,
}

struct Server {
    line: Arc<Line>,
    clock: Clock,
    tokens: Base,
    path: PathTemplate,
    signer: Signer,
    scope: String,
    fields: Fields,
}

impl Api {
    /// The API that `settings` describe. `Err` says what is wrong with the account's key.
    pub(super) fn new(
        line: Line,
        clock: Clock,
        settings: &MasstackSettings,
        account: ServiceAccount,
    ) -> Result<Self, String> {
        let told = |error: UrlError| error.to_string();
        let (tokens, audience) = settings.tokens().map_err(told)?;
        let line = Arc::new(line);
        let server = Arc::new(Server {
            line: line.clone(),
            clock: clock.clone(),
            path: tokens.path("").map_err(told)?,
            tokens,
            signer: Signer::new(&account, audience)?,
            scope: settings.scope.clone(),
            fields: settings.fields.clone(),
        });
        let dialect = Dialect {
            header: AUTHORIZATION,
            rules: RULES,
            passing: Refused::passing,
            wants_login: Refused::wants_login,
        };
        let session = Session::new(line, clock, dialect, {
            let server = server.clone();
            move || {
                let server = server.clone();
                async move { server.log_in().await }.boxed()
            }
        });
        let base = settings.base().map_err(told)?;
        Ok(Self {
            endpoints: Endpoints::below(&base, &settings.endpoints, &settings.calls).map_err(told)?,
            org: ORG.segment(&settings.org_id).map_err(told)?,
            server,
            session,
            base,
        })
    }

    /// The server, for those who share it.
    pub(super) fn host(&self) -> String {
        self.base.origin.to_string()
    }

    /// Where the operations lie.
    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Signs in, whatever token there is.
    pub(super) async fn log_in(&self) -> Result<()> {
        self.server.log_in().await.map(drop)
    }

    /// A creation of `kind`. Whatever its method, another one would make another process.
    pub(super) fn creation(&self, operation: &'static str, kind: Kind) -> Result<Call> {
        Ok(self.prepare(operation, &self.endpoints.create, kind, &[])?.repeat(Repeat::Unsent))
    }

    /// A call of `endpoint` about `process`.
    pub(super) fn about(
        &self,
        operation: &'static str,
        endpoint: &Endpoint,
        process: &Process,
    ) -> Result<Call> {
        let mut places = vec![("identification_id", &process.id)];
        places.extend(process.admin_id.as_ref().map(|id| ("admin_identification_id", id)));
        let known = |place: &str| {
            ["org_id", "kind"].contains(&place) || places.iter().any(|(name, _)| *name == place)
        };
        if !endpoint.path.places().all(known) {
            let detail = "the vendor names this by its admin id, which is not known here: adopt it with \
                          vendor_reference.id";
            return Err(Error::new(Reason::StateNotAllowed, operation, detail));
        }
        self.prepare(operation, endpoint, process.kind, &places)
    }

    /// Makes `call`. Every refusal is an error.
    pub(super) async fn done(&self, call: Call) -> Result<Answer> {
        let answer = self.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) => Err(refused.error(&answer)),
            None => Ok(answer),
        }
    }

    /// Makes `call` about something that may not be there.
    pub(super) async fn find(&self, call: Call) -> Result<Option<Answer>> {
        let answer = self.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
            None => Ok(Some(answer)),
        }
    }

    /// Makes `call`, which is answered without a body. `false`: the vendor does not know what it is about.
    pub(super) async fn carry_out(&self, call: Call) -> Result<bool> {
        let Some(answer) = self.find(call).await? else { return Ok(false) };
        if !answer.body().is_empty() {
            // JSON may be the vendor's; a page is something in between, and nothing was done.
            answer.json::<IgnoredAny>()?;
        }
        Ok(true)
    }

    fn prepare(
        &self,
        operation: &'static str,
        endpoint: &Endpoint,
        kind: Kind,
        places: &[(&str, &Segment)],
    ) -> Result<Call> {
        if !endpoint.is_for(kind) {
            let detail = format!("the connection has this call, but not for {} processes", kind.as_str());
            return Err(Error::new(Reason::CapabilityNotSupported, operation, detail));
        }
        let misbuilt = |error: UrlError| {
            // Segments cannot break a template: a failure is a bug of ours, and nothing is sent.
            let detail = "the vendor's URL cannot be built";
            Error::new(Reason::VendorRejectedRequest, operation, detail).caused_by(error)
        };
        let kind = KIND.segment(kind.as_str()).map_err(misbuilt)?;
        let mut values = vec![("org_id", &self.org), ("kind", &kind)];
        values.extend_from_slice(places);
        let target = endpoint.path.fill(&self.base.origin, &values).map_err(misbuilt)?;
        Ok(Call::new(operation, endpoint.method.clone(), target))
    }
}

impl Server {
    async fn log_in(&self) -> Result<Issued<HeaderValue>> {
        let broken = |detail: &str| Error::new(Reason::GatewayFault, LOGIN, detail);
        let target = self.path.fill(&self.tokens.origin, &[]);
        let target = target.map_err(|error| broken("the token URL cannot be built").caused_by(error))?;
        // The token's life begins at the vendor, at the earliest when the request leaves.
        let asked = self.clock.now();
        let assertion =
            self.signer.assertion(asked).ok_or_else(|| broken("the assertion cannot be signed"))?;
        let mut members = vec![("grant_type", GRANT), ("assertion", assertion.as_str())];
        if !self.scope.is_empty() {
            members.push(("scope", &self.scope));
        }
        let call = Call::new(LOGIN, Method::POST, target).repeat(Repeat::Freely).secret_answer();
        let call = call.form(&members);
        let answer = self.line.send(&call, Refused::passing).await?;
        if let Some(refused) = Refused::read(&answer) {
            return Err(refused.login_error(&answer));
        }
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        let shown = Shown::new(&body, &drift);
        let token = shown.text("access_token", &self.fields.access_token);
        let value = bearer(&token).ok_or_else(|| lacks(&answer, "token", &self.fields.access_token))?;
        let life = shown.whole("expires_in", &self.fields.expires_in);
        Ok(Issued { value, expires: expiry(asked, life, &token) })
    }
}

/// When a token ends: after the seconds that its answer says, else when it says itself, else soon.
fn expiry(asked: SystemTime, life: Option<i64>, token: &str) -> SystemTime {
    let life = life.and_then(|life| u64::try_from(life).ok()).filter(|life| *life > 0);
    let said = life.and_then(|life| asked.checked_add(Duration::from_secs(life)));
    let end = said.or_else(|| end(token)).filter(|end| *end > asked);
    end.unwrap_or(asked + UNSAID_LIFE).min(asked + LONGEST_LIFE)
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("base", &self.base)
            .field("signer", &self.server.signer)
            .finish_non_exhaustive()
    }
}
