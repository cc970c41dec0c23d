//! What the commands on the journal's file share.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use idv_gateway::config::Config;
use idv_gateway::journal::JournalError;
use idv_gateway::journal::config::JournalSettings;

use crate::commands::Exit;
use crate::commands::output::complain;

/// Which journal.
#[derive(Debug, Args)]
pub(super) struct Journal {
    /// The gateway's configuration file: its [journal.embedded] path is the journal.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Journal {
    /// The configuration; otherwise what is wrong with it has been said.
    pub(super) fn config(&self, environment: impl Iterator<Item = (String, String)>) -> Result<Config, Exit> {
        Config::load(&self.config, environment).map_err(|errors| {
            complain(&errors.to_string());
            Exit::Config
        })
    }

    /// Where the journal is.
    pub(super) fn path(&self, environment: impl Iterator<Item = (String, String)>) -> Result<PathBuf, Exit> {
        self.config(environment).map(|config| Self::path_in(&config))
    }

    /// Where the journal of `config` is.
    pub(super) fn path_in(config: &Config) -> PathBuf {
        let JournalSettings::Embedded(journal) = &config.journal;
        journal.path.clone()
    }
}

/// Says on standard error how far a command has come, where that is a terminal.
pub(super) struct Progress {
    verb: &'static str,
    terminal: bool,
}

impl Progress {
    pub(super) fn start(verb: &'static str) -> Self {
        Self { verb, terminal: io::stderr().is_terminal() }
    }

    /// Takes how many events are done, of how many.
    pub(super) fn report(&mut self) -> impl FnMut(u64, u64) {
        let (verb, terminal) = (self.verb, self.terminal);
        move |done, all| {
            if terminal {
                // There is nowhere left to say that standard error is closed.
                let _closed = write!(io::stderr(), "\r{done} of {all} events {verb}");
            }
        }
    }

    /// Leaves the line.
    pub(super) fn end(self) {
        if self.terminal {
            let _closed = writeln!(io::stderr());
        }
    }
}

/// Says what happened, with everything that caused it.
pub(super) fn complain_of(what: &str, error: &JournalError) -> Exit {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    complain(&text);
    if matches!(error, JournalError::Damaged(_)) { Exit::Damaged } else { Exit::Unavailable }
}
