//! A gateway as a process of its own, and the vendor's stand-in in the test, where it outlives every kill.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::clock::Clock;
use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{
    AutoIdentSpec, CreateIdentificationRequest, Event, IdentificationSpec, StartPosition, Subject,
    WatchEventsRequest, WatchEventsResponse, identification_spec,
};
use idv_gateway::sandbox::{Account, Sandbox, SandboxOptions};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::Streaming;
use tonic::transport::Channel;

use super::child::{Child, GUARD, program};

const CUSTOMER: &str = "demobank";
/// Has an account at the vendor, and a connection where a test configures one.
pub(super) const OTHER_CUSTOMER: &str = "otherbank";
const API_KEY: &str = "key of demobank";
const WEBHOOK_USER: &str = "idnow";
const WEBHOOK_PASSWORD: &str = "password of idnow";

/// Files, keys and a sandbox: all a gateway needs, and what outlives it.
pub(super) struct House {
    pub(super) clock: Clock,
    folder: TempDir,
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// A gateway that serves.
pub(super) struct Gateway {
    pub(super) child: Child,
    pub(super) doors: Doors,
    /// From the start of the process until it said that it serves.
    pub(super) started_in: Duration,
}

/// Where a gateway listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doors {
    pub(super) grpc: SocketAddr,
    pub(super) webhooks: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl House {
    pub(super) async fn build() -> Self {
        let clock = Clock::system();
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        secret("master.key", &BASE64_STANDARD.encode(clock.random::<32>()));
        secret("api.key", API_KEY);
        secret("webhook.password", WEBHOOK_PASSWORD);
        let account =
            |customer: &str| Account { customer: customer.to_owned(), api_key: SecretString::from(API_KEY) };
        let accounts = vec![account(CUSTOMER), account(OTHER_CUSTOMER)];
        let options = SandboxOptions { clock: clock.clone(), accounts, ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let house = Self { clock, folder, sandbox, client: client() };
        fs::write(house.config(), house.configuration()).unwrap();
        house
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.path("gateway.toml")
    }

    /// Where the vendor is, as the configuration has it.
    pub(super) fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox.address())
    }

    /// Rewrites the configuration file: each pair is a text in it and what takes its place.
    pub(super) fn reconfigure(&self, changes: &[(&str, &str)]) {
        let mut text = self.configuration();
        for (old, new) in changes {
            assert!(text.contains(old), "{old} is not configured");
            text = text.replace(old, new);
        }
        fs::write(self.config(), text).unwrap();
    }

    /// Adds a connection of the other customer, which takes no webhooks.
    pub(super) fn connect_other(&self) {
        let own = format!("[connections.{CUSTOMER}.idnow]\n");
        let other = format!(
            "[connections.{OTHER_CUSTOMER}.idnow]\nenvironment = \"sandbox\"\nbase_url = \"{}\"\n\
             customer = \"{OTHER_CUSTOMER}\"\napi_key = {{ file = {:?} }}\n",
            self.sandbox_url(),
            self.path("api.key").display().to_string(),
        );
        self.reconfigure(&[(&own, &format!("{other}{own}"))]);
    }

    /// Starts `serve` without waiting for anything.
    pub(super) fn spawn(&self) -> Child {
        let mut serve = program();
        serve.arg("serve").arg("--config").arg(self.config());
        Child::spawn(serve)
    }

    /// Starts `serve` and waits until it serves.
    pub(super) async fn serve(&self) -> Gateway {
        let spawned = self.clock.now();
        self.serving(self.spawn(), spawned).await
    }

    /// Waits until `child` serves.
    pub(super) async fn serving(&self, mut child: Child, spawned: SystemTime) -> Gateway {
        let doors = child.find_error(doors).await;
        let started_in = self.since(spawned);
        let ready = self.get(&format!("http://{}/readyz", doors.admin)).await;
        assert_eq!(ready.unwrap(), (200, "ready\n".to_owned()));
        Gateway { child, doors, started_in }
    }

    pub(super) fn since(&self, time: SystemTime) -> Duration {
        self.clock.now().duration_since(time).unwrap_or_default()
    }

    /// A request to create an identification.
    pub(super) fn creation(&self) -> CreateIdentificationRequest {
        let kind = identification_spec::Kind::AutoIdent(AutoIdentSpec::default());
        CreateIdentificationRequest {
            parent: format!("connections/{CUSTOMER}"),
            subject: Some(Subject { given_name: "Erika".to_owned(), ..Subject::default() }),
            spec: Some(IdentificationSpec { kind: Some(kind) }),
            ..CreateIdentificationRequest::default()
        }
    }

    /// Creates an identification and returns its name.
    pub(super) async fn create(&self, channel: Channel) -> String {
        let created = IdentificationServiceClient::new(channel).create_identification(self.creation()).await;
        created.unwrap().into_inner().identification.unwrap().name
    }

    /// Makes the identification `number` at the vendor without the gateway.
    #[expect(clippy::disallowed_methods, reason = "a test plays the vendor; the kit is the gateway's")]
    pub(super) async fn made_elsewhere(&self, number: &str) {
        let api = format!("http://{}/api/v1/{CUSTOMER}", self.sandbox.address());
        let login = self.client.post(format!("{api}/login")).body(json!({ "apiKey": API_KEY }).to_string());
        let answer = login.send().await.unwrap().text().await.unwrap();
        let token = serde_json::from_str::<Value>(&answer).unwrap()["authToken"].as_str().unwrap().to_owned();
        let start = self.client.post(format!("{api}/identifications/{number}/start")).body("{}");
        assert_eq!(start.header("x-api-login-token", token).send().await.unwrap().status(), 201);
    }

