//! What an observation says of the vendor's own verification records: which attempt it is about, and which of its steps
//! were told before.

use prost_types::Timestamp;

use crate::model::lifecycle::reference::{MAX_TICKETS, position, same};
use crate::model::name::TicketName;
use crate::model::observation::{Observation, Word};
use crate::model::record::{KnownTicket, Memory, Record};
use crate::proto::{
    AttemptEnd, Identification, Outcome, StepDisposition, TicketProgressed, TicketState, TicketStep,
    VendorReference,
};

/// Statements about steps that are told of one ticket.
const MAX_STEPS: usize = 50;

/// Which of an identification's tickets an observation speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// Of none.
    Nothing,
    /// Of the present attempt's, or of the first one of an attempt without.
    Present,
    /// Of an earlier attempt's.
    Earlier,
    /// Of one that came after the present attempt's: there is another attempt.
    Next,
}

/// What is known of a step that an observation tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It tells of none, or of one that is news.
    New,
    /// This very statement.
    Known,
    /// More than it says.
    Late,
}

/// The ticket that `said` speaks of, where it is one that can be named.
pub(super) fn spoken_name(record: &Record, said: &VendorReference) -> Option<TicketName> {
    let id = said.ticket_ids.last().filter(|id| TicketName::can_end_with(id))?;
    Some(TicketName { connection: record.name.connection.clone(), id: id.clone() })
}

pub(super) fn spoken(identification: &Identification, name: Option<&TicketName>) -> Spoken {
    let Some(said) = name.map(|name| name.id.as_str()) else { return Spoken::Nothing };
    let present = identification.last_attempt.as_ref().map_or("", |attempt| attempt.ticket.as_str());
    let present = present.rsplit('/').next().unwrap_or_default();
    if present.is_empty() || same(present, said) {
        return Spoken::Present;
    }
    let known = identification.vendor_reference.as_ref().map_or(&[][..], |ids| &ids.ticket_ids);
    match (position(known, said), position(known, present)) {
        (Some(said), Some(present)) if said < present => Spoken::Earlier,
        _ => Spoken::Next,
    }
}

/// How `step` of the ticket stands to what was told of it.
pub(super) fn told(memory: &Memory, name: Option<&TicketName>, step: Option<&TicketStep>) -> Told {
    let (Some(name), Some(step)) = (name, step) else { return Told::New };
    let Some(known) = memory.tickets.iter().find(|known| same(&known.id, &name.id)) else { return Told::New };
    if known.steps.contains(step) {
        Told::Known
    } else if known.steps.iter().any(|known| is_ahead(known, step)) {
        Told::Late
    } else {
        Told::New
    }
}

/// Remembers what `observation` says of the ticket `name`. `taken`: it changed the identification accordingly.
/// The step is returned when it is to be told.
pub(super) fn remember(
    memory: &mut Memory,
    name: &TicketName,
    observation: &Observation,
    taken: bool,
    time: Timestamp,
) -> Option<TicketProgressed> {
    let tickets = &mut memory.tickets;
    let index = tickets.iter().position(|known| same(&known.id, &name.id)).unwrap_or_else(|| {
        tickets.push(KnownTicket { id: name.id.clone(), create_time: Some(time), ..KnownTicket::default() });
        tickets.drain(..tickets.len().saturating_sub(MAX_TICKETS));
        tickets.len() - 1
    });
    let known = &mut tickets[index];
    known.update_time = Some(time);
    known.confidence = confidence(observation).or(known.confidence);
    if let Some((state, outcome)) = state(observation.word)
        && (taken || known.state() == TicketState::Unspecified)
    {
        known.set_state(state);
        known.set_outcome(outcome);
    }
    let step = observation.step.as_ref()?;
    if known.steps.len() >= MAX_STEPS || known.steps.contains(step) {
        return None;
    }
    known.steps.push(step.clone());
    Some(TicketProgressed { ticket: name.to_string(), step: Some(step.clone()) })
}

/// How sure the vendor is, unless that is no share of certainty.
pub(super) fn confidence(observation: &Observation) -> Option<f64> {
    observation.confidence.filter(|share| (0.0..=1.0).contains(share))
}

/// What `word` makes of the ticket it is about.
fn state(word: Word) -> Option<(TicketState, Outcome)> {
    let undecided = |state| Some((state, Outcome::Unspecified));
    match word {
        Word::Started => undecided(TicketState::InProgress),
        Word::Pending(_) => undecided(TicketState::InReview),
        Word::Ended(AttemptEnd::Inconclusive) => undecided(TicketState::AwaitingRetry),
        Word::Ended(_) => undecided(TicketState::Abandoned),
        Word::Decided(outcome @ (Outcome::Verified | Outcome::VerifiedDataChanged)) => {
            Some((TicketState::Accepted, outcome))
        }
        Word::Decided(outcome) => Some((TicketState::Rejected, outcome)),
        _ => None,
    }
}

/// Whether `known` is what comes after `said` in the same step.
fn is_ahead(known: &TicketStep, said: &TicketStep) -> bool {
    let is_over =
        |step: &TicketStep| matches!(step.disposition(), StepDisposition::Passed | StepDisposition::Failed);
    let goes_on = |step: &TicketStep| {
        matches!(step.disposition(), StepDisposition::Retry | StepDisposition::Processing)
    };
    let fewer = known.remaining_tries.zip(said.remaining_tries).is_some_and(|(known, said)| known < said);
    known.vendor_step == said.vendor_step && goes_on(said) && (is_over(known) || fewer)
}
