//! Whether an account works, and tokens for the vendor's SDK: both are logins.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::vendor::Probe;
use crate::vendor::capability::{ClientToken, ClientTokens};
use crate::vendor::preventor::Preventor;

#[async_trait]
impl Probe for Preventor {
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
        self.api.log_in().await.map(drop)
    }
}

#[async_trait]
impl ClientTokens for Preventor {
    async fn issue(&self) -> Result<ClientToken, Error> {
        let login = self.api.log_in().await?;
        Ok(ClientToken { token: login.token, expire_time: login.end.map(Into::into) })
    }
}
