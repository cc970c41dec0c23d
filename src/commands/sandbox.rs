//! `sandbox`: the stand-in for the vendors' APIs, on its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::sandbox::masstack::{self, MasstackCall, ServiceAccount};
use idv_gateway::sandbox::preventor::{self, PreventorCall, Profile, Registration};
use idv_gateway::sandbox::preventor_open::{self, OpenCall};
use idv_gateway::sandbox::{Account, Fault, IdnowCall, Sandbox as Server, SandboxOptions, WebhookTarget};
use idv_gateway::settings::SecretSource;
use secrecy::SecretString;

use crate::commands::Exit;
use crate::commands::output::{complain, tell};
use crate::commands::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  idv-gateway sandbox --listen 127.0.0.1:8090 --customer demobank --api-key-file key \\
    --webhook-url http://127.0.0.1:8081/webhooks/demobank --webhook-user idnow --webhook-password-file password
  idv-gateway sandbox --preventor-api-key-file key --preventor-secret-file secret --preventor-webhooks webhooks.json
  idv-gateway sandbox --preventor-open-api-key-file key --preventor-open-secret-file secret \\
    --preventor-open-password-file password
  idv-gateway sandbox --masstack-service-account-file service-account.json";

/// What a sandbox without an account at IDnow is started with.
const OTHER_ACCOUNTS: [&str; 3] =
    ["preventor_api_key_file", "preventor_open_api_key_file", "masstack_service_account_file"];

/// Run stand-ins for the vendors' APIs, to try the gateway without a vendor account.
///
/// One address serves IDnow AutoIdent below /api/v1, Preventor ID below /id/v1/identity, Preventor's Open Services below
/// /security, /onboarding, /v1/auth and /v1/workflow, and MasStack below /v1/orgs.
/// docs/sandbox.md describes the control APIs, with which you act as the person and as the reviewer, and says what is
/// not checked.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sandbox {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How much faster than the vendors robots act and webhooks are retried; 60 makes a minute a second.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    #[command(flatten)]
    idnow: Idnow,
    #[command(flatten)]
    preventor: Preventor,
    #[command(flatten)]
    preventor_open: PreventorOpen,
    #[command(flatten)]
    masstack: Masstack,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "IDnow AutoIdent")]
