//! Where webhooks go, what they carry, and how they are encrypted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};

use super::cipher;
use super::invitation::{Invitation, millis};
use super::profile::{Generation, Profile};
use super::settings::{Kind, Settings};
use super::ticket::{Disposition, FlowStatus, Ticket};
use crate::clock::Clock;
use crate::sandbox::webhook::{Carrier, Letter, Retry};

const IN_PROGRESS: &str = "ticket.verification.in_progress";
const COMPLETED: &str = "ticket.verification.completed";
const IV: HeaderName = HeaderName::from_static("x-pvt-cipher-iv");

/// Carries webhooks to whoever is registered when they go out.
pub(super) struct Post {
    pub(super) clock: Clock,
    pub(super) profile: Arc<Mutex<Profile>>,
    pub(super) settings: Mutex<Settings>,
}

/// What the log tells about a webhook.
#[derive(Clone, Serialize)]
pub(super) struct Label {
    /// Whose registration it goes to.
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// The name that registrations choose by; those of invitations have none.
    pub(super) event: Option<&'static str>,
    /// The invitation's id.
    pub(super) invitation: String,
    /// The ticket's.
    pub(super) ticket: String,
}

impl Post {
    /// What is registered.
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for Post {
    type Label = Label;

    fn letter(&self, label: &Label, body: &Bytes) -> Option<Letter> {
        let settings = self.settings();
        let registration = settings.of(label.kind).filter(|known| known.wants(label.event))?;
        let mut headers =
            HeaderMap::from_iter(registration.authorization.as_ref().and_then(|it| it.header()));
        let body = match &registration.secret {
            None => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                body.clone()
            }
            Some(secret) => {
                let iv = self.clock.random();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                headers.insert(IV, HeaderValue::try_from(STANDARD.encode(iv)).ok()?);
                let bytes = cipher::encrypt(secret.expose_secret().as_bytes(), iv, body).ok()?;
                STANDARD.encode(bytes).into()
            }
        };
        Some(Letter { url: registration.url.clone(), headers, body })
    }

    fn retry(&self) -> Retry {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner).retry()
    }
}

/// What tells that `ticket` came further; the webhooks of 2022 tell that of a review alone.
pub(super) fn progress(
    generation: Generation,
    invitation: &Invitation,
    ticket: &Ticket,
) -> Option<(Label, Bytes)> {
    match generation {
        Generation::Current => {
            let data = match &ticket.reason {
                None => json!({}),
                Some(reason) => json!({ "reason": reason }),
            };
            let body = json!({
                "ticket": ticket.id,
                "event": IN_PROGRESS,
                "sub_event": ticket.step,
                "flow_status": ticket.flow_status,
                "disposition": ticket.disposition,
                "remaining_attempts": ticket.remaining_attempts,
                "data": data,
            });
            Some(written(Kind::Tickets, Some(IN_PROGRESS), invitation, ticket, &body))
        }
        Generation::Legacy if ticket.disposition == Disposition::NeedsReview => {
            let body = legacy(ticket, "onboarding.completed", "AWAITING");
            Some(written(Kind::Invitations, None, invitation, ticket, &body))
        }
        Generation::Legacy => None,
    }
}

/// What tells that `ticket` is decided, and what tells it of its invitation.
pub(super) fn decided(
    generation: Generation,
    invitation: &Invitation,
    ticket: &Ticket,
) -> Vec<(Label, Bytes)> {
    let accepted = ticket.flow_status == FlowStatus::Accepted;
    let of_ticket = |body| written(Kind::Tickets, Some(COMPLETED), invitation, ticket, &body);
    let of_invitation = |body| written(Kind::Invitations, None, invitation, ticket, &body);
    match generation {
        Generation::Current => vec![
            of_ticket(json!({
                "ticket": ticket.id,
                "event": COMPLETED,
                "flow_status": ticket.flow_status,
                "disposition": ticket.disposition,
                "risk_code": ticket.risk_code,
                "confidence_score": ticket.confidence_score,
                "full_name": ticket.person.full_name(),
            })),
            of_invitation(json!({
                "id": invitation.id,
                "invitation_state": invitation.state,
                "cifcod": invitation.cifcod,
                "full_name": ticket.person.full_name(),
                "ticket": ticket.id,
                "transaction_status": ticket.flow_status,
                "attempts": invitation.tickets.len(),
            })),
        ],
        Generation::Legacy if accepted => vec![
            of_ticket(legacy(ticket, "verification.completed", "VERIFIED")),
            of_invitation(legacy(ticket, "onboarding.completed", "SUCCESSFUL")),
        ],
        Generation::Legacy => vec![of_ticket(legacy(ticket, "verification.completed", "FAILED"))],
    }
}

fn legacy(ticket: &Ticket, event: &str, status: &str) -> Value {
    json!({
        "ticket": ticket.id,
        "created": millis(ticket.created),
        "processed": millis(ticket.processed.unwrap_or(ticket.created)),
        "event": event,
        "status": status,
    })
}

fn written(
    kind: Kind,
    event: Option<&'static str>,
    invitation: &Invitation,
    ticket: &Ticket,
    body: &Value,
) -> (Label, Bytes) {
    let label = Label { kind, event, invitation: invitation.id.clone(), ticket: ticket.id.clone() };
    (label, body.to_string().into())
}
