//! A sandbox with an account at Preventor, and what receives its webhooks.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use idv_gateway::sandbox::preventor::{Account, BANKNU, ENV, Options, TENANT};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::sandbox::house::{Answer, House, Inbox, Received};

pub(super) const BASE: &str = "/id/v1/identity";
pub(super) const KEY: &str = "key";
pub(super) const SECRET: &str = "open sesame";

pub(super) struct Tenant {
    pub(super) house: House,
    token: String,
}

/// The answer to a login of `house`, whose header `name` says `value` instead.
pub(super) async fn log_in(house: &House, name: &str, value: &str) -> Answer {
    let basic = STANDARD.encode(format!("{KEY}:{SECRET}"));
    let headers = [
        ("authorization", format!("Basic {basic}")),
        ("x-api-key", KEY.to_owned()),
        ("x-tenant", TENANT.to_owned()),
        ("x-env", ENV.to_owned()),
        ("x-banknu", BANKNU.to_owned()),
    ];
    let mut request = house.post(&format!("{BASE}/auth/token"));
    for (header, usual) in headers {
        request = request.header(header, if header == name { value.to_owned() } else { usual });
    }
    house.send(request).await
}

impl Tenant {
    pub(super) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let house = House::with(|options| {
            options.preventor.account =
                Some(Account { api_key: SecretString::from(KEY), secret: SecretString::from(SECRET) });
            change(&mut options.preventor);
        })
        .await;
        Self { house, token: String::new() }.again().await
    }

    /// The same, logged in anew.
    pub(super) async fn again(self) -> Self {
        let answer = log_in(&self.house, "", "").await;
        // Where the paths lie elsewhere, nothing answers here.
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Self { token: body["token"].as_str().unwrap_or_default().to_owned(), ..self }
    }

    /// A request with a token and the key.
    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.house.request(method, &format!("{BASE}{path}"));
        let request = request.bearer_auth(&self.token).header("x-api-key", KEY);
        self.house.send(request.body(body.to_string())).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &Value::Null).await
    }

    /// Registers an invitation of `email` and answers with its id.
    pub(super) async fn invite(&self, email: &str) -> String {
        let answer = self.register(&by_email(email)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn register(&self, body: &Value) -> Answer {
        self.ask(Method::POST, "/invitations/users/register", body).await
    }

    /// A move of the person or the reviewer.
    pub(super) async fn try_step(&self, name: &str, step: &str, body: &Value) -> Answer {
        self.house.control(&format!("preventor/invitations/{name}/{step}"), body).await
    }

    /// A move that must be allowed; answers with the newest ticket.
    pub(super) async fn step(&self, name: &str, step: &str, body: Value) -> Value {
        let answer = self.try_step(name, step, &body).await;
        assert_eq!(answer.status, 200, "{step}: {}", answer.text());
        answer.json()["tickets"].as_array_mut().unwrap().pop().unwrap_or_default()
    }

    /// An invitation with a ticket that is under way: their ids.
    pub(super) async fn started(&self, email: &str) -> (String, String) {
        let id = self.invite(email).await;
        let ticket = self.step(&id, "start", json!({})).await;
        (id, ticket["ticket"].as_str().unwrap().to_owned())
    }

    pub(super) async fn profile(&self, change: Value) {
        let answer = self.house.control("preventor/profile", &change).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub(super) async fn fault(&self, fault: Value) {
        let answer = self.house.control("preventor/faults", &fault).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub(super) async fn clear(&self) {
        assert_eq!(self.house.send(self.house.delete("/control/preventor/faults")).await.status, 200);
    }

    /// Has webhooks of both kinds sent to an inbox, plain and without credentials.
    pub(super) async fn inbox(&self) -> Inbox {
        let inbox = Inbox::open().await;
        for kind in ["WH_001", "WH_002"] {
            self.put(&json!({ "type": kind, "url": inbox.url() })).await;
        }
        inbox
    }

    /// Registers a webhook, which must be possible.
    pub(super) async fn put(&self, webhook: &Value) -> Value {
        let answer = self.ask(Method::PUT, "/settings/webhooks", webhook).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Looks at the webhook at `index` of the log until it is `state`; each look is a request of its own.
    pub(super) async fn webhook_until(&self, index: usize, state: &str) -> Value {
        for _ in 0..5_000 {
            let entry = self.house.see("preventor/webhooks").await["webhooks"][index].take();
            if entry["state"] == state {
                return entry;
            }
        }
        panic!("webhook {index} is not {state}: {}", self.house.see("preventor/webhooks").await);
    }
}

pub(super) fn by_email(email: &str) -> Value {
    json!({ "delivery_method": "EMAIL", "email": email, "unique": format!("u {email}"), "flow": "WF-07" })
}

/// What tells one webhook from another, in a few words.
pub(super) fn words(received: &Received) -> String {
    let body = &received.body;
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    match body.get("event") {
        None => format!("invitation {} {}", word("transaction_status"), body["attempts"]),
        Some(_) => {
            let name = word("event").replace("ticket.verification.", "") + &word("sub_event");
            let status = if body.get("status").is_some() { word("status") } else { word("flow_status") };
            format!("{name} {status} {}", word("disposition")).trim_end().to_owned()
        }
    }
}

/// Reads a body as the vendor's documents tell receivers to; `None` if it cannot be read.
pub(super) fn decrypt(key: &str, iv: &str, body: &[u8]) -> Option<String> {
    let iv: [u8; 16] = STANDARD.decode(iv).ok()?.try_into().ok()?;
    let mut bytes = STANDARD.decode(body).ok()?;
    let key = UnboundCipherKey::new(&AES_256, key.as_bytes()).ok()?;
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let plain = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?.decrypt(&mut bytes, context).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}
