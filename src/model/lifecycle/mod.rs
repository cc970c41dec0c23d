//! The status rule: what an observation makes of an identification. Pure; the only place that knows the lifecycle.
//!
//! Vendors drop, repeat and reorder what they say. So every state can be reached without the ones before it, and
//! what arrives late is told from what is new by the vendor's time where it gives one, then by how far a word lies
//! along the way, never by arrival.

mod draft;
mod order;
mod reference;
mod ticket;

pub use draft::Step;
pub use reference::{contradicts, learn};

use prost_types::Timestamp;

use crate::model::lifecycle::draft::Draft;
use crate::model::lifecycle::order::{Order, order};
use crate::model::lifecycle::ticket::{Spoken, Told};
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{
    AttemptEnd, EventType, Evidence, Identification, IdentificationState as State, InvitationStatus, Outcome,
    ProvisionalOutcome, TicketProgressed,
};

/// What the rule makes of an observation.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is news: the record after it, and one step for every event.
    Change(Box<Change>),
    /// It says what is known already.
    Same,
    /// It is older than what is known.
    Stale,
    /// It contradicts what is known: believe it only when the vendor, asked now, agrees.
    Ask,
}

/// An accepted observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The identification after it.
    pub record: Record,
    /// One per event, in order; each raises the revision by one.
    pub steps: Vec<Step>,
    /// A step of a ticket that was not told yet. It has an event of its own, which raises no revision.
    pub progress: Option<TicketProgressed>,
}

/// Applies the rule. `now` is when the gateway learned of it.
pub fn judge(record: &Record, observation: &Observation, now: Timestamp) -> Verdict {
    let mut draft = Draft::new(record, observation, now);
    if draft.state() == State::Creating {
        return creating(draft, observation);
    }
    match consider(&mut draft, observation) {
        Ruling::Accept => Verdict::Change(Box::new(draft.finish())),
        Ruling::Same => draft.taught().map_or(Verdict::Same, |change| Verdict::Change(Box::new(change))),
        Ruling::Stale => Verdict::Stale,
        Ruling::Ask => Verdict::Ask,
    }
}

/// What a caller's own change makes of an identification: UPDATED, whatever state it is in.
pub fn revise(record: &Record, change: impl FnOnce(&mut Identification), now: Timestamp) -> Change {
    let own = Observation::new(Word::Accepted, Evidence::Gateway);
    let mut draft = Draft::new(record, &own, now);
    draft.revise(change);
    draft.step(EventType::IdentificationUpdated);
    draft.finish()
}

/// What the vendor's word to a caller's own call makes of an identification: `event`, after REOPENED where it had expired.
pub fn vouch(
    record: &Record,
    event: EventType,
    change: impl FnOnce(&mut Identification),
    now: Timestamp,
) -> Change {
    let own = Observation::new(Word::Accepted, Evidence::Gateway);
    let mut draft = Draft::new(record, &own, now);
    draft.revise(change);
    if draft.state() == State::Expired {
        draft.enter(State::AwaitingUser);
        draft.step(EventType::IdentificationReopened);
    }
    draft.step(event);
    draft.finish()
}

/// Whether `answer`, which the vendor gave when asked, bears out what a webhook hinted at.
pub fn agrees(answer: Word, hint: Word) -> bool {
    match hint {
        // A vendor that was started and has nothing to show yet answers as if nobody had started.
        Word::Started => matches!(answer, Word::Started | Word::NotStarted),
        Word::Pending(_) => matches!(answer, Word::Pending(_)),
        Word::Ended(_) => matches!(answer, Word::Ended(_)),
        Word::Decided(_) => matches!(answer, Word::Decided(_)),
        other => answer == other,
    }
}

/// Whether an identification in `state` may still change without being reopened.
pub fn is_open(state: State) -> bool {
    matches!(
        state,
        State::Creating | State::AwaitingUser | State::InProgress | State::InReview | State::AwaitingRetry
    )
}

/// The states in which an identification may come to a decision, or has one: in these it holds its
/// `external_reference` against others.
pub const CURRENT: [State; 6] = [
    State::Creating,
    State::AwaitingUser,
    State::InProgress,
    State::InReview,
    State::AwaitingRetry,
    State::Completed,
];

/// How the rule takes one observation; `Accept` has changed the draft.
enum Ruling {
    Accept,
    Same,
    Stale,
    Ask,
}

fn creating(mut draft: Draft<'_>, observation: &Observation) -> Verdict {
    match observation.word {
        // A 404 does not tell whether the create is still on its way.
        Word::NotStarted => return Verdict::Same,
        Word::Refused => {
            draft.revise(|shown| shown.invitation.iter_mut().for_each(unsend));
            draft.enter(State::Failed);
            draft.step(EventType::IdentificationFailed);
        }
        _ => {
            draft.enter(State::AwaitingUser);
            draft.step(EventType::IdentificationCreated);
            if observation.word != Word::Accepted {
                // Whatever else the vendor says proves that it exists; stale or not, CREATED stands.
                let _ruling = consider(&mut draft, observation);
            }
        }
    }
    Verdict::Change(Box::new(draft.finish()))
}

