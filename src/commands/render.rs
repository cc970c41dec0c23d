//! Events for people: one line each, with time, state, evidence and what it is about.

use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    ConnectionHealthState, Event, EventType, Evidence, Identification, IdentificationState, Outcome,
};
use prost_types::Timestamp;

/// Writes lines, with colour where a person reads them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renderer {
    colour: bool,
}

impl Renderer {
    /// For standard output: colour on a terminal, unless NO_COLOR is set.
    pub(super) fn for_stdout() -> Self {
        Self { colour: super::wants_colour(&std::io::stdout()) }
    }

    /// One event, without a line end.
    pub(super) fn event(self, event: &Event) -> String {
        let kind = event.r#type().as_str_name();
        let kind = kind.trim_start_matches("EVENT_TYPE_").trim_start_matches("IDENTIFICATION_");
        let what = match &event.payload {
            Some(Payload::IdentificationChanged(changed)) => {
                let now = changed.identification.clone().unwrap_or_default();
                let ended = event.r#type() == EventType::IdentificationAttemptEnded;
                let transition = transition(changed.previous_state(), now.state());
                format!("{transition:<32} {}", detail(&now, ended))
            }
            Some(Payload::TicketProgressed(progressed)) => {
                let step = progressed.step.clone().unwrap_or_default();
                format!("{} {}", step.vendor_step, step.vendor_disposition)
            }
            Some(Payload::DocumentChanged(changed)) => {
                let document = changed.document.clone().unwrap_or_default();
                document.name.rsplit('/').next().unwrap_or_default().to_owned()
            }
            Some(Payload::ConnectionHealthChanged(changed)) => {
                let state = changed.health.clone().unwrap_or_default().state();
                let before = changed.previous_state();
                format!("{} -> {}", health(before), health(state))
            }
            Some(Payload::WebhookRejected(rejected)) => {
                format!("{} requests refused", rejected.request_count)
            }
            _ => String::new(),
        };
        let time = event.record_time.as_ref().map(clock_time).unwrap_or_default();
        let evidence = event.evidence().as_str_name().trim_start_matches("EVIDENCE_").to_lowercase();
        let evidence = if event.evidence() == Evidence::Unspecified { String::new() } else { evidence };
        let kind = self.paint(colour_of(event.r#type()), &format!("{kind:<14}"));
        format!("{time}  {kind} {what:<70} {evidence}").trim_end().to_owned()
    }

    /// The present state of an identification, without a line end.
    pub(super) fn item(self, identification: &Identification) -> String {
        let state = identification.state();
        let ended = state == IdentificationState::AwaitingRetry;
        let what = format!("{:<32} {}", state_name(state), detail(identification, ended));
        let time = identification.update_time.as_ref().map(clock_time).unwrap_or_default();
        let kind = self.paint("36", &format!("{:<14}", "NOW"));
        format!("{time}  {kind} {what}").trim_end().to_owned()
    }

    /// A heading.
    pub(super) fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What is worth knowing of an identification beside its state; `ended`: why the last attempt did.
fn detail(identification: &Identification, ended: bool) -> String {
    let reasons = |reasons: &[idv_gateway::proto::Reason]| {
        reasons.iter().map(|reason| reason.vendor_code.as_str()).collect::<Vec<_>>().join(" ")
    };
    match (&identification.decision, &identification.last_attempt) {
        (Some(decision), _) => {
            let outcome = decision.outcome().as_str_name().trim_start_matches("OUTCOME_");
            let outcome = if decision.outcome() == Outcome::Unspecified { "?" } else { outcome };
            format!("{outcome} (decision {}) {}", decision.revision, reasons(&decision.reasons))
        }
        (None, Some(attempt)) if ended => {
            format!("attempt {} ended: {}", attempt.number, reasons(&attempt.reasons))
        }
        (None, Some(attempt)) => format!("attempt {} {}", attempt.number, identification.vendor_status),
        (None, None) => String::new(),
    }
}

fn transition(before: IdentificationState, now: IdentificationState) -> String {
    format!("{} -> {}", state_name(before), state_name(now))
}

fn state_name(state: IdentificationState) -> &'static str {
    state.as_str_name().trim_start_matches("IDENTIFICATION_STATE_")
}

fn health(state: ConnectionHealthState) -> &'static str {
    state.as_str_name().trim_start_matches("CONNECTION_HEALTH_STATE_")
}

fn colour_of(kind: EventType) -> &'static str {
    match kind {
        EventType::IdentificationCompleted | EventType::IdentificationDecisionRevised => "32",
        EventType::IdentificationAttemptEnded | EventType::IdentificationReopened => "33",
        EventType::IdentificationFailed | EventType::WebhookRejected => "31",
        _ => "36",
    }
}

/// `hh:mm:ss.mmm` in UTC.
fn clock_time(time: &Timestamp) -> String {
    let text = time.to_string();
    let clock = text.split_once('T').map_or(text.as_str(), |(_date, clock)| clock);
    let (seconds, fraction) =
        clock.trim_end_matches('Z').split_once('.').unwrap_or((clock.trim_end_matches('Z'), ""));
    format!("{seconds}.{fraction:0<3.3}")
}
