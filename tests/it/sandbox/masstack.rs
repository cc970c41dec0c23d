//! The stand-in of MasStack.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use idv_gateway::clock::Clock;
use idv_gateway::sandbox::Fault;
use idv_gateway::sandbox::masstack::{MasstackCall, Options, Profile, ServiceAccount};
use serde_json::{Value, json};

use super::house::{Answer, House, START_SECONDS};

const TOKEN: &str = "/authn/v1/oauth2/token";
const ORG: &str = "/v1/orgs/sandbox/identifications";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

struct Org {
    house: House,
    account: Value,
    token: String,
}

impl Org {
    async fn new() -> Self {
        Self::with(|_options| ()).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let account = ServiceAccount::generate(&Clock::system()).unwrap();
        let json = serde_json::from_str(account.json()).unwrap();
        let house = House::with(|options| {
            options.masstack.account = Some(account);
            change(&mut options.masstack);
        })
        .await;
        let mut org = Self { house, account: json, token: String::new() };
        let answer = org.log_in(|_header, _claims| ()).await;
        org.token = answer.json()["access_token"].as_str().unwrap_or_default().to_owned();
        org
    }

    /// The answer to an assertion that `change` has gone over before it is signed.
    async fn log_in(&self, change: impl FnOnce(&mut Value, &mut Value)) -> Answer {
        let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.account["private_key_id"] });
        let email = &self.account["client_email"];
        let mut claims = json!({
            "iss": email, "sub": email, "aud": self.house.url(TOKEN), "exp": START_SECONDS + 300,
        });
        change(&mut header, &mut claims);
        let assertion = self.sign(&header, &claims);
        let form = format!("grant_type={}&assertion={assertion}", GRANT.replace(':', "%3A"));
        self.exchange("application/x-www-form-urlencoded", form).await
    }

    async fn exchange(&self, media: &str, form: String) -> Answer {
        self.house.send(self.house.post(TOKEN).header("content-type", media).body(form)).await
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let pem = self.account["private_key"].as_str().unwrap();
        let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = KeyPair::from_der(&STANDARD.decode(text).unwrap()).unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.house.request(method, &format!("{ORG}{path}")).bearer_auth(&self.token);
        self.house.send(request.body(body.to_string())).await
    }

    /// Makes a process with a code; its ids.
    async fn otp(&self) -> (String, String) {
        let answer = self.ask(Method::POST, "/otp", &otp()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        (id("identification_id"), id("admin_identification_id"))
    }

    async fn step(&self, id: &str, step: &str) -> u16 {
        self.house.control(&format!("masstack/identifications/{id}/{step}"), &json!({})).await.status
    }

    async fn profile(&self, change: Value) {
        assert_eq!(self.house.control("masstack/profile", &change).await.status, 200);
    }
}

fn otp() -> Value {
    json!({
        "actor": {
            "name": "María",
            "last_name": "Ejemplo",
            "identity_document": { "document_number": "12345678Z", "document_type": "NIF" },
            "email": "maria@example.com",
            "msisdn": { "phone_number": 612_345_678, "country_code": "34" },
            "language": "ES",
        },
        "expires_in": "PT15M",
        "two_factor_type": "DOCUMENT_NUMBER",
        "channel": { "type": "SMS", "external": "true" },
    })
}

#[tokio::test]
async fn an_assertion_is_checked_to_its_last_claim() {
    let org = Org::new().await;
    let answer = org.log_in(|_header, _claims| ()).await;
    assert_eq!((answer.status, &answer.json()["expires_in"]), (200, &json!(3600)));
    type Change = fn(&mut Value, &mut Value);
    let wrong: [(Change, &str); 9] = [
        (|header, _| header["alg"] = json!("none"), "alg is not RS256"),
        (|header, _| header["typ"] = json!("JOSE"), "typ is not JWT"),
        (|header, _| header["kid"] = json!("other"), "kid is not"),
        (|_, claims| claims["iss"] = json!("other"), "iss and sub"),
        (|_, claims| claims["sub"] = json!("other"), "iss and sub"),
        (|_, claims| claims["aud"] = json!("http://127.0.0.1/other"), "aud is not"),
        (|_, claims| claims["exp"] = json!(START_SECONDS), "exp is over"),
        (|_, claims| claims["exp"] = json!(START_SECONDS + 3601), "exp is over"),
        (|_, claims| claims["exp"] = json!("soon"), "claims of the assertion"),
    ];
    for (change, symptom) in wrong {
        let answer = org.log_in(change).await;
        assert!(answer.status == 400 && answer.text().contains(symptom), "{symptom}: {}", answer.text());
    }
    let other = ServiceAccount::generate(&Clock::system()).unwrap();
    let mut forged: Value = serde_json::from_str(other.json()).unwrap();
    forged["private_key_id"] = org.account["private_key_id"].clone();
    let forger = Org { account: forged, ..org };
    let answer = forger.log_in(|_header, _claims| ()).await;
    assert!(answer.status == 400 && answer.text().contains("signature"), "{}", answer.text());
    let answer = forger.exchange("application/json", String::new()).await;
    assert!(answer.text().contains("invalid_request"), "{}", answer.text());
    let answer = forger.exchange("application/x-www-form-urlencoded", "grant_type=password".to_owned()).await;
    assert!(answer.text().contains("unsupported_grant_type"), "{}", answer.text());
}

