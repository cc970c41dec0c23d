//! The creation at the vendor and its outcome, for a live call and for one that broke off.

use std::time::{Duration, SystemTime};

use prost::Message;
use tokio::sync::OwnedMutexGuard;

use crate::error::{Error, Kind, Result};
use crate::hub::job::{Outcome, parse_subject};
use crate::hub::outcome::{Pending, leaves_doubt, may_be_made, pending_id};
use crate::hub::request::Mutation;
use crate::hub::{Hub, identifications, sealing, store};
use crate::journal::{Batch, Job, JournalError, RecordChange, RequestKey};
use crate::model::command::CreateIdentification;
use crate::model::lifecycle::is_open;
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    CreateIdentificationRequest, CreateIdentificationResponse, EventOrigin, Evidence, IdentificationState,
    VendorReference,
};
use crate::vendor::{Create, Created, Idempotency, Vendor};

const SETTLE: &str = "create_identification";
/// Of its job, and of the sealed item that holds its request.
pub(super) const CREATION: &str = "settle";
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// A request while its outcome at the vendor is not known; sealed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeptCall {
    /// Who asked.
    #[prost(string, tag = "1")]
    pub(super) caller: String,
    /// The encoded request.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) request: Vec<u8>,
}

/// A creation under way.
#[derive(Clone, Copy)]
pub(super) struct Creation<'a> {
    pub(super) command: &'a CreateIdentification,
    pub(super) vendor: &'a dyn Vendor,
    /// Where its answer is kept, when the caller may repeat it.
    pub(super) key: Option<&'a RequestKey>,
    pub(super) origin: EventOrigin,
}

/// Whether a creation may have reached the vendor before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    First,
    Again,
}

impl<'a> Creation<'a> {
    fn pending(&self) -> Pending<'a> {
        let Creation { command, vendor, key, origin } = *self;
        Pending { name: &command.name, vendor, key, origin, kind: CREATION, makes: true }
    }
}

impl Hub {
    /// Waits until nobody else sends this creation or records what came of it.
    pub(super) async fn settling(&self, name: &IdentificationName) -> OwnedMutexGuard<()> {
        self.locks.lock(&format!("settle/{name}")).await
    }

    /// Sends the creation and records what came of it.
    pub(super) async fn settle(
        &self,
        creation: Creation<'_>,
        which: Try,
    ) -> Result<CreateIdentificationResponse> {
        let idempotency = identifications(creation.vendor, SETTLE)?.idempotency();
        match self.send(creation, which).await {
            Err(error) if may_be_made(&error, idempotency) => {
                self.record_doubt(&creation.command.name).await?;
                Err(error)
            }
            said => self.record_outcome::<CreateIdentificationRequest>(creation.pending(), said).await,
        }
    }

    /// Goes on with a creation that broke off before it was answered, as far as its vendor allows.
    pub(super) async fn settle_again(&self, creation: Creation<'_>) -> Result<CreateIdentificationResponse> {
        let state = self.existing(&creation.command.name, SETTLE).await?.identification.state();
        match (identifications(creation.vendor, SETTLE)?.idempotency(), state) {
            (Idempotency::None, IdentificationState::Creating) => self.end_creation(creation).await,
            (_, IdentificationState::Creating) => {
                self.record_doubt(&creation.command.name).await?;
                self.settle(creation, Try::Again).await
            }
            // A webhook has proven that it exists. What its connector needs for later calls only the vendor can tell.
            (Idempotency::CheckFirst, state) if is_open(state) => {
                match self.send(creation, Try::Again).await {
                    Err(error) if leaves_doubt(&error) => Err(error),
                    Err(_refused) => self.end_creation(creation).await,
                    found => {
                        self.record_outcome::<CreateIdentificationRequest>(creation.pending(), found).await
                    }
                }
            }
            _ => self.end_creation(creation).await,
        }
    }

    /// Ends a creation that the vendor is not asked about any more: it failed, unless a webhook has proven meanwhile
    /// that the vendor made it.
    async fn end_creation(&self, creation: Creation<'_>) -> Result<CreateIdentificationResponse> {
        let state = self.existing(&creation.command.name, SETTLE).await?.identification.state();
        let said = if state == IdentificationState::Creating {
            let detail = "whether the vendor created it is not known and it will not be sent again";
            Err(Error::new(Kind::VendorOutcomeUnknown, SETTLE, detail))
        } else {
            Ok(Observation::new(Word::Accepted, Evidence::Gateway).into())
        };
        self.record_outcome::<CreateIdentificationRequest>(creation.pending(), said).await
    }

