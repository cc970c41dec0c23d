//! `idvgateway.v1.IdentificationService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tonic::{Request, Response, Status};

use crate::error::{Error, Violation};
use crate::hub::Hub;
use crate::model::name::IdentificationName;
use crate::proto::identification_service_server::IdentificationService;
use crate::proto::*;
use crate::rpc::deadline::timeout;
use crate::rpc::purpose::purpose;
use crate::rpc::status::{not_served, status};

pub(super) struct Service(pub(super) Arc<Hub>);

/// Callers are not told apart: `auth = "none"` is the only way to run this release.
const CALLER: &str = "anonymous";

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl IdentificationService for Service {
    async fn create_identification(
        &self,
        request: Request<CreateIdentificationRequest>,
    ) -> Answer<CreateIdentificationResponse> {
        let created = self.0.create_identification(CALLER.to_owned(), request.into_inner()).await;
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
        self.0.get_identification(&name, view).await.map(Response::new).map_err(status)
    }

    async fn refresh_identification(
        &self,
        request: Request<RefreshIdentificationRequest>,
    ) -> Answer<RefreshIdentificationResponse> {
        let name = parse_name(&request.into_inner().name, "refresh_identification")?;
        self.0.refresh_identification(&name).await.map(Response::new).map_err(status)
    }

    async fn list_identifications(
        &self,
        request: Request<ListIdentificationsRequest>,
    ) -> Answer<ListIdentificationsResponse> {
        self.0.list_identifications(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn wait_identification(
        &self,
        request: Request<WaitIdentificationRequest>,
    ) -> Answer<WaitIdentificationResponse> {
        let left = timeout(request.metadata());
        self.0.wait_identification(request.into_inner(), left).await.map(Response::new).map_err(status)
    }

    async fn update_identification(
        &self,
        request: Request<UpdateIdentificationRequest>,
    ) -> Answer<UpdateIdentificationResponse> {
        let updated = self.0.update_identification(CALLER.to_owned(), request.into_inner()).await;
        updated.map(Response::new).map_err(status)
    }

    async fn cancel_identification(
        &self,
        request: Request<CancelIdentificationRequest>,
    ) -> Answer<CancelIdentificationResponse> {
        self.0.cancel_identification(request.get_ref()).map(Response::new).map_err(status)
    }

    async fn restart_identification(
        &self,
        request: Request<RestartIdentificationRequest>,
    ) -> Answer<RestartIdentificationResponse> {
        self.0.restart_identification(request.get_ref()).map(Response::new).map_err(status)
    }

    async fn adopt_identification(
        &self,
        request: Request<AdoptIdentificationRequest>,
    ) -> Answer<AdoptIdentificationResponse> {
        let adopted = self.0.adopt_identification(CALLER.to_owned(), request.into_inner()).await;
        adopted.map(Response::new).map_err(status)
    }

    async fn copy_identification(
        &self,
        request: Request<CopyIdentificationRequest>,
    ) -> Answer<CopyIdentificationResponse> {
        let copied = self.0.copy_identification(CALLER.to_owned(), request.into_inner()).await;
        copied.map(Response::new).map_err(status)
    }

    async fn archive_identification(
        &self,
        request: Request<ArchiveIdentificationRequest>,
    ) -> Answer<ArchiveIdentificationResponse> {
        let archived = self.0.archive_identification(CALLER.to_owned(), request.into_inner()).await;
        archived.map(Response::new).map_err(status)
    }

    async fn delete_identification(
        &self,
        request: Request<DeleteIdentificationRequest>,
    ) -> Answer<DeleteIdentificationResponse> {
        let deleted = self.0.delete_identification(CALLER.to_owned(), request.into_inner()).await;
        deleted.map(Response::new).map_err(status)
    }

    async fn get_identification_result(
        &self,
        _request: Request<GetIdentificationResultRequest>,
    ) -> Answer<GetIdentificationResultResponse> {
        Err(not_served("GetIdentificationResult"))
    }

    async fn list_artifacts(&self, _request: Request<ListArtifactsRequest>) -> Answer<ListArtifactsResponse> {
        Err(not_served("ListArtifacts"))
    }

    type DownloadArtifactStream =
        Pin<Box<dyn Stream<Item = Result<DownloadArtifactResponse, Status>> + Send>>;

    async fn download_artifact(
        &self,
        _request: Request<DownloadArtifactRequest>,
    ) -> Answer<Self::DownloadArtifactStream> {
        Err(not_served("DownloadArtifact"))
    }

    async fn get_binding_key(&self, request: Request<GetBindingKeyRequest>) -> Answer<GetBindingKeyResponse> {
        purpose(&request)?;
        let name = parse_name(&request.get_ref().name, "get_binding_key")?;
        self.0.binding_key(&name).await.map(Response::new).map_err(status)
    }

    async fn list_activities(
        &self,
        request: Request<ListActivitiesRequest>,
    ) -> Answer<ListActivitiesResponse> {
        purpose(&request)?;
        self.0.list_activities(request.get_ref()).await.map(Response::new).map_err(status)
    }

    async fn check_invitation(
        &self,
        _request: Request<CheckInvitationRequest>,
    ) -> Answer<CheckInvitationResponse> {
        Err(not_served("CheckInvitation"))
    }

    async fn send_invitation(
        &self,
        _request: Request<SendInvitationRequest>,
    ) -> Answer<SendInvitationResponse> {
        Err(not_served("SendInvitation"))
    }
}

fn parse_name(name: &str, operation: &'static str) -> Result<IdentificationName, Status> {
    name.parse().map_err(|error: crate::model::name::NameError| {
        status(Error::invalid(operation, vec![Violation::new("name", error.to_string())]))
    })
}
