//! Configuration: every problem at once, each in its place.

mod defaults;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::admin::config::AdminSettings;
use idv_gateway::config::{Config, DrainSettings, Profile};
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::journal::config::{EmbeddedSettings, JournalSettings, KeySettings};
use idv_gateway::rpc::config::{Auth, GrpcSettings};
use idv_gateway::settings::SecretSource;
use idv_gateway::telemetry::LogSettings;
use idv_gateway::webhook::config::WebhookSettings;

const DOCUMENTED: &str = include_str!("../../docs/config.toml");

const SOUND: &str = r#"
profile = "test"
[grpc]
auth = "none"
[keys]
master = [{ env = "MASTER" }]
"#;

/// A connection that lacks nothing.
const CONNECTION: &str = r#"
[connections.bank-de.idnow]
environment = "test"
region = "de"
customer = "bankde"
api_key = { env = "API_KEY" }
[[connections.bank-de.idnow.webhook.basic]]
label = "2026"
username = "idnow"
password = { env = "PASSWORD" }
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, "gateway.toml", variables)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    parse(text, environment).expect_err("the configuration is wrong")
}

#[test]
fn the_documented_file_holds_the_defaults() {
    let lines: Vec<&str> = DOCUMENTED.lines().filter(|line| !line.starts_with('#')).collect();
    let required = ["grpc.auth: is required", "keys.master: is required"];
    let found = problems(&lines.join("\n"), &[]);
    assert_eq!(found.len(), required.len(), "{found:#?}");
    assert!(required.iter().all(|one| found.iter().any(|problem| problem.contains(one))), "{found:#?}");

    let completed = lines
        .join("\n")
        .replace("[grpc]", "[grpc]\nauth = \"none\"")
        .replace("[keys]", "[keys]\nmaster = [{ env = \"MASTER\" }]");
    let config = parse(&completed, &[]).unwrap();
    assert_eq!(config.profile, Profile::default());
    assert_eq!(config.grpc, GrpcSettings { auth: Some(Auth::None), ..GrpcSettings::default() });
    assert_eq!(config.webhooks, WebhookSettings::default());
    assert_eq!(config.admin, AdminSettings::default());
    assert_eq!(config.journal, JournalSettings::default());
    assert_eq!(config.keys, KeySettings { master: vec![SecretSource::Env("MASTER".into())] });
    assert_eq!(config.streams, StreamSettings::default());
    assert_eq!(config.drain, DrainSettings::default());
    assert_eq!(config.log, LogSettings::default());
    assert!(config.connections.is_empty());
}

#[test]
fn the_documented_examples_are_accepted() {
    let config = parse(&documented_with_examples(), &[]).unwrap();
    assert_eq!(config.connections.len(), 4);
    assert!(config.webhooks.public_url.is_some());
    let JournalSettings::Embedded(EmbeddedSettings { max_size_bytes, .. }) = config.journal;
    assert!(max_size_bytes.is_some());
}

#[test]
fn the_documented_file_knows_every_key() {
    let text = documented_with_examples();
    for header in text.lines().filter(|line| line.starts_with('[')) {
        let section = header.trim_matches(['[', ']']);
        let with_stranger = text.replacen(&format!("\n{header}\n"), &format!("\n{header}\n\"?\" = 1\n"), 1);
        let found = problems(&with_stranger, &[]);
        let known = found
            .iter()
            .find_map(|problem| problem.split_once("known here: "))
            .unwrap_or_else(|| panic!("no key was refused in {section}: {found:#?}"))
            .1;
        for key in known.split(", ") {
            let written = text.lines().any(|line| {
                line.starts_with(&format!("{key} =")) || line.contains(&format!("{section}.{key}"))
            });
            assert!(written, "docs/config.toml lacks {section}.{key}");
        }
    }
}

