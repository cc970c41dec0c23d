//! What docs/config.toml calls a default of a connection is one.

use idv_gateway::vendor::idnow::config::{FileSettings, LinkTemplates, SigningSettings};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::preventor_open::config::ClientSettings;
use idv_gateway::vendor::registry::ConnectionSettings;

use super::{CONNECTION, SOUND, documented_with_examples, parse};

#[test]
fn what_the_documented_example_calls_a_default_is_one() {
    let idnow = |text: &str| match parse(text, &[])
        .unwrap()
        .connections
        .into_values()
        .find(|it| matches!(it, ConnectionSettings::Idnow(_)))
    {
        Some(ConnectionSettings::Idnow(settings)) => settings,
        other => panic!("one is IDnow's: {other:?}"),
    };
    let documented = idnow(&documented_with_examples());
    let bare = idnow(&format!("{SOUND}{CONNECTION}").replace("region = \"de\"\n", ""));
    assert_eq!(documented.region, bare.region);
    assert_eq!((documented.start_results, documented.min_evidence), (bare.start_results, bare.min_evidence));
    let files = FileSettings { spool_directory: None, xml_signing_keys: Vec::new(), ..documented.files };
    assert_eq!((&files, &files), (&bare.files, &FileSettings::default()));
    assert_eq!([&documented.signing, &bare.signing], [&SigningSettings::default(); 2]);
    assert_eq!(documented.identification_lifetime_days, bare.identification_lifetime_days);
    assert_eq!(documented.polling, bare.polling);
    let rate = documented.limits.max_requests_per_second;
    assert_eq!(documented.limits, LimitSettings { max_requests_per_second: rate, ..bare.limits });
    assert_eq!(bare.limits, LimitSettings::default());
    assert_eq!((documented.lists, documented.adopt_unknown), (bare.lists, bare.adopt_unknown));
    assert_eq!(bare.links, LinkTemplates::default());
}

#[test]
fn what_the_documented_example_of_masstack_calls_a_default_is_one() {
    let masstack = |text: &str| {
        let mut connections = parse(text, &[]).unwrap().connections.into_values();
        let found = connections.find_map(|settings| match settings {
            ConnectionSettings::Masstack(settings) => Some(settings),
            _ => None,
        });
        found.unwrap()
    };
    let documented = masstack(&documented_with_examples());
    let bare = masstack(&format!(
        "{SOUND}[connections.es.masstack]\nenvironment = \"live\"\norg_id = \"bank\"\n\
         token_url = \"https://token.example/v1\"\nservice_account.json.env = \"ACCOUNT\"\n"
    ));
    assert_eq!((documented.generation, &documented.scope), (bare.generation, &bare.scope));
    assert_eq!((documented.polling, documented.endpoints), (bare.polling, bare.endpoints));
    assert_eq!((documented.fields, documented.states), (bare.fields, bare.states));
    let rate = documented.limits.max_requests_per_second;
    assert_eq!(documented.limits, LimitSettings { max_requests_per_second: rate, ..bare.limits });
    assert_eq!((bare.calls.cancel, bare.calls.restart, bare.calls.send), (None, None, None));
}

#[test]
fn what_the_documented_example_of_preventor_open_services_calls_a_default_is_one() {
    let settings = |text: &str| {
        let mut connections = parse(text, &[]).unwrap().connections.into_values();
        let found = connections.find_map(|settings| match settings {
            ConnectionSettings::PreventorOpen(settings) => Some(settings),
            _ => None,
        });
        found.unwrap()
    };
    let documented = settings(&documented_with_examples());
    let bare = settings(&format!(
        "{SOUND}[connections.pe.preventor_open]\nenvironment = \"live\"\napi_key.env = \"KEY\"\n\
         tenant = \"a\"\nenv = \"b\"\nbanknu = \"c\"\nbiometrics.secret.env = \"SECRET\"\n\
         [connections.pe.preventor_open.onboarding]\nbasic = \"user\"\nclient_id = \"d\"\nusername = \"e\"\n\
         password.env = \"PASSWORD\"\n"
    ));
    let ip_address = documented.client.ip_address;
    assert_eq!(documented.client, ClientSettings { ip_address, ..bare.client });
    let rate = documented.limits.max_requests_per_second;
    assert_eq!(documented.limits, LimitSettings { max_requests_per_second: rate, ..bare.limits });
    let (documented_part, part) = (documented.biometrics.unwrap(), bare.biometrics.unwrap());
    assert_eq!(documented_part.picture, part.picture);
    assert_eq!(
        (documented_part.min_portraits, documented_part.min_documents),
        (part.min_portraits, part.min_documents)
    );
    let (documented, bare) = (documented.onboarding.unwrap(), bare.onboarding.unwrap());
    assert_eq!((documented.grant_type, documented.scope), (bare.grant_type, bare.scope));
    assert_eq!((documented.account_id, documented.token), (bare.account_id, bare.token));
    assert_eq!(documented.customer, bare.customer);
}
