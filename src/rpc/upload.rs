//! Requests that are files: a header, then what follows it in pieces.

use std::sync::{Arc, OnceLock};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::error::{Error, Kind};
use crate::rpc::status::status;

/// The methods whose requests are files.
pub(super) const UPLOADS: [&str; 3] = [
    "/idvgateway.v1.DocumentSigningService/UploadDefaultDocument",
    "/idvgateway.v1.DocumentSigningService/UploadDocument",
    "/idvgateway.biometrics.v1.BiometricsService/UploadBiometricImages",
];

/// Lets `take` have the parts of an upload. What broke their stream off says more than that it broke off.
pub(super) async fn upload<P, R, F>(
    operation: &'static str,
    request: Request<Streaming<P>>,
    take: impl FnOnce(BoxStream<'static, Result<P, Error>>) -> F,
) -> Result<Response<R>, Status>
where
    P: Send + 'static,
    F: Future<Output = Result<R, Error>>,
{
    let broken = Arc::new(OnceLock::new());
    let seen = broken.clone();
    let parts = request.into_inner().map(move |part| {
        part.map_err(|refused| {
            seen.get_or_init(|| refused);
            Error::new(Kind::ValidationFailed, operation, "the upload broke off")
        })
    });
    let uploaded = take(parts.boxed()).await;
    uploaded.map(Response::new).map_err(|error| broken.get().cloned().unwrap_or_else(|| status(error)))
}
