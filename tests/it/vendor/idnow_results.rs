//! Every documented result, and many undocumented ones, as observations.

use std::collections::BTreeSet;

use idv_gateway::model::observation::{Observation, Word};
use idv_gateway::proto::{
    AttemptEnd, Evidence, Outcome, ProofOfAddressOutcome, ProvisionalOutcome, ReasonCategory,
};
use idv_gateway::vendor::{Reading, Unreadable, Vendor};

use super::rig::{ID, delivery, fixtures, offline, reference, right};

const ACCEPTED: Word = Word::Decided(Outcome::Verified);
const CHANGED: Word = Word::Decided(Outcome::VerifiedDataChanged);
const INCONCLUSIVE: Word = Word::Ended(AttemptEnd::Inconclusive);
/// The time most samples carry.
const TIME: Option<i64> = Some(1_773_476_813);

/// File, word, vendor status, reason, time.
const RESULTS: [(&str, Word, &str, &str, Option<i64>); 31] = [
    ("success_wrapped", ACCEPTED, "SUCCESS", "", TIME),
    ("success_bare", ACCEPTED, "SUCCESS", "", TIME),
    ("success_with_changed_field", ACCEPTED, "SUCCESS", "", TIME),
    ("success_data_changed_wrapped", CHANGED, "SUCCESS_DATA_CHANGED", "", TIME),
    ("success_data_change_alias", CHANGED, "SUCCESS_DATA_CHANGE", "", TIME),
    (
        "aborted_by_user",
        Word::Ended(AttemptEnd::AbortedByUser),
        "ABORTED",
        "USER_CANCELLATION_IDENTIFY_LATER",
        None,
    ),
    (
        "aborted_by_app",
        Word::Ended(AttemptEnd::AbortedByApp),
        "ABORTED",
        "APP_CANCELLATION_OTP_MATCH_LIMIT_REACHED",
        None,
    ),
    ("aborted_without_reason", Word::Ended(AttemptEnd::AbortedByUser), "ABORTED", "", None),
    ("check_pending", Word::Pending(ProvisionalOutcome::Undetermined), "CHECK_PENDING", "", TIME),
    ("review_pending", Word::Pending(ProvisionalOutcome::LikelyVerified), "REVIEW_PENDING", "", TIME),
    (
        "fraud_suspicion_pending_wrapped",
        Word::Pending(ProvisionalOutcome::FraudSuspected),
        "FRAUD_SUSPICION_PENDING",
        "WARNING_MANIPULATED_DATA",
        TIME,
    ),
    (
        "fraud_suspicion_confirmed",
        Word::Decided(Outcome::FraudConfirmed),
        "FRAUD_SUSPICION_CONFIRMED",
        "WARNING_FAKED_MANIPULATED_ID",
        TIME,
    ),
    ("canceled", INCONCLUSIVE, "CANCELED", "ID_EXPIRED", TIME),
    ("canceled_unlisted_reason", INCONCLUSIVE, "CANCELED", "USER_CANCELLATION", TIME),
    ("canceled_webhook", INCONCLUSIVE, "CANCELED", "DATA_APPLICATION_DATA", TIME),
    ("cancelled_alias", INCONCLUSIVE, "CANCELLED", "ID_BLURRY", TIME),
    ("failed_alias", INCONCLUSIVE, "FAILED", "OTHER_ERROR", TIME),
    ("started", Word::Started, "STARTED", "", None),
    ("proof_of_address", CHANGED, "SUCCESS_DATA_CHANGED", "", TIME),
    ("proof_of_address_canceled", ACCEPTED, "SUCCESS", "", TIME),
    ("unknown_result", Word::Unknown, "PARKED_FOR_LATER", "", TIME),
    ("unknown_values", ACCEPTED, "SUCCESS", "NEW_CODE_2027", None),
    ("unknown_members", ACCEPTED, "SUCCESS", "", None),
    ("unknown_members_wrapped", ACCEPTED, "SUCCESS", "", None),
    ("unprintable_words", Word::Unknown, "UNPRINTABLE", "UNPRINTABLE", TIME),
    ("no_result", Word::Unknown, "", "", None),
    ("only_transaction_number", ACCEPTED, "SUCCESS", "", None),
    ("only_ident_id", ACCEPTED, "SUCCESS", "", None),
    ("other_case", ACCEPTED, "SUCCESS", "", TIME),
    ("time_in_utc", ACCEPTED, "SUCCESS", "", TIME),
    ("time_without_offset", ACCEPTED, "SUCCESS", "", None),
];

const RESULT: &str = "identificationprocess.result";
const REASON: &str = "identificationprocess.reason";
const CHANNEL: &str = "identificationprocess.type";
const WHEN: &str = "identificationprocess.identificationtime";
const ADDRESS: &str = "identificationprocess.poaresult";
/// Members whose names are not ours stay unnamed.
const MEMBER: &str = "$.*";
const PROCESS_MEMBER: &str = "identificationprocess.*";

/// File and the fields whose values are unknown; all others have none.
const DRIFT: [(&str, &[&str]); 7] = [
    ("unknown_result", &[RESULT]),
    ("unknown_values", &[WHEN, CHANNEL, ADDRESS]),
    ("unknown_members", &[PROCESS_MEMBER, MEMBER]),
    ("unknown_members_wrapped", &[MEMBER, PROCESS_MEMBER]),
    ("unprintable_words", &[RESULT, REASON]),
    ("no_result", &[RESULT]),
    ("time_without_offset", &[WHEN]),
];