fn documented_with_examples() -> String {
    let lines = DOCUMENTED.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = r#"profil = "live"
[grpc]
listen = "localhost"
auth = "mtls"
max_request_bytes = "64k"
[webhooks]
listn = "127.0.0.1:1"
max_body_bytes = 1
public_url = "http://idv.bank.example"
[streams]
heartbeat_interval_seconds = -1
max_stream_age_seconds = 1979-05-27
[drain]
seconds = 0
[log]
format = "xml"
[journal.postgres]
url = "x"
[keys]
master = ["0123456789"]
[connections.Bank_DE.idnow]
environment = "test"
region = "de"
customer = 7
api_key = { fil = "x" }
[connections.bank-ch.idnow]
environment = "sandbox"
customer = ""
colour = "red"
api_key = "topsecret"
webhook.basic = [{ label = "a", username = "b", password = { file = "c" } }, { label = "d" }]
"#;
    let found = problems(text, &[("IDV__ADMIN__LISTEN", "9090"), ("IDV__GRPC__AUTHN", "none")]);
    let expected = [
        "gateway.toml:1:1: profil: is not a known key; did you mean profile?",
        "gateway.toml:3:10: grpc.listen: must be an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        "gateway.toml:4:8: grpc.auth: must be \"none\"",
        "gateway.toml:5:21: grpc.max_request_bytes: must be a whole number, 0 or more",
        "gateway.toml:7:1: webhooks.listn: is not a known key; did you mean listen?",
        "gateway.toml:9:14: webhooks.public_url: must be an https URL without a query, such as \
         https://idv.bank.example",
        "gateway.toml:11:30: streams.heartbeat_interval_seconds: must be a whole number, 0 or more",
        "gateway.toml:12:26: streams.max_stream_age_seconds: must be a whole number, 0 or more",
        "gateway.toml:14:11: drain.seconds: must be from 1 to 600",
        "gateway.toml:16:10: log.format: must be \"text\" or \"json\"",
        "gateway.toml:17:10: journal.postgres: is not a known key; known here: embedded",
        "gateway.toml:20:11: keys.master.0: must say where the secret is kept, { file = \"...\" } or \
         { env = \"...\" }, never the secret itself",
        "gateway.toml:21:14: connections.Bank_DE: must be 1 to 63 of a-z, 0-9 and hyphen, beginning with a letter",
        "gateway.toml:24:12: connections.Bank_DE.idnow.customer: must be text in quotes",
        "gateway.toml:25:13: connections.Bank_DE.idnow.api_key.fil: is not a known key; did you mean file?",
        "gateway.toml:29:1: connections.bank-ch.idnow.colour: is not a known key; known here: display_name, \
         environment, region, customer, api_key, base_url, links, start_results, min_evidence, files, signing, webhook, \
         identification_lifetime_days, polling, limits, adopt_unknown, lists",
        "gateway.toml:30:11: connections.bank-ch.idnow.api_key: must say where the secret is kept, \
         { file = \"...\" } or { env = \"...\" }, never the secret itself",
        "gateway.toml:31:78: connections.bank-ch.idnow.webhook.basic.1.password: is required",
        "gateway.toml:31:78: connections.bank-ch.idnow.webhook.basic.1.username: is required",
        "IDV__ADMIN__LISTEN: admin.listen: must be an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        "IDV__GRPC__AUTHN: grpc.authn: is not a known key; did you mean auth?",
    ];
    let mut sorted = expected.map(str::to_owned).to_vec();
    sorted.sort();
    let mut found_sorted = found.clone();
    found_sorted.sort();
    assert_eq!(found_sorted, sorted);
    assert!(!found.join("\n").contains("topsecret"), "a value that may be a secret was repeated");
}

#[test]
fn problems_stand_in_the_order_of_the_file() {
    let found = problems("[drain]\nseconds = 0\n[grpc]\nauth = 1\n", &[("IDV__ADMIN__X", "1")]);
    let places: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["gateway.toml:1:1", "gateway.toml:2:11", "gateway.toml:4:8", "IDV__ADMIN__X"]);
}

#[test]
fn what_is_not_toml_has_a_line_too() {
    let found = problems("[grpc]\nlisten = \n\n[webhooks\n", &[]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("gateway.toml:2:10: "), "{found:#?}");
    assert!(found[1].starts_with("gateway.toml:4:10: "), "{found:#?}");

    let found = problems("[grpc]\nauth = \"none\"\nauth = \"none\"\n", &[]);
    assert_eq!(found, ["gateway.toml:3:1: duplicate key"]);
}

