//! An IDnow connection against a small stub server or a recorded transport.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, StreamExt as _};
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::model::command::CreateIdentification;
use idv_gateway::proto::{self, CreateIdentificationRequest, VendorReference};
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::idnow::Idnow;
use idv_gateway::vendor::idnow::config::IdnowSettings;
use idv_gateway::vendor::keepsake::About;
use idv_gateway::vendor::kit::delivery::{Source, Unverified};
use idv_gateway::vendor::kit::http::{self, HttpTransport, Timeouts, Transport, TransportError};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::kit::line::{Line, LineParts};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const ID: &str = "3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811";

/// 2026-03-14 12:00 UTC.
pub(crate) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_773_489_600)
}

/// One request as the stub saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn is_login(&self) -> bool {
        self.path.ends_with("/login")
    }
}

/// An HTTP server on a free port that answers what a function says.
pub(crate) struct Stub {
    pub(crate) base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let app = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let body = String::from_utf8(body.to_vec()).unwrap();
            let request = Seen { method, path: uri.to_string(), headers, body };
            log.lock().unwrap().push(request.clone());
            let response = answer(&request);
            async move { response }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, seen }
    }

    /// A stub that takes every login and answers the rest with `answer`.
    pub(crate) async fn logged_in(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        Self::start(move |seen| if seen.is_login() { login("token-1") } else { answer(seen) }).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn logins(&self) -> usize {
        self.seen().iter().filter(|seen| seen.is_login()).count()
    }
}

pub(crate) fn login(token: &str) -> Response {
    json(200, &format!(r#"{{"authToken":"{token}"}}"#))
}

pub(crate) fn json(status: u16, body: &str) -> Response {
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json;charset=UTF-8")], body.to_owned()).into_response()
}

/// An error body with all six members, as the vendor sends them.
pub(crate) fn fault(status: u16, cause: &str, key: &str) -> Response {
    let members = format!(
        r#"{{"cause":"{cause}","errorType":null,"id":"73464627","key":{key},"message":"Erika Beispiel","translationKey":null}}"#
    );
    json(status, &format!(r#"{{"errors":[{members}]}}"#))
}

/// `response` as one whose body is still on its way.
pub(crate) fn on_its_way(response: http::Response) -> http::OpenResponse {
    let http::Response { status, headers, body } = response;
    http::OpenResponse { status, headers, body: stream::iter([Ok(body)]).boxed() }
}

/// A transport that answers what a function says and keeps the URLs.
pub(crate) struct Recorder<F> {
    pub(crate) urls: Mutex<Vec<String>>,
    pub(crate) answer: F,
}

impl<F: Fn(&http::Request) -> (u16, String)> Recorder<F> {
    pub(crate) fn new(answer: F) -> Arc<Self> {
        Arc::new(Self { urls: Mutex::default(), answer })
    }
}

#[async_trait]
impl<F> Transport for Recorder<F>
where
    F: Fn(&http::Request) -> (u16, String) + Send + Sync,
{
    async fn send(&self, request: http::Request) -> Result<http::Response, TransportError> {
        self.urls.lock().unwrap().push(request.target.url().to_string());
        let (status, body) = match request.target.template().ends_with("/login") {
            true => (200, r#"{"authToken":"token"}"#.to_owned()),
            false => (self.answer)(&request),
        };
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        Ok(http::Response { status, headers: HeaderMap::new(), body: body.into() })
    }

    async fn open(&self, request: http::Request) -> Result<http::OpenResponse, TransportError> {
        self.send(request).await.map(on_its_way)
    }
}

/// Secrets in files, and settings that point to them.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self(TempDir::new().unwrap());
        files.write("api-key", "made-up-key\n");
        files.write("password", "made up: password\n");
        files
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Settings of the account `examplebank`; `more` is TOML for the same table or ones below it. Calls are not
    /// repeated, which would wait for the clock: what is tested is how one answer is read.
    pub(crate) fn settings(&self, environment: &str, more: &str) -> IdnowSettings {
        let mut settings: IdnowSettings = toml::from_str(&self.toml(environment, more)).unwrap();
        settings.limits.max_attempts = 1;
        settings
    }

    pub(crate) fn toml(&self, environment: &str, more: &str) -> String {
        let file = |name: &str| self.0.path().join(name).display().to_string();
        let (key, password) = (file("api-key"), file("password"));
        format!(
            "environment = \"{environment}\"\ncustomer = \"examplebank\"\napi_key = {{ file = \"{key}\" }}\n{more}\n\
             [[webhook.basic]]\nlabel = \"first\"\nusername = \"idnow\"\npassword = {{ file = \"{password}\" }}\n"
        )
    }
}

/// A connection `bank` over `transport`.
pub(crate) fn connect(settings: &IdnowSettings, clock: Clock, transport: Arc<dyn Transport>) -> Idnow {
    Idnow::new("bank".parse().unwrap(), settings, clock.clone(), line(settings.limits, clock, transport))
        .unwrap()
}

pub(crate) fn line(limits: LimitSettings, clock: Clock, transport: Arc<dyn Transport>) -> Line {
    let connection = "bank".parse().unwrap();
    Line::new(LineParts { connection, clock, metrics: Metrics::noop(), transport, limits })
}

/// A sandbox connection to `base` over real sockets.
pub(crate) fn over_sockets(base: &str) -> (Idnow, ManualClock) {
    let (clock, manual) = Clock::manual(noon());
    let settings = Files::new();
    let transport = HttpTransport::new(Timeouts::default()).unwrap();
    let settings = &settings.settings("sandbox", &format!("base_url = \"{base}\""));
    (connect(settings, clock, Arc::new(transport)), manual)
}

/// A live connection that never sends anything.
pub(crate) fn offline() -> Idnow {
    let recorder = Recorder::new(|_request: &http::Request| (500, String::new()));
    connect(&Files::new().settings("live", ""), Clock::system(), recorder)
}

pub(crate) fn reference(id: &str, number: &str) -> VendorReference {
    VendorReference { id: id.to_owned(), reference: number.to_owned(), ..VendorReference::default() }
}

pub(crate) fn command(subject: proto::Subject, spec: proto::AutoIdentSpec) -> CreateIdentification {
    let request = CreateIdentificationRequest {
        parent: "connections/bank".to_owned(),
        identification_id: ID.to_owned(),
        subject: Some(subject),
        spec: Some(proto::IdentificationSpec {
            kind: Some(proto::identification_spec::Kind::AutoIdent(spec)),
        }),
        ..CreateIdentificationRequest::default()
    };
    CreateIdentification::parse(request, Uuid::nil()).unwrap()
}

/// A webhook request with `authorization` (none when empty).
pub(crate) fn delivery(authorization: &str, body: impl Into<Bytes>) -> Unverified {
    let mut headers = HeaderMap::new();
    if !authorization.is_empty() {
        headers.insert("authorization", authorization.parse().unwrap());
    }
    let source = Source::Known(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Unverified { headers, body: body.into(), source, receive_time: noon() }
}

pub(crate) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// The credentials that [`Files::settings`] configures.
pub(crate) fn right() -> String {
    basic("idnow", "made up: password")
}

pub(crate) fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/idnow").join(folder)
}

/// What its connector knows of an identification, where nothing else is kept.
pub(crate) fn about(reference: &VendorReference) -> About<'_> {
    About { reference, keepsake: None }
}
