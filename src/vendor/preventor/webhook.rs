//! Preventor's webhooks: of tickets (WH_001), of invitations (WH_002), and those of the generation before.

use serde_json::Value;

use crate::model::observation::{Observation, Word};
use crate::proto::{Evidence, TicketStep, VendorReference};
use crate::vendor::kit::delivery::{CipherKey, Refusal, SharedSecret, Unverified, Verified};
use crate::vendor::kit::field_path::{decimal, text, time, whole};
use crate::vendor::kit::http::read_json;
use crate::vendor::kit::url::Alphabet;
use crate::vendor::kit::{UNPRINTABLE, printable};
use crate::vendor::preventor::word::{invitation_word, status, step_disposition, word};
use crate::vendor::preventor::{INVITATION, Preventor, TICKET};
use crate::vendor::webhook_setting::GeneratedSecret;
use crate::vendor::{Reading, SecretWindow, Unreadable, Webhooks};

const IN_PROGRESS: &str = "ticket.verification.in_progress";
const COMPLETED: &str = "ticket.verification.completed";

impl Webhooks for Preventor {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        self.door.verify(delivery)
    }

    fn secrets(&self) -> Vec<SecretWindow> {
        let windows = self.door.windows().into_iter();
        windows.map(|(label, window)| SecretWindow { label, window }).collect()
    }

    fn accept(&self, secrets: Vec<GeneratedSecret>) {
        let shared = |secret: GeneratedSecret| {
            let GeneratedSecret { label, proof, cipher_key, window, .. } = secret;
            let cipher_key = cipher_key.map(|key| CipherKey::new(&key)).transpose();
            // The gateway makes no other keys than those of the right length.
            Some(SharedSecret { label, proof, cipher_key: cipher_key.ok()?, window })
        };
        self.door.accept(secrets.into_iter().filter_map(shared));
    }

    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        let body: Value = read_json(delivery.body())
            .map_err(|misfit| Unreadable { path: misfit.path, expected: "a JSON object" })?;
        let mut letter = Letter { body: &body, drift: Vec::new() };
        let evidence = delivery.evidence();
        let observation = match letter.text("event").as_str() {
            // The vendor's page gives these an event, its sample none.
            _ if body.get("invitation_state").is_some_and(|state| !state.is_null()) => {
                letter.of_invitation(evidence)?
            }
            "verification.completed" | "onboarding.completed" => letter.earlier(evidence)?,
            event if event.starts_with("ticket.") => {
                let score = letter.number("confidence_score", decimal);
                let confidence = score.and_then(|score| self.reader.scaled(score));
                if score.is_some() && confidence.is_none() {
                    letter.drift.push("confidence_score");
                }
                Observation { confidence, ..letter.of_ticket(evidence)? }
            }
            _ => return Err(unreadable("event", "a known event, or an invitation_state")),
        };
        Ok(Reading { observations: vec![observation], drift: letter.drift })
    }
}

/// One body, read member by member.
struct Letter<'a> {
    body: &'a Value,
    drift: Vec<&'static str>,
}

impl Letter<'_> {
    /// WH_001.
    fn of_ticket(&mut self, evidence: Evidence) -> Result<Observation, Unreadable> {
        let ticket = self.id("ticket", TICKET)?;
        let (event, flow, disposition) =
            (self.word("event"), self.word("flow_status"), self.word("disposition"));
        let flow = match event.as_str() {
            IN_PROGRESS if flow.is_empty() => "IN_PROGRESS".to_owned(),
            COMPLETED if flow.is_empty() => {
                return Err(unreadable("flow_status", "ACCEPTED or REJECTED"));
            }
            IN_PROGRESS | COMPLETED => flow,
            // What it is about is not known: it says no more than it says itself.
            _ => {
                self.drift.push("event");
                flow
            }
        };
        let word = word(&flow, &disposition);
        if word == Word::Unknown && !flow.is_empty() {
            self.drift.push("flow_status");
        }
        let said = if flow.is_empty() { event } else { status(word, &flow, &disposition).to_owned() };
        let tries = self.number("remaining_attempts", whole);
        let remaining_tries = tries.and_then(|tries| i32::try_from(tries).ok()).filter(|tries| *tries >= 0);
        let vendor_step = self.word("sub_event");
        let step = TicketStep {
            disposition: step_disposition(&disposition).into(),
            vendor_disposition: disposition.clone(),
            remaining_tries,
            vendor_step,
        };
        Ok(Observation {
            vendor_status: said,
            reference: VendorReference { ticket_ids: vec![ticket], ..VendorReference::default() },
            remaining_tries,
            step: Some(step).filter(|step| !step.vendor_step.is_empty()),
            ..Observation::new(word, evidence)
        })
    }

    /// WH_002.
    fn of_invitation(&mut self, evidence: Evidence) -> Result<Observation, Unreadable> {
        let id = self.id("id", INVITATION)?;
        let ticket_ids = match self.text("ticket").as_str() {
            "" => Vec::new(),
            _ => vec![self.id("ticket", TICKET)?],
        };
        let state = self.word("invitation_state");
        // The vendor's page has the name that webhooks of tickets use.
        let names = ["transaction_status", "flow_status"];
        let decision = names.map(|name| self.word(name)).into_iter().find(|word| !word.is_empty());
        let decision = decision.unwrap_or_default();
        let word = if state == "COMPLETED" { word(&decision, "") } else { invitation_word(&state) };
        if word == Word::Unknown {
            self.drift.push(if state == "COMPLETED" { "transaction_status" } else { "invitation_state" });
        }
        let customer_id = self.word("cifcod");
        Ok(Observation {
            vendor_status: if state == "COMPLETED" && !decision.is_empty() { decision } else { state },
            reference: VendorReference { id, ticket_ids, customer_id, ..VendorReference::default() },
            ..Observation::new(word, evidence)
        })
    }

    /// What was sent until 2022.
    fn earlier(&mut self, evidence: Evidence) -> Result<Observation, Unreadable> {
        let ticket = self.id("ticket", TICKET)?;
        let status = self.word("status");
        let word = word(&status, "");
        if word == Word::Unknown {
            self.drift.push("status");
        }
        let processed = self.body.get("processed").filter(|value| !value.is_null());
        let occur_time = processed.and_then(time);
        if processed.is_some() && occur_time.is_none() {
            self.drift.push("processed");
        }
        Ok(Observation {
            vendor_status: status,
            occur_time,
            reference: VendorReference { ticket_ids: vec![ticket], ..VendorReference::default() },
            ..Observation::new(word, evidence)
        })
    }

    fn text(&self, name: &str) -> String {
        self.body.get(name).and_then(text).unwrap_or_default()
    }

    /// A word that the vendor chose out of its own.
    fn word(&mut self, name: &'static str) -> String {
        let word = self.text(name);
        if word.is_empty() || printable(&word) {
            return word;
        }
        self.drift.push(name);
        UNPRINTABLE.to_owned()
    }

    fn number<T>(&mut self, name: &'static str, read: fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.body.get(name).filter(|value| !value.is_null())?;
        let number = read(value);
        if number.is_none() {
            self.drift.push(name);
        }
        number
    }

    fn id(&self, name: &'static str, alphabet: Alphabet) -> Result<String, Unreadable> {
        let id = self.text(name);
        let fits = alphabet.segment(&id).is_ok();
        fits.then_some(id).ok_or_else(|| unreadable(name, "an id of letters, digits, - and _"))
    }
}

fn unreadable(path: &str, expected: &'static str) -> Unreadable {
    Unreadable { path: path.to_owned(), expected }
}
