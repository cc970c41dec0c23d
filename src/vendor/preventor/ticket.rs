//! Tickets: what one says about its identification, and everything in it.

use async_trait::async_trait;
use futures::stream::BoxStream;
use http::Method;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::name::TicketName;
use crate::model::observation::{Observation, Word};
use crate::proto::{
    CheckedDocument, CheckedField, Evidence, IdentityDocumentType, LexicalField, Ticket, TicketDevice,
    TicketImageKind, TicketStep, VendorReference,
};
use crate::vendor::kit::deadline::Deadline;
use crate::vendor::kit::field_path::{Drift, Paths, Shown, lacks, text};
use crate::vendor::kit::http::Answer;
use crate::vendor::preventor::field::{ConfidenceScale, MappedField, TicketFields};
use crate::vendor::preventor::word::{status, step_disposition, ticket_state, word};
use crate::vendor::preventor::{INVITATION, Preventor, TICKET, UNIQUE};
use crate::vendor::ticket::{FoundTicket, TicketImage, Tickets};

const GET_TICKET: &str = "preventor.get_ticket";

/// Reads tickets of one account.
#[derive(Debug)]
pub(super) struct Reader {
    fields: TicketFields,
}

/// Where a ticket stands, in the vendor's words and ours.
struct Standing {
    word: Word,
    status: String,
}

impl Preventor {
    /// What the vendor shows of a ticket. `None`: it has none of that id.
    pub(super) async fn ticket_answer(
        &self,
        ticket: &str,
        deadline: Option<Deadline>,
    ) -> Result<Option<Answer>> {
        let Ok(ticket) = TICKET.segment(ticket) else { return Ok(None) };
        let path = &self.api.paths().ticket;
        let call = self.api.prepare(GET_TICKET, Method::GET, path, &[("ticket", &ticket)])?;
        self.api.find(call.due(deadline)).await
    }
}

#[async_trait]
impl Tickets for Preventor {
    async fn ticket(&self, name: &TicketName) -> Result<Option<FoundTicket>, Error> {
        let Some(answer) = self.ticket_answer(&name.id, None).await? else { return Ok(None) };
        let body: Value = answer.json()?;
        let (mut found, drift) = self.reader.ticket(&body);
        found.name = name.to_string();
        found.raw_json = answer.body().to_vec();
        Ok(Some(FoundTicket { ticket: found, drift }))
    }

    async fn images(
        &self,
        name: &TicketName,
        kinds: &[TicketImageKind],
    ) -> Result<Option<BoxStream<'static, Result<TicketImage, Error>>>, Error> {
        self.open_images(&name.id, kinds).await
    }
}

impl Reader {
    pub(super) fn new(fields: TicketFields) -> Self {
        Self { fields }
    }

    /// What the ticket in `body` says about the identification that is `known` by these ids, or about another one: then
    /// its reference is that one's.
    pub(super) fn observe(
        &self,
        answer: &Answer,
        body: &Value,
        known: &VendorReference,
    ) -> Result<(Observation, Vec<&'static str>)> {
        let drift = Drift::default();
        let shown = Shown::new(body, &drift);
        let standing = self.standing(&shown);
        if standing.status.is_empty() {
            return Err(lacks(answer, "flow status", &self.fields.flow_status));
        }
        let said = |name, paths, alphabet: crate::vendor::kit::url::Alphabet| {
            let text: String = shown.text(name, paths);
            if text.is_empty() || alphabet.segment(&text).is_ok() {
                return text;
            }
            shown.note(name);
            String::new()
        };
        let id = said("ticket.invitation_id", &self.fields.invitation_id, INVITATION);
        let unique = said("ticket.unique", &self.fields.unique, UNIQUE);
        let differs = |said: &str, known: &str| !said.is_empty() && !known.is_empty() && said != known;
        let ticket = said("ticket.id", &self.fields.id, TICKET);
        let asked = known.ticket_ids.last().map_or("", String::as_str);
        if differs(&ticket, asked) {
            return Err(answer.invalid("is about another ticket"));
        }
        let either = |said: String, known: &str| if said.is_empty() { known.to_owned() } else { said };
        let reference = VendorReference {
            id: either(id, &known.id),
            reference: either(unique, &known.reference),
            ticket_ids: known.ticket_ids.clone(),
            customer_id: either(
                shown.word("ticket.customer_id", &self.fields.customer_id),
                &known.customer_id,
            ),
        };
        let decided = matches!(standing.word, Word::Decided(_));
        let observation = Observation {
            vendor_status: standing.status,
            reference,
            occur_time: shown.time("ticket.update_time", &self.fields.update_time).filter(|_time| decided),
            confidence: self.confidence(&shown).filter(|_score| decided),
            remaining_tries: self.remaining(
                &shown,
                "ticket.remaining_attempts",
                &self.fields.remaining_attempts,
            ),
            ..Observation::new(standing.word, Evidence::Fetched)
        };
        Ok((observation, drift.into_names()))
    }

