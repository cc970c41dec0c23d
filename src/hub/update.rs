//! Labels, and what the vendor knows of a person, change while nothing is decided.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::hub::capability::offered;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::keepsake::Known;
use crate::hub::request::{Entry, Once};
use crate::hub::single::may_be_done;
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError, RecordChange};
use crate::model::change::{Target, UpdateIdentification};
use crate::model::lifecycle::{is_open, revise};
use crate::model::name::IdentificationName;
use crate::model::record::Record;
use crate::proto::{
    Identification, IdentificationState as State, UpdateIdentificationRequest, UpdateIdentificationResponse,
};
use crate::vendor::Vendor;
use crate::vendor::capability::{Update, Updates};
use crate::vendor::keepsake::Keepsake;

const UPDATE: &str = "update_identification";

impl Hub {
    /// Updates an identification that has no decision. Goes on to the end when the caller goes away.
    ///
    /// Before the vendor is told, nothing is recorded but where it may have the identification afterwards: what its answer
    /// leaves open, the caller closes by the same update, and a repeat on the gateway's own account could undo a later one.
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
        let mut keepsake = None;
        if told {
            let updates = offered(vendor, vendor.updates(), "update", UPDATE)?;
            let (known, foreseen) = self.keep_foreseen(command, updates).await?;
            let sent = updates.update(Update { about: known.about(), command }).await;
            let sent = self.note_health_of(vendor, Some(name), sent).await;
            if foreseen
                && sent.as_ref().is_err_and(|error| !may_be_done(error))
                && let Err(error) = self.keep_as_before(name, &known).await
            {
                tracing::warn!(identification.name = %name, error = %error, "What a refused update foresaw stays kept");
            }
            keepsake = sent?;
        }
        let change = |before: &Record| {
            if !told {
                may_update(before, &command.target)?;
            } else if before.identification.state() == State::Deleted {
                return Err(gone(before, UPDATE));
            }
            let labels = command.labels.as_ref().filter(|labels| **labels != before.identification.labels);
            let show = |shown: &mut Identification| {
                if let Some(labels) = labels {
                    shown.labels.clone_from(labels);
                }
                if let (Some(invitation), Some(method)) = (&mut shown.invitation, command.delivery_method()) {
                    invitation.set_delivery_method(method);
                }
            };
            Ok((told || labels.is_some()).then(|| revise(before, show, self.timestamp())))
        };
        self.record_own::<UpdateIdentificationRequest>(vendor, once, name, keepsake.as_ref(), &change).await
    }

    /// What is known of the identification that `command` changes. When that may not be enough to find it afterwards, what
    /// is enough is kept first: then `true`.
    async fn keep_foreseen(
        &self,
        command: &UpdateIdentification,
        updates: &dyn Updates,
    ) -> Result<(Known, bool)> {
        let name = &command.target.name;
        for _try in 0..CONFLICT_TRIES {
            let before = self.existing(name, UPDATE).await?;
            may_update(&before, &command.target)?;
            let known = self.known(&before.identification, UPDATE).await?;
            let Some(foreseen) = updates.foresee(&Update { about: known.about(), command })? else {
                return Ok((known, false));
            };
            if self.keep_beside(&before, &foreseen).await? {
                return Ok((known, true));
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), UPDATE))
    }

    /// The vendor refused the update: whatever it has under what was foreseen is somebody else's.
    async fn keep_as_before(&self, name: &IdentificationName, known: &Known) -> Result<()> {
        let Some(keepsake) = known.about().keepsake else { return Ok(()) };
        for _try in 0..CONFLICT_TRIES {
            let record = self.existing(name, UPDATE).await?;
            let deleted = record.identification.state() == State::Deleted;
            if deleted || self.keep_beside(&record, keepsake).await? {
                return Ok(());
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), UPDATE))
    }

    /// Keeps `keepsake` of `before`. `false`: the record has changed, and may have been erased.
    async fn keep_beside(&self, before: &Record, keepsake: &Keepsake) -> Result<bool> {
        let change = RecordChange { record: before.successor(), replaces: Some(before.memory.version) };
        let mut batch = Batch { records: vec![change], ..Batch::default() };
        self.keep_safe(&mut batch, &before.name, keepsake, UPDATE)?;
        match self.append(batch).await {
            Ok(_appended) => Ok(true),
            Err(JournalError::Conflict(_)) => Ok(false),
            Err(error) => Err(store(error, UPDATE)),
        }
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
