//! Settings of a connection: what is refused, and by which key.

use idv_gateway::error::Kind;
use idv_gateway::settings::Problems;
use idv_gateway::vendor::account_settings::AccountSettings as _;

use super::{Files, build, parsed};

fn problems(text: &str) -> Vec<String> {
    let mut problems = Problems::default();
    parsed(text).check(&mut problems);
    problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect()
}

#[test]
fn each_problem_names_its_key() {
    let files = Files::new();
    let base = "http://127.0.0.1:9";
    let parts = format!("{}{}", files.biometrics(base), files.onboarding(base, "\"user\""));
    let sound = files.toml("", &parts);
    assert_eq!(problems(&sound), [""; 0]);
    for (old, new, keys) in [
        ("tenant = \"bank\"", "tenant = \"\"", &["tenant"][..]),
        ("env = \"test\"", "env = \"a\\nb\"", &["env"]),
        ("banknu = \"001\"", "banknu = \" 1\"", &["banknu"]),
        (
            "environment = \"sandbox\"",
            "environment = \"live\"",
            &["onboarding.base_url", "biometrics.base_url"],
        ),
        ("base_url = \"http://127.0.0.1:9\"\n", "", &["onboarding.base_url"]),
        ("base_url = \"http://127.0.0.1:9/v1\"\n", "", &["biometrics.base_url"]),
        (
            "\"user\"",
            "{ pair = { username = \"a:b\", password = { env = \"X\" } } }",
            &["onboarding.basic.pair.username"],
        ),
        ("username = \"gateway@bank.example\"", "username = \"a:b\"", &["onboarding.username"]),
        ("client_id = \"gateway\"", "client_id = \"\"", &["onboarding.client_id"]),
        ("client_id = ", "grant_type = \"\"\nclient_id = ", &["onboarding.grant_type"]),
        ("client_id = ", "scope = \"\\u00e9\"\nclient_id = ", &["onboarding.scope"]),
        ("[biometrics]", "client.time_zone = \"\"\n[biometrics]", &["client.time_zone"]),
        ("[biometrics]", "limits.max_attempts = 9\n[biometrics]", &["limits.max_attempts"]),
        (
            "secret = ",
            "min_portraits = 3\nmin_documents = 3\nsecret = ",
            &["biometrics.min_portraits", "biometrics.min_documents"],
        ),
    ] {
        assert!(sound.contains(old), "{old}");
        assert_eq!(problems(&sound.replacen(old, new, 1)), keys, "{new}");
    }
    assert_eq!(problems(&files.toml("", "")), ["onboarding"]);
}

#[test]
fn live_hosts_are_known_and_others_are_not() {
    let files = Files::new();
    let parts = format!("{}{}", files.biometrics("x"), files.onboarding("x", "\"user\""));
    let parts = parts.replace("base_url = \"x\"\n", "").replace("base_url = \"x/v1\"\n", "");
    let live = files.toml("", &parts).replace("\"sandbox\"", "\"live\"");
    let vendor = build(&parsed(&live)).0.unwrap();
    let server = idv_gateway::vendor::Probe::server(&vendor);
    assert_eq!(server, "https://api.preventor.com and https://api.preventor.id");
    let test = live.replace("\"live\"", "\"test\"");
    assert_eq!(problems(&test), ["onboarding.base_url", "biometrics.base_url"]);
}

#[test]
fn a_secret_that_cannot_be_used_names_its_key() {
    let files = Files::new();
    let sound = files.toml("", &files.biometrics("http://127.0.0.1:9"));
    for (old, new, told) in [
        ("key", "odd", "preventor_open.api_key: cannot stand in a header field"),
        ("secret", "gone", "preventor_open.biometrics.secret: the secret file"),
    ] {
        let text = sound.replacen(&files.source(old), &files.source(new), 1);
        let error = build(&parsed(&text)).0.unwrap_err();
        assert_eq!(error.kind, Kind::ValidationFailed);
        assert!(error.detail.starts_with(&format!("connections.bank.{told}")), "{}", error.detail);
    }
}