#[test]
fn columns_count_characters() {
    let found =
        problems("# ü\n[log]\n\"ü\" = 1\nlevel = 1\n[grpc]\nauth = \"none\"\n[keys]\nmaster = []", &[]);
    assert_eq!(found[0], "gateway.toml:3:1: log.\"ü\": is not a known key; known here: format, level");
    assert_eq!(found[1], "gateway.toml:4:9: log.level: must be text in quotes");
    assert!(found[2].starts_with("gateway.toml:8:10: keys.master: is required"), "{found:#?}");
}

#[test]
fn a_sound_section_is_checked_although_another_is_not() {
    let text =
        "[grpc]\nauth = \"none\"\nlisten = \"0.0.0.0:1\"\nmax_request_bytes = true\n[drain]\nseconds = 601\n";
    let found = problems(text, &[("IDV__KEYS__MASTER", "[{ env = \"MASTER\" }]")]);
    assert_eq!(
        found,
        [
            "gateway.toml:4:21: grpc.max_request_bytes: must be a whole number, 0 or more",
            "gateway.toml:6:11: drain.seconds: must be from 1 to 600",
        ]
    );
}

#[test]
fn callers_without_proof_stay_on_this_machine() {
    let public = SOUND.replace("auth = \"none\"", "auth = \"none\"\nlisten = \"0.0.0.0:50051\"");
    let found = problems(&public, &[]);
    assert!(
        matches!(found.as_slice(), [one] if one.starts_with("gateway.toml:5:10: grpc.listen: ")),
        "{found:#?}"
    );
    assert!(found[0].contains("allow_public_without_auth"), "{found:#?}");

    let accepted = parse(&public, &[("IDV__GRPC__ALLOW_PUBLIC_WITHOUT_AUTH", "true")]).unwrap();
    assert!(accepted.grpc.allow_public_without_auth);
    assert!(parse(&public, &[("IDV__GRPC__LISTEN", "[::1]:50051")]).is_ok());
}

#[test]
fn purposes_are_words() {
    let text = |purposes: &str| SOUND.replace("[grpc]", &format!("[grpc]\npurposes = {purposes}"));
    let config = parse(&text("[\"customer-onboarding\", \"kyc_2\"]"), &[]).unwrap();
    let words: Vec<_> = config.grpc.purposes.iter().map(|purpose| purpose.as_str()).collect();
    assert_eq!(words, ["customer-onboarding", "kyc_2"]);
    for (word, column) in [("", 20), ("Support", 20), ("two words", 20), ("a,b", 20), (&"a".repeat(65), 20)] {
        let found = problems(&text(&format!("[\"kyc\", \"{word}\"]")), &[]);
        let place = format!("gateway.toml:4:{column}");
        assert_eq!(found, [format!("{place}: grpc.purposes.1: must be 1 to 64 of a-z, 0-9, _ and -")]);
    }
    let found = problems(&text(&format!("[{}]", "\"a\", ".repeat(65))), &[]);
    assert_eq!(found, ["gateway.toml:4:12: grpc.purposes: must be at most 64 words"]);
}

#[test]
fn doors_do_not_share_an_address() {
    let found = problems(SOUND, &[("IDV__ADMIN__LISTEN", "127.0.0.1:8081")]);
    assert_eq!(
        found,
        ["IDV__ADMIN__LISTEN: admin.listen: must be an address of its own, but webhooks.listen is the same"]
    );
    let free = [("IDV__ADMIN__LISTEN", "127.0.0.1:0"), ("IDV__GRPC__LISTEN", "127.0.0.1:0")];
    assert!(parse(SOUND, &free).is_ok());
}

