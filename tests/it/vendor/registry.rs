//! Connections from settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use idv_gateway::clock::Clock;
use idv_gateway::error::Kind;
use idv_gateway::model::name::ConnectionId;
use idv_gateway::proto::{Evidence, Vendor as VendorKind};
use idv_gateway::settings::Problems;
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::capabilities;
use idv_gateway::vendor::kit::http::{Request, Transport};
use idv_gateway::vendor::registry::{ConnectionSettings, Registry};

use super::rig::{Files, Recorder};

type Connections = BTreeMap<ConnectionId, ConnectionSettings>;

fn connections(files: &Files, ids: &[&str]) -> Connections {
    let idnow = || ConnectionSettings::Idnow(Box::new(files.settings("test", "")));
    let settings = |id: &&str| (id.parse().unwrap(), idnow());
    ids.iter().map(settings).collect()
}

fn transport() -> Arc<dyn Transport> {
    Recorder::new(|_request: &Request| (500, String::new()))
}

#[test]
fn connections_are_found_by_id_and_listed_in_order() {
    let files = Files::new();
    let connections = connections(&files, &["bank-de", "a", "z9"]);
    let registry = Registry::build(connections, &Clock::system(), &transport(), &Metrics::noop()).unwrap();
    let ids: Vec<_> = registry.list().map(|vendor| vendor.account().connection.to_string()).collect();
    assert_eq!(ids, ["a", "bank-de", "z9"]);
    let vendor = registry.get(&"bank-de".parse().unwrap()).unwrap();
    let account = vendor.account();
    assert_eq!((account.vendor, account.environment.as_str()), (VendorKind::IdnowAutoident, "test"));
    assert_eq!((account.region.as_str(), account.display_name.as_str()), ("de", "bank-de"));
    assert_eq!(
        (capabilities(&**vendor).as_slice(), account.min_evidence),
        (
            [
                "get",
                "list",
                "update",
                "copy",
                "archive",
                "delete",
                "result",
                "artifacts",
                "binding_key",
                "document_signing",
            ]
            .as_slice(),
            Evidence::Fetched
        )
    );
    assert!(registry.get(&"other".parse().unwrap()).is_none());
}

#[test]
fn the_file_names_the_vendor_of_a_connection() {
    let files = Files::new();
    let table = files.toml("live", "").replace("[[webhook", "[[bank-de.idnow.webhook");
    let connections: Connections = toml::from_str(&format!("[bank-de.idnow]\n{table}")).unwrap();
    assert!(matches!(connections[&"bank-de".parse().unwrap()], ConnectionSettings::Idnow(_)));
    let unknown = toml::from_str::<Connections>("[x.other]\na = 1\n").unwrap_err();
    assert!(unknown.to_string().contains("idnow"), "{unknown}");
}

#[test]
fn a_connection_with_a_problem_stops_the_registry() {
    let files = Files::new();
    let mut connections = connections(&files, &["fine", "odd"]);
    let ConnectionSettings::Idnow(settings) = connections.get_mut(&"odd".parse().unwrap()).unwrap() else {
        panic!("another vendor");
    };
    settings.customer = "a/b".to_owned();
    let mut problems = Problems::default();
    connections[&"odd".parse().unwrap()].account().check(&mut problems);
    let paths: Vec<_> = problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect();
    assert_eq!(paths, ["customer"]);
    let error = Registry::build(connections, &Clock::system(), &transport(), &Metrics::noop()).err().unwrap();
    assert_eq!(error.kind, Kind::ValidationFailed);
    assert!(error.detail.starts_with("connections.odd.idnow.customer: "), "{}", error.detail);
}
