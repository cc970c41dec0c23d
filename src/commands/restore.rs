//! `restore`: a journal of a backup.

use std::path::PathBuf;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::journal::embedded::{self, Backup as Files};

use crate::commands::Exit;
use crate::commands::journal_file::{Journal, Progress, complain_of};
use crate::commands::output::print;

/// Make a journal of a backup, where there is none.
///
/// The backup is verified first, and both of its files are needed. The journal is made where the configuration says;
/// nothing is overwritten, and a gateway must not run there. What happened after the backup is not in it, so the journal
/// gets a new epoch: readers with a cursor from before are told (CURSOR_EPOCH_MISMATCH) and begin again with a snapshot,
/// and all leases of subscriptions have ended. Whoever was erased after the backup has to be erased again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restore {
    #[command(flatten)]
    journal: Journal,
    /// The file with events and state that `backup` made.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The file with wrapped keys that `backup` made with it.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

const EXAMPLES: &str = "\
Example:
  idv-gateway restore --config gateway.toml --from /backup/monday.journal --keys /backup-keys/monday.keys
  idv-gateway verify --config gateway.toml --deep

Exit codes: 0 done, 1 the backup is damaged, 69 a file cannot be read or made or is there, 78 wrong configuration";

impl Restore {
    pub(super) fn run(self, environment: impl Iterator<Item = (String, String)>) -> Exit {
        let to = match self.journal.path(environment) {
            Ok(path) => path,
            Err(exit) => return exit,
        };
        let from = Files { file: &self.from, keys: &self.keys };
        let mut progress = Progress::start("verified or copied");
        let done = embedded::restore(from, &to, &Clock::system(), &mut progress.report());
        progress.end();
        match done {
            Ok(head) => {
                let to = to.display();
                print(format!("restore ok: events up to position {head}\n  journal  {to}\n").as_bytes())
            }
            Err(error) => complain_of("nothing was restored", &error),
        }
    }
}
