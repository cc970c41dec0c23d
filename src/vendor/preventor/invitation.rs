//! Invitations: whether somebody can be invited, sending, and the log.

use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use crate::error::{Error, Kind, Result, Violation};
use crate::proto::{Activity, DeliveryMethod};
use crate::vendor::capability::Activities;
use crate::vendor::invitation::{Availability, Invitations, Question, Sent};
use crate::vendor::keepsake::About;
use crate::vendor::kit::deadline::Deadline;
use crate::vendor::kit::field_path::{Drift, Shown, lacks};
use crate::vendor::kit::http::Answer;
use crate::vendor::kit::printable;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::url::Segment;
use crate::vendor::preventor::api::CHECK;
use crate::vendor::preventor::config::SendBy;
use crate::vendor::preventor::fault::Refused;
use crate::vendor::preventor::identification::Wanted;
use crate::vendor::preventor::recipient::{Kept, method_word};
use crate::vendor::preventor::wire::CheckBody;
use crate::vendor::preventor::{INVITATION, Preventor, TICKET};

const SEND: &str = "preventor.send";
const ACTIVITIES: &str = "preventor.activities";
/// The process type of identifications.
const ID: &str = "ID";
/// An address that nobody has, for a question that needs one (RFC 2606).
const NOBODY: &str = "idv-gateway.nobody@example.com";

/// What the log of an invitation tells.
#[derive(Default)]
pub(super) struct History {
    /// The tickets it names, oldest first.
    pub(super) tickets: Vec<String>,
    /// The vendor's word for the invitation, where it is there.
    pub(super) state: String,
}

#[async_trait]
impl Invitations for Preventor {
    fn check_question(&self, question: &Question) -> Vec<Violation> {
        let mut violations = Vec::new();
        match question.delivery_method {
            DeliveryMethod::Email if question.email.is_empty() => {
                violations.push(Violation::new("email", "is required with this delivery_method"));
            }
            DeliveryMethod::Email | DeliveryMethod::Phone => {}
            _ => violations
                .push(Violation::new("delivery_method", "must be EMAIL or PHONE on this connection")),
        }
        if question.unique.is_empty() {
            violations.push(Violation::new("unique", "is required on this connection"));
        }
        violations
    }

    async fn is_available(&self, question: &Question) -> Result<Availability, Error> {
        let Some(delivery_method) = method_word(question.delivery_method) else {
            return Err(Error::invalid(CHECK, self.check_question(question)));
        };
        let process = if question.process.is_empty() { ID } else { &question.process };
        let (unique, email) = (&question.unique, &question.email);
        self.ask_availability(&CheckBody { unique, email, delivery_method, process }).await
    }

    async fn send(&self, about: About<'_>) -> Result<Sent, Error> {
        let path = &self.api.paths().send;
        let call = |name: &Segment| self.api.prepare(SEND, Method::POST, path, &[("id", name)]);
        let answer = match self.send_by {
            SendBy::Id => {
                let name = INVITATION.segment(&about.reference.id).map_err(|_none| {
                    let detail = "the vendor's id of the invitation is not known yet";
                    Error::new(Kind::StateNotAllowed, SEND, detail)
                })?;
                self.api.change(call(&name)?).await?
            }
            SendBy::Recipient => self.change_at(&Kept::needed(about, SEND)?, SEND, call).await?.1,
        };
        let (body, drift): (Value, _) = (answer.json().unwrap_or_default(), Drift::default());
        let vendor_state = Shown::new(&body, &drift).word("invitation.state", &self.invitation.state);
        Ok(Sent { vendor_state, expire_time: None })
    }
}

#[async_trait]
impl Activities for Preventor {
    async fn activities(&self, about: About<'_>) -> Result<Option<Vec<Activity>>, Error> {
        let Some((answer, body)) = self.log(&about.reference.id, None).await? else { return Ok(None) };
        let drift = Drift::default();
        let activity = |entry: &Shown<'_>| Activity {
            occur_time: entry.time("activity.time", &self.activity.time),
            source: "vendor".to_owned(),
            kind: entry.word("activity.action", &self.activity.action),
            vendor_json: entry.body().to_string(),
            ..Activity::default()
        };
        let entries = self.entries(&answer, &Shown::new(&body, &drift))?;
        let mut activities: Vec<_> = entries.iter().map(activity).collect();
        // In which order the vendor shows them is not published.
        if activities.iter().all(|activity| activity.occur_time.is_some()) {
            activities.sort_by_key(|activity| activity.occur_time.map(|time| (time.seconds, time.nanos)));
        }
        Ok(Some(activities))
    }
}

