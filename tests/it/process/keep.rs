//! `demo --keep`: it stays, what it prints can be pasted, and it cleans up whatever ends it.

use std::ffi::OsString;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::child::{Child, Ended, names, program};

struct Kept {
    demo: Child,
    folder: TempDir,
    /// The printed commands, each on one line.
    commands: Vec<String>,
}

/// Starts `demo --keep` and waits until it has printed everything.
async fn keep() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = program();
    demo.args(["demo", "--keep"]).env("TMPDIR", folder.path());
    let mut demo = Child::spawn(demo);
    let printed = demo.lines_until(|line| line.starts_with("ls ")).await;
    let commands = printed.join("\n").replace("\\\n", "").lines().map(str::to_owned).collect();
    Kept { demo, folder, commands }
}

impl Kept {
    /// The first printed command that begins with `program` and names `what`.
    fn printed(&self, program: &str, what: &str) -> String {
        let found = self.commands.iter().find(|line| line.starts_with(program) && line.contains(what));
        found.unwrap_or_else(|| panic!("no {program} for {what} in {:#?}", self.commands)).clone()
    }
}

#[tokio::test]
async fn any_signal_ends_it_in_order() {
    for signal in ["INT", "TERM"] {
        let Kept { demo, folder, .. } = keep().await;
        assert_eq!(names(folder.path()).len(), 1);
        demo.signal(signal);
        let ended = demo.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[tokio::test]
async fn a_signal_in_the_middle_of_a_story_cleans_up_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = program();
    demo.arg("demo").env("TMPDIR", folder.path());
    let mut demo = Child::spawn(demo);
    demo.lines_until(|line| line.contains("STARTED")).await;
    demo.signal("INT");
    let ended = demo.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn the_printed_lines_work() {
    // tests/run installs the pinned grpcurl and says here where it is.
    let Some(grpcurl) = std::env::var_os("IDV_GRPCURL") else {
        println!("skipped: IDV_GRPCURL does not say where grpcurl is; tests/run test does");
        return;
    };
    let kept = keep().await;
    let run = async |line: &str| {
        let ended = shell(&grpcurl, line).ended().await;
        assert_eq!(ended.code, Some(0), "{line}: {ended:#?}");
        ended
    };

    let created = json(&run(&kept.printed("grpcurl", "/CreateIdentification")).await);
    let name = created["identification"]["name"].as_str().unwrap();
    let get = kept.printed("grpcurl", "/GetIdentification").replace("NAME", name);
    assert_eq!(json(&run(&get).await)["identification"]["startLinks"].as_array().unwrap().len(), 3);
    for act in ["/start", "/submit", "/review"] {
        let act = kept.printed("curl", act).replace("UUID", name.rsplit('/').next().unwrap());
        run(&act).await;
    }

    let invited = json(&run(&kept.printed("grpcurl", "\"invitation\"")).await);
    assert_eq!(invited["identification"]["state"], "IDENTIFICATION_STATE_AWAITING_USER");
    for act in ["/start", "/step", "/complete"] {
        run(&kept.printed("curl", &format!("/preventor/invitations/erika@example.com{act}"))).await;
    }
    let registered = json(&run(&kept.printed("grpcurl", "/ListVendorWebhooks")).await);
    let registered = registered["vendorWebhooks"].as_array().unwrap();
    assert!(registered.len() == 2 && registered.iter().all(|it| it["encrypted"] == true), "{registered:?}");

    let told = json(&run(&kept.printed("grpcurl", "/CreateCustomer")).await);
    assert_eq!(told["customer"]["fullName"], "ERIKA BEISPIEL");
    let heard = json(&run(&kept.printed("curl", "/preventor-open/requests")).await);
    let heard = heard["requests"].as_array().unwrap().last().unwrap();
    assert!(heard["body"].as_str().unwrap().contains(r#""full_name":"ERIKA BEISPIEL""#), "{heard}");

    // The stories' events, then those of the identifications just made, live.
    let mut watch = shell(&grpcurl, &kept.printed("grpcurl", "/WatchEvents"));
    for _ in 0..8 {
        watch.lines_until(|line| line.contains("EVENT_TYPE_IDENTIFICATION_COMPLETED")).await;
    }
    let address = get.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap();
    let services = run(&format!("grpcurl -plaintext {address} list")).await.stdout;
    let served = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "idvgateway.biometrics.v1.BiometricsService",
        "idvgateway.onboarding.v1.OnboardingService",
        "idvgateway.v1.ConnectionService",
        "idvgateway.v1.DocumentSigningService",
        "idvgateway.v1.EventService",
        "idvgateway.v1.IdentificationService",
        "idvgateway.v1.TicketService",
        "idvgateway.v1.WebhookService",
    ];
    assert_eq!(services, served);
}

/// Runs a printed line as a reader's shell would.
fn shell(grpcurl: &OsString, line: &str) -> Child {
    let line = match line.strip_prefix("grpcurl ") {
        Some(arguments) => format!("exec \"$IDV_GRPCURL\" {arguments}"),
        None => format!("exec {line}"),
    };
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env("IDV_GRPCURL", grpcurl).env("no_proxy", "127.0.0.1");
    Child::spawn(shell)
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout.join("\n")).unwrap()
}
