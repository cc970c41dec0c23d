//! A gateway, a sandbox, and a clock that moves both.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use idv_gateway::app::{Addresses, App};
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::config::Config;
use idv_gateway::journal::Journal as _;
use idv_gateway::journal::embedded::EmbeddedJournal;
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{
    AdoptIdentificationRequest, AdoptIdentificationResponse, CreateIdentificationRequest,
    CreateIdentificationResponse, Event, GetIdentificationRequest, Identification, IdentificationView,
    WebhookDeliveryState,
};
use idv_gateway::sandbox::masstack::{self, ServiceAccount};
use idv_gateway::sandbox::{Account, Sandbox, SandboxOptions, preventor, preventor_open};
use prost::Message as _;
use rusqlite::{Connection, OpenFlags};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::transport::Channel;

use super::settings::{USER, configuration};
use super::words::{BANK, CUSTOMER, OTHER_CUSTOMER, PURPOSE, client, create};

/// When every scenario begins: 2026-11-20T12:00:00Z.
pub(super) const START_SECONDS: u64 = 1_795_176_000;
/// A scenario that waits longer for one thing hangs.
const GUARD: Duration = Duration::from_secs(60);
pub(super) const PASSWORD: &str = "open sesame";
/// What webhooks of Preventor's may be encrypted with.
pub(super) const CIPHER_KEY: &str = "0123456789abcdef0123456789abcdef";
pub(super) const API_KEY: &str = "key of the sandbox";

/// What a house is built with.
#[derive(Clone)]
pub(super) struct Plan {
    /// The sandbox sends webhooks; otherwise the scenario posts its own.
    pub(super) webhooks: bool,
    /// The connections take webhooks.
    pub(super) takes_webhooks: bool,
    /// Streams one caller may hold open.
    pub(super) max_streams: usize,
    /// On what evidence decisions are published.
    pub(super) min_evidence: &'static str,
    /// More keys for the webhook door.
    pub(super) door: &'static str,
    /// More keys for what webhooks have to show.
    pub(super) webhook: &'static str,
    /// Keys for documents that are signed.
    pub(super) signing: &'static str,
    /// More keys for their password.
    pub(super) password: &'static str,
    /// Where the vendor is, if it is not the sandbox.
    pub(super) vendor: Option<SocketAddr>,
    /// More settings of each connection.
    pub(super) settings: &'static str,
    /// Reports are signed with the key in `signing.pem`.
    pub(super) signing_key: bool,
    /// Of calls to the vendor. They are tried once: a pause would wait for the hand that moves the clock.
    pub(super) limits: &'static str,
    /// What personal data may be read for.
    pub(super) purposes: &'static [&'static str],
    /// More keys for the journal.
    pub(super) journal: &'static str,
    /// The vendor's words for a start.
    pub(super) start_results: &'static [&'static str],
    /// There is a connection to MasStack too, with these settings more.
    pub(super) masstack: Option<&'static str>,
    /// Settings of a connection to Preventor, if there is one. `@` stands for the folder of secrets.
    pub(super) preventor: Option<&'static str>,
    /// There is a connection to Preventor's Open Services.
    pub(super) preventor_open: bool,
}

/// Everything, running.
pub(super) struct House {
    pub(super) clock: ManualClock,
    pub(super) channel: Channel,
    plan: Plan,
    source: Clock,
    app: App,
    sandbox: Sandbox,
    folder: TempDir,
    client: reqwest::Client,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What a delivery came to, as the store has it.
pub(super) type Fates = Vec<(WebhookDeliveryState, u32)>;

impl House {
    /// A house whose sandbox sends webhooks.
    pub(super) async fn new() -> Self {
        Self::with(|_plan| ()).await
    }

