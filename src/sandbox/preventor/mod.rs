//! Preventor ID: invitations, tickets and webhooks.

mod api;
mod call;
mod cipher;
mod control;
mod document;
mod invitation;
mod profile;
mod register;
mod reply;
mod scenario;
mod settings;
mod ticket;
mod webhook;

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;

use super::background::Background;
use super::fault::{Fault, Faults};
use super::stand_in::{Interpreter, Reading as _, StandIn, faulty};
use super::statistics::Statistics;
use super::token::Tokens;
use super::webhook::{Notice, Webhooks};
use crate::clock::Clock;
use invitation::{Invitation, News};
use register::{Place, Register};
use reply::Failure;
use scenario::{Move, Scenario};
use settings::Settings;
use ticket::{Decision, Person, Progress};
use webhook::Post;

pub use call::PreventorCall;
pub use profile::{EnvelopeStatus, Expiry, Generation, Message, Order, Profile, Retries};
pub use settings::{Authorization, Kind, Registration};

/// The only tenant. Whatever names it is the sandbox's.
pub const TENANT: &str = "sandbox";
/// The only environment.
pub const ENV: &str = "sandbox";
/// The only bank number. Whatever names it is the sandbox's.
pub const BANKNU: &str = "SANDBOX";

/// How long an invitation is open. The vendor does not say.
const VALIDITY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a person of a scenario takes for each move.
const PAUSE: Duration = Duration::from_secs(30);

/// What it can do, for people.
pub(super) const ABOUT: &str = "\
A stand-in of the Preventor ID API, for trials and tests. It is not Preventor, and every person in it is made up.

  POST   {base}/auth/token                            Basic key:secret; x-api-key, x-tenant, x-env, x-banknu
  POST   {base}/invitations/check                     also /invitations/users/register
  POST   {base}/notifications/invitation/{i}/send
  PATCH  {base}/invitations/users/{recipient}         also DELETE
  GET    {base}/invitations/logs/{i}/activities
  GET    {base}/transactions/{ticket}                 also /images?type=ALL
  GET    {base}/settings/webhooks                     also PUT, and DELETE /settings/webhooks/{id}

