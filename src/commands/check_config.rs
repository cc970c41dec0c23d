//! `check-config`.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::config::{Config, ConfigErrors, Profile};
use idv_gateway::journal::config::JournalSettings;
use idv_gateway::settings::Window;
use prost_types::Timestamp;

use super::Exit;
use super::output::{print, tell};

/// Check a configuration without starting anything.
///
/// Prints every problem at once, each with the line of the file or the name of the variable, and exits with 78. Secrets
/// are read too, so that one that is missing, or is no master key, shows up before the start; their values are never
/// printed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckConfig {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  idv-gateway check-config --config gateway.toml
  IDV__LOG__LEVEL=debug idv-gateway check-config --config gateway.toml";

impl CheckConfig {
    pub(super) fn run(self, environment: impl Iterator<Item = (String, String)>) -> Exit {
        let checked = Config::load(&self.config, environment).and_then(|config| {
            let secrets = config.check_secrets()?;
            Ok(summary(&config, secrets, Clock::system().now()))
        });
        match checked {
            Ok(summary) => print(format!("{summary}\n").as_bytes()),
            Err(errors) => {
                tell(&listed(&errors));
                Exit::Config
            }
        }
    }
}

fn listed(errors: &ConfigErrors) -> String {
    let count = counted(errors.iter().count(), "problem");
    format!("{errors}\n{count}")
}

fn summary(config: &Config, secrets: usize, now: SystemTime) -> String {
    let profile = match config.profile {
        Profile::Live => "live",
        Profile::Test => "test",
    };
    let JournalSettings::Embedded(journal) = &config.journal;
    let mut lines = vec![
        format!("config ok: {}", counted(config.connections.len(), "connection")),
        format!("  profile   {profile}"),
        format!("  grpc      {}", config.grpc.listen),
        format!("  webhooks  {}", config.webhooks.listen),
        format!("  admin     {}", config.admin.listen),
        format!("  journal   embedded, {}", journal.path.display()),
        format!("  secrets   {secrets} read"),
    ];
    for (id, connection) in &config.connections {
        let url = config.webhooks.url_for(id).map(|url| format!("  webhooks to {url}")).unwrap_or_default();
        let account = connection.account();
        lines.push(format!("  {}  {}{url}", id.name(), account.environment().as_str()));
        let gap = account.webhook_windows().and_then(|windows| Window::gap(&windows, now));
        lines.extend(gap.map(|gap| match gap {
            gap if gap <= now => {
                "    warning: no webhook secret is accepted now, so every webhook is refused".to_owned()
            }
            gap => format!("    webhook secrets are accepted until {}", Timestamp::from(gap)),
        }));
    }
    lines.join("\n")
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
