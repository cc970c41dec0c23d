//! IDnow AutoIdent.

mod api;
mod binding;
mod call;
mod control;
mod document;
mod fields;
mod file;
mod ident;
mod register;
mod reply;
mod rights;
mod robot;
mod sections;
mod signing;
mod token;
mod webhook;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::background::Background;
use super::fault::Faults;
use super::picture::Pictures;
use super::stand_in::{StandIn, faulty};
use super::statistics::Statistics;
use super::webhook::{Edition, Notice, Webhooks};
use super::{Account, SandboxOptions};
use crate::clock::Clock;
use binding::Binder;
use file::Signer;
use ident::{Channel, Ident, Kind, State, Word};
use register::{Place, Register};
use reply::ErrorAnswer;
use rights::Rights;
use robot::Scenario;
use signing::Definitions;
use token::Tokens;
use webhook::{Label, Targets};

pub use call::IdnowCall;

/// How long an identification is kept, from its creation.
const LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How often the vendor lets its system check be asked.
const CHECK_EVERY: Duration = Duration::from_secs(5 * 60);

/// What it can do, for people.
pub(super) const ABOUT: &str = "\
A stand-in of the IDnow AutoIdent API, for trials and tests. It is not IDnow, and every person in it is made up.

  POST /api/v1/{customer}/login                       {\"apiKey\"}, answers {\"authToken\"}
  POST /api/v1/{customer}/identifications/{t}/start   create or update; header X-API-LOGIN-TOKEN
  GET  /api/v1/{customer}/identifications/{t}         the result, once there is one; DELETE ends it
  GET  /api/v1/{customer}/identifications?pending=true   a list; also aborted, canceled, successful
  GET  /api/v1/{customer}/identifications/{t}.zip     its files; also .pdf, .xml
  POST /api/v1/{customer}/identifications/{t}/copy    also /archive; GET .../bindingKey
  GET  /api/v1/{customer}/documentdefinitions         documents to sign; POST makes one
  POST /api/v1/{customer}/identifications/{t}/documents/{id}/data   GET .../documents, .../documents/{id}/signed
  GET  /api/v1/{customer}, /system_check

Act as the person and the reviewer, with {t} an identification's transaction number or IdentID:

  POST /control/identifications/{t}/start             {\"channel\":\"APP\"}
  POST /control/identifications/{t}/abort             {\"reason\":\"USER_CANCELLATION_IDENTIFY_LATER\"}
  POST /control/identifications/{t}/submit            {\"result\":\"CHECK_PENDING\"}
  POST /control/identifications/{t}/review            {\"result\":\"SUCCESS\"}
  POST /control/identifications/{t}/archive           {\"kind\":\"padded\",\"bytes\":45000000}
  POST /control/identifications/{t}/sections          {\"sections\":[\"nfc\"]}
  POST /control/accounts/{customer}                   {\"signing\":false}
  GET  /control/identifications, /control/webhooks, /control/statistics, /control/signing-key

Let things go wrong, and see what was met; DELETE ends it:

  POST /control/faults                                {\"kind\":\"status\",\"operation\":\"get\",\"status\":503,\"times\":3}
  GET  /control/faults
";

/// The whole stand-in.
pub(super) fn router(options: SandboxOptions, background: Background) -> io::Result<Router> {
    let idnow = Arc::new(Idnow::new(options, background)?);
    Ok(faulty(api::router(), &idnow).merge(control::router()).with_state(idnow))
}

/// What the handlers share.
struct Idnow {
    clock: Clock,
    speed: f64,
    accounts: Vec<Account>,
    tokens: Tokens,
    binder: Binder,
    signer: Arc<Signer>,
    rights: Mutex<HashMap<String, Rights>>,
    register: Mutex<Register>,
    /// Locked after the register where both are.
    definitions: Mutex<Definitions>,
    wording: Mutex<Wording>,
    faults: Arc<Faults<IdnowCall>>,
    webhooks: Arc<Webhooks<Targets, IdnowCall>>,
    statistics: Statistics,
    checks: Mutex<Checks>,
    background: Background,
}

/// How often the vendor's system was checked.
#[derive(Default)]
struct Checks {
    last: Option<SystemTime>,
    hasty: u64,
}

/// What the vendor leaves open or contradicts itself about.
#[derive(Clone)]
struct Wording {
    /// Webhook bodies as `{"identifications":[...]}`.
    wrapped: bool,
    /// The result of an identification under way.
    start: String,
    /// The robot's result for its canceled scenario.
    robot_canceled: Word,
    /// The format of pictures.
    pictures: Pictures,
    /// Definitions of documents are updated by creating them again, and the answers are empty objects.
    old_definitions: bool,
    /// A single document comes in a list of one.
    document_in_array: bool,
}

impl Idnow {
    fn new(options: SandboxOptions, background: Background) -> io::Result<Self> {
        let SandboxOptions { clock, speed, webhook, webhook_wrapped, start_result, accounts, faults, .. } =
            options;
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let wording = Wording {
            wrapped: webhook_wrapped,
            start: start_result,
            robot_canceled: Word::parse("CANCELED").map_err(invalid)?,
            pictures: Pictures::default(),
            old_definitions: false,
            document_in_array: false,
        };
        let board = Arc::new(Faults::default());
        for fault in faults {
            board.set(fault, clock.now()).map_err(invalid)?;
        }
        let webhooks = Webhooks::new(
            clock.clone(),
            speed,
            Targets::new(webhook),
            background.clone(),
            Arc::clone(&board),
        )?;
        Ok(Self {
            tokens: Tokens::new(clock.clone()),
            webhooks: Arc::new(webhooks),
            faults: board,
            binder: Binder::new()?,
            signer: Arc::default(),
            rights: Mutex::default(),
            register: Mutex::default(),
            definitions: Mutex::default(),
            wording: Mutex::new(wording),
            statistics: Statistics::default(),
            checks: Mutex::default(),
            clock,
            speed,
            accounts,
            background,
        })
    }

    /// Lets someone move the identification at `place`, tells the customer, and wakes the robot if it is its turn.
    fn advance<Refusal>(
        self: &Arc<Self>,
        place: Place,
        step: impl FnOnce(&mut Ident, SystemTime) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let mut register = self.register();
        let ident = register.at(place);
        step(ident, now)?;
        if ident.is_success() && ident.contracts.is_empty() {
            ident.contracts = self.definitions().contracts(ident);
        }
        ident.revision.send_modify(|revision| *revision += 1);
        if !matches!(ident.state, State::Deleted) {
            self.announce(ident);
        }
        if let State::Ended(word) = &ident.state
            && word.kind() == Kind::Pending
            && let Some(scenario) = Scenario::asked_for(&ident.fields)
        {
            let revision = *ident.revision.borrow();
            let due = now + scenario.wait(word.as_str(), &self.clock).div_f64(self.speed);
            let idnow = Arc::clone(self);
            self.background.spawn(async move { idnow.robot(place, revision, scenario, due).await });
        }
        Ok(())
    }

    /// The person starts, unless a document that they have to sign is not there.
    fn person_starts(&self, ident: &mut Ident, channel: Channel) -> Result<(), String> {
        match self.definitions().missing(ident) {
            Some(missing) => Err(format!("{} lacks the document {missing:?}: upload it first", ident.id)),
            None => ident.start(channel),
        }
    }

    /// Sends the webhook of the state that `ident` is in.
    fn announce(&self, ident: &Ident) {
        let wording = self.wording().clone();
        let result = match &ident.state {
            State::Ended(word) => word.as_str().to_owned(),
            State::Created | State::Started | State::Deleted => wording.start.clone(),
        };
        let body = webhook::body(document::render(ident, &wording), wording.wrapped);
        self.tell(ident, result, body);
    }

    /// Sends a webhook about `ident` after those that are on their way.
    fn tell(&self, ident: &Ident, result: String, body: Bytes) {
        self.webhooks.send(Notice {
            subject: ident.id.clone(),
            label: Label {
                customer: ident.customer.clone(),
                id: ident.id.clone(),
                transactionnumber: ident.number.clone(),
                result,
            },
            body,
            edition: Some(Edition {
                revision: *ident.revision.borrow(),
                current: ident.revision.subscribe(),
            }),
        });
    }

    /// Reviews what the person handed in at `revision`, unless someone else was faster.
    async fn robot(self: Arc<Self>, place: Place, revision: u64, scenario: Scenario, due: SystemTime) {
        self.clock.sleep_until(due).await;
        let canceled = self.wording().robot_canceled.clone();
        let reviewed = self.advance(place, |ident, now| {
            if *ident.revision.borrow() != revision {
                return Err(format!("{} changed before the robot came to it", ident.id));
            }
            let State::Ended(pending) = &ident.state else { return Err(format!("{} went on", ident.id)) };
            ident.review(scenario.verdict(pending.as_str(), &canceled)?, now)
        });
        if let Err(refusal) = reviewed {
            tracing::debug!(refusal, "the test robot had nothing to review");
        }
    }

    /// Takes note of a system check, which may come too soon after the last one.
    fn checked(&self) {
        let now = self.clock.now();
        let mut checks = self.checks();
        let too_soon = |last: SystemTime| now < last + CHECK_EVERY;
        checks.hasty += u64::from(checks.last.is_some_and(too_soon));
        checks.last = Some(now);
    }

    /// What was asked of the stand-in, and what it made.
    fn counts(&self) -> Value {
        let sum = |method: &str, route: &str| self.statistics.sum(&format!("{method} {route}"));
        json!({
            "logins": sum("POST", api::LOGIN),
            "starts": sum("POST", api::START),
            "gets": sum("GET", api::GET),
            "hasty_system_checks": self.checks().hasty,
            "by_path": self.statistics.view(),
            "created": self.register().iter().count(),
        })
    }

    /// All identifications whose life has not ended.
    fn register(&self) -> MutexGuard<'_, Register> {
        let mut register = self.register.lock().unwrap_or_else(PoisonError::into_inner);
        let life = Duration::try_from_secs_f64(LIFE.as_secs_f64() / self.speed).unwrap_or(Duration::MAX);
        register.expire(self.clock.now(), life);
        register
    }

    fn definitions(&self) -> MutexGuard<'_, Definitions> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checks(&self) -> MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wording(&self) -> MutexGuard<'_, Wording> {
        self.wording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StandIn for Idnow {
    type Operation = IdnowCall;

    const CONTROL: &'static str = "/control";

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn background(&self) -> &Background {
        &self.background
    }

    fn faults(&self) -> &Faults<IdnowCall> {
        &self.faults
    }

    fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn route<'r>(&self, request: &'r Request) -> Option<Cow<'r, str>> {
        api::route(request)
    }

    fn operation(method: &Method, route: &str) -> Option<IdnowCall> {
        IdnowCall::of(method, route)
    }

    fn server_error(&self, status: StatusCode) -> Response {
        ErrorAnswer::server_error(&self.clock, status).into_response()
    }

    fn unauthorized(&self) -> Response {
        ErrorAnswer::invalid_login_token(&self.clock).into_response()
    }

    fn rate_limited(&self) -> Response {
        StatusCode::TOO_MANY_REQUESTS.into_response()
    }
}

/// The answer to `path`, if it is one that the vendor could have but has not.
pub(super) fn no_such_path(clock: &Clock, path: &str) -> Option<Response> {
    path.starts_with("/api/").then(|| ErrorAnswer::no_such_path(clock).into_response())
}
