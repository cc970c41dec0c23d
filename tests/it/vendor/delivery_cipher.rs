//! Encrypted bodies: what opens, and that nothing else is believed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::settings::Window;
use idv_gateway::vendor::kit::delivery::{
    CipherKey, Door, Proof, Refusal, SecretSettings, SharedSecret, Verified,
};
use secrecy::SecretString;

use super::cipher::{BLOCK, BODY, IV, IV_FIELD, KEY, SAID, encrypt, encrypt_blocks, request};
use super::rig::Files;

const TOKEN: &str = "Bearer of webhooks";
const OTHER_KEY: &str = "ffffffffffffffffffffffffffffffff";

fn secret(label: &str, key: Option<&str>) -> SharedSecret {
    let cipher_key = key.map(|key| CipherKey::new(&SecretString::from(key)).unwrap());
    let proof = Proof::Bearer(SecretString::from("of webhooks"));
    SharedSecret { label: label.to_owned(), proof, cipher_key, window: Window::default() }
}

fn door(secrets: impl IntoIterator<Item = SharedSecret>) -> Door {
    Door::new(secrets, None, Some(IV_FIELD.parse().unwrap()))
}

fn sealed() -> Door {
    door([secret("sealed", Some(KEY))])
}

fn verify(iv: &str, body: &str) -> Result<Verified, Refusal> {
    sealed().verify(request(&[("authorization", TOKEN), (IV_FIELD, iv)], body))
}

#[test]
fn the_published_example_opens() {
    for body in [BODY.to_owned(), format!("{BODY}\r\n"), BODY.trim_end_matches('=').to_owned()] {
        assert_eq!(verify(IV, &body).unwrap().body().as_ref(), SAID.as_bytes());
    }
    let (iv, body) = encrypt(KEY, 7, b"  [1]");
    assert_eq!(verify(&iv, &body).unwrap().body().as_ref(), b"  [1]");
}

#[test]
fn what_is_wrong_with_a_body_is_not_told_to_who_does_not_know_the_secret() {
    for authorization in ["Bearer of others", "Bearer", ""] {
        let fields = [("authorization", authorization), (IV_FIELD, IV)];
        let (right, wrong) = (request(&fields, BODY), request(&fields, "!"));
        assert_eq!(sealed().verify(right).unwrap_err(), sealed().verify(wrong).unwrap_err());
    }
    let stranger = sealed().verify(request(&[(IV_FIELD, IV)], "!"));
    assert_eq!(stranger.unwrap_err(), Refusal::Missing);
}

#[test]
fn an_initialisation_vector_is_sixteen_bytes_said_once() {
    let of = |bytes: usize| BASE64_STANDARD.encode(vec![0; bytes]);
    for iv in ["", "!", "AAECAwQFBgcICQoLDA0OD", &of(0), &of(15), &of(17), &of(32)] {
        assert_eq!(verify(iv, BODY).unwrap_err(), Refusal::Undecryptable, "{iv}");
    }
    for ivs in [&[][..], &[(IV_FIELD, IV), (IV_FIELD, IV)]] {
        let fields = [&[("authorization", TOKEN)][..], ivs].concat();
        assert_eq!(sealed().verify(request(&fields, BODY)).unwrap_err(), Refusal::Undecryptable);
    }
}

#[test]
fn what_is_no_encrypted_json_is_refused() {
    let text = format!("{:<32}", "{}");
    let ended =
        |end: &[u8]| encrypt_blocks(KEY, 1, &[&text.as_bytes()[..2 * BLOCK - end.len()], end].concat());
    let whole = |text: &[u8]| encrypt(KEY, 1, text);
    let cases = [
        ("another key", encrypt(OTHER_KEY, 1, b"{}")),
        ("no padding", ended(b"")),
        ("padding of nothing", ended(&[0])),
        ("padding of more than a block", ended(&[17; 17])),
        ("padding that is not all alike", ended(&[2, 3, 3])),
        ("nothing but padding", whole(b"")),
        ("no JSON", whole(b"PASSED")),
        ("two of them", whole(b"{} {}")),
        ("half of one", whole(br#"{"ticket":"#)),
        ("no text", whole(b"\"\xff\"")),
        ("plain JSON", (IV.to_owned(), SAID.to_owned())),
        ("no body", (IV.to_owned(), String::new())),
        ("no base64", (IV.to_owned(), format!("{BODY}%"))),
        ("no whole block", (IV.to_owned(), BASE64_STANDARD.encode([0; 17]))),
    ];
    for (case, (iv, body)) in cases {
        assert_eq!(verify(&iv, &body).unwrap_err(), Refusal::Undecryptable, "{case}");
    }
    let (iv, body) = ended(&[2, 2]);
    assert!(verify(&iv, &body).is_ok(), "the cases are refused for what they are named after");
}

#[test]
fn every_bit_of_the_last_two_blocks_counts() {
    let bytes = BASE64_STANDARD.decode(BODY).unwrap();
    for bit in 0..2 * BLOCK * 8 {
        let mut altered = bytes.clone();
        altered[bytes.len() - 1 - bit / 8] ^= 1 << (bit % 8);
        let refusal = verify(IV, &BASE64_STANDARD.encode(altered)).unwrap_err();
        assert_eq!(refusal, Refusal::Undecryptable, "{bit}");
    }
}

#[test]
fn while_only_the_key_of_bodies_is_rotated_both_open() {
    let door = door([secret("old", Some(OTHER_KEY)), secret("plain", None), secret("new", Some(KEY))]);
    let matched = |(iv, body): (String, String)| {
        let fields = [("authorization", TOKEN), (IV_FIELD, &*iv)];
        let verified = door.verify(request(&fields, body)).unwrap();
        (verified.matched().to_owned(), verified.body().clone())
    };
    for (label, key) in [("old", OTHER_KEY), ("new", KEY)] {
        assert_eq!(matched(encrypt(key, 3, b"{}")), (label.to_owned(), "{}".into()));
    }
    assert_eq!(matched((IV.to_owned(), "{}".to_owned())), ("plain".to_owned(), "{}".into()));
}

#[test]
fn a_key_is_thirty_two_bytes_and_not_characters() {
    let files = Files::new();
    let token = files.write("token", "of webhooks");
    let read = |key: &str| {
        let key = files.write("key", key);
        let settings = format!(
            "label = \"first\"\nproof = {{ bearer = {{ token = {{ file = {token:?} }} }} }}\ncipher_key = {{ file = {key:?} }}"
        );
        toml::from_str::<SecretSettings>(&settings).unwrap().read()
    };
    assert!(read(KEY).is_ok());
    for (key, bytes) in [(&KEY[1..], 31), (&*KEY.replace('f', "é"), 34), (&*KEY.replacen('f', "é", 1), 33)]
    {
        let error = read(key).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cipher_key must be exactly 32 bytes; it has {bytes}")),
            "{error}"
        );
        assert!(!error.contains(key), "{error}");
    }
}

#[test]
fn debug_output_shows_no_key() {
    let shown = format!("{:?} {:?} {:?}", secret("sealed", Some(KEY)), sealed(), verify(IV, BODY).unwrap());
    for hidden in [KEY, "of webhooks", "Núñez"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains("sealed"), "{shown}");
}
