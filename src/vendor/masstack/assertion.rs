//! What signs the gateway in: an assertion of the service account, exchanged for a token.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// How long an assertion is good for: it is used at once.
const LIFE: Duration = Duration::from_mins(5);

/// A service account as the vendor hands it out.
pub(super) struct ServiceAccount {
    pub(super) private_key: SecretString,
    pub(super) private_key_id: String,
    pub(super) client_email: String,
}

/// Makes assertions.
pub(super) struct Signer {
    key: KeyPair,
    header: String,
    client_email: String,
    audience: String,
}

impl Signer {
    /// A signer of `account` for `audience`. `Err` says what is wrong with the key.
    pub(super) fn new(account: &ServiceAccount, audience: &str) -> Result<Self, String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
        Ok(Self {
            key: key(account.private_key.expose_secret())?,
            header: part(&header),
            client_email: account.client_email.clone(),
            audience: audience.to_owned(),
        })
    }

    /// An assertion made at `now`. `None`: it cannot be signed.
    pub(super) fn assertion(&self, now: SystemTime) -> Option<String> {
        let issued = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let claims = json!({
            "iss": self.client_email,
            "sub": self.client_email,
            "aud": self.audience,
            "iat": issued.as_secs(),
            "exp": (issued + LIFE).as_secs(),
        });
        let signed = format!("{}.{}", self.header, part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature)))
    }
}

/// When a token ends that says so itself. Nobody checks its signature: who lies about it harms only themselves.
pub(super) fn end(token: &str) -> Option<SystemTime> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.get("exp")?.as_u64()?))
}

/// The RSA key in `pem`, in either of its two usual forms.
fn key(pem: &str) -> Result<KeyPair, String> {
    let expected = || {
        "the private key must be an RSA key of 2048 to 8192 bits in PEM (BEGIN RSA PRIVATE KEY or BEGIN PRIVATE KEY)"
            .to_owned()
    };
    let body = |label: &str| {
        let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let text: String = body.split_ascii_whitespace().collect();
        STANDARD.decode(text).ok()
    };
    let pkcs1 = body("RSA PRIVATE KEY").map(|der| KeyPair::from_der(&der));
    let read = pkcs1.or_else(|| body("PRIVATE KEY").map(|der| KeyPair::from_pkcs8(&der)));
    read.and_then(Result::ok).ok_or_else(expected)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("audience", &self.audience).finish_non_exhaustive()
    }
}
