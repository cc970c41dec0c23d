//! Whether an account works: it is signed in anew.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::vendor::Probe;
use crate::vendor::masstack::Masstack;

#[async_trait]
impl Probe for Masstack {
    fn server(&self) -> String {
        self.api.host()
    }

    fn pause(&self) -> Duration {
        // The vendor says nothing about it; each check is a login.
        Duration::from_mins(5)
    }

    async fn ask_server(&self) -> Result<(), Error> {
        // The vendor has no question about the server alone: the login answers that too.
        Ok(())
    }

    async fn prove_credentials(&self) -> Result<(), Error> {
        self.api.log_in().await
    }
}
