//! `idvgateway.v1.DocumentSigningService`.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::hub::Hub;
use crate::proto::document_signing_service_server::DocumentSigningService;
use crate::proto::*;
use crate::rpc::CALLER;
use crate::rpc::deadline::deadline;
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;

/// The method whose requests are files.
pub(super) const UPLOAD: &str = "/idvgateway.v1.DocumentSigningService/UploadDocument";

pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl DocumentSigningService for Service {
    async fn create_document_definition(
        &self,
        request: Request<CreateDocumentDefinitionRequest>,
    ) -> Answer<CreateDocumentDefinitionResponse> {
        let created = self.hub.create_document_definition(CALLER.to_owned(), request.into_inner()).await;
        created.map(Response::new).map_err(status)
    }

    async fn get_document_definition(
        &self,
        request: Request<GetDocumentDefinitionRequest>,
    ) -> Answer<GetDocumentDefinitionResponse> {
        self.hub.get_document_definition(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn list_document_definitions(
        &self,
        request: Request<ListDocumentDefinitionsRequest>,
    ) -> Answer<ListDocumentDefinitionsResponse> {
        self.hub.list_document_definitions(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn update_document_definition(
        &self,
        request: Request<UpdateDocumentDefinitionRequest>,
    ) -> Answer<UpdateDocumentDefinitionResponse> {
        self.hub.update_document_definition(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn delete_document_definition(
        &self,
        request: Request<DeleteDocumentDefinitionRequest>,
    ) -> Answer<DeleteDocumentDefinitionResponse> {
        self.hub.delete_document_definition(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn upload_document(
        &self,
        request: Request<Streaming<UploadDocumentRequest>>,
    ) -> Answer<UploadDocumentResponse> {
        // What broke the stream off says more than that it broke off.
        let broken = Arc::new(OnceLock::new());
        let parts = {
            let broken = broken.clone();
            request.into_inner().map(move |part| {
                part.map_err(|refused| {
                    broken.get_or_init(|| refused);
                    Error::new(Kind::ValidationFailed, "upload_document", "the upload broke off")
                })
            })
        };
        let uploaded = self.hub.upload_document(CALLER.to_owned(), parts).await;
        uploaded.map(Response::new).map_err(|error| broken.get().cloned().unwrap_or_else(|| status(error)))
    }

    async fn get_document(&self, request: Request<GetDocumentRequest>) -> Answer<GetDocumentResponse> {
        self.hub.get_document(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn list_documents(&self, request: Request<ListDocumentsRequest>) -> Answer<ListDocumentsResponse> {
        self.hub.list_documents(request.get_ref()).await.map(Response::new).map_err(status)
    }

    type DownloadSignedDocumentStream =
        Pin<Box<dyn Stream<Item = Result<DownloadSignedDocumentResponse, Status>> + Send>>;

    async fn download_signed_document(
        &self,
        request: Request<DownloadSignedDocumentRequest>,
    ) -> Answer<Self::DownloadSignedDocumentStream> {
        purpose(&request)?;
        let deadline = deadline(&self.clock, request.metadata());
        let messages =
            self.hub.download_signed_document(request.get_ref(), deadline).await.map_err(status)?;
        Ok(Response::new(Box::pin(messages.map(|message| message.map_err(status)))))
    }
}
