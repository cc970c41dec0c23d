//! The gRPC door: services, and the layers around them.

pub mod config;
pub mod purpose;
pub mod status;

mod biometrics;
mod connection;
mod deadline;
mod document_signing;
mod event;
mod health;
mod identification;
mod limit;
mod linger;
mod onboarding;
mod policy;
mod ticket;
mod upload;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_web::GrpcWebLayer;

use crate::clock::Clock;
use crate::hub::Hub;
use crate::proto::DESCRIPTORS;
use crate::proto::biometrics::biometrics_service_server::BiometricsServiceServer;
use crate::proto::connection_service_server::ConnectionServiceServer;
use crate::proto::document_signing_service_server::DocumentSigningServiceServer;
use crate::proto::identification_service_server::IdentificationServiceServer;
use crate::proto::onboarding::onboarding_service_server::OnboardingServiceServer;
use crate::proto::ticket_service_server::TicketServiceServer;
use crate::proto::webhook_service_server::WebhookServiceServer;
use crate::rpc::config::GrpcSettings;
use crate::rpc::deadline::DeadlineLayer;
use crate::rpc::limit::{RequestLimitLayer, UPLOAD_MESSAGE};
use crate::rpc::linger::Lingering;
use crate::rpc::policy::PolicyError;
use crate::rpc::purpose::PurposeLayer;

/// The services this gateway serves; each has its own health.
pub const SERVICES: [&str; 8] = [
    "idvgateway.v1.IdentificationService",
    "idvgateway.v1.ConnectionService",
    "idvgateway.v1.EventService",
    "idvgateway.v1.WebhookService",
    "idvgateway.v1.DocumentSigningService",
    "idvgateway.v1.TicketService",
    "idvgateway.onboarding.v1.OnboardingService",
    "idvgateway.biometrics.v1.BiometricsService",
];

/// Callers are not told apart: `auth = "none"` is the only way to run this release.
const CALLER: &str = "anonymous";

/// What the door is opened with.
pub struct Door {
    /// Where it listens.
    pub listener: TcpListener,
    /// Limits.
    pub settings: GrpcSettings,
    /// The use cases.
    pub hub: Arc<Hub>,
    /// For deadlines of streams.
    pub clock: Clock,
    /// Cancelled when the process drains.
    pub drain: CancellationToken,
}

/// Why the door broke down.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors of the contract cannot be served.
    #[error("reflection cannot be served")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The contract does not say what its methods need.
    #[error("the policies of the contract cannot be read")]
    Policies(#[from] PolicyError),
    /// The transport failed.
    #[error("the gRPC transport failed")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until the drain is over: no new calls, open ones are finished.
pub async fn serve(door: Door) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let routes = routes(&door)?.add_service(health_service);
    let methods = policy::methods(DESCRIPTORS)?;
    let purposes = PurposeLayer::new(door.settings.purposes, &methods);

    let mut server = Server::builder()
        // tonic's defaults let one connection take gigabytes: every size and count has a bound.
        .max_concurrent_streams(256)
        .http2_max_local_error_reset_streams(Some(1024))
        .http2_max_header_list_size(8 * 1024)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        // grpc-web comes over HTTP/1.1 too.
        .accept_http1(true)
        // Turns grpc-web into gRPC, piece by piece; what is inside sees gRPC only.
        .layer(GrpcWebLayer::new())
        // Around everything that may take time.
        .layer(DeadlineLayer::new(door.clock.clone(), &methods))
        // Before the body is read: a call without a purpose is not worth it.
        .layer(purposes)
        // Counts request bytes before anything gathers them.
        .layer(RequestLimitLayer::new(door.settings.max_request_bytes));

    // Load balancers hear of the drain before the listener closes.
    let draining = health::follow(&health, &door.hub, &door.clock, &door.drain);
    // An answer in two segments, and every event, would wait for the caller's delayed acknowledgement: 40 ms.
    // The server's own setting only holds for listeners that it binds itself.
    let incoming = TcpIncoming::from(door.listener).with_nodelay(Some(true));
    let clock = door.clock.clone();
    let incoming = incoming.map(move |accepted| accepted.map(|stream| Lingering::new(stream, clock.clone())));
    server.add_routes(routes).serve_with_incoming_shutdown(incoming, draining).await?;
    Ok(())
}

fn routes(door: &Door) -> Result<Routes, ServeError> {
    let limit = door.settings.max_request_bytes;
    let identifications = IdentificationServiceServer::new(identification::Service {
        hub: door.hub.clone(),
        clock: door.clock.clone(),
    });
    let connections = ConnectionServiceServer::new(connection::Service(door.hub.clone()));
    let events = event::Service { hub: door.hub.clone(), clock: door.clock.clone(), max_request: 2 * limit };
    let webhooks =
        WebhookServiceServer::new(webhook::Service { hub: door.hub.clone(), clock: door.clock.clone() });
    let documents = DocumentSigningServiceServer::new(document_signing::Service {
        hub: door.hub.clone(),
        clock: door.clock.clone(),
    });
    let tickets =
        TicketServiceServer::new(ticket::Service { hub: door.hub.clone(), clock: door.clock.clone() });
    let onboarding = OnboardingServiceServer::new(onboarding::Service(door.hub.clone()));
    let biometrics = BiometricsServiceServer::new(biometrics::Service(door.hub.clone()));
    let reflection = ServeError::Reflection;
    // The layer refuses a long request precisely; this bound only has to be no narrower.
    Ok(Routes::new(identifications.max_decoding_message_size(2 * limit))
        .add_service(connections.max_decoding_message_size(2 * limit))
        .add_service(events)
        .add_service(webhooks.max_decoding_message_size(2 * limit))
        .add_service(documents.max_decoding_message_size(2 * limit.max(UPLOAD_MESSAGE)))
        .add_service(tickets.max_decoding_message_size(2 * limit))
        .add_service(onboarding.max_decoding_message_size(2 * limit))
        .add_service(biometrics.max_decoding_message_size(2 * limit.max(UPLOAD_MESSAGE)))
        .add_service(reflection_builder().build_v1().map_err(reflection)?)
        .add_service(reflection_builder().build_v1alpha().map_err(reflection)?))
}

/// Lists what is served, and nothing that is only in the contract. Describes the details of errors too, so that tools
/// can show them.
fn reflection_builder() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that tools can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health")
        .with_service_name("grpc.reflection.v1.ServerReflection")
        .with_service_name("grpc.reflection.v1alpha.ServerReflection");
    SERVICES.iter().fold(builder, |builder, service| builder.with_service_name(*service))
}
