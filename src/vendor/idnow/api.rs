//! IDnow's API: login, start and get, with one login for all calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::vendor::idnow::fault::Refused;
use crate::vendor::idnow::wire::{LoginAnswer, LoginBody, StartAnswer};
use crate::vendor::idnow::{IDENT_ID, TRANSACTION_NUMBER};
use crate::vendor::kit::deadline::Deadline;
use crate::vendor::kit::http::{Answer, Call, FileStream, Opened};
use crate::vendor::kit::line::Line;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::session::{Dialect, Session};
use crate::vendor::kit::token::{Issued, TokenRules};
use crate::vendor::kit::url::{Alphabet, Origin, PathTemplate, Segment, Target, UrlError};

const LOGIN: &str = "idnow.login";
pub(super) const START: &str = "idnow.start";
const GET: &str = "idnow.get";
const LIST: &str = "idnow.list";
const SYSTEM_CHECK: &str = "idnow.system_check";
const PROVE: &str = "idnow.prove_credentials";
/// The whole body of a host that works.
const WORKS: &[u8] = b"SYSTEM_CHECK_OK";
const LOGIN_TOKEN: HeaderName = HeaderName::from_static("x-api-login-token");

/// The document speaks of an idle time of 60 minutes; the sample token also ends 60 minutes after its issue.
const TOKEN_LIFE: Duration = Duration::from_mins(60);
const TOKEN_RULES: TokenRules = TokenRules { renew_after: Duration::from_mins(50), idle: TOKEN_LIFE };

/// A transaction number and an extension: the vendor's numbers have no dots.
const FILE: Alphabet = Alphabet::letters_digits_and("-_.", 260);

/// The API of one account.
pub(super) struct Api {
    pub(super) server: Arc<Server>,
    pub(super) session: Session,
}

/// What the API says about one identification.
pub(super) enum Found {
    /// Nobody started it, or it was erased.
    Nothing,
    /// A body to read; the answer is for errors found while reading.
    Result(Answer),
}

pub(super) struct Server {
    line: Arc<Line>,
    clock: Clock,
    origin: Origin,
    pub(super) customer: Segment,
    login: PathTemplate,
    start: PathTemplate,
    pub(super) ident: PathTemplate,
    file: PathTemplate,
    idents: PathTemplate,
    pub(super) copy: PathTemplate,
    pub(super) archive: PathTemplate,
    pub(super) binding_key: PathTemplate,
    system_check: PathTemplate,
}

impl Api {
    pub(super) fn new(
        line: Line,
        clock: Clock,
        origin: Origin,
        customer: Segment,
        api_key: SecretString,
    ) -> Result<Self> {
        let path = |text| PathTemplate::parse(text).map_err(|error| misbuilt("idnow.build", error));
        let line = Arc::new(line);
        let server = Arc::new(Server {
            line: line.clone(),
            clock: clock.clone(),
            origin,
            customer,
            login: path("/api/v1/{customer}/login")?,
            start: path("/api/v1/{customer}/identifications/{t}/start")?,
            ident: path("/api/v1/{customer}/identifications/{t}")?,
            file: path("/api/v1/{customer}/identifications/{file}")?,
            idents: path("/api/v1/{customer}/identifications")?,
            copy: path("/api/v1/{customer}/identifications/{t}/copy")?,
            archive: path("/api/v1/{customer}/identifications/{t}/archive")?,
            binding_key: path("/api/v1/{customer}/identifications/{t}/bindingKey")?,
            system_check: path("/system_check")?,
        });
        let api_key = Arc::new(api_key);
        let dialect = Dialect {
            header: LOGIN_TOKEN,
            rules: TOKEN_RULES,
            passing: Refused::passing,
            wants_login: |answer| Refused::read(answer).is_some_and(|refused| refused.wants_login()),
        };
        let session = Session::new(line, clock, dialect, {
            let server = server.clone();
            move || {
                let (server, api_key) = (server.clone(), api_key.clone());
                async move { server.log_in(&api_key).await }.boxed()
            }
        });
        Ok(Self { server, session })
    }

    /// Creates the identification `number`, or updates it while it is not finished. Returns its IdentID.
    /// `repeat` says whether it is sent again where that may help.
    pub(super) async fn start(
        &self,
        number: &Segment,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Result<Segment> {
        let target = self.server.target(START, &self.server.start, Some(("t", number)))?;
        let call = Call::new(START, Method::POST, target).repeat(repeat).json(body)?;
        let answer = self.session.call(call).await?;
        if let Some(refused) = Refused::read(&answer) {
            let exists = "the vendor has a finished identification with this reference";
            return Err(refused.making_error(&answer, exists));
        }
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(answer.invalid("has a status that the vendor does not document"));
        }
        let started: StartAnswer = answer.json()?;
        let id = started.id.unwrap_or_default().to_ascii_uppercase();
        IDENT_ID.segment(&id).map_err(|_odd| answer.invalid("has no usable IdentID at id"))
    }

    /// Asks for the identification `number` (or IdentID), until `deadline` at most.
    pub(super) async fn get(&self, number: &Segment, deadline: Option<Deadline>) -> Result<Found> {
        self.look_up(GET, number, deadline).await
    }