#[tokio::test]
async fn both_kinds_are_made_and_shown_and_both_generations_taken() {
    let org = Org::new().await;
    let (id, admin) = org.otp().await;
    let shown = org.ask(Method::GET, &format!("/otp/{id}"), &json!(null)).await;
    assert_eq!((shown.status, &shown.json()["state"]), (200, &json!("CREATED")));
    assert_eq!(org.ask(Method::GET, &format!("/otp/{admin}"), &json!(null)).await.status, 404);
    assert_eq!(org.ask(Method::GET, &format!("/identity_document/{id}"), &json!(null)).await.status, 404);

    let document = json!({ "document_number": "X1234567L", "document_type": "NIE", "country": "ES" });
    let flat =
        json!({ "name": "María", "identity_document": document, "scoring": { "provider": "INTERNAL" } });
    let actor = json!({ "actor": { "name": "María", "identity_document": document }, "expires_in": "P7D" });
    for body in [&flat, &actor, &json!({})] {
        let answer = org.ask(Method::POST, "/identity_document", body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    }
    let mut mixed = flat.clone();
    mixed["actor"] = actor["actor"].clone();
    let answer = org.ask(Method::POST, "/identity_document", &mixed).await;
    assert!(answer.status == 400 && answer.text().contains("in place of"), "{}", answer.text());
    for (pointer, value) in [
        ("/expires_in", json!("PT59S")),
        ("/channel/type", json!("PIGEON")),
        ("/channel/external", json!("perhaps")),
        ("/actor/msisdn/phone_number", json!("612345678")),
        ("/actor/msisdn", json!(null)),
        ("/actor/language", json!("es-ES")),
        ("/two_factor_type", json!("RETINA")),
    ] {
        let mut body = otp();
        *body.pointer_mut(pointer).unwrap() = value;
        let answer = org.ask(Method::POST, "/otp", &body).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["title"]),
            (400, &json!("INVALID_INPUT")),
            "{pointer}"
        );
    }
}

#[tokio::test]
async fn a_process_moves_and_is_erased_as_its_state_allows() {
    let org = Org::new().await;
    let erase = async |admin: &str, query: &str| {
        org.ask(Method::DELETE, &format!("/otp/{admin}{query}"), &json!(null)).await.status
    };
    let (id, admin) = org.otp().await;
    assert_eq!((org.step(&id, "validate").await, org.step(&id, "start").await), (409, 200));
    assert_eq!((erase(&admin, "").await, erase(&admin, "?force=false").await), (403, 403));
    assert_eq!((erase(&admin, "?force=yes").await, erase(&id, "?force=true").await), (400, 404));
    assert_eq!((org.step(&admin, "validate").await, org.step(&admin, "cancel").await), (200, 409));
    org.profile(json!({ "force_denied": true })).await;
    assert_eq!(erase(&admin, "?force=true").await, 403);
    org.profile(json!({ "force_denied": false })).await;
    assert_eq!((erase(&admin, "?force=true").await, erase(&admin, "?force=true").await), (204, 404));
    let (_, admin) = org.otp().await;
    assert_eq!(erase(&admin, "").await, 204);

    let (id, _) = org.otp().await;
    org.house.clock.advance(Duration::from_mins(15));
    let shown = org.house.see(&format!("masstack/identifications/{id}")).await;
    assert_eq!(shown["state"], json!("EXPIRED"));
    assert_eq!((org.step(&id, "restart").await, org.step(&id, "dance").await), (200, 400));
}

