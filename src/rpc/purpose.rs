//! Personal data is read for a purpose: calls that return any name one of the operator's, or are refused.
//!
//! Decided here for every method that the contract marks, also for one that is not served yet: a caller then learns
//! the same from every release, and no handler can forget to ask.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::error::{Error, Kind, Result, Violation};
use crate::model::purpose::Purpose;
use crate::rpc::policy::Methods;
use crate::rpc::status::status;

/// The metadata that names the purpose.
pub const METADATA: &str = "idv-purpose";

const OPERATION: &str = "check_purpose";

/// Lets calls of methods that return personal data pass only with one of the configured purposes.
#[derive(Debug, Clone)]
pub(super) struct PurposeLayer(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    /// Paths of the methods that return personal data.
    personal: HashSet<String>,
    purposes: Vec<Purpose>,
}

impl PurposeLayer {
    /// Asks for one of `purposes` where a method of the contract needs one.
    pub(super) fn new(purposes: Vec<Purpose>, methods: &Methods) -> Self {
        let marked = methods.iter().filter(|(_path, method)| method.policy.returns_personal_data);
        let personal = marked.map(|(path, _method)| path.clone()).collect();
        Self(Arc::new(Rules { personal, purposes }))
    }
}

/// The purpose of a call that may return personal data. Without one, the call did not pass the layer: a fault of ours,
/// and nothing is handed out.
pub(super) fn purpose<T>(request: &tonic::Request<T>) -> Result<&Purpose, Status> {
    request.extensions().get().ok_or_else(|| {
        status(Error::new(Kind::GatewayFault, OPERATION, "the purpose of the call was not looked at"))
    })
}

impl Rules {
    /// The purpose of a call of `path`; `None` where none is needed.
    fn purpose(&self, path: &str, headers: &HeaderMap) -> Result<Option<Purpose>> {
        if !self.personal.contains(path) {
            return Ok(None);
        }
        if self.purposes.is_empty() {
            return Err(refused(
                "no purpose is configured, so that nobody may read personal data; the operator lists \
                 the permitted ones under [grpc] purposes",
            ));
        }
        let allowed = self.purposes.iter().map(Purpose::as_str).collect::<Vec<_>>().join(", ");
        let wanted = format!("send it once, with one of: {allowed}");
        let mut values = headers.get_all(METADATA).iter();
        let (Some(value), others) = (values.next(), values.count()) else {
            return Err(refused(&format!("is missing; {wanted}")));
        };
        let text = value.to_str().map_err(|_other| refused(&format!("is not ASCII; {wanted}")))?;
        // HTTP lets a proxy join repeated fields with commas.
        if others > 0 || text.contains(',') {
            return Err(refused(&format!("has several values; {wanted}")));
        }
        match self.purposes.iter().find(|purpose| purpose.as_str() == text) {
            Some(purpose) => Ok(Some(purpose.clone())),
            None => Err(refused(&format!("is not a purpose of this gateway; {wanted}"))),
        }
    }
}

fn refused(description: &str) -> Error {
    Error {
        violations: vec![Violation::new(METADATA, description)],
        ..Error::new(Kind::PurposeRequired, OPERATION, format!("{METADATA}: {description}"))
    }
}

impl<S> Layer<S> for PurposeLayer {
    type Service = Purposes<S>;

    fn layer(&self, inner: S) -> Purposes<S> {
        Purposes { inner, rules: self.0.clone() }
    }
}

/// See [`PurposeLayer`].
#[derive(Debug, Clone)]
pub(super) struct Purposes<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S: Service<Request<Body>, Response = Response<Body>>> Service<Request<Body>> for Purposes<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.rules.purpose(request.uri().path(), request.headers()) {
            Ok(None) => {}
            Ok(Some(purpose)) => {
                tracing::info!(
                    rpc.method = request.uri().path(),
                    rpc.purpose = %purpose,
                    "A call may return personal data"
                );
                request.extensions_mut().insert(purpose);
            }
            Err(error) => return Either::Right(ready(Ok(status(error).into_http()))),
        }
        Either::Left(self.inner.call(request))
    }
}
