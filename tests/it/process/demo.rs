//! Acceptance 1: the README's first command.

use std::process::Command;
use std::time::Duration;

use idv_gateway::clock::Clock;
use tokio::net::TcpListener;

use super::child::{Child, Ended, names, program};
use super::isolation;

const PROMISED: Duration = Duration::from_secs(20);

#[tokio::test]
async fn eight_stories_are_told_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let began = clock.now();
    let mut demo = program();
    demo.arg("demo").env("TMPDIR", folder.path()).env("NO_COLOR", "1");
    let ended = Child::spawn(demo).ended().await;
    let took = clock.now().duration_since(began).unwrap_or_default();
    check(&ended);
    assert!(ended.stderr.is_empty(), "{ended:#?}");
    assert!(took < PROMISED, "it took {took:?}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_demo_that_cannot_start_leaves_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new("sh");
    // Too few for all the doors and files, enough for the keys.
    demo.args(["-c", "ulimit -n 16; exec \"$0\" demo", env!("CARGO_BIN_EXE_idv-gateway")]);
    demo.env("TMPDIR", folder.path()).env("NO_COLOR", "1");
    let ended = Child::spawn(demo).ended().await;
    assert_eq!(ended.code, Some(69), "{ended:#?}");
    assert!(ended.stderr[0].contains("the demo cannot start"), "{ended:#?}");
    assert_eq!(names(folder.path()), [""; 0]);
}

/// Whether all eight stories are there, whole and plain.
fn check(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let told = ended.stdout.join("\n");
    assert!(!told.contains('\u{1b}'), "escape codes without a terminal: {told}");
    let mut stories =
        told.split("\n\n").filter(|part| part.starts_with(|first: char| first.is_ascii_digit()));
    let expected: [&[&str]; 8] = [
        &["CREATED", "STARTED", "SUBMITTED", "COMPLETED", "VERIFIED (decision 1)"],
        &["CREATED", "STARTED", "SUBMITTED", "COMPLETED", "VERIFIED_DATA_CHANGED (decision 1)"],
        &[
            "CREATED",
            "STARTED",
            "ATTEMPT_ENDED",
            "STARTED",
            "SUBMITTED",
            "COMPLETED",
            "VERIFIED (decision 1)",
        ],
        &["CREATED", "STARTED", "SUBMITTED", "COMPLETED", "FRAUD_CONFIRMED (decision 1)"],
        &[
            "CREATED",
            "DOCUMENT_UPLOADED",
            "STARTED",
            "SUBMITTED",
            "COMPLETED",
            "VERIFIED (decision 1)",
            "DOCUMENT_SIGNED",
            "SHA-256",
        ],
        &["CREATED", "STARTED", "COMPLETED", "VERIFIED (decision 1)"],
        &[
            "webhooks registered",
            "CREATED",
            "STARTED",
            "TICKET_PROGRESSED verification.liveness PROCESSING",
            "TICKET_PROGRESSED verification.liveness PASSED",
            "TICKET_PROGRESSED verification.id_proofing PASSED",
            "COMPLETED",
            "VERIFIED (decision 1)",
        ],
        &[
            "8. Biometrics",
            "user created",
            "2 pictures uploaded",
            "enrolled: photo verified, alive; 19 fields",
        ],
    ];
    for words in expected {
        let story = stories.next().unwrap_or_else(|| panic!("a story is missing: {told}"));
        let mut rest = story;
        for word in words {
            let (_, after) = rest.split_once(word).unwrap_or_else(|| panic!("{word} is missing: {story}"));
            rest = after;
        }
        // A heading, and a line for each event.
        assert_eq!(story.lines().count(), words.len(), "{story}");
    }
    assert_eq!(stories.next(), None);
}

/// Looks at the sockets whenever a line is printed, and offers a proxy that nobody may use. A connection between two
/// looks is not seen; [`in_a_network_of_its_own_nothing_tries_to_leave`] has no such gap.
#[tokio::test]
async fn its_sockets_are_on_loopback() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut demo = program();
    demo.arg("demo");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        demo.env(name, &url).env(name.to_lowercase(), &url);
    }
    let mut demo = Child::spawn(demo);
    let looking = async {
        let mut looked_at = 0;
        while let Some(line) = demo.line().await {
            for socket in isolation::sockets(demo.id()) {
                assert!(socket.is_at_home(), "{socket:?} at {line:?}");
                looked_at += 1;
            }
        }
        looked_at
    };
    tokio::select! {
        biased;
        _used = proxy.accept() => panic!("the proxy of the environment was used"),
        looked_at = looking => assert!(looked_at > 20, "only {looked_at} sockets were seen"),
    }
    let ended = demo.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

/// The kernel counts every attempt to reach what has no route, and in a network with nothing but a loopback interface
/// that is everything else.
#[tokio::test]
async fn in_a_network_of_its_own_nothing_tries_to_leave() {
    if !isolation::is_possible().await {
        println!("skipped: this machine does not let the test make a network namespace (unshare, ip)");
        return;
    }
    let (ended, attempts) =
        isolation::run(isolation::alone("bash").args(["-c", "exec 3<>/dev/udp/192.0.2.1/9"])).await;
    assert!(ended.code != Some(0) && attempts == 1, "an attempt was not counted: {ended:#?}");

    let (ended, attempts) =
        isolation::run(isolation::alone(env!("CARGO_BIN_EXE_idv-gateway")).arg("demo")).await;
    check(&ended);
    assert_eq!(attempts, 0, "something tried to leave this machine");
}
