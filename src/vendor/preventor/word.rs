//! What the vendor's words mean.

use crate::model::observation::Word;
use crate::proto::{AttemptEnd, Outcome, ProvisionalOutcome, StepDisposition, TicketState};

/// What `flow_status` and `disposition` say together. What contradicts itself says nothing that may be acted on.
pub(super) fn word(flow_status: &str, disposition: &str) -> Word {
    let pending = Word::Pending(ProvisionalOutcome::Undetermined);
    match (flow_status, disposition) {
        // The flow goes on: what is processed is one step of it.
        ("IN_PROGRESS", "" | "PASSED" | "FAILED" | "PROCESSING") => Word::Started,
        ("IN_PROGRESS", "RETRY") => Word::Ended(AttemptEnd::Inconclusive),
        ("IN_PROGRESS" | "ACCEPTED" | "REJECTED", "NEEDS_REVIEW") => pending,
        ("ACCEPTED" | "REJECTED", "PROCESSING") => pending,
        ("NEEDS_REVIEW" | "PROCESSING" | "AWAITING", _) => pending,
        ("IN_PROGRESS" | "ABANDONED", "ABANDONED") | ("ABANDONED", "") => {
            Word::Ended(AttemptEnd::AbortedByUser)
        }
        // The previous generation of webhooks says VERIFIED and SUCCESSFUL.
        ("ACCEPTED" | "VERIFIED" | "SUCCESSFUL", "" | "PASSED") => Word::Decided(Outcome::Verified),
        ("REJECTED" | "FAILED", "" | "FAILED" | "ABANDONED") => Word::Decided(Outcome::Rejected),
        _ => Word::Unknown,
    }
}

/// The vendor's word that says most: the same for one decision, whichever webhook brings it.
pub(super) fn status<'a>(word: Word, flow_status: &'a str, disposition: &'a str) -> &'a str {
    let decided = matches!(word, Word::Decided(_)) || disposition.is_empty();
    if decided { flow_status } else { disposition }
}

/// What webhooks about invitations say of one that is not completed. Only COMPLETED is documented.
pub(super) fn invitation_word(state: &str) -> Word {
    match state {
        "REGISTERED" | "SENT" => Word::NotStarted,
        "IN_PROGRESS" => Word::Started,
        "EXPIRED" => Word::Expired,
        "DELETED" => Word::Cancelled,
        _ => Word::Unknown,
    }
}

/// How a step went.
pub(super) fn step_disposition(word: &str) -> StepDisposition {
    match word {
        "PASSED" => StepDisposition::Passed,
        "RETRY" => StepDisposition::Retry,
        "FAILED" => StepDisposition::Failed,
        "NEEDS_REVIEW" => StepDisposition::NeedsReview,
        "PROCESSING" => StepDisposition::Processing,
        "ABANDONED" => StepDisposition::Abandoned,
        _ => StepDisposition::Unspecified,
    }
}

/// The state of a ticket that says `word`, and its outcome.
pub(super) fn ticket_state(word: Word) -> (TicketState, Outcome) {
    let undecided = |state| (state, Outcome::Unspecified);
    match word {
        Word::Started => undecided(TicketState::InProgress),
        Word::Pending(_) => undecided(TicketState::InReview),
        Word::Ended(AttemptEnd::AbortedByUser) => undecided(TicketState::Abandoned),
        Word::Ended(_) => undecided(TicketState::AwaitingRetry),
        Word::Decided(Outcome::Verified) => (TicketState::Accepted, Outcome::Verified),
        Word::Decided(outcome) => (TicketState::Rejected, outcome),
        _ => undecided(TicketState::Unspecified),
    }
}
