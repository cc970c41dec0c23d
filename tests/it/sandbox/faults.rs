//! Faults of requests: what each one puts on the wire, whom it meets, and that the truth comes back.

use std::time::Duration;

use axum::http::Method;
use idv_gateway::sandbox::{Account, Fault, Sandbox, SandboxOptions};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::house::{CUSTOMER, House, KEY};

const GUARD: Duration = Duration::from_secs(20);

/// A request on a connection of its own, so that what comes back is seen byte by byte.
struct Wire {
    stream: TcpStream,
    seen: String,
}

impl Wire {
    async fn send(house: &House, method: &str, path: &str, token: &str, body: &str) -> Self {
        let address = house.url("").trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "{method} /api/v1/{CUSTOMER}{path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\
             X-API-LOGIN-TOKEN: {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self { stream, seen: String::new() }
    }

    async fn get(house: &House, token: &str) -> Self {
        Self::send(house, "GET", "/identifications/n", token, "").await
    }

    /// Reads on until `enough`, or to the end of the connection.
    async fn read(&mut self, enough: impl Fn(&str) -> bool) -> &str {
        let mut piece = [0; 4096];
        while !enough(&self.seen) {
            let count = tokio::time::timeout(GUARD, self.stream.read(&mut piece)).await.unwrap().unwrap();
            if count == 0 {
                break;
            }
            self.seen.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        }
        &self.seen
    }

    /// Status, head and body of an answer that is read to the end of the connection.
    async fn whole(mut self) -> (u16, String, String) {
        self.read(|_| false).await;
        let (head, body) = self.seen.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        // The server's date is the machine's, and goes on.
        let head = head.to_ascii_lowercase();
        let head: String = head.split_inclusive("\r\n").filter(|line| !line.starts_with("date:")).collect();
        (status, head, body.to_owned())
    }
}

/// A house with one finished identification, `n`, and a token.
async fn finished() -> (House, String) {
    let house = House::new().await;
    let token = house.token().await;
    house.ident("n").await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS" })).await;
    (house, token)
}

async fn set(house: &House, fault: Value) -> u64 {
    let answer = house.control("faults", &fault).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()["id"].as_u64().unwrap()
}

async fn clear(house: &House) {
    let answer = house.send(house.delete("/control/faults")).await;
    assert_eq!(answer.status, 200);
}

