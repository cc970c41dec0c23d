//! Identifications are ended for good, at the vendor and here.

use std::sync::Arc;

use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::capability::offered;
use crate::hub::errand::{Admission, Errand};
use crate::hub::update::guard;
use crate::model::change::Target;
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    CancelIdentificationRequest, CancelIdentificationResponse, Evidence, IdentificationState as State,
};
use crate::vendor::capability::Cancellation;

const CANCEL: &str = "cancel_identification";

impl Hub {
    /// Ends an identification for good. Goes on to the end when the caller goes away.
    pub async fn cancel_identification(
        self: &Arc<Self>,
        caller: String,
        request: CancelIdentificationRequest,
    ) -> Result<CancelIdentificationResponse> {
        let Target { name, .. } = Target::of_cancel(&request)?;
        let vendor = self.vendor(&name.connection, CANCEL)?;
        let violations = offered(&*vendor, vendor.cancellations(), "cancel", CANCEL)?.check(&request.reason);
        if !violations.is_empty() {
            return Err(Error::invalid(CANCEL, violations));
        }
        let hub = self.clone();
        self.see_through(CANCEL, async move { hub.run_errand(&caller, &request, name).await }).await
    }
}

impl Errand for CancelIdentificationRequest {
    const KIND: &'static str = "cancel";
    const MAKES: bool = false;

    fn request_id(&self) -> Result<Option<Uuid>> {
        Ok(Target::of_cancel(self)?.request_id)
    }

    async fn admit(&self, hub: &Hub, name: &IdentificationName) -> Result<Admission> {
        drop(hub.settling(name).await);
        let record = hub.existing(name, CANCEL).await?;
        guard(&record, &Target::of_cancel(self)?, CANCEL)?;
        Ok(match record.identification.state() {
            State::Cancelled => Admission::Done(Some(Box::new(record.identification))),
            // Who is not known to the vendor yet is cancelled as soon as that is settled.
            State::Creating => Admission::Begin(Box::default()),
            _ => may_cancel(&record).map(|()| Admission::Begin(Box::default()))?,
        })
    }

    async fn carry_out(&self, hub: &Hub, name: &IdentificationName, again: bool) -> Result<Observation> {
        let vendor = hub.vendor(&name.connection, CANCEL)?;
        let cancellations = offered(&*vendor, vendor.cancellations(), "cancel", CANCEL)?;
        let record = hub.existing(name, CANCEL).await?;
        let cancelled = Observation::new(Word::Cancelled, Evidence::Gateway);
        match record.identification.state() {
            State::Cancelled => return Ok(cancelled),
            // The creation may be sent again, and would make anew what is cancelled now.
            state if state == State::Creating || !hub.is_settled(name).await? => {
                let detail =
                    "the vendor has not confirmed the creation; it is cancelled as soon as that is settled";
                return Err(Error::new(Kind::VendorOutcomeUnknown, CANCEL, detail).about(name));
            }
            // An earlier try may have reached the vendor: it knows better.
            _ if again => {}
            _ => may_cancel(&record)?,
        }
        let known = hub.known(&record.identification, CANCEL).await?;
        let cancellation = Cancellation { about: known.about(), reason: &self.reason };
        let sent = cancellations.cancel(cancellation).await;
        hub.note_health_of(&*vendor, Some(name), sent).await?;
        Ok(cancelled)
    }
}

fn may_cancel(record: &Record) -> Result<()> {
    let name = &record.name;
    let detail = match record.identification.state() {
        State::AwaitingUser | State::InProgress | State::AwaitingRetry => return Ok(()),
        State::InReview => format!("the person of {name} is done, and the vendor decides"),
        _ => format!("{name} has ended"),
    };
    Err(Error::new(Kind::StateNotAllowed, CANCEL, detail).about(name))
}
