//! `idvgateway.biometrics.v1.BiometricsService`.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::hub::Hub;
use crate::proto::biometrics::biometrics_service_server::BiometricsService;
use crate::proto::biometrics::*;
use crate::rpc::CALLER;
use crate::rpc::purpose::purpose;
use crate::rpc::status::status;
use crate::rpc::upload::upload;

pub(super) struct Service(pub(super) Arc<Hub>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl BiometricsService for Service {
    async fn create_biometric_user(
        &self,
        request: Request<CreateBiometricUserRequest>,
    ) -> Answer<CreateBiometricUserResponse> {
        let created = self.0.create_biometric_user(CALLER.to_owned(), request.into_inner()).await;
        created.map(Response::new).map_err(status)
    }

    async fn upload_biometric_images(
        &self,
        request: Request<Streaming<UploadBiometricImagesRequest>>,
    ) -> Answer<UploadBiometricImagesResponse> {
        let take = |parts| self.0.upload_biometric_images(CALLER.to_owned(), parts);
        upload("upload_biometric_images", request, take).await
    }

    async fn enroll_biometric_user(
        &self,
        request: Request<EnrollBiometricUserRequest>,
    ) -> Answer<EnrollBiometricUserResponse> {
        purpose(&request)?;
        let enrolled = self.0.enroll_biometric_user(CALLER, request.into_inner()).await;
        enrolled.map(Response::new).map_err(status)
    }
}
