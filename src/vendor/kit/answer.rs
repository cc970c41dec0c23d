//! A vendor's answer, and what it means before the vendor's own error codes are looked at.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result, Unread, VendorFault};
use crate::vendor::kit::http::{DEFAULT_DELAY, Failed, Response};
use crate::vendor::kit::json::{outline, read_json};
use crate::vendor::kit::retry::asked_delay;
use crate::vendor::kit::{UNPRINTABLE, printable};

/// A vendor's answer that is no redirect.
pub struct Answer {
    operation: &'static str,
    status: StatusCode,
    body: Bytes,
    retry_after: Option<Duration>,
    /// It holds a secret.
    secret: bool,
}

impl Answer {
    /// The answer to `operation`, come at `now`; with a `secret` in it or not.
    pub(super) fn new(
        operation: &'static str,
        answer: Response,
        now: SystemTime,
        secret: bool,
    ) -> Result<Self, Failed> {
        let Response { status, headers, body } = answer;
        tracing::Span::current().record("status", status.as_u16());
        let answer = Self { operation, status, body, retry_after: asked_delay(&headers, now), secret };
        if status.is_redirection() || status.is_informational() {
            let error = answer.invalid("is a redirect, which is never followed");
            return Err(Failed { error: Box::new(error), acted: true, asked: None });
        }
        Ok(answer)
    }

    /// What was asked.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// How long the vendor asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// A success without anything to read. A page of something in between is none.
    pub fn done(&self) -> Result<()> {
        let said = self.body.trim_ascii();
        if self.status.is_success() && (said.is_empty() || said.starts_with(b"{")) {
            return Ok(());
        }
        Err(self.invalid("is not the success that the vendor documents"))
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        read_json(&self.body)
            .map_err(|misfit| self.invalid(&format!("is not the JSON that was expected: {misfit}")))
    }

    /// An error of `kind` with the vendor's own `code` and error `id`, which are replaced when they could hold
    /// more than a code. A vendor's message has no way in. The error of an answer that cannot be decoded takes the answer
    /// along, for the hub to seal.
    pub fn error(&self, kind: Kind, detail: impl Into<String>, code: &str, id: &str) -> Error {
        let word = |text: &str| match text {
            "" => String::new(),
            text if printable(text) => text.to_owned(),
            _ => UNPRINTABLE.to_owned(),
        };
        let answer = (kind == Kind::VendorResponseInvalid).then(|| self.unread());
        let status = self.status.as_u16();
        let fault = VendorFault { code: word(code), id: word(id), status, rule: "", answer };
        Error::new(kind, self.operation, detail).from_vendor(fault)
    }

    fn unread(&self) -> Unread {
        if self.secret {
            let outline = outline(&self.body).unwrap_or_default();
            return Unread { size: self.body.len(), ..Unread::of(&outline.into()) };
        }
        Unread::of(&self.body)
    }

    /// The answer cannot be what the vendor documents; `fault` goes on after "the vendor's answer".
    pub fn invalid(&self, fault: &str) -> Error {
        self.error(Kind::VendorResponseInvalid, format!("the vendor's answer {fault}"), "", "")
    }

    /// The vendor asks for patience.
    pub fn rate_limited(&self, code: &str, id: &str) -> Error {
        let detail = "the vendor's rate limit is reached";
        self.error(Kind::VendorRateLimited, detail, code, id).retry_after(self.delay())
    }

    /// The vendor has a fault of its own.
    pub fn unavailable(&self, code: &str, id: &str) -> Error {
        let detail = format!("the vendor answered {}", self.status.as_u16());
        self.error(Kind::VendorUnavailable, detail, code, id).retry_after(self.delay())
    }

    fn delay(&self) -> Duration {
        self.retry_after.unwrap_or(DEFAULT_DELAY)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("body_bytes", &self.body.len()).finish()
    }
}
