//! The vendor's refusals in the gateway's words.
//!
//! It documents statuses, and of bodies nothing. The envelope is that of its other API, where there is one.

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::vendor::kit::envelope::Envelope;
use crate::vendor::kit::field_path::text;
use crate::vendor::kit::http::{Answer, read_json};
use crate::vendor::kit::refusal::by_status;

/// A refusal: what the vendor means by it, and what it said.
pub(super) struct Refused(Envelope);

impl Refused {
    /// The refusal in `answer`, if it is one.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let envelope = Envelope::read(answer);
        envelope.refuses().then_some(Self(envelope))
    }

    /// The vendor could not answer now, and may in a moment.
    pub(super) fn passing(answer: &Answer) -> Option<Error> {
        let refused = Self::read(answer)?;
        matches!(refused.0.status, 408 | 429 | 500..=599).then(|| refused.error(answer))
    }

    /// The token is not taken (any more).
    pub(super) fn wants_login(answer: &Answer) -> bool {
        Self::read(answer).is_some_and(|refused| refused.0.status == 401)
    }

    /// The vendor refuses the credentials that the call was made with.
    pub(super) fn is_unauthorised(&self) -> bool {
        self.0.status == 401
    }

    /// `Ok`: the vendor does not have what was asked for.
    pub(super) fn nothing_or_error(&self, answer: &Answer) -> Result<()> {
        match self.0.status {
            404 if self.is_vendors_own(answer) => Ok(()),
            _ => Err(self.error(answer)),
        }
    }

    /// The error for callers where the vendor may not have what the call is about.
    pub(super) fn missing_or_error(&self, answer: &Answer, missing: &str) -> Error {
        let none = || answer.error(Kind::ResourceNotFound, missing, &self.0.code, "");
        self.nothing_or_error(answer).map_or_else(|error| error, |()| none())
    }

    /// The error for callers where the vendor may have had it before.
    pub(super) fn exists_or_error(&self, answer: &Answer, exists: &str) -> Option<Error> {
        (self.0.status == 409).then(|| answer.error(Kind::ResourceExists, exists, &self.0.code, ""))
    }

    /// The error of a refusal that names fields which are `ours` under another name.
    pub(super) fn rejected_fields(
        &self,
        answer: &Answer,
        ours: impl Fn(&str) -> Option<String>,
    ) -> Option<Error> {
        self.0.rejected_fields(answer, ours)
    }

    /// The error for callers. Of what the vendor said only the code goes on.
    pub(super) fn error(&self, answer: &Answer) -> Error {
        match self.0.status {
            404 if !self.is_vendors_own(answer) => answer.invalid("is a 404 that is not the vendor's own"),
            403 => {
                let detail = "the vendor misses a permission of the account, or a header field: check tenant, env, banknu \
                              and client of the connection";
                answer.error(Kind::VendorFeatureNotEnabled, detail, &self.0.code, "")
            }
            status => by_status(answer, status, &self.0.code, ""),
        }
    }

    /// The error for callers when a login was refused, whatever the vendor calls it. `settings` says what to check.
    pub(super) fn login_error(&self, answer: &Answer, settings: &str) -> Error {
        if !matches!(self.0.status, 400 | 401 | 403 | 404) {
            return self.error(answer);
        }
        // OAuth has its codes in a member of their own.
        let body: Value = read_json(answer.body()).unwrap_or_default();
        let code = body.get("error").and_then(text).unwrap_or_else(|| self.0.code.clone());
        let detail = format!("the vendor refused the login: check {settings} of the connection");
        answer.error(Kind::VendorCredentialsRejected, detail, &code, "")
    }

    /// Not a page of something in between. A body need not be there.
    fn is_vendors_own(&self, answer: &Answer) -> bool {
        self.0.is_object || answer.body().is_empty()
    }
}
