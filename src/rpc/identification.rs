//! `idvgateway.v1.IdentificationService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::clock::Clock;
use crate::error::{Error, Violation};
use crate::hub::Hub;
use crate::model::name::IdentificationName;
use crate::proto::identification_service_server::IdentificationService;
use crate::proto::*;
use crate::rpc::CALLER;
use crate::rpc::deadline::{deadline, timeout};
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;

pub(super) struct Service {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl IdentificationService for Service {
    async fn create_identification(
        &self,
        request: Request<CreateIdentificationRequest>,
    ) -> Answer<CreateIdentificationResponse> {
        let created = self.hub.create_identification(CALLER.to_owned(), request.into_inner()).await;
        created.map(Response::new).map_err(status)
    }

    async fn get_identification(
        &self,
        request: Request<GetIdentificationRequest>,
    ) -> Answer<GetIdentificationResponse> {
        let request = request.into_inner();
        let name = parse_name(&request.name, "get_identification")?;
        let view = IdentificationView::try_from(request.view).map_err(|_unknown| {
            let violation = Violation::new("view", "is not a view this gateway knows");
            status(Error::invalid("get_identification", vec![violation]))
        })?;
        self.hub.get_identification(&name, view).await.map(Response::new).map_err(status)
    }

    async fn refresh_identification(
        &self,
        request: Request<RefreshIdentificationRequest>,
    ) -> Answer<RefreshIdentificationResponse> {
        let left = timeout(request.metadata());
        let name = parse_name(&request.into_inner().name, "refresh_identification")?;
        self.hub.refresh_identification(&name, left).await.map(Response::new).map_err(status)
    }

    async fn list_identifications(
        &self,
        request: Request<ListIdentificationsRequest>,
    ) -> Answer<ListIdentificationsResponse> {
        self.hub.list_identifications(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn wait_identification(
        &self,
        request: Request<WaitIdentificationRequest>,
    ) -> Answer<WaitIdentificationResponse> {
        let left = timeout(request.metadata());
        self.hub.wait_identification(request.into_inner(), left).await.map(Response::new).map_err(status)
    }

    async fn update_identification(
        &self,
        request: Request<UpdateIdentificationRequest>,
    ) -> Answer<UpdateIdentificationResponse> {
        let updated = self.hub.update_identification(CALLER.to_owned(), request.into_inner()).await;
        updated.map(Response::new).map_err(status)
    }

    async fn cancel_identification(
        &self,
        request: Request<CancelIdentificationRequest>,
    ) -> Answer<CancelIdentificationResponse> {
        let cancelled = self.hub.cancel_identification(CALLER.to_owned(), request.into_inner()).await;
        cancelled.map(Response::new).map_err(status)
    }

    async fn restart_identification(
        &self,
        request: Request<RestartIdentificationRequest>,
    ) -> Answer<RestartIdentificationResponse> {
        let restarted = self.hub.restart_identification(CALLER.to_owned(), request.into_inner()).await;
        restarted.map(Response::new).map_err(status)
    }

    async fn adopt_identification(
        &self,
        request: Request<AdoptIdentificationRequest>,
    ) -> Answer<AdoptIdentificationResponse> {
        let adopted = self.hub.adopt_identification(CALLER.to_owned(), request.into_inner()).await;
        adopted.map(Response::new).map_err(status)
    }

    async fn copy_identification(
        &self,
        request: Request<CopyIdentificationRequest>,
    ) -> Answer<CopyIdentificationResponse> {
        let copied = self.hub.copy_identification(CALLER.to_owned(), request.into_inner()).await;
        copied.map(Response::new).map_err(status)
    }

    async fn archive_identification(
        &self,
        request: Request<ArchiveIdentificationRequest>,
    ) -> Answer<ArchiveIdentificationResponse> {
        let archived = self.hub.archive_identification(CALLER.to_owned(), request.into_inner()).await;
        archived.map(Response::new).map_err(status)
    }

    async fn delete_identification(
        &self,
        request: Request<DeleteIdentificationRequest>,
    ) -> Answer<DeleteIdentificationResponse> {
        let deleted = self.hub.delete_identification(CALLER.to_owned(), request.into_inner()).await;
        deleted.map(Response::new).map_err(status)
    }

    async fn get_identification_result(
        &self,
        request: Request<GetIdentificationResultRequest>,
    ) -> Answer<GetIdentificationResultResponse> {
        purpose(&request)?;
        self.hub.get_identification_result(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn list_artifacts(&self, request: Request<ListArtifactsRequest>) -> Answer<ListArtifactsResponse> {
        self.hub.list_artifacts(request.get_ref()).await.map(Response::new).map_err(status)
    }

    type DownloadArtifactStream =
        Pin<Box<dyn Stream<Item = Result<DownloadArtifactResponse, Status>> + Send>>;

    async fn download_artifact(
        &self,
        request: Request<DownloadArtifactRequest>,
    ) -> Answer<Self::DownloadArtifactStream> {
        purpose(&request)?;
        let deadline = deadline(&self.clock, request.metadata());
        let messages = self.hub.download_artifact(request.get_ref(), deadline).await.map_err(status)?;
        Ok(Response::new(Box::pin(messages.map(|message| message.map_err(status)))))
    }

    async fn get_binding_key(&self, request: Request<GetBindingKeyRequest>) -> Answer<GetBindingKeyResponse> {
        purpose(&request)?;
        let name = parse_name(&request.get_ref().name, "get_binding_key")?;
        self.hub.binding_key(&name).await.map(Response::new).map_err(status)
    }

    async fn list_activities(
        &self,
        request: Request<ListActivitiesRequest>,
    ) -> Answer<ListActivitiesResponse> {
        purpose(&request)?;
        self.hub.list_activities(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn check_invitation(
        &self,
        request: Request<CheckInvitationRequest>,
    ) -> Answer<CheckInvitationResponse> {
        self.hub.check_invitation(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn send_invitation(
        &self,
        request: Request<SendInvitationRequest>,
    ) -> Answer<SendInvitationResponse> {
        let sent = self.hub.send_invitation(CALLER.to_owned(), request.into_inner()).await;
        sent.map(Response::new).map_err(status)
    }
}

fn parse_name(name: &str, operation: &'static str) -> Result<IdentificationName, Status> {
    name.parse().map_err(|error: crate::model::name::NameError| {
        status(Error::invalid(operation, vec![Violation::new("name", error.to_string())]))
    })
}
