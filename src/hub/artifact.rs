//! Files of identifications: listed, and handed on from the vendor to a caller. Nothing of them is kept.

use std::sync::Arc;
use std::time::SystemTime;

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::page::{self, Pages};
use crate::hub::transfer::{Transfer, TransferStream};
use crate::model::name::{ArtifactName, IdentificationName};
use crate::model::validate::Checks;
use crate::proto::{
    DownloadArtifactRequest, DownloadArtifactResponse, Identification, IdentificationState as State,
    ListArtifactsRequest, ListArtifactsResponse, VendorReference,
};
use crate::vendor::{Artifacts, ListArtifacts, OpenArtifact, OpenedArtifact, Vendor};

const LIST: &str = "list_artifacts";
const DOWNLOAD: &str = "download_artifact";

/// A file of an identification that may have some.
struct Wanted {
    vendor: Arc<dyn Vendor>,
    reference: VendorReference,
    state: State,
}

impl Hub {
    /// A page of the files of one identification, as the vendor has them now.
    pub async fn list_artifacts(&self, request: &ListArtifactsRequest) -> Result<ListArtifactsResponse> {
        let mut checks = Checks::default();
        let name: Option<IdentificationName> = checks.parse("parent", &request.parent);
        let size = page::size(request.page_size, &mut checks);
        let Some(name) = name else { return Err(checks.refused(LIST)) };
        checks.finish(LIST)?;
        let pages = Pages::new(&self.journal.identity().key, LIST, &name);
        let after: usize = pages.after(&request.page_token)?.unwrap_or(0);

        let wanted = self.wanted(&name, LIST).await?;
        let list = ListArtifacts { name: &name, reference: &wanted.reference };
        let listed = wanted.files(LIST)?.list(list).await;
        let listed = self.note_health_of(&*wanted.vendor, Some(&name), listed).await?;
        let mut artifacts = listed.ok_or_else(|| wanted.nothing(LIST))?;
        let next = after.saturating_add(size);
        let next_page_token = if artifacts.len() > next { pages.token(next) } else { String::new() };
        artifacts.truncate(next);
        artifacts.drain(..after.min(artifacts.len()));
        Ok(ListArtifactsResponse { artifacts, next_page_token })
    }

    /// Opens a download, which ends at `deadline`. It goes on through a drain, as calls do.
    pub async fn download_artifact(
        self: &Arc<Self>,
        request: &DownloadArtifactRequest,
        deadline: Option<SystemTime>,
    ) -> Result<TransferStream<DownloadArtifactResponse>> {
        let asked_for = (request.name.as_str(), request.read_offset);
        let (name, transfer): (ArtifactName, _) = Transfer::parse(DOWNLOAD, asked_for, deadline)?;
        let wanted = self.wanted(&name.identification, DOWNLOAD).await?;
        let hub = self.clone();
        let open = async move {
            let OpenedArtifact { artifact, content } = hub.open_artifact(&wanted, &name).await?;
            Ok((artifact, content))
        };
        self.transfer(transfer, open)
    }

    async fn open_artifact(&self, wanted: &Wanted, name: &ArtifactName) -> Result<OpenedArtifact> {
        let open = OpenArtifact { name, reference: &wanted.reference };
        let opened = wanted.files(DOWNLOAD)?.open(open).await;
        let opened = self.note_health_of(&*wanted.vendor, Some(&name.identification), opened).await?;
        opened.ok_or_else(|| wanted.nothing(DOWNLOAD))
    }

    async fn wanted(&self, name: &IdentificationName, operation: &'static str) -> Result<Wanted> {
        let vendor = self.vendor(&name.connection, operation)?;
        let identification = self.existing(name, operation).await?.identification;
        let state = identification.state();
        let wanted = Wanted { vendor, reference: reference(identification), state };
        wanted.files(operation)?;
        match state {
            State::Creating | State::Failed | State::Expired | State::Deleted => {
                Err(wanted.nothing(operation))
            }
            _ => Ok(wanted),
        }
    }
}

fn reference(identification: Identification) -> VendorReference {
    identification.vendor_reference.unwrap_or_default()
}

impl Wanted {
    fn files(&self, operation: &'static str) -> Result<&dyn Artifacts> {
        self.vendor.artifacts().ok_or_else(|| {
            let detail = format!("{} has no files", self.vendor.account().connection.name());
            Error::new(Kind::CapabilityNotSupported, operation, detail)
        })
    }

    /// Why there are no files, told by the state.
    fn nothing(&self, operation: &'static str) -> Error {
        let (kind, detail) = match self.state {
            State::Completed | State::Expired | State::Deleted => {
                (Kind::IdentificationGone, "the vendor no longer has files of the identification")
            }
            State::Failed => (Kind::StateNotAllowed, "the identification was never made at the vendor"),
            _ => (Kind::ResultNotReady, "the identification has no files yet"),
        };
        Error::new(kind, operation, detail)
    }
}
