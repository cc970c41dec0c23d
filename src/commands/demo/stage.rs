//! What the demo plays on: a temporary folder, a gateway, a sandbox and a client.

use std::error::Error;
use std::path::Path;

use idv_gateway::app::{Addresses, App};
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::sandbox::{Sandbox, SandboxOptions};
use tonic::transport::Channel;

use crate::commands::demo::person::Person;
use crate::commands::trial::Trial;

/// The sandbox's minutes are a fraction of a second.
const SPEED: f64 = 240.0;

/// Everything the demo needs, running.
pub(super) struct Stage {
    app: App,
    sandbox: Sandbox,
    addresses: Addresses,
    channel: Channel,
    trial: Trial,
}

impl Stage {
    /// Makes keys, starts the sandbox, then the gateway, and lets each know where the other is.
    pub(super) async fn set(clock: &Clock) -> Result<Self, Box<dyn Error>> {
        let trial = Trial::prepare(clock)?;
        match Self::start(&trial, clock).await {
            Ok((sandbox, app, channel)) => {
                Ok(Self { addresses: app.addresses(), app, sandbox, channel, trial })
            }
            Err(error) => {
                // Nobody else knows of its keys.
                trial.remove();
                Err(error)
            }
        }
    }

    async fn start(trial: &Trial, clock: &Clock) -> Result<(Sandbox, App, Channel), Box<dyn Error>> {
        // The gateway's webhook port is known only once it listens: the target follows by the control API.
        let sandbox = Sandbox::start(SandboxOptions { speed: SPEED, ..trial.sandbox(clock) }).await?;
        let file = trial.configure(sandbox.address())?;
        let config = Config::load(&file, std::iter::empty())?;
        let app = App::start(config, clock.clone()).await?;
        let Addresses { grpc, webhooks, .. } = app.addresses();
        let channel = Channel::from_shared(format!("http://{grpc}"))?.connect().await?;
        let target = trial.target(&format!("http://{webhooks}/webhooks"));
        Person::new(format!("http://{}", sandbox.address()))?.send_webhooks_to(&target).await?;
        Ok((sandbox, app, channel))
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(super) fn person(&self) -> reqwest::Result<Person> {
        Person::new(self.sandbox_url())
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
    }

    pub(super) fn grpc_url(&self) -> String {
        format!("http://{}", self.addresses.grpc)
    }

    pub(super) fn webhooks_url(&self) -> String {
        format!("http://{}/webhooks", self.addresses.webhooks)
    }

    pub(super) fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox.address())
    }

    pub(super) fn folder(&self) -> &Path {
        self.trial.folder()
    }

    /// Ends everything and removes the folder.
    pub(super) async fn strike(self) {
        self.app.shut_down().await;
        self.sandbox.shutdown().await;
        self.trial.remove();
    }
}
