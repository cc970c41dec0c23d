//! `healthcheck`: asks a gateway whether it serves.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use idv_gateway::config::Config;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::commands::Exit;
use crate::commands::output::complain;
use crate::commands::server::{Server, cause};

/// Ask a gateway whether it serves, for the probes of containers.
///
/// Asks grpc.health.v1.Health. Says nothing when all is well; otherwise one line on standard error says what is not.
/// A gateway that drains does not serve, nor does one whose journal takes nothing: it says what /readyz says.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Healthcheck {
    #[command(flatten)]
    server: Server,
    /// Ask the gateway that this configuration file is for, at [grpc] listen. The environment counts as it does for
    /// serve.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Ask about one service, for example idvgateway.v1.EventService, not about the whole gateway.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// How long the answer may take, in seconds: 0.1 to 300.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = timeout)]
    timeout: Duration,
}

const EXAMPLES: &str = "\
Examples:
  idv-gateway healthcheck
  idv-gateway healthcheck --config /etc/idv-gateway.toml --timeout 1
  idv-gateway healthcheck --server http://gateway:50051 --service idvgateway.v1.EventService

In a Dockerfile:
  HEALTHCHECK CMD [\"idv-gateway\", \"healthcheck\", \"--config\", \"/etc/idv-gateway.toml\"]

Exit codes: 0 it serves, 69 it does not or gave no answer in time, 64 wrong usage, 78 wrong configuration";

impl Healthcheck {
    pub(super) fn run(self, environment: impl Iterator<Item = (String, String)>) -> Exit {
        let endpoint = match &self.config {
            None => self.server.endpoint(),
            Some(file) => match configured(file, environment) {
                Ok(endpoint) => endpoint,
                Err(problem) => {
                    complain(&problem);
                    return Exit::Config;
                }
            },
        };
        super::block_on(async {
            match tokio::time::timeout(self.timeout, self.ask(&endpoint)).await {
                Ok(Ok(())) => Exit::Done,
                Ok(Err(problem)) => unwell(&endpoint, &problem),
                Err(_elapsed) => unwell(&endpoint, &format!("no answer within {:?}", self.timeout)),
            }
        })
    }

    async fn ask(&self, endpoint: &Endpoint) -> Result<(), String> {
        let service = self.service.clone().unwrap_or_default();
        let asked = if service.is_empty() { "the gateway" } else { &service };
        let request = HealthCheckRequest { service: service.clone() };
        let answer = HealthClient::new(endpoint.connect_lazy()).check(request).await;
        let status = answer.map_err(|status| refusal(asked, &status))?.into_inner().status();
        match status {
            ServingStatus::Serving => Ok(()),
            other => Err(format!("{asked} is {}", other.as_str_name())),
        }
    }
}

fn unwell(endpoint: &Endpoint, problem: &str) -> Exit {
    complain(&format!(
        "{}: {problem}",
        endpoint.uri().authority().map_or("", |authority| authority.as_str())
    ));
    Exit::Unavailable
}

fn refusal(asked: &str, status: &Status) -> String {
    match status.code() {
        Code::NotFound => format!("{asked} is not one of its services"),
        Code::Unimplemented => "it does not serve grpc.health.v1.Health".to_owned(),
        _ => format!("it cannot be asked: {}", cause(status)),
    }
}

/// Where the gateway of this configuration can be reached from its own machine.
fn configured(file: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Endpoint, String> {
    let config = Config::load(file, environment).map_err(|errors| errors.to_string())?;
    let mut address = config.grpc.listen;
    if address.port() == 0 {
        return Err("grpc.listen asks for any free port, so that nobody can tell which: name one".to_owned());
    }
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Endpoint::from_shared(format!("http://{address}")).map_err(|error| format!("grpc.listen: {error}"))
}

fn timeout(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=300.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "must be 0.1 to 300".to_owned())
}
