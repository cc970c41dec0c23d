//! `serve`: what it refuses to start with, and how it ends.

use std::net::TcpListener;

use idv_gateway::proto::StreamClosingReason;
use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{EventType, WatchEventsRequest};

use super::child::{Child, program};
use super::house::{House, next, next_event};

#[tokio::test]
async fn check_config_accepts_what_serve_serves_with() {
    let house = House::build().await;
    let mut check = program();
    check.arg("check-config").arg("--config").arg(house.config());
    let ended = Child::spawn(check).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.stdout[0], "config ok: 1 connection");
    assert!(ended.stdout.iter().any(|line| line.trim() == "secrets   3 read"), "{ended:#?}");
    house.serve().await;
}

#[tokio::test]
async fn no_default_grants_trust() {
    let house = House::build().await;
    let refusals = [
        ("[keys]\nmaster", "[keys]\n# master", ": keys.master: is required", "openssl rand -base64 32"),
        ("auth = \"none\"", "", ": grpc.auth: is required", "\"none\""),
        (
            "[grpc]\nlisten = \"127.0.0.1:0\"",
            "[grpc]\nlisten = \"0.0.0.0:0\"",
            ": grpc.listen: ",
            "allow_public_without_auth",
        ),
    ];
    for (old, new, place, remedy) in refusals {
        house.reconfigure(&[(old, new)]);
        let ended = house.spawn().ended().await;
        let said = ended.stderr.join("\n");
        assert_eq!(ended.code, Some(78), "{said}");
        assert!(said.contains(place) && said.contains(remedy), "{said}");
        assert_eq!(ended.stderr.len(), 1, "{said}");
    }
    assert!(!house.path("journal.sqlite3").exists(), "a journal was begun without keys or trust");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let house = House::build().await;
    std::fs::write(house.path("master.key"), "too short to be a key").unwrap();
    let ended = house.spawn().ended().await;
    assert_eq!(ended.code, Some(78), "{ended:#?}");
    assert!(ended.stderr.join("\n").contains("32 bytes in base64"), "{ended:#?}");
}

/// Acceptance 21, for one process.
#[tokio::test]
async fn a_drain_ends_streams_with_a_cursor_and_nothing_is_lost() {
    let house = House::build().await;
    let gateway = house.serve().await;
    let channel = gateway.doors.channel().await;
    let before = house.create(channel.clone()).await;
    let mut stream = gateway.doors.watch().await;
    assert_eq!(next_event(&mut stream).await.identification, before);
    let unseen = house.create(channel).await;
    assert_eq!(next_event(&mut stream).await.identification, unseen);

    gateway.child.signal("TERM");
    let closing = loop {
        let response = next(&mut stream).await.expect("the stream says that it closes");
        if let Some(Message::Closing(closing)) = &response.message {
            assert_eq!(closing.reason(), StreamClosingReason::Shutdown);
            break response;
        }
    };
    assert!(next(&mut stream).await.is_none(), "nothing follows, and the status is OK");
    let ended = gateway.child.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");

    let gateway = house.serve().await;
    let channel = gateway.doors.channel().await;
    let after = house.create(channel.clone()).await;
    let request = WatchEventsRequest {
        start: Some(Start::AfterCursor(closing.cursor)),
        ..WatchEventsRequest::default()
    };
    let resumed = EventServiceClient::new(channel).watch_events(request).await.unwrap();
    let event = next_event(&mut resumed.into_inner()).await;
    assert_eq!((event.identification, event.r#type), (after, EventType::IdentificationCreated.into()));
}

#[tokio::test]
async fn one_journal_has_one_gateway() {
    let house = House::build().await;
    let first = house.serve().await;
    let second = house.spawn().ended().await;
    assert_eq!(second.code, Some(69), "{second:#?}");
    let said = second.stderr.join("\n");
    assert!(said.contains("journal.sqlite3") && said.contains("another process"), "{said}");
    house.create(first.doors.channel().await).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let house = House::build().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (section, door) in [("[grpc]", "gRPC"), ("[webhooks]", "webhook"), ("[admin]", "admin")] {
        let free = format!("{section}\nlisten = \"127.0.0.1:0\"");
        house.reconfigure(&[(&free, &free.replace("127.0.0.1:0", &address))]);
        let ended = house.spawn().ended().await;
        assert_eq!(ended.code, Some(69), "{ended:#?}");
        let expected = format!("the {door} door cannot listen on {address}");
        assert!(ended.stderr.join("\n").contains(&expected), "{ended:#?}");
    }
}
