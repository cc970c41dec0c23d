//! `demo`: a gateway and the vendors' stand-ins in one process, and six people who go through them.

mod code;
mod keep;
mod person;
mod signing;
mod stage;
mod stories;

use std::time::Duration;

use clap::Args;
use idv_gateway::clock::Clock;

use crate::commands::demo::stage::Stage;
use crate::commands::render::Renderer;
use crate::commands::signals::Signals;
use crate::commands::{Exit, complain};

/// Six stories take a few seconds; a machine under load gets this much.
const CURTAIN: Duration = Duration::from_secs(18);

/// See the whole thing work: no vendor account, nothing leaves this machine.
///
/// Starts a gateway and the built-in sandbox on free ports of the loopback interface, with keys and data in a
/// temporary folder. Six people are identified through a real gRPC client, and the event stream is printed as a
/// subscriber sees it.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  idv-gateway demo\n  idv-gateway demo --keep")]
pub(super) struct Demo {
    /// Stay after the stories, and print lines to paste for grpcurl, Python and the sandbox. Ctrl-C ends it.
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(super) fn run(self) -> Exit {
        super::block_on(async move {
            let mut signals = match Signals::catch() {
                Ok(signals) => signals,
                Err(exit) => return exit,
            };
            let clock = Clock::system();
            let stage = match Stage::set(&clock).await {
                Ok(stage) => stage,
                Err(error) => {
                    complain(&format!("the demo cannot start: {error}"));
                    return Exit::Unavailable;
                }
            };
            // Whatever ends it, the folder with its keys goes.
            let exit = tokio::select! {
                exit = self.play(&stage) => exit,
                () = signals.wait() => Exit::Done,
            };
            stage.strike().await;
            exit
        })
    }

    async fn play(&self, stage: &Stage) -> Exit {
        let renderer = Renderer::for_stdout();
        println!(
            "{}",
            renderer.heading("idv-gateway demo: six people are identified; nothing leaves this machine")
        );
        println!("gateway  gRPC {}   webhooks {}", stage.grpc_url(), stage.webhooks_url());
        println!("sandbox  IDnow, MasStack {}", stage.sandbox_url());
        let told = tokio::time::timeout(CURTAIN, stories::tell(stage, renderer)).await;
        let exit = match told {
            Ok(Ok(())) => Exit::Done,
            Ok(Err(error)) => {
                complain(&format!("a story did not go as it should: {error}"));
                Exit::Bug
            }
            Err(_elapsed) => {
                complain("the stories did not end in time; is this machine under heavy load?");
                Exit::Unavailable
            }
        };
        if exit == Exit::Done && self.keep {
            keep::print(stage, renderer);
            std::future::pending::<()>().await;
        }
        exit
    }
}
