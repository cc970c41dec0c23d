//! An identification while an observation is applied to it.

use prost_types::Timestamp;

use crate::model::lifecycle::Change;
use crate::model::lifecycle::order::{Order, order};
use crate::model::lifecycle::reference::{contradicts, learn};
use crate::model::lifecycle::ticket::{self, Spoken, Told};
use crate::model::name::TicketName;
use crate::model::observation::Observation;
use crate::model::record::{Memory, Record};
use crate::proto::{
    Attempt, AttemptEnd, Decision, EventType, Identification, IdentificationState as State, Outcome,
    ProofOfAddressOutcome, ProvisionalOutcome, Reason,
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
    /// The ticket the observation speaks of.
    ticket: Option<TicketName>,
    spoken: Spoken,
    steps: Vec<Step>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(before: &'a Record, observation: &'a Observation, now: Timestamp) -> Self {
        let Record { mut identification, memory, .. } = before.successor();
        let last = (identification.state(), identification.decision.clone());
        let ticket = ticket::spoken_name(before, &observation.reference);
        let spoken = ticket::spoken(&identification, ticket.as_ref());
        let known = identification.vendor_reference.get_or_insert_default();
        let learned_reference = learn(known, &observation.reference);
        if let Some(attempt) = &mut identification.last_attempt
            && matches!(spoken, Spoken::Nothing | Spoken::Present)
        {
            complement(attempt, ticket.as_ref(), observation);
        }
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
            memory,
            last,
            learned_reference,
            ticket,
            spoken,
            steps: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> State {
        self.identification.state()
    }

    pub(super) fn vendor_time(&self) -> Option<&Timestamp> {
        self.memory.vendor_time.as_ref()
    }

    pub(super) fn spoken(&self) -> Spoken {
        self.spoken
    }

    pub(super) fn told(&self) -> Told {
        ticket::told(&self.memory, self.ticket.as_ref(), self.observation.step.as_ref())
    }

    /// The ticket it speaks of is another identification's.
    pub(super) fn speaks_of_another(&self) -> bool {
        let known = self.before.identification.vendor_reference.as_ref();
        self.ticket.is_some() && known.is_some_and(|known| contradicts(known, &self.observation.reference))
    }

    /// The observation names the ticket of the attempt it is about: it can be no other's.
    pub(super) fn names_its_attempt(&self) -> bool {
        let known = self.before.identification.last_attempt.as_ref();
        match self.spoken {
            Spoken::Next => true,
            Spoken::Present => known.is_some_and(|attempt| !attempt.ticket.is_empty()),
            Spoken::Nothing | Spoken::Earlier => false,
        }
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
        self.spoken != Spoken::Next
            && self.identification.provisional_outcome() == expected
            && self.observation.vendor_status == self.vendor_status_before()
    }

    /// The last attempt ended like this already. With fewer tries left it is another one.
    pub(super) fn shows_end(&self, end: AttemptEnd) -> bool {
        let said = self.observation.remaining_tries;
        let ended = |attempt: &Attempt| {
            attempt.end() == end
                && same_codes(&attempt.reasons, &self.observation.reasons)
                && (said.is_none() || attempt.remaining_tries == said)
        };
        self.spoken != Spoken::Next && self.before.identification.last_attempt.as_ref().is_some_and(ended)
    }

    /// The same decision stands already. Evidence, time and confidence do not make another one.
    pub(super) fn shows_decision(&self, outcome: Outcome) -> bool {
        let shown = |decision: &Decision| {
            decision.outcome() == outcome
                && (self.has_tickets() || decision.vendor_result == self.observation.vendor_status)
                && self.are_its_reasons(&decision.reasons)
        };
        self.spoken != Spoken::Next && self.identification.decision.as_ref().is_some_and(shown)
    }

    /// A vendor with tickets tells of one decision in several kinds of deliveries: not in each of them why, and not in
    /// the same words.
    fn has_tickets(&self) -> bool {
        self.identification.vendor_reference.as_ref().is_some_and(|ids| !ids.ticket_ids.is_empty())
    }

    fn are_its_reasons(&self, known: &[Reason]) -> bool {
        let said = &self.observation.reasons;
        same_codes(known, said) || (self.has_tickets() && (known.is_empty() || said.is_empty()))
    }

    /// Adds what is said more of the decision that stands.
    pub(super) fn complement_decision(&mut self) {
        let Some(decision) = &mut self.identification.decision else { return };
        decision.confidence = decision.confidence.or(ticket::confidence(self.observation));
        if decision.reasons.is_empty() {
            decision.reasons.clone_from(&self.observation.reasons);
        }
    }

    /// Begins the next attempt. `seen`: its start was observed, not inferred from what followed.
    pub(super) fn begin_attempt(&mut self, seen: bool) {
        let start_time = seen.then(|| self.time());
        let identification = &mut self.identification;
        identification.attempt_count += 1;
        identification.start_time = identification.start_time.or(start_time);
        let mut attempt = Attempt {
            number: identification.attempt_count,
            start_time,
            channel: self.observation.channel.clone(),
            ..Attempt::default()
        };
        complement(&mut attempt, self.ticket.as_ref(), self.observation);
        identification.last_attempt = Some(attempt);
        if self.spoken == Spoken::Next {
            self.spoken = Spoken::Present;
        }
    }

    /// Leaves the present attempt where the observation speaks of the next one.
    pub(super) fn turn_to_next(&mut self) {
        if self.spoken == Spoken::Next && self.has_attempt_in_hand() {
            self.supersede_attempt();
            self.begin_attempt(false);
        }
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
            confidence: ticket::confidence(self.observation),
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

    /// What is learned from an observation that moves nothing; `None`: nothing.
    pub(super) fn taught(mut self) -> Option<Change> {
        let before = &self.before.identification;
        let seen = &mut self.identification;
        seen.vendor_status.clone_from(&before.vendor_status);
        seen.proof_of_address_outcome = before.proof_of_address_outcome;
        if self.learned_reference
            || seen.last_attempt != before.last_attempt
            || seen.decision != before.decision
        {
            self.step(EventType::IdentificationUpdated);
        }
        let change = self.finish();
        (!change.steps.is_empty() || change.progress.is_some()).then_some(change)
    }

    pub(super) fn finish(mut self) -> Change {
        if let Some(time) = self.observation.occur_time
            && order(self.vendor_time(), Some(&time)) != Order::Older
        {
            self.memory.vendor_time = Some(time);
        }
        let time = self.time();
        let taken = self.steps.iter().any(|step| step.event != EventType::IdentificationUpdated);
        let progress = self
            .ticket
            .as_ref()
            .and_then(|name| ticket::remember(&mut self.memory, name, self.observation, taken, time));
        // Without an event of its own nothing of it has changed: revisions tell.
        let seen =
            if self.steps.is_empty() { self.before.identification.clone() } else { self.identification };
        let record = Record { name: self.before.name.clone(), identification: seen, memory: self.memory };
        Change { record, steps: self.steps, progress }
    }

    /// The vendor's time, or ours when it gives none.
    fn time(&self) -> Timestamp {
        self.observation.occur_time.unwrap_or(self.now)
    }
}

/// Adds what is said of the attempt that goes on.
fn complement(attempt: &mut Attempt, ticket: Option<&TicketName>, said: &Observation) {
    if let Some(name) = ticket.filter(|_name| attempt.ticket.is_empty()) {
        attempt.ticket = name.to_string();
    }
    attempt.remaining_tries = said.remaining_tries.or(attempt.remaining_tries);
}

fn same_codes(left: &[Reason], right: &[Reason]) -> bool {
    left.iter().map(|reason| &reason.vendor_code).eq(right.iter().map(|reason| &reason.vendor_code))
}
