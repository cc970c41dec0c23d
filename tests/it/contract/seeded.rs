//! A check that cannot fail is not a check: small contracts that break one rule each, beside what keeps it.

use std::fs;

use prost_reflect::DescriptorPool;

use super::rules;

#[test]
fn a_method_without_a_scope_is_caught() {
    let pool = methods(
        r#"rpc Good(Plain) returns (Plain) { option (idvgateway.options.v1.policy) = {scope: "binding-keys.read"}; }
        rpc NoPolicy(Plain) returns (Plain);
        rpc NoVerb(Plain) returns (Plain) { option (idvgateway.options.v1.policy) = {scope: "things."}; }
        rpc Shouting(Plain) returns (Plain) { option (idvgateway.options.v1.policy) = {scope: "Things.READ"}; }"#,
    );
    let faults =
        ["seeded.S.NoPolicy has no scope", "seeded.S.NoVerb has no scope", "seeded.S.Shouting has no scope"];
    assert_eq!(rules::scopes(&pool), faults);
}

#[test]
fn a_method_that_cannot_be_repeated_is_caught() {
    let pool = methods(
        "rpc Reads(Plain) returns (Plain) { option idempotency_level = NO_SIDE_EFFECTS; }
        rpc ById(WithId) returns (Plain);
        rpc Uploads(stream Upload) returns (Plain);
        rpc Bare(Plain) returns (Plain);
        rpc BareStream(stream WithId) returns (Plain);
        rpc Leased(Plain) returns (Plain);",
    );
    let fault = "has neither an idempotency level nor a request_id";
    assert_eq!(
        rules::repeatable(&pool, &["seeded.S.Leased"]),
        [format!("seeded.S.Bare {fault}"), format!("seeded.S.BareStream {fault}")]
    );
    let stale = rules::repeatable(&pool, &["seeded.S.Leased", "seeded.S.Reads"]);
    assert!(stale.contains(&"seeded.S.Reads is listed as an exception and is none".to_owned()), "{stale:?}");
}

#[test]
fn a_replay_that_is_not_told_is_caught() {
    let pool = methods("rpc Tells(WithId) returns (Told); rpc Hides(stream Upload) returns (Plain);");
    assert_eq!(rules::replays_are_told(&pool), ["seeded.S.Hides does not tell a replay"]);
}

#[test]
fn a_missing_deadline_is_caught() {
    let pool = methods(
        "rpc Waits(Plain) returns (Plain) { option (idvgateway.options.v1.policy) = {default_deadline_seconds: 5}; }
        rpc Streams(Plain) returns (stream Plain);
        rpc Hangs(Plain) returns (Plain);",
    );
    assert_eq!(rules::deadlines(&pool), ["seeded.S.Hangs has no default deadline"]);
}

#[test]
fn an_unexplained_reason_is_caught() {
    let pool = seeded(
        "enum Reason {
            REASON_UNSPECIFIED = 0;
            GOOD = 1 [(idvgateway.options.v1.error) = {code: STATUS_CODE_NOT_FOUND retry: RETRY_NEVER}];
            NO_RETRY = 2 [(idvgateway.options.v1.error) = {code: STATUS_CODE_NOT_FOUND}];
            NOTHING = 3;
        }",
    );
    let faults = ["NO_RETRY has no code or no retry", "NOTHING has no code or no retry"];
    assert_eq!(rules::reasons(&pool, "seeded.Reason"), faults);

    let table = |number| (number == 1).then_some((5, 1));
    let faults = rules::reasons_disagreeing(&pool, "seeded.Reason", table);
    assert_eq!(faults, ["NO_RETRY is 5/0, not None", "NOTHING is 0/0, not None"]);
    let other = |number| (number != 9).then_some((5, 2));
    let faults = rules::reasons_disagreeing(&pool, "seeded.Reason", other);
    assert_eq!(faults[0], "GOOD is 5/1, not Some((5, 2))");
}

#[test]
fn a_sensitive_field_in_an_event_is_caught_through_lists_maps_and_oneofs() {
    let pool = seeded(
        "message Event { oneof payload { Changed changed = 1; } }
        message Changed { map<string, Entry> entries = 1; Event again = 2; }
        message Entry { repeated Person people = 1; repeated Link links = 2; }
        message Person { string name = 1 [(idvgateway.options.v1.sensitivity) = SENSITIVITY_PERSONAL]; }
        message Link { string uri = 1 [(idvgateway.options.v1.sensitivity) = SENSITIVITY_SECRET]; }",
    );
    let faults = rules::sensitive_in(&pool, "seeded.Event", &["seeded.Entry.links"]);
    assert_eq!(faults, ["seeded.Event reaches seeded.Person.name"]);

    let faults =
        rules::sensitive_in(&pool, "seeded.Event", &["seeded.Entry.links", "seeded.Changed.entries"]);
    assert_eq!(faults, ["seeded.Event never meets the stripped seeded.Entry.links"]);
    assert_eq!(rules::sensitive_in(&pool, "seeded.Gone", &[]), ["there is no seeded.Gone"]);
}

#[test]
fn an_answer_with_personal_data_must_be_flagged_and_no_other() {
    let pool = methods(
        "rpc Flagged(Plain) returns (Face) { option (idvgateway.options.v1.policy) = {returns_personal_data: true}; }
        rpc Forgotten(Plain) returns (stream Face);
        rpc Idle(Plain) returns (Plain) { option (idvgateway.options.v1.policy) = {returns_personal_data: true}; }
        rpc Key(Plain) returns (Plain) { option (idvgateway.options.v1.policy) = {returns_personal_data: true}; }",
    );
    let faults = rules::personal_answers(&pool, &[], &["seeded.S.Key"]);
    let forgotten = "seeded.S.Forgotten reaches seeded.Face.image unflagged";
    assert_eq!(faults, [forgotten, "seeded.S.Idle is flagged and reaches no personal data"]);
    let faults = rules::personal_answers(&pool, &["seeded.Face.image"], &[]);
    assert!(faults.iter().all(|fault| !fault.contains("Forgotten")), "{faults:?}");
}

#[test]
fn a_foreign_import_is_caught() {
    let pool = compile(&[
        ("foreign.proto", "syntax = \"proto3\"; package foreign; message Thing {}"),
        (
            "seeded.proto",
            "syntax = \"proto3\"; package seeded; import \"foreign.proto\"; message M { foreign.Thing t = 1; }",
        ),
    ]);
    assert_eq!(rules::imports(&pool), ["seeded.proto imports foreign.proto"]);
}

/// A contract whose service `seeded.S` has these methods.
fn methods(methods: &str) -> DescriptorPool {
    seeded(&format!(
        "message Plain {{}}
        message WithId {{ string request_id = 1; }}
        message Told {{ bool replayed = 1; }}
        message Upload {{ oneof part {{ WithId header = 1; bytes chunk = 2; }} }}
        message Face {{ bytes image = 1 [(idvgateway.options.v1.sensitivity) = SENSITIVITY_BIOMETRIC]; }}
        service S {{ {methods} }}"
    ))
}

fn seeded(definitions: &str) -> DescriptorPool {
    let options = "import \"idvgateway/options/v1/options.proto\";";
    compile(&[("seeded.proto", &format!("syntax = \"proto3\"; package seeded; {options} {definitions}"))])
}

fn compile(files: &[(&str, &str)]) -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let contract = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut compiler = protox::Compiler::new([folder.path(), contract.as_path()]).unwrap();
    compiler.include_imports(true).open_files(files.iter().map(|(name, _)| name)).unwrap();
    // The encoded set keeps the custom options that the typed one drops.
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}
