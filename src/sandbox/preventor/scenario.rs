//! Persons who act by themselves: asked for by the recipient or the flow of an invitation.

use serde::{Deserialize, Serialize};

use super::ticket::{Disposition, FlowStatus, Step};

/// What becomes of an invitation.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scenario {
    /// Everything is well.
    Accepted,
    /// The document is forged.
    Rejected,
    /// The person has to repeat a step, and then everything is well.
    Retry,
    /// The person gives up.
    Abandoned,
    /// The person gives up, and with a second ticket everything is well.
    Again,
    /// The person never comes.
    Expired,
    /// A reviewer has to decide, and accepts.
    Review,
}

/// What a person does, or what is decided about them.
#[derive(Clone, Copy)]
pub(super) enum Move {
    /// A ticket begins.
    Start,
    /// A step comes to something.
    Step(Step, Disposition),
    /// The ticket is decided.
    Complete(FlowStatus),
    /// The invitation ends.
    Expire,
}

const BEFORE: &str = "x-";

impl Scenario {
    const ALL: [(&'static str, Self); 7] = [
        ("accepted", Self::Accepted),
        ("rejected", Self::Rejected),
        ("retry", Self::Retry),
        ("abandoned", Self::Abandoned),
        ("again", Self::Again),
        ("expired", Self::Expired),
        ("review", Self::Review),
    ];

    /// The scenario that `recipient` or `flow` begins with, as in `x-accepted-7@example.com`.
    pub(super) fn asked_for(recipient: &str, flow: &str) -> Option<Self> {
        [recipient, flow].into_iter().find_map(|text| {
            let text = text.to_ascii_lowercase();
            let name = text.strip_prefix(BEFORE)?;
            Self::ALL.iter().find(|(known, _)| name.starts_with(known)).map(|(_, scenario)| *scenario)
        })
    }

    /// What happens, one after the other.
    pub(super) fn moves(self) -> &'static [Move] {
        use Disposition::{Abandoned, Failed, NeedsReview, Passed, Retry};
        use FlowStatus::{Accepted, Rejected};
        use Move::{Complete, Expire, Start, Step as At};
        use Step::{IdProofing, Liveness};
        match self {
            Self::Accepted => &[Start, At(Liveness, Passed), At(IdProofing, Passed), Complete(Accepted)],
            Self::Rejected => &[Start, At(Liveness, Passed), At(IdProofing, Failed), Complete(Rejected)],
            Self::Retry => &[
                Start,
                At(Liveness, Retry),
                At(Liveness, Passed),
                At(IdProofing, Passed),
                Complete(Accepted),
            ],
            Self::Abandoned => &[Start, At(Liveness, Passed), At(IdProofing, Abandoned)],
            Self::Again => &[
                Start,
                At(Liveness, Abandoned),
                Start,
                At(Liveness, Passed),
                At(IdProofing, Passed),
                Complete(Accepted),
            ],
            Self::Expired => &[Expire],
            Self::Review => &[Start, At(Liveness, Passed), At(IdProofing, NeedsReview), Complete(Accepted)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_asked_for_at_the_beginning_in_any_case() {
        let asked = |recipient, flow| Scenario::asked_for(recipient, flow).is_some();
        assert!(asked("x-accepted@example.com", "WF-07"));
        assert!(asked("X-Review-3@example.com", ""));
        assert!(asked("+15550100", "X-EXPIRED_1"));
        assert!(!asked("accepted@example.com", "WF-07_x-accepted"));
        assert!(!asked("x-perhaps@example.com", ""));
        for (name, scenario) in Scenario::ALL {
            assert!(Scenario::asked_for(&format!("x-{name}"), "") == Some(scenario), "{name}");
            assert_eq!(serde_json::to_value(scenario).unwrap(), name);
        }
    }
}
