//! A sandbox, a clock to move it by, and a client that changes nothing about an answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::sandbox::{Account, Sandbox, SandboxOptions};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// When every test begins: 2026-11-20T12:00:00Z.
pub(super) const START_SECONDS: u64 = 1_795_176_000;
pub(super) const CUSTOMER: &str = "beispielbank";
pub(super) const OTHER: &str = "andere_bank";
pub(super) const KEY: &str = "key of beispielbank";
pub(super) const OTHER_KEY: &str = "key of andere_bank";
const GUARD: Duration = Duration::from_secs(20);

pub(super) struct House {
    pub(super) clock: ManualClock,
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// An answer with its exact bytes.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let (clock, manual) = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(START_SECONDS));
        let account = |customer: &str, key: &str| Account {
            customer: customer.to_owned(),
            api_key: SecretString::from(key),
        };
        let accounts = vec![account(CUSTOMER, KEY), account(OTHER, OTHER_KEY)];
        let mut options = SandboxOptions { clock, accounts, ..SandboxOptions::default() };
        change(&mut options);
        let sandbox = Sandbox::start(options).await.unwrap();
        Self { clock: manual, sandbox, client: client() }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.address())
    }

    #[expect(clippy::disallowed_methods, reason = "a test that looks at bytes needs a client of its own")]
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap() }
    }

    /// Whether the answer to `request` is announced whole and ends early.
    #[expect(clippy::disallowed_methods, reason = "a test that looks at bytes needs a client of its own")]
    pub(super) async fn breaks(&self, request: reqwest::RequestBuilder) -> bool {
        request.send().await.unwrap().bytes().await.is_err()
    }

    pub(super) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(self.url(path))
    }

    pub(super) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(super) fn delete(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.delete(self.url(path))
    }

    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(super) async fn token_of(&self, customer: &str, key: &str) -> String {
        let login =
            self.post(&format!("/api/v1/{customer}/login")).body(json!({ "apiKey": key }).to_string());
        let answer = self.send(login).await;
        assert_eq!(answer.status, 200);
        answer.json()["authToken"].as_str().unwrap().to_owned()
    }

    pub(super) async fn token(&self) -> String {
        self.token_of(CUSTOMER, KEY).await
    }

    pub(super) async fn create(&self, token: &str, number: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/{CUSTOMER}/identifications/{number}/start");
        self.send(self.post(&path).header("X-API-LOGIN-TOKEN", token).body(body.to_string())).await
    }

    /// Creates `number` with a made-up person and answers with its IdentID.
    pub(super) async fn ident(&self, number: &str) -> String {
        let person = json!({ "firstname": "Erika", "lastname": "Beispiel", "custom1": "ours" });
        self.ident_of(number, &person).await
    }

    pub(super) async fn ident_of(&self, number: &str, person: &Value) -> String {
        let answer = self.create(&self.token().await, number, person).await;
        assert_eq!(answer.status, 201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn result(&self, token: &str, number: &str) -> Answer {
        let path = format!("/api/v1/{CUSTOMER}/identifications/{number}");
        self.send(self.get(&path).header("X-API-LOGIN-TOKEN", token)).await
    }

    /// A request below the customer's path, with a token.
    pub(super) async fn ask(&self, method: Method, path: &str) -> Answer {
        let token = self.token().await;
        self.ask_with(&token, method, path, "").await
    }

    /// A request below the customer's path, with a token and a body.
    pub(super) async fn ask_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let path = format!("/api/v1/{CUSTOMER}{path}");
        self.send(self.request(method, &path).header("X-API-LOGIN-TOKEN", token).body(body)).await
    }

    /// Creates `number` and takes it to a final result.
    pub(super) async fn finished(&self, number: &str) -> String {
        let id = self.ident(number).await;
        self.step(number, "start", json!({})).await;
        self.step(number, "submit", json!({ "result": "SUCCESS" })).await;
        id
    }

    /// Posts to the control API.
    pub(super) async fn control(&self, path: &str, body: &Value) -> Answer {
        self.send(self.post(&format!("/control/{path}")).body(body.to_string())).await
    }

    /// A move of the person or the reviewer that must be allowed.
    pub(super) async fn step(&self, number: &str, step: &str, body: Value) -> Value {
        let answer = self.control(&format!("identifications/{number}/{step}"), &body).await;
        assert_eq!(answer.status, 200, "{step}: {:?}", answer.body);
        answer.json()
    }

    pub(super) async fn see(&self, path: &str) -> Value {
        let answer = self.send(self.get(&format!("/control/{path}"))).await;
        assert_eq!(answer.status, 200);
        answer.json()
    }

    /// Looks at the webhook at `index` of the log until `good`; each look is a request of its own.
    pub(super) async fn webhook_until(&self, index: usize, good: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..5_000 {
            let entry = self.see("webhooks").await["webhooks"][index].take();
            if good(&entry) {
                return entry;
            }
        }
        panic!("webhook {index} never came so far: {}", self.see("webhooks").await);
    }

    pub(super) async fn shutdown(self) {
        tokio::time::timeout(GUARD, self.sandbox.shutdown()).await.unwrap();
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The error's `id`, which is random.
    pub(super) fn fault_id(&self) -> String {
        self.json()["errors"][0]["id"].as_str().unwrap().to_owned()
    }
}

/// The vendor's error, byte by byte but for its random id.
#[track_caller]
pub(super) fn assert_fault(answer: &Answer, status: u16, cause: &str, key: Value, message: Value) {
    let id = answer.fault_id();
    assert!(id.len() == 8 && id.bytes().all(|c| c.is_ascii_digit()), "{id}");
    let expected = format!(
        r#"{{"errors":[{{"cause":"{cause}","errorType":null,"id":"{id}","key":{key},"message":{message},"translationKey":null}}]}}"#
    );
    assert_eq!((answer.status, answer.text()), (status, expected.as_str()));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("content-type"), "application/json; charset=UTF-8");
    assert_eq!(answer.header("content-length"), expected.len().to_string());
}

