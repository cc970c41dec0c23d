//! A hub over a journal on disk, a vendor that registers webhooks, and a clock that is held by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::error::Result;
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::{Hub, HubParts};
use idv_gateway::journal::Journal as _;
use idv_gateway::journal::embedded::{EmbeddedJournal, EmbeddedOptions};
use idv_gateway::journal::seal::{MasterKey, Vault};
use idv_gateway::listen::{self, Limits};
use idv_gateway::proto::{
    DeleteVendorWebhookRequest, ListWebhookDeliveriesRequest, RegisterVendorWebhookRequest, VendorWebhook,
    VendorWebhookKind, WebhookAuthentication, WebhookDelivery,
};
use idv_gateway::telemetry::Telemetry;
use idv_gateway::vendor::Vendor;
use idv_gateway::vendor::kit::delivery::Unverified;
use idv_gateway::vendor::webhook_setting::GeneratedSecret;
use idv_gateway::webhook::{self, config::WebhookSettings};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::registrar::{BANK, CONNECTION, Office, Registrar, sent_with};
use crate::vendor::rig::noon;

pub(super) const URI: &str = "https://idv.bank.example/webhooks/bank";
pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) struct House {
    pub(super) hub: Arc<Hub>,
    pub(super) hand: ManualClock,
    pub(super) office: Arc<Office>,
    folder: TempDir,
    make: Make,
    _drained: DropGuard,
}

/// What a gateway is made of.
struct Make {
    clock: Clock,
    journal: Arc<EmbeddedJournal>,
    master_key: SecretString,
    telemetry: Telemetry,
    uri: Option<&'static str>,
    drain: CancellationToken,
}

impl Make {
    async fn hub(&self, vendor: Arc<dyn Vendor>) -> Arc<Hub> {
        let key = MasterKey::parse(&self.master_key).unwrap();
        let own = self.uri.map(|uri| (CONNECTION.parse().unwrap(), uri.to_owned()));
        let hub = Hub::new(HubParts {
            clock: self.clock.clone(),
            journal: self.journal.clone(),
            vault: Vault::new(self.clock.clone(), vec![key]).unwrap(),
            registry: [vendor].into_iter().collect(),
            metrics: self.telemetry.metrics(),
            streams: StreamSettings::default(),
            webhook_urls: own.into_iter().collect(),
            drain: self.drain.clone(),
        });
        hub.recall_webhook_secrets().await.unwrap();
        hub
    }
}

impl House {
    /// A house whose gateway knows its own address.
    pub(super) async fn new() -> Self {
        Self::with(Some(URI), |office| Registrar::new(office, [])).await
    }

    pub(super) async fn with<V: Vendor + 'static>(
        uri: Option<&'static str>,
        vendor: impl FnOnce(Arc<Office>) -> V,
    ) -> Self {
        let (clock, hand) = Clock::manual(noon());
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::new(folder.path().join("journal.sqlite3"), clock.clone());
        let journal = EmbeddedJournal::open(options).unwrap();
        let (telemetry, drain, office) = (Telemetry::new(), CancellationToken::new(), Arc::default());
        let master_key = MasterKey::generate(&clock).to_base64();
        let vendor: Arc<dyn Vendor> = Arc::new(vendor(Arc::clone(&office)));
        let make = Make { clock, journal, master_key, telemetry, uri, drain };
        let hub = make.hub(vendor).await;
        let _drained = make.drain.clone().drop_guard();
        Self { hub, hand, office, folder, make, _drained }
    }

    /// Another gateway over the same journal, which knows what is in it and nothing else.
    pub(super) async fn restarted(&self) -> Arc<Hub> {
        self.make.hub(Arc::new(Registrar::new(self.office.clone(), []))).await
    }

    pub(super) async fn register(&self, kind: VendorWebhookKind) -> Result<VendorWebhook> {
        self.register_as(kind, WebhookAuthentication::Bearer, true).await
    }

    pub(super) async fn register_as(
        &self,
        kind: VendorWebhookKind,
        authentication: WebhookAuthentication,
        encrypted: bool,
    ) -> Result<VendorWebhook> {
        let request = RegisterVendorWebhookRequest {
            parent: BANK.to_owned(),
            kind: kind.into(),
            authentication: authentication.into(),
            encrypted,
            ..RegisterVendorWebhookRequest::default()
        };
        Ok(self.hub.register_vendor_webhook(&request).await?.vendor_webhook.unwrap())
    }

    pub(super) async fn delete(&self, id: &str, allow_missing: bool) -> Result<()> {
        let name = format!("{BANK}/vendorWebhooks/{id}");
        let request = DeleteVendorWebhookRequest { name, allow_missing };
        self.hub.delete_vendor_webhook(&request).await.map(drop)
    }

    /// Whether the door takes what comes with `secret`.
    pub(super) async fn takes(&self, secret: &GeneratedSecret) -> bool {
        self.takes_at(&self.hub, secret).await
    }

    /// Whether the door of `hub` does.
    pub(super) async fn takes_at(&self, hub: &Hub, secret: &GeneratedSecret) -> bool {
        let request = sent_with(secret, r#"{"ticket":"t"}"#);
        let request = Unverified { receive_time: self.make.clock.now(), ..request };
        hub.accept_webhook(CONNECTION, request).await.is_ok()
    }

    /// What every request that was made so far comes with.
    pub(super) fn offered(&self) -> Vec<GeneratedSecret> {
        self.office.desk().asked.clone()
    }

    /// The sum of the metric lines that begin with `name` and have `label`.
    pub(super) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.scrape();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// How many events there are.
    pub(super) fn head(&self) -> u64 {
        *self.make.journal.watch_head().borrow()
    }

    /// Every delivery, newest first.
    pub(super) async fn deliveries(&self) -> Vec<WebhookDelivery> {
        let parent = BANK.to_owned();
        let request = ListWebhookDeliveriesRequest { parent, ..ListWebhookDeliveriesRequest::default() };
        self.hub.list_webhook_deliveries(&request).await.unwrap().webhook_deliveries
    }

    /// Every metric.
    pub(super) fn scrape(&self) -> String {
        self.make.telemetry.scrape().unwrap()
    }

    /// The webhook door, over real sockets.
    pub(super) async fn door(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = webhook::router(self.hub.clone(), self.make.clock.clone(), &WebhookSettings::default());
        let limits = Limits { header_timeout: Duration::from_secs(60), max_connections: 8 };
        tokio::spawn(listen::serve(
            listener,
            routes,
            limits,
            self.make.clock.clone(),
            self.make.drain.clone(),
        ));
        address
    }

    /// Every byte of the store.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}
