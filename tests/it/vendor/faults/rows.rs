//! What any vendor may do wrong, whatever its words are.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use idv_gateway::error::Kind::{VendorRateLimited, VendorResponseInvalid, VendorTimeout, VendorUnavailable};
use idv_gateway::vendor::kit::http::MAX_ANSWER;

use super::server::{Does, answer, json};
use super::table::{Means, Row, Told, Where};

/// Writes that take every success without a text for one.
pub(super) const DONE: [(&str, Told); 4] =
    [("204", None), ("nothing", None), ("another shape", None), ("a length that is too short", None)];

impl Row {
    /// A server that does this whatever the sound answer is.
    pub(super) fn new(name: &'static str, does: Does, means: Means) -> Self {
        Self::made(name, means, move |_sound| does.clone())
    }

    fn made(name: &'static str, means: Means, does: impl Fn(&[u8]) -> Does + 'static) -> Self {
        Self { name, at: Where::Here, does: Box::new(does), means }
    }

    /// Nothing goes wrong.
    pub(super) fn well() -> Self {
        Self::made("no fault", Means::Well, |sound| Does::Says(sound.to_vec()))
    }

    /// An answer that another try would not make better.
    pub(super) fn last(name: &'static str, answer: Vec<u8>, told: Told) -> Self {
        Self::new(name, Does::Says(answer), Means::Last(told))
    }
}

pub(super) fn on_the_wire() -> Vec<Row> {
    let breaks = |begun| Means::Breaks { told: VendorUnavailable, begun };
    let silent = |begun| Means::Breaks { told: VendorTimeout, begun };
    let nothing = || Does::Says(Vec::new());
    let no_way = |name, at| Row { at, ..Row::new(name, nothing(), Means::NoWay) };
    let greeting = b"\x15\x03\x01\0\x02\x02\x46".to_vec();
    vec![
        Row::well(),
        no_way("nobody listens", Where::Nowhere),
        no_way("plain spoken where TLS was expected", Where::BehindTls),
        Row::new("reset before the request", Does::Resets { after: false }, breaks(false)),
        Row::new("reset after the request", Does::Resets { after: true }, breaks(false)),
        Row::new("closed without an answer", nothing(), breaks(false)),
        Row::new("TLS spoken where plain was expected", Does::Says(greeting), breaks(false)),
        Row::made("half a header", breaks(false), |sound| Does::Says(sound[..20].to_vec())),
        Row::made("half a body", breaks(true), |sound| Does::Says(but_the_end(sound))),
        Row::new("hangs before the header", Does::Stalls(Vec::new()), silent(false)),
        Row::made("hangs in the header", silent(false), |sound| Does::Stalls(sound[..20].to_vec())),
        Row::made("hangs in the body", silent(true), |sound| Does::Stalls(but_the_end(sound))),
        Row::made("drips", silent(true), |sound| Does::Drips(much_longer(sound))),
    ]
}

fn but_the_end(sound: &[u8]) -> Vec<u8> {
    sound[..sound.len() - 1].to_vec()
}

/// The header of `sound`, with a length that takes for ever to come, and one byte of the body.
fn much_longer(sound: &[u8]) -> Vec<u8> {
    let end = sound.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(sound[..end].to_vec()).unwrap();
    let length = format!("content-length: {}\r\n", sound.len() - end);
    assert!(head.contains(&length));
    let head = head.replace(&length, "content-length: 100000\r\n");
    [head.as_bytes(), &sound[end..=end]].concat()
}

pub(super) fn passing_answers() -> Vec<Row> {
    let unable = |name, status, headers, told, wait| {
        let wait = Duration::from_secs(wait);
        Row::new(name, Does::Says(answer(status, headers, b"")), Means::Unable { told, wait })
    };
    let date = "retry-after: Sat, 14 Mar 2026 12:00:02 GMT\r\n";
    vec![
        unable("408", "408 Request Timeout", "", VendorUnavailable, 0),
        unable("429", "429 Too Many Requests", "", VendorRateLimited, 0),
        unable("429, come in 2 s", "429 X", "retry-after: 2\r\n", VendorRateLimited, 2),
        unable("429, come in a minute", "429 X", "retry-after: 60\r\n", VendorRateLimited, 60),
        unable("500", "500 Internal Server Error", "", VendorUnavailable, 0),
        unable("502", "502 Bad Gateway", "", VendorUnavailable, 0),
        unable("503, come in 2 s", "503 X", "retry-after: 2\r\n", VendorUnavailable, 2),
        unable("503, come at a date", "503 X", date, VendorUnavailable, 2),
        unable("503, come in an hour", "503 X", "retry-after: 3600\r\n", VendorUnavailable, 3600),
        unable("504", "504 Gateway Timeout", "", VendorUnavailable, 0),
    ]
}

/// Answers that no vendor documents.
pub(super) fn nonsense() -> Vec<Row> {
    let invalid = |name, answer| Row::last(name, answer, Some(VendorResponseInvalid));
    let packed = |text: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).unwrap();
        answer(
            "200 OK",
            "content-type: application/json\r\ncontent-encoding: gzip\r\n",
            &packer.finish().unwrap(),
        )
    };
    let unpackable = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let elsewhere = "location: https://elsewhere.invalid/\r\n";
    let page = b"<!doctype html><title>Back soon</title>";
    let spaces = " ".repeat(MAX_ANSWER + 1);
    let short = String::from_utf8(json("200 OK", r#"{"authToken":"token"}"#)).unwrap();
    vec![
        invalid("302 to another host", answer("302 Found", elsewhere, b"")),
        invalid("307 to another host", answer("307 Temporary Redirect", elsewhere, b"")),
        invalid("204", b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()),
        invalid("a page", answer("200 OK", "content-type: text/html\r\n", page)),
        invalid("nothing", json("200 OK", "")),
        invalid("another shape", json("200 OK", r#"{"authToken":{},"id":[],"identificationprocess":"x"}"#)),
        invalid(
            "a length that is too short",
            short.replace("content-length: 21", "content-length: 10").into_bytes(),
        ),
        invalid("packed into little", packed(spaces.as_bytes())),
        invalid("badly packed", answer("200 OK", unpackable, b"no gzip at all")),
        invalid("too large", json("200 OK", &spaces)),
    ]
}
