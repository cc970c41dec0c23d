//! What the rooms may import, and how long files and functions may be.

mod imports;
mod paths;
mod seeded;
mod sizes;
mod source;

use source::Source;

/// What a room may import beside itself; a room that is not named here has no right to be.
///
/// `vendor` is the traits and the kit, `vendor::*` any vendor's own folder. A deeper path opens that module only.
const ROOMS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("proto", &[]),
    ("settings", &[]),
    ("error", &["proto"]),
    ("listen", &["clock"]),
    ("telemetry", &["clock", "error", "model", "proto", "settings"]),
    ("model", &["clock", "error", "proto"]),
    ("vendor", &["clock", "error", "model", "proto", "settings", "telemetry"]),
    ("vendor::*", &["clock", "error", "model", "proto", "settings", "telemetry", "vendor"]),
    (
        "vendor::registry",
        &["clock", "error", "model", "proto", "settings", "telemetry", "vendor", "vendor::*"],
    ),
    ("journal", &["clock", "error", "model", "proto", "settings", "telemetry"]),
    (
        "hub",
        &[
            "clock",
            "error",
            "journal",
            "model",
            "proto",
            "settings",
            "telemetry",
            "vendor",
            "vendor::registry",
        ],
    ),
    ("rpc", &["clock", "error", "hub", "model", "proto", "settings", "telemetry"]),
    (
        "webhook",
        &[
            "clock",
            "error",
            "hub",
            "listen",
            "model",
            "proto",
            "settings",
            "telemetry",
            // The request in the form in which the connectors verify it.
            "vendor::kit::delivery",
        ],
    ),
    ("admin", &["clock", "error", "hub", "listen", "model", "proto", "settings", "telemetry"]),
    (
        "config",
        &[
            "admin::config",
            "clock",
            "error",
            "hub::config",
            "journal::config",
            "model",
            "rpc::config",
            "settings",
            "telemetry",
            "vendor::registry",
            "webhook::config",
        ],
    ),
    // A second reading of the vendors' documents: nothing may be shared with the connectors.
    ("sandbox", &["clock"]),
    ("app", &["*"]),
];

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

#[test]
fn rooms_import_only_what_they_may() {
    let library: Vec<_> =
        Source::below("src").into_iter().filter(|source| !source.is_of_the_binary()).collect();
    assert!(
        library.iter().any(|source| source.path() == "src/rpc/status.rs"),
        "the search finds the library"
    );
    assert_none(&imports::faults(&library, ROOMS));
}

#[test]
fn nobody_reaches_past_the_parent() {
    assert_none(&imports::past_the_parent(&everything()));
}

#[test]
fn files_and_functions_stay_short() {
    assert_none(&sizes::faults(&everything(), MAX_FILE_LINES, MAX_FUNCTION_LINES));
}

fn everything() -> Vec<Source> {
    ["src", "tests", "benches", "build.rs"].into_iter().flat_map(Source::below).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "ARCHITECTURE.md says otherwise:\n{}", faults.join("\n"));
}
