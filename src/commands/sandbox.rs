//! `sandbox`: the stand-in for the vendors' APIs, on its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::sandbox::{Account, Fault, Sandbox as Server, SandboxOptions, WebhookTarget};
use idv_gateway::settings::SecretSource;
use secrecy::SecretString;

use crate::commands::Exit;
use crate::commands::output::{complain, tell};
use crate::commands::signals::Signals;

/// Run a stand-in for the vendors' APIs, to try the gateway without a vendor account.
///
/// docs/sandbox.md describes its control API, with which you act as the person and as the reviewer, and says what it
/// does not check.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  idv-gateway sandbox --listen 127.0.0.1:8090 --customer demobank --api-key-file key \\\n    --webhook-url http://127.0.0.1:8081/webhooks/demobank --webhook-user idnow --webhook-password-file password"
)]
pub(super) struct Sandbox {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How much faster than the vendor reviews are done and webhooks retried; 60 makes a minute a second.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    /// The account's name (IDnow: shortname).
    #[arg(long, value_name = "NAME", default_value = "demobank")]
    customer: String,
    /// A file with the account's API key.
    #[arg(long, value_name = "FILE")]
    api_key_file: PathBuf,
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
    fault: Vec<Fault>,
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
        let webhook = match (self.webhook_url, self.webhook_user, self.webhook_password_file) {
            (Some(url), Some(username), Some(file)) => {
                Some(WebhookTarget { url, username, password: secret(file)? })
            }
            _ => None,
        };
        Ok(SandboxOptions {
            listen: self.listen,
            clock: Clock::system(),
            speed: self.speed,
            webhook,
            accounts: vec![Account { customer: self.customer, api_key: secret(self.api_key_file)? }],
            faults: self.fault,
            ..SandboxOptions::default()
        })
    }
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