#[tokio::test]
async fn the_profile_decides_what_is_not_published() {
    let calls = r#"{"cancel":{"method":"POST","path":"/identifications/{kind}/{id}/cancel"},
        "send":{"method":"PUT","path":"/identifications/otp/{id}"}}"#;
    let profile: Profile = format!(r#"{{"names":"camel","calls":{calls}}}"#).parse().unwrap();
    let org = Org::with(|options| options.profile = profile).await;
    let answer = org.ask(Method::POST, "/otp", &otp()).await;
    let (id, admin) =
        (answer.json()["identificationId"].clone(), answer.json()["adminIdentificationId"].clone());
    let (id, admin) = (id.as_str().unwrap(), admin.as_str().unwrap());
    assert_eq!(answer.json()["status"], json!("CREATED"));
    assert_eq!(org.ask(Method::PUT, &format!("/otp/{id}"), &json!(null)).await.status, 204);
    let cancel = format!("/otp/{admin}/cancel");
    assert_eq!(org.ask(Method::POST, &cancel, &json!({})).await.status, 400);
    let reason = json!({ "reason": "no longer needed" });
    assert_eq!(org.ask(Method::POST, &cancel, &reason).await.status, 204);
    assert_eq!(org.ask(Method::POST, &cancel, &reason).await.status, 409);
    assert_eq!(
        org.ask(Method::POST, &format!("/identity_document/{admin}/cancel"), &reason).await.status,
        404
    );
    assert_eq!(org.ask(Method::POST, &format!("/otp/{admin}/restart"), &reason).await.status, 404);
    let shown = org.house.see(&format!("masstack/identifications/{id}")).await;
    assert_eq!((&shown["sent"], &shown["reason"]), (&json!(2), &reason["reason"]));

    org.profile(json!({ "errors": "empty" })).await;
    let nothing = org.ask(Method::GET, "/otp/none", &json!(null)).await;
    assert_eq!((nothing.status, nothing.text()), (404, ""));
    let odd = org.house.control("masstack/profile", &json!({ "token_end": "never" })).await;
    assert!(odd.status == 400 && odd.text().contains("token_end"), "{}", odd.text());
}

#[tokio::test]
async fn every_endpoint_can_fail_by_its_name_and_needs_a_token() {
    let org = Org::new().await;
    let place = |path: &str| json!({ "method": "POST", "path": format!("/identifications/{path}") });
    let calls = json!({
        "cancel": place("otp/{id}/cancel"), "restart": place("otp/{id}/restart"), "send": place("otp/{id}/send"),
    });
    org.profile(json!({ "calls": calls })).await;
    let (id, admin) = org.otp().await;
    let reason = json!({ "reason": "no longer needed" });
    for (operation, method, path, body) in [
        ("create", Method::POST, "/otp".to_owned(), otp()),
        ("create", Method::POST, "/identity_document".to_owned(), json!({})),
        ("get", Method::GET, format!("/otp/{id}"), json!(null)),
        ("get", Method::GET, format!("/identity_document/{id}"), json!(null)),
        ("send", Method::POST, format!("/otp/{id}/send"), json!(null)),
        ("cancel", Method::POST, format!("/otp/{id}/cancel"), reason),
        ("restart", Method::POST, format!("/otp/{id}/restart"), json!(null)),
        ("delete", Method::DELETE, format!("/otp/{admin}"), json!(null)),
    ] {
        let fault = json!({ "kind": "status", "status": 503, "operation": operation, "times": 1 });
        assert_eq!(org.house.control("masstack/faults", &fault).await.status, 200);
        assert_eq!(org.ask(method.clone(), &path, &body).await.status, 503, "{operation}");
        assert_ne!(org.ask(method.clone(), &path, &body).await.status, 503, "{operation}");
        let bare = org.house.request(method, &format!("{ORG}{path}")).body(body.to_string());
        assert_eq!(org.house.send(bare).await.status, 401, "{operation}");
    }
    let told = "ticket=503".parse::<Fault<MasstackCall>>().unwrap_err();
    assert!(told.starts_with("WHERE is token, create, get, delete, cancel, restart, send, any"), "{told}");
    assert_eq!(org.house.send(org.house.get("/control/masstack/service-account")).await.status, 200);
}
