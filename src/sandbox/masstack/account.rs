//! The service account: its key, and the assertions that it signs.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::Clock;

/// How far ahead an assertion may end. The vendor does not say.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// What stands before the key of 2048 bits in PKCS#8: the version, the algorithm, and the length.
const WRAPPING: usize = 26;
const LINE: usize = 64;

/// A made-up service account, as the vendor hands them out.
#[derive(Clone)]
pub struct ServiceAccount(Arc<Inner>);

struct Inner {
    key_id: String,
    email: String,
    public_key: Vec<u8>,
    json: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
}

impl ServiceAccount {
    /// A new account with a new RSA key of 2048 bits.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn generate(clock: &Clock) -> io::Result<Self> {
        let failed = |_unspecified| io::Error::other("no RSA key could be made");
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let wrapped = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(failed)?;
        let bare = wrapped.as_ref().get(WRAPPING..).unwrap_or_default();
        let key_id = clock.uuid().simple().to_string();
        let email = "idv-gateway@sandbox.serviceaccount.example".to_owned();
        let json = json!({
            "type": "service_account",
            "private_key_id": key_id,
            "private_key": pem("RSA PRIVATE KEY", bare),
            "client_email": email,
        });
        let public_key = key.public_key().as_ref().to_vec();
        Ok(Self(Arc::new(Inner { key_id, email, public_key, json: json.to_string() })))
    }

    /// The JSON that the vendor would hand out, its private key included.
    pub fn json(&self) -> &str {
        &self.0.json
    }

    /// Says what is wrong with `assertion`, which is meant for `audience`.
    pub(super) fn check(&self, assertion: &str, audience: &str, now: SystemTime) -> Result<(), &'static str> {
        let (signed, signature) = assertion.rsplit_once('.').ok_or("the assertion is no JWT")?;
        let (header, claims) = signed.split_once('.').ok_or("the assertion is no JWT")?;
        let header: Header = part(header).ok_or("the header of the assertion cannot be read")?;
        let claims: Claims = part(claims).ok_or("the claims of the assertion cannot be read")?;
        if header.alg != "RS256" || header.typ != "JWT" {
            return Err("alg is not RS256, or typ is not JWT");
        }
        if header.kid != self.0.key_id {
            return Err("kid is not the private_key_id of the account");
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_odd| "the signature cannot be read")?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0.public_key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_unspecified| "the signature is not the account's")?;
        if claims.iss != self.0.email || claims.sub != self.0.email {
            return Err("iss and sub are not the client_email of the account");
        }
        if claims.aud != audience {
            return Err("aud is not the token URL");
        }
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp));
        match end {
            Some(end) if now < end && end <= now + LONGEST => Ok(()),
            _ => Err("exp is over, or more than an hour ahead"),
        }
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("key_id", &self.0.key_id).finish_non_exhaustive()
    }
}

/// A token of `claims` that looks like the vendor's. Nobody can check its signature: there is none.
pub(super) fn unsigned(clock: &Clock, claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let random: [u8; 32] = clock.random();
    format!(
        "{}.{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes()),
        encode(&random)
    )
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(LINE).map(String::from_utf8_lossy).collect::<Vec<_>>();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
