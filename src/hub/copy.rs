//! Decided identifications are copied to another account of their vendor.
//!
//! Nothing says that a vendor makes one thing of two copies. So the copy's reference is chosen before it is sent, and
//! after a lost answer the account that was to get it is asked for that reference before anything is sent again. An
//! account without a connection cannot be asked: there, nothing is.

use std::sync::Arc;

use uuid::Uuid;

use crate::error::{Error, Kind, Result, Violation};
use crate::hub::capability::offered;
use crate::hub::errand::{Admission, Errand};
use crate::hub::request::{Change as _, Entry};
use crate::hub::single::{in_doubt, outcome_unknown};
use crate::hub::update::gone;
use crate::hub::{Hub, store};
use crate::journal::{Batch, Position, RecordChange};
use crate::model::change::{CopyIdentification, Destination};
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    CopyIdentificationRequest, CopyIdentificationResponse, Identification, IdentificationOrigin,
    IdentificationState as State, VendorReference,
};
use crate::vendor::Vendor;
use crate::vendor::capability::Copy;

const COPY: &str = "copy_identification";

impl Hub {
    /// Copies a completed identification to a connection, where it is recorded, or to an account of which nothing is
    /// recorded here. Goes on to the end when the caller goes away.
    pub async fn copy_identification(
        self: &Arc<Self>,
        caller: String,
        request: CopyIdentificationRequest,
    ) -> Result<CopyIdentificationResponse> {
        let command = CopyIdentification::parse(&request)?;
        let vendor = self.vendor(&command.source.connection, COPY)?;
        let copies = offered(&*vendor, vendor.copies(), "copy", COPY)?;
        let mut violations = copies.check(&request.vendor_account, &command.target_reference);
        let hub = self.clone();
        match command.destination.clone() {
            Destination::Connection(connection) => {
                let (own, other) = (vendor.account(), self.vendor(&connection, COPY)?);
                let other = other.account();
                if (own.vendor, &own.environment) != (other.vendor, &other.environment) {
                    let expected = "must be a connection of the same vendor and environment";
                    violations.push(Violation::new("destination_parent", expected));
                }
                accepted(violations)?;
                let name = IdentificationName { connection, id: self.clock.uuid() };
                self.see_through(COPY, async move { hub.run_errand(&caller, &request, name).await }).await
            }
            Destination::Account(account) => {
                accepted(violations)?;
                let copy = async move { hub.copy_out(&caller, &request, &command, &account).await };
                self.see_through(COPY, copy).await
            }
        }
    }

    /// Copies to an account that nobody here can ask. Sent at most once for each `request_id`.
    async fn copy_out(
        &self,
        caller: &str,
        request: &CopyIdentificationRequest,
        command: &CopyIdentification,
        account: &str,
    ) -> Result<CopyIdentificationResponse> {
        let mut once = match self.enter(caller, request, command.request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        let seen = self.head();
        let outcome = match self.original(&command.source).await {
            Ok(original) => {
                self.begin_in_doubt::<CopyIdentificationRequest>(&mut once, &command.source).await?;
                self.copy_once(&original, account, &command.target_reference, seen).await
            }
            Err(refusal) => Err(refusal),
        };
        self.keep_answer::<CopyIdentificationRequest>(&once, &command.source, seen, outcome).await
    }

    async fn copy_once(
        &self,
        original: &Record,
        account: &str,
        target_reference: &str,
        seen: Position,
    ) -> Result<CopyIdentificationResponse> {
        let target_reference = match target_reference {
            "" => self.clock.uuid().to_string(),
            chosen => chosen.to_owned(),
        };
        // Once it is sent, nothing may fail that would leave it to a repeat.
        let cursor = self.cursor(self.place(seen).await?);
        let reference = self.send_copy(original, account, &target_reference).await?;
        let copy = copied_from(&original.identification, reference);
        Ok(CopyIdentificationRequest::response(Some(copy), cursor))
    }

    /// The identification to copy.
    async fn original(&self, name: &IdentificationName) -> Result<Record> {
        let record = self.existing(name, COPY).await?;
        match record.identification.state() {
            State::Completed => Ok(record),
            State::Deleted => Err(gone(&record, COPY)),
            _ => {
                let detail = format!("{name} has no decision yet, and only what is decided is copied");
                Err(Error::new(Kind::StateNotAllowed, COPY, detail).about(name))
            }
        }
    }

    async fn send_copy(
        &self,
        original: &Record,
        account: &str,
        target_reference: &str,
    ) -> Result<VendorReference> {
        let vendor = self.vendor(&original.name.connection, COPY)?;
        let reference = original.identification.vendor_reference.clone().unwrap_or_default();
        let copies = offered(&*vendor, vendor.copies(), "copy", COPY)?;
        let sent = copies.copy(Copy { reference: &reference, account, target_reference }).await;
        self.note_health_of(&*vendor, Some(&original.name), sent).await.map_err(|error| in_doubt(error, COPY))
    }

    /// What the account that was to get the copy shows under its reference; `None`: nothing.
    async fn seek_copy(
        &self,
        destination: &dyn Vendor,
        reference: &VendorReference,
    ) -> Result<Option<Observation>> {
        match self.ask(destination, reference, COPY).await {
            Ok(shown) => Ok(Some(shown).filter(|shown| shown.word != Word::NotStarted)),
            Err(error) => Err(outcome_unknown(COPY).caused_by(error)),
        }
    }
}

impl Errand for CopyIdentificationRequest {
    const KIND: &'static str = "copy";
    const MAKES: bool = true;