    /// How many identifications the vendor has.
    pub(super) async fn made_in_all(&self) -> u64 {
        self.statistics().await["created"].as_u64().unwrap()
    }

    /// How many requests the vendor has answered on `route`, whatever the answer.
    pub(super) async fn answers(&self, route: &str) -> u64 {
        let answers = self.statistics().await["by_path"][route].clone();
        answers.as_object().into_iter().flatten().map(|(_status, count)| count.as_u64().unwrap()).sum()
    }

    async fn statistics(&self) -> Value {
        let url = format!("http://{}/control/statistics", self.sandbox.address());
        serde_json::from_str(&self.get(&url).await.unwrap().1).unwrap()
    }

    /// Lets the person or the reviewer move an identification at the vendor.
    pub(super) async fn act(&self, name: &str, what: &str, body: Value) {
        let id = name.rsplit('/').next().unwrap();
        let url = format!("http://{}/control/identifications/{id}/{what}", self.sandbox.address());
        assert_eq!(self.post(&url, &body, None).await, Some(200), "{what} of {name}");
    }

    /// Sends the webhook that says `word` about `name`, as the vendor does. The status, if there was an answer.
    pub(super) async fn webhook(&self, doors: Doors, name: &str, word: &str) -> Option<u16> {
        let id = name.rsplit('/').next().unwrap();
        let body = json!({ "identificationprocess": {
            "result": word, "companyid": CUSTOMER, "transactionnumber": id, "type": "APP", "identificationtime": null,
        }});
        let url = format!("http://{}/webhooks/{CUSTOMER}", doors.webhooks);
        self.post(&url, &body, Some((WEBHOOK_USER, WEBHOOK_PASSWORD))).await
    }

    #[expect(clippy::disallowed_methods, reason = "a test plays the vendor; the kit is the gateway's")]
    async fn post(&self, url: &str, body: &Value, login: Option<(&str, &str)>) -> Option<u16> {
        let mut request =
            self.client.post(url).header("content-type", "application/json").body(body.to_string());
        if let Some((user, password)) = login {
            request = request.basic_auth(user, Some(password));
        }
        let answer = timeout(GUARD, request.send()).await.expect("no answer and no end");
        answer.ok().map(|answer| answer.status().as_u16())
    }

    #[expect(clippy::disallowed_methods, reason = "a test plays the operator; the kit is the gateway's")]
    pub(super) async fn get(&self, url: &str) -> Option<(u16, String)> {
        let answer = timeout(GUARD, self.client.get(url).send()).await.expect("no answer and no end").ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    fn configuration(&self) -> String {
        let path = |name: &str| format!("{:?}", self.path(name).display().to_string());
        format!(
            r#"profile = "test"
[grpc]
listen = "127.0.0.1:0"
auth = "none"
[webhooks]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[journal.embedded]
path = {journal}
[keys]
master = [{{ file = {master} }}]
[log]
format = "json"
[connections.{CUSTOMER}.idnow]
environment = "sandbox"
base_url = "http://{sandbox}"
customer = "{CUSTOMER}"
api_key = {{ file = {api_key} }}
[[connections.{CUSTOMER}.idnow.webhook.basic]]
label = "test"
username = "{WEBHOOK_USER}"
password = {{ file = {password} }}
"#,
            journal = path("journal.sqlite3"),
            master = path("master.key"),
            sandbox = self.sandbox.address(),
            api_key = path("api.key"),
            password = path("webhook.password"),
        )
    }
}

impl Doors {
    pub(super) fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    pub(super) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.grpc_url()).unwrap();
        timeout(GUARD, endpoint.connect()).await.expect("no connection and no refusal").unwrap()
    }

    /// Opens a stream of every event from the oldest on.
    pub(super) async fn watch(&self) -> Streaming<WatchEventsResponse> {
        let request = WatchEventsRequest {
            start: Some(Start::StartPosition(StartPosition::Earliest.into())),
            ..WatchEventsRequest::default()
        };
        EventServiceClient::new(self.channel().await).watch_events(request).await.unwrap().into_inner()
    }
}

/// The next message of a stream; `None` at its end in good order.
pub(super) async fn next(stream: &mut Streaming<WatchEventsResponse>) -> Option<WatchEventsResponse> {
    timeout(GUARD, stream.message()).await.expect("a stream without heartbeats").unwrap()
}

/// The next event of a stream.
pub(super) async fn next_event(stream: &mut Streaming<WatchEventsResponse>) -> Event {
    loop {
        if let Some(Message::Event(event)) = next(stream).await.expect("the stream goes on").message {
            return event;
        }
    }
}

/// Reads the line of the log that says where the gateway serves.
fn doors(line: &str) -> Option<Doors> {
    let line: Value = serde_json::from_str(line).ok()?;
    if line["message"] != "The gateway serves" {
        return None;
    }
    let address = |door: &str| line[format!("{door}.address")].as_str()?.parse().ok();
    Some(Doors { grpc: address("grpc")?, webhooks: address("webhooks")?, admin: address("admin")? })
}

#[expect(clippy::disallowed_methods, reason = "a test plays the vendor; the kit is the gateway's")]
fn client() -> reqwest::Client {
    // A connection of a killed gateway must not be taken for one of the next.
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}
