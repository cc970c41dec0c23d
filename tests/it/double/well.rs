//! What all vendors without HTTP have in common: an account, and a server that is well.

use std::time::Duration;

use async_trait::async_trait;
use idv_gateway::error::Error;
use idv_gateway::proto::{Evidence, Vendor as VendorKind};
use idv_gateway::vendor::{Account, Probe};

/// The account of `connection`, which publishes decisions on `min_evidence`.
pub(crate) fn account(connection: &str, min_evidence: Evidence) -> Account {
    Account {
        connection: connection.parse().unwrap(),
        vendor: VendorKind::Preventor,
        display_name: connection.to_owned(),
        environment: "sandbox".to_owned(),
        region: String::new(),
        min_evidence,
        silence_after: None,
        adopt_unknown: false,
    }
}

/// A vendor's server that always works.
pub(crate) struct Well;

#[async_trait]
impl Probe for Well {
    fn server(&self) -> String {
        "server.example".to_owned()
    }

    fn pause(&self) -> Duration {
        Duration::ZERO
    }

    async fn ask_server(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn prove_credentials(&self) -> Result<(), Error> {
        Ok(())
    }
}