/// File and the path that is named.
const UNREADABLE: [(&str, &str); 16] = [
    ("not_json", "$"),
    ("half_a_body", "$"),
    ("empty", "$"),
    ("two_documents", "$"),
    ("empty_list", "$"),
    ("bare_and_wrapped", "$"),
    ("neither_bare_nor_wrapped", "$"),
    ("errors", "$"),
    ("no_identifiers", "identificationprocess.transactionnumber"),
    ("wrong_account", "identificationprocess.companyid"),
    ("wrong_account_second", "identifications[1].identificationprocess.companyid"),
    ("hostile_transaction_number", "identificationprocess.transactionnumber"),
    ("odd_ident_id", "identificationprocess.id"),
    ("number_for_text", "identificationprocess.transactionnumber"),
    ("odd_flag", "identifications[0].identificationprocess.identchanges"),
    ("result_without_process", "identifications[0].identificationprocess"),
];

fn read(folder: &str, name: &str) -> Result<Reading, Unreadable> {
    let body = std::fs::read(fixtures(folder).join(format!("{name}.json"))).unwrap();
    let idnow = offline();
    let webhooks = idnow.webhooks().unwrap();
    let verified = webhooks.verify(delivery(&right(), body)).unwrap();
    webhooks.normalise(&verified)
}

fn only(name: &str) -> Observation {
    let mut reading = read("results", name).unwrap();
    assert_eq!(reading.observations.len(), 1, "{name}");
    reading.observations.remove(0)
}

#[test]
fn every_result_says_what_the_document_says() {
    for (name, word, status, reason, seconds) in RESULTS {
        let seen = only(name);
        assert_eq!((seen.word, seen.vendor_status.as_str()), (word, status), "{name}");
        let codes: Vec<_> = seen.reasons.iter().map(|reason| reason.vendor_code.as_str()).collect();
        assert_eq!(codes, if reason.is_empty() { vec![] } else { vec![reason] }, "{name}");
        assert_eq!(seen.occur_time.map(|time| time.seconds), seconds, "{name}");
        assert_eq!(seen.evidence, Evidence::SharedSecret, "{name}");
        let expected = match name {
            "only_ident_id" => reference("TS2-LKRHL", ""),
            "only_transaction_number" => reference("", ID),
            _ => reference("TST-KLMNP", ID),
        };
        assert_eq!(seen.reference, expected, "{name}");
    }
}

#[test]
fn unknown_values_are_counted_and_nothing_else_is() {
    for (name, ..) in RESULTS {
        let expected = DRIFT.iter().find(|(file, _)| *file == name).map_or(&[][..], |(_, drift)| drift);
        assert_eq!(read("results", name).unwrap().drift, expected, "{name}");
    }
}

#[test]
fn every_unreadable_body_names_the_field_and_no_value() {
    for (name, path) in UNREADABLE {
        let unreadable = read("unreadable", name).unwrap_err();
        assert_eq!(unreadable.path, path, "{name}");
    }
}

#[test]
fn every_fixture_is_in_a_table() {
    let tabled = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let results = RESULTS.iter().map(|(name, ..)| *name).chain(["two_results"]).collect();
    let unreadable = UNREADABLE.iter().map(|(name, _)| *name).collect();
    for (folder, names) in [("results", tabled(results)), ("unreadable", tabled(unreadable))] {
        let files = std::fs::read_dir(fixtures(folder)).unwrap();
        let stem = |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(files.map(|file| stem(file.unwrap().path())).collect::<BTreeSet<_>>(), names);
    }
}

#[test]
fn the_details_beside_the_result_are_read() {
    let bare = only("success_bare");
    assert_eq!(
        (bare.channel.as_str(), bare.changed_by_agent, bare.changed_by_reviewer),
        ("APP", false, true)
    );
    let wrapped = only("success_data_changed_wrapped");
    assert_eq!((wrapped.channel.as_str(), wrapped.changed_by_agent), ("WEB", true));
    assert_eq!(only("unknown_values").channel, "");
    let proof = |name| only(name).proof_of_address_outcome;
    assert_eq!(proof("proof_of_address"), ProofOfAddressOutcome::Verified);
    assert_eq!(proof("proof_of_address_canceled"), ProofOfAddressOutcome::Inconclusive);
    assert_eq!(proof("unknown_values"), ProofOfAddressOutcome::Unspecified);
    let reason = &only("aborted_by_user").reasons[0];
    assert_eq!((reason.category(), reason.recognized), (ReasonCategory::UserPostponed, true));
    let reason = &only("canceled_webhook").reasons[0];
    assert_eq!((reason.category(), reason.recognized), (ReasonCategory::Other, false));
}

#[test]
fn a_list_gives_every_result_in_order() {
    let seen = read("results", "two_results").unwrap().observations;
    let words: Vec<_> = seen.iter().map(|seen| (seen.word, seen.reference.id.as_str())).collect();
    assert_eq!(
        words,
        [(ACCEPTED, "TST-KLMNP"), (Word::Pending(ProvisionalOutcome::Undetermined), "TST-QRSTV")]
    );
}
