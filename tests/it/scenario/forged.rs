//! What is not the vendor's: one answer for all of it, nothing kept, little said, all of it counted.

use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, DATE, HeaderMap};
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{Event, EventType, IdentificationState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::house::{House, Reply};
use super::words::{BANK, CUSTOMER, OTHER_CUSTOMER, said, types};

const REJECTED: EventType = EventType::WebhookRejected;
/// `idnow:wrong`
const WRONG: &str = "Basic aWRub3c6d3Jvbmc=";
/// A little more than the largest body that is read.
const TOO_MUCH: usize = 256 * 1024 + 1;

/// Requests to the webhook of a connection that carry no proof: what is wrong, and the header.
const UNPROVEN: [(&str, Option<&str>, &str); 8] = [
    ("no credentials", None, "missing_credentials"),
    ("a wrong password", Some(WRONG), "wrong_credentials"),
    ("another user", Some("Basic c29tZW9uZTpvcGVuIHNlc2FtZQ=="), "wrong_credentials"),
    ("an empty header", Some(""), "malformed_credentials"),
    ("no base64", Some("Basic %%%"), "malformed_credentials"),
    ("no colon", Some("Basic aWRub3c="), "malformed_credentials"),
    ("another scheme", Some("Bearer aWRub3c6d3Jvbmc="), "malformed_credentials"),
    ("no scheme", Some("aWRub3c6d3Jvbmc="), "malformed_credentials"),
];

#[tokio::test]
async fn every_forgery_gets_the_same_bytes_and_leaves_no_trace() {
    let house = House::silent().await;
    let id = house.created().await;
    let body = said("START", &id).to_string();
    let mut replies = Vec::new();
    for (wrong, header, _cause) in UNPROVEN {
        replies.push((wrong.to_owned(), unproven(&house, header, &body).await));
    }
    let two = house.client().post(house.webhook_url(CUSTOMER)).headers(two_headers());
    replies.push(("two headers".to_owned(), house.send(two.body(body.clone())).await));
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let url = house.webhook_url(CUSTOMER);
        let request = house.client().request(method.clone(), url).basic_auth("idnow", Some("open sesame"));
        replies.push((method.to_string(), house.send(request).await));
    }
    for path in [
        "webhooks/nobody",
        "webhooks/%ff",
        "webhooks/BEISPIELBANK",
        "webhooks/a/b",
        "webhooks",
        "webhooks/",
        "",
        "livez",
    ] {
        let url = format!("http://{}/{path}", house.addresses().webhooks);
        let request = house.client().post(url).basic_auth("idnow", Some("open sesame"));
        replies.push((path.to_owned(), house.send(request.body(body.clone())).await));
    }

    for (wrong, reply) in &replies {
        assert_eq!(without_date(reply), without_date(&replies[0].1), "{wrong}");
    }
    assert_eq!((replies[0].1.status, replies[0].1.body.len()), (401, 0));
    assert!(house.fates().is_empty());
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated, REJECTED]);
    assert_eq!(house.get(&id).await.state(), IdentificationState::AwaitingUser);
}

#[tokio::test]
async fn forgeries_are_counted_by_cause() {
    let house = House::silent().await;
    for (_wrong, header, _cause) in UNPROVEN {
        unproven(&house, header, "{}").await;
    }
    let unknown = house.client().post(house.webhook_url("nobody"));
    house.send(unknown).await;
    for (cause, count) in
        [("missing_credentials", 1.0), ("wrong_credentials", 2.0), ("malformed_credentials", 5.0)]
    {
        let labels = [&*format!("cause=\"{cause}\""), "connection=\"beispielbank\""];
        assert_eq!(house.metric("idv_webhook_refused_total", &labels).await, count, "{cause}");
    }
    house.send(house.client().get(house.webhook_url(CUSTOMER))).await;
    assert_eq!(house.metric("idv_webhook_refused_total", &["cause=\"not_posted\""]).await, 1.0);
    assert_eq!(house.metric("idv_webhook_received_total", &[]).await, 10.0);
    let labels = ["cause=\"unknown_connection\"", "connection=\"unknown\""];
    assert_eq!(house.metric("idv_webhook_refused_total", &labels).await, 1.0);
    assert_eq!(house.metric("idv_webhook_accepted_total", &[]).await, 0.0);
}

