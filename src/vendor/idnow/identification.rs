//! Identifications at IDnow: the create request in the vendor's fields, and its answers as observations.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result, Violation};
use crate::model::command::CreateIdentification;
use crate::model::observation::{Observation, Word};
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{AutoIdentSpec, Evidence, StartLink, Subject, VendorReference};
use crate::vendor::idnow::api::Found;
use crate::vendor::idnow::result::canonical;
use crate::vendor::idnow::wire::StartBody;
use crate::vendor::idnow::{IDENT_ID, Idnow, TRANSACTION_NUMBER};
use crate::vendor::keepsake::About;
use crate::vendor::kit::http::Answer as HttpAnswer;
use crate::vendor::kit::json::iso_date;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::url::Segment;
use crate::vendor::{Answer, Create, Created, Get, Idempotency, Identifications};

#[async_trait]
impl Identifications for Idnow {
    fn idempotency(&self) -> Idempotency {
        Idempotency::UpsertByReference
    }

    fn lifetime(&self) -> Duration {
        self.lifetime
    }

    fn polling(&self) -> &PollingSettings {
        &self.polling
    }

    fn check(&self, command: &CreateIdentification) -> Vec<Violation> {
        match &command.spec {
            Spec::AutoIdent(spec) => self.signing.check(&command.subject, spec),
            _ => vec![Violation::new("spec", "must be auto_ident on this connection")],
        }
    }

    fn read_reference(&self, said: &VendorReference) -> Result<VendorReference, Vec<Violation>> {
        let mut violations = Vec::new();
        let parts = [("id", &said.id, IDENT_ID), ("reference", &said.reference, TRANSACTION_NUMBER)];
        for (part, text, alphabet) in parts.into_iter().filter(|(_, text, _)| !text.is_empty()) {
            if let Err(error) = alphabet.segment(text) {
                violations.push(Violation::new(format!("vendor_reference.{part}"), error.to_string()));
            }
        }
        for (part, empty) in
            [("ticket_ids", said.ticket_ids.is_empty()), ("customer_id", said.customer_id.is_empty())]
        {
            if !empty {
                let field = format!("vendor_reference.{part}");
                violations.push(Violation::new(field, "must be empty on this connection"));
            }
        }
        if violations.is_empty() { Ok(canonical(&said.id, &said.reference)) } else { Err(violations) }
    }

    async fn create(&self, create: Create<'_>) -> Result<Created, Error> {
        let command = create.command;
        let Spec::AutoIdent(spec) = &command.spec else {
            return Err(Error::invalid("idnow.start", self.check(command)));
        };
        let reference = command.name.id.as_hyphenated().to_string();
        let number = TRANSACTION_NUMBER.segment(&reference);
        let number =
            number.map_err(|error| refused("idnow.start", "identification_id", error.to_string()))?;
        // The same number makes the same identification, however often it is sent.
        let id = self.api.start(&number, &start_body(&command.subject, spec), Repeat::Freely).await?;
        let reference =
            VendorReference { id: id.as_str().to_owned(), reference, ..VendorReference::default() };
        Ok(Observation { reference, ..Observation::new(Word::Accepted, Evidence::Gateway) }.into())
    }

    async fn get(&self, get: Get<'_>) -> Result<Answer, Error> {
        let (observation, found) = self.look_up(&get).await?;
        Ok(Answer { observation, drift: found.map(|found| found.drift).unwrap_or_default() })
    }

    fn start_links(&self, about: About<'_>) -> Vec<StartLink> {
        self.links.all(about.reference)
    }
}

/// A body that shows the identification that was asked for.
pub(super) struct Shown {
    pub(super) answer: HttpAnswer,
    /// Which of the results in the body is its.
    pub(super) place: usize,
    pub(super) drift: Vec<&'static str>,
}

impl Idnow {
    /// Asks for the identification: its present state and, unless the vendor has nothing to show, the body behind it.
    pub(super) async fn look_up(
        &self,
        &Get { reference, deadline }: &Get<'_>,
    ) -> Result<(Observation, Option<Shown>), Error> {
        let answer = match self.api.get(&address(reference)?, deadline).await? {
            Found::Nothing => {
                let nothing = Observation::new(Word::NotStarted, Evidence::Fetched);
                return Ok((Observation { reference: reference.clone(), ..nothing }, None));
            }
            Found::Result(answer) => answer,
        };
        let reading = self.reader.read(answer.body(), Evidence::Fetched);
        let reading =
            reading.map_err(|odd| answer.invalid(&format!("needs {} at {}", odd.expected, odd.path)))?;
        let mut observations = reading.observations.into_iter().enumerate();
        let asked = observations.find(|(_, observation)| is_asked_for(&observation.reference, reference));
        let (place, observation) = asked.ok_or_else(|| answer.invalid("is about another identification"))?;
        Ok((observation, Some(Shown { answer, place, drift: reading.drift })))
    }
}

/// What the vendor's URL calls it: the transaction number, or the IdentID where that is all there is.
pub(super) fn address(reference: &VendorReference) -> Result<Segment> {
    let segment = match reference.reference.as_str() {
        "" => IDENT_ID.segment(&reference.id),
        number => TRANSACTION_NUMBER.segment(number),
    };
    segment.map_err(|error| refused("idnow.get", "vendor_reference", error.to_string()))
}

fn refused(operation: &'static str, field: &str, expected: String) -> Error {
    Error::invalid(operation, vec![Violation::new(field, expected)])
}

/// Whether `answered` can be what `asked` means: nothing that both of them say differs. Of a single identifier the
/// vendor does not tell which kind it is, so neither is it told here; the caller sees what it turned out to be.
fn is_asked_for(answered: &VendorReference, asked: &VendorReference) -> bool {
    let same = |one: &str, other: &str| one.is_empty() || other.is_empty() || one.eq_ignore_ascii_case(other);
    let crossed = match (asked.id.as_str(), asked.reference.as_str()) {
        ("", number) => answered.id.eq_ignore_ascii_case(number),
        (id, "") => answered.reference.eq_ignore_ascii_case(id),
        _ => false,
    };
    crossed || (same(&answered.id, &asked.id) && same(&answered.reference, &asked.reference))
}

pub(super) fn start_body<'a>(subject: &'a Subject, spec: &'a AutoIdentSpec) -> StartBody<'a> {
    let custom = |index: usize| spec.custom_data.get(index).map_or("", String::as_str);
    let address = subject.address.as_ref();
    StartBody {
        birthday: subject.birth_date.as_ref().map(iso_date),
        birthname: &subject.birth_name,
        birthplace: &subject.birth_place,
        city: address.map_or("", |address| &address.city),
        country: address.map_or("", |address| &address.region_code),
        custom1: custom(0),
        custom2: custom(1),
        custom3: custom(2),
        custom4: custom(3),
        custom5: custom(4),
        email: &subject.email,
        firstname: &subject.given_name,
        gender: &subject.gender,
        lastname: &subject.family_name,
        mobilephone: subject.phone.as_ref().map_or("", |phone| &phone.e164),
        nationality: &subject.nationality,
        preferred_lang: &spec.signing_language_code,
        street: address.map_or("", |address| &address.street),
        streetnumber: address.map_or("", |address| &address.house_number),
        title: &subject.title,
        zipcode: address.map_or("", |address| &address.postal_code),
    }
}
