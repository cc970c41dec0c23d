//! Create, read and refresh identifications.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use prost_types::Timestamp;
use tokio::sync::OwnedMutexGuard;

use crate::error::{Error, Kind, Result};
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::request::{KeptCreate, StoredAnswer, canonical, request_key};
use crate::hub::settle::{Creation, kept_item};
use crate::hub::{Hub, add_links, identifications, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, Job, JournalError, RecordChange, Request, RequestChange, RequestKey};
use crate::model::command::CreateIdentification;
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::IdentificationName;
use crate::model::record::{Memory, Record};
use crate::proto::{
    CreateIdentificationRequest, CreateIdentificationResponse, EventOrigin, GetIdentificationResponse,
    Identification, IdentificationOrigin, IdentificationState, IdentificationView, ReferenceConflictPolicy,
    RefreshIdentificationResponse, VendorReference,
};
use crate::vendor::Vendor;

const CREATE: &str = "create_identification";
const GET: &str = "get_identification";
const REFRESH: &str = "refresh_identification";

/// A live call is over by then; what it left undone is taken up by the worker.
const SETTLE_AFTER: Duration = Duration::from_secs(45);
/// A creation whose outcome is still unknown by then has failed.
const SETTLE_HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

impl Hub {
    /// Creates an identification at the vendor of its connection. Goes on to the end when the caller goes away.
    pub async fn create_identification(
        self: &Arc<Self>,
        caller: String,
        request: CreateIdentificationRequest,
    ) -> Result<CreateIdentificationResponse> {
        let hub = self.clone();
        let call = self.calls.spawn(async move { hub.create(caller, request).await });
        call.await.unwrap_or_else(|panic| {
            Err(Error::new(Kind::GatewayOverloaded, CREATE, "the call broke off; try again").caused_by(panic))
        })
    }

    async fn create(
        &self,
        caller: String,
        request: CreateIdentificationRequest,
    ) -> Result<CreateIdentificationResponse> {
        let payload = canonical(&request);
        let mut command = CreateIdentification::parse(request.clone(), self.clock.uuid())?;
        let vendor = self.vendor(&command.name.connection, CREATE)?;
        let violations = identifications(&*vendor, CREATE)?.check(&command);
        if !violations.is_empty() {
            return Err(Error::invalid(CREATE, violations));
        }
        if !matches!(
            command.reference_conflict_policy,
            ReferenceConflictPolicy::Unspecified | ReferenceConflictPolicy::Allow
        ) {
            let detail = "this release serves reference_conflict_policy ALLOW only";
            return Err(Error::new(Kind::CapabilityNotSupported, CREATE, detail));
        }
        if command.validate_only {
            let record = self.new_record(&command, &*vendor)?;
            let cursor = self.head_cursor().await?;
            return Ok(CreateIdentificationResponse {
                identification: Some(record.identification),
                replayed: false,
                cursor,
            });
        }
        let key = request_key(&caller, &command);
        let _turn = self.take_turn(key.as_ref())?;
        let payload_mac = self.journal.identity().key.mac("request", &payload);
        if let Some(key) = &key
            && let Some(earlier) = self.journal.request(key).await.map_err(|error| store(error, CREATE))?
        {
            return self.repeat(key, earlier, payload_mac, &mut command, &*vendor).await;
        }
        self.record_intent(&command, &request, caller, payload_mac, &*vendor).await?;
        self.settle(Creation {
            command: &command,
            vendor: &*vendor,
            key: key.as_ref(),
            origin: EventOrigin::Api,
        })
        .await
    }

    /// Keeps a repeat of a running request out.
    fn take_turn(&self, key: Option<&RequestKey>) -> Result<Option<OwnedMutexGuard<()>>> {
        let Some(key) = key else { return Ok(None) };
        let name = format!("request/{}/{}/{}", key.caller, key.method, key.request_id);
        self.locks.try_lock(&name).map(Some).ok_or_else(|| {
            Error::new(Kind::RequestInProgress, CREATE, "a call with this request_id is still running")
                .retry_after(Duration::from_secs(1))
        })
    }

    async fn repeat(
        &self,
        key: &RequestKey,
        earlier: Request,
        payload_mac: [u8; 32],
        command: &mut CreateIdentification,
        vendor: &dyn Vendor,
    ) -> Result<CreateIdentificationResponse> {
        if earlier.payload_mac != payload_mac {
            let detail = "this request_id was used with another request; use a new one";
            return Err(Error::new(Kind::RequestIdReused, CREATE, detail));
        }
        if let Some(answer) = earlier.answer {
            let mut response: CreateIdentificationResponse = StoredAnswer::decode(&answer.bytes, CREATE)?;
            response.identification.iter_mut().for_each(|identification| add_links(identification, vendor));
            let place = self.journal.place(answer.position).await.map_err(|error| store(error, CREATE))?;
            let cursor = place.map(|place| self.cursor(place)).unwrap_or_default();
            return Ok(CreateIdentificationResponse { replayed: true, cursor, ..response });
        }
        // The first call broke off before its outcome was known: settle it under the name it chose.
        command.name = earlier.subject.parse().map_err(|error| {
            Error::new(Kind::StoreUnavailable, CREATE, "a kept request is damaged").caused_by(error)
        })?;
        let creation = Creation { command, vendor, key: Some(key), origin: EventOrigin::Api };
        let response = self.settle_again(creation).await?;
        Ok(CreateIdentificationResponse { replayed: true, ..response })
    }

