//! Decided identifications move to the vendor's archive.

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
use crate::proto::{
    ArchiveIdentificationRequest, ArchiveIdentificationResponse, Evidence, IdentificationState,
};

const ARCHIVE: &str = "archive_identification";

impl Hub {
    /// Archives a completed identification at the vendor. Goes on to the end when the caller goes away.
    pub async fn archive_identification(
        self: &Arc<Self>,
        caller: String,
        request: ArchiveIdentificationRequest,
    ) -> Result<ArchiveIdentificationResponse> {
        let Target { name, .. } = Target::of_archive(&request)?;
        let vendor = self.vendor(&name.connection, ARCHIVE)?;
        offered(&*vendor, vendor.archives(), "archive", ARCHIVE)?;
        let hub = self.clone();
        self.see_through(ARCHIVE, async move { hub.run_errand(&caller, &request, name).await }).await
    }
}

impl Errand for ArchiveIdentificationRequest {
    const KIND: &'static str = "archive";
    const MAKES: bool = false;

    fn request_id(&self) -> Result<Option<Uuid>> {
        Ok(Target::of_archive(self)?.request_id)
    }

    async fn admit(&self, hub: &Hub, name: &IdentificationName) -> Result<Admission> {
        let record = hub.existing(name, ARCHIVE).await?;
        guard(&record, &Target::of_archive(self)?, ARCHIVE)?;
        let shown = record.identification;
        if shown.state() != IdentificationState::Completed {
            let detail = format!("{name} has no decision yet, and only what is decided is archived");
            return Err(Error::new(Kind::StateNotAllowed, ARCHIVE, detail).about(name));
        }
        Ok(match shown.archive_time {
            Some(_) => Admission::Done(Some(Box::new(shown))),
            None => Admission::Begin(Box::default()),
        })
    }

    async fn carry_out(&self, hub: &Hub, name: &IdentificationName, _again: bool) -> Result<Observation> {
        let vendor = hub.vendor(&name.connection, ARCHIVE)?;
        let archives = offered(&*vendor, vendor.archives(), "archive", ARCHIVE)?;
        let reference = hub.existing(name, ARCHIVE).await?.identification.vendor_reference;
        let archived = archives.archive(&reference.unwrap_or_default()).await;
        hub.note_health_of(&*vendor, Some(name), archived).await?;
        Ok(Observation::new(Word::Archived, Evidence::Fetched))
    }
}
