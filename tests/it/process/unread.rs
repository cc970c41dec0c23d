//! Whoever reads what a command writes may go away at any time.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::child::{Child, Ended, names, program, unread};
use super::house::House;

/// How `arguments` end when nobody reads their standard output; they leave nothing behind.
async fn without_output(arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(arguments).env("TMPDIR", folder.path());
    let ended = Child::spawn_onto(command, unread(), Stdio::piped()).ended().await;
    assert_eq!(names(folder.path()), [""; 0], "{arguments:?}");
    ended
}

#[tokio::test]
async fn a_reader_that_has_gone_has_all_it_wanted() {
    let house = House::build().await;
    let config = house.config().display().to_string();
    for arguments in [
        &["demo"][..],
        &["demo", "--keep"],
        &["check-config", "--config", &config],
        &["completions", "bash"],
        &["--version"],
        &["--help"],
    ] {
        let ended = without_output(arguments).await;
        assert_eq!((ended.code, &ended.stderr[..]), (Some(0), &[][..]), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_in_the_middle_of_the_demo_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let line = "set -o pipefail; \"$1\" demo | head -n 6";
    let mut shell = Command::new("bash");
    shell.args(["-c", line, "bash", env!("CARGO_BIN_EXE_idv-gateway")]).env("TMPDIR", folder.path());
    let ended = Child::spawn(shell).ended().await;
    assert_eq!((ended.code, ended.stdout.len(), &ended.stderr[..]), (Some(0), 6, &[][..]), "{ended:#?}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn nobody_has_to_read_what_went_wrong() {
    let house = House::build().await;
    house.reconfigure(&[("profile = \"test\"", "profile = \"none\"")]);
    for command in ["check-config", "serve"] {
        let mut refused = program();
        refused.arg(command).arg("--config").arg(house.config());
        let ended = Child::spawn_onto(refused, Stdio::piped(), unread()).ended().await;
        assert_eq!((ended.code, &ended.stdout[..]), (Some(78), &[][..]), "{command}");
    }
}

#[tokio::test]
async fn a_gateway_serves_without_readers_of_its_log() {
    let house = House::build().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let admin = "[admin]\nlisten = \"127.0.0.1:0\"";
    house.reconfigure(&[(admin, &admin.replace("127.0.0.1:0", &free.to_string()))]);
    let mut serve = program();
    serve.arg("serve").arg("--config").arg(house.config());
    let mut gateway = Child::spawn_onto(serve, Stdio::piped(), unread());
    let ready = format!("http://{free}/readyz");
    while house.get(&ready).await.is_none() {
        assert!(gateway.is_running(), "it ended because nobody read its log");
    }
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_sandbox_serves_without_readers() {
    let house = House::build().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut sandbox = program();
    sandbox.args(["sandbox", "--listen", &free.to_string(), "--customer", "bank", "--api-key-file"]);
    sandbox.arg(house.path("api.key"));
    let mut sandbox = Child::spawn_onto(sandbox, unread(), unread());
    let statistics = format!("http://{free}/control/statistics");
    while house.get(&statistics).await.is_none() {
        assert!(sandbox.is_running(), "it ended because nobody read where it listens");
    }
    sandbox.signal("TERM");
    assert_eq!(sandbox.ended().await.code, Some(0));
}
