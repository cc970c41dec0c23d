//! `healthcheck`: 0 only while the gateway serves, and a sentence otherwise.

use std::net::TcpListener;

use tokio_stream::wrappers::TcpListenerStream;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;

use super::child::{Child, program};
use super::house::House;

/// Its exit code and what it says.
async fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program();
    command.arg("healthcheck").args(arguments);
    let ended = Child::spawn(command).ended().await;
    assert_eq!(ended.stdout, [""; 0]);
    (ended.code, ended.stderr.join("\n"))
}

const WELL: (Option<i32>, String) = (Some(0), String::new());

#[tokio::test]
async fn a_gateway_that_serves_is_well() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let url = gateway.doors.grpc_url();
    assert_eq!(check(&["--server", &url]).await, WELL);
    assert_eq!(check(&["--server", &url, "--service", "idvgateway.v1.EventService"]).await, WELL);

    let unknown = check(&["--server", &url, "--service", "idvgateway.v1.PrivacyService"]).await;
    let said = "idvgateway.v1.PrivacyService is not one of its services";
    assert_eq!(unknown, (Some(69), format!("idv-gateway: {}: {said}", gateway.doors.grpc)));
}

#[tokio::test]
async fn the_configuration_says_where_to_ask() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let config = house.config();
    let check = async |listen: &str| {
        let mut command = program();
        command.args(["healthcheck", "--config"]).arg(&config).env("IDV__GRPC__LISTEN", listen);
        command.env("IDV__GRPC__ALLOW_PUBLIC_WITHOUT_AUTH", "true");
        Child::spawn(command).ended().await
    };
    // Every address of the machine is no address to ask; the loopback one is among them.
    for listen in [gateway.doors.grpc.to_string(), format!("0.0.0.0:{}", gateway.doors.grpc.port())] {
        let ended = check(&listen).await;
        assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{listen}: {ended:#?}");
    }
    for (listen, problem) in [("127.0.0.1:0", "any free port"), ("localhost", "IDV__GRPC__LISTEN")] {
        let ended = check(listen).await;
        assert_eq!(ended.code, Some(78), "{listen}: {ended:#?}");
        assert!(ended.stderr.join("\n").contains(problem), "{listen}: {ended:#?}");
    }
}

#[tokio::test]
async fn whatever_does_not_serve_is_unwell() {
    let (health, service) = health_reporter();
    health.set_service_status("", ServingStatus::NotServing).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let draining = check(&["--server", &format!("http://{address}")]).await;
    assert_eq!(draining, (Some(69), format!("idv-gateway: {address}: the gateway is NOT_SERVING")));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let silence = check(&["--server", &format!("http://{address}"), "--timeout", "0.1"]).await;
    assert_eq!(silence, (Some(69), format!("idv-gateway: {address}: no answer within 100ms")));

    drop(silent);
    let (code, said) = check(&["--server", &format!("http://{address}"), "--timeout", "60"]).await;
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&format!("{address}: it cannot be asked: Connection refused")), "{said}");
}

#[tokio::test]
async fn wrong_usage_is_named() {
    for (arguments, problem) in [
        (["--server", "gateway:50051"], "must be http://HOST:PORT"),
        (["--server", "https://gateway:50051"], "TLS is not available yet"),
        (["--timeout", "0"], "must be 0.1 to 300"),
        (["--timeout", "NaN"], "must be 0.1 to 300"),
    ] {
        let (code, said) = check(&arguments).await;
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
    let (code, said) = check(&["--server", "http://127.0.0.1:1", "--config", "gateway.toml"]).await;
    assert_eq!(code, Some(64), "{said}");
}
