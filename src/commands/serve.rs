//! `serve`: the gateway itself.

use std::error::Error as _;
use std::path::PathBuf;

use clap::Args;
use idv_gateway::app::{App, StartError};
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::telemetry::start_log;

use crate::commands::output::complain;
use crate::commands::signals::Signals;
use crate::commands::{Exit, wants_colour};

/// Run the gateway until SIGTERM or SIGINT.
///
/// A signal starts the drain: health says NOT_SERVING, streams end with a cursor to go on from, calls are finished,
/// and the process ends with 0 within the drain time. It ends so with 70 when a part of it broke down.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  idv-gateway serve --config /etc/idv-gateway.toml")]
pub(super) struct Serve {
    /// The configuration file; docs/config.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub(super) fn run(self, environment: impl Iterator<Item = (String, String)>) -> Exit {
        let loaded = Config::load(&self.config, environment);
        // Secrets are looked at first, so that a bad one is named with its line.
        let config = match loaded.and_then(|config| config.check_secrets().map(|_count| config)) {
            Ok(config) => config,
            Err(errors) => {
                complain(&errors.to_string());
                return Exit::Config;
            }
        };
        if let Err(error) = start_log(&config.log, wants_colour(&std::io::stderr())) {
            complain(&format!("the log cannot be started: {error}"));
            return Exit::Config;
        }
        super::block_on(serve(config))
    }
}

async fn serve(config: Config) -> Exit {
    let mut signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(exit) => return exit,
    };
    let urls: Vec<_> = config.connections.keys().filter_map(|id| config.webhooks.url_for(id)).collect();
    let app = match App::start(config, Clock::system()).await {
        Ok(app) => app,
        Err(error) => {
            complain(&explain(&error));
            return if error.is_configuration() { Exit::Config } else { Exit::Unavailable };
        }
    };
    let addresses = app.addresses();
    tracing::info!(
        grpc.address = %addresses.grpc,
        webhooks.address = %addresses.webhooks,
        admin.address = %addresses.admin,
        "The gateway serves"
    );
    for url in urls {
        tracing::info!(webhooks.url = url, "A vendor's webhooks are expected here");
    }
    let exit = tokio::select! {
        () = signals.wait() => Exit::Done,
        // Whoever supervises it starts another one.
        () = app.broken() => Exit::Bug,
    };
    tracing::info!("The gateway drains");
    if !app.shut_down().await {
        tracing::warn!("The drain time was over before every call had ended; the rest was cut off");
    }
    exit
}

/// The error and everything that caused it, in one line.
pub(super) fn explain(error: &StartError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
