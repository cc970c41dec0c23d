//! Preventor's refusals in the gateway's words.
//!
//! Its envelope is `{status, code, message}`: `status` a number or text, `message` text, a list of texts or an object
//! with `fields`. Of the message nothing is read but the names of those fields.

use http::StatusCode;
use serde_json::Value;

use crate::error::{Error, Kind, Result, Violation};
use crate::vendor::kit::field_path::{text, whole};
use crate::vendor::kit::http::{Answer, read_json};
use crate::vendor::kit::refusal::by_status;
use crate::vendor::preventor::api::REGISTER;

/// The vendor's fields and where they come from in a request.
pub(super) const FIELDS: [(&str, &str); 9] = [
    ("email", "subject.email"),
    ("phone", "subject.phone.e164"),
    ("phone_number", "subject.phone.e164"),
    ("phone_number_prefix", "subject.phone.e164"),
    ("phone_country_code", "subject.phone.region_code"),
    ("unique", "spec.invitation.unique"),
    ("broker", "spec.invitation.broker"),
    ("flow", "spec.invitation.flow"),
    ("delivery_method", "spec.invitation.delivery_method"),
];
/// The vendor's code for a ticket that it does not have.
const NO_TICKET: &str = "TCKTNTFND";

/// A refusal: what the vendor means by it, and what it said.
pub(super) struct Refused {
    status: u16,
    code: String,
    fields: Vec<&'static str>,
    /// The answer is the vendor's own, not a page of something in between.
    own: bool,
}

impl Refused {
    /// The refusal in `answer`, if it is one. A 200 may hold one too: then the envelope says which status it means.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let body: Value = read_json(answer.body()).unwrap_or_default();
        let code = body.get("code").and_then(text).unwrap_or_default();
        let meant = body.get("status").and_then(whole).and_then(|status| u16::try_from(status).ok());
        let meant = meant.filter(|status| (400..=599).contains(status));
        let status = match (answer.status(), meant) {
            _ if code == NO_TICKET => StatusCode::NOT_FOUND.as_u16(),
            (status, Some(meant)) if status.is_success() => meant,
            (status, None) if status.is_success() => return None,
            (status, _) => status.as_u16(),
        };
        let fields = named_fields(&body).map(fields).unwrap_or_default();
        Some(Self { status, code, fields, own: body.is_object() })
    }

    /// The vendor could not answer now, and may in a moment.
    pub(super) fn passing(answer: &Answer) -> Option<Error> {
        let refused = Self::read(answer)?;
        matches!(refused.status, 408 | 429 | 500..=599).then(|| refused.error(answer))
    }

    /// The token is not taken (any more).
    pub(super) fn wants_login(answer: &Answer) -> bool {
        Self::read(answer).is_some_and(|refused| refused.status == 401)
    }

    /// The vendor's code, which may be empty.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The vendor says that what was asked about is taken.
    pub(super) fn is_taken(&self) -> bool {
        self.own && self.status == 409
    }

    /// `Ok`: the vendor does not know what was asked for. A 404 that is not the vendor's own says nothing.
    pub(super) fn nothing_or_error(&self, answer: &Answer) -> Result<()> {
        if self.own && self.status == 404 { Ok(()) } else { Err(self.error(answer)) }
    }

    /// The error for callers where what was asked about has been there.
    pub(super) fn gone_or_error(&self, answer: &Answer) -> Error {
        let gone = || {
            let detail = "the vendor no longer has the invitation";
            answer.error(Kind::IdentificationGone, detail, &self.code, "")
        };
        self.nothing_or_error(answer).map_or_else(|error| error, |()| gone())
    }

    /// The error for callers. Of what the vendor said only the code goes on.
    pub(super) fn error(&self, answer: &Answer) -> Error {
        let error = |kind, detail: &str| answer.error(kind, detail, &self.code, "");
        match self.status {
            400 | 406 | 422 if !self.fields.is_empty() => {
                let violations: Vec<_> = self
                    .fields
                    .iter()
                    .map(|field| Violation::new(*field, "was refused by the vendor"))
                    .collect();
                let detail = format!("the vendor refused {}", self.fields.join(", "));
                Error { violations, ..error(Kind::VendorRejectedField, &detail) }
            }
            404 if !self.own => answer.invalid("is a 404 that is not the vendor's own"),
            409 if answer.operation() == REGISTER => {
                error(Kind::ResourceExists, "the vendor has an invitation of this recipient or unique value")
            }
            status => by_status(answer, status, &self.code, ""),
        }
    }

    /// The error for callers when a login was refused, whatever the vendor calls it.
    pub(super) fn login_error(&self, answer: &Answer) -> Error {
        match self.status {
            400 | 401 | 403 | 404 => {
                let detail = "the vendor refused the login: check api_key, secret, tenant, env and banknu of the \
                              connection";
                answer.error(Kind::VendorCredentialsRejected, detail, &self.code, "")
            }
            _ => self.error(answer),
        }
    }
}

/// What `message.fields` names.
fn named_fields(body: &Value) -> Option<&[Value]> {
    body.get("message")?.get("fields")?.as_array().map(Vec::as_slice)
}

/// Our paths of the fields that are `named`, as texts or as objects with a name.
fn fields(named: &[Value]) -> Vec<&'static str> {
    let known = |entry: &Value| {
        let name =
            entry.as_str().or_else(|| ["field", "name"].iter().find_map(|key| entry.get(key)?.as_str()))?;
        let last = name.rsplit('.').next()?;
        FIELDS.iter().find(|(theirs, _)| *theirs == last).map(|(_, ours)| *ours)
    };
    let mut fields: Vec<_> = named.iter().filter_map(known).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}
