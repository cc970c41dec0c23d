//! The configuration of a house's gateway.

use std::net::SocketAddr;
use std::path::Path;

use super::house::Plan;
use super::words::{BANCO, CUSTOMER, OPEN, OTHER_CUSTOMER};

pub(super) const USER: &str = "idnow";

/// The settings of `plan`, over the secrets that stand in `folder`.
pub(super) fn configuration(folder: &Path, vendor: SocketAddr, plan: &Plan) -> String {
    let path = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    let signing_keys = if plan.signing_key { path("signing.pem") } else { String::new() };
    let connection = |id: &str| {
        let webhook = if plan.takes_webhooks { webhook(id, &path("webhook"), plan) } else { String::new() };
        format!(
            r#"
[connections.{id}.idnow]
environment = "sandbox"
base_url = "http://{vendor}"
customer = "{id}"
min_evidence = "{min_evidence}"
start_results = {start_results:?}
signing = {{ {signing} }}
api_key = {{ file = {key} }}
{settings}
limits = {{ {limits} }}
files.xml_signing_keys = [{signing_keys}]
{webhook}"#,
            key = path("api.key"),
            min_evidence = plan.min_evidence,
            settings = plan.settings,
            signing = plan.signing,
            limits = plan.limits,
            start_results = plan.start_results,
        )
    };
    format!(
        r#"
profile = "test"
[grpc]
listen = "127.0.0.1:0"
auth = "none"
purposes = {purposes:?}
[webhooks]
listen = "127.0.0.1:0"
{door}
[admin]
listen = "127.0.0.1:0"
[streams]
heartbeat_interval_seconds = 5
max_streams_per_caller = {max_streams}
[journal.embedded]
path = {journal}
{journal_keys}
[keys]
master = [{{ file = {master} }}]
{first}{second}{third}{fourth}{fifth}"#,
        purposes = plan.purposes,
        max_streams = plan.max_streams,
        door = plan.door,
        journal = path("journal.sqlite3"),
        journal_keys = plan.journal,
        master = path("master.key"),
        first = connection(CUSTOMER),
        second = connection(OTHER_CUSTOMER),
        third = plan.masstack.map(|more| masstack(folder, vendor, plan, more)).unwrap_or_default(),
        fourth = plan.preventor.map(|settings| preventor(folder, vendor, settings)).unwrap_or_default(),
        fifth = if plan.preventor_open { preventor_open(folder, vendor) } else { String::new() },
    )
}

/// The connection to MasStack, with `more` settings.
fn masstack(folder: &Path, vendor: SocketAddr, plan: &Plan, more: &str) -> String {
    format!(
        r#"
[connections.mas.masstack]
environment = "sandbox"
base_url = "http://{vendor}/v1"
org_id = "sandbox"
service_account = {{ json = {{ file = {account:?} }} }}
token_url = "http://{vendor}/authn/v1/oauth2/token"
limits = {{ {limits} }}
{more}
"#,
        account = folder.join("masstack.json").display().to_string(),
        limits = plan.limits,
    )
}

/// A connection to Preventor with `settings`.
fn preventor(folder: &Path, vendor: SocketAddr, settings: &str) -> String {
    let folder = folder.display().to_string();
    format!(
        r#"
[connections.{BANCO}.preventor]
environment = "sandbox"
base_url = "http://{vendor}/id/v1/identity"
api_key = {{ file = "{folder}/api.key" }}
secret = {{ file = "{folder}/webhook" }}
tenant = "sandbox"
env = "sandbox"
banknu = "SANDBOX"
limits = {{ max_attempts = 1, breaker_failures = 1000 }}
{settings}
"#,
        settings = settings.replace('@', &folder),
    )
}

/// The connection to Preventor's Open Services.
fn preventor_open(folder: &Path, vendor: SocketAddr) -> String {
    let folder = folder.display().to_string();
    format!(
        r#"
[connections.{OPEN}.preventor_open]
environment = "sandbox"
api_key = {{ file = "{folder}/api.key" }}
tenant = "sandbox"
env = "sandbox"
banknu = "SANDBOX"
limits = {{ max_attempts = 1, breaker_failures = 1000 }}
[connections.{OPEN}.preventor_open.onboarding]
base_url = "http://{vendor}"
basic = {{ secret = {{ file = "{folder}/webhook" }} }}
scope = "sandbox"
client_id = "sandbox"
username = "sandbox@example.com"
password = {{ file = "{folder}/webhook" }}
[connections.{OPEN}.preventor_open.biometrics]
base_url = "http://{vendor}/v1"
secret = {{ file = "{folder}/webhook" }}
"#
    )
}

/// What the webhooks of the connection `id` have to show.
fn webhook(id: &str, password: &str, plan: &Plan) -> String {
    format!(
        r#"[connections.{id}.idnow.webhook]
{settings}
[[connections.{id}.idnow.webhook.basic]]
label = "present"
username = "{USER}"
password = {{ file = {password} }}
{more_of_password}
"#,
        settings = plan.webhook,
        more_of_password = plan.password,
    )
}
