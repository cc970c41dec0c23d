//! Binding keys: JWTs signed with a key of this process, its certificate in their `x5c`.

use std::io;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::clock::Clock;

const SEQUENCE: u8 = 0x30;
/// The object identifiers of ecdsa-with-SHA256 and commonName, with tag and length.
const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];

/// Signs binding keys.
pub(super) struct Binder {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
}

impl Binder {
    /// With a new key.
    pub(super) fn new() -> io::Result<Self> {
        let failed = |_unspecified: Unspecified| io::Error::other("no key for binding keys can be made");
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let certificate = certificate(&key).map_err(failed)?;
        Ok(Self { key, certificate })
    }

    /// The key that binds the person's device to the identification `id`. No two are alike.
    pub(super) fn bind(&self, clock: &Clock, id: &str) -> Result<String, String> {
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)] });
        let claims = json!({ "jti": clock.uuid().to_string(), "iat": clock.now_millis() / 1000, "sub": id });
        let encoded = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = encoded.join(".");
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_unspecified| "the binding key cannot be signed".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A self-signed certificate of `key`, in DER. What it says beside the key is constant.
fn certificate(key: &EcdsaKeyPair) -> Result<Vec<u8>, Unspecified> {
    let public: PublicKeyX509Der<'_> = key.public_key().as_der()?;
    let algorithm = tlv(SEQUENCE, &[ECDSA_WITH_SHA256]);
    let common_name = tlv(SEQUENCE, &[COMMON_NAME, &tlv(0x0c, &[b"idv-gateway sandbox"])]);
    let name = tlv(SEQUENCE, &[&tlv(0x31, &[&common_name])]);
    let validity = tlv(SEQUENCE, &[&tlv(0x17, &[b"200101000000Z"]), &tlv(0x17, &[b"491231235959Z"])]);
    let version = tlv(0xa0, &[&tlv(0x02, &[&[2]])]);
    let serial = tlv(0x02, &[&[1]]);
    let signed = tlv(SEQUENCE, &[&version, &serial, &algorithm, &name, &validity, &name, public.as_ref()]);
    // A JWT wants the two numbers of a signature side by side, a certificate wants them in DER.
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.to_pkcs8v1()?.as_ref())?;
    let signature = signer.sign(&SystemRandom::new(), &signed)?;
    Ok(tlv(SEQUENCE, &[&signed, &algorithm, &tlv(0x03, &[&[0], signature.as_ref()])]))
}

/// A DER value of up to 65535 bytes.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let [.., high, low] = value.len().to_be_bytes();
    let mut encoded = match value.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    encoded.extend(value);
    encoded
}
