//! Identifications are erased, at the vendor and here; a tombstone stays.

use std::sync::Arc;

use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::hub::capability::offered;
use crate::hub::errand::{Admission, Errand};
use crate::hub::update::guard;
use crate::hub::{Hub, store};
use crate::model::change::Target;
use crate::model::lifecycle::is_open;
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::proto::{
    DeleteIdentificationRequest, DeleteIdentificationResponse, Evidence, IdentificationState as State,
};
use crate::vendor::capability::{Deleted, Deletion};

const DELETE: &str = "delete_identification";

impl Hub {
    /// Erases an identification. Goes on to the end when the caller goes away.
    ///
    /// The tombstone keeps what its owner declared free of personal data: readers find it by `external_reference` and
    /// labels as before.
    pub async fn delete_identification(
        self: &Arc<Self>,
        caller: String,
        request: DeleteIdentificationRequest,
    ) -> Result<DeleteIdentificationResponse> {
        let Target { name, .. } = Target::of_delete(&request)?;
        let vendor = self.vendor(&name.connection, DELETE)?;
        offered(&*vendor, vendor.deletions(), "delete", DELETE)?;
        let hub = self.clone();
        self.see_through(DELETE, async move { hub.run_errand(&caller, &request, name).await }).await
    }
}

impl Errand for DeleteIdentificationRequest {
    const KIND: &'static str = "delete";
    const MAKES: bool = false;

    fn request_id(&self) -> Result<Option<Uuid>> {
        Ok(Target::of_delete(self)?.request_id)
    }

    async fn admit(&self, hub: &Hub, name: &IdentificationName) -> Result<Admission> {
        let found = hub.journal.record(name).await.map_err(|error| store(error, DELETE))?;
        if self.allow_missing {
            match &found {
                None => return Ok(Admission::Done(None)),
                Some(record) if record.identification.state() == State::Deleted => {
                    return Ok(Admission::Done(Some(Box::new(record.identification.clone()))));
                }
                Some(_) => {}
            }
        }
        guard(&hub.existing(name, DELETE).await?, &Target::of_delete(self)?, DELETE)?;
        Ok(Admission::Begin(Box::default()))
    }

    async fn carry_out(&self, hub: &Hub, name: &IdentificationName, _again: bool) -> Result<Observation> {
        let vendor = hub.vendor(&name.connection, DELETE)?;
        let deletions = offered(&*vendor, vendor.deletions(), "delete", DELETE)?;
        let shown = hub.existing(name, DELETE).await?.identification;
        let known = hub.known(&shown, DELETE).await?;
        let deleted = deletions.delete(Deletion { about: known.about(), force: self.force }).await;
        match hub.note_health_of(&*vendor, Some(name), deleted).await? {
            Deleted::Now => {}
            // What is decided, or ended, and is not there any more was erased before.
            Deleted::NothingThere if !is_open(shown.state()) => {}
            Deleted::NothingThere | Deleted::NotFinished => {
                let detail = format!("the vendor erases only what is finished, and {name} is not");
                return Err(Error::new(Kind::StateNotAllowed, DELETE, detail).about(name));
            }
        }
        Ok(Observation::new(Word::Deleted, Evidence::Fetched))
    }
}
