//! Default documents of definitions: what people sign where nothing else was uploaded. The vendor keeps them.

use std::sync::Arc;
use std::time::SystemTime;

use futures::Stream;

use crate::error::{Error, Kind, Result};
use crate::hub::definition::missing;
use crate::hub::receive;
use crate::hub::request::{Entry, Once};
use crate::hub::transfer::{Transfer, TransferStream};
use crate::hub::{Hub, signing};
use crate::model::document::DefinitionName;
use crate::model::upload::{UploadHeader, too_large};
use crate::proto::{
    DownloadDefaultDocumentRequest, DownloadDefaultDocumentResponse, UploadDefaultDocumentHeader,
    UploadDefaultDocumentRequest, UploadDefaultDocumentResponse,
};
use crate::vendor::kit::spool::Spool;
use crate::vendor::{UploadDefault, Vendor};

const UPLOAD: &str = "upload_default_document";
const DOWNLOAD: &str = "download_default_document";

/// A default document on its way to the vendor, whole and known to be the right one.
struct Handover {
    name: DefinitionName,
    content: Arc<Spool>,
    vendor: Arc<dyn Vendor>,
    once: Once,
}

impl Hub {
    /// Takes the default document of a definition and hands it to the vendor, as [`Hub::upload_document`] does with one
    /// of an identification.
    pub async fn upload_default_document(
        self: &Arc<Self>,
        caller: String,
        parts: impl Stream<Item = Result<UploadDefaultDocumentRequest>> + Send,
    ) -> Result<UploadDefaultDocumentResponse> {
        self.in_time(UPLOAD, self.upload_default(caller, parts)).await
    }

    async fn upload_default(
        self: &Arc<Self>,
        caller: String,
        parts: impl Stream<Item = Result<UploadDefaultDocumentRequest>> + Send,
    ) -> Result<UploadDefaultDocumentResponse> {
        let mut parts = Box::pin(parts);
        let said = receive::header(&mut parts).await?;
        let UploadHeader { name, content, request_id } = UploadHeader::<DefinitionName>::parse(&said)?;
        let vendor = self.vendor(&name.connection, UPLOAD)?;
        let spools = signing(&*vendor, UPLOAD)?.spools();
        let once = match self.enter(&caller, &said, request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        // Known before the content is on its way.
        let most = signing(&*vendor, UPLOAD)?.limits().total_bytes;
        if content.size > most {
            return Err(too_large(
                UPLOAD,
                format!("must be at most {most}: all documents together have that"),
            ));
        }
        self.known_definition(&*vendor, &name, UPLOAD).await?;
        let content = spools.place(UPLOAD).await?.keep(receive::content(parts, content)).await?;
        let handover = Handover { name, content: Arc::new(content), vendor, once };
        let hub = self.clone();
        self.see_through(UPLOAD, async move { hub.hand_over_default(handover).await }).await
    }

    async fn hand_over_default(&self, handover: Handover) -> Result<UploadDefaultDocumentResponse> {
        let Handover { name, content, vendor, once } = handover;
        let _turn = self.locks.lock(&name.to_string()).await;
        let seen = self.head();
        let outcome = async {
            let upload = UploadDefault { id: &name.id, content };
            let sent = signing(&*vendor, UPLOAD)?.upload_default(upload).await;
            self.note_health(&*vendor, sent).await?.ok_or_else(|| missing(&name, UPLOAD))?;
            let definition = self.known_definition(&*vendor, &name, UPLOAD).await?;
            Ok(UploadDefaultDocumentResponse { document_definition: Some(definition), replayed: false })
        };
        let outcome = outcome.await;
        self.keep_answer::<UploadDefaultDocumentHeader>(&once, &name, seen, outcome).await
    }

    /// Opens a download of the default document of a definition, which ends at `deadline`.
    pub async fn download_default_document(
        self: &Arc<Self>,
        request: &DownloadDefaultDocumentRequest,
        deadline: Option<SystemTime>,
    ) -> Result<TransferStream<DownloadDefaultDocumentResponse>> {
        let asked_for = (request.name.as_str(), request.read_offset);
        let (name, transfer): (DefinitionName, _) = Transfer::parse(DOWNLOAD, asked_for, deadline)?;
        let vendor = self.vendor(&name.connection, DOWNLOAD)?;
        signing(&*vendor, DOWNLOAD)?;
        let hub = self.clone();
        let open = async move {
            let definition = hub.known_definition(&*vendor, &name, DOWNLOAD).await?;
            let opened = signing(&*vendor, DOWNLOAD)?.open_default(&name.id).await;
            let content = hub.note_health(&*vendor, opened).await?.ok_or_else(|| {
                let detail = format!("{name} has no default document");
                Error::new(Kind::ResourceNotFound, DOWNLOAD, detail)
            })?;
            Ok((definition, content))
        };
        self.transfer(transfer, open)
    }
}
