//! What the contract promises about itself, read from the descriptors the gateway embeds.

mod redaction;
mod rules;
mod seeded;

use idv_gateway::proto::{DESCRIPTORS, ErrorReason};
use idv_gateway::rpc::status;
use prost_reflect::DescriptorPool;

/// Fields that the gateway empties before it answers, so that what lies behind them is never sent there.
const STRIPPED_IN_EVENTS: &[&str] = &[
    // The basic view, which events and snapshots carry, has no links.
    "idvgateway.v1.Identification.start_links",
];

/// The streams whose repetition a lease makes safe, not a request id.
const REPEATED_UNDER_LEASE: &[&str] = &["idvgateway.v1.SubscriptionService.ConsumeSubscription"];

/// The methods that are audited although no field of the answer is marked PERSONAL or BIOMETRIC.
const AUDITED_ALL_THE_SAME: &[&str] = &[
    // A SECRET that stands for one person's device.
    "idvgateway.v1.IdentificationService.GetBindingKey",
];

#[test]
fn every_method_has_a_scope() {
    assert_none(&rules::scopes(&contract()));
}

#[test]
fn every_method_can_be_repeated_safely() {
    assert_none(&rules::repeatable(&contract(), REPEATED_UNDER_LEASE));
}

#[test]
fn every_answer_to_a_request_id_says_whether_it_was_replayed() {
    assert_none(&rules::replays_are_told(&contract()));
}

#[test]
fn only_streams_may_last_forever() {
    assert_none(&rules::deadlines(&contract()));
}

#[test]
fn every_error_reason_has_a_code_and_a_retry() {
    assert_none(&rules::reasons(&contract(), "idvgateway.v1.ErrorReason"));
}

#[test]
fn the_table_in_rust_agrees_with_the_contract() {
    let rust = |number| {
        let policy = status::policy(ErrorReason::try_from(number).ok()?);
        Some((policy.code as i32, policy.retry as i32))
    };
    assert_none(&rules::reasons_disagreeing(&contract(), "idvgateway.v1.ErrorReason", rust));
}

#[test]
fn no_event_reaches_a_sensitive_field() {
    assert_none(&rules::sensitive_in(&contract(), "idvgateway.v1.Event", STRIPPED_IN_EVENTS));
    assert_none(&rules::sensitive_in(&contract(), "idvgateway.v1.SnapshotItem", STRIPPED_IN_EVENTS));
}

#[test]
fn every_answer_with_personal_data_is_flagged_and_no_other() {
    assert_none(&rules::personal_answers(&contract(), &[], AUDITED_ALL_THE_SAME));
}

#[test]
fn nothing_is_imported_but_google_protobuf_and_each_other() {
    assert_none(&rules::imports(&contract()));
}

fn contract() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).expect("the embedded descriptors decode")
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "the contract breaks its own rules:\n{}", faults.join("\n"));
}