/// An invitation that was to go out with a creation did not.
fn unsend(invitation: &mut InvitationStatus) {
    invitation.last_send_time = None;
    invitation.send_count = 0;
}

fn consider(draft: &mut Draft<'_>, observation: &Observation) -> Ruling {
    if draft.state() == State::Deleted {
        return Ruling::Stale;
    }
    if let Some(ruling) = told_by_ticket(draft, observation.word) {
        return ruling;
    }
    let order = order(draft.vendor_time(), observation.occur_time.as_ref());
    match observation.word {
        // The answer to a create that a webhook has overtaken: only what the vendor calls it may be news.
        Word::Accepted => Ruling::Same,
        Word::Refused => Ruling::Stale,
        Word::NotStarted => Ruling::Same,
        Word::Started => started(draft, observation, order),
        Word::Pending(expected) => pending(draft, observation, order, expected),
        Word::Ended(end) => ended(draft, observation, order, end),
        Word::Decided(outcome) => decided(draft, observation, order, outcome),
        Word::Cancelled => closed(draft, observation, State::Cancelled, EventType::IdentificationCancelled),
        Word::Expired => closed(draft, observation, State::Expired, EventType::IdentificationExpired),
        Word::Archived => archived(draft),
        Word::Deleted => {
            draft.enter(State::Deleted);
            draft.step(EventType::IdentificationDeleted);
            Ruling::Accept
        }
        Word::Unknown => unknown(draft, observation, order),
    }
}

/// What tickets tell by themselves: that they are somebody else's, or that more is known of an attempt or of a step than
/// an observation says.
fn told_by_ticket(draft: &Draft<'_>, word: Word) -> Option<Ruling> {
    if draft.speaks_of_another() {
        return Some(Ruling::Stale);
    }
    let moves = matches!(word, Word::Started | Word::Pending(_) | Word::Ended(_));
    if (moves || matches!(word, Word::Decided(_))) && draft.spoken() == Spoken::Earlier {
        return Some(Ruling::Stale);
    }
    match draft.told() {
        Told::Known if moves => Some(Ruling::Same),
        Told::Late if moves => Some(Ruling::Stale),
        Told::New | Told::Known | Told::Late => None,
    }
}

fn started(draft: &mut Draft<'_>, observation: &Observation, order: Order) -> Ruling {
    let (goes_on, is_next) = (draft.spoken() == Spoken::Present, draft.spoken() == Spoken::Next);
    match (draft.state(), order) {
        (_, Order::Older) => return Ruling::Stale,
        (State::AwaitingUser, _) => draft.begin_attempt(true),
        (State::InProgress | State::InReview, _) if goes_on => return Ruling::Same,
        // A ticket goes on while the person is to repeat a part of it: only a step tells that they do.
        (State::AwaitingRetry, Order::Same | Order::Unknown)
            if goes_on && asked(observation) && observation.step.is_none() =>
        {
            return Ruling::Same;
        }
        (State::AwaitingRetry, Order::Same) => return Ruling::Stale,
        // The end of a try whose start never came: this may be that start, late.
        (State::AwaitingRetry, Order::Unknown)
            if !draft.start_was_seen() && !is_next && !asked(observation) =>
        {
            return Ruling::Ask;
        }
        (State::AwaitingRetry, _) => draft.begin_attempt(true),
        (State::InProgress, Order::Same) => return Ruling::Same,
        // Without a time the answer to a question is the state that is known.
        (State::InProgress, Order::Unknown) if !is_next && asked(observation) => return Ruling::Same,
        (State::InReview, Order::Same) => return Ruling::Stale,
        (State::InReview, Order::Unknown) if !is_next && !asked(observation) => return Ruling::Ask,
        (State::InProgress | State::InReview, _) => {
            draft.supersede_attempt();
            draft.begin_attempt(true);
        }
        (_, Order::Same) => return Ruling::Stale,
        _ if !asked(observation) => return Ruling::Ask,
        _ => {
            draft.begin_attempt(true);
            draft.enter(State::InProgress);
            draft.step(EventType::IdentificationReopened);
            return Ruling::Accept;
        }
    }
    draft.enter(State::InProgress);
    draft.step(EventType::IdentificationStarted);
    Ruling::Accept
}

