//! A MasStack connection over a transport that says what a test wants.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use axum::http::{HeaderMap, StatusCode};
use idv_gateway::clock::Clock;
use idv_gateway::error::Result;
use idv_gateway::model::command::CreateIdentification;
use idv_gateway::proto::identification_spec::Kind;
use idv_gateway::proto::{CreateIdentificationRequest, IdentificationSpec, Subject, VendorReference};
use idv_gateway::sandbox::masstack::ServiceAccount;
use idv_gateway::vendor::kit::http::{OpenResponse, Payload, Request, Response, Transport, TransportError};
use idv_gateway::vendor::kit::line::Line;
use idv_gateway::vendor::masstack::Masstack;
use idv_gateway::vendor::masstack::config::MasstackSettings;
use uuid::Uuid;

use super::rig::{Files, ID, line, noon, on_its_way, reference};

/// Both ids of every process.
pub(super) const IDS: &str = include_str!("../../fixtures/masstack/process.json");
pub(super) const TOKEN: &str = include_str!("../../fixtures/masstack/token.json");
/// Where the calls lie that are not published, as the documentation has it by way of example.
pub(super) const CALLS: &str = r#"
calls.cancel = { method = "POST", path = "/identifications/{kind}/{admin_identification_id}/cancel", kinds = ["otp"] }
calls.restart = { method = "POST", path = "/identifications/{kind}/{admin_identification_id}/restart" }
calls.send = { method = "POST", path = "/identifications/{kind}/{admin_identification_id}/send", kinds = ["otp"] }
"#;

/// A request as the vendor saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Answers with a status and a body; status 0 is none.
pub(super) struct Script<F> {
    answer: F,
    seen: Mutex<Vec<Seen>>,
}

impl<F: Fn(&str) -> (u16, String)> Script<F> {
    pub(super) fn new(answer: F) -> Arc<Self> {
        Arc::new(Self { answer, seen: Mutex::default() })
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl<F: Fn(&str) -> (u16, String) + Send + Sync> Transport for Script<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let line = format!("{} {}", request.method, request.target.url());
        let Payload::Bytes(body) = &request.body else { panic!("no call sends a file") };
        let body = String::from_utf8(body.to_vec()).unwrap();
        self.seen.lock().unwrap().push(Seen { line: line.clone(), headers: request.headers, body });
        match (self.answer)(&line) {
            (0, _) => Err(TransportError::Unreachable("gone".into())),
            (status, body) => {
                let status = StatusCode::from_u16(status).unwrap();
                Ok(Response { status, headers: HeaderMap::new(), body: body.into() })
            }
        }
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        self.send(request).await.map(on_its_way)
    }
}

/// What a vendor that works answers.
pub(super) fn sound(line: &str) -> (u16, String) {
    match line.split_once(' ').unwrap() {
        (_, url) if url.contains("token.example") => (200, TOKEN.to_owned()),
        ("POST", url) if url.ends_with("/otp") => (201, IDS.to_owned()),
        ("POST", url) if url.ends_with("/identity_document") => (200, IDS.to_owned()),
        ("GET", _) => (200, IDS.to_owned()),
        _ => (204, String::new()),
    }
}

pub(super) fn service_account() -> &'static ServiceAccount {
    static ACCOUNT: OnceLock<ServiceAccount> = OnceLock::new();
    ACCOUNT.get_or_init(|| ServiceAccount::generate(&Clock::system()).unwrap())
}

/// A connection with `more` TOML in its table. Nothing is tried twice.
pub(super) fn connect(more: &str, transport: Arc<dyn Transport>) -> Masstack {
    with_account(|source| try_connect(&settings(source, more), transport)).unwrap()
}

/// A connection to the server at `base`, over `line`.
pub(super) fn over(base: &str, more: &str, clock: Clock, line: Line) -> Masstack {
    let text = |source: &str| {
        format!(
            "environment = \"sandbox\"\nbase_url = \"{base}\"\norg_id = \"bank\"\n\
             token_url = \"{base}/token\"\nservice_account = {source}\n{more}"
        )
    };
    let connection = "bank".parse().unwrap();
    with_account(|source| Masstack::new(connection, &toml::from_str(&text(source)).unwrap(), clock, line))
        .unwrap()
}

/// Does `make` while the service account is where a setting says.
fn with_account<T>(make: impl FnOnce(&str) -> T) -> T {
    let files = Files::new();
    let file = files.write("account.json", service_account().json());
    make(&format!("{{ json = {{ file = {:?} }} }}", file.display().to_string()))
}

/// Settings of a connection that signs in with the account at `source`.
pub(super) fn settings(source: &str, more: &str) -> MasstackSettings {
    let text = format!(
        "environment = \"live\"\norg_id = \"bank\"\ntoken_url = \"https://token.example/v1/token\"\n\
         service_account = {source}\nlimits = {{ max_attempts = 1, breaker_failures = 1000 }}\n{more}"
    );
    toml::from_str(&text).unwrap()
}

pub(super) fn try_connect(settings: &MasstackSettings, transport: Arc<dyn Transport>) -> Result<Masstack> {
    let (clock, _hand) = Clock::manual(noon());
    let line = line(settings.limits, clock.clone(), transport);
    Masstack::new("bank".parse().unwrap(), settings, clock, line)
}

pub(super) fn command(kind: Kind, subject: Subject) -> CreateIdentification {
    let request = CreateIdentificationRequest {
        parent: "connections/bank".to_owned(),
        identification_id: ID.to_owned(),
        subject: Some(subject),
        spec: Some(IdentificationSpec { kind: Some(kind) }),
        ..CreateIdentificationRequest::default()
    };
    CreateIdentification::parse(request, Uuid::nil()).unwrap()
}

pub(super) fn process() -> VendorReference {
    reference("a-1", "otp/i-1")
}