/// How often each fault fired.
async fn fired(house: &House) -> Vec<u64> {
    let view = house.see("faults").await;
    view["faults"].as_array().unwrap().iter().map(|fault| fault["fired"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn each_fault_has_its_own_answer_and_the_truth_comes_back() {
    let (house, token) = finished().await;
    let truth = Wire::get(&house, &token).await.whole().await;
    assert_eq!(truth.0, 200);
    let later = "retry-after: fri, 20 nov 2026 12:00:30 gmt\r\n";
    for (fault, status, in_head, in_body) in [
        (
            json!({ "kind": "status", "status": 503 }),
            503,
            "content-type: application/json",
            "INTERNAL_SERVER",
        ),
        (json!({ "kind": "status", "status": 599 }), 599, "content-type: application/json", "\"errors\":["),
        (json!({ "kind": "rate_limit", "retry_after": 30 }), 429, "retry-after: 30\r\n", ""),
        (json!({ "kind": "rate_limit", "retry_after": 30, "as_date": true }), 429, later, ""),
        (json!({ "kind": "unauthorized" }), 401, "content-type: application/json", "INVALID_LOGIN_TOKEN"),
        (json!({ "kind": "page" }), 200, "content-type: text/html", "<!doctype html>"),
        (json!({ "kind": "empty" }), 200, "content-length: 0", ""),
        (json!({ "kind": "body", "text": "[1]" }), 200, "content-type: application/json", "[1]"),
        (json!({ "kind": "redirect" }), 307, "location: https://elsewhere.invalid/\r\n", ""),
        (
            json!({ "kind": "redirect", "location": "http://127.0.0.1:1/x" }),
            307,
            "location: http://127.0.0.1:1/x\r\n",
            "",
        ),
    ] {
        set(&house, fault.clone()).await;
        let (seen, head, body) = Wire::get(&house, &token).await.whole().await;
        assert_eq!(seen, status, "{fault}");
        assert!(format!("{head}\r\n").contains(in_head), "{fault}: {head}");
        assert!(body.contains(in_body), "{fault}: {body}");
        assert!(!body.contains("identificationprocess"), "{fault}: the truth is told");
        clear(&house).await;
        assert_eq!(Wire::get(&house, &token).await.whole().await, truth, "{fault}");
    }
    set(&house, json!({ "kind": "rate_limit" })).await;
    let (status, head, _) = Wire::get(&house, &token).await.whole().await;
    assert_eq!((status, head.contains("retry-after")), (429, false));
}

#[tokio::test]
async fn before_and_after_the_effect_differ_in_what_is_there_afterwards() {
    for kind in ["status", "page", "empty", "redirect"] {
        let house = House::new().await;
        let token = house.token().await;
        let mut fault = json!({ "kind": kind, "operation": "start", "times": 1 });
        if kind == "status" {
            fault["status"] = json!(500);
        }
        set(&house, fault.clone()).await;
        Wire::send(&house, "POST", "/identifications/before/start", &token, "{}").await.whole().await;
        assert_eq!(house.see("statistics").await["created"], 0, "{kind}");
        fault["effect"] = json!("after");
        set(&house, fault).await;
        let start = "/identifications/after/start";
        let (status, _, body) = Wire::send(&house, "POST", start, &token, "{}").await.whole().await;
        assert!(status != 201 && !body.contains("\"id\":\"TST-"), "{kind}: {status} {body}");
        assert_eq!(house.see("statistics").await["created"], 1, "{kind}");
        let there = house.create(&token, "after", &json!({})).await;
        assert_eq!(there.status, 200, "{kind}: it was there already");
    }
}

#[tokio::test]
async fn a_fault_meets_its_operation_as_often_as_it_was_told() {
    let (house, token) = finished().await;
    let statuses = async |count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(house.result(&token, "n").await.status);
        }
        statuses
    };
    set(&house, json!({ "kind": "status", "status": 500, "operation": "get", "times": 2 })).await;
    set(&house, json!({ "kind": "unauthorized", "operation": "start" })).await;
    set(&house, json!({ "kind": "status", "status": 502, "operation": "login", "times": 1 })).await;
    assert_eq!(statuses(4).await, [500, 500, 200, 200], "and nothing else is met");
    assert_eq!(house.create(&token, "m", &json!({})).await.status, 401);
    assert_eq!(house.create(&token, "m", &json!({})).await.status, 401);
    let login =
        || house.post(&format!("/api/v1/{CUSTOMER}/login")).body(json!({ "apiKey": KEY }).to_string());
    assert_eq!(house.send(login()).await.status, 502);
    assert_eq!(house.send(login()).await.status, 200);
    assert_eq!(house.send(house.get("/system_check")).await.status, 200);

    let view = house.see("faults").await["faults"].take();
    let told = |index: usize| (view[index]["fired"].clone(), view[index]["left"].clone());
    assert_eq!(told(0), (json!(2), json!(0)));
    assert_eq!(told(1), (json!(2), json!(null)));
    assert_eq!(told(2), (json!(1), json!(0)));
    assert_eq!(view[0]["fault"]["kind"], "status");
    let by_path = house.see("statistics").await["by_path"].take();
    let gets = &by_path["GET /api/v1/{customer}/identifications/{t}"];
    assert_eq!((&gets["500"], &gets["200"]), (&json!(2), &json!(2)), "what was answered is counted");
}

#[tokio::test]
async fn faults_of_one_operation_come_one_after_the_other_and_any_is_all_of_them() {
    let (house, token) = finished().await;
    let first = set(&house, json!({ "kind": "status", "status": 500, "times": 1 })).await;
    let second = set(&house, json!({ "kind": "status", "status": 501 })).await;
    assert_eq!(house.result(&token, "n").await.status, 500);
    assert_eq!(house.create(&token, "m", &json!({})).await.status, 501);
    assert_eq!(house.send(house.post(&format!("/api/v1/{CUSTOMER}/login"))).await.status, 501);
    assert_eq!(fired(&house).await, [1, 2]);
    assert_eq!(house.send(house.delete(&format!("/control/faults/{second}"))).await.status, 200);
    assert_eq!(house.result(&token, "n").await.status, 200);
    assert_eq!(house.see("faults").await["faults"][0]["id"], first, "spent, and still shown");
}

#[tokio::test]
async fn a_hanging_request_is_answered_when_the_fault_is_cleared() {
    let (house, token) = finished().await;
    set(&house, json!({ "kind": "hang", "times": 1, "operation": "get" })).await;
    set(&house, json!({ "kind": "hang", "times": 1, "operation": "start", "effect": "after" })).await;
    let mut asked = Wire::get(&house, &token).await;
    let mut created = Wire::send(&house, "POST", "/identifications/m/start", &token, "{}").await;
    while fired(&house).await != [1, 1] || house.see("statistics").await["created"] != 2 {}
    let gets = || async { house.see("identifications/n").await["gets_received"].clone() };
    assert_eq!(gets().await, 0, "before its effect");
    assert_eq!(house.result(&token, "n").await.status, 200, "only one of them hangs");
    assert_eq!(gets().await, 1);
    for wire in [&mut asked, &mut created] {
        let silence = tokio::time::timeout(Duration::ZERO, wire.read(|_| false)).await;
        assert!(silence.is_err(), "it was answered");
    }
    clear(&house).await;
    assert_eq!(asked.whole().await.0, 200);
    assert_eq!(created.whole().await.0, 201);
    assert_eq!(gets().await, 2);
    house.shutdown().await;
}

#[tokio::test]
async fn a_hanging_request_does_not_keep_the_sandbox_from_stopping() {
    let (house, token) = finished().await;
    set(&house, json!({ "kind": "hang" })).await;
    let asked = Wire::get(&house, &token).await;
    while fired(&house).await != [1] {}
    house.shutdown().await;
    drop(asked);
}

#[tokio::test]
async fn half_a_body_comes_under_the_length_of_the_whole() {
    let (house, token) = finished().await;
    let (_, _, truth) = Wire::get(&house, &token).await.whole().await;
    set(&house, json!({ "kind": "half_body", "operation": "get" })).await;
    let (status, head, body) = Wire::get(&house, &token).await.whole().await;
    assert_eq!(status, 200);
    assert!(head.contains(&format!("content-length: {}", truth.len())), "{head}");
    assert_eq!(body, truth[..truth.len() / 2]);

    set(&house, json!({ "kind": "half_body", "operation": "start" })).await;
    let (status, ..) =
        Wire::send(&house, "POST", "/identifications/m/start", &token, "{}").await.whole().await;
    assert_eq!((status, &house.see("statistics").await["created"]), (201, &json!(2)), "it was carried out");
}

#[tokio::test]
async fn a_slow_answer_comes_in_ten_pieces() {
    let (house, token) = finished().await;
    let (.., truth) = Wire::get(&house, &token).await.whole().await;
    set(&house, json!({ "kind": "slow", "seconds": 5, "operation": "get" })).await;
    let mut slow = Wire::get(&house, &token).await;
    let body = |seen: &str| seen.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
    slow.read(|seen| seen.contains("\r\n\r\n")).await;
    assert_eq!(body(&slow.seen), 0);
    for piece in 1..=10 {
        while house.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        house.clock.advance(Duration::from_secs(4));
        assert_eq!(house.clock.sleepers(), 1, "the next piece is not due");
        house.clock.advance(Duration::from_secs(1));
        let so_far = (truth.len().div_ceil(10) * piece).min(truth.len());
        slow.read(|seen| body(seen) >= so_far).await;
        assert_eq!(body(&slow.seen), so_far);
    }
    assert_eq!(slow.whole().await.2, truth);
}

#[tokio::test]
async fn what_is_no_fault_is_refused_with_a_sentence() {
    let house = House::new().await;
    for (fault, sentence) in [
        (json!({}), "missing field `kind`"),
        (json!({ "kind": "rain" }), "unknown variant `rain`, expected one of `status`"),
        (json!({ "kind": "status" }), "missing field `status`"),
        (json!({ "kind": "status", "status": 404 }), "`status` is 500 to 599, not 404"),
        (json!({ "kind": "hang", "status": 500 }), "unknown field `status`, expected one of `operation`"),
        (json!({ "kind": "hang", "operation": "put" }), "unknown variant `put`"),
        (json!({ "kind": "hang", "times": 0 }), "nonzero"),
        (json!({ "kind": "rate_limit", "as_date": true }), "`as_date` needs `retry_after`"),
        (json!({ "kind": "slow", "seconds": 0 }), "`seconds` is 1 to 86400, not 0"),
        (json!({ "kind": "webhook_duplicate", "copies": 0 }), "`copies` is 1 to 100, not 0"),
        (json!({ "kind": "webhook_delay", "seconds": 90_000 }), "`seconds` is 1 to 86400, not 90000"),
        (json!({ "kind": "redirect", "location": "/elsewhere" }), "`location` is an absolute"),
        (
            json!({ "kind": "body", "text": "x".repeat(65_537) }),
            "`text` is at most 65536 bytes long, not 65537",
        ),
    ] {
        let answer = house.control("faults", &fault).await;
        assert_eq!(answer.status, 400, "{fault}");
        let told = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(told.contains(sentence), "{fault}: {told}");
    }
    for unknown in ["7", "all"] {
        let answer = house.send(house.delete(&format!("/control/faults/{unknown}"))).await;
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("GET /control/faults"));
    }
    for _ in 0..100 {
        set(&house, json!({ "kind": "page" })).await;
    }
    assert_eq!(house.control("faults", &json!({ "kind": "page" })).await.status, 409);
}

