//! `sandbox`: the stand-in for the vendors' APIs, on its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::sandbox::{Account, Sandbox as Server, SandboxOptions, WebhookTarget};
use idv_gateway::settings::SecretSource;
use secrecy::SecretString;

use crate::commands::signals::Signals;
use crate::commands::{Exit, complain};

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
            eprintln!(
                "the sandbox listens on http://{} (docs/sandbox.md; Ctrl-C ends it)",
                sandbox.address()
            );
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