    /// Asks for the list called `name`, of up to `max_bytes`.
    pub(super) async fn list(&self, name: &'static str, max_bytes: usize) -> Result<Answer> {
        let target = self.server.target(LIST, &self.server.idents, None)?.with_parameter(name, "true");
        let answer = self.session.call(Call::new(LIST, Method::GET, target).max_answer(max_bytes)).await?;
        match Refused::read(&answer) {
            Some(refused) => Err(refused.error(&answer)),
            None => Ok(answer),
        }
    }

    /// Uses the login token, or logs in where there is none: asks for an identification that nobody can have made.
    pub(super) async fn prove_credentials(&self) -> Result<()> {
        let number = self.server.clock.uuid().to_string();
        let number = TRANSACTION_NUMBER.segment(&number).map_err(|error| misbuilt(PROVE, error))?;
        match self.look_up(PROVE, &number, None).await? {
            Found::Nothing => Ok(()),
            Found::Result(answer) => Err(answer.invalid("knows an identification that nobody made")),
        }
    }

    /// Asks the host whether it works. That is the host's word for all accounts, and needs no credentials.
    pub(super) async fn system_check(&self) -> Result<()> {
        let server = &self.server;
        let target = server.target(SYSTEM_CHECK, &server.system_check, None)?;
        let call = Call::new(SYSTEM_CHECK, Method::GET, target).repeat(Repeat::Never).accept_any();
        // Whatever it answers is its word about itself.
        let answer = server.line.send(&call, |_answer| None).await?;
        if answer.status() == StatusCode::OK && answer.body().trim_ascii() == WORKS {
            return Ok(());
        }
        Err(answer.invalid("is not SYSTEM_CHECK_OK"))
    }

    /// The host, for those who share it.
    pub(super) fn host(&self) -> String {
        self.server.origin.to_string()
    }

    /// The file of `number` with this extension. `None`: there is none.
    pub(super) async fn file(
        &self,
        operation: &'static str,
        number: &Segment,
        extension: &str,
    ) -> Result<Option<FileStream>> {
        let file = FILE.segment(&format!("{}.{extension}", number.as_str()));
        let file = file.map_err(|error| misbuilt(operation, error))?;
        let target = self.server.target(operation, &self.server.file, Some(("file", &file)))?;
        match self.session.open(Call::new(operation, Method::GET, target).accept_any()).await? {
            Opened::File(file) => Ok(Some(file)),
            Opened::Answer(answer) => match Refused::read(&answer) {
                Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
                None => Err(answer.invalid("is no file")),
            },
        }
    }

    async fn look_up(
        &self,
        operation: &'static str,
        number: &Segment,
        deadline: Option<Deadline>,
    ) -> Result<Found> {
        let target = self.server.target(operation, &self.server.ident, Some(("t", number)))?;
        let answer = self.session.call(Call::new(operation, Method::GET, target).due(deadline)).await?;
        match Refused::read(&answer) {
            Some(refused) => refused.nothing_or_error(&answer).map(|()| Found::Nothing),
            None => Ok(Found::Result(answer)),
        }
    }

    /// The address of something of the account, at `path`.
    pub(super) fn target(
        &self,
        operation: &'static str,
        path: &PathTemplate,
        places: &[(&str, &Segment)],
    ) -> Result<Target> {
        self.server.target(operation, path, places.iter().copied())
    }

    /// A call of `method` to what `path` makes of `number`.
    pub(super) fn about(
        &self,
        operation: &'static str,
        method: Method,
        path: &PathTemplate,
        number: &Segment,
    ) -> Result<Call> {
        Ok(Call::new(operation, method, self.server.target(operation, path, Some(("t", number)))?))
    }
}

impl Server {
    async fn log_in(&self, api_key: &SecretString) -> Result<Issued<HeaderValue>> {
        let target = self.target(LOGIN, &self.login, None)?;
        let call = Call::new(LOGIN, Method::POST, target).repeat(Repeat::Freely).secret_answer();
        let call = call.json(&LoginBody { api_key: api_key.expose_secret() })?;
        // The token's hour begins at the vendor, at the earliest when the request leaves.
        let expires = self.clock.now() + TOKEN_LIFE;
        let answer = self.line.send(&call, Refused::passing).await?;
        if let Some(refused) = Refused::read(&answer) {
            return Err(refused.login_error(&answer));
        }
        let token = answer.json::<LoginAnswer>()?.auth_token.filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| answer.invalid("has no token at authToken"))?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(token));
        Ok(Issued {
            value: value.map_err(|_odd| answer.invalid("has no usable token at authToken"))?,
            expires,
        })
    }

    fn target<'a>(
        &'a self,
        operation: &'static str,
        path: &PathTemplate,
        places: impl IntoIterator<Item = (&'a str, &'a Segment)>,
    ) -> Result<Target> {
        let mut values = vec![("customer", &self.customer)];
        values.extend(places);
        path.fill(&self.origin, &values).map_err(|error| misbuilt(operation, error))
    }
}

/// Segments cannot break a template: a failure is a bug of ours, and nothing is sent.
pub(super) fn misbuilt(operation: &'static str, error: UrlError) -> Error {
    Error::new(Kind::VendorRejectedRequest, operation, "the vendor's URL cannot be built").caused_by(error)
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("origin", &self.server.origin).finish_non_exhaustive()
    }
}
