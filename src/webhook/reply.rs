//! The answers a vendor can get. Whatever fails verification gets the same bytes.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// It is on disk.
pub(super) fn accepted() -> Response {
    plain(StatusCode::NO_CONTENT)
}

/// Not authentic, not a webhook, or not for a connection of this gateway.
pub(super) fn refused() -> Response {
    plain(StatusCode::UNAUTHORIZED)
}

/// It cannot be kept now: the vendor must send it again.
pub(super) fn not_kept() -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The body is longer than any webhook.
pub(super) fn too_large() -> Response {
    plain(StatusCode::PAYLOAD_TOO_LARGE)
}

/// The body did not come within its time.
pub(super) fn too_slow() -> Response {
    plain(StatusCode::REQUEST_TIMEOUT)
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
