//! The stand-in on its own, with faults from the command line.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::child::{Child, GUARD, program};

#[tokio::test]
async fn faults_of_the_command_line_are_active_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "key").unwrap();
    let mut command = program();
    command.args(["sandbox", "--listen", "127.0.0.1:0", "--api-key-file"]).arg(key);
    command.args(["--fault", "login=502:1", "--fault", "any=page"]);
    let mut sandbox = Child::spawn(command);
    let address = sandbox
        .find_error(|line| {
            let (_, rest) = line.split_once("http://")?;
            rest.split(' ').next().map(str::to_owned)
        })
        .await;
    assert!(log_in(&address).await.starts_with("HTTP/1.1 502"));
    assert!(log_in(&address).await.contains("text/html"));
    sandbox.signal("TERM");
    assert_eq!(sandbox.ended().await.code, Some(0));
}

#[tokio::test]
async fn what_is_no_fault_is_told_before_anything_starts() {
    let mut command = program();
    command.args(["sandbox", "--api-key-file", "nowhere", "--fault", "get=404"]);
    let ended = Child::spawn(command).ended().await;
    assert_eq!(ended.code, Some(64), "{ended:#?}");
    let told = ended.stderr.join("\n");
    assert!(told.contains("WHAT is 500 to 599, 429, 401, hang, half-body"), "{told}");
}

async fn log_in(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "POST /api/v1/demobank/login HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\
                   Content-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(GUARD, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