    fn new_record(&self, command: &CreateIdentification, vendor: &dyn Vendor) -> Result<Record> {
        let now = self.clock.now();
        let lifetime = identifications(vendor, CREATE)?.lifetime();
        let identification = Identification {
            name: command.name.to_string(),
            etag: "r0".to_owned(),
            external_reference: command.external_reference.clone(),
            labels: command.labels.clone(),
            vendor: vendor.account().vendor.into(),
            vendor_reference: Some(VendorReference {
                reference: command.name.id.to_string(),
                ..VendorReference::default()
            }),
            state: IdentificationState::Creating.into(),
            create_time: Some(Timestamp::from(now)),
            update_time: Some(Timestamp::from(now)),
            expire_time: Some(Timestamp::from(now + lifetime)),
            origin: IdentificationOrigin::Api.into(),
            ..Identification::default()
        };
        Ok(Record { name: command.name.clone(), identification, memory: Memory::default() })
    }

    /// Before anything is sent: a crash from here on is found by the worker, which settles the creation.
    async fn record_intent(
        &self,
        command: &CreateIdentification,
        request: &CreateIdentificationRequest,
        caller: String,
        payload_mac: [u8; 32],
        vendor: &dyn Vendor,
    ) -> Result<()> {
        let record = self.new_record(command, vendor)?;
        let name = command.name.to_string();
        let kept = KeptCreate { caller, request: request.encode_to_vec() };
        let sealed = self
            .vault
            .seal(SealInput {
                connection: command.name.connection.as_str(),
                owner: &name,
                item: &kept_item(&command.name),
                kind: "create_request",
                plaintext: &kept.encode_to_vec(),
            })
            .map_err(|error| sealing(error, CREATE))?;
        let now = self.clock.now();
        let mut schedule = self.awaken_unmatched(&record).await.map_err(|error| store(error, CREATE))?;
        schedule.push(Job {
            id: format!("settle/{name}"),
            kind: "settle".to_owned(),
            subject: name.clone(),
            due_at: now + SETTLE_AFTER,
            attempts: 0,
            give_up_at: Some(now + SETTLE_HORIZON),
        });
        let batch = Batch {
            records: vec![RecordChange { record, replaces: None }],
            requests: request_key(&kept.caller, command)
                .map(|key| RequestChange::Begin { key, payload_mac, subject: name.clone() })
                .into_iter()
                .collect(),
            seal: vec![sealed],
            schedule,
            ..Batch::default()
        };
        match self.append(batch).await {
            Ok(_appended) => Ok(()),
            Err(JournalError::Conflict(_)) => {
                Err(Error::new(Kind::ResourceExists, CREATE, format!("{name} exists already")))
            }
            Err(error) => Err(store(error, CREATE)),
        }
    }

    /// The gateway's record. `view` FULL adds the links the person may start with.
    pub async fn get_identification(
        &self,
        name: &IdentificationName,
        view: IdentificationView,
    ) -> Result<GetIdentificationResponse> {
        let vendor = self.vendor(&name.connection, GET)?;
        let mut identification = self.existing(name, GET).await?.identification;
        if view == IdentificationView::Full {
            add_links(&mut identification, &*vendor);
        }
        Ok(GetIdentificationResponse { identification: Some(identification) })
    }

    /// Asks the vendor for the present state and applies it.
    pub async fn refresh_identification(
        &self,
        name: &IdentificationName,
    ) -> Result<RefreshIdentificationResponse> {
        let vendor = self.vendor(&name.connection, REFRESH)?;
        let reference =
            self.existing(name, REFRESH).await?.identification.vendor_reference.unwrap_or_default();
        let observation = self.ask(&*vendor, &reference, REFRESH).await?;
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let record = self.existing(name, REFRESH).await?;
            let Verdict::Change(change) = judge(&record, &observation, self.timestamp()) else {
                return Ok(RefreshIdentificationResponse {
                    identification: Some(record.identification),
                    changed: false,
                    cursor: self.head_cursor().await?,
                });
            };
            let mut batch = Batch::default();
            let cause = Cause::new(EventOrigin::Api);
            self.evolve(&mut batch, vendor.account(), &record, &change, &observation, &cause);
            match self.append(batch).await {
                Ok(appended) => {
                    return Ok(RefreshIdentificationResponse {
                        identification: Some(change.record.identification),
                        changed: true,
                        cursor: self.cursor(appended.place),
                    });
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, REFRESH)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), REFRESH))
    }
}
