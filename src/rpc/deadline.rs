//! The end of calls: their caller's deadline, or the contract's default.
//!
//! tonic knows no defaults, cuts a unary call off without details, and lets response streams run on.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture, Either};
use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tower::{Layer, Service};

use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::rpc::policy::{Method, Methods};
use crate::rpc::status::status;

const OPERATION: &str = "keep_deadline";
/// What the answer is given to reach the caller while it still listens, and before tonic gives up too; of a short time
/// no more than a tenth.
const ON_THE_WAY: Duration = Duration::from_millis(50);

/// Ends calls that are not answered in time. What they have begun in the hub and is to be seen through goes on.
#[derive(Debug, Clone)]
pub(super) struct DeadlineLayer {
    clock: Clock,
    /// How long the methods with one answer may take, by their paths, where the caller says nothing.
    defaults: Arc<HashMap<String, Duration>>,
}

impl DeadlineLayer {
    /// Reads the defaults off the methods of the contract.
    pub(super) fn new(clock: Clock, methods: &Methods) -> Self {
        let seconds = |seconds: i32| u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        let default = |(path, method): (&String, &Method)| {
            let seconds = seconds(method.policy.default_deadline_seconds).filter(|_| !method.streams)?;
            Some((path.clone(), Duration::from_secs(seconds)))
        };
        Self { clock, defaults: Arc::new(methods.iter().filter_map(default).collect()) }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadlines<S>;

    fn layer(&self, inner: S) -> Deadlines<S> {
        Deadlines { inner, rules: self.clone() }
    }
}

/// See [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub(super) struct Deadlines<S> {
    inner: S,
    rules: DeadlineLayer,
}

impl<S> Service<Request<Body>> for Deadlines<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let DeadlineLayer { clock, defaults } = &self.rules;
        let asked_for = read(request.headers()).map(|time| time - ON_THE_WAY.min(time / 10));
        let time = asked_for.or_else(|| defaults.get(request.uri().path()).copied());
        let ends_at = time.and_then(|time| clock.now().checked_add(time));
        let answer = self.inner.call(request);
        let Some(ends_at) = ends_at else { return Either::Left(answer) };
        let late = clock.sleep_until(ends_at);
        Either::Right(Box::pin(async move {
            tokio::select! {
                biased;
                // First, for an answer that is there is given, be it the last moment: the caller still listens, and is
                // better served by what came of the call than by not knowing.
                answer = answer => answer,
                () = late => Ok(exceeded().into_http()),
            }
        }))
    }
}

fn exceeded() -> Status {
    status(Error::new(Kind::DeadlineExceeded, OPERATION, "the deadline of the call has passed"))
}

/// When the caller stops waiting.
pub(super) fn deadline(clock: &Clock, metadata: &MetadataMap) -> Option<SystemTime> {
    clock.now().checked_add(timeout(metadata)?)
}

/// How long the caller waits.
pub(super) fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    read(metadata.as_ref())
}

/// The `grpc-timeout` header: up to eight digits and a unit.
fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;
    use std::time::{Duration, SystemTime};

    use http::{Request, Response};
    use tonic::body::Body;
    use tonic::metadata::MetadataMap;
    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;
    use tower::{Layer as _, Service as _, service_fn};

    use super::{DeadlineLayer, deadline};
    use crate::clock::Clock;
    use crate::proto::DESCRIPTORS;
    use crate::rpc::policy::methods;

    const GET: &str = "/idvgateway.v1.IdentificationService/GetIdentification";
    const WATCH: &str = "/idvgateway.v1.EventService/WatchEvents";

    fn asked(path: &str, timeout: &str) -> Request<Body> {
        let request = Request::builder().uri(path);
        let request = if timeout.is_empty() { request } else { request.header("grpc-timeout", timeout) };
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_ends_in_time() {
        let methods = methods(DESCRIPTORS).unwrap();
        for (path, timeout, ends_after) in [
            (GET, "", Some(5_000)),
            (GET, "20S", Some(19_950)),
            (GET, "100m", Some(90)),
            (GET, "20", Some(5_000)),
            (WATCH, "", None),
            (WATCH, "20S", Some(19_950)),
            ("/grpc.health.v1.Health/Check", "", None),
        ] {
            let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
            let silent = service_fn(|_request| pending::<Result<Response<Body>, Infallible>>());
            let mut service = DeadlineLayer::new(clock, &methods).layer(silent);
            let mut answer = Box::pin(service.call(asked(path, timeout)));
            let Some(ends_after) = ends_after else {
                hand.advance(Duration::from_hours(24));
                assert!(futures::poll!(&mut answer).is_pending(), "{path} {timeout}");
                continue;
            };
            hand.advance(Duration::from_millis(ends_after - 1));
            assert!(futures::poll!(&mut answer).is_pending(), "{path} {timeout}");
            hand.advance(Duration::from_millis(1));
            let answer = answer.await.unwrap();
            let status = Status::from_header_map(answer.headers()).unwrap();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{path} {timeout}");
            assert_eq!(status.get_details_error_info().unwrap().reason, "DEADLINE_EXCEEDED");
        }
    }

    #[tokio::test]
    async fn an_answer_in_the_last_moment_counts() {
        let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let inner = clock.clone();
        let slow = service_fn(move |_request| {
            let done = inner.sleep(Duration::from_secs(5));
            async { Ok::<_, Infallible>((done.await, Response::new(Body::empty())).1) }
        });
        let mut service = DeadlineLayer::new(clock, &methods(DESCRIPTORS).unwrap()).layer(slow);
        let answer = service.call(asked(GET, ""));
        hand.advance(Duration::from_secs(5));
        assert!(Status::from_header_map(answer.await.unwrap().headers()).is_none());
    }

    #[test]
    fn reads_the_header_as_the_protocol_writes_it() {
        let (clock, _hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            deadline(&clock, &metadata).map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap())
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("15S"), Some(Duration::from_secs(15)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("9n"), Some(Duration::from_nanos(9)));
        for malformed in ["", "S", "5", "5s", "123456789S", "-1S", "1 S", "ﬀS"] {
            let text = malformed.parse::<tonic::metadata::MetadataValue<_>>();
            assert!(text.is_err() || read(malformed).is_none(), "{malformed:?}");
        }
    }
}
