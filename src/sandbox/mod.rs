//! Stand-ins for the vendors' APIs, to try and to test the gateway without a vendor account.
//!
//! Written from the vendors' documents and recorded answers alone: nothing here is shared with the connectors, so
//! that a wrong reading of a document shows as a disagreement between the two. `docs/sandbox.md` says what a
//! stand-in does, how to act as the person and the reviewer, and what it does not check.

mod background;
mod control;
mod fault;
mod idnow;
pub mod masstack;
mod picture;
pub mod preventor;
pub mod preventor_open;
mod stand_in;
mod statistics;
mod token;
mod webhook;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::clock::Clock;
use background::Background;

pub use fault::{Effect, Fault, Operation};
pub use idnow::IdnowCall;
pub use picture::jpeg;

/// How long a shutdown waits for requests in flight before it cuts them off.
const DRAIN: Duration = Duration::from_secs(5);

/// What a sandbox is started with.
pub struct SandboxOptions {
    /// Where to listen. Port 0 takes a free one; [`Sandbox::address`] tells which.
    pub listen: SocketAddr,
    /// Time, ids and randomness.
    pub clock: Clock,
    /// How much faster than the vendors robots act and webhooks are retried; 60 makes a minute a second.
    /// Login tokens keep their true hour, because their claims say so.
    pub speed: f64,
    /// Where webhooks go until the control API sets something else; `None` sends none.
    pub webhook: Option<WebhookTarget>,
    /// Whether webhook bodies are wrapped as `{"identifications":[...]}`; the vendor's document shows both.
    pub webhook_wrapped: bool,
    /// The result word of the webhook sent when the person starts. The vendor does not publish it.
    pub start_result: String,
    /// Who may log in. At least one, unless another vendor has an account.
    pub accounts: Vec<Account>,
    /// What goes wrong from the start.
    pub faults: Vec<Fault<IdnowCall>>,
    /// Another vendor. What stands above beside the address, the clock and the speed is IDnow's.
    pub preventor: preventor::Options,
    /// And one more.
    pub masstack: masstack::Options,
    /// The second vendor's older services.
    pub preventor_open: preventor_open::Options,
}

/// One customer account (a shortname) and its key.
#[derive(Clone, Debug)]
pub struct Account {
    /// The shortname, as it stands in every path.
    pub customer: String,
    /// The key that logs it in.
    pub api_key: SecretString,
}

/// Where webhooks are sent, and the Basic credentials they carry.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// An absolute http or https URL.
    pub url: String,
    /// The user name of the Basic credentials.
    pub username: String,
    /// The password of the Basic credentials.
    pub password: SecretString,
}

/// A running sandbox. Everything it can do is reached through its address; dropping it stops it without waiting.
pub struct Sandbox {
    address: SocketAddr,
    background: Background,
    server: JoinHandle<io::Result<()>>,
    stop: DropGuard,
}

impl Sandbox {
    /// Binds, and serves from a task of the current tokio runtime.
    ///
    /// # Errors
    /// `InvalidInput` for options that cannot work, else what binding the address answered.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        options.check()?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let background = Background::default();
        let router = router(options, &background)?;
        let stopped = background.stopped();
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned());
        Ok(Self {
            address,
            stop: background.stopped().drop_guard(),
            background,
            server: tokio::spawn(server.into_future()),
        })
    }

    /// The address it listens on, with the port it was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections, ends retries and robots, and waits up to five seconds for requests in flight.
    pub async fn shutdown(self) {
        let Self { background, mut server, stop, .. } = self;
        drop(stop);
        let drained = tokio::time::timeout(DRAIN, async {
            background.finished().await;
            (&mut server).await
        });
        match drained.await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the sandbox stopped serving with an error"),
            Ok(Err(error)) => tracing::error!(%error, "the sandbox did not stop in order"),
            Err(_elapsed) => server.abort(),
        }
    }
}

/// Every stand-in, and what they have in common.
fn router(mut options: SandboxOptions, background: &Background) -> io::Result<Router> {
    let (clock, speed) = (options.clock.clone(), options.speed);
    let preventor = std::mem::take(&mut options.preventor);
    let masstack = std::mem::take(&mut options.masstack);
    let preventor_open = std::mem::take(&mut options.preventor_open);
    let about = about(&preventor.base_path);
    Ok(Router::new()
        .merge(masstack::router(masstack, clock.clone(), speed, background.clone())?)
        .merge(preventor::router(preventor, clock.clone(), speed, background.clone())?)
        .merge(preventor_open::router(preventor_open, clock.clone(), background.clone())?)
        .merge(idnow::router(options, background.clone())?)
        .route("/", get(async || about))
        .fallback(async move |uri: Uri| nothing_here(&clock, &uri))
        .layer(DefaultBodyLimit::max(stand_in::BODY)))
}

fn about(base_path: &str) -> String {
    let preventor = preventor::ABOUT.replace("{base}", base_path);
    let all = [idnow::ABOUT, &preventor, preventor_open::ABOUT, masstack::ABOUT];
    format!("{}\ndocs/sandbox.md tells the rest.\n", all.join("\n"))
}

fn nothing_here(clock: &Clock, uri: &Uri) -> Response {
    let nothing = || (StatusCode::NOT_FOUND, "Nothing here. GET / tells what the sandbox can do.\n");
    idnow::no_such_path(clock, uri.path()).unwrap_or_else(|| nothing().into_response())
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Default for SandboxOptions {
    /// A free port on loopback, true time, true speed, no webhooks and no account: the caller adds one.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: Clock::system(),
            speed: 1.0,
            webhook: None,
            webhook_wrapped: false,
            start_result: "START".to_owned(),
            accounts: Vec::new(),
            faults: Vec::new(),
            preventor: preventor::Options::default(),
            masstack: masstack::Options::default(),
            preventor_open: preventor_open::Options::default(),
        }
    }
}

impl SandboxOptions {
    fn check(&self) -> io::Result<()> {
        let invalid = |message: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        let others = [
            self.preventor.account.is_some(),
            self.masstack.account.is_some(),
            self.preventor_open.account.is_some(),
        ];
        if self.accounts.is_empty() && !others.contains(&true) {
            return invalid("the sandbox needs at least one account, or nobody can log in");
        }
        if !(self.speed.is_finite() && self.speed > 0.0) {
            return invalid("the sandbox's speed is a number above 0");
        }
        if self.preventor.base_path == preventor_open::BIOMETRICS {
            return invalid("the base path /v1 is that of Preventor's Open Services");
        }
        let faults = self.faults.iter().try_for_each(Fault::check);
        let vendors = [self.preventor.check(), self.masstack.check(), self.preventor_open.check()];
        let checked = vendors.into_iter().fold(faults, Result::and);
        checked.or_else(|sentence| invalid(&sentence))
    }
}
