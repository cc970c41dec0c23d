//! Identifications that were made at the vendor without the gateway are taken over.

use std::sync::Arc;

use crate::error::{Error, Kind, Result, Violation};
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::request::{Entry, Once};
use crate::hub::{Hub, identifications, store};
use crate::journal::{Batch, JournalError};
use crate::model::command::AdoptIdentification;
use crate::model::lifecycle::{Change, Verdict, judge};
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::{
    AdoptIdentificationRequest, AdoptIdentificationResponse, EventOrigin, IdentificationOrigin,
    IdentificationState, VendorReference,
};
use crate::vendor::Vendor;

const ADOPT: &str = "adopt_identification";

/// An identification as it will be recorded.
pub(super) struct Adoption {
    /// Before the vendor's word: nobody has it in the journal.
    blank: Record,
    pub(super) change: Box<Change>,
    observation: Observation,
}

impl Hub {
    /// Takes over an identification that exists at the vendor, in the state it has there. Goes on to the end when the
    /// caller goes away.
    pub async fn adopt_identification(
        self: &Arc<Self>,
        caller: String,
        request: AdoptIdentificationRequest,
    ) -> Result<AdoptIdentificationResponse> {
        let hub = self.clone();
        self.see_through(ADOPT, async move { hub.adopt(caller, request).await }).await
    }

    async fn adopt(
        &self,
        caller: String,
        request: AdoptIdentificationRequest,
    ) -> Result<AdoptIdentificationResponse> {
        let command = AdoptIdentification::parse(request.clone(), self.clock.uuid())?;
        let vendor = self.vendor(&command.name.connection, ADOPT)?;
        let said = identifications(&*vendor, ADOPT)?.read_reference(&command.vendor_reference);
        let said = said.map_err(|violations| Error::invalid(ADOPT, violations))?;
        let mut response = match self.enter(&caller, &request, command.request_id).await? {
            Entry::Answered(first) => first,
            Entry::First(once) | Entry::BrokeOff(once, _) => {
                let seen = self.head();
                match self.take_over(&command, &said, &*vendor, &once).await {
                    Ok(response) => response,
                    refused => {
                        let name = &command.name;
                        self.keep_answer::<AdoptIdentificationRequest>(&once, name, seen, refused).await?
                    }
                }
            }
        };
        self.add_links(response.identification.as_mut(), &*vendor, ADOPT).await?;
        Ok(response)
    }

