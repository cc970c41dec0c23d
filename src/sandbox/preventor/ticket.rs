//! One try of a person: a ticket, and how far it came.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// How often the person may repeat a step.
const ATTEMPTS: u32 = 3;

/// One ticket.
pub(super) struct Ticket {
    /// Its id, a UUID.
    pub(super) id: String,
    /// Which of its invitation's tickets it is, from 1.
    pub(super) attempt: u32,
    /// When the person started.
    pub(super) created: SystemTime,
    /// When it was decided, or decided anew.
    pub(super) processed: Option<SystemTime>,
    /// Who the person says they are.
    pub(super) person: Person,
    /// Whether it is decided.
    pub(super) flow_status: FlowStatus,
    /// The step that the person is at or ended with.
    pub(super) step: Step,
    /// What became of that step, or of the whole once it is decided.
    pub(super) disposition: Disposition,
    /// How often the person may still repeat a step.
    pub(super) remaining_attempts: u32,
    /// Why the person left.
    pub(super) reason: Option<String>,
    /// The risk that the decision saw.
    pub(super) risk_code: Option<String>,
    /// How sure the decision is, 0 to 100.
    pub(super) confidence_score: Option<f64>,
    /// The steps that the person passed.
    pub(super) passed: Vec<Step>,
}

/// A made-up person.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Person {
    /// Given names.
    pub(super) first_name: String,
    /// Family names.
    pub(super) last_name: String,
}

/// Whether a ticket is decided.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum FlowStatus {
    /// Not yet.
    InProgress,
    /// The person is who they say.
    Accepted,
    /// Or not.
    Rejected,
}

/// What became of a step or of a whole ticket.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Disposition {
    /// It went well.
    Passed,
    /// The person has to repeat it.
    Retry,
    /// It did not go well.
    Failed,
    /// A reviewer looks at it.
    NeedsReview,
    /// It is not known yet.
    Processing,
    /// The person left.
    Abandoned,
}

/// The steps that webhooks tell about.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Whether a living person is there.
    #[serde(rename = "verification.liveness")]
    Liveness,
    /// Whether the document is genuine and theirs.
    #[serde(rename = "verification.id_proofing")]
    IdProofing,
}

/// What became of a step.
pub(super) struct Progress {
    /// Which step.
    pub(super) step: Step,
    /// What became of it.
    pub(super) disposition: Disposition,
    /// How often the person may still repeat it; by default one less with each retry.
    pub(super) remaining_attempts: Option<u32>,
    /// Why the person left.
    pub(super) reason: Option<String>,
}

/// What became of a whole ticket.
pub(super) struct Decision {
    /// Accepted or rejected.
    pub(super) flow_status: FlowStatus,
    /// By default what fits `flow_status`, and so are the next two.
    pub(super) disposition: Option<Disposition>,
    /// The risk that it saw.
    pub(super) risk_code: Option<String>,
    /// How sure it is, 0 to 100.
    pub(super) confidence_score: Option<f64>,
}

impl Person {
    /// Both names.
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

impl Default for Person {
    fn default() -> Self {
        Self { first_name: "José".to_owned(), last_name: "Núñez".to_owned() }
    }
}

impl Ticket {
    /// One that `person` just started.
    pub(super) fn new(id: String, attempt: u32, person: Person, now: SystemTime) -> Self {
        Self {
            id,
            attempt,
            created: now,
            processed: None,
            person,
            flow_status: FlowStatus::InProgress,
            step: Step::Liveness,
            disposition: Disposition::Processing,
            remaining_attempts: ATTEMPTS,
            reason: None,
            risk_code: None,
            confidence_score: None,
            passed: Vec::new(),
        }
    }

    /// The person came further, or not.
    pub(super) fn proceed(&mut self, progress: Progress) -> Result<(), String> {
        if self.flow_status != FlowStatus::InProgress {
            return Err(self.refusal("is decided: POST .../complete decides it anew"));
        }
        self.must_have_a_person()?;
        let Progress { step, disposition, remaining_attempts, reason } = progress;
        let used = u32::from(disposition == Disposition::Retry);
        self.remaining_attempts = remaining_attempts.unwrap_or(self.remaining_attempts.saturating_sub(used));
        (self.step, self.disposition, self.reason) = (step, disposition, reason);
        self.passed.retain(|passed| *passed != step);
        if disposition == Disposition::Passed {
            self.passed.push(step);
        }
        Ok(())
    }

    /// It is decided, or decided anew.
    pub(super) fn complete(&mut self, decision: Decision, now: SystemTime) -> Result<(), String> {
        self.must_have_a_person()?;
        let Decision { flow_status, disposition, risk_code, confidence_score } = decision;
        let (fitting, risk, score) = match flow_status {
            FlowStatus::InProgress => {
                return Err(
                    "`flow_status` is ACCEPTED or REJECTED here: POST .../step is for the rest".to_owned()
                );
            }
            FlowStatus::Accepted => (Disposition::Passed, "LOW", 97.5),
            FlowStatus::Rejected => (Disposition::Failed, "HIGH", 12.0),
        };
        self.flow_status = flow_status;
        self.disposition = disposition.unwrap_or(fitting);
        self.risk_code = Some(risk_code.unwrap_or_else(|| risk.to_owned()));
        self.confidence_score = Some(confidence_score.unwrap_or(score));
        self.processed = Some(now);
        Ok(())
    }

    /// Whether there is something of `step` to show.
    pub(super) fn has(&self, step: Step) -> bool {
        self.flow_status != FlowStatus::InProgress || self.passed.contains(&step)
    }

    fn must_have_a_person(&self) -> Result<(), String> {
        match self.disposition {
            Disposition::Abandoned => Err(self.refusal("is abandoned: POST .../start makes the next ticket")),
            _ => Ok(()),
        }
    }

    fn refusal(&self, rule: &str) -> String {
        format!("the ticket {} {rule}", self.id)
    }
}
