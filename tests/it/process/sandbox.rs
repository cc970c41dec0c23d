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
    let address = address(&mut sandbox).await;
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

#[tokio::test]
async fn the_other_vendor_is_served_with_what_the_command_line_says_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let webhooks = r#"[{ "type": "WH_001", "url": "http://127.0.0.1:1/" }]"#;
    let mut command = program();
    command.args(["sandbox", "--listen", "127.0.0.1:0", "--preventor-base-path", "/v1/identity"]);
    command.arg("--preventor-api-key-file").arg(file("key", "k"));
    command.arg("--preventor-secret-file").arg(file("secret", "s"));
    command.arg("--preventor-webhooks").arg(file("webhooks", webhooks));
    command.args(["--preventor-profile", r#"{"token_status":201}"#, "--preventor-fault", "token=502:1"]);
    let mut sandbox = Child::spawn(command);
    let address = address(&mut sandbox).await;
    let headers = "Authorization: Basic azpz\r\nx-api-key: k\r\nx-tenant: sandbox\r\nx-env: sandbox\r\n\
                   x-banknu: SANDBOX\r\n";
    assert!(post(&address, "/v1/identity/auth/token", headers).await.starts_with("HTTP/1.1 502"));
    let answer = post(&address, "/v1/identity/auth/token", headers).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (_, rest) = answer.split_once("\"token\":\"").unwrap();
    let token = rest.split('"').next().unwrap();
    let headers = format!("Authorization: Bearer {token}\r\nx-api-key: k\r\n");
    let list = send(&address, "GET", "/v1/identity/settings/webhooks", &headers).await;
    assert!(list.contains("http://127.0.0.1:1/"), "{list}");
    sandbox.signal("TERM");
    assert_eq!(sandbox.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_wrong_profile_and_wrong_webhooks_are_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = folder.path().join("webhooks");
    std::fs::write(&webhooks, r#"[{ "type": "WH_003", "url": "http://127.0.0.1:1/" }]"#).unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "k").unwrap();
    let ended = async |arguments: &[&str]| {
        let mut command = program();
        command
            .args(["sandbox", "--preventor-api-key-file"])
            .arg(&key)
            .arg("--preventor-secret-file")
            .arg(&key);
        command.args(arguments);
        let ended = Child::spawn(command).ended().await;
        (ended.code, ended.stderr.join("\n"))
    };
    let (code, told) = ended(&["--preventor-profile", r#"{"token_status":204}"#]).await;
    assert!(code == Some(64) && told.contains("`token_status` is 200 or 201"), "{code:?} {told}");
    let (code, told) = ended(&["--preventor-webhooks", webhooks.to_str().unwrap()]).await;
    assert!(code == Some(78) && told.contains("[0].type: unknown variant `WH_003`"), "{code:?} {told}");
}

#[tokio::test]
async fn a_service_account_of_masstack_is_written_where_the_command_line_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let mut command = program();
    command.args(["sandbox", "--listen", "127.0.0.1:0", "--masstack-service-account-file"]).arg(&file);
    command.args(["--masstack-profile", r#"{"errors":"empty"}"#, "--masstack-fault", "token=502:1"]);
    let mut sandbox = Child::spawn(command);
    let address = address(&mut sandbox).await;
    let account: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(account["private_key"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    for status in ["502", "400"] {
        let answer = post(&address, "/authn/v1/oauth2/token", "").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    let lost = send(&address, "GET", "/v1/orgs/sandbox/identifications/otp/1", "").await;
    assert!(lost.starts_with("HTTP/1.1 401") && lost.ends_with("\r\n\r\n"), "{lost}");
    sandbox.signal("TERM");
    assert_eq!(sandbox.ended().await.code, Some(0));
}

#[tokio::test]
async fn the_open_services_are_served_with_what_the_command_line_says_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["sandbox", "--listen", "127.0.0.1:0"]);
    for name in ["api-key", "secret", "password"] {
        let file = folder.path().join(name);
        std::fs::write(&file, &name[..1]).unwrap();
        command.arg(format!("--preventor-open-{name}-file")).arg(file);
    }
    command.args([
        "--preventor-open-profile",
        r#"{"errors":"empty"}"#,
        "--preventor-open-fault",
        "process=502:1",
    ]);
    let mut sandbox = Child::spawn(command);
    let address = address(&mut sandbox).await;
    let headers = "Authorization: Basic YTpz\r\nx-api-key: a\r\nx-tenant: sandbox\r\nx-env: sandbox\r\n\
                   x-banknu: SANDBOX\r\nx-ip: 192.0.2.7\r\n";
    for status in ["502", "400"] {
        let answer = post(&address, "/v1/auth/token", headers).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
    }
    sandbox.signal("TERM");
    assert_eq!(sandbox.ended().await.code, Some(0));
}

/// Where `sandbox` says that it listens.
async fn address(sandbox: &mut Child) -> String {
    sandbox
        .find_error(|line| {
            let (_, rest) = line.split_once("http://")?;
            rest.split(' ').next().map(str::to_owned)
        })
        .await
}

async fn log_in(address: &str) -> String {
    post(address, "/api/v1/demobank/login", "").await
}

async fn post(address: &str, path: &str, headers: &str) -> String {
    send(address, "POST", path, headers).await
}

async fn send(address: &str, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(GUARD, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
