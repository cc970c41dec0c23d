//! Settings of an IDnow account: what is refused, and where the connection then goes.

use std::sync::Arc;

use idv_gateway::clock::Clock;
use idv_gateway::error::Kind;
use idv_gateway::proto::{StartLink, StartLinkKind};
use idv_gateway::settings::Problems;
use idv_gateway::vendor::account_settings::AccountSettings as _;
use idv_gateway::vendor::idnow::Idnow;
use idv_gateway::vendor::idnow::config::IdnowSettings;
use idv_gateway::vendor::kit::delivery::{Refusal, Source, Unverified};
use idv_gateway::vendor::kit::http::Request;
use idv_gateway::vendor::{Get, Identifications, Vendor};

use super::rig::{Files, ID, Recorder, about, basic, connect, delivery, line, reference, right};

fn problems(environment: &str, more: &str) -> Vec<(String, String)> {
    let mut problems = Problems::default();
    Files::new().settings(environment, more).check(&mut problems);
    problems.into_found().into_iter().map(|problem| (problem.path.join("."), problem.message)).collect()
}

#[test]
fn sound_settings_have_no_problems() {
    assert_eq!(problems("live", ""), []);
    assert_eq!(problems("test", "region = \"ae\"\nbase_url = \"https://egress.example:8443\""), []);
    assert_eq!(problems("sandbox", "base_url = \"http://127.0.0.1:8090\""), []);
    let links =
        "[links]\nembed = \"https://{host}/app/{customer}/identifications/{identid}/identification/start\"";
    assert_eq!(problems("live", links), []);
}

#[test]
fn each_problem_names_its_key() {
    let cases = [
        ("live", "customer = \"a/b\"", "customer"),
        ("sandbox", "", "base_url"),
        ("sandbox", "base_url = \"http://10.0.0.1\"", "base_url"),
        ("live", "base_url = \"http://127.0.0.1:8090\"", "base_url"),
        ("live", "base_url = \"https://gateway.idnow.de/api\"", "base_url"),
        ("live", "start_results = [\"SUCCESS\"]", "start_results"),
        ("live", "start_results = [\"a b\"]", "start_results"),
        ("live", "identification_lifetime_days = 0", "identification_lifetime_days"),
        ("live", "limits.call_timeout_seconds = 121", "limits.call_timeout_seconds"),
        ("live", "limits.attempt_timeout_seconds = 31", "limits.attempt_timeout_seconds"),
        ("live", "limits.max_attempts = 4", "limits.max_attempts"),
        ("live", "limits.max_concurrent_requests = 0", "limits.max_concurrent_requests"),
        ("live", "limits.max_waiting_calls = 100001", "limits.max_waiting_calls"),
        ("live", "limits.max_requests_per_second = 0", "limits.max_requests_per_second"),
        ("live", "limits.breaker_failures = 0", "limits.breaker_failures"),
        ("live", "limits.breaker_pause_seconds = 601", "limits.breaker_pause_seconds"),
        ("live", "[links]\nweb = \"https://{host}/{customer}/all\"", "links.web"),
        ("live", "[links]\nweb = \"http://127.0.0.1/{identid}\"", "links.web"),
        ("live", "[links]\nweb_short = \"https://{host}/{identid}?x\"", "links.web_short"),
        ("live", "[links]\nembed = \"https://{host}/{identid}/{unknown}\"", "links.embed"),
        ("live", "[links]\nembed = \"https://{customer}.idnow.de/{identid}\"", "links.embed"),
    ];
    for (environment, more, key) in cases {
        let files = Files::new();
        let toml = files.toml(environment, more);
        let toml = if key == "customer" { toml.replace("customer = \"examplebank\"\n", "") } else { toml };
        let settings: IdnowSettings = toml::from_str(&toml).unwrap();
        let mut problems = Problems::default();
        settings.check(&mut problems);
        let keys: Vec<_> = problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect();
        assert_eq!(keys, [key], "{more}");

        // A connection with a problem is not built, and says which.
        let transport = Recorder::new(|_request: &Request| (500, String::new()));
        let line = line(settings.limits, Clock::system(), transport);
        let error = Idnow::new("bank".parse().unwrap(), &settings, Clock::system(), line).unwrap_err();
        assert_eq!(error.kind, Kind::ValidationFailed);
        assert!(error.detail.starts_with(&format!("connections.bank.idnow.{key}: ")), "{}", error.detail);
    }
}

