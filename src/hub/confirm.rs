//! What a webhook says is believed only as far as the connection allows; the vendor is asked for the rest.

use std::time::Duration;

use crate::error::{Kind, Result};
use crate::hub::Hub;
use crate::hub::apply::CONFIRM_WITHIN;
use crate::hub::believe::{Answers, Believed};
use crate::hub::job::Outcome;
use crate::hub::prepare::{Preparation, Prepared, names_only_tickets};
use crate::journal::Job;
use crate::model::lifecycle::{contradicts, learn};
use crate::model::observation::Observation;
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
        self.apply(&prepared, &answers).await
    }

    /// Asks the vendor about `observation`, where that is what it takes to believe it.
    async fn ask_about(&self, prepared: &Prepared, observation: &Observation) -> Result<Asked> {
        let said = &observation.reference;
        let own = match self.matching(&prepared.delivery.name.connection, said).await? {
            Some(record) if matches!(self.believe(prepared, &record, observation, None), Believed::Ask) => {
                record.identification.vendor_reference.unwrap_or_default()
            }
            Some(_) => return Ok(Asked::Nothing),
            None if names_only_tickets(said) => return self.ask_whose(prepared, said).await,
            None if prepared.vendor().account().adopt_unknown => {
                return Ok(self.answer_to(prepared, said).await);
            }
            None => return Ok(Asked::Nothing),
        };
        let mut reference = own.clone();
        learn(&mut reference, said);
        let names_tickets = !reference.ticket_ids.is_empty();
        Ok(match self.answer_to(prepared, &reference).await {
            // The ticket is somebody else's: what the webhook says has to stand without it.
            Asked::Answered(answer) if names_tickets && contradicts(&answer.reference, &own) => {
                self.answer_to(prepared, &VendorReference { ticket_ids: Vec::new(), ..own }).await
            }
            Asked::Answered(mut answer) => {
                learn(&mut answer.reference, &reference);
                Asked::Answered(answer)
            }
            other => other,
        })
    }

    async fn answer_to(&self, prepared: &Prepared, reference: &VendorReference) -> Asked {
        match self.ask(prepared.vendor(), reference, CONFIRM).await {
            Ok(answer) => Asked::Answered(Box::new(answer)),
            // The vendor will answer some day; until then nothing is believed and nothing is dropped.
            Err(error) => Asked::Later(self.ask_again(prepared, &error)),
        }
    }

    /// Asks the vendor whose ticket it is that nobody here knows. It may not tell at once; after a while the delivery
    /// waits for whatever tells it later.
    async fn ask_whose(&self, prepared: &Prepared, said: &VendorReference) -> Result<Asked> {
        let (vendor, connection) = (prepared.vendor(), &prepared.delivery.name.connection);
        match self.ask(vendor, said, CONFIRM).await {
            Ok(answer) => {
                let adopts = vendor.account().adopt_unknown && !names_only_tickets(&answer.reference);
                if adopts || self.matching(connection, &answer.reference).await?.is_some() {
                    return Ok(Asked::Answered(Box::new(answer)));
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
    Answered(Box<Observation>),
    /// There is no need to ask, or nothing to be learned by it.
    Nothing,
    /// The vendor is asked again.
    Later(Outcome),
}
