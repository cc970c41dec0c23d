//! The real transport against a small server.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use idv_gateway::clock::Clock;
use idv_gateway::error::{Error, Kind};
use idv_gateway::settings::Problems;
use idv_gateway::vendor::kit::http::{Answer, Call, HttpTransport, MAX_ANSWER, Timeouts, TransportError};
use idv_gateway::vendor::kit::http::{OpenResponse, Request, Response as Received, Transport};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::kit::url::{Origin, PathTemplate, Plain};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::rig::{Stub, noon, on_its_way};

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(rename = "word")]
    _word: String,
}

fn call(base: &str) -> Call {
    let origin = Origin::parse(base, Plain::Loopback).unwrap();
    let target = PathTemplate::parse("/api/thing").unwrap().fill(&origin, &[]).unwrap();
    Call::new("test.get", Method::GET, target)
}

async fn ask(base: &str) -> Result<Answer, Error> {
    let (clock, _manual) = Clock::manual(noon());
    let timeouts = Timeouts { read: Duration::from_millis(300), ..Timeouts::default() };
    let sent = call(base).send(&HttpTransport::new(timeouts).unwrap(), &clock).await;
    sent.map_err(|failed| *failed.error)
}

async fn ask_stub(answer: impl Fn() -> Response + Send + Sync + 'static) -> Result<Answer, Error> {
    ask(&Stub::start(move |_seen| answer()).await.base).await
}

/// A server that says `text` to every connection and then keeps it open or closes it.
async fn raw(text: &'static [u8], close: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if socket.read(&mut request).await.is_ok() && socket.write_all(text).await.is_ok() && !close {
                open.push(socket);
            }
        }
    });
    base
}

#[tokio::test]
async fn an_answer_is_read_whole_and_unpacked() {
    let stub = Stub::start(|_seen| (StatusCode::CREATED, "hello").into_response()).await;
    let answer = ask(&stub.base).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (201, b"hello".as_ref()));
    let seen = stub.seen().remove(0);
    assert_eq!(
        (seen.path.as_str(), seen.headers["accept"].to_str().unwrap()),
        ("/api/thing", "application/json")
    );
    assert_eq!(seen.headers["accept-encoding"], "gzip");
    assert!(seen.headers.get("referer").is_none());

    let answer = || ([("content-encoding", "gzip")], packed(br#"{"word":"packed"}"#)).into_response();
    assert_eq!(ask_stub(answer).await.unwrap().body().as_ref(), br#"{"word":"packed"}"#);
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[tokio::test]
async fn an_answer_has_a_size_limit() {
    let full = ask_stub(|| vec![b' '; MAX_ANSWER].into_response()).await.unwrap();
    assert_eq!(full.body().len(), MAX_ANSWER);
    let error = ask_stub(|| vec![b' '; MAX_ANSWER + 1].into_response()).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
    // Small on the wire, large when unpacked.
    let bomb = || ([("content-encoding", "gzip")], packed(&vec![b' '; MAX_ANSWER + 1])).into_response();
    assert_eq!(ask_stub(bomb).await.unwrap_err().kind, Kind::VendorResponseInvalid);
}

#[tokio::test]
async fn a_redirect_is_an_invalid_answer_and_is_not_followed() {
    for status in [301, 302, 303, 307, 308, 304] {
        let stub = Stub::start(move |_seen| {
            (StatusCode::from_u16(status).unwrap(), [("location", "/elsewhere")]).into_response()
        });
        let stub = stub.await;
        let error = ask(&stub.base).await.unwrap_err();
        assert_eq!((error.kind, error.vendor.unwrap().status), (Kind::VendorResponseInvalid, status));
        assert_eq!(stub.seen().len(), 1);
    }
}

#[tokio::test]
async fn no_answer_is_unavailable_or_a_timeout() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let error = ask(&base).await.unwrap_err();
    assert_eq!((error.kind, error.operation), (Kind::VendorUnavailable, "test.get"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(1)));

    let half = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", true).await;
    assert_eq!(ask(&half).await.unwrap_err().kind, Kind::VendorUnavailable);
    for silent in [b"".as_ref(), b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"] {
        let error = ask(&raw(silent, false).await).await.unwrap_err();
        assert_eq!(error.kind, Kind::VendorTimeout);
        assert_eq!(error.retry_after, Some(Duration::from_secs(1)));
    }
    let damaged = ask_stub(|| ([("content-encoding", "gzip")], "not gzip at all").into_response()).await;
    assert_eq!(damaged.unwrap_err().kind, Kind::VendorResponseInvalid);
}

/// Else settings would promise a patience that the transport does not have.
#[test]
fn the_transport_ends_no_try_that_settings_allow() {
    let Timeouts { read, total, .. } = Timeouts::default();
    for seconds in 1..=60 {
        let limits = LimitSettings { attempt_timeout_seconds: seconds, ..LimitSettings::default() };
        let mut problems = Problems::default();
        limits.check(&mut problems);
        let allowed = problems.into_found().is_empty();
        assert_eq!(allowed, limits.attempt_timeout() <= read.min(total), "{seconds}");
    }
}

#[tokio::test]
async fn json_that_does_not_fit_is_an_invalid_answer_that_tells_no_value() {
    for body in ["<html>Erika</html>", "", "[]", r#"{"word":["Erika"]}"#, r#"{"word":"a"} Erika"#] {
        let answer = ask_stub(move || body.into_response()).await.unwrap();
        let error = answer.json::<Body>().unwrap_err();
        assert_eq!(error.kind, Kind::VendorResponseInvalid, "{body}");
        assert!(!format!("{error:?} {error}").contains("Erika"), "{error:?}");
    }
    let answer = ask_stub(|| r#"{"word":"a","more":1}"#.into_response()).await.unwrap();
    assert!(answer.json::<Body>().is_ok(), "unknown members are passed over");
}

/// Answers with a status and one header.
struct Says(u16, &'static str);

#[async_trait::async_trait]
impl Transport for Says {
    async fn send(&self, _request: Request) -> Result<Received, TransportError> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", self.1.parse().unwrap());
        let status = StatusCode::from_u16(self.0).unwrap();
        Ok(Received { status, headers, body: axum::body::Bytes::new() })
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        self.send(request).await.map(on_its_way)
    }
}

#[tokio::test]
async fn retry_after_is_seconds_or_a_date_within_reason() {
    let (clock, _manual) = Clock::manual(noon());
    let cases = [
        ("7", 7),
        ("Sat, 14 Mar 2026 12:00:30 GMT", 30),
        ("Sat, 14 Mar 2026 11:00:00 GMT", 0),
        ("99999999999", 3600),
        ("soon", 1),
        ("-5", 1),
    ];
    for (text, seconds) in cases {
        let answer = call("https://vendor.example").send(&Says(429, text), &clock).await.unwrap();
        for error in [answer.rate_limited("", ""), answer.unavailable("", "")] {
            assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)), "{text}");
        }
    }
}

#[tokio::test]
async fn only_codes_of_the_vendor_pass_on() {
    let (clock, _manual) = Clock::manual(noon());
    let transport: Arc<dyn Transport> = Arc::new(Says(400, "1"));
    let answer = call("https://vendor.example").send(transport.as_ref(), &clock).await.unwrap();
    let fault = answer.error(Kind::VendorConflict, "ours", "Erika Beispiel", "12345").vendor.unwrap();
    assert_eq!((fault.code.as_str(), fault.id.as_str(), fault.status), ("UNPRINTABLE", "12345", 400));
}