struct Idnow {
    /// The account's name, its shortname.
    #[arg(long, value_name = "NAME", default_value = "demobank")]
    customer: String,
    /// A file with the account's API key.
    #[arg(long, value_name = "FILE", required_unless_present_any = OTHER_ACCOUNTS)]
    api_key_file: Option<PathBuf>,
    /// Where webhooks go. Without it none are sent until the control API names a target.
    #[arg(long, value_name = "URL", requires_all = ["webhook_user", "webhook_password_file"])]
    webhook_url: Option<String>,
    /// User name of the webhooks' Basic credentials.
    #[arg(long, value_name = "NAME")]
    webhook_user: Option<String>,
    /// A file with the password of the webhooks' Basic credentials.
    #[arg(long, value_name = "FILE")]
    webhook_password_file: Option<PathBuf>,
    /// What goes wrong, for example get=503:3. Can be given several times.
    ///
    /// WHERE=WHAT or WHERE=WHAT:TIMES.
    ///
    /// WHERE is login, start, get, list, file, delete, copy, archive, sign or any (a request of the API), or webhooks.
    /// TIMES is how many of them are met; without it all are, until DELETE /control/faults.
    ///
    /// For a request WHAT is 500 to 599; 429, or 429/30 with Retry-After; 401; hang (no answer); half-body; slow/5
    /// (ten pieces, 5 seconds before each); page (HTML); empty; or redirect. 500 to 599, hang, page, empty and redirect
    /// may be followed by /after: the request is carried out and only its answer is lost.
    ///
    /// For webhooks WHAT is duplicate or duplicate/4 (copies); delay/60 (seconds); reorder; drop; or blackout/7200
    /// (seconds, without TIMES).
    ///
    /// get=503:3 lets three questions fail; start=hang/after creates and never says so; webhooks=drop loses all.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault<IdnowCall>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Preventor ID")]
struct Preventor {
    /// A file with the account's API key. Its tenant and env are "sandbox", its banknu is "SANDBOX".
    #[arg(long, value_name = "FILE", requires = "preventor_secret_file")]
    preventor_api_key_file: Option<PathBuf>,
    /// A file with the account's secret.
    #[arg(long, value_name = "FILE", requires = "preventor_api_key_file")]
    preventor_secret_file: Option<PathBuf>,
    /// What stands before every path: the vendor's hosts differ in it.
    #[arg(long, value_name = "PATH", default_value = "/id/v1/identity")]
    preventor_base_path: String,
    /// A file with the webhooks that are registered from the start: a JSON list of what PUT /settings/webhooks takes.
    ///
    /// One each for WH_001 (tickets) and WH_002 (invitations): {"type","url"}, and "events", "secret" (32 bytes:
    /// bodies are encrypted) and "authorization" (BASIC_AUTH, BEARER_TOKEN or API_KEY) as you like.
    #[arg(long, value_name = "FILE")]
    preventor_webhooks: Option<PathBuf>,
    /// How the vendor's documents are read where they are silent, as JSON, for example '{"token_status":201}'.
    ///
    /// token_status 200 or 201; expiry seconds, epoch_ms or absent; envelope_status number or text; message text, list
    /// or object; generation current or legacy; order ticket_first or invitation_first; retry {"kind":"none"} or
    /// {"kind":"pauses","seconds":[1,5]}. POST /control/preventor/profile changes it later.
    #[arg(long, value_name = "JSON")]
    preventor_profile: Option<Profile>,
    /// What goes wrong, as with --fault, for example ticket=503:3. Can be given several times.
    ///
    /// WHERE is token, check, register, send, update, delete, activities, ticket, images, settings or any, or webhooks.
    #[arg(long, value_name = "FAULT")]
    preventor_fault: Vec<Fault<PreventorCall>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Preventor Open Services")]
struct PreventorOpen {
    /// A file with the account's API key. Its tenant, env, client and scope are "sandbox", its banknu is "SANDBOX".
    #[arg(long, value_name = "FILE", requires_all = ["preventor_open_secret_file", "preventor_open_password_file"])]
    preventor_open_api_key_file: Option<PathBuf>,
    /// A file with the secret that begins biometric processes.
    #[arg(long, value_name = "FILE", requires = "preventor_open_api_key_file")]
    preventor_open_secret_file: Option<PathBuf>,
    /// A file with the password that logs sandbox@example.com in.
    #[arg(long, value_name = "FILE", requires = "preventor_open_api_key_file")]
    preventor_open_password_file: Option<PathBuf>,
    /// How the vendor's documents are read where they are silent, as JSON, for example '{"errors":"empty"}'.
    ///
    /// basic key, client or user; token_end expires_in or untold; errors envelope or empty; written_status 200 or 201;
    /// written record, receipt or empty; customer bare or data; pictures first or both; portrait data_uri or base64.
    /// POST /control/preventor-open/profile changes it later.
    #[arg(long, value_name = "JSON")]
    preventor_open_profile: Option<preventor_open::Profile>,
    /// What goes wrong, as with --fault, for example customer=503:3. Can be given several times.
    ///
    /// WHERE is token, customer, maintenance, get_customer, account, transaction, process, user, upload, enroll or any.
    #[arg(long, value_name = "FAULT")]
    preventor_open_fault: Vec<Fault<OpenCall>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "MasStack")]
struct Masstack {
    /// Where the JSON of a new service account is written, to log in with. Its organisation is "sandbox".
    #[arg(long, value_name = "FILE")]
    masstack_service_account_file: Option<PathBuf>,
    /// How the vendor's documents are read where they are silent, as JSON, for example '{"errors":"empty"}'.
    ///
    /// errors listed or empty; token_end expires_in, claim or untold; names snake or camel; force_denied true or false;
    /// calls.cancel, calls.restart and calls.send {"method":"POST","path":"/identifications/{kind}/{id}/cancel"}.
    /// POST /control/masstack/profile changes it later.
    #[arg(long, value_name = "JSON")]
    masstack_profile: Option<masstack::Profile>,
    /// What goes wrong, as with --fault, for example get=503:3. Can be given several times.
    ///
    /// WHERE is token, create, get, delete, cancel, restart, send or any.
    #[arg(long, value_name = "FAULT")]
    masstack_fault: Vec<Fault<MasstackCall>>,
}

impl Sandbox {
    pub(super) fn run(self) -> Exit {
        let options = match self.options() {
            Ok(options) => options,
            Err(error) => {
                complain(&error);
                return Exit::Config;
            }
        };
        super::block_on(serve(options))
    }

