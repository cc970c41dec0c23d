//! Documents of identifications: taken from a caller, handed to the vendor, and looked at there.

use std::sync::Arc;
use std::time::SystemTime;

use futures::Stream;

use crate::error::{Error, Kind, Result, Violation};
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::receive;
use crate::hub::request::{Entry, Once};
use crate::hub::signature::without_text;
use crate::hub::transfer::{Transfer, TransferStream};
use crate::hub::{Hub, signing, store};
use crate::journal::{Batch, JournalError, RecordChange};
use crate::model::document::{DocumentName, UpdateDocument};
use crate::model::name::IdentificationName;
use crate::model::record::{KnownDocument, Record};
use crate::model::upload::{UploadHeader, too_large};
use crate::model::validate::Checks;
use crate::proto::{
    Document, DownloadSignedDocumentRequest, DownloadSignedDocumentResponse, EventOrigin, EventType,
    GetDocumentRequest, GetDocumentResponse, IdentificationState as State, ListDocumentsRequest,
    ListDocumentsResponse, UpdateDocumentRequest, UpdateDocumentResponse, UploadDocumentHeader,
    UploadDocumentRequest, UploadDocumentResponse, VendorReference,
};
use crate::vendor::kit::spool::Spool;
use crate::vendor::{GetDocument, ListDocuments, RenameDocument, Upload, Vendor};

const UPLOAD: &str = "upload_document";
const GET: &str = "get_document";
const LIST: &str = "list_documents";
const UPDATE: &str = "update_document";
const DOWNLOAD: &str = "download_signed_document";

/// A document on its way to the vendor, whole and known to be the right one.
struct Handover {
    header: UploadHeader<DocumentName>,
    content: Arc<Spool>,
    vendor: Arc<dyn Vendor>,
    once: Once,
}

impl Hub {
    /// Takes a document and hands it to the vendor. Nothing reaches the vendor before all of it is there and has the
    /// hash that was announced; from then on the call goes to its end, also when the caller goes away.
    pub async fn upload_document(
        self: &Arc<Self>,
        caller: String,
        parts: impl Stream<Item = Result<UploadDocumentRequest>> + Send,
    ) -> Result<UploadDocumentResponse> {
        self.in_time(UPLOAD, self.upload(caller, parts)).await
    }

