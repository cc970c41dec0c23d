//! The configuration of a house's gateway.

use std::net::SocketAddr;
use std::path::Path;

use super::house::Plan;
use super::words::{BANCO, CUSTOMER, OTHER_CUSTOMER};

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
[keys]
master = [{{ file = {master} }}]
{first}{second}{third}"#,
        purposes = plan.purposes,
        max_streams = plan.max_streams,
        door = plan.door,
        journal = path("journal.sqlite3"),
        master = path("master.key"),
        first = connection(CUSTOMER),
        second = connection(OTHER_CUSTOMER),
        third = plan.preventor.map(|settings| preventor(folder, vendor, settings)).unwrap_or_default(),
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
