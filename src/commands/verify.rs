//! `verify`: whether a journal, or a backup of one, is as it was written.

use std::path::PathBuf;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::journal::embedded::{self, Verified};
use idv_gateway::journal::seal::Vault;

use crate::commands::Exit;
use crate::commands::journal_file::{Journal, Progress, complain_of};
use crate::commands::output::{complain, print, say};

/// Look through the journal for damage, also while the gateway runs.
///
/// Reads everything and changes nothing: the checksum of every event and every identification, positions without a gap,
/// events and identifications that agree, what things are found by, and SQLite's own structures. Each fault is a line
/// with its place. The gateway checks what it reads by itself; this finds what nobody has read lately.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    #[command(flatten)]
    journal: Journal,
    /// Look through this file, which `backup` made, in place of the gateway's journal.
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Open every sealed item too, with the configured master keys. Nothing of what is in them is shown.
    #[arg(long, conflicts_with = "backup")]
    deep: bool,
}

const EXAMPLES: &str = "\
Examples:
  idv-gateway verify --config gateway.toml --deep
  idv-gateway verify --config gateway.toml --backup /backup/monday.journal

Exit codes: 0 nothing is damaged, 1 something is, 69 a file cannot be read, 78 wrong configuration";

impl Verify {
    pub(super) fn run(self, environment: impl Iterator<Item = (String, String)>) -> Exit {
        let config = match self.journal.config(environment) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        let vault = match self.deep.then(|| vault(&config)).transpose() {
            Ok(vault) => vault,
            Err(problem) => {
                complain(&problem);
                return Exit::Config;
            }
        };
        let path = self.backup.unwrap_or_else(|| Journal::path_in(&config));
        let mut progress = Progress::start("looked at");
        let done = embedded::verify(&path, vault.as_ref(), &mut progress.report());
        progress.end();
        match done {
            Ok(verified) if verified.findings.is_empty() => print(summary(&verified).as_bytes()),
            Ok(verified) => findings(&verified),
            Err(error) => complain_of(&format!("{} cannot be verified", path.display()), &error),
        }
    }
}

fn vault(config: &Config) -> Result<Vault, String> {
    let keys = config.keys.read().map_err(|error| error.to_string())?;
    Vault::new(Clock::system(), keys).map_err(|error| error.to_string())
}

fn summary(verified: &Verified) -> String {
    let Verified { low_water, head, identifications, opened, .. } = verified;
    format!(
        "verify ok: nothing is damaged\n  events           {} (after position {low_water}, up to {head})\n  \
         identifications  {identifications}\n  sealed items     {opened} opened\n",
        head.saturating_sub(*low_water)
    )
}

fn findings(verified: &Verified) -> Exit {
    for finding in &verified.findings {
        if let Err(ended) = say(&format!("{}: {}", finding.place, finding.what)) {
            ended.exit();
            return Exit::Damaged;
        }
    }
    complain(&format!("damage was found in {} places", verified.findings.len()));
    Exit::Damaged
}
