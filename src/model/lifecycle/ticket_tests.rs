//! What tickets add to the lifecycle: attempts told apart, steps told once, decisions told in parts.

use prost_types::Timestamp;

use super::{Change, Verdict, contradicts, judge, learn};
use crate::model::observation::{Observation, Word};
use crate::model::record::{Memory, Record};
use crate::proto::{
    Attempt, AttemptEnd, EventType as Event, Evidence, Identification, IdentificationState as State, Outcome,
    ProvisionalOutcome, Reason, StepDisposition as Disposition, TicketState, TicketStep, VendorReference,
};

const NAME: &str = "connections/bank/identifications/3c5b9f4e-6f4e-4a57-9a52-0d9c5a0f8a11";

fn blank() -> Record {
    let identification = Identification {
        name: NAME.to_owned(),
        state: State::Creating.into(),
        vendor_reference: Some(VendorReference::default()),
        ..Identification::default()
    };
    Record { name: NAME.parse().unwrap(), identification, memory: Memory::default() }
}

fn now() -> Timestamp {
    Timestamp { seconds: 1_000_000, nanos: 0 }
}

/// A webhook of a vendor that gives no time.
fn said(word: Word, ticket: &str) -> Observation {
    let tickets = if ticket.is_empty() { vec![] } else { vec![ticket.to_owned()] };
    Observation {
        vendor_status: format!("{word:?}"),
        reference: VendorReference { ticket_ids: tickets, ..VendorReference::default() },
        ..Observation::new(word, Evidence::SharedSecret)
    }
}

fn fetched(observation: Observation) -> Observation {
    Observation { evidence: Evidence::Fetched, ..observation }
}

fn step(name: &str, disposition: Disposition, left: Option<i32>) -> TicketStep {
    TicketStep {
        vendor_step: name.to_owned(),
        disposition: disposition.into(),
        remaining_tries: left,
        vendor_disposition: disposition.as_str_name().to_owned(),
    }
}

fn accepted() -> Observation {
    fetched(said(Word::Accepted, ""))
}
fn started(ticket: &str) -> Observation {
    said(Word::Started, ticket)
}
fn passed(ticket: &str, name: &str) -> Observation {
    Observation { step: Some(step(name, Disposition::Passed, None)), ..started(ticket) }
}
fn retry(ticket: &str, name: &str, left: i32) -> Observation {
    Observation {
        remaining_tries: Some(left),
        step: Some(step(name, Disposition::Retry, Some(left))),
        ..said(Word::Ended(AttemptEnd::Inconclusive), ticket)
    }
}
fn review(ticket: &str) -> Observation {
    said(Word::Pending(ProvisionalOutcome::Undetermined), ticket)
}
fn decided(ticket: &str, outcome: Outcome) -> Observation {
    said(Word::Decided(outcome), ticket)
}
fn because(code: &str, observation: Observation) -> Observation {
    Observation { reasons: vec![Reason { vendor_code: code.to_owned(), ..Reason::default() }], ..observation }
}

fn change(record: &Record, observation: &Observation) -> Change {
    match judge(record, observation, now()) {
        Verdict::Change(change) => *change,
        other => panic!("{observation:?} on {:?}: {other:?}", record.identification.state()),
    }
}

fn after(observations: &[Observation]) -> Record {
    observations.iter().fold(blank(), |record, observation| change(&record, observation).record)
}

fn events(change: &Change) -> Vec<Event> {
    change.steps.iter().map(|step| step.event).collect()
}

fn attempt(record: &Record) -> Attempt {
    record.identification.last_attempt.clone().unwrap()
}

fn ids(record: &Record) -> VendorReference {
    record.identification.vendor_reference.clone().unwrap()
}

/// What was seen before, what is seen now, the state and the attempt's number it leads to, and the events it makes.
type Row = (Vec<Observation>, Observation, State, i32, Vec<Event>);

fn rows_of_attempts() -> Vec<Row> {
    use Event::*;
    let in_progress = vec![accepted(), started("T1")];
    let reviewed = vec![accepted(), started("T1"), review("T1")];
    vec![
        (vec![accepted()], started("T1"), State::InProgress, 1, vec![IdentificationStarted]),
        // The same ticket is the same attempt, another one another.
        (in_progress.clone(), passed("T1", "liveness"), State::InProgress, 1, vec![]),
        (in_progress.clone(), started("T2"), State::InProgress, 2, vec![IdentificationStarted]),
        (reviewed.clone(), passed("T1", "liveness"), State::InReview, 1, vec![]),
        (reviewed.clone(), started("T2"), State::InProgress, 2, vec![IdentificationStarted]),
        (in_progress.clone(), review("T1"), State::InReview, 1, vec![IdentificationSubmitted]),
        (in_progress, review("T2"), State::InReview, 2, vec![IdentificationSubmitted]),
        (reviewed, review("T2"), State::InReview, 2, vec![IdentificationUpdated]),
    ]
}

