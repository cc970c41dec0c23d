//! MasStack's refusals in the gateway's words.
//!
//! Its `ErrorsResponse` is `{errors: [{code, title, ref, details}]}`. A 4xx may have no body at all. Of an error only the
//! code is read: its details are for people, and may speak of one.

use http::StatusCode;
use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::vendor::kit::field_path::text;
use crate::vendor::kit::http::{Answer, read_json};
use crate::vendor::kit::refusal::by_status;

/// A refusal: what the vendor means by it, and what it said.
pub(super) struct Refused {
    status: StatusCode,
    code: String,
    /// The answer is the vendor's own, not a page of something in between.
    own: bool,
}

impl Refused {
    /// The refusal in `answer`, if it is one.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        if answer.status().is_success() {
            return None;
        }
        let body: Value = read_json(answer.body()).unwrap_or_default();
        let first = body.get("errors").and_then(|errors| errors.get(0));
        let code = first.and_then(|error| error.get("code")).and_then(text).unwrap_or_default();
        let own = first.is_some() || answer.body().is_empty();
        Some(Self { status: answer.status(), code, own })
    }

    /// The vendor could not answer now, and may in a moment.
    pub(super) fn passing(answer: &Answer) -> Option<Error> {
        let refused = Self::read(answer)?;
        matches!(refused.status.as_u16(), 408 | 429 | 500..=599).then(|| refused.error(answer))
    }

    /// The token is not taken (any more).
    pub(super) fn wants_login(answer: &Answer) -> bool {
        answer.status() == StatusCode::UNAUTHORIZED
    }

    /// `Ok`: the vendor does not know what was asked for. A 404 that is not the vendor's own says nothing.
    pub(super) fn nothing_or_error(&self, answer: &Answer) -> Result<()> {
        match (self.status, self.own) {
            (StatusCode::NOT_FOUND, true) => Ok(()),
            (StatusCode::NOT_FOUND, false) => Err(answer.invalid("is a 404 that is not the vendor's own")),
            _ => Err(self.error(answer)),
        }
    }

    /// The error for callers. Of what the vendor said only the code goes on.
    pub(super) fn error(&self, answer: &Answer) -> Error {
        by_status(answer, self.status.as_u16(), &self.code, "")
    }

    /// The error for callers when a login was refused, whatever the vendor calls it.
    pub(super) fn login_error(&self, answer: &Answer) -> Error {
        match self.status.as_u16() {
            400 | 401 | 403 | 404 => {
                let detail = "the vendor refused the assertion: check service_account, token_url, audience and scope \
                              of the connection";
                answer.error(Kind::VendorCredentialsRejected, detail, &self.code, "")
            }
            _ => self.error(answer),
        }
    }
}