fn pending(
    draft: &mut Draft<'_>,
    observation: &Observation,
    order: Order,
    expected: ProvisionalOutcome,
) -> Ruling {
    let event = match (draft.state(), order) {
        (_, Order::Older) => return Ruling::Stale,
        (State::InReview, _) if draft.shows_pending(expected) => return Ruling::Same,
        // The first checks end before anybody leans to one side.
        (State::InReview, Order::Same) if expected == ProvisionalOutcome::Undetermined => {
            return Ruling::Stale;
        }
        (State::InReview, _) => EventType::IdentificationUpdated,
        (State::AwaitingUser, _) => {
            draft.begin_attempt(false);
            EventType::IdentificationSubmitted
        }
        (State::InProgress, _) => EventType::IdentificationSubmitted,
        (_, Order::Same) => return Ruling::Stale,
        (State::AwaitingRetry, _) => {
            draft.begin_attempt(false);
            EventType::IdentificationSubmitted
        }
        _ if !asked(observation) => return Ruling::Ask,
        _ => EventType::IdentificationReopened,
    };
    draft.turn_to_next();
    draft.expect(expected);
    draft.enter(State::InReview);
    draft.step(event);
    Ruling::Accept
}

fn ended(draft: &mut Draft<'_>, observation: &Observation, order: Order, end: AttemptEnd) -> Ruling {
    let event = match (draft.state(), order) {
        (_, Order::Older) => return Ruling::Stale,
        // The end may be that of an earlier try, late or once more.
        (State::InProgress | State::InReview, Order::Same | Order::Unknown)
            if draft.follows_another_attempt() && !draft.names_its_attempt() && !asked(observation) =>
        {
            return Ruling::Ask;
        }
        // Who is in review can no longer give up: a start was lost, or this is the end of an earlier try.
        (State::InReview, Order::Unknown) if draft.spoken() != Spoken::Next && !asked(observation) => {
            return Ruling::Ask;
        }
        (State::InProgress | State::InReview, _) => EventType::IdentificationAttemptEnded,
        (State::AwaitingRetry, Order::Same | Order::Unknown) if draft.shows_end(end) => return Ruling::Same,
        (State::AwaitingUser | State::AwaitingRetry, _) => {
            draft.begin_attempt(false);
            EventType::IdentificationAttemptEnded
        }
        (_, Order::Same) => return Ruling::Stale,
        _ if !asked(observation) => return Ruling::Ask,
        _ => EventType::IdentificationReopened,
    };
    draft.turn_to_next();
    draft.end_attempt(end);
    draft.enter(State::AwaitingRetry);
    draft.step(event);
    Ruling::Accept
}

fn decided(draft: &mut Draft<'_>, observation: &Observation, order: Order, outcome: Outcome) -> Ruling {
    let state = draft.state();
    if state == State::Completed {
        if draft.shows_decision(outcome) {
            draft.complement_decision();
            return Ruling::Same;
        }
        if order == Order::Older {
            return Ruling::Stale;
        }
        if draft.spoken() == Spoken::Next {
            draft.begin_attempt(false);
            draft.end_attempt(AttemptEnd::Decided);
        }
        draft.decide(outcome);
        draft.step(EventType::IdentificationDecisionRevised);
        return Ruling::Accept;
    }
    if !is_open(state) {
        if !asked(observation) {
            return Ruling::Ask;
        }
        draft.enter(State::InReview);
        draft.step(EventType::IdentificationReopened);
    } else if order == Order::Older && !asked(observation) {
        // A decision that the vendor gives when asked is never too old: it must not be lost to a wrong clock.
        return Ruling::Stale;
    }
    draft.turn_to_next();
    if !draft.has_attempt_in_hand() {
        draft.begin_attempt(false);
    }
    draft.end_attempt(AttemptEnd::Decided);
    draft.decide(outcome);
    draft.enter(State::Completed);
    draft.step(EventType::IdentificationCompleted);
    Ruling::Accept
}

fn closed(draft: &mut Draft<'_>, observation: &Observation, state: State, event: EventType) -> Ruling {
    if draft.state() == state {
        return Ruling::Same;
    }
    if !is_open(draft.state()) {
        return Ruling::Stale;
    }
    // Who has handed everything in is decided about: only what the vendor answers ends that.
    if draft.state() == State::InReview && !asked(observation) {
        return Ruling::Ask;
    }
    draft.enter(state);
    draft.step(event);
    Ruling::Accept
}

fn archived(draft: &mut Draft<'_>) -> Ruling {
    if draft.state() != State::Completed {
        return Ruling::Stale;
    }
    if !draft.archive() {
        return Ruling::Same;
    }
    draft.step(EventType::IdentificationArchived);
    Ruling::Accept
}

fn unknown(draft: &mut Draft<'_>, observation: &Observation, order: Order) -> Ruling {
    if order == Order::Older {
        return Ruling::Stale;
    }
    if observation.vendor_status == draft.vendor_status_before() {
        return Ruling::Same;
    }
    draft.step(EventType::IdentificationUpdated);
    Ruling::Accept
}

/// The vendor said it in answer to our own question, or the gateway itself did it.
fn asked(observation: &Observation) -> bool {
    matches!(observation.evidence, Evidence::Fetched | Evidence::Gateway)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod ticket_tests;
