//! `--server`: the gateway that a command speaks to.

use std::error::Error as _;
use std::time::Duration;

use clap::Args;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Args)]
pub(super) struct Server {
    /// The gateway's gRPC address: http://HOST:PORT.
    #[arg(long = "server", value_name = "URL", default_value = "http://127.0.0.1:50051", value_parser = endpoint)]
    server: Endpoint,
}

impl Server {
    /// A connection that is opened when it is first needed, and again whenever it breaks.
    pub(super) fn channel(&self) -> Channel {
        // A peer that has vanished without a word is noticed by pings only.
        let endpoint =
            self.endpoint().http2_keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
        endpoint.connect_timeout(CONNECT_TIMEOUT).connect_lazy()
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.server.clone()
    }
}

/// What went wrong: what the gateway says, or the innermost reason why it cannot be heard.
pub(super) fn cause(status: &Status) -> String {
    match std::iter::successors(status.source(), |&error| error.source()).last() {
        Some(innermost) => innermost.to_string(),
        None => status.message().to_owned(),
    }
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|_malformed| EXPECTED)?;
    match endpoint.uri().scheme_str() {
        Some("http") => Ok(endpoint),
        Some("https") => Err("must begin with http://: TLS is not available yet".to_owned()),
        _ => Err(EXPECTED.to_owned()),
    }
}

const EXPECTED: &str = "must be http://HOST:PORT";
