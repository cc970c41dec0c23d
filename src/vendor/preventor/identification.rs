//! Identifications at Preventor: an invitation, and the tickets of the person who follows it.

use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::error::{Error, Kind, Result, Violation};
use crate::model::command::CreateIdentification;
use crate::model::observation::{Observation, Word};
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{Evidence, InvitationSpec, StartLink, StartLinkKind, Subject, VendorReference};
use crate::vendor::keepsake::About;
use crate::vendor::kit::field_path::{Drift, Shown, lacks};
use crate::vendor::kit::http::Answer as HttpAnswer;
use crate::vendor::kit::phone;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::url;
use crate::vendor::preventor::api::REGISTER;
use crate::vendor::preventor::invitation::History;
use crate::vendor::preventor::recipient::{Kept, method_word, recipient};
use crate::vendor::preventor::wire::{RegisterBody, RegisterPhone};
use crate::vendor::preventor::word::invitation_word;
use crate::vendor::preventor::{INVITATION, Preventor, TICKET, UNIQUE};
use crate::vendor::{Answer, Create, Created, Get, Idempotency, Identifications};

#[async_trait]
impl Identifications for Preventor {
    fn idempotency(&self) -> Idempotency {
        Idempotency::CheckFirst
    }

    fn lifetime(&self) -> Duration {
        self.lifetime
    }

    fn polling(&self) -> &PollingSettings {
        &self.polling
    }

    fn check(&self, command: &CreateIdentification) -> Vec<Violation> {
        let Spec::Invitation(spec) = &command.spec else {
            return vec![Violation::new("spec", "must be invitation on this connection")];
        };
        let mut violations = check_spec(spec);
        match method_word(spec.delivery_method()) {
            None => violations.push(Violation::new(
                "spec.invitation.delivery_method",
                "must be EMAIL, PHONE or ASSISTANT on this connection; whether it is sent says deliver",
            )),
            Some(_word) => {
                violations
                    .extend(recipient(spec.delivery_method(), &command.subject).err().unwrap_or_default());
            }
        }
        violations
    }

    fn read_reference(&self, said: &VendorReference) -> Result<VendorReference, Vec<Violation>> {
        let mut violations = Vec::new();
        for (part, text, alphabet) in [("id", &said.id, INVITATION), ("reference", &said.reference, UNIQUE)] {
            if text.is_empty() && part == "id" {
                let expected =
                    "is required on this connection: the vendor shows an invitation by its id only";
                violations.push(Violation::new("vendor_reference.id", expected));
            } else if !text.is_empty()
                && let Err(error) = alphabet.segment(text)
            {
                violations.push(Violation::new(format!("vendor_reference.{part}"), error.to_string()));
            }
        }
        for (index, ticket) in said.ticket_ids.iter().enumerate() {
            if let Err(error) = TICKET.segment(ticket) {
                violations
                    .push(Violation::new(format!("vendor_reference.ticket_ids[{index}]"), error.to_string()));
            }
        }
        if !said.customer_id.is_empty() {
            violations
                .push(Violation::new("vendor_reference.customer_id", "must be empty: the vendor tells it"));
        }
        if violations.is_empty() { Ok(said.clone()) } else { Err(violations) }
    }

    fn asked_by(&self, said: VendorReference) -> VendorReference {
        VendorReference { reference: String::new(), ..said }
    }

    async fn create(&self, create: Create<'_>) -> Result<Created, Error> {
        let wanted = Wanted::of(create.command)?;
        let path = &self.api.paths().register;
        let call = self.api.prepare(REGISTER, Method::POST, path, &[])?.json(&wanted.body()?)?;
        let answer = self.api.done(call).await?;
        self.registered(&wanted, &answer)
    }

    async fn create_again(&self, create: Create<'_>) -> Result<Created, Error> {
        let wanted = Wanted::of(create.command)?;
        if self.is_free(&wanted).await? {
            return self.create(create).await;
        }
        // Who has just sent this unique value has taken it: a UUID surely, a caller's own value unless somebody else had
        // it before. The vendor shows an invitation by its id only, which the answer that was lost would have told:
        // webhooks and tickets tell it later.
        wanted.created(VendorReference::default(), None)
    }

    async fn get(&self, get: Get<'_>) -> Result<Answer, Error> {
        let (observation, seen) = self.look_up(&get).await?;
        Ok(Answer { observation, drift: seen.map(|seen| seen.drift).unwrap_or_default() })
    }

    fn start_links(&self, about: About<'_>) -> Vec<StartLink> {
        let link = Kept::of(about).and_then(|kept| kept.link);
        let shown = |uri| StartLink { kind: StartLinkKind::Web.into(), uri };
        link.map(shown).into_iter().collect()
    }
}

/// A body that shows a ticket.
pub(super) struct SeenTicket {
    pub(super) answer: HttpAnswer,
    pub(super) body: Value,
    pub(super) drift: Vec<&'static str>,
}

/// An invitation as a caller wants it.
pub(super) struct Wanted<'a> {
    subject: &'a Subject,
    spec: &'a InvitationSpec,
    pub(super) method: &'static str,
    recipient: String,
    pub(super) unique: String,
}

impl<'a> Wanted<'a> {
    fn of(command: &'a CreateIdentification) -> Result<Self> {
        let refused = |violations| Error::invalid(REGISTER, violations);
        let Spec::Invitation(spec) = &command.spec else {
            return Err(refused(vec![Violation::new("spec", "must be invitation on this connection")]));
        };
        let method = method_word(spec.delivery_method()).ok_or_else(|| {
            refused(vec![Violation::new(
                "spec.invitation.delivery_method",
                "must be EMAIL, PHONE or ASSISTANT",
            )])
        })?;
        let recipient = recipient(spec.delivery_method(), &command.subject).map_err(refused)?;
        Ok(Self { subject: &command.subject, spec, method, recipient, unique: command.reference() })
    }

