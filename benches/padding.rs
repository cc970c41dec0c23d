//! Whether the time of a refusal tells how an encrypted body was wrong. See README.md.

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use idv_gateway::settings::Window;
use idv_gateway::vendor::kit::delivery::{CipherKey, Door, Proof, SharedSecret, Source, Unverified};
use secrecy::SecretString;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const IV: HeaderName = HeaderName::from_static("x-pvt-cipher-iv");
const BLOCKS: usize = 64;
const ROUNDS: usize = 500;
const REFUSALS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let secret = SharedSecret {
        label: "bench".to_owned(),
        proof: Proof::Bearer(SecretString::from("token")),
        cipher_key: Some(CipherKey::new(&SecretString::from(KEY))?),
        window: Window::default(),
    };
    let door = Door::new([secret], None, Some(IV));
    let (bad, good) = (body(0)?, body(1)?);
    let mut ratios = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        // Whoever goes first does so every other time.
        let (first, second) = if round % 2 == 0 { (&bad, &good) } else { (&good, &bad) };
        let (first, second) = (refusals(&door, first), refusals(&door, second));
        let (bad, good) = if round % 2 == 0 { (first, second) } else { (second, first) };
        ratios.push(bad.as_secs_f64() / good.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let at = |percent: usize| ratios[(ROUNDS - 1) * percent / 100];
    println!(
        "bad padding / good padding without JSON: median {:.3}, middle half {:.3} to {:.3}, 5 to 95 % {:.3} to {:.3}",
        at(50),
        at(25),
        at(75),
        at(5),
        at(95)
    );
    Ok(())
}

/// The same text but for its last byte, which is its padding, encrypted.
fn body(padding: u8) -> Result<Bytes, Box<dyn Error>> {
    let mut text = vec![b'x'; BLOCKS * 16];
    text.pop();
    text.push(padding);
    let key = UnboundCipherKey::new(&AES_256, KEY.as_bytes()).and_then(EncryptingKey::cbc)?;
    key.less_safe_encrypt(&mut text, EncryptionContext::Iv128(FixedLength::from([0; 16])))?;
    Ok(BASE64_STANDARD.encode(text).into())
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the time that passes")]
fn refusals(door: &Door, body: &Bytes) -> Duration {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer token"));
    headers.insert(IV, HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="));
    let start = Instant::now();
    for _ in 0..REFUSALS {
        let source = Source::Known(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (headers, body, receive_time) = (headers.clone(), body.clone(), SystemTime::UNIX_EPOCH);
        assert!(black_box(door.verify(Unverified { headers, body, source, receive_time })).is_err());
    }
    start.elapsed()
}