    /// Everything in the ticket `body`.
    fn ticket(&self, body: &Value) -> (Ticket, Vec<String>) {
        let drift = Drift::default();
        let (shown, fields) = (Shown::new(body, &drift), &self.fields);
        let (state, outcome) = ticket_state(self.standing(&shown).word);
        let device = fields.device.find(body).map(|device| TicketDevice { vendor_json: device.to_string() });
        let ticket = Ticket {
            state: state.into(),
            outcome: outcome.into(),
            create_time: shown.time("ticket.create_time", &fields.create_time),
            update_time: shown.time("ticket.update_time", &fields.update_time),
            steps: shown.list("ticket.steps", &fields.steps).iter().map(|step| self.step(step)).collect(),
            person: self.person(&shown),
            documents: self.documents(&shown),
            lexical_fields: shown
                .list("ticket.lexical", &fields.lexical)
                .iter()
                .map(|entry| self.lexical(entry))
                .collect(),
            device,
            risk_code: shown.word("ticket.risk_code", &fields.risk_code),
            confidence: self.confidence(&shown),
            ..Ticket::default()
        };
        (ticket, drift.into_names().into_iter().map(str::to_owned).collect())
    }

    /// What was read of the person.
    pub(super) fn person(&self, shown: &Shown<'_>) -> Vec<CheckedField> {
        mapped(shown, "ticket.person", &self.fields.person)
    }

    /// The document that the person showed, where there is something of it.
    pub(super) fn documents(&self, shown: &Shown<'_>) -> Vec<CheckedDocument> {
        let fields = mapped(shown, "ticket.document", &self.fields.document);
        let vendor_type = shown.word("ticket.document_type", &self.fields.document_type);
        let document = CheckedDocument {
            r#type: document_type(&vendor_type).into(),
            vendor_type,
            fields,
            license_classes: Vec::new(),
        };
        if document.fields.is_empty() { Vec::new() } else { vec![document] }
    }

    /// How sure the vendor is, 0 to 1, as its webhooks and its tickets say it.
    pub(super) fn scaled(&self, score: f64) -> Option<f64> {
        let scaled = match self.fields.confidence_scale {
            ConfidenceScale::Percent => score / 100.0,
            ConfidenceScale::Auto if score > 1.0 => score / 100.0,
            ConfidenceScale::Auto | ConfidenceScale::Unit => score,
        };
        (0.0..=1.0).contains(&scaled).then_some(scaled)
    }

    fn standing(&self, shown: &Shown<'_>) -> Standing {
        let flow = shown.word("ticket.flow_status", &self.fields.flow_status);
        let disposition = shown.word("ticket.disposition", &self.fields.disposition);
        let word = word(&flow, &disposition);
        if word == Word::Unknown && !flow.is_empty() {
            shown.note("ticket.flow_status");
        }
        Standing { word, status: status(word, &flow, &disposition).to_owned() }
    }

    fn confidence(&self, shown: &Shown<'_>) -> Option<f64> {
        let score = shown.decimal("ticket.confidence_score", &self.fields.confidence_score)?;
        let scaled = self.scaled(score);
        if scaled.is_none() {
            shown.note("ticket.confidence_score");
        }
        scaled
    }

    fn remaining(&self, shown: &Shown<'_>, name: &'static str, paths: &Paths) -> Option<i32> {
        shown.whole(name, paths).and_then(|tries| i32::try_from(tries).ok()).filter(|tries| *tries >= 0)
    }

    fn step(&self, step: &Shown<'_>) -> TicketStep {
        let said = step.word("ticket.step_disposition", &self.fields.step_disposition);
        let paths = &self.fields.step_remaining_attempts;
        TicketStep {
            vendor_step: step.word("ticket.step_name", &self.fields.step_name),
            disposition: step_disposition(&said).into(),
            remaining_tries: self.remaining(step, "ticket.step_remaining_attempts", paths),
            vendor_disposition: said,
        }
    }

    fn lexical(&self, entry: &Shown<'_>) -> LexicalField {
        let mut field = LexicalField::default();
        for MappedField { field: ours, paths } in &self.fields.lexical_members {
            let place = match ours.as_str() {
                "field_type" => &mut field.field_type,
                "mrz_value" => &mut field.mrz_value,
                "barcode_value" => &mut field.barcode_value,
                "visual_value" => &mut field.visual_value,
                "mrz_barcode_status" => &mut field.mrz_barcode_status,
                "mrz_visual_status" => &mut field.mrz_visual_status,
                "visual_barcode_status" => &mut field.visual_barcode_status,
                "lexical_validity" => &mut field.lexical_validity,
                _ => {
                    let code = entry.whole("ticket.lexical_members", paths);
                    field.field_type_code =
                        code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default();
                    continue;
                }
            };
            *place = entry.text("ticket.lexical_members", paths);
        }
        field
    }
}

fn mapped(shown: &Shown<'_>, name: &'static str, fields: &[MappedField]) -> Vec<CheckedField> {
    let read = |field: &MappedField| {
        let found = field.paths.find(shown.body())?;
        let value = text(found);
        if value.is_none() {
            shown.note(name);
        }
        Some(CheckedField { path: field.field.clone(), value: value?, ..CheckedField::default() })
    };
    fields.iter().filter_map(read).collect()
}

fn document_type(word: &str) -> IdentityDocumentType {
    match word {
        "ID_CARD" => IdentityDocumentType::IdCard,
        "PASSPORT" => IdentityDocumentType::Passport,
        "DRIVER_LICENSE" | "DRIVERS_LICENSE" => IdentityDocumentType::DriversLicense,
        "RESIDENCE_PERMIT" => IdentityDocumentType::ResidencePermit,
        "VISA" => IdentityDocumentType::Visa,
        _ => IdentityDocumentType::Unspecified,
    }
}