fn rows_of_repeats() -> Vec<Row> {
    use Event::*;
    let waits = waiting();
    vec![
        // A part that is to be repeated, within the same ticket.
        (
            vec![accepted(), started("T1")],
            retry("T1", "liveness", 2),
            State::AwaitingRetry,
            1,
            vec![IdentificationAttemptEnded],
        ),
        (waits.clone(), started("T1"), State::InProgress, 2, vec![IdentificationStarted]),
        (waits.clone(), passed("T1", "id_proofing"), State::InProgress, 2, vec![IdentificationStarted]),
        (waits.clone(), fetched(passed("T1", "otp")), State::InProgress, 2, vec![IdentificationStarted]),
        (waits.clone(), started("T2"), State::InProgress, 2, vec![IdentificationStarted]),
        (
            waits.clone(),
            retry("T1", "id_proofing", 1),
            State::AwaitingRetry,
            2,
            vec![IdentificationAttemptEnded],
        ),
        (
            [waits, vec![started("T1")]].concat(),
            retry("T1", "id_proofing", 1),
            State::AwaitingRetry,
            2,
            vec![IdentificationAttemptEnded],
        ),
        (
            vec![accepted(), retry("T1", "liveness", 2)],
            started("T2"),
            State::InProgress,
            2,
            vec![IdentificationStarted],
        ),
    ]
}

fn rows_of_decisions() -> Vec<Row> {
    use Event::*;
    let (in_progress, waits) = (vec![accepted(), started("T1")], waiting());
    let done = vec![accepted(), started("T1"), decided("T1", Outcome::Rejected)];
    vec![
        (waits, decided("T1", Outcome::Verified), State::Completed, 2, vec![IdentificationCompleted]),
        (
            in_progress.clone(),
            decided("T1", Outcome::Verified),
            State::Completed,
            1,
            vec![IdentificationCompleted],
        ),
        (in_progress, decided("T2", Outcome::Verified), State::Completed, 2, vec![IdentificationCompleted]),
        // The same outcome on another ticket is another decision.
        (
            done.clone(),
            decided("T2", Outcome::Rejected),
            State::Completed,
            2,
            vec![IdentificationDecisionRevised],
        ),
        (
            done.clone(),
            decided("T1", Outcome::Verified),
            State::Completed,
            1,
            vec![IdentificationDecisionRevised],
        ),
        (done, fetched(started("T2")), State::InProgress, 2, vec![IdentificationReopened]),
    ]
}

fn waiting() -> Vec<Observation> {
    vec![accepted(), passed("T1", "liveness"), retry("T1", "id_proofing", 2)]
}

#[test]
fn the_table() {
    let rows = [rows_of_attempts(), rows_of_repeats(), rows_of_decisions()].concat();
    for (before, now, state, number, expected) in rows {
        let change = change(&after(&before), &now);
        let record = &change.record;
        let attempt = attempt(record);
        assert_eq!(record.identification.state(), state, "{now:?} after {before:?}");
        assert_eq!(events(&change), expected, "{now:?} after {before:?}");
        assert_eq!(attempt.number, number, "{now:?} after {before:?}");
        let ticket = now.reference.ticket_ids.last().unwrap();
        assert_eq!(attempt.ticket, format!("connections/bank/tickets/{ticket}"), "{now:?} after {before:?}");
    }
}

