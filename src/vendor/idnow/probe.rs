//! Whether an account works: the host's own word, and a question that only its credentials open.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Error;
use crate::vendor::Probe;
use crate::vendor::idnow::Idnow;

#[async_trait]
impl Probe for Idnow {
    fn server(&self) -> String {
        self.api.host()
    }

    fn pause(&self) -> Duration {
        // IDnow wants its system check asked "at most every 5 minutes".
        Duration::from_mins(5)
    }

    async fn ask_server(&self) -> Result<(), Error> {
        self.api.system_check().await
    }

    async fn prove_credentials(&self) -> Result<(), Error> {
        self.api.prove_credentials().await
    }
}
