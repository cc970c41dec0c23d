//! The stand-in of Preventor's Open Services.

mod biometrics;
mod faults;
mod onboarding;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use idv_gateway::sandbox::preventor_open::{
    Account, BANKNU, CLIENT, ENV, Options, Profile, SCOPE, TENANT, USERNAME,
};
use reqwest::RequestBuilder;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::house::{Answer, House};

const TOKEN: &str = "/security/oauth/token";
const KEY: &str = "open key";
const SECRET: &str = "open secret";
const PASSWORD: &str = "pass & word";

/// A platform with an account, and a caller who is logged in.
struct Platform {
    house: House,
    token: String,
}

impl Platform {
    async fn new() -> Self {
        Self::with(Profile::default()).await
    }

    async fn with(profile: Profile) -> Self {
        let [api_key, secret, password] = [KEY, SECRET, PASSWORD].map(SecretString::from);
        let account = Account { api_key, secret, password };
        let house = House::with(|options| {
            options.preventor_open = Options { account: Some(account), profile, faults: Vec::new() };
        })
        .await;
        let mut platform = Self { house, token: String::new() };
        let answer = platform.log_in(&form()).await;
        platform.token = answer.json()["access_token"].as_str().unwrap_or_default().to_owned();
        platform
    }

    /// A login with the members of `form`.
    fn login(&self, form: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.house.post(TOKEN).basic_auth(KEY, Some(SECRET)).body(body);
        tenancy(request.header("content-type", "application/x-www-form-urlencoded"))
    }

    async fn log_in(&self, form: &[(&str, &str)]) -> Answer {
        self.house.send(self.login(form)).await
    }

    /// A call of the compliance platform as it should be.
    fn call(&self, path: &str) -> RequestBuilder {
        let request = tenancy(self.house.post(&format!("/onboarding/{path}"))).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").header("x-lang", "es");
        let request = request.header("x-tzone", "America/Lima").header("x-real-ip", "192.0.2.7");
        request.header("user-agent", "Example/1.0")
    }

    async fn tell(&self, path: &str, body: &Value) -> Answer {
        self.house.send(self.call(path).body(body.to_string())).await
    }

    /// Tells what must be taken, and returns the answer.
    async fn told(&self, path: &str, body: &Value) -> Value {
        let answer = self.tell(path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    async fn customer(&self, id: &str) -> Answer {
        let form = format!("--b\r\nContent-Disposition: form-data; name=\"cifCod\"\r\n\r\n{id}\r\n--b--\r\n");
        let request = with(self.call("getCustomer"), "content-type", "multipart/form-data; boundary=b");
        self.house.send(request.body(form)).await
    }

    /// A call about biometrics with the token of a process.
    fn biometric(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let request = tenancy(self.house.request(method, &format!("/v1{path}"))).bearer_auth(token);
        request.header("content-type", "application/json").header("x-ip", "2001:db8::7")
    }

    /// A new process; its token.
    async fn process(&self) -> String {
        let body = json!({ "transactionType": "ONBOARDING", "documentType": "ID_CARD" }).to_string();
        let request = self.house.post("/v1/auth/token").basic_auth(KEY, Some(SECRET)).body(body);
        let request = request.header("content-type", "application/json").header("x-ip", "192.0.2.7");
        let answer = self.house.send(tenancy(request)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    async fn profile(&self, change: Value) {
        assert_eq!(self.house.control("preventor-open/profile", &change).await.status, 200);
    }
}

fn tenancy(request: RequestBuilder) -> RequestBuilder {
    let request = request.header("x-api-key", KEY).header("x-tenant", TENANT);
    request.header("x-env", ENV).header("x-banknu", BANKNU)
}

/// `request` with `value` in place of what the header `name` said.
fn with(request: RequestBuilder, name: &'static str, value: &'static str) -> RequestBuilder {
    request.headers(HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]))
}

fn form() -> [(&'static str, &'static str); 5] {
    [
        ("grant_type", "password"),
        ("scope", SCOPE),
        ("client_id", CLIENT),
        ("username", USERNAME),
        ("password", PASSWORD),
    ]
}

fn customer() -> Value {
    json!({
        "request_type": "A", "cif_status": "1", "customer_flag": "Y", "type_of_person": "P",
        "full_name": "LENA MUSTER", "first_name": "LENA", "middle_name": "", "last_name": "MUSTER",
        "id": "c-1", "cust_api_ref_id": "ref-1",
        "addresses": [{
            "id": 1, "request_type": "A", "address_type": 1, "address_line1": "LINDENWEG 7", "address_line2": "",
            "address_state": "X", "address_city": "NEUSTADT", "address_zipcode": "00000",
            "address_country": "DE", "transaction_id": "ref-1", "address_primary_flag": "P",
        }],
        "iddocuments": [{
            "id": 1, "request_type": "A", "doc_type": 6, "doc_number": "X4719305", "doc_issued_country": "DE",
            "doc_issued_date": "2021-04-01", "doc_expiration_date": "2031-04-01", "doc_primary_flag": "P",
            "transaction_id": "ref-1",
        }],
        "taxiddocuments": [],
        "phones": [{
            "id": 1, "request_type": "A", "phone_number": "15550100", "phone_country_prefix": "DE",
            "phone_primary_flag": "P", "phone_type": 2,
        }],
        "emails": [{
            "id": 1, "request_type": "A", "email": "lena@example.com", "email_primary_flag": "P",
        }],
    })
}

#[tokio::test]
async fn a_login_is_checked_to_its_last_header_and_member() {
    let platform = Platform::new().await;
    let answer = platform.log_in(&form()).await;
    assert_eq!((answer.status, &answer.json()["expires_in"]), (200, &json!(3600)));
    for (index, error) in
        ["unsupported_grant_type", "invalid_scope", "invalid_client", "invalid_grant", "invalid_grant"]
            .into_iter()
            .enumerate()
    {
        let mut wrong = form();
        wrong[index].1 = "other";
        let answer = platform.log_in(&wrong).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(error)));
    }
    let headers = [
        ("accept", 406),
        ("x-api-key", 401),
        ("authorization", 401),
        ("x-tenant", 403),
        ("x-env", 403),
        ("x-banknu", 403),
        ("content-type", 400),
    ];
    for (name, status) in headers {
        let request = with(platform.login(&form()), name, "text/html");
        assert_eq!(platform.house.send(request).await.status, status, "{name}");
    }
    assert_eq!(platform.house.send(platform.house.get(TOKEN)).await.status, 405);
}

#[tokio::test]
async fn a_tokens_life_is_told_or_not_and_ends() {
    let platform = Platform::new().await;
    assert_eq!(platform.customer("nobody").await.status, 404);
    platform.house.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(platform.customer("nobody").await.status, 401);

    platform.profile(json!({ "token_end": "untold", "basic": "user" })).await;
    assert_eq!(platform.log_in(&form()).await.status, 401);
    let login = |user: &'static str, secret: &'static str| {
        let pair = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
        platform.login(&form()).headers(HeaderMap::from_iter([(AUTHORIZATION, pair.parse().unwrap())]))
    };
    let answer = platform.house.send(login(USERNAME, PASSWORD)).await;
    assert_eq!((answer.status, answer.json().get("expires_in")), (200, None));
    platform.profile(json!({ "basic": "client" })).await;
    assert_eq!(platform.house.send(login(CLIENT, SECRET)).await.status, 200);
    let revoked = platform.house.control("preventor-open/tokens/revoke", &json!({})).await;
    assert_eq!(revoked.json()["revoked"], json!(2));
}
