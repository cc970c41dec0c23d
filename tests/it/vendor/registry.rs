//! Connections from settings.

use std::sync::Arc;

use idv_gateway::clock::Clock;
use idv_gateway::proto::Vendor as VendorKind;
use idv_gateway::settings::Problems;
use idv_gateway::vendor::kit::http::{Request, Transport};
use idv_gateway::vendor::registry::{ConnectionSettings, ConnectionsSettings, Registry, check};

use super::rig::{Files, Recorder};

fn connections(files: &Files, ids: &[&str]) -> ConnectionsSettings {
    let settings = |id: &&str| (id.to_string(), ConnectionSettings::Idnow(files.settings("test", "")));
    ids.iter().map(settings).collect()
}

fn transport() -> Arc<dyn Transport> {
    Recorder::new(|_request: &Request| (500, String::new()))
}

#[test]
fn connections_are_found_by_id_and_listed_in_order() {
    let files = Files::new();
    let registry =
        Registry::build(&connections(&files, &["bank-de", "a", "z9"]), &Clock::system(), &transport())
            .unwrap();
    let ids: Vec<_> = registry.list().map(|vendor| vendor.account().connection.to_string()).collect();
    assert_eq!(ids, ["a", "bank-de", "z9"]);
    let account = registry.get(&"bank-de".parse().unwrap()).unwrap().account();
    assert_eq!((account.vendor, account.environment.as_str()), (VendorKind::IdnowAutoident, "test"));
    assert_eq!((account.region.as_str(), account.display_name.as_str()), ("de", "bank-de"));
    assert_eq!(account.capabilities, ["get"]);
    assert!(registry.get(&"other".parse().unwrap()).is_none());
}

#[test]
fn the_file_names_the_vendor_of_a_connection() {
    let files = Files::new();
    let file = format!(
        "[bank-de.idnow]\n{}",
        files.toml("live", "").replace("[[webhook", "[[bank-de.idnow.webhook")
    );
    let connections: ConnectionsSettings = toml::from_str(&file).unwrap();
    assert!(matches!(connections["bank-de"], ConnectionSettings::Idnow(_)));
    let unknown = toml::from_str::<ConnectionsSettings>("[x.other]\na = 1\n").unwrap_err();
    assert!(unknown.to_string().contains("idnow"), "{unknown}");
}

#[test]
fn problems_stand_under_their_connection() {
    let files = Files::new();
    let mut found = connections(&files, &["Bank", "ok"]);
    let ConnectionSettings::Idnow(settings) = found.get_mut("ok").unwrap();
    settings.customer = "a/b".to_owned();
    let mut problems = Problems::default();
    check(&found, &mut problems);
    let paths: Vec<_> = problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect();
    assert_eq!(paths, ["Bank", "ok.idnow.customer"]);
    assert!(Registry::build(&found, &Clock::system(), &transport()).is_err());
}
