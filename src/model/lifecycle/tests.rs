//! The lifecycle table row by row, then properties that hold for every sequence of observations.

use proptest::prelude::*;
use prost_types::Timestamp;

use super::{Change, Verdict, agrees, is_open, judge};
use crate::model::observation::{Observation, Word};
use crate::model::record::{Memory, Record};
use crate::proto::{
    AttemptEnd, EventType as Event, Evidence, Identification, IdentificationState as State, Outcome,
    ProvisionalOutcome, Reason, VendorReference,
};

const NAME: &str = "connections/bank/identifications/3c5b9f4e-6f4e-4a57-9a52-0d9c5a0f8a11";

fn new() -> Record {
    let identification = Identification {
        name: NAME.to_owned(),
        state: State::Creating.into(),
        vendor_reference: Some(VendorReference::default()),
        ..Identification::default()
    };
    Record { name: NAME.parse().unwrap(), identification, memory: Memory::default() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn saw(word: Word, status: &str, time: Option<i64>) -> Observation {
    Observation {
        vendor_status: status.to_owned(),
        occur_time: time.map(at),
        ..Observation::new(word, Evidence::SharedSecret)
    }
}

fn fetched(observation: Observation) -> Observation {
    Observation { evidence: Evidence::Fetched, ..observation }
}

fn change(record: &Record, observation: &Observation) -> Change {
    match judge(record, observation, at(1_000_000)) {
        Verdict::Change(change) => *change,
        other => panic!("{observation:?} on {:?}: {other:?}", record.identification.state()),
    }
}

fn after(observations: &[Observation]) -> Record {
    observations.iter().fold(new(), |record, observation| change(&record, observation).record)
}

fn events(change: &Change) -> Vec<Event> {
    change.steps.iter().map(|step| step.event).collect()
}

fn accepted() -> Observation {
    fetched(saw(Word::Accepted, "", None))
}
fn started(time: i64) -> Observation {
    saw(Word::Started, "START", Some(time))
}
fn check_pending(time: i64) -> Observation {
    saw(Word::Pending(ProvisionalOutcome::Undetermined), "CHECK_PENDING", Some(time))
}
fn aborted() -> Observation {
    saw(Word::Ended(AttemptEnd::AbortedByUser), "ABORTED", None)
}
fn canceled(time: i64) -> Observation {
    saw(Word::Ended(AttemptEnd::Inconclusive), "CANCELED", Some(time))
}
fn success(time: i64) -> Observation {
    fetched(saw(Word::Decided(Outcome::Verified), "SUCCESS", Some(time)))
}
fn fraud(time: i64) -> Observation {
    fetched(saw(Word::Decided(Outcome::FraudConfirmed), "FRAUD_SUSPICION_CONFIRMED", Some(time)))
}
fn said(word: Word) -> Observation {
    fetched(saw(word, "", None))
}

/// A row: what was seen before, what is seen now, the state it leads to, the events it makes.
type Row = (Vec<Observation>, Observation, State, Vec<Event>);

fn rows_of_open_states() -> Vec<Row> {
    use Event::*;
    let retry = vec![accepted(), started(10), aborted()];
    vec![
        (vec![], accepted(), State::AwaitingUser, vec![IdentificationCreated]),
        (vec![], said(Word::Refused), State::Failed, vec![IdentificationFailed]),
        (vec![], started(10), State::InProgress, vec![IdentificationCreated, IdentificationStarted]),
        (vec![], check_pending(20), State::InReview, vec![IdentificationCreated, IdentificationSubmitted]),
        (vec![], success(30), State::Completed, vec![IdentificationCreated, IdentificationCompleted]),
        (vec![accepted()], started(10), State::InProgress, vec![IdentificationStarted]),
        (retry.clone(), started(40), State::InProgress, vec![IdentificationStarted]),
        (vec![accepted(), started(10)], started(40), State::InProgress, vec![IdentificationStarted]),
        (
            vec![accepted(), started(10), check_pending(20)],
            started(40),
            State::InProgress,
            vec![IdentificationStarted],
        ),
        (
            vec![accepted(), check_pending(20)],
            saw(Word::Pending(ProvisionalOutcome::FraudSuspected), "FRAUD_SUSPICION_PENDING", Some(25)),
            State::InReview,
            vec![IdentificationUpdated],
        ),
        (vec![accepted()], check_pending(20), State::InReview, vec![IdentificationSubmitted]),
        (vec![accepted(), started(10)], check_pending(20), State::InReview, vec![IdentificationSubmitted]),
        (retry.clone(), check_pending(50), State::InReview, vec![IdentificationSubmitted]),
        (vec![accepted()], aborted(), State::AwaitingRetry, vec![IdentificationAttemptEnded]),
        (vec![accepted(), started(10)], aborted(), State::AwaitingRetry, vec![IdentificationAttemptEnded]),
        (
            vec![accepted(), check_pending(20)],
            canceled(20),
            State::AwaitingRetry,
            vec![IdentificationAttemptEnded],
        ),
        (vec![accepted()], success(30), State::Completed, vec![IdentificationCompleted]),
        (vec![accepted(), started(10)], success(30), State::Completed, vec![IdentificationCompleted]),
        (vec![accepted(), check_pending(20)], success(20), State::Completed, vec![IdentificationCompleted]),
        (retry.clone(), success(30), State::Completed, vec![IdentificationCompleted]),
        (retry.clone(), said(Word::Expired), State::Expired, vec![IdentificationExpired]),
        (vec![accepted()], said(Word::Cancelled), State::Cancelled, vec![IdentificationCancelled]),
        (vec![accepted()], saw(Word::Expired, "EXPIRED", None), State::Expired, vec![IdentificationExpired]),
        (
            vec![accepted(), check_pending(20)],
            said(Word::Cancelled),
            State::Cancelled,
            vec![IdentificationCancelled],
        ),
        (
            vec![accepted()],
            saw(Word::Unknown, "NEW_WORD", None),
            State::AwaitingUser,
            vec![IdentificationUpdated],
        ),
    ]
}

fn rows_of_closed_states() -> Vec<Row> {
    use Event::*;
    let done = vec![accepted(), started(10), success(30)];
    let cancelled = vec![accepted(), said(Word::Cancelled)];
    let expired = vec![accepted(), said(Word::Expired)];
    let failed = vec![said(Word::Refused)];
    vec![
        (done.clone(), fraud(40), State::Completed, vec![IdentificationDecisionRevised]),
        (done.clone(), fetched(check_pending(40)), State::InReview, vec![IdentificationReopened]),
        (done.clone(), fetched(started(40)), State::InProgress, vec![IdentificationReopened]),
        (done.clone(), fetched(aborted()), State::AwaitingRetry, vec![IdentificationReopened]),
        (cancelled.clone(), fetched(started(40)), State::InProgress, vec![IdentificationReopened]),
        (expired.clone(), fetched(check_pending(40)), State::InReview, vec![IdentificationReopened]),
        (expired, success(40), State::Completed, vec![IdentificationReopened, IdentificationCompleted]),
        (failed, fetched(started(40)), State::InProgress, vec![IdentificationReopened]),
        (done.clone(), said(Word::Archived), State::Completed, vec![IdentificationArchived]),
        (done, said(Word::Deleted), State::Deleted, vec![IdentificationDeleted]),
        (cancelled, said(Word::Deleted), State::Deleted, vec![IdentificationDeleted]),
    ]
}

#[test]
fn the_table() {
    for (before, now, state, expected) in rows_of_open_states().into_iter().chain(rows_of_closed_states()) {
        let record = after(&before);
        let change = change(&record, &now);
        assert_eq!(change.record.identification.state(), state, "{now:?} after {before:?}");
        assert_eq!(events(&change), expected, "{now:?} after {before:?}");
        let raised = change.record.identification.revision - record.identification.revision;
        assert_eq!(usize::try_from(raised).unwrap(), expected.len());
    }
}

#[test]
fn what_says_nothing_new_or_comes_late_changes_nothing() {
    let started_once = vec![accepted(), started(10)];
    let done = vec![accepted(), started(10), check_pending(20), success(20)];
    let retry = vec![accepted(), started(10), check_pending(20), canceled(20)];
    let second = vec![accepted(), started(10), canceled(20), saw(Word::Started, "START", None)];
    let review_pending = saw(Word::Pending(ProvisionalOutcome::LikelyVerified), "REVIEW_PENDING", Some(20));
    let rows = [
        (vec![], said(Word::NotStarted), Verdict::Same),
        (vec![accepted()], said(Word::NotStarted), Verdict::Same),
        (vec![accepted()], accepted(), Verdict::Same),
        (started_once.clone(), started(10), Verdict::Same),
        // A vendor without times, asked again.
        (started_once.clone(), said(Word::Started), Verdict::Same),
        (started_once.clone(), started(9), Verdict::Stale),
        (started_once, check_pending(9), Verdict::Stale),
        (vec![accepted(), check_pending(20)], check_pending(20), Verdict::Same),
        (vec![accepted(), check_pending(20)], started(20), Verdict::Stale),
        (vec![accepted(), check_pending(20)], saw(Word::Started, "START", None), Verdict::Ask),
        (retry.clone(), check_pending(20), Verdict::Stale),
        (retry.clone(), canceled(20), Verdict::Same),
        (retry, started(10), Verdict::Stale),
        (vec![accepted(), aborted()], saw(Word::Started, "START", None), Verdict::Ask),
        (vec![accepted(), aborted()], aborted(), Verdict::Same),
        (vec![accepted(), aborted(), fetched(started(30))], aborted(), Verdict::Ask),
        (vec![accepted(), check_pending(20)], aborted(), Verdict::Ask),
        (vec![accepted(), check_pending(20)], saw(Word::Expired, "EXPIRED", None), Verdict::Ask),
        (vec![accepted(), check_pending(20)], saw(Word::Cancelled, "DELETED", None), Verdict::Ask),
        (second.clone(), canceled(20), Verdict::Ask),
        (second.clone(), canceled(19), Verdict::Stale),
        ([second, vec![check_pending(20)]].concat(), canceled(20), Verdict::Ask),
        (vec![accepted(), review_pending], check_pending(20), Verdict::Stale),
        (done.clone(), success(20), Verdict::Same),
        (done.clone(), fraud(19), Verdict::Stale),
        (done.clone(), check_pending(20), Verdict::Stale),
        (done.clone(), fetched(check_pending(19)), Verdict::Stale),
        (done.clone(), check_pending(21), Verdict::Ask),
        (done.clone(), started(21), Verdict::Ask),
        (done.clone(), aborted(), Verdict::Ask),
        (done.clone(), said(Word::Cancelled), Verdict::Stale),
        (done.clone(), said(Word::Expired), Verdict::Stale),
        (done, said(Word::Refused), Verdict::Stale),
        (vec![accepted(), said(Word::Cancelled)], started(10), Verdict::Ask),
        (vec![accepted(), said(Word::Deleted)], success(20), Verdict::Stale),
        (vec![accepted(), said(Word::Archived)], accepted(), Verdict::Same),
    ];
    for (before, now, expected) in rows {
        // An observation that changed nothing while the history was built is no part of it.
        let record = before.iter().fold(new(), |record, observation| {
            match judge(&record, observation, at(1_000_000)) {
                Verdict::Change(change) => change.record,
                Verdict::Same | Verdict::Stale | Verdict::Ask => record,
            }
        });
        assert_eq!(judge(&record, &now, at(1_000_000)), expected, "{now:?} after {before:?}");
    }
}

#[test]
fn attempts_are_counted_and_ended() {
    let record = after(&[accepted(), started(10), started(40)]);
    assert_eq!(record.identification.attempt_count, 2);
    assert!(record.memory.end_missing);
    // The end may be that of the first try: the vendor must be asked, and its word counts.
    assert_eq!(judge(&record, &aborted(), at(50)), Verdict::Ask);
    let record = change(&record, &fetched(aborted())).record;
    let attempt = record.identification.last_attempt.unwrap();
    assert_eq!((attempt.number, attempt.end()), (2, AttemptEnd::AbortedByUser));
    assert!(record.identification.startable && !record.memory.end_missing);

    let superseded = change(&after(&[accepted(), started(10)]), &started(40));
    assert_eq!(superseded.steps[0].identification.last_attempt.as_ref().unwrap().number, 2);
    let lost_start = after(&[accepted(), check_pending(20)]);
    assert_eq!(lost_start.identification.attempt_count, 1);
    assert_eq!(lost_start.identification.last_attempt.unwrap().start_time, None);
}

#[test]
fn decisions_are_numbered_across_revisions_and_reopenings() {
    let done = after(&[accepted(), success(30)]);
    assert_eq!(done.identification.decision.as_ref().unwrap().revision, 1);
    let revised = change(&done, &fraud(40));
    let decision = revised.record.identification.decision.clone().unwrap();
    assert_eq!((decision.revision, decision.outcome()), (2, Outcome::FraudConfirmed));
    let previous = revised.steps[0].previous_decision.as_ref().unwrap();
    assert_eq!((previous.revision, previous.outcome()), (1, Outcome::Verified));

    let reopened = change(&revised.record, &fetched(check_pending(50)));
    assert_eq!(reopened.steps[0].previous_decision, Some(decision));
    assert_eq!(reopened.record.identification.decision, None);
    let again = change(&reopened.record, &success(60));
    assert_eq!(again.record.identification.decision.unwrap().revision, 3);
}

#[test]
fn another_reason_is_another_decision() {
    let reason = |code: &str| vec![Reason { vendor_code: code.to_owned(), ..Reason::default() }];
    let first = Observation { reasons: reason("WARNING_SCAN"), ..fraud(30) };
    let second = Observation { reasons: reason("WARNING_PHOTO"), ..fraud(30) };
    let done = after(&[accepted(), first.clone()]);
    assert_eq!(judge(&done, &first, at(40)), Verdict::Same);
    assert_eq!(events(&change(&done, &second)), [Event::IdentificationDecisionRevised]);
}

#[test]
fn a_lost_id_is_learned_from_whatever_brings_it() {
    let mut with_id = started(10);
    with_id.reference.id = "TST-ABCDE".to_owned();
    let record = after(&[accepted(), with_id]);
    assert_eq!(record.identification.vendor_reference.unwrap().id, "TST-ABCDE");
}

#[test]
fn a_404_bears_out_a_start_but_nothing_else() {
    assert!(agrees(Word::NotStarted, Word::Started));
    assert!(!agrees(Word::NotStarted, Word::Pending(ProvisionalOutcome::Undetermined)));
    assert!(agrees(Word::Decided(Outcome::Verified), Word::Decided(Outcome::Rejected)));
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let word = prop_oneof![
        Just((Word::Accepted, "")),
        Just((Word::Refused, "")),
        Just((Word::NotStarted, "")),
        Just((Word::Started, "START")),
        Just((Word::Pending(ProvisionalOutcome::Undetermined), "CHECK_PENDING")),
        Just((Word::Pending(ProvisionalOutcome::FraudSuspected), "FRAUD_SUSPICION_PENDING")),
        Just((Word::Ended(AttemptEnd::AbortedByUser), "ABORTED")),
        Just((Word::Ended(AttemptEnd::Inconclusive), "CANCELED")),
        Just((Word::Decided(Outcome::Verified), "SUCCESS")),
        Just((Word::Decided(Outcome::FraudConfirmed), "FRAUD_SUSPICION_CONFIRMED")),
        Just((Word::Cancelled, "")),
        Just((Word::Expired, "")),
        Just((Word::Archived, "")),
        Just((Word::Deleted, "")),
        Just((Word::Unknown, "NEW_WORD")),
    ];
    (word, prop::option::of(0i64..100), any::<bool>()).prop_map(|((word, status), time, asked)| {
        let observation = saw(word, status, time);
        if asked { fetched(observation) } else { observation }
    })
}

proptest! {
    #[test]
    fn every_accepted_change_raises_the_revision_by_one_per_event(
        observations in prop::collection::vec(any_observation(), 0..40),
    ) {
        let mut record = new();
        for observation in &observations {
            let Verdict::Change(change) = judge(&record, observation, at(1_000_000)) else { continue };
            prop_assert!(!change.steps.is_empty());
            let mut state = record.identification.state();
            for (revision, step) in (record.identification.revision + 1..).zip(&change.steps) {
                prop_assert_eq!(step.identification.revision, revision);
                prop_assert_eq!(step.previous_state, state);
                state = step.identification.state();
            }
            prop_assert_eq!(&change.steps.last().unwrap().identification, &change.record.identification);
            record = change.record;
        }
    }

    #[test]
    fn nothing_leaves_a_closed_state_without_the_vendors_own_word(
        observations in prop::collection::vec(any_observation(), 0..40),
    ) {
        let mut record = new();
        for observation in &observations {
            let before = record.identification.state();
            let Verdict::Change(change) = judge(&record, observation, at(1_000_000)) else { continue };
            let now = change.record.identification.state();
            if !is_open(before) && now != before && now != State::Deleted {
                prop_assert!(matches!(observation.evidence, Evidence::Fetched | Evidence::Gateway));
            }
            prop_assert!(before != State::Deleted);
            record = change.record;
        }
    }

    #[test]
    fn a_decision_is_there_exactly_when_completed_and_its_number_never_falls(
        observations in prop::collection::vec(any_observation(), 0..40),
    ) {
        let mut record = new();
        let mut newest = 0;
        for observation in &observations {
            let Verdict::Change(change) = judge(&record, observation, at(1_000_000)) else { continue };
            record = change.record;
            let identification = &record.identification;
            if identification.state() == State::Completed {
                let revision = identification.decision.as_ref().unwrap().revision;
                prop_assert!(revision >= newest);
                newest = revision;
            } else if identification.state() != State::Deleted {
                prop_assert_eq!(&identification.decision, &None);
            }
            prop_assert_eq!(
                identification.startable,
                matches!(identification.state(), State::AwaitingUser | State::AwaitingRetry)
            );
        }
    }

    #[test]
    fn the_same_word_twice_is_one_change(
        history in prop::collection::vec(any_observation(), 0..20),
        last in any_observation(),
    ) {
        let mut record = new();
        for observation in history.iter().chain([&last]) {
            if let Verdict::Change(change) = judge(&record, observation, at(1_000_000)) {
                record = change.record;
            }
        }
        // A start without a time cannot be told from the start of another try.
        prop_assume!(last.word != Word::Started || last.occur_time.is_some());
        let repeated = judge(&record, &last, at(1_000_001));
        prop_assert!(!matches!(repeated, Verdict::Change(_)), "{repeated:?}");
    }

    #[test]
    fn every_state_is_reached_without_what_comes_before_it(observation in any_observation()) {
        let record = after(&[accepted()]);
        let reached = match judge(&record, &observation, at(1_000_000)) {
            Verdict::Change(change) => change.record.identification.state(),
            Verdict::Same | Verdict::Stale | Verdict::Ask => State::AwaitingUser,
        };
        let expected = match observation.word {
            Word::Started => State::InProgress,
            Word::Pending(_) => State::InReview,
            Word::Ended(_) => State::AwaitingRetry,
            Word::Decided(_) => State::Completed,
            Word::Cancelled => State::Cancelled,
            Word::Expired => State::Expired,
            Word::Deleted => State::Deleted,
            Word::Accepted | Word::Refused | Word::NotStarted | Word::Archived | Word::Unknown => State::AwaitingUser,
        };
        prop_assert_eq!(reached, expected);
    }
}