    /// A house whose sandbox sends none.
    pub(super) async fn silent() -> Self {
        Self::with(|plan| plan.webhooks = false).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Plan {
            webhooks: true,
            takes_webhooks: true,
            max_streams: 64,
            min_evidence: "fetched",
            door: "",
            webhook: "",
            password: "",
            signing: "",
            vendor: None,
            settings: "polling = { enabled = false }",
            signing_key: false,
            limits: "max_attempts = 1, breaker_failures = 1000",
            purposes: &[PURPOSE, "support"],
            journal: "",
            start_results: &["START", "STARTED"],
            masstack: None,
            preventor: None,
            preventor_open: false,
        };
        change(&mut plan);
        let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(START_SECONDS));
        let account =
            |customer: &str| Account { customer: customer.to_owned(), api_key: SecretString::from(API_KEY) };
        let accounts = vec![account(CUSTOMER), account(OTHER_CUSTOMER)];
        let service = plan.masstack.map(|_settings| service_account());
        let masstack = masstack::Options { account: service.cloned(), ..masstack::Options::default() };
        let account =
            preventor::Account { api_key: SecretString::from(API_KEY), secret: SecretString::from(PASSWORD) };
        let preventor = preventor::Options { account: Some(account), ..preventor::Options::default() };
        let account = preventor_open::Account {
            api_key: SecretString::from(API_KEY),
            secret: SecretString::from(PASSWORD),
            password: SecretString::from(PASSWORD),
        };
        let preventor_open =
            preventor_open::Options { account: Some(account), ..preventor_open::Options::default() };
        let options = SandboxOptions {
            clock: clock.clone(),
            accounts,
            masstack,
            preventor,
            preventor_open,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        for (name, secret) in [
            ("master.key", BASE64_STANDARD.encode([7; 32])),
            ("api.key", API_KEY.into()),
            ("webhook", PASSWORD.into()),
            ("masstack.json", service.map(|account| account.json().to_owned()).unwrap_or_default()),
            ("cipher.key", CIPHER_KEY.into()),
        ] {
            std::fs::write(folder.path().join(name), secret).unwrap();
        }
        let (app, channel) = open(folder.path(), sandbox.address(), &plan, &clock).await;
        let webhooks = plan.webhooks;
        let house =
            Self { clock: hand, channel, plan, source: clock, app, sandbox, folder, client: client() };
        if webhooks {
            for customer in [CUSTOMER, OTHER_CUSTOMER] {
                house.send_webhooks_of(customer).await;
            }
        }
        house
    }

    /// Lets the sandbox send the webhooks of `customer` to the connection of the same name.
    pub(super) async fn send_webhooks_of(&self, customer: &str) {
        let url = self.webhook_url(customer);
        let target = json!({ "url": url, "username": USER, "password": PASSWORD, "customer": customer });
        assert_eq!(self.control("webhooks/target", &target).await.status, 200);
    }

    pub(super) fn now(&self) -> SystemTime {
        self.source.now()
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.app.addresses()
    }

    pub(super) fn vendor_address(&self) -> SocketAddr {
        self.sandbox.address()
    }