#[test]
fn ranges_and_windows_say_what_they_should_be() {
    let webhook = "[connections.bank-de.idnow.webhook]\nsources = [\"213.95.145.0/27\", \"idnow.de\"]\n[[";
    let connection = CONNECTION.replace("[[", webhook);
    let text = format!(
        "{SOUND}[webhooks]\ntrusted_proxies = [\"10.0.0.1/8\", \"::1\", 7]\n{connection}not_before = \"soon\"\n\
         not_after = 2026-12-31\n"
    );
    let range = "must be an IP address or a range such as 203.0.113.0/24 or 2001:db8::/32";
    let idnow = "connections.bank-de.idnow.webhook";
    let mut expected = [
        "gateway.toml:8:20: webhooks.trusted_proxies.0: must be a range without bits behind its prefix, such as \
         203.0.113.0/24, not 203.0.113.7/24"
            .to_owned(),
        "gateway.toml:8:41: webhooks.trusted_proxies.2: must be text in quotes".to_owned(),
        format!("gateway.toml:16:31: {idnow}.sources.1: {range}"),
        format!(
            "gateway.toml:21:14: {idnow}.basic.0.not_before: must be a date such as 2026-12-31, or a time with its \
             offset such as 2026-12-31T18:00:00+01:00"
        ),
        format!("gateway.toml:22:13: {idnow}.basic.0.not_after: must be text in quotes"),
    ];
    let mut found = problems(&text, &[]);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn check_config_tells_until_when_webhooks_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let master = BASE64_STANDARD.encode(*b"hush hush hush hush hush hush hu");
    let secrets = [("MASTER", master.as_str()), ("PASSWORD", "password"), ("API_KEY", "key")];
    for (window, said) in [
        ("", None),
        ("not_before = \"2020-01-01\"", None),
        ("not_after = \"2999-12-31\"", Some("    webhook secrets are accepted until 3000-01-01T00:00:00Z")),
        (
            "not_after = \"2020-12-31\"",
            Some("    warning: no webhook secret is accepted now, so every webhook is refused"),
        ),
    ] {
        fs::write(&file, format!("{SOUND}{CONNECTION}{window}\n")).unwrap();
        let output = check_config(&file, &secrets);
        assert_eq!(output.status.code(), Some(0), "{window}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(stdout.lines().find(|line| line.contains("webhook secret")), said, "{window}");
    }
}

#[test]
fn a_live_gateway_refuses_a_sandbox() {
    let sandbox = CONNECTION
        .replace("environment = \"test\"", "environment = \"sandbox\"\nbase_url = \"http://127.0.0.1:8090\"");
    assert!(parse(&format!("{SOUND}{sandbox}"), &[]).is_ok());
    let found = problems(&format!("{SOUND}{sandbox}"), &[("IDV__PROFILE", "live")]);
    assert!(
        matches!(found.as_slice(), [one] if one.contains(": connections.bank-de: must not be a sandbox"))
    );
}

#[test]
fn variables_replace_and_add_keys() {
    let config = parse(
        &format!("{SOUND}{CONNECTION}"),
        &[
            ("IDV__GRPC__MAX_REQUEST_BYTES", "0x1000"),
            ("IDV__JOURNAL__EMBEDDED__PATH", "elsewhere/journal.sqlite3"),
            ("IDV__LOG", "{ format = \"json\", level = \"debug\" }"),
            ("IDV__LOG__LEVEL", "\"warn\""),
            (
                "IDV__CONNECTIONS__BANK_CH__IDNOW",
                "{ environment = \"test\", region = \"ch\", customer = \"x\", api_key = { env = \"A\" } }",
            ),
            ("IDV__CONNECTIONS__BANK_DE__IDNOW__CUSTOMER", "12345"),
            ("HOME", "ignored"),
            ("IDV_MASTER_KEY", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(config.grpc.max_request_bytes, 4096);
    let JournalSettings::Embedded(journal) = &config.journal;
    assert_eq!(journal.path, Path::new("elsewhere/journal.sqlite3"));
    assert_eq!(config.log.level, "warn");
    let names: Vec<&str> = config.connections.keys().map(|id| id.as_str()).collect();
    assert_eq!(names, ["bank-ch", "bank-de"]);
    assert!(format!("{:?}", config.connections).contains("\"12345\""));
}

#[test]
fn misplaced_variables_are_refused() {
    let found = problems(
        SOUND,
        &[
            ("IDV__GRPC__LISTEN__PORT", "1"),
            ("IDV__GRPC____AUTH", "none"),
            ("IDV__", "1"),
            ("IDV__log__level", "info"),
        ],
    );
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("IDV__: must be IDV__ and"), "{found:#?}");
    assert!(found[1].starts_with("IDV__GRPC__LISTEN__PORT: grpc.listen: must be"), "{found:#?}");
    assert!(found[2].starts_with("IDV__GRPC____AUTH: must be IDV__ and"), "{found:#?}");
    assert!(found[3].starts_with("IDV__log__level: must be IDV__ and"), "{found:#?}");

    let found = problems(SOUND, &[("IDV__GRPC__AUTH__KIND", "none")]);
    assert_eq!(
        found,
        ["IDV__GRPC__AUTH__KIND: grpc.auth.kind: has no place, because grpc.auth is not a table"]
    );
}

#[test]
fn a_choice_is_made_once() {
    let both = "[journal]\nembedded = { path = \"a\" }\nmemory = {}\n";
    let found = problems(&format!("{SOUND}{both}"), &[]);
    assert_eq!(found, ["gateway.toml:9:1: journal.memory: is not a known key; known here: embedded"]);
    let found = problems(&format!("{SOUND}[journal]\n"), &[]);
    assert_eq!(found, ["gateway.toml:7:1: journal: must have exactly one of embedded"]);
    let found = problems(&SOUND.replace("[grpc]", "journal = \"embedded\"\n[grpc]"), &[]);
    assert_eq!(found, ["gateway.toml:3:11: journal: must be a table with the key embedded"]);
}

#[test]
fn check_config_prints_all_problems_and_exits_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, "[grpc]\nauth = \"none\"\nlisten = 1\n[log]\nlevl = \"info\"\n").unwrap();

    let output = check_config(&file, &[]);
    assert_eq!(output.status.code(), Some(78));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let file = file.display();
    for line in [
        format!("{file}:3:10: grpc.listen: must be text in quotes"),
        format!("{file}:5:1: log.levl: is not a known key; did you mean level?"),
    ] {
        assert!(stderr.contains(&line), "{stderr}");
    }
    assert!(stderr.contains("keys.master: is required"), "{stderr}");
    assert!(stderr.ends_with("3 problems\n"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn check_config_reads_secrets_and_never_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, format!("{SOUND}{CONNECTION}")).unwrap();

    let output = check_config(&file, &[("MASTER", "hush-master"), ("PASSWORD", " ")]);
    assert_eq!(output.status.code(), Some(78));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let shown = file.display();
    let api_key = format!(
        "{shown}:12:11: connections.bank-de.idnow.api_key: the environment variable API_KEY is not set"
    );
    let password = format!(
        "{shown}:16:12: connections.bank-de.idnow.webhook.basic.0.password: the secret in PASSWORD is empty"
    );
    let master = format!(
        "{shown}:6:11: keys.master.0: a master key must be 32 bytes in base64; `openssl rand -base64 32` makes one"
    );
    let expected = [master.as_str(), api_key.as_str(), password.as_str(), "3 problems"];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);

    let master = BASE64_STANDARD.encode(*b"hush hush hush hush hush hush hu");
    let secrets = [("MASTER", master.as_str()), ("PASSWORD", "hush-password"), ("API_KEY", "hush-key")];
    let output = check_config(&file, &secrets);
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.starts_with("config ok: 1 connection\n"), "{stdout}");
    assert!(stdout.contains("connections/bank-de  test"), "{stdout}");
    assert!(!stdout.contains("hush") && !stdout.contains(&master), "{stdout}");
}

#[test]
fn check_config_says_when_there_is_no_file() {
    let output = check_config(Path::new("/nowhere/gateway.toml"), &[]);
    assert_eq!(output.status.code(), Some(78));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("/nowhere/gateway.toml: the configuration file cannot be read: No such file"),
        "{stderr}"
    );
}

#[test]
fn wrong_usage_exits_with_64_and_help_with_0() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_idv-gateway")).args(arguments).env_clear().output().unwrap()
    };
    assert_eq!(run(&["check-config"]).status.code(), Some(64));
    assert_eq!(run(&["check-confg", "--config", "x"]).status.code(), Some(64));
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("check-config") && help.contains("78  wrong configuration"), "{help}");
}

fn check_config(file: &Path, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idv-gateway"))
        .args(["check-config", "--config"])
        .arg(file)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}