impl Preventor {
    /// Whether the unique value of a registration is free. Another address stands for the recipient's: somebody else's
    /// process of the same person must not be taken for this one. A vendor that refuses the question leaves it open.
    pub(super) async fn is_free(&self, wanted: &Wanted<'_>) -> Result<bool> {
        // There are no others in this question.
        let delivery_method = if wanted.method == "PHONE" { "PHONE" } else { "EMAIL" };
        let body = CheckBody { unique: &wanted.unique, email: NOBODY, delivery_method, process: ID };
        let said = self.ask_availability(&body).await.map_err(|error| match error.kind {
            Kind::VendorRejectedField
            | Kind::VendorRejectedRequest
            | Kind::VendorConflict
            | Kind::VendorFeatureNotEnabled
            | Kind::VendorCredentialsRejected => {
                let detail = "the vendor does not say whether it has the invitation";
                Error::new(Kind::VendorOutcomeUnknown, CHECK, detail).caused_by(error)
            }
            _ => error,
        });
        Ok(said?.available)
    }

    async fn ask_availability(&self, body: &CheckBody<'_>) -> Result<Availability> {
        let call = self.api.prepare(CHECK, Method::POST, &self.api.paths().check, &[])?;
        // A question changes nothing, however often it is asked.
        let answer = self.api.session.call(call.repeat(Repeat::Freely).json(body)?).await?;
        match Refused::read(&answer) {
            Some(refused) if refused.is_taken() => {
                let code = Some(refused.code()).filter(|code| printable(code)).unwrap_or_default();
                Ok(Availability { available: false, vendor_code: code.to_owned() })
            }
            Some(refused) => Err(refused.error(&answer)),
            None => {
                let body: Value = answer.json()?;
                let available = match self.invitation.available.find(&body) {
                    None => true,
                    Some(Value::Bool(said)) => *said,
                    Some(_odd) => return Err(lacks(&answer, "truth value", &self.invitation.available)),
                };
                Ok(Availability { available, vendor_code: String::new() })
            }
        }
    }

    /// What the log of an invitation tells; nothing where there is no log.
    pub(super) async fn history(&self, id: &str, deadline: Option<Deadline>) -> Result<History> {
        let Some((answer, body)) = self.log(id, deadline).await? else { return Ok(History::default()) };
        let drift = Drift::default();
        let shown = Shown::new(&body, &drift);
        let mut found: Vec<_> = self
            .entries(&answer, &shown)?
            .iter()
            .map(|entry| {
                let time = entry.time("activity.time", &self.activity.time);
                let ticket = entry.text("activity.ticket_id", &self.activity.ticket_id);
                (time.map(|time| (time.seconds, time.nanos)), ticket)
            })
            .filter(|(_, ticket)| TICKET.segment(ticket).is_ok())
            .collect();
        if found.iter().all(|(time, _)| time.is_some()) {
            found.sort_by_key(|(time, _)| *time);
        }
        let mut tickets: Vec<String> = Vec::new();
        for (_, ticket) in found {
            if !tickets.contains(&ticket) {
                tickets.push(ticket);
            }
        }
        Ok(History { tickets, state: shown.word("invitation.state", &self.invitation.state) })
    }

    /// The vendor's word for where the invitation `id` stands; empty where its log does not say. `None`: it has no log.
    pub(super) async fn state(&self, id: &str) -> Result<Option<String>> {
        let Some((_answer, body)) = self.log(id, None).await? else { return Ok(None) };
        let drift = Drift::default();
        Ok(Some(Shown::new(&body, &drift).word("invitation.state", &self.invitation.state)))
    }

    async fn log(&self, id: &str, deadline: Option<Deadline>) -> Result<Option<(Answer, Value)>> {
        let Ok(id) = INVITATION.segment(id) else { return Ok(None) };
        let path = &self.api.paths().activities;
        let call = self.api.prepare(ACTIVITIES, Method::GET, path, &[("id", &id)])?;
        let Some(answer) = self.api.find(call.due(deadline)).await? else { return Ok(None) };
        let body = answer.json()?;
        Ok(Some((answer, body)))
    }

    fn entries<'a>(&self, answer: &Answer, shown: &Shown<'a>) -> Result<Vec<Shown<'a>>> {
        match self.activity.entries.find(shown.body()) {
            Some(Value::Array(entries)) => Ok(entries.iter().map(|entry| shown.part(entry)).collect()),
            _ => Err(lacks(answer, "list of activities", &self.activity.entries)),
        }
    }
}
