//! Biometric users.

use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Platform, with};
use crate::sandbox::house::Answer;

const MEBIBYTE: usize = 1024 * 1024;

/// A JPEG of nobody, of `size` bytes: a comment as long as it takes, a frame, and a scan of one block.
fn jpeg(size: usize) -> Vec<u8> {
    let mut rest = vec![0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
    rest.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    let padding = size - rest.len() - 5;
    rest.extend(vec![0; padding]);
    rest.extend([0x7f, 0xff, 0xd9]);
    [vec![0xff, 0xd8], rest].concat()
}

struct Person {
    platform: Platform,
    token: String,
    user: String,
}

impl Person {
    async fn new() -> Self {
        let platform = Platform::new().await;
        let token = platform.process().await;
        let answer =
            platform.house.send(platform.biometric(Method::POST, "/workflow/enroll/user", &token)).await;
        assert_eq!((answer.status, &answer.json()["create"]), (200, &json!("2026-11-20T12:00:00.000Z")));
        let user = answer.json()["userId"].as_str().unwrap().to_owned();
        Self { platform, token, user }
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.platform.biometric(method, &format!("/workflow/enroll/user{path}"), token);
        self.platform.house.send(request.body(body.to_string())).await
    }

    async fn upload(&self, body: &Value) -> Answer {
        self.ask(Method::POST, &format!("/{}/upload", self.user), &self.token, body).await
    }

    async fn ticket(&self) -> String {
        let answer = self.upload(&pictures(&jpeg(100), &jpeg(200))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["ticket"].as_str().unwrap().to_owned()
    }

    async fn enrol(&self, ticket: &str, body: &Value) -> Answer {
        self.ask(Method::GET, &format!("/{}/ticket/{ticket}", self.user), &self.token, body).await
    }
}

fn pictures(portrait: &[u8], document: &[u8]) -> Value {
    let [portrait, document] = [portrait, document].map(|bytes| STANDARD.encode(bytes));
    json!({ "portraits": { "picture1": portrait }, "documents": { "picture1": document } })
}

#[tokio::test]
async fn a_person_is_made_photographed_and_enrolled() {
    let person = Person::new().await;
    let ticket = person.ticket().await;
    let body = json!({ "userId": person.user, "ticket": ticket });
    let answer = person.enrol(&ticket, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = answer.json();
    assert_eq!([&found["photoVerify"], &found["liveness"], &found["enroll"]], [&json!(true); 3]);
    let reader = &found["documentReader"];
    assert_eq!(
        (&reader["generalInfo"]["hasMrz"], &reader["generalInfo"]["hasVisualBarcode"]),
        (&json!(true), &json!(false))
    );
    let number =
        reader["fields"].as_array().unwrap().iter().find(|field| field["fieldTypeCode"] == 2).unwrap();
    assert_eq!(number["mrzVisualStatus"], json!("not_compared"));
    let image =
        reader["graphics"]["image"].as_str().unwrap().strip_prefix("data:image/jpeg;base64,").unwrap();
    assert!(STANDARD.decode(image).unwrap().starts_with(&[0xff, 0xd8]));

    let control = format!("preventor-open/users/{}/findings", person.user);
    let decided =
        person.platform.house.control(&control, &json!({ "photoVerify": false, "enroll": false })).await;
    assert_eq!(decided.status, 200, "{}", decided.text());
    person.platform.profile(json!({ "portrait": "base64" })).await;
    let found = person.enrol(&ticket, &body).await.json();
    assert_eq!([&found["photoVerify"], &found["liveness"]], [&json!(false), &json!(true)]);
    assert_eq!(found["documentReader"]["graphics"]["image"], json!(image));

    for (user, other) in [(person.user.as_str(), "t"), ("u", &ticket)] {
        let odd = json!({ "userId": user, "ticket": other });
        assert_eq!(person.enrol(&ticket, &odd).await.status, 400, "{odd}");
    }
    assert_eq!(person.enrol(&ticket, &Value::Null).await.status, 400);
    let unknown = json!({ "userId": person.user, "ticket": "t" });
    assert_eq!(person.enrol("t", &unknown).await.status, 404);
}

#[tokio::test]
async fn a_process_has_one_token_one_user_and_an_end() {
    let person = Person::new().await;
    let again = person.ask(Method::POST, "", &person.token, &Value::Null).await;
    assert!(again.status == 400 && again.text().contains("has a user already"), "{}", again.text());
    let other = person.platform.process().await;
    let path = format!("/{}/upload", person.user);
    let body = pictures(&jpeg(100), &jpeg(100));
    assert_eq!(person.ask(Method::POST, &path, &other, &body).await.status, 404);
    assert_eq!(person.ask(Method::POST, &path, "none", &body).await.status, 401);
    // The login of the compliance platform is another.
    assert_eq!(person.ask(Method::POST, &path, &person.platform.token, &body).await.status, 401);
    person.platform.house.clock.advance(Duration::from_mins(15));
    assert_eq!(person.upload(&body).await.status, 401);
    let left = person.platform.house.see("preventor-open/processes").await;
    assert_eq!(left["processes"], json!([]));
}

#[tokio::test]
async fn pictures_are_looked_at_and_only_their_digests_kept() {
    let person = Person::new().await;
    let good = jpeg(MEBIBYTE);
    assert_eq!(good.len(), MEBIBYTE);
    let four = |last: &str| {
        let picture = STANDARD.encode(&good);
        json!({
            "portraits": { "picture1": picture, "picture2": format!("data:image/jpeg;base64,{picture}") },
            "documents": { "picture1": picture, "picture2": last },
        })
    };
    let answer = person.upload(&four(&STANDARD.encode(&good))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (last, symptom) in [
        (STANDARD.encode(jpeg(MEBIBYTE + 1)), "documents.picture2 is larger than 1 MB"),
        (STANDARD.encode(&good[..MEBIBYTE - 2]), "documents.picture2 is not a JPEG"),
        (STANDARD.encode(b"\x89PNG\r\n\x1a\n"), "documents.picture2 is not a JPEG"),
        (String::new(), "documents.picture2 is not a JPEG"),
        ("not base64!".to_owned(), "documents.picture2 is not base64"),
        (format!("data:image/png;base64,{}", STANDARD.encode(&good)), "documents.picture2 is not base64"),
    ] {
        let answer = person.upload(&four(&last)).await;
        assert!(answer.status == 400 && answer.text().contains(symptom), "{symptom}: {}", answer.text());
    }
    let two = pictures(&jpeg(100), &jpeg(200));
    person.platform.profile(json!({ "pictures": "both" })).await;
    let answer = person.upload(&two).await;
    assert!(
        answer.status == 400 && answer.text().contains("portraits.picture2 is required"),
        "{}",
        answer.text()
    );
    let processes = person.platform.house.see("preventor-open/processes").await;
    let uploads = &processes["processes"][0]["uploads"];
    assert_eq!(uploads.as_array().unwrap().len(), 1);
    assert_eq!(uploads[0]["portraits"][1]["size_bytes"], json!(MEBIBYTE));
    let expected = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &good);
    let expected: String = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(uploads[0]["documents"][0]["sha256"], json!(expected));
}

#[tokio::test]
async fn a_process_begins_only_with_the_accounts_secret_and_a_known_purpose() {
    let platform = Platform::new().await;
    let begin = |body: Value| {
        let request = platform.biometric(Method::POST, "/auth/token", "none").body(body.to_string());
        with(request, "authorization", "Basic b3BlbiBrZXk6b3BlbiBzZWNyZXQ=")
    };
    let body = json!({ "transactionType": "AUTHENTICATION" });
    assert_eq!(platform.house.send(begin(body.clone())).await.status, 200);
    for (request, status) in [
        (with(begin(body.clone()), "authorization", "Basic b3BlbiBrZXk6b3RoZXI="), 401),
        (with(begin(body.clone()), "x-ip", "somewhere"), 403),
        (begin(json!({ "transactionType": "PLAY" })), 400),
        (begin(json!({ "transactionType": "ONBOARDING", "documentType": "LIBRARY_CARD" })), 400),
        (begin(json!({})), 400),
    ] {
        assert_eq!(platform.house.send(request).await.status, status);
    }
}