#[test]
fn webhook_credentials_are_checked() {
    let more = "[[webhook.basic]]\nlabel = \"first\"\nusername = \"a:b\"\npassword = { env = \"X\" }";
    let keys: Vec<_> = problems("live", more).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["webhook.basic.0.username", "webhook.basic.1.label"]);
}

#[test]
fn what_webhooks_have_to_show_is_checked() {
    for (webhook, credential, key) in [
        ("sources = []", "", "webhook.sources"),
        ("silence_after_hours = 0", "", "webhook.silence_after_hours"),
        ("silence_after_hours = 8761", "", "webhook.silence_after_hours"),
        ("", "not_before = \"2026-03-02\"\nnot_after = \"2026-03-01\"", "webhook.basic.0.not_after"),
        (
            "sources = [\"213.95.145.0/27\", \"2001:db8::1\"]\nsilence_after_hours = 8760",
            "not_after = \"2020-01-01\"",
            "",
        ),
    ] {
        let toml = Files::new().toml("live", &format!("[webhook]\n{webhook}"));
        let settings: IdnowSettings = toml::from_str(&format!("{toml}{credential}\n")).unwrap();
        let mut problems = Problems::default();
        settings.check(&mut problems);
        let keys: Vec<_> = problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect();
        assert_eq!(
            keys,
            [key].map(str::to_owned).into_iter().filter(|key| !key.is_empty()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn only_known_sources_with_the_right_credentials_are_believed() {
    let files = Files::new();
    let known = files.settings("live", "[webhook]\nsources = [\"213.95.145.0/27\", \"2001:db8::7\"]");
    let anywhere = files.settings("live", "");
    let recorder = || Recorder::new(|_request: &Request| (500, String::new()));
    let [known, anywhere] = [known, anywhere].map(|settings| connect(&settings, Clock::system(), recorder()));
    let from = |idnow: &Idnow, source: Source, authorization: &str| {
        let delivery = Unverified { source, ..delivery(authorization, "{}") };
        idnow.webhooks().unwrap().verify(delivery).map(|verified| verified.matched().to_owned())
    };
    let at = |address: &str| Source::Known(address.parse().unwrap());
    let (first, foreign) = (Ok("first".to_owned()), Err(Refusal::ForeignSource));
    for (source, expected) in [
        (at("213.95.145.31"), &first),
        (at("::ffff:213.95.145.1"), &first),
        (at("2001:db8::7"), &first),
        (at("213.95.145.32"), &foreign),
        (at("2001:db8::8"), &foreign),
        // The proxy itself may be listed: it did not say for whom it speaks.
        (Source::Behind("213.95.145.1".parse().unwrap()), &foreign),
    ] {
        assert_eq!(from(&known, source, &right()), *expected, "{source:?}");
        assert_eq!(from(&anywhere, source, &right()), first, "{source:?}");
        // Of two things that are wrong, the credentials are counted.
        assert_eq!(from(&known, source, &basic("idnow", "wrong")), Err(Refusal::Wrong), "{source:?}");
        assert_eq!(from(&known, source, ""), Err(Refusal::Missing), "{source:?}");
    }
}

#[test]
fn looks_and_lists_have_their_bounds() {
    let more = r#"
[polling]
max_per_minute = 0
awaiting_user = { shortest_minutes = 20, longest_minutes = 10 }
in_review = { shortest_minutes = 0, longest_minutes = 50000 }
completed_after_days = [7, 1]
[lists]
pause_minutes = 0
max_bytes = 1024
"#;
    let expected = [
        ("polling.max_per_minute", "must be from 1 to 6000"),
        ("polling.awaiting_user.shortest_minutes", "must be from 1 to 10"),
        ("polling.in_review.longest_minutes", "must be from 1 to 43200"),
        ("polling.in_review.shortest_minutes", "must be from 1 to 50000"),
        ("polling.completed_after_days", "must be up to 10 days from 1 to 3650, each later than the last"),
        ("lists.pause_minutes", "must be from 1 to 1440"),
        ("lists.max_bytes", "must be from 1048576 to 1073741824"),
    ];
    assert_eq!(problems("live", more), expected.map(|(key, message)| (key.to_owned(), message.to_owned())));
}

#[test]
fn unknown_keys_are_refused() {
    for more in ["apikey = \"x\"", "[links]\nother = \"x\"", "[webhook]\nhmac = 1"] {
        let refused = toml::from_str::<IdnowSettings>(&Files::new().toml("live", more));
        assert!(refused.is_err(), "{more}");
    }
}

#[test]
fn a_missing_secret_stops_the_connection_and_is_not_shown() {
    let files = Files::new();
    let settings = files.settings("live", "");
    let build = || {
        let transport = Recorder::new(|_request: &Request| (500, String::new()));
        let line = line(settings.limits, Clock::system(), transport);
        Idnow::new("bank".parse().unwrap(), &settings, Clock::system(), line)
    };
    assert!(!format!("{:?}", build().unwrap()).contains("made"));
    files.write("api-key", " \n");
    let error = build().unwrap_err();
    assert!(error.detail.starts_with("connections.bank.idnow.api_key: "), "{}", error.detail);
}

#[test]
fn a_connection_without_credentials_takes_no_webhooks() {
    let files = Files::new();
    let mut settings = files.settings("live", "");
    let recorder = || Recorder::new(|_request: &Request| (500, String::new()));
    assert!(connect(&settings, Clock::system(), recorder()).webhooks().is_some());
    settings.webhook = None;
    assert!(connect(&settings, Clock::system(), recorder()).webhooks().is_none());
}

#[tokio::test]
async fn each_region_and_environment_has_its_servers() {
    let cases = [
        ("live", "de", "https://gateway.idnow.de", "https://go.idnow.de"),
        ("live", "ch", "https://gateway.online-ident.ch", "https://go.online-ident.ch"),
        ("live", "ae", "https://gateway.idnow.ae", "https://go.idnow.ae"),
        ("test", "de", "https://gateway.test.idnow.de", "https://go.test.idnow.de"),
        ("test", "ch", "https://gateway.test.online-ident.ch", "https://go.test.online-ident.ch"),
        ("test", "ae", "https://gateway.test.idnow.ae", "https://go.test.idnow.ae"),
        // One place serves both.
        ("sandbox", "de", "http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("sandbox", "ae", "http://127.0.0.1:8090", "http://127.0.0.1:8090"),
    ];
    for (environment, region, api, go) in cases {
        let recorder = Recorder::new(|_request: &Request| (500, String::new()));
        let files = Files::new();
        let mut more = format!("region = \"{region}\"");
        if environment == "sandbox" {
            more.push_str(&format!("\nbase_url = \"{api}\""));
        }
        let settings = files.settings(environment, &more);
        let idnow = connect(&settings, Clock::system(), recorder.clone());
        let wanted = reference("TST-KLMNP", ID);
        assert!(idnow.get(Get { reference: &wanted, deadline: None }).await.is_err());
        assert!(idnow.probe().ask_server().await.is_err());
        assert_eq!(idnow.probe().server(), api);
        let login = format!("{api}/api/v1/examplebank/login");
        let ident = format!("{api}/api/v1/examplebank/identifications/{ID}");
        assert_eq!(*recorder.urls.lock().unwrap(), [login, ident, format!("{api}/system_check")]);
        assert_eq!(
            links(&idnow.start_links(about(&wanted))),
            [
                (StartLinkKind::Web, format!("{go}/examplebank/identifications/{ID}")),
                (StartLinkKind::WebShort, format!("{go}/TST-KLMNP")),
                (
                    StartLinkKind::Embed,
                    format!("{go}/examplebank/identifications/TST-KLMNP/identification/start")
                ),
            ]
        );
    }
}

#[test]
fn links_follow_their_templates_and_need_their_ids() {
    let more = "base_url = \"http://127.0.0.1:8090\"\n[links]\n\
        embed = \"https://{host}/app/{customer}/identifications/{identid}/identification/start\"\n\
        web_short = \"https://short.example/{identid}\"";
    let transport = Recorder::new(|_request: &Request| (500, String::new()));
    let files = Files::new();
    let idnow = connect(&files.settings("sandbox", more), Clock::system(), Arc::clone(&transport) as _);
    assert_eq!(
        links(&idnow.start_links(about(&reference("TST-KLMNP", ID)))),
        [
            (StartLinkKind::Web, format!("http://127.0.0.1:8090/examplebank/identifications/{ID}")),
            (StartLinkKind::WebShort, "https://short.example/TST-KLMNP".to_owned()),
            (
                StartLinkKind::Embed,
                "https://127.0.0.1:8090/app/examplebank/identifications/TST-KLMNP/identification/start"
                    .to_owned()
            ),
        ]
    );
    let without_id = idnow.start_links(about(&reference("", ID)));
    assert_eq!(
        links(&without_id).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(),
        [StartLinkKind::Web]
    );
    assert!(idnow.start_links(about(&reference("", ""))).is_empty());
}

fn links(links: &[StartLink]) -> Vec<(StartLinkKind, String)> {
    links.iter().map(|link| (link.kind(), link.uri.clone())).collect()
}
