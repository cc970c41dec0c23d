//! Files of identifications: listed, and handed on from the vendor to a caller. Nothing of them is kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Buf as _, BytesMut};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::error::{Error, Kind, Result};
use crate::hub::page::{self, Pages};
use crate::hub::Hub;
use crate::model::name::{ArtifactName, IdentificationName};
use crate::model::validate::Checks;
use crate::proto::download_artifact_response::Part;
use crate::proto::{
    ContentDigest, DownloadArtifactRequest, DownloadArtifactResponse, Identification, IdentificationState as State,
    ListArtifactsRequest, ListArtifactsResponse, VendorReference,
};
use crate::vendor::{Artifacts, ListArtifacts, OpenArtifact, OpenedArtifact, Vendor};

const LIST: &str = "list_artifacts";
const DOWNLOAD: &str = "download_artifact";

/// Bytes of one chunk; only the last is shorter.
const CHUNK: usize = 64 * 1024;
/// How long a download may take when its caller sets no deadline, as the contract says.
const DEFAULT_TIME: Duration = Duration::from_secs(300);
/// How long a download may take whatever its caller says.
const LONGEST_TIME: Duration = Duration::from_hours(1);
/// A reader that takes nothing for so long is dropped.
const SLOWEST_READER: Duration = Duration::from_secs(60);

/// A download as the door sends it: messages, or the error that ends it.
pub type ArtifactStream = ReceiverStream<Result<DownloadArtifactResponse>>;

/// A file of an identification that may have some.
struct Wanted {
    vendor: Arc<dyn Vendor>,
    reference: VendorReference,
    state: State,
}

/// One download under way.
struct Download {
    hub: Arc<Hub>,
    wanted: Wanted,
    name: ArtifactName,
    offset: u64,
    sender: mpsc::Sender<Result<DownloadArtifactResponse>>,
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
        let listed = self.note_health(&*wanted.vendor, listed).await?;
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
    ) -> Result<ArtifactStream> {
        let mut checks = Checks::default();
        let name: Option<ArtifactName> = checks.parse("name", &request.name);
        let offset = u64::try_from(request.read_offset);
        if offset.is_err() {
            checks.refuse("read_offset", "must be 0 or more");
        }
        let (Some(name), Ok(offset)) = (name, offset) else { return Err(checks.refused(DOWNLOAD)) };
        if self.drain.is_cancelled() {
            let detail = "the gateway is shutting down; download it from another one";
            return Err(Error::new(Kind::GatewayDraining, DOWNLOAD, detail));
        }
        let wanted = self.wanted(&name.identification, DOWNLOAD).await?;
        let now = self.clock.now();
        let ends_at = deadline.unwrap_or(now + DEFAULT_TIME).min(now + LONGEST_TIME);
        // One message on its way, and the last word, which must not wait for room.
        let (sender, receiver) = mpsc::channel(2);
        let download = Download { hub: self.clone(), wanted, name, offset, sender };
        self.calls.spawn(download.run(ends_at));
        Ok(ReceiverStream::new(receiver))
    }

    async fn wanted(&self, name: &IdentificationName, operation: &'static str) -> Result<Wanted> {
        let vendor = self.vendor(&name.connection, operation)?;
        let identification = self.existing(name, operation).await?.identification;
        let state = identification.state();
        let wanted = Wanted { vendor, reference: reference(identification), state };
        wanted.files(operation)?;
        match state {
            State::Creating | State::Failed | State::Expired | State::Deleted => Err(wanted.nothing(operation)),
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

impl Download {
    async fn run(self, ends_at: SystemTime) {
        let Ok(last_word) = self.sender.clone().reserve_owned().await else { return };
        // Dropping the work ends the vendor's transfer, and everything that was kept for it.
        let sent = tokio::select! {
            biased;
            sent = self.serve() => sent,
            () = self.sender.closed() => return,
            () = self.hub.clock.sleep_until(ends_at) => {
                let detail = "the deadline of the call has passed";
                Err(Error::new(Kind::DeadlineExceeded, DOWNLOAD, detail))
            }
        };
        last_word.send(sent.map(|digest| message(Part::Trailer(digest))));
    }

    /// Sends everything but the trailer, which it returns.
    async fn serve(&self) -> Result<ContentDigest> {
        let OpenedArtifact { artifact, mut content } = self.open().await?;
        let (mut buffer, mut skip) = (BytesMut::new(), self.offset);
        while skip > 0 {
            let mut piece = content.next().await.transpose()?.ok_or_else(beyond_the_end)?;
            let passed = piece.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            piece.advance(passed);
            skip -= passed as u64;
            buffer.extend_from_slice(&piece);
        }
        self.deliver(Part::Header(artifact)).await?;
        let (mut hash, mut size_bytes) = (Context::new(&SHA256), 0);
        let mut more = true;
        while more || !buffer.is_empty() {
            if more && buffer.len() < CHUNK {
                let piece = content.next().await.transpose()?;
                more = piece.is_some();
                buffer.extend_from_slice(&piece.unwrap_or_default());
                continue;
            }
            let chunk = buffer.split_to(CHUNK.min(buffer.len()));
            hash.update(&chunk);
            size_bytes += chunk.len() as i64;
            self.deliver(Part::Chunk(chunk.to_vec())).await?;
        }
        Ok(ContentDigest { size_bytes, sha256: hash.finish().as_ref().to_vec() })
    }

    async fn open(&self) -> Result<OpenedArtifact> {
        let open = OpenArtifact { name: &self.name, reference: &self.wanted.reference };
        let opened = self.wanted.files(DOWNLOAD)?.open(open).await;
        let opened = self.hub.note_health(&*self.wanted.vendor, opened).await?;
        opened.ok_or_else(|| self.wanted.nothing(DOWNLOAD))
    }

    async fn deliver(&self, part: Part) -> Result<()> {
        tokio::select! {
            biased;
            // A caller that has gone is noticed by whoever runs this.
            _sent = self.sender.send(Ok(message(part))) => Ok(()),
            () = self.hub.clock.sleep(SLOWEST_READER) => {
                let detail = "the reader took nothing for 60 s; resume with read_offset";
                Err(Error::new(Kind::SlowConsumer, DOWNLOAD, detail))
            }
        }
    }
}

fn message(part: Part) -> DownloadArtifactResponse {
    DownloadArtifactResponse { part: Some(part) }
}

fn beyond_the_end() -> Error {
    let mut checks = Checks::default();
    checks.refuse("read_offset", "must not lie behind the end of the file");
    checks.refused(DOWNLOAD)
}
