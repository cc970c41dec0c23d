//! Somebody who has learnt how the vendor proves itself, and not the key of its bodies, asks the door thousands of
//! times what an altered body decrypts to.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::settings::Window;
use idv_gateway::vendor::kit::delivery::{
    CipherKey, Door, Proof, Refusal, SharedSecret, Unverified, Verified,
};
use idv_gateway::vendor::{Account, Probe, Reading, SecretWindow, Unreadable, Vendor, Webhooks};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::house::House;
use super::registrar::{CONNECTION, Registrar};
use crate::vendor::cipher::{BLOCK, BODY, IV, IV_FIELD, KEY};

const RIGHT: &str = "Bearer of webhooks";
const REFUSED: &str = "idv_webhook_refused_total";
/// Requests that are sent before their answers are read.
const AT_ONCE: usize = 40;

fn secret(key: Option<&str>) -> SharedSecret {
    let cipher_key = key.map(|key| CipherKey::new(&SecretString::from(key)).unwrap());
    let proof = Proof::Bearer(SecretString::from("of webhooks"));
    SharedSecret { label: "present".to_owned(), proof, cipher_key, window: Window::default() }
}

/// The example's bytes with something changed: every bit; every value of every byte of the last two blocks; every
/// beginning; every two blocks exchanged; and for every block the question for its last byte.
fn alterations() -> Vec<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(BODY).unwrap();
    let (length, blocks) = (bytes.len(), bytes.len() / BLOCK);
    let changed = |end: usize, place: usize, change: u8| {
        let mut altered = bytes[..end].to_vec();
        altered[place] ^= change;
        altered
    };
    let bits = (0..length * 8).map(|bit| changed(length, bit / 8, 1 << (bit % 8)));
    let values = (length - 2 * BLOCK..length)
        .flat_map(|place| (1..=255).map(move |change| (place, change)))
        .map(|(place, change)| changed(length, place, change));
    let beginnings = (0..length).map(|end| bytes[..end].to_vec());
    let pairs = (0..blocks).flat_map(|one| (0..one).map(move |other| (one, other)));
    let exchanged = pairs.map(|(one, other)| {
        let mut altered: Vec<_> = bytes.chunks(BLOCK).collect();
        altered.swap(one, other);
        altered.concat()
    });
    let last_bytes = (2..=blocks).flat_map(|block| (1..=255).map(move |change| (block * BLOCK, change)));
    let questions = last_bytes.map(|(end, change)| changed(end, end - BLOCK - 1, change));
    bits.chain(values).chain(beginnings).chain(exchanged).chain(questions).collect()
}

fn post(authorization: &str, body: &str) -> String {
    format!(
        "POST /webhooks/{CONNECTION} HTTP/1.1\r\nhost: idv\r\nauthorization: {authorization}\r\n{IV_FIELD}: {IV}\r\n\
         content-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The different answers to `requests`, but for their date.
async fn answers(door: SocketAddr, requests: &[String]) -> BTreeSet<String> {
    let mut stream = TcpStream::connect(door).await.unwrap();
    let mut different = BTreeSet::new();
    for together in requests.chunks(AT_ONCE) {
        stream.write_all(together.concat().as_bytes()).await.unwrap();
        let mut read = Vec::new();
        // No answer has a body.
        while read.windows(4).filter(|end| end == b"\r\n\r\n").count() < together.len() {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "the door hung up");
        }
        let text = String::from_utf8(read).unwrap();
        let dateless = |head: &str| {
            let lines = head.lines().filter(|line| !line.starts_with("date: "));
            lines.collect::<Vec<_>>().join("\n")
        };
        different.extend(text.split_terminator("\r\n\r\n").map(dateless));
    }
    different
}

/// The answers to what was altered, and to a wrong proof.
async fn probed(house: &House, altered: &[Vec<u8>]) -> (SocketAddr, BTreeSet<String>) {
    let door = house.door().await;
    let bodies = altered.iter().map(|bytes| post(RIGHT, &BASE64_STANDARD.encode(bytes)));
    let requests: Vec<_> = [post("Bearer of others", BODY)].into_iter().chain(bodies).collect();
    (door, answers(door, &requests).await)
}

#[tokio::test]
async fn ten_thousand_altered_bodies_get_one_answer() {
    let house = House::with(None, |office| Registrar::new(office, [secret(Some(KEY))])).await;
    let altered = alterations();
    assert!(altered.len() >= 10_000, "{}", altered.len());
    let (door, different) = probed(&house, &altered).await;
    assert_eq!(different.len(), 1, "{different:?}");
    assert!(different.first().unwrap().starts_with("HTTP/1.1 401 "), "{different:?}");
    let count = u32::try_from(altered.len()).unwrap();
    assert_eq!(house.metric(REFUSED, "undecryptable_body"), f64::from(count));
    assert_eq!(house.metric(REFUSED, "wrong_credentials"), 1.0);
    assert_eq!(house.head(), 1, "one event tells of this minute's refusals");
    assert_eq!(house.deliveries().await, []);

    let authentic = answers(door, &[post(RIGHT, BODY)]).await;
    assert!(authentic.first().unwrap().starts_with("HTTP/1.1 204 "), "{authentic:?}");
}

#[tokio::test]
async fn a_door_that_tells_of_the_padding_is_found_out() {
    let talkative = |office| Talkative {
        registrar: Registrar::new(office, [secret(Some(KEY))]),
        careless: Door::new([secret(None)], None, None),
    };
    let house = House::with(None, talkative).await;
    let altered = alterations();
    let (_door, different) = probed(&house, &altered[altered.len() - 255..]).await;
    assert_eq!(different.len(), 2, "{different:?}");
}

/// A connector that answers differently when the padding is wrong.
struct Talkative {
    registrar: Registrar,
    careless: Door,
}

impl Vendor for Talkative {
    fn account(&self) -> &Account {
        self.registrar.account()
    }

    fn probe(&self) -> &dyn Probe {
        self.registrar.probe()
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }
}

impl Webhooks for Talkative {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        let iv: [u8; BLOCK] = BASE64_STANDARD.decode(IV).unwrap().try_into().unwrap();
        let mut body = BASE64_STANDARD.decode(&delivery.body).unwrap();
        let key = UnboundCipherKey::new(&AES_256, KEY.as_bytes());
        let key = key.and_then(PaddedBlockDecryptingKey::cbc_pkcs7).unwrap();
        let padded = key.decrypt(&mut body, DecryptionContext::Iv128(FixedLength::from(iv))).is_ok();
        if padded { self.registrar.verify(delivery) } else { self.careless.verify(delivery) }
    }

    fn secrets(&self) -> Vec<SecretWindow> {
        self.registrar.secrets()
    }

    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        self.registrar.normalise(delivery)
    }
}
