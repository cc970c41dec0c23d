//! A check that cannot fail is not a check: small crates that break one rule each, beside what keeps it.

use super::source::Source;
use super::{MAX_FILE_LINES, MAX_FUNCTION_LINES, ROOMS, imports, sizes};

#[test]
fn what_the_rooms_need_is_allowed() {
    let allowed = [
        ("src/error.rs", "pub use crate::proto::ErrorReason as Kind;"),
        ("src/model/command.rs", "use crate::{error::Result, model::name::ConnectionId, proto::Subject};"),
        ("src/vendor/mod.rs", "pub mod idnow; pub mod kit; use crate::vendor::kit::delivery::Verified;"),
        ("src/vendor/registry.rs", "use crate::vendor::{idnow, Vendor}; use super::preventor::Preventor;"),
        ("src/vendor/idnow/wire.rs", "use super::config::IdnowSettings; use crate::vendor::kit::http::Http;"),
        ("src/hub/intake.rs", "use crate::vendor::kit::delivery::Unverified; use crate::journal::Batch;"),
        ("src/webhook/mod.rs", "use crate::vendor::kit::delivery::Unverified; use crate::hub::Hub;"),
        ("src/config/mod.rs", "use crate::rpc::config::GrpcSettings;"),
        (
            "src/app.rs",
            "use crate::{vendor::idnow::Idnow, journal, sandbox, rpc}; fn f() { crate::rpc::serve() }",
        ),
        ("src/journal/mod.rs", "mod tests { use super::*; use crate::clock::Clock; }"),
        ("src/clock.rs", "pub(super) struct A; use std::fmt; fn f() { std::mem::drop(1); ::hub::f() }"),
        ("src/lib.rs", "pub mod journal; pub mod hub;"),
    ];
    for (path, text) in allowed {
        assert_eq!(faults(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn what_a_room_may_not_import_is_caught_in_every_form() {
    let refused = [
        // Every layer, upwards.
        ("src/clock.rs", "use crate::error::Error;", "clock may not import error::Error"),
        ("src/proto.rs", "use crate::model::name::Name;", "proto may not import model::name::Name"),
        ("src/settings.rs", "use crate::clock::Clock;", "settings may not import clock::Clock"),
        ("src/error.rs", "use crate::rpc::status;", "error may not import rpc::status"),
        ("src/telemetry.rs", "use crate::hub::Hub;", "telemetry may not import hub::Hub"),
        ("src/model/name.rs", "use crate::journal::Batch;", "model may not import journal::Batch"),
        ("src/journal/mod.rs", "use crate::vendor::Vendor;", "journal may not import vendor::Vendor"),
        ("src/hub/mod.rs", "use crate::rpc::status::status;", "hub may not import rpc::status::status"),
        ("src/rpc/mod.rs", "use crate::journal::Batch;", "rpc may not import journal::Batch"),
        ("src/webhook/mod.rs", "use crate::vendor::Vendor;", "webhook may not import vendor::Vendor"),
        ("src/admin/mod.rs", "use crate::rpc::status;", "admin may not import rpc::status"),
        ("src/config/mod.rs", "use crate::rpc::status;", "config may not import rpc::status"),
        ("src/sandbox/mod.rs", "use crate::error::Error;", "sandbox may not import error::Error"),
        // Vendors among themselves, and whoever picks one.
        (
            "src/vendor/idnow/api.rs",
            "use crate::vendor::preventor::A;",
            "idnow may not import vendor::preventor::A",
        ),
        (
            "src/vendor/idnow/mod.rs",
            "use super::preventor;",
            "vendor::idnow may not import vendor::preventor",
        ),
        ("src/vendor/idnow/mod.rs", "use crate::vendor::registry::R;", "may not import vendor::registry::R"),
        (
            "src/vendor/idnow/mod.rs",
            "use crate::journal::Batch;",
            "vendor::idnow may not import journal::Batch",
        ),
        ("src/vendor/kit/http.rs", "use crate::vendor::idnow::A;", "vendor may not import vendor::idnow::A"),
        ("src/vendor/mod.rs", "pub mod idnow; use idnow::A;", "vendor may not import vendor::idnow::A"),
        ("src/hub/mod.rs", "use crate::vendor::idnow::A;", "hub may not import vendor::idnow::A"),
        // Every way to write it.
        ("src/clock.rs", "use crate::{settings::{self, S}};", "clock may not import settings"),
        ("src/clock.rs", "use crate::hub as inner;", "clock may not import hub"),
        ("src/clock.rs", "use crate::hub::*;", "clock may not import hub"),
        ("src/clock.rs", "use crate::*;", "clock may not import the whole crate"),
        ("src/clock.rs", "use super::hub::Hub;", "clock may not import hub::Hub"),
        ("src/clock.rs", "fn f(hub: &crate::hub::Hub) {}", "clock may not import hub::Hub"),
        ("src/clock.rs", "fn f() { g(vec![crate::hub::new()]) }", "clock may not import hub::new"),
        ("src/clock.rs", "mod tests { use crate::hub::Hub; }", "clock may not import hub::Hub"),
        ("src/clock.rs", "#[serde(with = \"crate::hub::time\")] struct A;", "clock may not import hub::time"),
        (
            "src/hub/mod.rs",
            "use crate::vendor; fn f() { vendor::idnow::new() }",
            "may not import vendor::idnow::new",
        ),
        // A room nobody planned.
        ("src/utils.rs", "", "there is no rule for the room utils"),
    ];
    for (path, text, fault) in refused {
        let faults = faults(path, text);
        assert!(
            faults.iter().any(|it| it.contains(fault)),
            "{path}: {text}\nexpected {fault}\nfound {faults:?}"
        );
    }
}

#[test]
fn reaching_past_the_parent_is_caught() {
    let refused = [
        "use super::super::Thing;",
        "use super::{super::Thing, Other};",
        "fn f() { super::super::f() }",
        "mod tests { use super::super::*; }",
        "fn f() { assert!(super::super::f()) }",
    ];
    for text in refused {
        let found = imports::past_the_parent(&[Source::new("src/rpc/status.rs", text)]);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains("reaches past the parent"), "{found:?}");
    }
    let fine = Source::new("src/rpc/status.rs", "use super::Thing; mod tests { use super::*; }");
    assert_eq!(imports::past_the_parent(&[fine]), Vec::<String>::new());
}

#[test]
fn a_long_file_is_caught() {
    let file = |lines| Source::new("src/long.rs", "// line\n".repeat(lines));
    let found = |lines| sizes::faults(&[file(lines)], MAX_FILE_LINES, MAX_FUNCTION_LINES);
    assert_eq!(found(500), Vec::<String>::new());
    assert_eq!(found(501), ["src/long.rs has 501 lines, over 500"]);
}

#[test]
fn a_long_function_is_caught_wherever_it_stands() {
    let function =
        |lines: usize| format!("/// Doc.\n#[test]\nfn long() {{\n{}}}\n", "// line\n".repeat(lines - 2));
    let found = |text: String| sizes::faults(&[Source::new("tests/it/a.rs", text)], 500, 70);
    assert_eq!(found(function(70)), Vec::<String>::new());

    let long = function(71);
    for text in [
        long.clone(),
        format!("mod tests {{ {long} }}"),
        format!("impl A {{ {long} }}"),
        format!("trait A {{ {long} }}"),
        format!("fn outer() {{ {long} }}"),
    ] {
        let found = found(text);
        assert!(found.contains(&"tests/it/a.rs: long has 71 lines, over 70".to_owned()), "{found:?}");
    }
}

/// The faults of one file in a crate that has two vendors.
fn faults(path: &str, text: &str) -> Vec<String> {
    let around = [
        "src/vendor/mod.rs",
        "src/vendor/idnow/mod.rs",
        "src/vendor/preventor/mod.rs",
        "src/vendor/registry.rs",
    ];
    let around = around.into_iter().filter(|other| *other != path).map(|other| Source::new(other, ""));
    let library: Vec<_> = around.chain([Source::new(path, text)]).collect();
    imports::faults(&library, ROOMS)
}
