//! Preventor's API: its addresses, its login, and what every call carries.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::vendor::kit::field_path::whole;
use crate::vendor::kit::header::{self, bearer};
use crate::vendor::kit::http::{Answer, Call};
use crate::vendor::kit::line::Line;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::session::{Dialect, Session};
use crate::vendor::kit::token::{Issued, TokenRules};
use crate::vendor::kit::url::{Base, PathTemplate, Segment, UrlError};
use crate::vendor::preventor::config::PreventorSettings;
use crate::vendor::preventor::fault::Refused;

const LOGIN: &str = "preventor.login";
pub(super) const CHECK: &str = "preventor.check";
pub(super) const REGISTER: &str = "preventor.register";

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const TENANT: HeaderName = HeaderName::from_static("x-tenant");
const ENV: HeaderName = HeaderName::from_static("x-env");
const BANKNU: HeaderName = HeaderName::from_static("x-banknu");
const INTERFACE: HeaderName = HeaderName::from_static("x-interface");

/// How long a token is used whose end the vendor does not say, or in a unit that nobody can tell.
const UNSAID_LIFE: Duration = Duration::from_mins(10);
/// The longest that any token is used.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// The vendor documents no idle time.
const RULES: TokenRules = TokenRules { renew_after: LONGEST_LIFE, idle: LONGEST_LIFE };

/// The API of one account.
pub(super) struct Api {
    server: Arc<Server>,
    pub(super) session: Session,
}

/// What a login brought.
pub(super) struct Login {
    pub(super) token: SecretString,
    /// When the vendor says that it ends.
    pub(super) end: Option<SystemTime>,
}

struct Server {
    line: Arc<Line>,
    clock: Clock,
    base: Base,
    paths: Paths,
    /// `Basic`, the key and the secret.
    authorization: HeaderValue,
    /// What every call carries.
    common: Vec<(HeaderName, HeaderValue)>,
    /// What a login carries beside it.
    account: Vec<(HeaderName, HeaderValue)>,
}

/// The vendor's addresses.
pub(super) struct Paths {
    pub(super) login: PathTemplate,
    pub(super) check: PathTemplate,
    pub(super) register: PathTemplate,
    pub(super) send: PathTemplate,
    pub(super) invitation: PathTemplate,
    pub(super) activities: PathTemplate,
    pub(super) ticket: PathTemplate,
    pub(super) images: PathTemplate,
    pub(super) webhooks: PathTemplate,
    pub(super) webhook: PathTemplate,
}

impl Api {
    /// The API that `settings` describe.
    pub(super) fn new(
        line: Line,
        clock: Clock,
        base: Base,
        settings: &PreventorSettings,
        api_key: &SecretString,
        secret: &SecretString,
    ) -> Result<Self> {
        let line = Arc::new(line);
        let api_key = api_key.expose_secret();
        let plain = |name, value: &str| Ok::<_, Error>((name, told(header::plain(value))?));
        let server = Arc::new(Server {
            line: line.clone(),
            clock: clock.clone(),
            paths: Paths::below(&base).map_err(|error| misbuilt("preventor.build", error))?,
            base,
            authorization: told(header::basic(api_key, secret.expose_secret()))?,
            common: vec![(API_KEY, told(header::secret(api_key))?), plain(USER_AGENT, &settings.user_agent)?],
            account: vec![
                plain(TENANT, &settings.tenant)?,
                plain(ENV, &settings.env)?,
                plain(BANKNU, &settings.banknu)?,
                plain(INTERFACE, &settings.interface)?,
            ],
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
                async move { server.token().await }.boxed()
            }
        });
        Ok(Self { server, session })
    }

    /// The server, for those who share it.
    pub(super) fn host(&self) -> String {
        self.server.base.origin.to_string()
    }

    /// The vendor's addresses.
    pub(super) fn paths(&self) -> &Paths {
        &self.server.paths
    }

    /// Signs in, whatever token there is.
    pub(super) async fn log_in(&self) -> Result<Login> {
        self.server.log_in().await
    }

    /// A call of `method` to what `path` makes of `places`, which carries what all calls carry.
    pub(super) fn prepare(
        &self,
        operation: &'static str,
        method: Method,
        path: &PathTemplate,
        places: &[(&str, &Segment)],
    ) -> Result<Call> {
        self.server.prepare(operation, method, path, places)
    }

    /// Makes `call`. Every refusal is an error.
    pub(super) async fn done(&self, call: Call) -> Result<Answer> {
        let answer = self.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) => Err(refused.error(&answer)),
            None => Ok(answer),
        }
    }

    /// Makes `call`, which changes an invitation that has been there.
    pub(super) async fn change(&self, call: Call) -> Result<Answer> {
        let answer = self.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) => Err(refused.gone_or_error(&answer)),
            None => answer.done().map(|()| answer),
        }
    }

    /// Makes `call` for something that may not be there.
    pub(super) async fn find(&self, call: Call) -> Result<Option<Answer>> {
        let answer = self.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
            None => Ok(Some(answer)),
        }
    }
}

