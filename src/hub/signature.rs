//! Signatures: vendors do not announce them, so they are told once they are seen.

use std::time::Duration;

use crate::error::Result;
use crate::hub::job::{CONFLICT_TRIES, Outcome, parse_subject};
use crate::hub::page::last_part;
use crate::hub::{Hub, signing, store};
use crate::journal::{Batch, Job, JournalError, RecordChange};
use crate::model::name::IdentificationName;
use crate::model::record::{KnownDocument, Record};
use crate::proto::event::Payload;
use crate::proto::{
    Document, DocumentChanged, DocumentState, Event, EventOrigin, EventType, Evidence, IdentificationState,
};
use crate::vendor::{Account, ListDocuments, Vendor};

const LOOK: &str = "look_for_signatures";
/// A signed file may come after the decision; after so long it does not.
const LOOK_FOR: Duration = Duration::from_hours(24);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

impl Hub {
    /// Tells of those of `documents` that are signed and were not told of yet.
    pub(super) async fn note_signatures(
        &self,
        name: &IdentificationName,
        vendor: &dyn Vendor,
        documents: &[Document],
        origin: EventOrigin,
    ) -> Result<()> {
        let signed: Vec<_> =
            documents.iter().filter(|document| document.state() == DocumentState::Signed).collect();
        if signed.is_empty() {
            return Ok(());
        }
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let before = self.existing(name, LOOK).await?;
            let mut record = before.successor();
            let mut events = Vec::new();
            for document in &signed {
                if mark_signed(&mut record, &last_part(&document.name)) {
                    let kind = EventType::DocumentSigned;
                    events.push(self.document_event(vendor.account(), &record, document, kind, origin));
                }
            }
            if events.is_empty() {
                return Ok(());
            }
            let replaces = Some(before.memory.version);
            let records = vec![RecordChange { record, replaces }];
            match self.append(Batch { events, records, ..Batch::default() }).await {
                Ok(_appended) => return Ok(()),
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, LOOK)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), LOOK))
    }

    /// The job that looks for the signatures of a completed identification, where some may be missing.
    pub(super) fn signatures_job(&self, record: &Record) -> Option<Job> {
        has_unsigned(record).then(|| Job {
            id: format!("documents/{}", record.name),
            kind: "documents".to_owned(),
            subject: record.name.to_string(),
            due_at: self.clock.now(),
            attempts: 0,
            give_up_at: Some(self.clock.now() + LOOK_FOR),
        })
    }

    /// Runs that job.
    pub(super) async fn look_for_signatures(&self, job: &Job) -> Result<Outcome> {
        let name = parse_subject(job)?;
        let Some(record) = self.journal.record(&name).await.map_err(|error| store(error, LOOK))? else {
            return Ok(Outcome::Done);
        };
        let deleted = record.identification.state() == IdentificationState::Deleted;
        if deleted || !has_unsigned(&record) || job.give_up_at.is_some_and(|time| time <= self.clock.now()) {
            return Ok(Outcome::Done);
        }
        let vendor = self.vendor(&name.connection, LOOK)?;
        let reference = &record.identification.vendor_reference.unwrap_or_default();
        let listed = signing(&*vendor, LOOK)?.documents(ListDocuments { name: &name, reference }).await;
        let wait = self.backoff(job.attempts + 2, LONGEST_WAIT);
        match self.note_health_of(&*vendor, Some(&name), listed).await {
            Ok(None) => return Ok(Outcome::Done),
            Ok(Some(documents)) => {
                self.note_signatures(&name, &*vendor, &documents, EventOrigin::Poll).await?;
            }
            Err(unanswered) => {
                return Ok(Outcome::Again(unanswered.retry_after.map_or(wait, |asked| asked.max(wait))));
            }
        }
        if has_unsigned(&self.existing(&name, LOOK).await?) {
            Ok(Outcome::Again(wait))
        } else {
            Ok(Outcome::Done)
        }
    }

    /// The event about `document` of the identification `record`.
    pub(super) fn document_event(
        &self,
        account: &Account,
        record: &Record,
        document: &Document,
        kind: EventType,
        origin: EventOrigin,
    ) -> Event {
        let identification = &record.identification;
        Event {
            event_id: self.clock.uuid().to_string(),
            r#type: kind.into(),
            subject: document.name.clone(),
            external_reference: identification.external_reference.clone(),
            labels: identification.labels.clone(),
            origin: origin.into(),
            evidence: Evidence::Fetched.into(),
            environment: account.environment.clone(),
            identification: record.name.to_string(),
            payload: Some(Payload::DocumentChanged(DocumentChanged {
                document: Some(without_text(document)),
            })),
            ..Event::default()
        }
    }
}

/// The document without what a person wrote: so it may be kept.
pub(super) fn without_text(document: &Document) -> Document {
    Document { display_name: String::new(), definition: None, ..document.clone() }
}

fn has_unsigned(record: &Record) -> bool {
    record.memory.documents.iter().any(|known| !known.signed)
}

/// Remembers that a document is signed. False when that was known.
fn mark_signed(record: &mut Record, definition: &str) -> bool {
    let documents = &mut record.memory.documents;
    match documents.iter_mut().find(|known| known.definition == definition) {
        Some(known) => !std::mem::replace(&mut known.signed, true),
        None => {
            documents.push(KnownDocument { definition: definition.to_owned(), size: 0, signed: true });
            true
        }
    }
}