    pub(super) fn journal(&self) -> &Arc<EmbeddedJournal> {
        self.app.journal()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn identifications(&self) -> IdentificationServiceClient<Channel> {
        IdentificationServiceClient::new(self.channel.clone())
    }

    /// Drains the gateway, as SIGTERM does. True when it ended in time.
    pub(super) async fn shut_down(self) -> (bool, TempDir) {
        let in_time = tokio::time::timeout(GUARD, self.app.shut_down()).await.unwrap();
        (in_time, self.folder)
    }

    /// Ends the gateway in good order and starts another one over the same journal.
    pub(super) async fn restarted(self) -> Self {
        self.restarted_with(|_plan| ()).await
    }

    /// The same with other settings.
    pub(super) async fn restarted_with(self, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = self.plan;
        change(&mut plan);
        assert!(tokio::time::timeout(GUARD, self.app.shut_down()).await.unwrap());
        let (app, channel) = open(self.folder.path(), self.sandbox.address(), &plan, &self.source).await;
        Self { plan, app, channel, ..self }
    }

    // The caller.

    pub(super) async fn try_create(
        &self,
        request: CreateIdentificationRequest,
    ) -> Result<CreateIdentificationResponse, tonic::Status> {
        self.identifications().create_identification(request).await.map(tonic::Response::into_inner)
    }

    pub(super) async fn try_adopt(
        &self,
        request: AdoptIdentificationRequest,
    ) -> Result<AdoptIdentificationResponse, tonic::Status> {
        self.identifications().adopt_identification(request).await.map(tonic::Response::into_inner)
    }

    /// A new identification on the first connection; its id.
    pub(super) async fn created(&self) -> String {
        self.created_on(BANK).await
    }

    pub(super) async fn created_on(&self, connection: &str) -> String {
        let created = self.try_create(create(connection)).await.unwrap();
        id_of(&created.identification.unwrap().name)
    }

    /// The gateway's view of the identification `id` on the first connection.
    pub(super) async fn get(&self, id: &str) -> Identification {
        let request = GetIdentificationRequest {
            name: format!("{BANK}/identifications/{id}"),
            view: IdentificationView::Basic.into(),
        };
        self.identifications().get_identification(request).await.unwrap().into_inner().identification.unwrap()
    }

    /// Makes an identification at the vendor without the gateway; its IdentID.
    pub(super) async fn made_elsewhere(&self, customer: &str, number: &str) -> String {
        let api = format!("http://{}/api/v1/{customer}", self.sandbox.address());
        let login = self.client.post(format!("{api}/login")).body(json!({ "apiKey": API_KEY }).to_string());
        let token: Value = serde_json::from_slice(&self.send(login).await.body).unwrap();
        let start = self.client.post(format!("{api}/identifications/{number}/start")).body("{}");
        let start = start.header("x-api-login-token", token["authToken"].as_str().unwrap());
        let started = self.send(start).await;
        assert_eq!(started.status, 201);
        serde_json::from_slice::<Value>(&started.body).unwrap()["id"].as_str().unwrap().to_owned()
    }

    // The person and the reviewer.

    pub(super) async fn control(&self, path: &str, body: &Value) -> Reply {
        let url = format!("http://{}/control/{path}", self.sandbox.address());
        self.send(self.client.post(url).body(body.to_string())).await
    }

    /// A move that the sandbox allows.
    pub(super) async fn person(&self, id: &str, does: &str, body: Value) {
        let reply = self.control(&format!("identifications/{id}/{does}"), &body).await;
        assert_eq!(reply.status, 200, "{does}: {:?}", reply.body);
    }

    /// The person starts and hands in, and the reviewer decides `result`; nobody tells the gateway.
    pub(super) async fn reviewed(&self, id: &str, result: &str) {
        self.person(id, "start", json!({})).await;
        self.person(id, "submit", json!({ "result": "CHECK_PENDING" })).await;
        self.person(id, "review", json!({ "result": result })).await;
    }

    // The vendor's faults.

    /// Lets something go wrong at the vendor.
    pub(super) async fn fault(&self, fault: Value) {
        let reply = self.control("faults", &fault).await;
        assert_eq!(reply.status, 200, "{fault}: {:?}", reply.body);
    }

    /// Ends every fault of the vendor.
    pub(super) async fn well(&self) {
        let url = format!("http://{}/control/faults", self.sandbox.address());
        assert_eq!(self.send(self.client.delete(url)).await.status, 200);
    }

    /// How often the faults that were not cleared have fired.
    pub(super) async fn fired(&self) -> u64 {
        let view = self.see("faults").await;
        view["faults"].as_array().unwrap().iter().map(|fault| fault["fired"].as_u64().unwrap()).sum()
    }

    pub(super) async fn see(&self, path: &str) -> Value {
        let url = format!("http://{}/control/{path}", self.sandbox.address());
        let reply = self.send(self.client.get(url)).await;
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// One of the sandbox's counts: `logins`, `starts`, `gets` or `created`.
    pub(super) async fn asked(&self, what: &str) -> u64 {
        self.see("statistics").await[what].as_u64().unwrap()
    }

    // The vendor's webhooks.

    pub(super) fn webhook_url(&self, connection: &str) -> String {
        format!("http://{}/webhooks/{connection}", self.addresses().webhooks)
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// An authentic webhook for the first connection.
    pub(super) async fn webhook(&self, body: impl Into<reqwest::Body>) -> Reply {
        self.send(self.authentic(CUSTOMER).body(body)).await
    }

    /// An authentic webhook without a body yet.
    pub(super) fn authentic(&self, connection: &str) -> reqwest::RequestBuilder {
        self.client.post(self.webhook_url(connection)).basic_auth(USER, Some(PASSWORD))
    }

    #[expect(clippy::disallowed_methods, reason = "a test that looks at bytes needs a client of its own")]
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = tokio::time::timeout(GUARD, request.send()).await.unwrap().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.bytes().await.unwrap() }
    }

    // Operators.

    pub(super) async fn operator(&self, path: &str) -> Reply {
        self.send(self.client.get(format!("http://{}{path}", self.addresses().admin))).await
    }

    /// The sum of the metric lines that begin with `name` and have every one of `labels`.
    pub(super) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = String::from_utf8(self.operator("/metrics").await.body.to_vec()).unwrap();
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Waits until a metric has come to `count`: what is done is counted right after it was written.
    pub(super) async fn counted(&self, name: &str, labels: &[&str], count: f64) {
        self.until(name, async || (self.metric(name, labels).await == count).then_some(())).await;
    }

    // The store, as its operator can open it.

    fn store(&self) -> Connection {
        let path = self.folder.path().join("journal.sqlite3");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// State and duplicate count of every delivery, in the order they came in.
    pub(super) fn fates(&self) -> Fates {
        let store = self.store();
        let mut rows =
            store.prepare("SELECT state, duplicate_count FROM deliveries ORDER BY number").unwrap();
        let fate = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i32>(0)?, row.get::<_, u32>(1)?));
        let fates = rows.query_map((), fate).unwrap().map(Result::unwrap);
        fates.map(|(state, count)| (WebhookDeliveryState::try_from(state).unwrap(), count)).collect()
    }

