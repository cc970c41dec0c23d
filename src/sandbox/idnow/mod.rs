//! IDnow AutoIdent.

mod api;
mod binding;
mod control;
mod document;
mod fault;
mod fields;
mod file;
mod ident;
mod register;
mod reply;
mod rights;
mod robot;
mod sections;
mod signing;
mod statistics;
mod token;
mod webhook;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tokio::sync::oneshot;

use super::background::Background;
use super::{Account, SandboxOptions};
use crate::clock::Clock;
use binding::Binder;
use fault::Faults;
use file::{Pictures, Signer};
use ident::{Channel, Ident, Kind, State, Word};
use register::{Place, Register};
use reply::ErrorAnswer;
use rights::Rights;
use robot::Scenario;
use signing::Definitions;
use statistics::Statistics;
use token::Tokens;
use webhook::{Notice, Turn, Webhooks};

/// How long an identification is kept, from its creation.
const LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Bytes of a request body that are read; the vendor's own limit is not known.
const BODY: usize = 256 * 1024;

const ABOUT: &str = "\
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

docs/sandbox.md tells the rest.
";

/// The whole stand-in.
pub(super) fn router(options: SandboxOptions, background: Background) -> io::Result<Router> {
    let idnow = Arc::new(Idnow::new(options, background)?);
    let faulty = middleware::from_fn_with_state(Arc::clone(&idnow), fault::interfere);
    let counted = middleware::from_fn_with_state(Arc::clone(&idnow.statistics), statistics::count);
    let clock = idnow.clock.clone();
    Ok(Router::new()
        .merge(api::router())
        .layer(faulty)
        // Outside of the faults: what was answered is counted, not what would have been.
        .layer(counted)
        .merge(control::router())
        .route("/", get(async || ABOUT))
        .fallback(async move |uri: Uri| nothing_here(&clock, &uri))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(idnow))
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
    faults: Arc<Faults>,
    webhooks: Arc<Webhooks>,
    statistics: Arc<Statistics>,
    background: Background,
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
        let webhooks = Webhooks::new(clock.clone(), speed, webhook, background.clone(), Arc::clone(&board))?;
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
            statistics: Arc::default(),
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
    fn announce(&self, ident: &mut Ident) {
        let wording = self.wording().clone();
        let result = match &ident.state {
            State::Ended(word) => word.as_str().to_owned(),
            State::Created | State::Started | State::Deleted => wording.start.clone(),
        };
        let body = webhook::body(document::render(ident, &wording), wording.wrapped);
        self.tell(ident, result, body);
    }

    /// Sends a webhook about `ident` after those that are on their way.
    fn tell(&self, ident: &mut Ident, result: String, body: Bytes) {
        let (tried, trying) = oneshot::channel();
        self.webhooks.send(Notice {
            customer: ident.customer.clone(),
            id: ident.id.clone(),
            number: ident.number.clone(),
            result,
            body,
            revision: *ident.revision.borrow(),
            current: ident.revision.subscribe(),
            turn: Turn { before: ident.last_webhook.replace(trying), tried },
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

    fn wording(&self) -> MutexGuard<'_, Wording> {
        self.wording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nothing_here(clock: &Clock, uri: &Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return ErrorAnswer::no_such_path(clock).into_response();
    }
    (StatusCode::NOT_FOUND, "Nothing here. GET / tells what the sandbox can do.\n").into_response()
}
