//! Whom an invitation goes to. The vendor's URLs name invitations by it, so that it is kept.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result, Violation};
use crate::proto::{DeliveryMethod, Subject};
use crate::vendor::keepsake::{About, Keepsake};
use crate::vendor::kit::http::{Answer, Call};
use crate::vendor::kit::phone;
use crate::vendor::kit::url::{Alphabet, Segment};
use crate::vendor::preventor::Preventor;

/// A mail address or a phone number, where it becomes part of a URL. Rarer characters of mail addresses mean something
/// there.
const RECIPIENT: Alphabet = Alphabet::letters_digits_and("-._~@+", 254);

/// Moves that may not have taken effect, one after the other, before the first of them is forgotten.
const MAX_UNCONFIRMED: usize = 4;

/// What is kept of an invitation.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// As the vendor's URLs name the invitation.
    pub(super) recipient: String,
    /// As they may name it since updates whose outcome nobody recorded, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unconfirmed: Vec<String>,
    /// Where the person starts, where the vendor said so.
    pub(super) link: Option<String>,
    /// As the vendor calls it.
    pub(super) delivery_method: String,
}

impl Kept {
    /// For the hub to keep.
    pub(super) fn seal(&self, operation: &'static str) -> Result<Keepsake> {
        let bytes = serde_json::to_vec(self).map_err(|_names_a_value| {
            Error::new(Kind::GatewayFault, operation, "what is kept of an invitation cannot be written")
        })?;
        Ok(Keepsake::new(bytes))
    }

    /// What was kept; `None` for what was made without the gateway.
    pub(super) fn of(about: About<'_>) -> Option<Self> {
        serde_json::from_slice(about.keepsake?.bytes()).ok()
    }

    /// What is kept of an invitation that is changed or withdrawn.
    pub(super) fn needed(about: About<'_>, operation: &'static str) -> Result<Self> {
        Self::of(about).ok_or_else(|| unknown_recipient(operation))
    }

    /// Whom it may go to, the likeliest first.
    pub(super) fn recipients(&self) -> impl Iterator<Item = &str> {
        [&self.recipient].into_iter().chain(&self.unconfirmed).map(String::as_str)
    }

    /// Notes that it may go to `recipient` soon.
    pub(super) fn expect(&mut self, recipient: String) {
        self.unconfirmed.insert(0, recipient);
        self.unconfirmed.truncate(MAX_UNCONFIRMED);
    }
}

impl Preventor {
    /// Makes the call that `prepare` makes of the invitation's place in a URL. Where the vendor has none there, it is made
    /// for those the invitation may have moved to. With the recipient that the vendor knew.
    pub(super) async fn change_at<'k>(
        &self,
        kept: &'k Kept,
        operation: &'static str,
        prepare: impl Fn(&Segment) -> Result<Call> + Send + Sync,
    ) -> Result<(&'k str, Answer)> {
        let mut gone = unknown_recipient(operation);
        for recipient in kept.recipients() {
            let place = segment(recipient).map_err(|_odd| unknown_recipient(operation))?;
            match self.api.change(prepare(&place)?).await {
                Err(error) if error.kind == Kind::IdentificationGone => gone = error,
                changed => return changed.map(|answer| (recipient, answer)),
            }
        }
        Err(gone)
    }
}

fn unknown_recipient(operation: &'static str) -> Error {
    let detail = "the vendor finds an invitation for this by its recipient only, which is not known here: it was \
                  not made by this gateway";
    Error::new(Kind::StateNotAllowed, operation, detail)
}

/// The vendor's word for a delivery method, where it has one.
pub(super) fn method_word(method: DeliveryMethod) -> Option<&'static str> {
    match method {
        DeliveryMethod::Email => Some("EMAIL"),
        DeliveryMethod::Phone => Some("PHONE"),
        DeliveryMethod::Assistant => Some("ASSISTANT"),
        _ => None,
    }
}

/// `text` as part of a URL.
pub(super) fn segment(text: &str) -> Result<Segment, &'static str> {
    let expected =
        "must be of A-Z, a-z, 0-9 and -._~@+ on this connection: the vendor's URLs name people by it";
    RECIPIENT.segment(text).map_err(|_odd| expected)
}

/// Whom an invitation that is delivered so goes to, or which fields of the subject stand against it.
pub(super) fn recipient(method: DeliveryMethod, subject: &Subject) -> Result<String, Vec<Violation>> {
    let refused = |field: &str, expected: &str| vec![Violation::new(field, expected)];
    if method == DeliveryMethod::Phone {
        let Some(number) = &subject.phone else {
            return Err(refused("subject.phone", "is required with this delivery_method"));
        };
        phone::split(number)
            .map_err(|(field, expected)| refused(&format!("subject.phone.{field}"), expected))?;
        return Ok(number.e164.clone());
    }
    if subject.email.is_empty() {
        return Err(refused("subject.email", "is required with this delivery_method"));
    }
    segment(&subject.email).map_err(|expected| refused("subject.email", expected))?;
    Ok(subject.email.clone())
}
