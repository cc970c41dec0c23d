//! Builds every part from the configuration, binds, runs and drains: the only file that knows all rooms.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, DrainSettings};
use crate::hub::{Hub, HubParts};
use crate::journal::config::{JournalSettings, KeyError};
use crate::journal::embedded::{EmbeddedJournal, EmbeddedOptions};
use crate::journal::seal::{SealError, Vault};
use crate::journal::{Journal, JournalError};
use crate::listen::{self, Limits};
use crate::model::name::ConnectionId;
use crate::telemetry::Telemetry;
use crate::vendor::Account;
use crate::vendor::kit::http::{HttpTransport, Timeouts, Transport};
use crate::vendor::registry::Registry;
use crate::webhook::config::WebhookSettings;
use crate::{admin, rpc, webhook};

/// Connections a plain HTTP door holds at the same time.
const MAX_CONNECTIONS: usize = 1024;

/// A gateway that serves.
pub struct App {
    addresses: Addresses,
    journal: Arc<EmbeddedJournal>,
    hub: Arc<Hub>,
    drain: CancellationToken,
    /// The operators' door stays open until everything else has ended.
    closed: CancellationToken,
    doors: Vec<JoinHandle<()>>,
    admin: JoinHandle<()>,
    drain_time: Duration,
}

/// Where the doors listen, with the ports they were given.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// gRPC.
    pub grpc: SocketAddr,
    /// The vendors' webhooks.
    pub webhooks: SocketAddr,
    /// Operators.
    pub admin: SocketAddr,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The master keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Sealing is impossible.
    #[error("nothing can be sealed")]
    Seal(#[from] SealError),
    /// A connection cannot be built.
    #[error("a connection cannot be built")]
    Connection(#[from] crate::error::Error),
    /// The journal does not open.
    #[error("the journal does not open")]
    Journal(#[from] JournalError),
    /// An address cannot be bound.
    #[error("the {door} door cannot listen on {address}")]
    Bind {
        /// Which door.
        door: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl StartError {
    /// Whether the operator's configuration is at fault, rather than the machine.
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Journal(_) | Self::Bind { .. })
    }
}

impl App {
    /// Builds and starts a gateway. When it returns, every door is open.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        Self::start_over(config, clock, |journal| journal).await
    }

    /// Starts a gateway that reaches the configured journal through what `wrap` makes of it.
    pub async fn start_over(
        config: Config,
        clock: Clock,
        wrap: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
    ) -> Result<Self, StartError> {
        let telemetry = Telemetry::new();
        let vault = Vault::new(clock.clone(), config.keys.read()?)?;
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(Timeouts::default())?);
        let registry = Registry::build(config.connections, &clock, &transport, &telemetry.metrics())?;
        let grpc = bind("gRPC", config.grpc.listen).await?;
        let webhooks = bind("webhook", config.webhooks.listen).await?;
        let operators = bind("admin", config.admin.listen).await?;
        let addresses = Addresses {
            grpc: address(&grpc, config.grpc.listen),
            webhooks: address(&webhooks, config.webhooks.listen),
            admin: address(&operators, config.admin.listen),
        };
        let webhook_urls = webhook_urls(&registry, &config.webhooks, addresses.webhooks);
        let journal = open_journal(&config.journal, &clock)?;
        let (drain, closed) = (CancellationToken::new(), CancellationToken::new());
        let hub = Hub::new(HubParts {
            clock: clock.clone(),
            journal: wrap(journal.clone()),
            vault,
            registry,
            metrics: telemetry.metrics(),
            streams: config.streams,
            webhook_urls,
            drain: drain.clone(),
        });
        hub.recall_webhooks().await?;
        hub.recall_webhook_secrets().await?;

        let limits =
            Limits { header_timeout: config.webhooks.header_timeout(), max_connections: MAX_CONNECTIONS };
        let routes = webhook::router(hub.clone(), clock.clone(), &config.webhooks);
        let webhooks = listen::serve(webhooks, routes, limits, clock.clone(), drain.clone());
        let routes = admin::router(hub.clone(), telemetry, drain.clone());
        let operators = listen::serve(operators, routes, limits, clock.clone(), closed.clone());
        let grpc = rpc::Door {
            listener: grpc,
            settings: config.grpc,
            hub: hub.clone(),
            clock,
            drain: drain.clone(),
        };
        let doors = vec![
            tokio::spawn(webhooks),
            tokio::spawn(serve_grpc(grpc)),
            tokio::spawn(work(hub.clone(), drain.clone())),
            tokio::spawn(follow(hub.clone(), drain.clone())),
        ];
        let admin = tokio::spawn(operators);
        let drain_time = DrainSettings::time(&config.drain);
        Ok(Self { addresses, journal, hub, drain, closed, doors, admin, drain_time })
    }

    /// Where the doors listen.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The store, for operators' limits.
    pub fn journal(&self) -> &Arc<EmbeddedJournal> {
        &self.journal
    }

    /// Returns when a part without which the gateway is of no use broke down: it takes nothing more then, and is to be
    /// shut down.
    pub async fn broken(&self) {
        self.drain.cancelled().await;
    }

    /// Stops taking work, closes streams with a cursor, finishes calls and flushes, within the drain time.
    /// False when the time was not enough and the rest was cut off; nothing acknowledged is lost even then.
    pub async fn shut_down(self) -> bool {
        self.drain.cancel();
        let aborts: Vec<_> = self.doors.iter().map(JoinHandle::abort_handle).collect();
        let finish = async {
            for door in self.doors {
                if let Err(error) = door.await {
                    tracing::error!(error = %error, "A door broke down");
                }
            }
            self.hub.finish_calls().await;
        };
        let in_time = tokio::time::timeout(self.drain_time, finish).await.is_ok();
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
        self.closed.cancel();
        // Operators' requests are short; what hangs there must not hold the process up.
        let _closed = tokio::time::timeout(Duration::from_secs(1), self.admin).await;
        self.journal.close().await;
        in_time
    }
}

