//! What the demo plays on: a temporary folder, a gateway, a sandbox and a client.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::app::{Addresses, App};
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::sandbox::masstack::{self, ServiceAccount};
use idv_gateway::sandbox::preventor::{BANKNU, ENV, TENANT};
use idv_gateway::sandbox::{Account, Sandbox, SandboxOptions, WebhookTarget, preventor};
use secrecy::SecretString;
use tonic::transport::Channel;

use crate::commands::demo::person::Person;
use crate::commands::output::complain;

/// The demo's connection to IDnow.
pub(super) const CONNECTION: &str = "connections/demobank";
/// The demo's connection to a vendor without webhooks.
pub(super) const CODES: &str = "connections/democodes";
/// The demo's connection to Preventor.
pub(super) const INVITING: &str = "connections/demoshop";
/// What the demo reads personal data for.
pub(super) const PURPOSE: &str = "demo";
const CUSTOMER: &str = "demobank";
const WEBHOOK_USER: &str = "idnow";
/// The sandbox's minutes are a fraction of a second.
const SPEED: f64 = 240.0;

/// Everything the demo needs, running.
pub(super) struct Stage {
    app: App,
    sandbox: Sandbox,
    addresses: Addresses,
    channel: Channel,
    folder: PathBuf,
}

impl Stage {
    /// Makes keys, starts the sandbox, then the gateway, and lets each know where the other is.
    pub(super) async fn set(clock: &Clock) -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("idv-gateway-demo-{}", clock.uuid()));
        fs::create_dir(&folder)?;
        let set = Self::set_in(folder.clone(), clock).await;
        if set.is_err() {
            // Nobody else knows of the keys in it.
            remove(&folder);
        }
        set
    }

    async fn set_in(folder: PathBuf, clock: &Clock) -> Result<Self, Box<dyn Error>> {
        let api_key = BASE64_STANDARD.encode(clock.random::<24>());
        let password = BASE64_STANDARD.encode(clock.random::<24>());
        let preventor_key = BASE64_STANDARD.encode(clock.random::<24>());
        let preventor_secret = BASE64_STANDARD.encode(clock.random::<24>());
        write_secret(&folder.join("master.key"), &BASE64_STANDARD.encode(clock.random::<32>()))?;
        write_secret(&folder.join("api.key"), &api_key)?;
        write_secret(&folder.join("webhook.password"), &password)?;
        let account = ServiceAccount::generate(clock)?;
        write_secret(&folder.join("service-account.json"), account.json())?;
        write_secret(&folder.join("preventor.key"), &preventor_key)?;
        write_secret(&folder.join("preventor.secret"), &preventor_secret)?;

        // The gateway's webhook port is known only once it listens: the target follows by the control API.
        let sandbox = Sandbox::start(SandboxOptions {
            clock: clock.clone(),
            speed: SPEED,
            accounts: vec![Account { customer: CUSTOMER.to_owned(), api_key: SecretString::from(api_key) }],
            masstack: masstack::Options { account: Some(account), ..masstack::Options::default() },
            preventor: preventor::Options {
                account: Some(preventor::Account {
                    api_key: SecretString::from(preventor_key),
                    secret: SecretString::from(preventor_secret),
                }),
                ..preventor::Options::default()
            },
            ..SandboxOptions::default()
        })
        .await?;
        let file = folder.join("idv-gateway.toml");
        fs::write(&file, configuration(&folder, sandbox.address()))?;
        let config = Config::load(&file, std::iter::empty())?;
        let app = App::start(config, clock.clone()).await?;
        let addresses = app.addresses();
        let channel = Channel::from_shared(format!("http://{}", addresses.grpc))?.connect().await?;
        let stage = Self { app, sandbox, addresses, channel, folder };
        let target = WebhookTarget {
            url: format!("{}/{CUSTOMER}", stage.webhooks_url()),
            username: WEBHOOK_USER.to_owned(),
            password: SecretString::from(password),
        };
        stage.person()?.send_webhooks_to(&target).await?;
        Ok(stage)
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(super) fn person(&self) -> reqwest::Result<Person> {
        Person::new(self.sandbox_url())
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
    }

    pub(super) fn grpc_url(&self) -> String {
        format!("http://{}", self.addresses.grpc)
    }

    pub(super) fn webhooks_url(&self) -> String {
        format!("http://{}/webhooks", self.addresses.webhooks)
    }

    pub(super) fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox.address())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends everything and removes the folder.
    pub(super) async fn strike(self) {
        self.app.shut_down().await;
        self.sandbox.shutdown().await;
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        complain(&format!("{} is left behind: {error}", folder.display()));
    }
}

fn write_secret(file: &Path, secret: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{secret}")
}

fn configuration(folder: &Path, sandbox: SocketAddr) -> String {
    let path = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    format!(
        r#"# Made by `idv-gateway demo`.
profile = "test"

[grpc]
listen = "127.0.0.1:0"
auth = "none"
purposes = ["{PURPOSE}"]

[webhooks]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[journal.embedded]
path = {journal}

[keys]
master = [{{ file = {master} }}]

[log]
level = "warn"

[connections.{CUSTOMER}.idnow]
display_name = "Demo bank"
environment = "sandbox"
base_url = "http://{sandbox}"
customer = "{CUSTOMER}"
api_key = {{ file = {api_key} }}

[[connections.{CUSTOMER}.idnow.webhook.basic]]
label = "demo"
username = "{WEBHOOK_USER}"
password = {{ file = {password} }}

[{CODES}.masstack]
display_name = "Demo codes"
environment = "sandbox"
base_url = "http://{sandbox}/v1"
org_id = "{org}"
token_url = "http://{sandbox}/authn/v1/oauth2/token"
service_account = {{ json = {{ file = {account} }} }}

# Its webhooks are registered by RegisterVendorWebhook, which makes their secrets.
[connections.demoshop.preventor]
display_name = "Demo shop"
environment = "sandbox"
base_url = "http://{sandbox}/id/v1/identity"
api_key = {{ file = {preventor_key} }}
secret = {{ file = {preventor_secret} }}
tenant = "{TENANT}"
env = "{ENV}"
banknu = "{BANKNU}"
"#,
        CODES = CODES.replace('/', "."),
        org = masstack::ORG,
        account = path("service-account.json"),
        preventor_key = path("preventor.key"),
        preventor_secret = path("preventor.secret"),
        journal = path("journal.sqlite3"),
        master = path("master.key"),
        api_key = path("api.key"),
        password = path("webhook.password"),
    )
}