/// Receives webhooks and answers them with a status of the test's choice.
pub(super) struct Inbox {
    url: String,
    status: Arc<AtomicU16>,
    gate: Arc<Semaphore>,
    received: mpsc::UnboundedReceiver<Received>,
}

/// One webhook as it arrived.
pub(super) struct Received {
    pub(super) authorization: String,
    pub(super) content_type: String,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
    /// `null` where it is no JSON.
    pub(super) body: Value,
}

impl Inbox {
    /// An inbox that `house` sends to, as `gateway` with the password `open sesame`.
    pub(super) async fn of(house: &House) -> Self {
        let inbox = Self::open().await;
        let target = json!({ "url": inbox.url, "username": "gateway", "password": "open sesame" });
        assert_eq!(house.control("webhooks/target", &target).await.status, 200);
        inbox
    }

    pub(super) async fn open() -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(200));
        let gate = Arc::new(Semaphore::new(1));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router =
            Router::new().fallback(take).with_state((sender, Arc::clone(&status), Arc::clone(&gate)));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, status, gate, received }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Takes webhooks in but answers none of them as long as the permit lives.
    pub(super) async fn hold(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.gate).acquire_owned().await.unwrap()
    }

    pub(super) async fn next(&mut self) -> Received {
        tokio::time::timeout(GUARD, self.received.recv()).await.unwrap().unwrap()
    }

    /// The result word of the next webhook.
    pub(super) async fn next_result(&mut self) -> String {
        self.next().await.body["identificationprocess"]["result"].as_str().unwrap().to_owned()
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.received.is_empty()
    }
}

type InboxState = (mpsc::UnboundedSender<Received>, Arc<AtomicU16>, Arc<Semaphore>);

async fn take(
    State((sender, status, gate)): State<InboxState>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name| {
        headers
            .get(name)
            .map_or(String::new(), |value: &http::HeaderValue| value.to_str().unwrap().to_owned())
    };
    let received = Received {
        authorization: header(AUTHORIZATION),
        content_type: header(CONTENT_TYPE),
        headers: headers.clone(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        bytes: body,
    };
    sender.send(received).unwrap();
    let _open = gate.acquire().await.unwrap();
    StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test that looks at bytes needs a client of its own")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_gzip().no_proxy().build().unwrap()
}