    async fn upload(
        self: &Arc<Self>,
        caller: String,
        parts: impl Stream<Item = Result<UploadDocumentRequest>> + Send,
    ) -> Result<UploadDocumentResponse> {
        let mut parts = Box::pin(parts);
        let said = receive::header(&mut parts).await?;
        let header = UploadHeader::<DocumentName>::parse(&said)?;
        let name = &header.name.identification;
        let vendor = self.vendor(&name.connection, UPLOAD)?;
        let spools = signing(&*vendor, UPLOAD)?.spools();
        let once = match self.enter(&caller, &said, header.request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        // Known before the content is on its way.
        room_for(&self.existing(name, UPLOAD).await?, &header, &*vendor)?;
        let content = spools.place(UPLOAD).await?.keep(receive::content(parts, header.content)).await?;
        let handover = Handover { header, content: Arc::new(content), vendor, once };
        let hub = self.clone();
        self.see_through(UPLOAD, async move { hub.hand_over(handover).await }).await
    }

    async fn hand_over(&self, handover: Handover) -> Result<UploadDocumentResponse> {
        let name = handover.header.name.identification.clone();
        // One after the other: what the next may have depends on this one.
        let _turn = self.locks.lock(&format!("upload/{name}")).await;
        let seen = self.head();
        match self.send_document(&handover).await {
            Ok(document) => self.record_upload(&handover, document).await,
            refused => {
                let refused = refused.map(|_document| UploadDocumentResponse::default());
                self.keep_answer::<UploadDocumentHeader>(&handover.once, &name, seen, refused).await
            }
        }
    }

    /// Sends the document, and asks what the vendor made of it.
    async fn send_document(&self, handover: &Handover) -> Result<Document> {
        let Handover { header, content, vendor, .. } = handover;
        let record = self.existing(&header.name.identification, UPLOAD).await?;
        room_for(&record, header, &**vendor)?;
        let reference = &record.identification.vendor_reference.unwrap_or_default();
        let upload = Upload { name: &header.name, reference, content: content.clone() };
        let sent = signing(&**vendor, UPLOAD)?.upload(upload).await;
        self.note_health_of(&**vendor, Some(&header.name.identification), sent).await?;
        let document = self.ask_for_document(&**vendor, &header.name, reference, UPLOAD).await?;
        if document.sha256 != header.content.sha256 {
            let detail =
                "the vendor shows another SHA-256 than that of the document it was sent; upload it again";
            return Err(Error::new(Kind::ContentHashMismatch, UPLOAD, detail));
        }
        Ok(document)
    }

    async fn record_upload(&self, handover: &Handover, document: Document) -> Result<UploadDocumentResponse> {
        let Handover { header, vendor, once, .. } = handover;
        let name = &header.name.identification;
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let before = self.existing(name, UPLOAD).await?;
            let mut record = before.successor();
            let definition = header.name.definition.to_string();
            record.memory.documents.retain(|known| known.definition != definition);
            record.memory.documents.push(KnownDocument {
                definition,
                size: header.content.size,
                signed: false,
            });
            let kind = EventType::DocumentUploaded;
            let event = self.document_event(vendor.account(), &record, &document, kind, EventOrigin::Api);
            let kept = UploadDocumentResponse {
                document: Some(without_text(&document)),
                ..UploadDocumentResponse::default()
            };
            let replaces = Some(before.memory.version);
            let batch = Batch {
                events: vec![event],
                requests: self.answered(once, name, Ok(&kept), seen),
                records: vec![RecordChange { record, replaces }],
                ..Batch::default()
            };
            match self.append(batch).await {
                Ok(appended) => {
                    let cursor = self.cursor(appended.place);
                    return Ok(UploadDocumentResponse { document: Some(document), cursor, replayed: false });
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, UPLOAD)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), UPLOAD))
    }

    /// One document, as the vendor has it now.
    pub async fn get_document(&self, request: &GetDocumentRequest) -> Result<GetDocumentResponse> {
        let mut checks = Checks::default();
        let name: Option<DocumentName> = checks.parse("name", &request.name);
        let Some(name) = name else { return Err(checks.refused(GET)) };
        let (vendor, reference) = self.signed_at(&name.identification, GET).await?;
        let document = self.ask_for_document(&*vendor, &name, &reference, GET).await?;
        self.show_signatures(&name.identification, &*vendor, std::slice::from_ref(&document)).await;
        Ok(GetDocumentResponse { document: Some(document) })
    }

    /// A page of the documents of one identification, as the vendor has them now, in name order.
    pub async fn list_documents(&self, request: &ListDocumentsRequest) -> Result<ListDocumentsResponse> {
        let asked = (request.page_size, request.page_token.as_str());
        let parent = |checks: &mut Checks| checks.parse("parent", &request.parent);
        let (name, page): (IdentificationName, _) = self.named_page(LIST, asked, parent)?;
        let (vendor, reference) = self.signed_at(&name, LIST).await?;
        let list = ListDocuments { name: &name, reference: &reference };
        let listed = signing(&*vendor, LIST)?.documents(list).await;
        let listed = self.note_health_of(&*vendor, Some(&name), listed).await?;
        let listed = listed.ok_or_else(|| unknown(&name, LIST))?;
        self.show_signatures(&name, &*vendor, &listed).await;
        let (documents, next_page_token) = page.of(listed, |document| &document.name);
        Ok(ListDocumentsResponse { documents, next_page_token })
    }

    /// Gives a document a display name of its own.
    pub async fn update_document(
        self: &Arc<Self>,
        request: UpdateDocumentRequest,
    ) -> Result<UpdateDocumentResponse> {
        let UpdateDocument { name, display_name } = UpdateDocument::parse(request)?;
        let hub = self.clone();
        let update = async move {
            let vendor = hub.vendor(&name.identification.connection, UPDATE)?;
            let signing = signing(&*vendor, UPDATE)?;
            let _turn = hub.locks.lock(&name.to_string()).await;
            let record = hub.existing(&name.identification, UPDATE).await?;
            takes_documents(&record, UPDATE)?;
            let reference = &record.identification.vendor_reference.unwrap_or_default();
            let rename = RenameDocument { name: &name, reference, display_name: &display_name };
            let renamed = signing.rename(rename).await;
            let renamed = hub.note_health_of(&*vendor, Some(&name.identification), renamed).await?;
            renamed.ok_or_else(|| unknown(&name, UPDATE))?;
            let document = hub.ask_for_document(&*vendor, &name, reference, UPDATE).await?;
            Ok(UpdateDocumentResponse { document: Some(document) })
        };
        self.see_through(UPDATE, update).await
    }

    /// Opens a download of the signed document, which ends at `deadline`.
    pub async fn download_signed_document(
        self: &Arc<Self>,
        request: &DownloadSignedDocumentRequest,
        deadline: Option<SystemTime>,
    ) -> Result<TransferStream<DownloadSignedDocumentResponse>> {
        let asked_for = (request.name.as_str(), request.read_offset);
        let (name, transfer): (DocumentName, _) = Transfer::parse(DOWNLOAD, asked_for, deadline)?;
        let (vendor, reference) = self.signed_at(&name.identification, DOWNLOAD).await?;
        let hub = self.clone();
        let open = async move {
            let document = hub.ask_for_document(&*vendor, &name, &reference, DOWNLOAD).await?;
            let get = GetDocument { name: &name, reference: &reference };
            let opened = signing(&*vendor, DOWNLOAD)?.open_signed(get).await;
            let content = hub.note_health_of(&*vendor, Some(&name.identification), opened).await?;
            let content = content.ok_or_else(|| unknown(&name, DOWNLOAD))?;
            hub.show_signatures(&name.identification, &*vendor, std::slice::from_ref(&document)).await;
            Ok((document, content))
        };
        self.transfer(transfer, open)
    }

    /// Tells of signatures that a caller is about to see. Who reads need not wait for a store that takes nothing now.
    async fn show_signatures(&self, name: &IdentificationName, vendor: &dyn Vendor, documents: &[Document]) {
        if let Err(error) = self.note_signatures(name, vendor, documents, EventOrigin::Api).await {
            tracing::warn!(error = %error, "A signature that was seen is not recorded; the next look will tell of it");
        }
    }

    /// Where the documents of an identification are, and how the vendor calls it.
    async fn signed_at(
        &self,
        name: &IdentificationName,
        operation: &'static str,
    ) -> Result<(Arc<dyn Vendor>, VendorReference)> {
        let vendor = self.vendor(&name.connection, operation)?;
        signing(&*vendor, operation)?;
        let identification = self.existing(name, operation).await?.identification;
        match identification.state() {
            State::Creating | State::Failed => {
                let detail = "the identification is not known to be at the vendor";
                Err(Error::new(Kind::StateNotAllowed, operation, detail))
            }
            State::Deleted => Err(gone(operation)),
            _ => Ok((vendor, identification.vendor_reference.unwrap_or_default())),
        }
    }

    async fn ask_for_document(
        &self,
        vendor: &dyn Vendor,
        name: &DocumentName,
        reference: &VendorReference,
        operation: &'static str,
    ) -> Result<Document> {
        let shown = signing(vendor, operation)?.document(GetDocument { name, reference }).await;
        let shown = self.note_health_of(vendor, Some(&name.identification), shown).await?;
        shown.ok_or_else(|| unknown(name, operation))
    }
}

