//! Whether an account works: each part that it has is signed in to.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::vendor::Probe;
use crate::vendor::preventor_open::PreventorOpen;

#[async_trait]
impl Probe for PreventorOpen {
    fn server(&self) -> String {
        let hosts = [
            self.compliance.as_ref().map(|compliance| compliance.host()),
            self.framework.as_ref().map(|framework| framework.host()),
        ];
        hosts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }

    fn pause(&self) -> Duration {
        // The vendor says nothing about it; each check is a login.
        Duration::from_mins(5)
    }

    async fn ask_server(&self) -> Result<(), Error> {
        // The vendor has no question about a server alone: the login answers that too.
        Ok(())
    }

    async fn prove_credentials(&self) -> Result<(), Error> {
        if let Some(compliance) = &self.compliance {
            compliance.log_in().await?;
        }
        match &self.framework {
            Some(framework) => framework.prove_credentials().await,
            None => Ok(()),
        }
    }
}