Act as the person and the reviewer, with {i} an invitation's id or recipient, or a ticket:

  POST /control/preventor/invitations/{i}/start       {\"first_name\":\"Erika\"}
  POST /control/preventor/invitations/{i}/step        {\"sub_event\":\"verification.liveness\",\"disposition\":\"PASSED\"}
  POST /control/preventor/invitations/{i}/complete    {\"flow_status\":\"ACCEPTED\"}
  POST /control/preventor/invitations/{i}/play        {\"scenario\":\"retry\"}
  POST /control/preventor/profile                     {\"message\":\"list\"}
  POST /control/preventor/faults                      {\"kind\":\"status\",\"operation\":\"ticket\",\"status\":503,\"times\":3}
  GET  /control/preventor/invitations, .../webhooks, .../profile, .../faults, .../statistics
";

/// What the stand-in of Preventor ID is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What stands before every path, in which the vendor's hosts differ: it begins with a slash and ends without.
    pub base_path: String,
    /// Who may log in, with [`TENANT`], [`ENV`] and [`BANKNU`]; nobody without it.
    pub account: Option<Account>,
    /// The webhooks that are registered already.
    pub webhooks: Vec<Registration>,
    /// How the vendor's documents are read until the control API says something else.
    pub profile: Profile,
    /// What goes wrong from the start.
    pub faults: Vec<Fault<PreventorCall>>,
}

/// The account that the stand-in knows.
#[derive(Clone, Debug)]
pub struct Account {
    /// The key of every request.
    pub api_key: SecretString,
    /// What logs in together with the key.
    pub secret: SecretString,
}

impl Default for Options {
    /// Nobody's, at the path of the vendor's own sandbox.
    fn default() -> Self {
        Self {
            base_path: "/id/v1/identity".to_owned(),
            account: None,
            webhooks: Vec::new(),
            profile: Profile::default(),
            faults: Vec::new(),
        }
    }
}

impl Options {
    /// Says what no type can say about them.
    pub(super) fn check(&self) -> Result<(), String> {
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let is_segment = |text: &str| !text.is_empty() && text.bytes().all(fits);
        let path = self.base_path.strip_prefix('/');
        if !path.is_some_and(|path| path.split('/').all(is_segment)) {
            return Err(format!("the base path is one such as /id/v1/identity, not {:?}", self.base_path));
        }
        for registration in &self.webhooks {
            registration.check().map_err(|(field, rule)| format!("a webhook's `{field}` is {rule}"))?;
        }
        self.profile.check()?;
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
    let base = options.base_path.clone();
    let preventor = Arc::new(Preventor::new(options, clock, speed, background)?);
    let nowhere = Arc::clone(&preventor);
    let api = faulty(api::router(), &preventor)
        .fallback(async move || Failure::no_such_path(&nowhere.profile()).into_response());
    Ok(Router::new().nest(&base, api).merge(control::router()).with_state(preventor))
}

/// What the handlers share.
struct Preventor {
    clock: Clock,
    speed: f64,
    base_path: String,
    account: Option<Account>,
    tokens: Tokens,
    profile: Arc<Mutex<Profile>>,
    register: Mutex<Register>,
    faults: Arc<Faults<PreventorCall>>,
    webhooks: Arc<Webhooks<Post, PreventorCall>>,
    statistics: Statistics,
    background: Background,
}

impl Preventor {
    fn new(options: Options, clock: Clock, speed: f64, background: Background) -> io::Result<Self> {
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let Options { base_path, account, webhooks, profile, faults } = options;
        let board = Arc::new(Faults::default());
        for fault in faults {
            board.set(fault, clock.now()).map_err(invalid)?;
        }
        let mut settings = Settings::default();
        for registration in webhooks {
            settings.put(&clock, registration);
        }
        let profile = Arc::new(Mutex::new(profile));
        let post =
            Post { clock: clock.clone(), profile: Arc::clone(&profile), settings: Mutex::new(settings) };
        let webhooks = Webhooks::new(clock.clone(), speed, post, background.clone(), Arc::clone(&board))?;
        Ok(Self {
            clock,
            speed,
            base_path,
            account,
            tokens: Tokens::default(),
            profile,
            register: Mutex::default(),
            faults: board,
            webhooks: Arc::new(webhooks),
            statistics: Statistics::default(),
            background,
        })
    }

    /// Lets something happen to the invitation at `place`, and tells the account.
    fn advance(
        &self,
        place: Place,
        step: impl FnOnce(&mut Invitation, SystemTime) -> Result<News, String>,
    ) -> Result<(), String> {
        let now = self.clock.now();
        let mut register = self.register();
        let invitation = register.at(place);
        let news = step(invitation, now)?;
        invitation.revision += 1;
        self.tell(invitation, news);
        Ok(())
    }

    /// One move of a person or about them, with the ticket at `place` or the newest.
    fn take(
        &self,
        step: Move,
        place: Place,
        invitation: &mut Invitation,
        now: SystemTime,
    ) -> Result<News, String> {
        match step {
            Move::Start => invitation.start(self.clock.uuid().to_string(), Person::default(), now),
            Move::Step(step, disposition) => {
                let progress = Progress { step, disposition, remaining_attempts: None, reason: None };
                invitation.proceed(place.ticket, progress, now)
            }
            Move::Complete(flow_status) => {
                let decision =
                    Decision { flow_status, disposition: None, risk_code: None, confidence_score: None };
                invitation.complete(place.ticket, decision, now)
            }
            Move::Expire => invitation.try_expire(now),
        }
    }

    /// Has a person act by themselves, until someone else does something about their invitation.
    fn play(self: &Arc<Self>, place: Place, scenario: Scenario) {
        let preventor = Arc::clone(self);
        let mut revision = self.register().at(place).revision;
        let pause = PAUSE.div_f64(self.speed);
        let mut due = self.clock.now();
        self.background.spawn(async move {
            for step in scenario.moves() {
                due += pause;
                preventor.clock.sleep_until(due).await;
                let moved = preventor.advance(place, |invitation, now| {
                    if invitation.revision != revision {
                        return Err(format!("{} was moved by someone else", invitation.id));
                    }
                    preventor.take(*step, place, invitation, now)
                });
                if let Err(refusal) = moved {
                    tracing::debug!(refusal, "a scenario of the sandbox ended early");
                    return;
                }
                revision += 1;
            }
        });
    }

    /// Sends the webhooks of `news`.
    fn tell(&self, invitation: &Invitation, news: News) {
        let Profile { generation, order, .. } = self.profile();
        let ticket = |place: usize| invitation.tickets.get(place);
        let mut told: Vec<_> = match news {
            News::None => Vec::new(),
            News::Progress(place) => ticket(place)
                .and_then(|ticket| webhook::progress(generation, invitation, ticket))
                .into_iter()
                .collect(),
            News::Decided(place) => ticket(place)
                .map(|ticket| webhook::decided(generation, invitation, ticket))
                .unwrap_or_default(),
        };
        if order == Order::InvitationFirst {
            told.reverse();
        }
        for (label, body) in told {
            let subject = invitation.id.clone();
            self.webhooks.send(Notice { subject, label, body, edition: None });
        }
    }

    /// When an invitation that is delivered now ends.
    fn expiry(&self) -> SystemTime {
        let validity = Duration::try_from_secs_f64(VALIDITY.as_secs_f64() / self.speed);
        self.clock.now() + validity.unwrap_or(VALIDITY)
    }
}

impl Interpreter for Preventor {
    type Profile = Profile;
    type Register = Register;

    fn reading(&self) -> &Mutex<Profile> {
        &self.profile
    }

    fn records(&self) -> &Mutex<Register> {
        &self.register
    }
}

impl StandIn for Preventor {
    type Operation = PreventorCall;

    const CONTROL: &'static str = "/control/preventor";

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn background(&self) -> &Background {
        &self.background
    }

    fn faults(&self) -> &Faults<PreventorCall> {
        &self.faults
    }

    fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn route<'r>(&self, request: &'r Request) -> Option<Cow<'r, str>> {
        let path = request.extensions().get::<MatchedPath>()?.as_str();
        path.strip_prefix(&self.base_path).map(Cow::Borrowed)
    }

    fn operation(method: &Method, route: &str) -> Option<PreventorCall> {
        Some(PreventorCall::of(method, route))
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
