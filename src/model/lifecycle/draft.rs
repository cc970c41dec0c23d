//! An identification while an observation is applied to it.

use prost_types::Timestamp;

use crate::model::lifecycle::Change;
use crate::model::lifecycle::order::{Order, order};
use crate::model::observation::Observation;
use crate::model::record::{Memory, Record};
use crate::proto::{
    Attempt, AttemptEnd, Decision, EventType, Identification, IdentificationState as State, Outcome,
    ProofOfAddressOutcome, ProvisionalOutcome, Reason, VendorReference,
};

/// One event of a change: what happened, and the identification right after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What happened.
    pub event: EventType,
    /// The identification after it.
    pub identification: Identification,
    /// Its state before.
    pub previous_state: State,
    /// The decision that no longer holds; only with DECISION_REVISED and REOPENED.
    pub previous_decision: Option<Decision>,
}

/// The identification being changed. Nothing of it is kept unless [`Draft::finish`] is called.
pub(super) struct Draft<'a> {
    before: &'a Record,
    observation: &'a Observation,
    now: Timestamp,
    identification: Identification,
    memory: Memory,
    /// State and decision at the last step.
    last: (State, Option<Decision>),
    learned_reference: bool,
    steps: Vec<Step>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(before: &'a Record, observation: &'a Observation, now: Timestamp) -> Self {
        let mut identification = before.identification.clone();
        let last = (identification.state(), identification.decision.clone());
        let learned_reference = learn(&mut identification, &observation.reference);
        if !observation.vendor_status.is_empty() {
            identification.vendor_status.clone_from(&observation.vendor_status);
        }
        if observation.proof_of_address_outcome != ProofOfAddressOutcome::Unspecified {
            identification.set_proof_of_address_outcome(observation.proof_of_address_outcome);
        }
        Self {
            before,
            observation,
            now,
            identification,
            memory: before.memory.clone(),
            last,
            learned_reference,
            steps: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> State {
        self.identification.state()
    }

    pub(super) fn vendor_time(&self) -> Option<&Timestamp> {
        self.memory.vendor_time.as_ref()
    }

    pub(super) fn learned_reference(&self) -> bool {
        self.learned_reference
    }

    pub(super) fn vendor_status_before(&self) -> &str {
        &self.before.identification.vendor_status
    }

    /// The present attempt is not the first one, so that an end may be another's.
    pub(super) fn follows_another_attempt(&self) -> bool {
        self.memory.end_missing || self.identification.attempt_count > 1
    }

    pub(super) fn start_was_seen(&self) -> bool {
        self.identification.last_attempt.as_ref().is_some_and(|attempt| attempt.start_time.is_some())
    }

    /// An attempt has begun and has not ended.
    pub(super) fn has_attempt_in_hand(&self) -> bool {
        self.identification
            .last_attempt
            .as_ref()
            .is_some_and(|attempt| attempt.end() == AttemptEnd::Unspecified)
    }

    /// The same preliminary result is shown already.
    pub(super) fn shows_pending(&self, expected: ProvisionalOutcome) -> bool {
        self.identification.provisional_outcome() == expected
            && self.observation.vendor_status == self.vendor_status_before()
    }

    /// The last attempt ended like this already.
    pub(super) fn shows_end(&self, end: AttemptEnd) -> bool {
        self.identification.last_attempt.as_ref().is_some_and(|attempt| {
            attempt.end() == end && same_codes(&attempt.reasons, &self.observation.reasons)
        })
    }

    /// The same decision stands already. Evidence and time do not make another one.
    pub(super) fn shows_decision(&self, outcome: Outcome) -> bool {
        self.identification.decision.as_ref().is_some_and(|decision| {
            decision.outcome() == outcome
                && decision.vendor_result == self.observation.vendor_status
                && same_codes(&decision.reasons, &self.observation.reasons)
        })
    }

    /// Begins the next attempt. `seen`: its start was observed, not inferred from what followed.
    pub(super) fn begin_attempt(&mut self, seen: bool) {
        let start_time = seen.then(|| self.time());
        let identification = &mut self.identification;
        identification.attempt_count += 1;
        identification.start_time = identification.start_time.or(start_time);
        identification.last_attempt = Some(Attempt {
            number: identification.attempt_count,
            start_time,
            channel: self.observation.channel.clone(),
            ..Attempt::default()
        });
    }

    /// Ends the present attempt without knowing how: the next one has begun.
    pub(super) fn supersede_attempt(&mut self) {
        self.memory.end_missing = true;
        if let Some(attempt) = &mut self.identification.last_attempt {
            attempt.set_end(AttemptEnd::Superseded);
        }
    }

    pub(super) fn end_attempt(&mut self, end: AttemptEnd) {
        let end_time = Some(self.time());
        self.memory.end_missing = false;
        let attempt = self.identification.last_attempt.get_or_insert_default();
        attempt.set_end(end);
        attempt.end_time = end_time;
        attempt.reasons.clone_from(&self.observation.reasons);
        if attempt.channel.is_empty() {
            attempt.channel.clone_from(&self.observation.channel);
        }
    }

    pub(super) fn expect(&mut self, outcome: ProvisionalOutcome) {
        self.identification.set_provisional_outcome(outcome);
    }

    pub(super) fn decide(&mut self, outcome: Outcome) {
        self.memory.decision_revision += 1;
        let time = self.time();
        self.identification.complete_time = self.identification.complete_time.or(Some(time));
        self.identification.decision = Some(Decision {
            outcome: outcome.into(),
            reasons: self.observation.reasons.clone(),
            revision: self.memory.decision_revision,
            decide_time: Some(time),
            vendor_result: self.observation.vendor_status.clone(),
            changed_by_agent: self.observation.changed_by_agent,
            changed_by_reviewer: self.observation.changed_by_reviewer,
            confidence: None,
            evidence: self.observation.evidence.into(),
        });
    }

    pub(super) fn revise(&mut self, change: impl FnOnce(&mut Identification)) {
        change(&mut self.identification);
    }

    /// False when it was archived before.
    pub(super) fn archive(&mut self) -> bool {
        let time = self.time();
        self.identification.archive_time.replace(time).is_none()
    }

    pub(super) fn enter(&mut self, state: State) {
        let identification = &mut self.identification;
        identification.set_state(state);
        identification.in_doubt = false;
        identification.startable = matches!(state, State::AwaitingUser | State::AwaitingRetry);
        if state != State::InReview {
            identification.set_provisional_outcome(ProvisionalOutcome::Unspecified);
        }
        if !matches!(state, State::Completed | State::Deleted) {
            identification.decision = None;
            identification.complete_time = None;
        }
        if state == State::Deleted {
            identification.delete_time = Some(self.now);
        }
    }

    /// Closes one step: the revision rises by one and the event shows the identification as it is now.
    pub(super) fn step(&mut self, event: EventType) {
        self.identification.revision += 1;
        self.identification.etag = format!("r{}", self.identification.revision);
        self.identification.update_time = Some(self.now);
        let present = (self.state(), self.identification.decision.clone());
        let (previous_state, decision) = std::mem::replace(&mut self.last, present);
        let replaces =
            matches!(event, EventType::IdentificationDecisionRevised | EventType::IdentificationReopened);
        self.steps.push(Step {
            event,
            identification: self.identification.clone(),
            previous_state,
            previous_decision: decision.filter(|_decision| replaces),
        });
    }

    pub(super) fn finish(mut self) -> Change {
        if let Some(time) = self.observation.occur_time
            && order(self.vendor_time(), Some(&time)) != Order::Older
        {
            self.memory.vendor_time = Some(time);
        }
        let record = Record {
            name: self.before.name.clone(),
            identification: self.identification,
            memory: self.memory,
        };
        Change { record, steps: self.steps }
    }

    /// The vendor's time, or ours when it gives none.
    fn time(&self) -> Timestamp {
        self.observation.occur_time.unwrap_or(self.now)
    }
}

/// Fills in identifiers that were not known. True when one of them is new.
fn learn(identification: &mut Identification, said: &VendorReference) -> bool {
    let known = identification.vendor_reference.get_or_insert_default();
    let mut learned = false;
    for (known, said) in [(&mut known.id, &said.id), (&mut known.reference, &said.reference)] {
        if known.is_empty() && !said.is_empty() {
            known.clone_from(said);
            learned = true;
        }
    }
    learned
}

fn same_codes(left: &[Reason], right: &[Reason]) -> bool {
    left.iter().map(|reason| &reason.vendor_code).eq(right.iter().map(|reason| &reason.vendor_code))
}
