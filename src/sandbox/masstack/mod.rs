//! MasStack: identifications with a code or a document, which send no webhooks.

mod account;
mod api;
mod body;
mod call;
mod control;
mod process;
mod profile;
mod reply;

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::background::Background;
use super::fault::{Fault, Faults};
use super::stand_in::{Interpreter, Reading as _, StandIn, faulty};
use super::statistics::Statistics;
use super::token::Tokens;
use crate::clock::Clock;
use process::Register;
use reply::Failure;

pub use account::ServiceAccount;
pub use call::MasstackCall;
pub use profile::{Calls, Errors, Names, Place, Profile, TokenEnd};

/// The only organisation. Whatever names it is the sandbox's.
pub const ORG: &str = "sandbox";

/// How long a restarted process is open.
const RENEWED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What it can do, for people.
pub(super) const ABOUT: &str = "\
A stand-in of the MasStack Documents API, for trials and tests. It is not MasStack, and nobody in it is real.

  POST   /authn/v1/oauth2/token                       grant_type jwt-bearer, assertion
  POST   /v1/orgs/sandbox/identifications/otp         also /identity_document
  GET    /v1/orgs/sandbox/identifications/otp/{identification_id}    also /identity_document/{identification_id}
  DELETE /v1/orgs/sandbox/identifications/otp/{admin_identification_id}?force=true

Act as the person and the vendor, with {i} either id of a process:

  POST /control/masstack/identifications/{i}/start    also /validate, /fail, /cancel, /expire and /restart
  POST /control/masstack/profile                      {\"errors\":\"empty\"}
  POST /control/masstack/faults                       {\"kind\":\"status\",\"operation\":\"get\",\"status\":503,\"times\":3}
  GET  /control/masstack/identifications, .../service-account, .../profile, .../faults, .../statistics
";

/// What the stand-in of MasStack is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who may log in, with [`ORG`]; nobody without it.
    pub account: Option<ServiceAccount>,
    /// How the vendor's documents are read until the control API says something else.
    pub profile: Profile,
    /// What goes wrong from the start.
    pub faults: Vec<Fault<MasstackCall>>,
}

impl Options {
    /// Says what no type can say about them.
    pub(super) fn check(&self) -> Result<(), String> {
        self.profile.check()?;
        if self.faults.iter().any(|fault| fault.operation().is_none()) {
            return Err("MasStack sends no webhooks that a fault could meet".to_owned());
        }
        self.faults.iter().try_for_each(Fault::check)
    }
}

/// The whole stand-in.
pub(super) fn router(
    options: Options,
    clock: Clock,
    speed: f64,
    background: Background,
) -> io::Result<Router> {
    let Options { account, profile, faults } = options;
    let board = Faults::default();
    for fault in faults {
        board
            .set(fault, clock.now())
            .map_err(|sentence| io::Error::new(io::ErrorKind::InvalidInput, sentence))?;
    }
    let masstack = Arc::new(Masstack {
        clock,
        speed,
        account,
        tokens: Tokens::default(),
        profile: Mutex::new(profile),
        register: Mutex::default(),
        faults: board,
        statistics: Statistics::default(),
        background,
    });
    Ok(faulty(api::router(), &masstack).merge(control::router()).with_state(masstack))
}

/// What the handlers share.
struct Masstack {
    clock: Clock,
    speed: f64,
    account: Option<ServiceAccount>,
    tokens: Tokens,
    profile: Mutex<Profile>,
    register: Mutex<Register>,
    faults: Faults<MasstackCall>,
    statistics: Statistics,
    background: Background,
}

impl Masstack {
    /// Until when a process is open that is restarted now.
    fn renewed(&self) -> SystemTime {
        self.clock.now() + self.hurried(RENEWED)
    }

    /// `time` at the sandbox's speed.
    fn hurried(&self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() / self.speed).unwrap_or(time)
    }
}

impl Interpreter for Masstack {
    type Profile = Profile;
    type Register = Register;

    fn reading(&self) -> &Mutex<Profile> {
        &self.profile
    }

    fn records(&self) -> &Mutex<Register> {
        &self.register
    }
}

impl StandIn for Masstack {
    type Operation = MasstackCall;

    const CONTROL: &'static str = "/control/masstack";

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn background(&self) -> &Background {
        &self.background
    }

    fn faults(&self) -> &Faults<MasstackCall> {
        &self.faults
    }

    fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn route<'r>(&self, request: &'r Request) -> Option<Cow<'r, str>> {
        let unpublished = api::below(request.uri().path())
            .and_then(|(_org, path)| Some(self.profile().calls.find(request.method(), path)?.0.route()));
        let published = || Some(request.extensions().get::<MatchedPath>()?.as_str());
        unpublished.or_else(published).map(Cow::Borrowed)
    }

    fn operation(method: &Method, route: &str) -> Option<MasstackCall> {
        Some(MasstackCall::of(method, route))
    }

    fn server_error(&self, status: StatusCode) -> Response {
        Failure::server_error(&self.profile(), status).into_response()
    }

    fn unauthorized(&self) -> Response {
        Failure::unauthorized(&self.profile()).into_response()
    }

    fn rate_limited(&self) -> Response {
        Failure::rate_limited(&self.profile()).into_response()
    }
}
