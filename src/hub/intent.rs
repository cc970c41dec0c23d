//! What is recorded before a creation is sent, and what may stand against it.

use std::time::Duration;

use prost::Message;

use crate::error::{Error, Kind, Result};
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::outcome::pending_id;
use crate::hub::request::Once;
use crate::hub::settle::{CREATION, KeptCall};
use crate::hub::{Hub, identifications, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, Job, JournalError, Position, RecordChange, VendorId};
use crate::model::command::CreateIdentification;
use crate::model::name::ConnectionId;
use crate::model::record::Record;
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{
    CreateIdentificationRequest, CreateIdentificationResponse, IdentificationOrigin, IdentificationState,
    InvitationStatus, ReferenceConflictPolicy as Policy, VendorReference,
};
use crate::vendor::Vendor;

const CREATE: &str = "create_identification";

/// A live call is over by then; what it left undone is taken up by the worker.
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(45);
/// A creation whose outcome is still unknown by then has failed.
pub(super) const SETTLE_HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

impl Hub {
    /// Records a creation before anything is sent: a crash from here on is found by the worker, which settles it.
    /// `Some`: the answer to give instead of creating.
    pub(super) async fn record_intent(
        &self,
        command: &CreateIdentification,
        request: &CreateIdentificationRequest,
        caller: String,
        once: &Once,
        vendor: &dyn Vendor,
    ) -> Result<Option<CreateIdentificationResponse>> {
        let kept = KeptCall { caller, request: request.encode_to_vec() };
        let keep = async |seen, outcome| {
            self.keep_answer::<CreateIdentificationRequest>(once, &command.name, seen, outcome)
                .await
                .map(Some)
        };
        for _try in 0..CONFLICT_TRIES {
            match self.instead(command).await {
                Ok(None) => {}
                Ok(Some((seen, holder))) => return keep(seen, Ok(holder)).await,
                Err(refusal) => return keep(self.head(), Err(refusal)).await,
            }
            match self.append(self.intent(command, &kept, once, vendor).await?).await {
                Ok(_appended) => return Ok(None),
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, CREATE)),
            }
            if let Some(taken) = self.taken(command).await? {
                return keep(self.head(), Err(taken)).await;
            }
        }
        Err(store(JournalError::Conflict(command.name.to_string()), CREATE))
    }

    async fn intent(
        &self,
        command: &CreateIdentification,
        kept: &KeptCall,
        once: &Once,
        vendor: &dyn Vendor,
    ) -> Result<Batch> {
        let record = self.intended(command, vendor)?;
        let name = command.name.to_string();
        let sealed = self
            .vault
            .seal(SealInput {
                connection: command.name.connection.as_str(),
                owner: &name,
                item: &pending_id(CREATION, &command.name),
                kind: "create_request",
                plaintext: &kept.encode_to_vec(),
            })
            .map_err(|error| sealing(error, CREATE))?;
        let now = self.clock.now();
        let mut schedule = self.awaken_unmatched(&record).await.map_err(|error| store(error, CREATE))?;
        schedule.push(Job {
            id: pending_id(CREATION, &command.name),
            kind: CREATION.to_owned(),
            subject: name,
            due_at: now + SETTLE_AFTER,
            attempts: 0,
            give_up_at: Some(now + SETTLE_HORIZON),
        });
        let must_be_free = must_be_free(command);
        Ok(Batch {
            records: vec![RecordChange { record, replaces: None }],
            requests: once.begin(&command.name).into_iter().collect(),
            seal: vec![sealed],
            schedule,
            unless_current: must_be_free.map(|(on, reference)| (on.clone(), reference.to_owned())),
            ..Batch::default()
        })
    }

    /// The record of a creation that nobody has answered yet.
    pub(super) fn intended(&self, command: &CreateIdentification, vendor: &dyn Vendor) -> Result<Record> {
        let mut record = self.blank_record(&command.name, vendor)?;
        let identification = &mut record.identification;
        identification.external_reference.clone_from(&command.external_reference);
        identification.labels.clone_from(&command.labels);
        let lifetime = identifications(vendor, CREATE)?.lifetime_of(command);
        identification.expire_time = Some((self.clock.now() + lifetime).into());
        identification.vendor_reference =
            Some(VendorReference { reference: command.reference(), ..VendorReference::default() });
        identification.set_origin(IdentificationOrigin::Api);
        if let Spec::Invitation(spec) = &command.spec {
            // What the vendor sends along with the creation; it takes it back with a refusal.
            identification.invitation = Some(InvitationStatus {
                delivery_method: spec.delivery_method,
                last_send_time: spec.deliver.then(|| self.timestamp()),
                send_count: spec.deliver.into(),
                vendor_state: String::new(),
            });
        }
        Ok(record)
    }

    /// What the caller wants instead when the external reference has a holder: that one, as of a position, or a
    /// refusal.
    pub(super) async fn instead(
        &self,
        command: &CreateIdentification,
    ) -> Result<Option<(Position, CreateIdentificationResponse)>> {
        let Some((connection, reference)) = must_be_free(command) else { return Ok(None) };
        let Some((seen, holder)) = self.holder(connection, reference).await? else { return Ok(None) };
        if command.reference_conflict_policy == Policy::Fail {
            let detail = format!("{} has this external_reference", holder.name);
            return Err(Error::new(Kind::ResourceExists, CREATE, detail).about(&holder.name));
        }
        let identification = Some(holder.identification);
        let cursor = self.cursor(self.place(seen).await?);
        Ok(Some((seen, CreateIdentificationResponse { identification, replayed: true, cursor })))
    }

    /// Who has an external reference, and a position after which everything about it is still to come. One that is
    /// just being created is waited for: its links come with the vendor's answer, and a refusal frees the reference.
    async fn holder(
        &self,
        connection: &ConnectionId,
        external_reference: &str,
    ) -> Result<Option<(Position, Record)>> {
        let find = async || {
            let seen = self.head();
            let found = self.journal.find_current(connection, external_reference).await;
            Ok(found.map_err(|error| store(error, CREATE))?.map(|record| (seen, record)))
        };
        match find().await? {
            Some((_, record)) if record.identification.state() == IdentificationState::Creating => {
                drop(self.settling(&record.name).await);
                find().await
            }
            found => Ok(found),
        }
    }

    /// The refusal of a creation whose name, or whose reference at the vendor, belongs to another one.
    pub(super) async fn taken(&self, command: &CreateIdentification) -> Result<Option<Error>> {
        let (name, reference) = (&command.name, command.reference());
        let mut found = self.journal.record(name).await.map_err(|error| store(error, CREATE))?;
        if found.is_none() && !reference.is_empty() {
            let adopted = self.journal.find(&name.connection, VendorId::Reference(&reference)).await;
            found = adopted
                .map_err(|error| store(error, CREATE))?
                .filter(|record| record.identification.state() != IdentificationState::Deleted);
        }
        Ok(found.map(|record| {
            let detail = format!("{} exists already", record.name);
            Error::new(Kind::ResourceExists, CREATE, detail).about(&record.name)
        }))
    }
}

/// The external reference that nobody else may have, where the caller says so.
fn must_be_free(command: &CreateIdentification) -> Option<(&ConnectionId, &str)> {
    match command.reference_conflict_policy {
        Policy::Unspecified | Policy::Allow => None,
        Policy::Fail | Policy::UseExisting => Some((&command.name.connection, &command.external_reference)),
    }
}
