//! Preventor's refusals in the gateway's words.
//!
//! They come in an envelope. A 200 may hold one too.

use http::StatusCode;

use crate::error::{Error, Kind, Result};
use crate::vendor::kit::envelope::Envelope;
use crate::vendor::kit::http::Answer;
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
pub(super) struct Refused(Envelope);

impl Refused {
    /// The refusal in `answer`, if it is one.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let mut envelope = Envelope::read(answer);
        if envelope.code == NO_TICKET {
            envelope.status = StatusCode::NOT_FOUND.as_u16();
        }
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

    /// The vendor's code, which may be empty.
    pub(super) fn code(&self) -> &str {
        &self.0.code
    }

    /// The vendor says that what was asked about is taken.
    pub(super) fn is_taken(&self) -> bool {
        self.0.is_object && self.0.status == 409
    }

    /// `Ok`: the vendor does not know what was asked for. A 404 that is not the vendor's own says nothing.
    pub(super) fn nothing_or_error(&self, answer: &Answer) -> Result<()> {
        if self.0.is_object && self.0.status == 404 { Ok(()) } else { Err(self.error(answer)) }
    }

    /// The error for callers where what was asked about has been there.
    pub(super) fn gone_or_error(&self, answer: &Answer) -> Error {
        let gone = || {
            let detail = "the vendor no longer has the invitation";
            answer.error(Kind::IdentificationGone, detail, &self.0.code, "")
        };
        self.nothing_or_error(answer).map_or_else(|error| error, |()| gone())
    }

    /// The error for callers. Of what the vendor said only the code goes on.
    pub(super) fn error(&self, answer: &Answer) -> Error {
        let ours = |name: &str| {
            FIELDS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| (*ours).to_owned())
        };
        if let Some(rejected) = self.0.rejected_fields(answer, ours) {
            return rejected;
        }
        match self.0.status {
            404 if !self.0.is_object => answer.invalid("is a 404 that is not the vendor's own"),
            409 if answer.operation() == REGISTER => {
                let detail = "the vendor has an invitation of this recipient or unique value";
                answer.error(Kind::ResourceExists, detail, &self.0.code, "")
            }
            status => by_status(answer, status, &self.0.code, ""),
        }
    }

    /// The error for callers when a login was refused, whatever the vendor calls it.
    pub(super) fn login_error(&self, answer: &Answer) -> Error {
        match self.0.status {
            400 | 401 | 403 | 404 => {
                let detail = "the vendor refused the login: check api_key, secret, tenant, env and banknu of the \
                              connection";
                answer.error(Kind::VendorCredentialsRejected, detail, &self.0.code, "")
            }
            _ => self.error(answer),
        }
    }
}