    fn options(self) -> Result<SandboxOptions, String> {
        let Idnow { customer, api_key_file, webhook_url, webhook_user, webhook_password_file, fault } =
            self.idnow;
        let webhook = match (webhook_url, webhook_user, webhook_password_file) {
            (Some(url), Some(username), Some(file)) => {
                Some(WebhookTarget { url, username, password: secret(file)? })
            }
            _ => None,
        };
        let accounts = match api_key_file {
            Some(file) => vec![Account { customer, api_key: secret(file)? }],
            None => Vec::new(),
        };
        let clock = Clock::system();
        Ok(SandboxOptions {
            listen: self.listen,
            masstack: self.masstack.options(&clock)?,
            clock,
            speed: self.speed,
            webhook,
            accounts,
            faults: fault,
            preventor: self.preventor.options()?,
            preventor_open: self.preventor_open.options()?,
            ..SandboxOptions::default()
        })
    }
}

impl Preventor {
    fn options(self) -> Result<preventor::Options, String> {
        let account = match (self.preventor_api_key_file, self.preventor_secret_file) {
            (Some(key), Some(file)) => {
                Some(preventor::Account { api_key: secret(key)?, secret: secret(file)? })
            }
            _ => None,
        };
        Ok(preventor::Options {
            base_path: self.preventor_base_path,
            account,
            webhooks: self.preventor_webhooks.as_deref().map_or(Ok(Vec::new()), registrations)?,
            profile: self.preventor_profile.unwrap_or_default(),
            faults: self.preventor_fault,
        })
    }
}

impl PreventorOpen {
    fn options(self) -> Result<preventor_open::Options, String> {
        let files = (
            self.preventor_open_api_key_file,
            self.preventor_open_secret_file,
            self.preventor_open_password_file,
        );
        let account = match files {
            (Some(key), Some(file), Some(password)) => Some(preventor_open::Account {
                api_key: secret(key)?,
                secret: secret(file)?,
                password: secret(password)?,
            }),
            _ => None,
        };
        let profile = self.preventor_open_profile.unwrap_or_default();
        Ok(preventor_open::Options { account, profile, faults: self.preventor_open_fault })
    }
}

impl Masstack {
    fn options(self, clock: &Clock) -> Result<masstack::Options, String> {
        let account = match self.masstack_service_account_file {
            Some(file) => {
                let account = ServiceAccount::generate(clock).map_err(|error| error.to_string())?;
                fs::write(&file, account.json()).map_err(|error| format!("{}: {error}", file.display()))?;
                Some(account)
            }
            None => None,
        };
        let profile = self.masstack_profile.unwrap_or_default();
        Ok(masstack::Options { account, profile, faults: self.masstack_fault })
    }
}

fn registrations(file: &Path) -> Result<Vec<Registration>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read(file).map_err(|error| told(&error))?;
    let deserializer = &mut serde_json::Deserializer::from_slice(&text);
    serde_path_to_error::deserialize(deserializer).map_err(|error| told(&error))
}

fn secret(file: PathBuf) -> Result<SecretString, String> {
    SecretSource::File(file).read().map_err(|error| error.to_string())
}

async fn serve(options: SandboxOptions) -> Exit {
    let mut signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(exit) => return exit,
    };
    match Server::start(options).await {
        Ok(sandbox) => {
            let address = sandbox.address();
            tell(&format!("the sandbox listens on http://{address} (docs/sandbox.md; Ctrl-C ends it)"));
            signals.wait().await;
            sandbox.shutdown().await;
            Exit::Done
        }
        Err(error) => {
            complain(&format!("the sandbox cannot start: {error}"));
            Exit::Unavailable
        }
    }
}
