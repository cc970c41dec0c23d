//! Sealing: what opens, and everything that must not.

use idv_gateway::clock::Clock;
use idv_gateway::journal::seal::{MasterKey, SealError, SealInput, SealedItem, Vault};
use secrecy::{ExposeSecret as _, SecretString};

const BODY: &[u8] = b"Erika Beispiel, born 1990-01-01";

fn vault(keys: Vec<MasterKey>) -> Vault {
    Vault::new(Clock::system(), keys).unwrap()
}

fn key() -> MasterKey {
    MasterKey::generate(&Clock::system())
}

fn copy(key: &MasterKey) -> MasterKey {
    MasterKey::parse(&key.to_base64()).unwrap()
}

fn input() -> SealInput<'static> {
    SealInput {
        connection: "bank",
        owner: "connections/bank/webhookDeliveries/1",
        item: "delivery/1",
        kind: "webhook_body",
        plaintext: BODY,
    }
}

#[track_caller]
fn assert_broken(vault: &Vault, sealed: &SealedItem) {
    let opened = vault.open(sealed).map(|_plaintext| ());
    assert!(matches!(opened, Err(SealError::Broken)), "{opened:?}");
}

#[test]
fn what_was_sealed_opens() {
    let vault = vault(vec![key()]);
    let sealed = vault.seal(input()).unwrap();
    assert_eq!(vault.open(&sealed).unwrap().as_slice(), BODY);
    assert!(!sealed.body.windows(5).any(|part| part == &BODY[..5]));
    let empty = vault.seal(SealInput { plaintext: b"", ..input() }).unwrap();
    assert_eq!(vault.open(&empty).unwrap().as_slice(), b"");
    // Another owner is no other place: deliveries find their identification later.
    assert_eq!(
        vault.open(&SealedItem { owners: vec!["another".to_owned()], ..sealed }).unwrap().as_slice(),
        BODY
    );
}

#[test]
fn every_item_has_a_key_and_nonces_of_its_own() {
    let vault = vault(vec![key()]);
    let (one, other) = (vault.seal(input()).unwrap(), vault.seal(input()).unwrap());
    assert_ne!(one.body, other.body);
    assert_ne!(one.wrapped_key, other.wrapped_key);
    assert_broken(&vault, &SealedItem { wrapped_key: other.wrapped_key, ..one });
}

#[test]
fn an_altered_item_does_not_open() {
    let vault = vault(vec![key()]);
    let sealed = vault.seal(input()).unwrap();
    for index in 0..sealed.body.len() {
        let mut altered = sealed.clone();
        altered.body[index] ^= 1;
        assert_broken(&vault, &altered);
        altered.body.truncate(index);
        assert_broken(&vault, &altered);
    }
    for index in 0..sealed.wrapped_key.len() {
        let mut altered = sealed.clone();
        altered.wrapped_key[index] ^= 1;
        assert_broken(&vault, &altered);
        altered.wrapped_key.truncate(index);
        assert_broken(&vault, &altered);
    }
}

#[test]
fn an_item_opens_only_in_its_place() {
    let vault = vault(vec![key()]);
    let sealed = vault.seal(input()).unwrap();
    assert_broken(&vault, &SealedItem { item: "delivery/2".to_owned(), ..sealed.clone() });
    assert_broken(&vault, &SealedItem { connection: "bank2".to_owned(), ..sealed.clone() });
    assert_broken(&vault, &SealedItem { kind: "start_link".to_owned(), ..sealed.clone() });
    // The same letters with the borders moved.
    let moved = SealedItem { connection: "bankd".to_owned(), item: "elivery/1".to_owned(), ..sealed };
    assert_broken(&vault, &moved);
}

#[test]
fn keys_rotate() {
    let (old, new) = (key(), key());
    let before = vault(vec![copy(&old)]).seal(input()).unwrap();
    let both = vault(vec![copy(&new), copy(&old)]);
    assert_eq!(both.open(&before).unwrap().as_slice(), BODY);
    let after = both.seal(input()).unwrap();
    assert_eq!((before.master_key.as_str(), after.master_key.as_str()), (old.id(), new.id()));
    let without_old = vault(vec![copy(&new)]);
    assert_eq!(without_old.open(&after).unwrap().as_slice(), BODY);
    match without_old.open(&before).map(|_plaintext| ()) {
        Err(SealError::UnknownMasterKey(id)) => assert_eq!(id, old.id()),
        other => panic!("an unknown master key was expected: {other:?}"),
    }
    // A key that claims to be another one opens nothing.
    assert_broken(&without_old, &SealedItem { master_key: new.id().to_owned(), ..before });
}

#[test]
fn a_vault_needs_a_key() {
    assert!(matches!(Vault::new(Clock::system(), Vec::new()).map(drop), Err(SealError::NoMasterKey)));
}

#[test]
fn master_keys_are_32_bytes_in_base64() {
    // 32 bytes whose base64 needs the two letters in which the alphabets differ.
    let standard = format!("{}++//++//AAA=", "A".repeat(32));
    let accepted = [
        standard.clone(),
        standard.trim_end_matches('=').to_owned(),
        standard.replace('+', "-").replace('/', "_"),
        standard.trim_end_matches('=').replace('+', "-").replace('/', "_"),
        format!("{standard}\n"),
    ];
    let ids: Vec<String> = accepted
        .iter()
        .map(|text| MasterKey::parse(&SecretString::from(text.as_str())).unwrap().id().to_owned())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 8), "{ids:?}");
    let long = format!("{}AAAA", "A".repeat(44));
    for refused in ["", "secret", &standard[4..], &long, &"!".repeat(44)] {
        let error = MasterKey::parse(&SecretString::from(refused)).map(drop).unwrap_err();
        assert!(error.to_string().contains("openssl rand -base64 32"), "{error}");
    }
    let generated = key();
    assert_ne!(generated.id(), key().id());
    assert_eq!(copy(&generated).to_base64().expose_secret(), generated.to_base64().expose_secret());
}
