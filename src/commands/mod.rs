//! The commands and their exit codes, which are those of sysexits.h.

mod backup;
mod check_config;
mod completions;
mod demo;
mod healthcheck;
mod journal_file;
mod output;
mod render;
mod restore;
mod sandbox;
mod serve;
mod server;
mod signals;
mod trial;
mod vendors;
mod verify;
mod version;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::output::complain;

/// One typed gRPC contract in front of identity-verification vendors, with a status stream that can be resumed.
///
/// Callers create identifications over gRPC; vendors report over webhooks; every change is in a durable journal
/// before anybody hears of it, and every subscriber goes on where it stopped.
#[derive(Debug, Parser)]
#[command(
    name = "idv-gateway",
    version,
    long_version = version::long(),
    after_help = EXIT_CODES,
    after_long_help = LONG_HELP
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Watch(watch::Watch),
    Healthcheck(healthcheck::Healthcheck),
    Sandbox(sandbox::Sandbox),
    CheckConfig(check_config::CheckConfig),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Vendors(vendors::Vendors),
    Completions(completions::Completions),
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 damage was found, 64 wrong usage, 69 something needed is not available, 70 a bug, 77 refused, 78 wrong configuration";

const LONG_HELP: &str = "\
Configuration:
  A TOML file; docs/config.toml explains every key. An environment variable replaces a key:
  IDV__GRPC__LISTEN=127.0.0.1:6000 is listen under [grpc], and
  IDV__CONNECTIONS__BANK_DE__IDNOW__CUSTOMER=bankde is customer under [connections.bank-de.idnow].

Exit codes:
  0   done
  1   damage was found in a journal or a backup
  64  wrong usage of the command line
  69  something that is needed is not available, for example a port, a file or the gateway
  70  a bug in the gateway
  77  the gateway refused the request
  78  wrong configuration";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Done,
    Damaged,
    Usage,
    Refused,
    Unavailable,
    Bug,
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Damaged => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Bug => 70,
            Exit::Refused => 77,
            Exit::Config => 78,
        })
    }
}

/// Runs the command that was asked for.
pub(crate) fn run() -> ExitCode {
    let exit = match CommandLine::try_parse() {
        Ok(CommandLine { command }) => match command {
            Command::Serve(command) => command.run(environment()),
            Command::Demo(command) => command.run(),
            Command::Watch(command) => command.run(),
            Command::Healthcheck(command) => command.run(environment()),
            Command::Sandbox(command) => command.run(),
            Command::CheckConfig(command) => command.run(environment()),
            Command::Backup(command) => command.run(environment()),
            Command::Restore(command) => command.run(environment()),
            Command::Verify(command) => command.run(environment()),
            Command::Vendors(command) => command.run(),
            Command::Completions(command) => command.run(CommandLine::command()),
        },
        Err(error) => {
            // A closed terminal is no reason to fail differently.
            let _closed = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Done }
        }
    };
    exit.into()
}

/// Runs a command to its end on a runtime of its own.
fn block_on(command: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            complain(&format!("no threads can be started: {error}"));
            Exit::Unavailable
        }
    }
}

/// Whether to write in colour to `output`.
fn wants_colour(output: &impl io::IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").map(|value| value.to_string_lossy().into_owned());
    idv_gateway::telemetry::wants_colour(output.is_terminal(), no_color.as_deref())
}

/// The process's environment, read here and nowhere else (but for secrets, which settings name). What is not Unicode
/// keeps its place with the replacement character, so that it is refused where it is used, not overlooked.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}
