//! An account at every vendor's stand-in, with keys in a temporary folder, and the configuration that goes with it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::clock::Clock;
use idv_gateway::sandbox::masstack::{self, ServiceAccount};
use idv_gateway::sandbox::preventor::{self, BANKNU, ENV, TENANT};
use idv_gateway::sandbox::preventor_open::{self, CLIENT, SCOPE, USERNAME};
use idv_gateway::sandbox::{Account, SandboxOptions, WebhookTarget};
use secrecy::SecretString;

use crate::commands::output::complain;

/// The connection to IDnow.
pub(super) const CONNECTION: &str = "connections/demobank";
/// The connection to a vendor without webhooks.
pub(super) const CODES: &str = "connections/democodes";
/// The connection to Preventor.
pub(super) const INVITING: &str = "connections/demoshop";
/// The connection to Preventor's Open Services.
pub(super) const FACES: &str = "connections/demofaces";
/// What personal data is read for.
pub(super) const PURPOSE: &str = "demo";
const CUSTOMER: &str = "demobank";
const WEBHOOK_USER: &str = "idnow";

/// The accounts. Dropping them leaves the folder behind: [`Trial::remove`] takes it away.
pub(super) struct Trial {
    folder: PathBuf,
    api_key: SecretString,
    webhook_password: SecretString,
    preventor: preventor::Account,
    open: preventor_open::Account,
    masstack: ServiceAccount,
}

impl Trial {
    /// Makes keys, and the folder that holds them.
    pub(super) fn prepare(clock: &Clock) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("idv-gateway-demo-{}", clock.uuid()));
        fs::create_dir(&folder)?;
        let new = |name: &str| {
            let secret = BASE64_STANDARD.encode(clock.random::<24>());
            write_secret(&folder.join(name), &secret).map(|()| SecretString::from(secret))
        };
        write_secret(&folder.join("master.key"), &BASE64_STANDARD.encode(clock.random::<32>()))?;
        let masstack = ServiceAccount::generate(clock)?;
        write_secret(&folder.join("service-account.json"), masstack.json())?;
        Ok(Self {
            api_key: new("api.key")?,
            webhook_password: new("webhook.password")?,
            preventor: preventor::Account {
                api_key: new("preventor.key")?,
                secret: new("preventor.secret")?,
            },
            open: preventor_open::Account {
                api_key: new("open.key")?,
                secret: new("open.secret")?,
                password: new("open.password")?,
            },
            masstack,
            folder,
        })
    }

    /// A sandbox in which they have their accounts.
    pub(super) fn sandbox(&self, clock: &Clock) -> SandboxOptions {
        SandboxOptions {
            clock: clock.clone(),
            accounts: vec![Account { customer: CUSTOMER.to_owned(), api_key: self.api_key.clone() }],
            masstack: masstack::Options {
                account: Some(self.masstack.clone()),
                ..masstack::Options::default()
            },
            preventor: preventor::Options {
                account: Some(self.preventor.clone()),
                ..preventor::Options::default()
            },
            preventor_open: preventor_open::Options {
                account: Some(self.open.clone()),
                ..preventor_open::Options::default()
            },
            ..SandboxOptions::default()
        }
    }

    /// Where IDnow's webhooks have to go, of a gateway with its webhooks at `url`.
    pub(super) fn target(&self, url: &str) -> WebhookTarget {
        WebhookTarget {
            url: format!("{url}/{CUSTOMER}"),
            username: WEBHOOK_USER.to_owned(),
            password: self.webhook_password.clone(),
        }
    }

    /// Writes the configuration of a gateway with a connection to each vendor of the sandbox at `sandbox`.
    pub(super) fn configure(&self, sandbox: SocketAddr) -> io::Result<PathBuf> {
        let file = self.folder.join("idv-gateway.toml");
        fs::write(&file, configuration(&self.folder, sandbox))?;
        Ok(file)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the folder.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            complain(&format!("{} is left behind: {error}", self.folder.display()));
        }
    }
}

fn write_secret(file: &Path, secret: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{secret}")
}

/// All of it.
fn configuration(folder: &Path, sandbox: SocketAddr) -> String {
    let path = |name: &str| quoted(&folder.join(name));
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

{identifications}
{preventors}"#,
        journal = path("journal.sqlite3"),
        master = path("master.key"),
        identifications = identifications(folder, sandbox),
        preventors = preventors(folder, sandbox),
    )
}

/// The connections to IDnow and MasStack.
fn identifications(folder: &Path, sandbox: SocketAddr) -> String {
    let path = |name: &str| quoted(&folder.join(name));
    format!(
        r#"[connections.{CUSTOMER}.idnow]
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
"#,
        CODES = CODES.replace('/', "."),
        org = masstack::ORG,
        account = path("service-account.json"),
        api_key = path("api.key"),
        password = path("webhook.password"),
    )
}

/// The connections to Preventor's two.
fn preventors(folder: &Path, sandbox: SocketAddr) -> String {
    let path = |name: &str| quoted(&folder.join(name));
    format!(
        r#"# Its webhooks are registered by RegisterVendorWebhook, which makes their secrets.
[{INVITING}.preventor]
display_name = "Demo shop"
environment = "sandbox"
base_url = "http://{sandbox}/id/v1/identity"
api_key = {{ file = {preventor_key} }}
secret = {{ file = {preventor_secret} }}
tenant = "{TENANT}"
env = "{ENV}"
banknu = "{BANKNU}"

[{FACES}.preventor_open]
display_name = "Demo faces"
environment = "sandbox"
api_key = {{ file = {open_key} }}
tenant = "{TENANT}"
env = "{ENV}"
banknu = "{BANKNU}"

[{FACES}.preventor_open.onboarding]
base_url = "http://{sandbox}"
basic = {{ secret = {{ file = {open_secret} }} }}
scope = "{SCOPE}"
client_id = "{CLIENT}"
username = "{USERNAME}"
password = {{ file = {open_password} }}

[{FACES}.preventor_open.biometrics]
base_url = "http://{sandbox}/v1"
secret = {{ file = {open_secret} }}
"#,
        INVITING = INVITING.replace('/', "."),
        FACES = FACES.replace('/', "."),
        preventor_key = path("preventor.key"),
        preventor_secret = path("preventor.secret"),
        open_key = path("open.key"),
        open_secret = path("open.secret"),
        open_password = path("open.password"),
    )
}

/// A path as TOML has it.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}