    /// Who sent every delivery, in the order they came in.
    pub(super) fn senders(&self) -> Vec<String> {
        let store = self.store();
        let mut rows = store.prepare("SELECT source_ip FROM deliveries ORDER BY number").unwrap();
        rows.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The states alone.
    pub(super) fn states(&self) -> Vec<WebhookDeliveryState> {
        self.fates().into_iter().map(|(state, _count)| state).collect()
    }

    /// Waits until `count` deliveries are there and none of them waits to be applied.
    pub(super) async fn applied(&self, count: usize) -> Fates {
        let waiting = |state| state == WebhookDeliveryState::Received;
        self.until("the end of applying", async || {
            let fates = self.fates();
            (fates.len() == count && !fates.iter().any(|(state, _)| waiting(*state))).then_some(fates)
        })
        .await
    }

    /// Every event in the journal.
    pub(super) async fn events(&self) -> Vec<Event> {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page = self.journal().read(after, &Filter::default(), 1000).await.unwrap();
            events.extend(page.entries.iter().map(|entry| Event::decode(entry.bytes.clone()).unwrap()));
            after = page.next.position;
            if after >= page.head {
                return events;
            }
        }
    }

    /// Looks until there is something to see.
    pub(super) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(seen) = look().await {
                    return seen;
                }
                // Each look lets everything else go on, and is answered by the gateway itself.
                assert_eq!(self.operator("/livez").await.status, 200);
            }
        };
        let seen = tokio::time::timeout(GUARD, looking).await;
        seen.unwrap_or_else(|_hangs| panic!("waited for {what}; the deliveries: {:?}", self.fates()))
    }

    /// Looks until there is something to see, and lets a second pass after every look.
    pub(super) async fn in_time<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        self.until(what, async || {
            let seen = look().await;
            if seen.is_none() {
                self.clock.advance(Duration::from_secs(1));
            }
            seen
        })
        .await
    }
}

/// An account at MasStack, the same for all scenarios: its key takes a while to make.
fn service_account() -> &'static ServiceAccount {
    static ACCOUNT: OnceLock<ServiceAccount> = OnceLock::new();
    ACCOUNT.get_or_init(|| ServiceAccount::generate(&Clock::system()).unwrap())
}

/// The last part of a name.
pub(super) fn id_of(name: &str) -> String {
    name.rsplit('/').next().unwrap().to_owned()
}

/// A gateway over what stands in `folder`, and a way to it.
async fn open(folder: &Path, vendor: SocketAddr, plan: &Plan, clock: &Clock) -> (App, Channel) {
    let text = configuration(folder, plan.vendor.unwrap_or(vendor), plan);
    let config = Config::parse(&text, "scenario.toml", std::iter::empty()).unwrap();
    let app = App::start(config, clock.clone()).await.unwrap();
    let channel = connect(app.addresses()).await;
    (app, channel)
}

async fn connect(addresses: Addresses) -> Channel {
    Channel::from_shared(format!("http://{}", addresses.grpc)).unwrap().connect().await.unwrap()
}