async fn serve_grpc(door: rpc::Door) {
    let drain = door.drain.clone();
    if let Err(error) = rpc::serve(door).await {
        tracing::error!(error = %error, "The gRPC door broke down; the gateway stops");
        drain.cancel();
    }
}

/// Works until the drain. Single jobs may panic; what is left is a fault of the worker itself, and without one
/// acknowledged webhooks would stay unread.
async fn work(hub: Arc<Hub>, drain: CancellationToken) {
    if AssertUnwindSafe(hub.work()).catch_unwind().await.is_err() {
        tracing::error!("The worker broke down; the gateway stops");
        drain.cancel();
    }
}

/// Follows the journal for the streams until the drain; without it they would fall silent.
async fn follow(hub: Arc<Hub>, drain: CancellationToken) {
    if AssertUnwindSafe(hub.follow()).catch_unwind().await.is_err() {
        tracing::error!("The journal is not followed any more; the gateway stops");
        drain.cancel();
    }
}

/// Where vendors send to. A stand-in on this machine reaches the door itself; nobody else is told an address of which
/// no operator has said that it leads here.
fn webhook_urls(
    registry: &Registry,
    settings: &WebhookSettings,
    door: SocketAddr,
) -> BTreeMap<ConnectionId, String> {
    let url = |account: &Account| {
        let id = &account.connection;
        let here = || format!("http://{door}/webhooks/{id}");
        let url = settings.url_for(id).or_else(|| (account.environment == "sandbox").then(here));
        url.map(|url| (id.clone(), url))
    };
    registry.list().filter_map(|vendor| url(vendor.account())).collect()
}

fn open_journal(settings: &JournalSettings, clock: &Clock) -> Result<Arc<EmbeddedJournal>, StartError> {
    let JournalSettings::Embedded(settings) = settings;
    let mut options = EmbeddedOptions::new(&settings.path, clock.clone());
    options.max_size = settings.max_size_bytes;
    options.event_retention = settings.event_retention();
    Ok(EmbeddedJournal::open(options)?)
}

async fn bind(door: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Bind { door, address, source })
}

fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}