    fn body(&self) -> Result<RegisterBody<'_>> {
        let by_phone = self.method == "PHONE";
        let number = self.subject.phone.as_ref().filter(|_number| by_phone);
        let split = number.map(phone::split).transpose();
        let split = split.map_err(|(field, expected)| {
            Error::invalid(REGISTER, vec![Violation::new(format!("subject.phone.{field}"), expected)])
        })?;
        Ok(RegisterBody {
            delivery_method: self.method,
            phone: split.map(|parts| RegisterPhone {
                phone_number_prefix: format!("+{}", parts.calling_code),
                phone_number: parts.national,
            }),
            email: (!by_phone).then_some(self.subject.email.as_str()),
            deliver_invitation: self.spec.deliver,
            broker: &self.spec.broker,
            unique: &self.unique,
            flow: &self.spec.flow,
        })
    }

    /// It is there, and the vendor calls it `reference`.
    fn created(&self, reference: VendorReference, link: Option<String>) -> Result<Created> {
        let reference = VendorReference { reference: self.unique.clone(), ..reference };
        let observation = Observation { reference, ..Observation::new(Word::Accepted, Evidence::Gateway) };
        let kept = Kept {
            recipient: self.recipient.clone(),
            unconfirmed: Vec::new(),
            link,
            delivery_method: self.method.to_owned(),
        };
        Ok(Created { observation, keepsake: Some(kept.seal(REGISTER)?) })
    }
}

impl Preventor {
    fn registered(&self, wanted: &Wanted<'_>, answer: &HttpAnswer) -> Result<Created> {
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(answer.invalid("has a status that the vendor does not document"));
        }
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        let shown = Shown::new(&body, &drift);
        let id = INVITATION.segment(&shown.text("invitation.id", &self.invitation.id));
        let id = id.map_err(|_odd| lacks(answer, "invitation id", &self.invitation.id))?;
        let link = url::link(&shown.text("invitation.link", &self.invitation.link), self.plain);
        if link.is_none() && !wanted.spec.deliver {
            // Nobody else has it: the person could never start.
            return Err(lacks(answer, "link", &self.invitation.link));
        }
        let reference = VendorReference { id: id.as_str().to_owned(), ..VendorReference::default() };
        wanted.created(reference, link)
    }

    /// Asks for the invitation's newest ticket: its present state and, unless the vendor has none, what it shows.
    pub(super) async fn look_up(
        &self,
        &Get { reference, deadline }: &Get<'_>,
    ) -> Result<(Observation, Option<SeenTicket>)> {
        let mut known = reference.clone();
        let (mut drift, mut state) = (Vec::new(), String::new());
        if !known.id.is_empty() {
            match self.history(&known.id, deadline).await {
                Ok(History { tickets, state: said }) => {
                    known.ticket_ids = attempts(&known.ticket_ids, tickets);
                    state = said;
                }
                // A log in another shape does not keep the gateway from a ticket that it knows.
                Err(error) if error.kind == Kind::VendorResponseInvalid && !known.ticket_ids.is_empty() => {
                    drift.push("activity.entries");
                }
                Err(error) => return Err(error),
            }
        }
        let answer = match known.ticket_ids.last() {
            Some(ticket) => self.ticket_answer(ticket, deadline).await?,
            None => None,
        };
        let Some(answer) = answer else {
            let nothing = Observation::new(Word::NotStarted, Evidence::Fetched);
            return Ok((unless_over(Observation { reference: known, ..nothing }, state), None));
        };
        let body: Value = answer.json()?;
        let (observation, noted) = self.reader.observe(&answer, &body, &known)?;
        drift.extend(noted);
        Ok((unless_over(observation, state), Some(SeenTicket { answer, body, drift })))
    }
}

/// The tickets of the log, oldest first, and those of `known` that it lacks, each behind the one that it is known to
/// follow: webhooks may have left out an earlier ticket, and the log a late one.
fn attempts(known: &[String], log: Vec<String>) -> Vec<String> {
    let (mut attempts, mut place) = (log, 0);
    for ticket in known {
        match attempts.iter().position(|other| other.eq_ignore_ascii_case(ticket)) {
            Some(found) => place = found + 1,
            None => {
                attempts.insert(place, ticket.clone());
                place += 1;
            }
        }
    }
    attempts
}

/// `observation`, unless the invitation's `state` says that the person cannot go on. Who has handed everything in is
/// decided about all the same.
fn unless_over(observation: Observation, state: String) -> Observation {
    let word = invitation_word(&state);
    let is_with_person = matches!(observation.word, Word::NotStarted | Word::Started | Word::Ended(_));
    match word {
        Word::Expired | Word::Cancelled if is_with_person => {
            Observation { word, vendor_status: state, ..observation }
        }
        _ => observation,
    }
}

fn check_spec(spec: &InvitationSpec) -> Vec<Violation> {
    let mut violations = Vec::new();
    if spec.flow.is_empty() {
        violations.push(Violation::new("spec.invitation.flow", "is required"));
    }
    for (part, text) in [("flow", &spec.flow), ("broker", &spec.broker)] {
        if text.chars().count() > 255 || text.chars().any(char::is_control) {
            let field = format!("spec.invitation.{part}");
            violations.push(Violation::new(field, "must be at most 255 characters, none of them control"));
        }
    }
    if !spec.unique.is_empty()
        && let Err(error) = UNIQUE.segment(&spec.unique)
    {
        violations.push(Violation::new("spec.invitation.unique", error.to_string()));
    }
    violations
}
