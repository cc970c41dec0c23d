//! `idvgateway.v1.ConnectionService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::error::{Error, Violation};
use crate::hub::Hub;
use crate::model::name::{ConnectionId, NameError};
use crate::proto::connection_service_server::ConnectionService;
use crate::proto::*;
use crate::rpc::CALLER;
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;

pub(super) struct Service(pub(super) Arc<Hub>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ConnectionService for Service {
    async fn list_connections(
        &self,
        request: Request<ListConnectionsRequest>,
    ) -> Answer<ListConnectionsResponse> {
        self.0.connections(request.get_ref()).map(Response::new).map_err(status)
    }

    async fn get_connection(&self, request: Request<GetConnectionRequest>) -> Answer<GetConnectionResponse> {
        let id = parse("get_connection", &request.into_inner().name)?;
        let connection = self.0.connection(&id).map_err(status)?;
        Ok(Response::new(GetConnectionResponse { connection: Some(connection) }))
    }

    async fn check_connection(
        &self,
        request: Request<CheckConnectionRequest>,
    ) -> Answer<CheckConnectionResponse> {
        let id = parse("check_connection", &request.into_inner().name)?;
        let health = self.0.check_connection(&id).await.map_err(status)?;
        Ok(Response::new(CheckConnectionResponse { health: Some(health) }))
    }

    async fn reconcile_connection(
        &self,
        request: Request<ReconcileConnectionRequest>,
    ) -> Answer<ReconcileConnectionResponse> {
        let request = request.into_inner();
        let id = parse("reconcile_connection", &request.name)?;
        self.0.reconcile_connection(&id, &request.states).await.map(Response::new).map_err(status)
    }

    async fn issue_client_token(
        &self,
        request: Request<IssueClientTokenRequest>,
    ) -> Answer<IssueClientTokenResponse> {
        let issued = self.0.issue_client_token(CALLER.to_owned(), request.into_inner()).await;
        issued.map(Response::new).map_err(status)
    }

    async fn list_undecodable_answers(
        &self,
        request: Request<ListUndecodableAnswersRequest>,
    ) -> Answer<ListUndecodableAnswersResponse> {
        purpose(&request)?;
        self.0.list_undecodable_answers(request.get_ref()).await.map(Response::new).map_err(status)
    }
}

fn parse(operation: &'static str, name: &str) -> Result<ConnectionId, Status> {
    let refused =
        |error: NameError| Error::invalid(operation, vec![Violation::new("name", error.to_string())]);
    ConnectionId::from_name(name).map_err(|error| status(refused(error)))
}