/// Whether the documents of an identification may still change.
fn takes_documents(record: &Record, operation: &'static str) -> Result<()> {
    match record.identification.state() {
        State::Deleted => Err(gone(operation)),
        State::Completed => {
            let detail = "the identification is completed: nobody will sign another document";
            Err(Error::new(Kind::IdentificationCompleted, operation, detail))
        }
        State::Creating | State::Cancelled | State::Expired | State::Failed => {
            let detail = "documents are taken only while the identification is open at the vendor";
            Err(Error::new(Kind::StateNotAllowed, operation, detail))
        }
        _ => Ok(()),
    }
}

/// Whether the document may still be uploaded, and its identification has room for it.
fn room_for(record: &Record, header: &UploadHeader<DocumentName>, vendor: &dyn Vendor) -> Result<()> {
    takes_documents(record, UPLOAD)?;
    let limits = signing(vendor, UPLOAD)?.limits();
    let own = header.name.definition.as_str();
    let others = || record.memory.documents.iter().filter(|known| known.definition != own);
    if others().count() >= limits.documents {
        let expected = format!("the identification has {} documents, and may have no more", limits.documents);
        return Err(Error::invalid(UPLOAD, vec![Violation::new("header.name", expected)]));
    }
    let left = limits.total_bytes.saturating_sub(others().map(|known| known.size).sum());
    if header.content.size > left {
        let expected = format!("must be at most {left}: that is what the documents together have left");
        return Err(too_large(UPLOAD, expected));
    }
    Ok(())
}

fn gone(operation: &'static str) -> Error {
    Error::new(Kind::IdentificationGone, operation, "the identification was deleted")
}

fn unknown(name: impl std::fmt::Display, operation: &'static str) -> Error {
    Error::new(Kind::ResourceNotFound, operation, format!("the vendor knows nothing of {name}"))
}