#[tokio::test]
async fn faults_of_the_options_are_there_from_the_start() {
    let house = House::with(|options| options.faults = vec!["get=503:1".parse().unwrap()]).await;
    let token = house.token().await;
    house.ident("n").await;
    assert_eq!(house.result(&token, "n").await.status, 503);
    assert_eq!(house.result(&token, "n").await.status, 404);

    let account = Account { customer: CUSTOMER.to_owned(), api_key: SecretString::from(KEY) };
    let faults = vec![Fault::WebhookDelay { seconds: 0, times: None }];
    let options = SandboxOptions { accounts: vec![account], faults, ..SandboxOptions::default() };
    let refused = Sandbox::start(options).await.unwrap_err();
    assert!(refused.to_string().contains("`seconds` is 1 to 86400"), "{refused}");
}

#[tokio::test]
async fn every_endpoint_can_fail() {
    let house = House::new().await;
    house.finished("n").await;
    let token = house.token().await;
    for (operation, method, path) in [
        ("list", Method::GET, "/identifications"),
        ("file", Method::GET, "/identifications/n.zip"),
        ("delete", Method::DELETE, "/identifications/n"),
        ("copy", Method::POST, "/identifications/n/copy"),
        ("archive", Method::POST, "/identifications/n/archive"),
        ("sign", Method::GET, "/documentdefinitions"),
        ("sign", Method::GET, "/identifications/n/documents"),
        ("any", Method::GET, "/identifications/n/bindingKey"),
        ("any", Method::GET, ""),
    ] {
        let fault = json!({ "kind": "status", "operation": operation, "status": 503, "times": 1 });
        assert_eq!(house.control("faults", &fault).await.status, 200);
        assert_eq!(
            house.result(&token, "n").await.status,
            if operation == "any" { 503 } else { 200 },
            "{path}"
        );
        let failed = house.ask_with(&token, method.clone(), path, "").await.status;
        assert_eq!(failed == 503, operation != "any", "{operation} {path}");
        house.control("faults", &json!({ "kind": "status", "status": 503, "times": 1 })).await;
        assert_eq!(house.ask_with(&token, method, path, "").await.status, 503, "any {path}");
    }
    assert_eq!(house.see("identifications/n").await["state"], "FINISHED", "nothing was carried out");
}

#[tokio::test]
async fn half_of_a_large_file_is_less_than_was_announced() {
    let house = House::new().await;
    house.finished("n").await;
    let token = house.token().await;
    let half = json!({ "kind": "half_body", "operation": "file" });
    assert_eq!(house.control("faults", &half).await.status, 200);
    house.control("identifications/n/archive", &json!({ "kind": "padded", "bytes": 3_000_000 })).await;
    let path = format!("/api/v1/{CUSTOMER}/identifications/n.zip");
    assert!(house.breaks(house.get(&path).header("X-API-LOGIN-TOKEN", &token)).await);
}
