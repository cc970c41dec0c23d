//! What a fault makes of a request and of its answer.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::board::Fired;
use super::{Effect, Fault};
use crate::clock::Clock;
use crate::sandbox::stand_in::StandIn;

/// Even archives of the stand-in are smaller.
const LONGEST_ANSWER: usize = 1 << 28;
const PIECES: usize = 10;
const PAGE: &str = "<!doctype html><title>Back soon</title><p>This service is being worked on.";

/// Lets the first fault that meets the request have its way.
pub(in crate::sandbox) async fn interfere<S: StandIn>(
    State(stand_in): State<Arc<S>>,
    request: Request,
    next: Next,
) -> Response {
    let operation = stand_in.route(&request).and_then(|route| S::operation(request.method(), &route));
    let Some(Fired { fault, cleared }) =
        operation.and_then(|operation| stand_in.faults().on_request(operation))
    else {
        return next.run(request).await;
    };
    match fault {
        Fault::Hang { effect: Effect::Before, .. } => {
            wait_for(&*stand_in, &cleared).await;
            next.run(request).await
        }
        Fault::Hang { effect: Effect::After, .. } => {
            let answer = next.run(request).await;
            wait_for(&*stand_in, &cleared).await;
            answer
        }
        Fault::HalfBody { .. } => halved(next.run(request).await).await,
        Fault::Slow { seconds, .. } => {
            let wait = Duration::from_secs(seconds.into());
            dripping(next.run(request).await, stand_in.clock().clone(), wait).await
        }
        fault => {
            if effect(&fault) == Effect::After {
                let _lost = next.run(request).await;
            }
            made_up(&fault, &*stand_in)
        }
    }
}

fn effect<O>(fault: &Fault<O>) -> Effect {
    match fault {
        Fault::Status { effect, .. }
        | Fault::Page { effect, .. }
        | Fault::Empty { effect, .. }
        | Fault::Body { effect, .. }
        | Fault::Redirect { effect, .. } => *effect,
        _ => Effect::Before,
    }
}

/// The answer of a fault that does not need the true one.
fn made_up<S: StandIn>(fault: &Fault<S::Operation>, stand_in: &S) -> Response {
    match fault {
        Fault::Status { status, .. } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            stand_in.server_error(status)
        }
        Fault::RateLimit { retry_after, as_date, .. } => {
            let mut answer = stand_in.rate_limited();
            let value =
                retry_after.and_then(|seconds| retry_after_value(stand_in.clock(), seconds, *as_date));
            if let Some(value) = value {
                answer.headers_mut().insert(RETRY_AFTER, value);
            }
            answer
        }
        Fault::Unauthorized { .. } => stand_in.unauthorized(),
        Fault::Page { .. } => ([(CONTENT_TYPE, "text/html; charset=UTF-8")], PAGE).into_response(),
        Fault::Body { text, .. } => {
            ([(CONTENT_TYPE, "application/json; charset=UTF-8")], text.clone()).into_response()
        }
        Fault::Redirect { location, .. } => {
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location.clone())]).into_response()
        }
        _ => StatusCode::OK.into_response(),
    }
}

fn retry_after_value(clock: &Clock, seconds: u32, as_date: bool) -> Option<HeaderValue> {
    let text = match as_date {
        true => httpdate::fmt_http_date(clock.now() + Duration::from_secs(seconds.into())),
        false => seconds.to_string(),
    };
    HeaderValue::try_from(text).ok()
}

/// The whole length is announced, half of it is sent, and the connection is closed.
async fn halved(answer: Response) -> Response {
    with_body(answer, |whole| {
        let half = whole.slice(..whole.len() / 2);
        let broken = stream::once(async {
            // The half has to be on its way before the connection goes.
            tokio::task::yield_now().await;
            Err(io::Error::other("cut off on purpose"))
        });
        Body::from_stream(stream::iter([Ok(half)]).chain(broken))
    })
    .await
}

async fn dripping(answer: Response, clock: Clock, wait: Duration) -> Response {
    with_body(answer, |whole| {
        let size = whole.len().div_ceil(PIECES).max(1);
        let starts: Vec<_> = (0..whole.len()).step_by(size).collect();
        let pieces = stream::iter(starts).then(move |start| {
            let piece = whole.slice(start..whole.len().min(start + size));
            let turn = clock.sleep(wait);
            async move {
                turn.await;
                Ok::<_, Infallible>(piece)
            }
        });
        Body::from_stream(pieces)
    })
    .await
}

/// `answer` with another body under the length of its own.
async fn with_body(answer: Response, body: impl FnOnce(Bytes) -> Body) -> Response {
    let (mut parts, whole) = answer.into_parts();
    match to_bytes(whole, LONGEST_ANSWER).await {
        Ok(whole) => {
            parts.headers.insert(CONTENT_LENGTH, whole.len().into());
            Response::from_parts(parts, body(whole))
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Until the fault is cleared or the sandbox stops; a caller that leaves takes its request with it.
async fn wait_for(stand_in: &impl StandIn, cleared: &CancellationToken) {
    let stopped = stand_in.background().stopped();
    tokio::select! {
        () = cleared.cancelled() => {}
        () = stopped.cancelled() => {}
    }
}