#[tokio::test]
async fn at_most_one_event_a_minute_and_connection_tells_of_them() {
    let house = House::silent().await;
    for _ in 0..7 {
        unproven(&house, Some(WRONG), "{}").await;
    }
    house.send(house.client().post(house.webhook_url(OTHER_CUSTOMER))).await;
    assert_eq!(
        told(&house.events().await),
        [(BANK.to_owned(), 1), (format!("connections/{OTHER_CUSTOMER}"), 1)]
    );

    house.clock.advance(Duration::from_secs(59));
    unproven(&house, None, "{}").await;
    assert_eq!(house.events().await.len(), 2);
    // The rest of the minute's forgeries is told without another one.
    house.in_time("the rest", async || (house.events().await.len() == 3).then_some(())).await;
    assert_eq!(told(&house.events().await)[2], (BANK.to_owned(), 7));
    house.clock.advance(Duration::from_secs(600));
    unproven(&house, None, "{}").await;
    assert_eq!(told(&house.events().await)[3], (BANK.to_owned(), 1));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_judged() {
    let house = House::silent().await;
    let url = house.webhook_url(CUSTOMER);
    let authentic = house.authentic(CUSTOMER).body(vec![b' '; TOO_MUCH]);
    let forged = house.client().post(url).body(vec![b' '; TOO_MUCH]);
    let (authentic, forged) = (house.send(authentic).await, house.send(forged).await);
    assert_eq!(authentic.status, 413);
    assert_eq!(without_date(&authentic), without_date(&forged));
    assert!(house.fates().is_empty());
    assert_eq!(house.metric("idv_webhook_refused_total", &["cause=\"too_large\""]).await, 2.0);
    assert_eq!(house.webhook(vec![b' '; TOO_MUCH - 1]).await.status, 204);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let house = House::silent().await;
    let mut stream = TcpStream::connect(house.addresses().webhooks).await.unwrap();
    let head = format!("POST /webhooks/{CUSTOMER} HTTP/1.1\r\nhost: idv\r\ncontent-length: 9\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = stream.read_exact(&mut answer);
    let advance = async {
        house
            .in_time("the end of patience", async || {
                (house.metric("idv_webhook_refused_total", &["cause=\"too_slow\""]).await > 0.0).then_some(())
            })
            .await;
    };
    let (read, ()) = tokio::join!(read, advance);
    read.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn nothing_can_be_smuggled_behind_a_body_with_two_lengths() {
    let house = House::silent().await;
    let (id, body) = (house.created().await, "{}");
    let smuggled = said("START", &id).to_string();
    let mut stream = TcpStream::connect(house.addresses().webhooks).await.unwrap();
    let authorized = format!(
        "POST /webhooks/{CUSTOMER} HTTP/1.1\r\nhost: idv\r\nauthorization: Basic aWRub3c6b3BlbiBzZXNhbWU="
    );
    // A proxy that goes by the first length takes the second request for a part of the first one's body.
    let request = format!(
        "{authorized}\r\ncontent-length: 1000\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{body}\r\n0\r\n\r\n\
         {authorized}\r\ncontent-length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    house.applied(1).await;
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated]);
}

async fn unproven(house: &House, header: Option<&str>, body: &str) -> Reply {
    let mut request = house.client().post(house.webhook_url(CUSTOMER)).body(body.to_owned());
    if let Some(header) = header {
        request = request.header(AUTHORIZATION, header);
    }
    house.send(request).await
}

/// The right one, and another.
fn two_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in ["Basic aWRub3c6b3BlbiBzZXNhbWU=", WRONG] {
        headers.append(AUTHORIZATION, value.parse().unwrap());
    }
    headers
}

fn without_date(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    assert!(reply.headers.remove(DATE).is_some());
    reply
}

/// Which connections told how many forgeries.
fn told(events: &[Event]) -> Vec<(String, i64)> {
    let told = events.iter().map(|event| match &event.payload {
        Some(Payload::WebhookRejected(rejected)) => (event.subject.clone(), rejected.request_count),
        other => panic!("unexpected: {other:?}"),
    });
    told.collect()
}