#[test]
fn what_tickets_show_to_be_old_or_known_changes_nothing() {
    let second = vec![accepted(), started("T1"), started("T2")];
    let waits = vec![accepted(), started("T1"), retry("T1", "liveness", 1)];
    let passed_once = vec![accepted(), passed("T1", "liveness")];
    let done = vec![accepted(), started("T1"), started("T2"), decided("T2", Outcome::Verified)];
    let rows = [
        (vec![accepted(), started("T1")], started("T1"), Verdict::Same),
        (vec![accepted(), started("T1")], started("t1"), Verdict::Same),
        (vec![accepted(), started("T1")], fetched(started("")), Verdict::Same),
        (passed_once.clone(), passed("T1", "liveness"), Verdict::Same),
        // The ticket's own state does not tell that the person is at it again.
        (waits.clone(), fetched(started("T1")), Verdict::Same),
        (waits.clone(), retry("T1", "liveness", 1), Verdict::Same),
        (waits, retry("T1", "liveness", 2), Verdict::Stale),
        (passed_once, retry("T1", "liveness", 2), Verdict::Stale),
        (second.clone(), started("T1"), Verdict::Stale),
        (second.clone(), passed("T1", "liveness"), Verdict::Stale),
        (second.clone(), review("T1"), Verdict::Stale),
        (second.clone(), retry("T1", "liveness", 2), Verdict::Stale),
        (second.clone(), decided("T1", Outcome::Rejected), Verdict::Stale),
        (second, fetched(decided("T1", Outcome::Rejected)), Verdict::Stale),
        (done.clone(), decided("T1", Outcome::Rejected), Verdict::Stale),
        (done.clone(), decided("T2", Outcome::Verified), Verdict::Same),
        (done.clone(), started("T2"), Verdict::Ask),
        (done, started("T3"), Verdict::Ask),
    ];
    for (before, late, expected) in rows {
        assert_eq!(judge(&after(&before), &late, now()), expected, "{late:?} after {before:?}");
    }
}

#[test]
fn the_ticket_of_another_identification_tells_nothing() {
    let mut own = started("T1");
    own.reference.id = "invitation-1".to_owned();
    let record = after(&[accepted(), own]);
    for word in [Word::Started, Word::Decided(Outcome::Verified), Word::Accepted] {
        for ticket in ["T1", "T2"] {
            let mut other = fetched(said(word, ticket));
            other.reference.id = "invitation-2".to_owned();
            assert_eq!(judge(&record, &other, now()), Verdict::Stale, "{word:?} {ticket}");
        }
    }
}

#[test]
fn a_decision_told_twice_is_one_and_teaches_the_rest() {
    let first = Observation { confidence: Some(0.93), ..because("R17", decided("T1", Outcome::Rejected)) };
    let mut second = decided("", Outcome::Rejected);
    second.reference.id = "invitation-7".to_owned();
    second.reference.customer_id = "cif-9".to_owned();
    for order in [[&first, &second], [&second, &first]] {
        let record = after(&[accepted(), order[0].clone()]);
        let taught = change(&record, order[1]);
        assert_eq!(events(&taught), [Event::IdentificationUpdated]);
        assert_eq!(taught.record.identification.vendor_status, record.identification.vendor_status);
        let reference = ids(&taught.record);
        assert_eq!((reference.id.as_str(), reference.customer_id.as_str()), ("invitation-7", "cif-9"));
        assert_eq!(reference.ticket_ids, ["T1"]);
        let decision = taught.record.identification.decision.clone().unwrap();
        assert_eq!((decision.revision, decision.confidence), (1, Some(0.93)));
        assert_eq!(decision.reasons[0].vendor_code, "R17");
        assert_eq!(attempt(&taught.record).ticket, "connections/bank/tickets/T1");
        for again in [&first, &second] {
            assert_eq!(judge(&taught.record, again, now()), Verdict::Same);
        }
        // Evidence, another word and another share of certainty make no other decision; other reasons do.
        let surer = Observation { confidence: Some(0.5), ..fetched(first.clone()) };
        let renamed = Observation { vendor_status: "FAILED".to_owned(), ..first.clone() };
        for again in [surer, renamed] {
            assert_eq!(judge(&taught.record, &again, now()), Verdict::Same);
        }
        let other = because("R18", decided("T1", Outcome::Rejected));
        assert_eq!(events(&change(&taught.record, &other)), [Event::IdentificationDecisionRevised]);
    }
}

#[test]
fn a_share_of_certainty_lies_between_nothing_and_all() {
    for (said, kept) in [(0.0, Some(0.0)), (1.0, Some(1.0)), (1.01, None), (-0.1, None), (f64::NAN, None)] {
        let observation = Observation { confidence: Some(said), ..decided("T1", Outcome::Verified) };
        let record = after(&[accepted(), observation.clone()]);
        assert_eq!(record.identification.decision.as_ref().unwrap().confidence, kept);
        assert_eq!(judge(&record, &observation, now()), Verdict::Same, "{said}");
    }
}

