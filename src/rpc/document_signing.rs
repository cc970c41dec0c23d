//! `idvgateway.v1.DocumentSigningService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::clock::Clock;
use crate::hub::Hub;
use crate::proto::document_signing_service_server::DocumentSigningService;
use crate::proto::*;
use crate::rpc::CALLER;
use crate::rpc::deadline::deadline;
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;
use crate::rpc::upload::upload;

pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
}

type Answer<T> = Result<Response<T>, Status>;
type Download<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

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

    async fn upload_default_document(
        &self,
        request: Request<Streaming<UploadDefaultDocumentRequest>>,
    ) -> Answer<UploadDefaultDocumentResponse> {
        let take = |parts| self.hub.upload_default_document(CALLER.to_owned(), parts);
        upload("upload_default_document", request, take).await
    }

    type DownloadDefaultDocumentStream = Download<DownloadDefaultDocumentResponse>;

    async fn download_default_document(
        &self,
        request: Request<DownloadDefaultDocumentRequest>,
    ) -> Answer<Self::DownloadDefaultDocumentStream> {
        purpose(&request)?;
        let deadline = deadline(&self.clock, request.metadata());
        let messages =
            self.hub.download_default_document(request.get_ref(), deadline).await.map_err(status)?;
        Ok(Response::new(Box::pin(messages.map(|message| message.map_err(status)))))
    }

    async fn upload_document(
        &self,
        request: Request<Streaming<UploadDocumentRequest>>,
    ) -> Answer<UploadDocumentResponse> {
        let take = |parts| self.hub.upload_document(CALLER.to_owned(), parts);
        upload("upload_document", request, take).await
    }

    async fn get_document(&self, request: Request<GetDocumentRequest>) -> Answer<GetDocumentResponse> {
        self.hub.get_document(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn list_documents(&self, request: Request<ListDocumentsRequest>) -> Answer<ListDocumentsResponse> {
        self.hub.list_documents(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn update_document(
        &self,
        request: Request<UpdateDocumentRequest>,
    ) -> Answer<UpdateDocumentResponse> {
        self.hub.update_document(request.into_inner()).await.map(Response::new).map_err(status)
    }

    type DownloadSignedDocumentStream = Download<DownloadSignedDocumentResponse>;

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