    fn request_id(&self) -> Result<Option<Uuid>> {
        Ok(CopyIdentification::parse(self)?.request_id)
    }

    async fn admit(&self, hub: &Hub, name: &IdentificationName) -> Result<Admission> {
        let command = CopyIdentification::parse(self)?;
        let original = hub.original(&command.source).await?;
        let reference = match command.target_reference.as_str() {
            "" => name.id.to_string(),
            chosen => chosen.to_owned(),
        };
        let reference = VendorReference { reference, ..VendorReference::default() };
        hub.must_be_unknown(&name.connection, &reference, COPY).await?;
        let mut record = hub.blank_record(name, &*hub.vendor(&name.connection, COPY)?)?;
        let Identification { external_reference, labels, vendor_reference, origin, .. } =
            copied_from(&original.identification, reference);
        record.identification = Identification {
            external_reference,
            labels,
            vendor_reference,
            origin,
            // What is decided waits for nobody.
            expire_time: None,
            ..record.identification
        };
        let schedule = hub.awaken_unmatched(&record).await.map_err(|error| store(error, COPY))?;
        let records = vec![RecordChange { record, replaces: None }];
        Ok(Admission::Begin(Box::new(Batch { records, schedule, ..Batch::default() })))
    }

    async fn carry_out(&self, hub: &Hub, name: &IdentificationName, again: bool) -> Result<Observation> {
        let command = CopyIdentification::parse(self)?;
        let destination = hub.vendor(&name.connection, COPY)?;
        let account = offered(&*destination, destination.copies(), "copy", COPY)?.account_name();
        let copy = hub.existing(name, COPY).await?.identification;
        let reference = copy.vendor_reference.unwrap_or_default();
        if again && let Some(shown) = hub.seek_copy(&*destination, &reference).await? {
            return Ok(shown);
        }
        let original = hub.existing(&command.source, COPY).await?;
        match hub.send_copy(&original, account, &reference.reference).await {
            // An earlier try may have made it.
            Err(error) if again && error.kind == Kind::ResourceExists => {
                return Err(outcome_unknown(COPY).caused_by(error));
            }
            sent => sent?,
        };
        let shown = hub.seek_copy(&*destination, &reference).await?;
        shown.ok_or_else(|| {
            let detail = "the vendor says that it made the copy, and does not show it yet";
            Error::new(Kind::VendorOutcomeUnknown, COPY, detail)
        })
    }
}

fn accepted(violations: Vec<Violation>) -> Result<()> {
    if violations.is_empty() { Ok(()) } else { Err(Error::invalid(COPY, violations)) }
}

/// What a copy has from its original, and what the vendor calls it.
fn copied_from(original: &Identification, reference: VendorReference) -> Identification {
    Identification {
        external_reference: original.external_reference.clone(),
        labels: original.labels.clone(),
        vendor: original.vendor,
        vendor_reference: Some(reference),
        origin: IdentificationOrigin::Copy.into(),
        ..Identification::default()
    }
}