#[test]
fn a_step_is_told_once_and_raises_no_revision() {
    let record = after(&[accepted(), started("T1")]);
    let told = change(&record, &passed("T1", "liveness"));
    let progress = told.progress.clone().unwrap();
    assert_eq!(progress.ticket, "connections/bank/tickets/T1");
    assert_eq!(progress.step, Some(step("liveness", Disposition::Passed, None)));
    assert_eq!(told.record.identification, record.identification, "what readers see stands still");
    // With an event of the identification as without one.
    let ended = change(&told.record, &retry("T1", "id_proofing", 2));
    assert_eq!(events(&ended), [Event::IdentificationAttemptEnded]);
    assert_eq!(ended.progress.unwrap().step, Some(step("id_proofing", Disposition::Retry, Some(2))));
    assert_eq!(attempt(&ended.record).remaining_tries, Some(2));
    let first = change(&blank(), &passed("T1", "liveness"));
    assert_eq!(events(&first), [Event::IdentificationCreated, Event::IdentificationStarted]);
    assert!(first.progress.is_some());

    let known = &ended.record.memory.tickets[0];
    assert_eq!((known.id.as_str(), known.state()), ("T1", TicketState::AwaitingRetry));
    assert_eq!(known.steps.len(), 2);
    let done = change(&ended.record, &decided("T1", Outcome::Verified)).record;
    let known = &done.memory.tickets[0];
    assert_eq!((known.state(), known.outcome()), (TicketState::Accepted, Outcome::Verified));
}

#[test]
fn everything_kept_of_tickets_has_a_limit() {
    let mut record = after(&[accepted()]);
    for number in 0..120 {
        record = change(&record, &started(&format!("T{number}"))).record;
        assert!(ids(&record).ticket_ids.len() <= 50 && record.memory.tickets.len() <= 50);
    }
    assert_eq!(ids(&record).ticket_ids.last().unwrap(), "T119");
    assert_eq!((attempt(&record).number, ids(&record).ticket_ids[0].as_str()), (120, "T70"));
    assert_eq!(judge(&record, &started("T119"), now()), Verdict::Same);

    let mut told = 0;
    for number in 0..60 {
        if let Verdict::Change(change) = judge(&record, &passed("T119", &format!("step-{number}")), now()) {
            told += usize::from(change.progress.is_some());
            record = change.record;
        }
    }
    assert_eq!((told, record.memory.tickets.last().unwrap().steps.len()), (50, 50));
}

#[test]
fn a_ticket_without_a_name_is_none() {
    for odd in ["", "a/b", "a b", "ü"] {
        let record = after(&[accepted(), started(odd)]);
        assert_eq!(attempt(&record).ticket, "", "{odd:?}");
        assert_eq!((ids(&record).ticket_ids.len(), record.memory.tickets.len()), (0, 0), "{odd:?}");
    }
}

#[test]
fn tickets_are_learned_in_order_of_attempts() {
    let reference = |ids: &[&str]| VendorReference {
        ticket_ids: ids.iter().copied().map(str::to_owned).collect(),
        ..VendorReference::default()
    };
    for (known, said, expected) in [
        (&["T2"][..], &["T1", "T2"][..], &["T1", "T2"][..]),
        (&["T2"], &["T1", "T2", "T3"], &["T1", "T2", "T3"]),
        (&["T1", "T3"], &["T2", "T3"], &["T1", "T2", "T3"]),
        (&["T1"], &["T2"], &["T1", "T2"]),
        (&["T1"], &["t1", "T1"], &["T1"]),
        (&[], &["T1", "T2"], &["T1", "T2"]),
    ] {
        let mut found = reference(known);
        assert_eq!(learn(&mut found, &reference(said)), known != expected);
        assert_eq!(found.ticket_ids, expected);
    }
}

#[test]
fn two_references_contradict_each_other_only_in_what_both_say() {
    let reference = |id: &str, reference: &str| VendorReference {
        id: id.to_owned(),
        reference: reference.to_owned(),
        ..VendorReference::default()
    };
    for (one, other, expected) in [
        (reference("A", ""), reference("a", "X"), false),
        (reference("A", ""), reference("", "X"), false),
        (reference("A", ""), reference("B", ""), true),
        (reference("A", "X"), reference("A", "Y"), true),
    ] {
        assert_eq!(contradicts(&one, &other), expected);
    }
}
