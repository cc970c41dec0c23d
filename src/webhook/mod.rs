//! The HTTP door for the vendors' webhooks: capped raw bytes in, acknowledged after the append.

pub mod config;
mod reply;
mod source;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::Response;
use axum::routing::any;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::clock::Clock;
use crate::hub::Hub;
use crate::hub::intake::IntakeError;
use crate::settings::Network;
use crate::telemetry::WebhookRefusal as Cause;
use crate::vendor::kit::delivery::Unverified;
use crate::webhook::config::WebhookSettings;

#[derive(Clone)]
struct Door {
    hub: Arc<Hub>,
    clock: Clock,
    max_body: usize,
    body_timeout: Duration,
    trusted_proxies: Arc<[Network]>,
}

/// The door's routes: `POST /webhooks/{connection}` and nothing else.
pub fn router(hub: Arc<Hub>, clock: Clock, settings: &WebhookSettings) -> Router {
    let door = Door {
        hub,
        clock,
        max_body: settings.max_body_bytes,
        body_timeout: settings.body_timeout(),
        trusted_proxies: settings.trusted_proxies.as_slice().into(),
    };
    Router::new()
        .route("/webhooks/{connection}", any(receive))
        .fallback(|| async { reply::refused() })
        .with_state(door)
}

async fn receive(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    connection: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    // A name that is not even text is the name of no connection.
    let connection = connection.map_or_else(|_not_text| String::new(), |Path(connection)| connection);
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = door.answer(peer, &connection, request).await;
    if chunked {
        // Two lengths are how a request is smuggled past a proxy, and HTTP's own layer hides that there were two:
        // whatever follows a chunked body on the same connection is not read.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl Door {
    async fn answer(&self, peer: SocketAddr, connection: &str, request: Request<Body>) -> Response {
        let hub = &self.hub;
        hub.webhook_came_in(connection);
        if request.method() != Method::POST {
            hub.webhook_not_read(connection, Cause::NotPosted);
            return reply::refused();
        }
        let (parts, body) = request.into_parts();
        let read = Limited::new(body, self.max_body).collect();
        let body = tokio::select! {
            read = read => match read {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    hub.webhook_not_read(connection, Cause::TooLarge);
                    return reply::too_large();
                }
                Err(_broken_off) => {
                    hub.webhook_not_read(connection, Cause::BrokenOff);
                    return reply::refused();
                }
            },
            () = self.clock.sleep(self.body_timeout) => {
                hub.webhook_not_read(connection, Cause::TooSlow);
                return reply::too_slow();
            }
        };
        let source = source::of(peer.ip(), &parts.headers, &self.trusted_proxies);
        let delivery = Unverified { headers: parts.headers, body, source, receive_time: self.clock.now() };
        match hub.accept_webhook(connection, delivery).await {
            Ok(()) => reply::accepted(),
            Err(IntakeError::Refused) => reply::refused(),
            Err(IntakeError::NotKept(error)) => {
                // The hub logs once that the store fails; a line for each webhook would only add to the load.
                tracing::debug!(
                    connection,
                    error.reason = error.kind.as_str_name(),
                    error.source = error.source.map(|source| source.to_string()),
                    "A webhook could not be kept; the vendor is told to send it again"
                );
                reply::not_kept()
            }
        }
    }
}
