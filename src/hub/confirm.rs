//! What a webhook says is believed only as far as the connection allows; the vendor is asked for the rest.

use std::time::Duration;

use crate::error::{Kind, Result};
use crate::hub::Hub;
use crate::hub::apply::{CONFIRM_WITHIN, OVERTAKEN};
use crate::hub::believe::{Answer, Answers, Believed};
use crate::hub::job::Outcome;
use crate::hub::learn::MOST_QUESTIONS;
use crate::hub::prepare::{Preparation, Prepared, names_only_tickets};
use crate::journal::Job;
use crate::model::lifecycle::{contradicts, learn};
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::VendorReference;

const CONFIRM: &str = "confirm_webhook";
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Hub {
    /// The job that asks the vendor about a delivery's statements and then applies it.
    pub(super) async fn confirm(&self, job: Job) -> Result<Outcome> {
        let prepared = match self.prepare(job).await? {
            Preparation::Ready(prepared) => prepared,
            Preparation::Over(outcome) => return Ok(outcome),
        };
        for _question in 0..MOST_QUESTIONS {
            let mut answers = Answers::new();
            for (place, observation) in prepared.open() {
                match self.ask_about(&prepared, observation).await? {
                    Asked::Answered(answer) => {
                        answers.insert(place, *answer);
                    }
                    Asked::Nothing => {}
                    Asked::Later(outcome) => return Ok(outcome),
                }
            }
            match self.apply(&prepared, &answers).await? {
                OVERTAKEN => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Again(self.backoff(prepared.job.attempts, LONGEST_WAIT)))
    }

    /// Asks the vendor about `observation`, where that is what it takes to believe it.
    async fn ask_about(&self, prepared: &Prepared, observation: &Observation) -> Result<Asked> {
        let said = &observation.reference;
        let record = match self.matching(&prepared.delivery.name.connection, said).await? {
            Some(record) if matches!(self.believe(prepared, &record, observation, None), Believed::Ask) => {
                record
            }
            Some(_) => return Ok(Asked::Nothing),
            None if names_only_tickets(said) => return self.ask_whose(prepared, said).await,
            None if prepared.vendor().account().adopt_unknown => {
                return Ok(self.answer_to(prepared, None, said).await);
            }
            None => return Ok(Asked::Nothing),
        };
        let own = record.identification.vendor_reference.clone().unwrap_or_default();
        let mut reference = own.clone();
        learn(&mut reference, said);
        let names_tickets = !reference.ticket_ids.is_empty();
        Ok(match self.answer_to(prepared, Some(&record), &reference).await {
            // The ticket is somebody else's: what the webhook says has to stand without it.
            Asked::Answered(answer) if names_tickets && contradicts(&answer.said.reference, &own) => {
                let without = VendorReference { ticket_ids: Vec::new(), ..own };
                self.answer_to(prepared, Some(&record), &without).await
            }
            Asked::Answered(mut answer) => {
                learn(&mut answer.said.reference, &reference);
                Asked::Answered(answer)
            }
            other => other,
        })
    }

    /// Asks the vendor about `reference`, which is that of the identification `of`, where it is known here.
    async fn answer_to(
        &self,
        prepared: &Prepared,
        of: Option<&Record>,
        reference: &VendorReference,
    ) -> Asked {
        let asked_at = self.clock.now();
        match self.ask(prepared.vendor(), reference, CONFIRM).await {
            Ok(said) => Asked::Answered(Box::new(Answer { said, asked_at, of: of.cloned() })),
            // The vendor will answer some day; until then nothing is believed and nothing is dropped.
            Err(error) => Asked::Later(self.ask_again(prepared, &error)),
        }
    }

    /// Asks the vendor whose ticket it is that nobody here knows. It may not tell at once; after a while the delivery
    /// waits for whatever tells it later.
    async fn ask_whose(&self, prepared: &Prepared, said: &VendorReference) -> Result<Asked> {
        let (vendor, connection) = (prepared.vendor(), &prepared.delivery.name.connection);
        let asked_at = self.clock.now();
        match self.ask(vendor, said, CONFIRM).await {
            Ok(said) => {
                let adopts = vendor.account().adopt_unknown && !names_only_tickets(&said.reference);
                if adopts || self.matching(connection, &said.reference).await?.is_some() {
                    return Ok(Asked::Answered(Box::new(Answer { said, asked_at, of: None })));
                }
            }
            Err(error) if !matches!(error.kind, Kind::ResourceNotFound | Kind::IdentificationGone) => {
                return Ok(Asked::Later(self.ask_again(prepared, &error)));
            }
            Err(_unknown_there) => {}
        }
        if prepared.is_over(self.clock.now()) {
            return Ok(Asked::Nothing);
        }
        Ok(Asked::Later(Outcome::Again(self.backoff(prepared.job.attempts, LONGEST_WAIT))))
    }

    fn ask_again(&self, prepared: &Prepared, error: &crate::error::Error) -> Outcome {
        tracing::warn!(
            delivery.name = %prepared.delivery.name,
            error.reason = error.kind.as_str_name(),
            error.operation = error.operation,
            "A webhook could not be confirmed yet; the vendor is asked again"
        );
        let wait = self.backoff(prepared.job.attempts, LONGEST_WAIT);
        let wait = error.retry_after.map_or(wait, |asked| asked.max(wait));
        // Silence does not count: the vendor has its five minutes from when it answers.
        Outcome::PutOff { wait, until: self.clock.now() + wait + CONFIRM_WITHIN }
    }
}

/// What came of asking about a statement.
enum Asked {
    Answered(Box<Answer>),
    /// There is no need to ask, or nothing to be learned by it.
    Nothing,
    /// The vendor is asked again.
    Later(Outcome),
}
