//! What a webhook says is believed only as far as the connection allows; the vendor is asked for the rest.

use std::time::Duration;

use crate::error::Result;
use crate::hub::Hub;
use crate::hub::apply::CONFIRM_WITHIN;
use crate::hub::believe::{Answers, Believed};
use crate::hub::job::Outcome;
use crate::hub::prepare::{Preparation, Prepared};
use crate::journal::Job;

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
            let connection = &prepared.delivery.name.connection;
            let reference = match self.matching(connection, &observation.reference).await? {
                Some(record)
                    if matches!(self.believe(&prepared, &record, observation, None), Believed::Ask) =>
                {
                    record.identification.vendor_reference.unwrap_or_default()
                }
                None if prepared.vendor().account().adopt_unknown => observation.reference.clone(),
                Some(_) | None => continue,
            };
            match self.ask(prepared.vendor(), &reference, CONFIRM).await {
                Ok(answer) => answers.insert(place, answer),
                // The vendor will answer some day; until then nothing is believed and nothing is dropped.
                Err(error) => return Ok(self.ask_again(&prepared, &error)),
            };
        }
        self.apply(&prepared, &answers).await
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
