//! `backup`: a copy of the journal beside a gateway that goes on.

use std::path::PathBuf;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::journal::embedded::{self, Backup as Files};

use crate::commands::Exit;
use crate::commands::journal_file::{Journal, Progress, complain_of};
use crate::commands::output::print;

/// Copy the journal to two files, also while the gateway runs.
///
/// The copy is of one instant: every event and every change that was acknowledged before, whole, and nothing of what came
/// later. The gateway is not asked; SQLite lets others read the journal's file beside its writer, so this runs on the
/// same machine, as the same user. The gateway's write-ahead log grows until the copy is done.
///
/// Two files are made, neither of which may be there: the events and the state, and the wrapped keys of the personal
/// data sealed in it. Keep the keys apart and for a short time: whoever is erased stays readable in a backup as long as
/// its keys are kept. Without the master key neither file opens anything.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Backup {
    #[command(flatten)]
    journal: Journal,
    /// The file to make for events and state.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The file to make for the wrapped keys.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

const EXAMPLES: &str = "\
Example:
  idv-gateway backup --config gateway.toml --to /backup/monday.journal --keys /backup-keys/monday.keys
  idv-gateway verify --config gateway.toml --backup /backup/monday.journal

Exit codes: 0 done, 1 the journal is damaged, 69 a file cannot be read or made or is there, 78 wrong configuration";

impl Backup {
    pub(super) fn run(self, environment: impl Iterator<Item = (String, String)>) -> Exit {
        let source = match self.journal.path(environment) {
            Ok(path) => path,
            Err(exit) => return exit,
        };
        let to = Files { file: &self.to, keys: &self.keys };
        let mut progress = Progress::start("copied");
        let done = embedded::backup(&source, to, &Clock::system(), &mut progress.report());
        progress.end();
        match done {
            Ok(head) => print(
                format!(
                    "backup ok: events up to position {head}\n  journal  {}\n  keys     {}\n",
                    self.to.display(),
                    self.keys.display()
                )
                .as_bytes(),
            ),
            Err(error) => complain_of("the backup was not made", &error),
        }
    }
}