impl Paths {
    fn below(base: &Base) -> Result<Self, UrlError> {
        Ok(Self {
            login: base.path("/auth/token")?,
            check: base.path("/invitations/check")?,
            register: base.path("/invitations/users/register")?,
            send: base.path("/notifications/invitation/{id}/send")?,
            invitation: base.path("/invitations/users/{recipient}")?,
            activities: base.path("/invitations/logs/{id}/activities")?,
            ticket: base.path("/transactions/{ticket}")?,
            images: base.path("/transactions/{ticket}/images")?,
            webhooks: base.path("/settings/webhooks")?,
            webhook: base.path("/settings/webhooks/{id}")?,
        })
    }
}

impl Server {
    async fn token(&self) -> Result<Issued<HeaderValue>> {
        let Login { token, end } = self.log_in().await?;
        let value = told(bearer(token.expose_secret()))?;
        let now = self.clock.now();
        Ok(Issued { value, expires: end.unwrap_or(now + UNSAID_LIFE).min(now + LONGEST_LIFE) })
    }

    async fn log_in(&self) -> Result<Login> {
        let call = self.prepare(LOGIN, Method::POST, &self.paths.login, &[])?;
        let call = call.repeat(Repeat::Freely).secret_answer();
        let call = self.account.iter().fold(call, |call, (name, value)| call.header(name, value));
        let call = call.secret_header(AUTHORIZATION, self.authorization.clone());
        // The token's life begins at the vendor, at the earliest when the request leaves.
        let asked = self.clock.now();
        let answer = self.line.send(&call, Refused::passing).await?;
        if let Some(refused) = Refused::read(&answer) {
            return Err(refused.login_error(&answer));
        }
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(answer.invalid("has a status that the vendor does not document"));
        }
        let body: Value = answer.json()?;
        let token = body.get("token").and_then(Value::as_str).filter(|token| bearer(token).is_some());
        let token = token.ok_or_else(|| answer.invalid("has no usable token at token"))?;
        let end = body.get("expiracy").and_then(whole).and_then(|said| end(asked, said));
        Ok(Login { token: SecretString::from(token), end: end.filter(|end| *end > asked) })
    }

    fn prepare(
        &self,
        operation: &'static str,
        method: Method,
        path: &PathTemplate,
        places: &[(&str, &Segment)],
    ) -> Result<Call> {
        let target = path.fill(&self.base.origin, places).map_err(|error| misbuilt(operation, error))?;
        let call = Call::new(operation, method, target);
        Ok(self.common.iter().fold(call, |call, (name, value)| call.header(name, value)))
    }
}

/// What `expiracy` means, whose unit the vendor does not document: seconds from now, or milliseconds since 1970.
fn end(asked: SystemTime, said: i64) -> Option<SystemTime> {
    let said = u64::try_from(said).ok()?;
    match said {
        1..10_000_000 => asked.checked_add(Duration::from_secs(said)),
        100_000_000_001.. => SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(said)),
        _ => None,
    }
}

fn told(value: Option<HeaderValue>) -> Result<HeaderValue> {
    value.ok_or_else(|| {
        let detail = "a secret of the connection cannot stand in a header field";
        Error::new(Kind::ValidationFailed, "preventor.build", detail)
    })
}

/// Segments cannot break a template: a failure is a bug of ours, and nothing is sent.
pub(super) fn misbuilt(operation: &'static str, error: UrlError) -> Error {
    Error::new(Kind::VendorRejectedRequest, operation, "the vendor's URL cannot be built").caused_by(error)
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.server.base).finish_non_exhaustive()
    }
}