    async fn take_over(
        &self,
        command: &AdoptIdentification,
        said: &VendorReference,
        vendor: &dyn Vendor,
        once: &Once,
    ) -> Result<AdoptIdentificationResponse> {
        self.must_be_unknown(&command.name.connection, said, ADOPT).await?;
        let adoption = self.ask_for_adoption(command, said, vendor).await?;
        let reference = adoption.blank.identification.vendor_reference.clone().unwrap_or_default();
        let connection = &command.name.connection;
        let _turn = self.turn(connection, &reference).await;
        for _try in 0..CONFLICT_TRIES {
            self.must_be_unknown(connection, &reference, ADOPT).await?;
            let seen = self.head();
            let mut response = AdoptIdentificationResponse {
                identification: Some(adoption.change.record.identification.clone()),
                ..AdoptIdentificationResponse::default()
            };
            let mut batch = Batch::default();
            let cause = Cause::new(EventOrigin::Api);
            self.enroll(&mut batch, vendor, &adoption, &cause).await?;
            batch.requests = self.answered(once, &command.name, Ok(&response), seen);
            match self.append(batch).await {
                Ok(appended) => {
                    response.cursor = self.cursor(appended.place);
                    return Ok(response);
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, ADOPT)),
            }
        }
        Err(store(JournalError::Conflict(command.name.to_string()), ADOPT))
    }

    /// What it takes to take over what `answer` speaks of and nobody here knows. `None`: the vendor's answer does not
    /// prove that it exists.
    pub(super) fn adoption(
        &self,
        vendor: &dyn Vendor,
        answer: &Observation,
        origin: IdentificationOrigin,
    ) -> Result<Option<Adoption>> {
        let connection = vendor.account().connection.clone();
        let mut blank =
            self.blank_record(&IdentificationName { connection, id: self.clock.uuid() }, vendor)?;
        blank.identification.set_origin(origin);
        blank.identification.vendor_reference = Some(answer.reference.clone());
        let Verdict::Change(change) = judge(&blank, answer, self.timestamp()) else { return Ok(None) };
        Ok(Some(Adoption { blank, change, observation: answer.clone() }))
    }

    /// Adds to `batch` everything that follows from taking something over.
    pub(super) async fn enroll(
        &self,
        batch: &mut Batch,
        vendor: &dyn Vendor,
        adoption: &Adoption,
        cause: &Cause,
    ) -> Result<()> {
        let Adoption { blank, change, observation } = adoption;
        self.evolve(batch, vendor.account(), blank, change, observation, cause);
        batch.records.last_mut().into_iter().for_each(|written| written.replaces = None);
        let waiting = self.awaken_unmatched(&change.record).await;
        batch.schedule.extend(waiting.map_err(|error| store(error, ADOPT))?);
        Ok(())
    }

    /// Asks the vendor by one identifier alone, so that a second one that does not belong to it shows.
    async fn ask_for_adoption(
        &self,
        command: &AdoptIdentification,
        said: &VendorReference,
        vendor: &dyn Vendor,
    ) -> Result<Adoption> {
        let asked = identifications(vendor, ADOPT)?.asked_by(said.clone());
        let observation = self.ask(vendor, &asked, ADOPT).await?;
        let answered = &observation.reference;
        let parts = [("id", &said.id, &answered.id), ("reference", &said.reference, &answered.reference)];
        let differs = |(_, said, answered): &(_, &String, &String)| {
            !said.is_empty() && !answered.is_empty() && !said.eq_ignore_ascii_case(answered)
        };
        if let Some((part, ..)) = parts.into_iter().find(differs) {
            let field = format!("vendor_reference.{part}");
            let expected = "must be what the vendor calls the identification it is asked for";
            return Err(Error::invalid(ADOPT, vec![Violation::new(field, expected)]));
        }
        let mut blank = self.blank_record(&command.name, vendor)?;
        let identification = &mut blank.identification;
        identification.external_reference.clone_from(&command.external_reference);
        identification.labels.clone_from(&command.labels);
        identification.set_origin(IdentificationOrigin::Adopted);
        // What it was asked by, and what the vendor says; never what only the caller says.
        identification.vendor_reference = Some(VendorReference {
            id: first_set(&answered.id, &asked.id),
            reference: first_set(&answered.reference, &asked.reference),
            ..VendorReference::default()
        });
        let Verdict::Change(change) = judge(&blank, &observation, self.timestamp()) else {
            let detail = "the vendor has nothing to show for this vendor_reference: it does not exist there, or \
                          nobody has finished a try yet; adopt it after its first result";
            return Err(Error::new(Kind::ResourceNotFound, ADOPT, detail));
        };
        Ok(Adoption { blank, change, observation })
    }

    /// Refuses identifiers that an identification on `connection` has already.
    pub(super) async fn must_be_unknown(
        &self,
        connection: &ConnectionId,
        reference: &VendorReference,
        operation: &'static str,
    ) -> Result<()> {
        let found = self.matching(connection, reference).await?;
        match found.filter(|record| record.identification.state() != IdentificationState::Deleted) {
            None => Ok(()),
            Some(record) => {
                let detail = format!("{} is this identification", record.name);
                Err(Error::new(Kind::ResourceExists, operation, detail).about(&record.name))
            }
        }
    }
}

fn first_set(one: &str, other: &str) -> String {
    if one.is_empty() { other.to_owned() } else { one.to_owned() }
}