    async fn send(&self, Creation { command, vendor, .. }: Creation<'_>, which: Try) -> Result<Created> {
        let identifications = identifications(vendor, SETTLE)?;
        let create = Create { command };
        let sent = match which {
            Try::First => identifications.create(create).await,
            Try::Again => identifications.create_again(create).await,
        };
        let sent = self.note_health_of(vendor, Some(&command.name), sent).await;
        let taken = matches!(&sent, Err(error) if error.kind == Kind::ResourceExists);
        let blindly = identifications.idempotency() == Idempotency::UpsertByReference;
        if !taken || which == Try::First || !blindly {
            return sent;
        }
        // The person may be done: the vendor then refuses to touch what we made.
        let reference = VendorReference { reference: command.reference(), ..VendorReference::default() };
        let answer = self.ask(vendor, &reference, SETTLE).await?;
        if answer.word == Word::NotStarted { sent } else { Ok(answer.into()) }
    }

    /// Marks a creation whose outcome nobody knows; the worker goes on with it.
    pub(super) async fn record_doubt(&self, name: &IdentificationName) -> Result<()> {
        let _turn = self.locks.lock(&name.to_string()).await;
        let before = self.existing(name, SETTLE).await?;
        if before.identification.state() != IdentificationState::Creating || before.identification.in_doubt {
            return Ok(());
        }
        let mut record = before.successor();
        record.identification.in_doubt = true;
        let replaces = Some(before.memory.version);
        let batch = Batch { records: vec![RecordChange { record, replaces }], ..Batch::default() };
        match self.append(batch).await {
            // A webhook has just proven that it exists: no doubt is left.
            Ok(_) | Err(JournalError::Conflict(_)) => Ok(()),
            Err(error) => Err(store(error, SETTLE)),
        }
    }

    /// The job for a creation that a crash or a silent vendor left open.
    pub(super) async fn settle_later(&self, job: &Job) -> Result<Outcome> {
        let name: IdentificationName = parse_subject(job)?;
        let _settling = self.settling(&name).await;
        let Some(record) = self.journal.record(&name).await.map_err(|error| store(error, SETTLE))? else {
            return Ok(Outcome::Done);
        };
        let Some((command, key)) = self.kept_create(&record).await? else {
            return Ok(Outcome::Done);
        };
        let vendor = self.vendor(&name.connection, SETTLE)?;
        let creation =
            Creation { command: &command, vendor: &*vendor, key: key.as_ref(), origin: EventOrigin::Timer };
        let settled = if self.horizon_passed(job) {
            self.end_creation(creation).await
        } else {
            self.settle_again(creation).await
        };
        match settled {
            // An outcome that was recorded, good or bad, has taken the kept request away.
            Err(error) if self.kept_create(&record).await?.is_some() => {
                let wait = self.backoff(job.attempts + 4, LONGEST_WAIT);
                Ok(Outcome::Again(error.retry_after.map_or(wait, |asked| asked.max(wait))))
            }
            Ok(_) | Err(_) => Ok(Outcome::Done),
        }
    }

    /// Whether the creation of `name` is not sent any more.
    pub(super) async fn is_settled(&self, name: &IdentificationName) -> Result<bool> {
        let kept = self.journal.sealed(&pending_id(CREATION, name)).await;
        Ok(kept.map_err(|error| store(error, SETTLE))?.is_none())
    }

    pub(super) fn horizon_passed(&self, job: &Job) -> bool {
        job.give_up_at.is_some_and(|time: SystemTime| time <= self.clock.now())
    }

    async fn kept_create(
        &self,
        record: &Record,
    ) -> Result<Option<(CreateIdentification, Option<RequestKey>)>> {
        let damaged = |error: prost::DecodeError| {
            Error::new(Kind::StoreUnavailable, SETTLE, "a kept request is damaged").caused_by(error)
        };
        let item = pending_id(CREATION, &record.name);
        let Some(sealed) = self.journal.sealed(&item).await.map_err(|error| store(error, SETTLE))? else {
            return Ok(None);
        };
        let bytes = self.vault.open(&sealed).map_err(|error| sealing(error, SETTLE))?;
        let kept = KeptCall::decode(&bytes[..]).map_err(damaged)?;
        let request = CreateIdentificationRequest::decode(kept.request.as_slice()).map_err(damaged)?;
        let mut command = CreateIdentification::parse(request, record.name.id)?;
        command.name = record.name.clone();
        let key = command.request_id.map(|request_id| RequestKey {
            caller: kept.caller,
            method: CreateIdentificationRequest::METHOD,
            request_id,
        });
        Ok(Some((command, key)))
    }
}
