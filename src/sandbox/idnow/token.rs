//! Login tokens: the shape and the life of the vendor's, known only to this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::clock::Clock;

/// Seconds a token lives. The vendor's idle limit is as long and therefore never ends one earlier.
const LIFETIME: i64 = 3600;
/// Seconds a token is valid into the past, for clocks that run behind.
const LEEWAY: i64 = 120;

/// The tokens that are alive.
pub(super) struct Tokens {
    clock: Clock,
    key: hmac::Key,
    live: Mutex<HashMap<String, Session>>,
}

struct Session {
    customer: String,
    expires: i64,
}

impl Tokens {
    /// None yet, signed with a key of this process.
    pub(super) fn new(clock: Clock) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &clock.random::<32>());
        Self { clock, key, live: Mutex::default() }
    }

    /// A new token for `customer`; earlier ones stay valid.
    pub(super) fn issue(&self, customer: &str) -> String {
        let now = self.now();
        let expires = now + LIFETIME;
        let claims = json!({
            "aud": "de.idnow.application",
            "exp": expires,
            "jti": self.clock.uuid().to_string(),
            "iat": now,
            "nbf": now - LEEWAY,
            "sub": customer,
        });
        let token = self.sign(&claims);
        let mut live = self.live();
        live.retain(|_token, session| now < session.expires);
        live.insert(token.clone(), Session { customer: customer.to_owned(), expires });
        token
    }

    /// Whether `token` is alive and `customer`'s.
    pub(super) fn accept(&self, customer: &str, token: &str) -> bool {
        let now = self.now();
        self.live().get(token).is_some_and(|session| session.customer == customer && now < session.expires)
    }

    /// Ends the tokens of `customer`, or everyone's, and tells how many.
    pub(super) fn revoke(&self, customer: Option<&str>) -> usize {
        let mut live = self.live();
        let before = live.len();
        live.retain(|_token, session| customer.is_some_and(|customer| customer != session.customer));
        before - live.len()
    }

    fn sign(&self, claims: &serde_json::Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn now(&self) -> i64 {
        self.clock.now_millis() / 1000
    }

    fn live(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
