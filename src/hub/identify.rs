//! Create, read and refresh identifications.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;

use crate::error::{Error, Result};
use crate::hub::learn::{MOST_QUESTIONS, has_moved};
use crate::hub::request::{Entry, Once};
use crate::hub::settle::{Creation, Try};
use crate::hub::{Hub, identifications};
use crate::model::command::CreateIdentification;
use crate::model::name::IdentificationName;
use crate::model::record::{Memory, Record};
use crate::proto::{
    CreateIdentificationRequest, CreateIdentificationResponse, EventOrigin, GetIdentificationResponse,
    Identification, IdentificationState, IdentificationView, RefreshIdentificationResponse,
};
use crate::vendor::kit::deadline::Deadline;
use crate::vendor::{Get, Vendor};

const CREATE: &str = "create_identification";
const GET: &str = "get_identification";
const REFRESH: &str = "refresh_identification";

impl Hub {
    /// Creates an identification at the vendor of its connection. Goes on to the end when the caller goes away.
    pub async fn create_identification(
        self: &Arc<Self>,
        caller: String,
        request: CreateIdentificationRequest,
    ) -> Result<CreateIdentificationResponse> {
        let hub = self.clone();
        self.see_through(CREATE, async move { hub.create(caller, request).await }).await
    }

    async fn create(
        &self,
        caller: String,
        request: CreateIdentificationRequest,
    ) -> Result<CreateIdentificationResponse> {
        let mut command = CreateIdentification::parse(request.clone(), self.clock.uuid())?;
        let vendor = self.vendor(&command.name.connection, CREATE)?;
        let violations = identifications(&*vendor, CREATE)?.check(&command);
        if !violations.is_empty() {
            return Err(Error::invalid(CREATE, violations));
        }
        if command.validate_only {
            return self.rehearse(&command, &*vendor).await;
        }
        let entry = self.enter(&caller, &request, command.request_id).await?;
        let mut response = match entry {
            Entry::Answered(first) => first,
            Entry::BrokeOff(once, name) => {
                command.name = name;
                self.take_up(&command, &*vendor, &once).await?
            }
            Entry::First(once) => {
                let _settling = self.settling(&command.name).await;
                match self.record_intent(&command, &request, caller, &once, &*vendor).await? {
                    Some(instead) => instead,
                    None => self.settle(creation(&command, &*vendor, &once), Try::First).await?,
                }
            }
        };
        self.add_links(response.identification.as_mut(), &*vendor, CREATE).await?;
        Ok(response)
    }

    /// What a creation would answer, without anything written or sent.
    async fn rehearse(
        &self,
        command: &CreateIdentification,
        vendor: &dyn Vendor,
    ) -> Result<CreateIdentificationResponse> {
        if let Some((_seen, holder)) = self.instead(command).await? {
            return Ok(holder);
        }
        if let Some(taken) = self.taken(command).await? {
            return Err(taken);
        }
        let record = self.intended(command, vendor)?;
        let cursor = self.head_cursor().await?;
        let identification = Some(record.identification);
        Ok(CreateIdentificationResponse { identification, replayed: false, cursor })
    }

    /// Settles a creation whose first call broke off before its outcome was known, under the name it chose.
    async fn take_up(
        &self,
        command: &CreateIdentification,
        vendor: &dyn Vendor,
        once: &Once,
    ) -> Result<CreateIdentificationResponse> {
        let _settling = self.settling(&command.name).await;
        // The worker may have done so while this call waited.
        if let Some(key) = once.key()
            && let Some(first) = self.first_answer::<CreateIdentificationRequest>(key).await?
        {
            return Ok(first);
        }
        let response = self.settle_again(creation(command, vendor, once)).await?;
        Ok(CreateIdentificationResponse { replayed: true, ..response })
    }

    /// A record of nothing but its name and times, in state CREATING.
    pub(super) fn blank_record(&self, name: &IdentificationName, vendor: &dyn Vendor) -> Result<Record> {
        let now = self.clock.now();
        let lifetime = identifications(vendor, CREATE)?.lifetime();
        let identification = Identification {
            name: name.to_string(),
            etag: "r0".to_owned(),
            vendor: vendor.account().vendor.into(),
            state: IdentificationState::Creating.into(),
            create_time: Some(Timestamp::from(now)),
            update_time: Some(Timestamp::from(now)),
            expire_time: Some(Timestamp::from(now + lifetime)),
            ..Identification::default()
        };
        Ok(Record { name: name.clone(), identification, memory: Memory::default() })
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
            self.add_links(Some(&mut identification), &*vendor, GET).await?;
        }
        Ok(GetIdentificationResponse { identification: Some(identification) })
    }

    /// Asks the vendor for the present state and applies it. The vendor has as long as the caller waits: `left`.
    pub async fn refresh_identification(
        &self,
        name: &IdentificationName,
        left: Option<Duration>,
    ) -> Result<RefreshIdentificationResponse> {
        let vendor = self.vendor(&name.connection, REFRESH)?;
        let deadline = left.and_then(|left| self.clock.now().checked_add(left)).map(Deadline::of_caller);
        let mut questions = 0;
        loop {
            let asked_of = self.existing(name, REFRESH).await?;
            let reference = asked_of.identification.vendor_reference.clone().unwrap_or_default();
            let get = Get { reference: &reference, deadline };
            let observation = self.ask_in_time(&*vendor, get, REFRESH).await?;
            questions += 1;
            let _turn = self.turn(&name.connection, &reference).await;
            let learned = self.learn(&*vendor, &asked_of, &observation, EventOrigin::Api).await?;
            let overtaken = learned.before.is_none() && has_moved(&asked_of, &learned.record);
            if !overtaken || questions == MOST_QUESTIONS {
                return Ok(RefreshIdentificationResponse {
                    changed: learned.before.is_some(),
                    identification: Some(learned.record.identification),
                    cursor: self.cursor(learned.place),
                });
            }
        }
    }
}

fn creation<'a>(command: &'a CreateIdentification, vendor: &'a dyn Vendor, once: &'a Once) -> Creation<'a> {
    Creation { command, vendor, key: once.key(), origin: EventOrigin::Api }
}
