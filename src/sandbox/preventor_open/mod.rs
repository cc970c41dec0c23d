//! Preventor's Open Services: customers of a compliance platform, and biometrics. They send no webhooks.

mod api;
mod call;
mod control;
mod document;
mod process;
mod profile;
mod register;
mod reply;
mod shape;

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::background::Background;
use super::fault::{Fault, Faults};
use super::stand_in::{Interpreter, Reading as _, StandIn, faulty};
use super::statistics::Statistics;
use super::token::Tokens;
use crate::clock::Clock;
use register::Register;
use reply::Failure;

pub use call::OpenCall;
pub use profile::{Basic, Errors, Pictures, Place, Portrait, Profile, TokenEnd, Written};

/// The only tenant. Whatever names it is the sandbox's.
pub const TENANT: &str = "sandbox";
/// The only environment.
pub const ENV: &str = "sandbox";
/// The only bank number. Whatever names it is the sandbox's.
pub const BANKNU: &str = "SANDBOX";
/// The only client of a login.
pub const CLIENT: &str = "sandbox";
/// The only scope of a login.
pub const SCOPE: &str = "sandbox";
/// Who logs in.
pub const USERNAME: &str = "sandbox@example.com";

/// What the paths about biometrics begin with, which the vendor has on a host of its own.
pub(super) const BIOMETRICS: &str = "/v1";

/// What it can do, for people.
pub(super) const ABOUT: &str = "\
A stand-in of Preventor's Open Services, for trials and tests. It is not Preventor, and nobody in it is real.

  POST   /security/oauth/token                        Basic; x-api-key, x-tenant, x-env, x-banknu; a password grant
  POST   /onboarding/customerOnboarding               also /customerMaintenance, /getCustomer, /accountOnboarding
  POST   /onboarding/registerMonetaryTransaction
  POST   /v1/auth/token                               Basic key:secret; a token for one process
  POST   /v1/workflow/enroll/user                     also /{user}/upload
  GET    /v1/workflow/enroll/user/{user}/ticket/{ticket}

Look at what was made, and act as the vendor:

  POST /control/preventor-open/users/{user}/findings  {\"photoVerify\":false}
  POST /control/preventor-open/profile                {\"errors\":\"empty\"}
  POST /control/preventor-open/faults                 {\"kind\":\"status\",\"operation\":\"customer\",\"status\":503,\"times\":3}
  GET  /control/preventor-open/requests, .../customers, .../accounts, .../transactions, .../processes
  GET  /control/preventor-open/profile, .../faults, .../statistics
";

/// What the stand-in of Preventor's Open Services is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who may log in, with [`TENANT`], [`ENV`], [`BANKNU`], [`CLIENT`], [`SCOPE`] and [`USERNAME`]; nobody without it.
    pub account: Option<Account>,
    /// How the vendor's documents are read until the control API says something else.
    pub profile: Profile,
    /// What goes wrong from the start.
    pub faults: Vec<Fault<OpenCall>>,
}

/// The account that the stand-in knows.
#[derive(Clone, Debug)]
pub struct Account {
    /// The key of every request.
    pub api_key: SecretString,
    /// What begins biometric processes together with the key.
    pub secret: SecretString,
    /// What logs [`USERNAME`] in.
    pub password: SecretString,
}

impl Account {
    fn key(&self) -> &str {
        self.api_key.expose_secret()
    }
}

impl Options {
    /// Says what no type can say about them.
    pub(super) fn check(&self) -> Result<(), String> {
        self.profile.check()?;
        if self.faults.iter().any(|fault| fault.operation().is_none()) {
            return Err("Preventor's Open Services send no webhooks that a fault could meet".to_owned());
        }
        self.faults.iter().try_for_each(Fault::check)
    }
}

/// The whole stand-in.
pub(super) fn router(options: Options, clock: Clock, background: Background) -> io::Result<Router> {
    let Options { account, profile, faults } = options;
    let board = Faults::default();
    for fault in faults {
        board
            .set(fault, clock.now())
            .map_err(|sentence| io::Error::new(io::ErrorKind::InvalidInput, sentence))?;
    }
    let open = Arc::new(OpenServices {
        clock,
        account,
        tokens: Tokens::default(),
        profile: Mutex::new(profile),
        register: Mutex::default(),
        faults: board,
        statistics: Statistics::default(),
        background,
    });
    Ok(faulty(api::router(), &open).merge(control::router()).with_state(open))
}

/// What the handlers share.
struct OpenServices {
    clock: Clock,
    account: Option<Account>,
    tokens: Tokens,
    profile: Mutex<Profile>,
    register: Mutex<Register>,
    faults: Faults<OpenCall>,
    statistics: Statistics,
    background: Background,
}

impl Interpreter for OpenServices {
    type Profile = Profile;
    type Register = Register;

    fn reading(&self) -> &Mutex<Profile> {
        &self.profile
    }

    fn records(&self) -> &Mutex<Register> {
        &self.register
    }
}

impl StandIn for OpenServices {
    type Operation = OpenCall;

    const CONTROL: &'static str = "/control/preventor-open";

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn background(&self) -> &Background {
        &self.background
    }

    fn faults(&self) -> &Faults<OpenCall> {
        &self.faults
    }

    fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn route<'r>(&self, request: &'r Request) -> Option<Cow<'r, str>> {
        Some(Cow::Borrowed(request.extensions().get::<MatchedPath>()?.as_str()))
    }

    fn operation(method: &Method, route: &str) -> Option<OpenCall> {
        Some(OpenCall::of(method, route))
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
