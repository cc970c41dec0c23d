//! `idvgateway.onboarding.v1.OnboardingService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::hub::Hub;
use crate::proto::onboarding::onboarding_service_server::OnboardingService;
use crate::proto::onboarding::*;
use crate::rpc::CALLER;
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;

pub(super) struct Service(pub(super) Arc<Hub>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OnboardingService for Service {
    async fn create_customer(
        &self,
        request: Request<CreateCustomerRequest>,
    ) -> Answer<CreateCustomerResponse> {
        purpose(&request)?;
        let told = self.0.create_customer(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }

    async fn get_customer(&self, request: Request<GetCustomerRequest>) -> Answer<GetCustomerResponse> {
        purpose(&request)?;
        self.0.get_customer(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn update_customer(
        &self,
        request: Request<UpdateCustomerRequest>,
    ) -> Answer<UpdateCustomerResponse> {
        purpose(&request)?;
        let told = self.0.update_customer(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }

    async fn delete_customer(
        &self,
        request: Request<DeleteCustomerRequest>,
    ) -> Answer<DeleteCustomerResponse> {
        let told = self.0.delete_customer(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }

    async fn create_account(&self, request: Request<CreateAccountRequest>) -> Answer<CreateAccountResponse> {
        purpose(&request)?;
        let told = self.0.create_account(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }

    async fn update_account(&self, request: Request<UpdateAccountRequest>) -> Answer<UpdateAccountResponse> {
        purpose(&request)?;
        let told = self.0.update_account(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }

    async fn delete_account(&self, request: Request<DeleteAccountRequest>) -> Answer<DeleteAccountResponse> {
        let told = self.0.delete_account(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }

    async fn register_transaction(
        &self,
        request: Request<RegisterTransactionRequest>,
    ) -> Answer<RegisterTransactionResponse> {
        purpose(&request)?;
        let told = self.0.register_transaction(CALLER.to_owned(), request.into_inner()).await;
        told.map(Response::new).map_err(status)
    }
}
