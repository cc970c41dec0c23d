//! The signature of an XML result: RSA over SHA-512, in a file of its own.

use std::io;
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA512};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line of PEM.
const LINE: usize = 64;

/// Signs XML results with a key of this process. Making one takes a while, so that waits for the first signature.
#[derive(Default)]
pub(in crate::sandbox::idnow) struct Signer(OnceLock<Option<KeyPair>>);

impl Signer {
    /// The detached signature of `bytes`.
    pub(super) fn sign(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let key = self.key()?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), bytes, &mut signature).map_err(broken)?;
        Ok(signature)
    }

    /// The key that proves signatures, as `openssl dgst -sha512 -verify` takes it.
    pub(in crate::sandbox::idnow) fn public_pem(&self) -> io::Result<String> {
        let key: PublicKeyX509Der<'_> = self.key()?.public_key().as_der().map_err(broken)?;
        let text = STANDARD.encode(key.as_ref());
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }

    fn key(&self) -> io::Result<&KeyPair> {
        let made = self.0.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).ok());
        made.as_ref().ok_or_else(|| io::Error::other("no key to sign results with can be made"))
    }
}

fn broken(_unspecified: aws_lc_rs::error::Unspecified) -> io::Error {
    io::Error::other("the key to sign results with does not work")
}
