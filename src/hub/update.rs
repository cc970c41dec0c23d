//! Labels, and what the vendor knows of a person, change while nothing is decided.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::hub::capability::offered;
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::request::{Change as _, Entry, Once};
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError};
use crate::model::change::{Target, UpdateIdentification};
use crate::model::lifecycle::{is_open, revise};
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    EventOrigin, Evidence, Identification, IdentificationState as State, UpdateIdentificationRequest,
    UpdateIdentificationResponse,
};
use crate::vendor::Vendor;
use crate::vendor::capability::Update;
use crate::vendor::keepsake::About;

const UPDATE: &str = "update_identification";

impl Hub {
    /// Updates an identification that has no decision. Goes on to the end when the caller goes away.
    ///
    /// Nothing is recorded before the vendor is told: what its answer leaves open, the caller closes by the same
    /// update, and a repeat on the gateway's own account could undo a later one.
    pub async fn update_identification(
        self: &Arc<Self>,
        caller: String,
        request: UpdateIdentificationRequest,
    ) -> Result<UpdateIdentificationResponse> {
        let hub = self.clone();
        self.see_through(UPDATE, async move { hub.update(caller, request).await }).await
    }

    async fn update(
        &self,
        caller: String,
        request: UpdateIdentificationRequest,
    ) -> Result<UpdateIdentificationResponse> {
        let command = UpdateIdentification::parse(request.clone())?;
        let Target { name, request_id, .. } = &command.target;
        let vendor = self.vendor(&name.connection, UPDATE)?;
        if !command.paths.is_empty() {
            let violations = offered(&*vendor, vendor.updates(), "update", UPDATE)?.check(&command);
            if !violations.is_empty() {
                return Err(Error::invalid(UPDATE, violations));
            }
        }
        match self.enter(&caller, &request, *request_id).await? {
            Entry::Answered(first) => Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => {
                // A creation under way is waited for, and updates reach the vendor one after the other.
                let _settling = self.settling(name).await;
                let seen = self.head();
                match self.make_update(&command, &*vendor, &once).await {
                    Ok(response) => Ok(response),
                    refused => {
                        self.keep_answer::<UpdateIdentificationRequest>(&once, name, seen, refused).await
                    }
                }
            }
        }
    }

    async fn make_update(
        &self,
        command: &UpdateIdentification,
        vendor: &dyn Vendor,
        once: &Once,
    ) -> Result<UpdateIdentificationResponse> {
        let name = &command.target.name;
        let before = self.existing(name, UPDATE).await?;
        may_update(&before, &command.target)?;
        let told = !command.paths.is_empty();
        if told {
            let reference = before.identification.vendor_reference.unwrap_or_default();
            let updates = offered(vendor, vendor.updates(), "update", UPDATE)?;
            let about = About { reference: &reference, keepsake: None };
            let sent = updates.update(Update { about, command }).await;
            self.note_health(vendor, sent).await?;
        }
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let before = self.existing(name, UPDATE).await?;
            if !told {
                may_update(&before, &command.target)?;
            } else if before.identification.state() == State::Deleted {
                return Err(gone(&before, UPDATE));
            }
            let mut batch = Batch::default();
            let mut after = before.clone();
            let labels = command.labels.as_ref().filter(|labels| **labels != before.identification.labels);
            if told || labels.is_some() {
                let relabel = |shown: &mut Identification| {
                    if let Some(labels) = labels {
                        shown.labels.clone_from(labels);
                    }
                };
                let change = revise(&before, relabel, self.timestamp());
                let own = Observation::new(Word::Accepted, Evidence::Gateway);
                let cause = Cause::new(EventOrigin::Api);
                self.evolve(&mut batch, vendor.account(), &before, &change, &own, &cause);
                after = change.record;
            }
            let silent = batch.events.is_empty();
            let mut response =
                UpdateIdentificationRequest::response(Some(after.identification), String::new());
            batch.requests = self.answered(once, name, Ok(&response), seen);
            match self.append(batch).await {
                Ok(appended) => {
                    let place = if silent { self.place(seen).await? } else { appended.place };
                    response.cursor = self.cursor(place);
                    return Ok(response);
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, UPDATE)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), UPDATE))
    }
}

fn may_update(record: &Record, target: &Target) -> Result<()> {
    guard(record, target, UPDATE)?;
    let name = &record.name;
    match record.identification.state() {
        State::Completed => {
            let detail = format!("{name} has a decision and takes no update");
            Err(Error::new(Kind::IdentificationCompleted, UPDATE, detail).about(name))
        }
        State::Creating => {
            let detail =
                format!("the vendor has not confirmed {name} yet; update it after its CREATED event");
            Err(Error::new(Kind::StateNotAllowed, UPDATE, detail).about(name))
        }
        state if is_open(state) => Ok(()),
        _ => {
            let detail = format!("{name} has ended and takes no update");
            Err(Error::new(Kind::StateNotAllowed, UPDATE, detail).about(name))
        }
    }
}

/// Refuses a change of what is deleted, or is not what the caller has seen.
pub(super) fn guard(record: &Record, target: &Target, operation: &'static str) -> Result<()> {
    let shown = &record.identification;
    if shown.state() == State::Deleted {
        return Err(gone(record, operation));
    }
    if !target.etag.is_empty() && target.etag != shown.etag {
        let detail = format!("{} has changed: its etag is another one now", record.name);
        return Err(Error::new(Kind::EtagMismatch, operation, detail).about(&record.name));
    }
    Ok(())
}

pub(super) fn gone(record: &Record, operation: &'static str) -> Error {
    let detail = format!("{} is deleted", record.name);
    Error::new(Kind::IdentificationGone, operation, detail).about(&record.name)
}
