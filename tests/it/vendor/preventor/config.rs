//! Settings: what is refused, and what docs/config.toml says of the defaults.

use idv_gateway::config::Config;
use idv_gateway::error::Kind;
use idv_gateway::proto::Evidence;
use idv_gateway::settings::Problems;
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::account_settings::AccountSettings as _;
use idv_gateway::vendor::kit::http::Request;
use idv_gateway::vendor::kit::line::{Line, LineParts};
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::preventor::config::{PreventorSettings, TicketFields};
use idv_gateway::vendor::registry::ConnectionSettings;
use idv_gateway::vendor::{Vendor as _, Webhooks as _, capabilities};

use super::Files;
use crate::vendor::rig::Recorder;

const BASE: &str = "http://127.0.0.1:9/id/v1/identity";
const DOCUMENTED: &str = include_str!("../../../../docs/config.toml");

fn problems(base: &str, more: &str) -> Vec<String> {
    let mut problems = Problems::default();
    Files::new().settings(base, more).check(&mut problems);
    problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect()
}

#[test]
fn each_problem_names_its_key() {
    let secret = |proof: &str| format!("[[webhook.secrets]]\nlabel = \"a\"\nproof = {proof}\n");
    assert_eq!(problems(BASE, ""), Vec::<String>::new());
    assert_eq!(problems("https://other.example", ""), Vec::<String>::new());
    for (base, more, key) in [
        ("http://10.0.0.1/v1", "", "base_url"),
        ("https://a.example/v1/../x", "", "base_url"),
        ("https://a.example/{tenant}", "", "base_url"),
        ("https://a.example/v1?x", "", "base_url"),
        (BASE, "user_agent = \"\"", "user_agent"),
        (BASE, "interface = \"a\\nb\"", "interface"),
        (BASE, "invitation_lifetime_days = 0", "invitation_lifetime_days"),
        (BASE, "limits.breaker_failures = 0", "limits.breaker_failures"),
        (BASE, "webhook.sources = []", "webhook.sources"),
        (BASE, "webhook.silence_after_hours = 0", "webhook.silence_after_hours"),
        (BASE, "images.max_bytes = 1", "images.max_bytes"),
        (BASE, "images.max_image_bytes = 1", "images.max_image_bytes"),
        (BASE, "images.max_downloads = 0", "images.max_downloads"),
        (BASE, "images.document = []", "images.document"),
        (BASE, "images.document = [\"A,B\"]", "images.document"),
        (BASE, "ticket.person = [{ field = \"A B\", paths = [] }]", "ticket.person"),
        (BASE, "ticket.lexical_members = [{ field = \"other\", paths = [] }]", "ticket.lexical_members"),
        (
            BASE,
            &secret("{ basic = { username = \"a:b\", password = { env = \"X\" } } }"),
            "webhook.secrets.0.proof.basic.username",
        ),
        (
            BASE,
            &secret("{ api_key = { header = \"a b\", value = { env = \"X\" } } }"),
            "webhook.secrets.0.proof.api_key.header",
        ),
    ] {
        assert_eq!(problems(base, more), [key], "{base} {more}");
    }
    for odd in ["invitation.id = [\"a..b\"]", "ticket.id = \"a\"", "send_by = \"name\"", "tickets = {}"] {
        let toml = Files::new().toml(BASE, odd);
        assert!(toml::from_str::<PreventorSettings>(&toml).is_err(), "{odd}");
    }
}

#[test]
fn decisions_are_fetched_once_somebody_has_looked_where_they_stand() {
    for (more, least) in [
        ("", Evidence::SharedSecret),
        ("[ticket]", Evidence::Fetched),
        ("min_evidence = \"fetched\"", Evidence::Fetched),
        ("min_evidence = \"shared_secret\"\n[ticket]", Evidence::SharedSecret),
    ] {
        let settings = Files::new().settings(BASE, more);
        assert_eq!(Evidence::from(settings.least_evidence()), least, "{more}");
    }
}

#[test]
fn a_cipher_key_is_32_bytes_whatever_its_characters() {
    let build = |key: &str| {
        let files = Files::new();
        let (token, key) = (files.path("token"), files.path(key));
        let more = format!(
            "[[webhook.secrets]]\nlabel = \"a\"\nproof = {{ bearer = {{ token = {{ file = \"{token}\" }} }} }}\n\
             cipher_key = {{ file = \"{key}\" }}\n"
        );
        let settings = files.settings(BASE, &more);
        let clock = idv_gateway::clock::Clock::system();
        let line = Line::new(LineParts {
            connection: "bank".parse().unwrap(),
            clock: clock.clone(),
            metrics: Metrics::noop(),
            transport: Recorder::new(|_request: &Request| (500, String::new())),
            limits: settings.limits,
        });
        Preventor::new("bank".parse().unwrap(), &settings, clock, line)
    };
    assert_eq!(build("cipher").unwrap().secrets().len(), 1);
    let error = build("33-bytes").unwrap_err();
    assert_eq!(error.kind, Kind::ValidationFailed);
    assert!(error.detail.contains("connections.bank.preventor.webhook.secrets.0"), "{}", error.detail);
}

#[test]
fn it_says_what_it_can_do() {
    let preventor = super::offline();
    let offered = [
        "get",
        "update",
        "cancel",
        "delete",
        "result",
        "artifacts",
        "invitation",
        "ticket",
        "ticket_images",
        "webhook_settings",
    ];
    assert_eq!(capabilities(&preventor), offered);
    let account = preventor.account();
    assert_eq!((account.region.as_str(), account.display_name.as_str()), ("", "bank"));
}

#[test]
fn what_the_documented_example_calls_a_default_is_one() {
    let lines = DOCUMENTED.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let config = Config::parse(&text, "config.toml", std::iter::empty()).unwrap();
    let preventor = |settings| if let ConnectionSettings::Preventor(it) = settings { Some(it) } else { None };
    let documented = config.connections.into_values().find_map(preventor).unwrap();
    let bare = Files::new().settings(BASE, "");
    assert_eq!(documented.ticket, Some(TicketFields::default()));
    let settings = PreventorSettings {
        display_name: String::new(),
        environment: bare.environment,
        base_url: bare.base_url.clone(),
        api_key: bare.api_key.clone(),
        secret: bare.secret.clone(),
        tenant: bare.tenant.clone(),
        env: bare.env.clone(),
        banknu: bare.banknu.clone(),
        min_evidence: None,
        limits: bare.limits,
        webhook: bare.webhook.clone(),
        ticket: None,
        ..*documented
    };
    assert_eq!(settings, bare);
}
