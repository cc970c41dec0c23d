//! Identifications that nobody finished end when the vendor confirms that their time is over.

use std::time::Duration;

use crate::error::Result;
use crate::hub::evolve::{Cause, system_time};
use crate::hub::job::{Outcome, parse_subject};
use crate::hub::learn::has_moved;
use crate::hub::{Hub, store};
use crate::journal::{Batch, Job, JournalError};
use crate::model::lifecycle::{Verdict, is_open, judge};
use crate::model::observation::{Observation, Word};
use crate::proto::{EventOrigin, Evidence};

const EXPIRE: &str = "expire_identification";
/// A vendor that still knows it after its time is asked once a day.
const ASK_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// What came while the vendor was asked may be newer than its answer: it is asked again after this time.
const MOVED: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

impl Hub {
    /// The job that runs at `expire_time`.
    pub(super) async fn expire(&self, job: &Job) -> Result<Outcome> {
        let name = parse_subject(job)?;
        let Some(record) = self.journal.record(&name).await.map_err(|error| store(error, EXPIRE))? else {
            return Ok(Outcome::Done);
        };
        let identification = &record.identification;
        if !is_open(identification.state()) {
            return Ok(Outcome::Done);
        }
        let due = identification.expire_time.as_ref().map(system_time);
        if let Some(left) = due.and_then(|due| due.duration_since(self.clock.now()).ok())
            && !left.is_zero()
        {
            return Ok(Outcome::Again(left));
        }
        let vendor = self.vendor(&name.connection, EXPIRE)?;
        let reference = identification.vendor_reference.clone().unwrap_or_default();
        let observation = match self.ask(&*vendor, &reference, EXPIRE).await {
            Ok(answer) if answer.word == Word::NotStarted => {
                Observation::new(Word::Expired, Evidence::Fetched)
            }
            Ok(answer) => answer,
            Err(unanswered) => {
                let wait = self.backoff(job.attempts + 4, LONGEST_WAIT);
                return Ok(Outcome::Again(unanswered.retry_after.map_or(wait, |asked| asked.max(wait))));
            }
        };
        let _turn = self.locks.lock(&name.to_string()).await;
        let asked_of = record;
        let record = self.existing(&name, EXPIRE).await?;
        if has_moved(&asked_of, &record) {
            return Ok(Outcome::Again(MOVED));
        }
        let Verdict::Change(change) = judge(&record, &observation, self.timestamp()) else {
            return Ok(Outcome::Again(ASK_AGAIN));
        };
        let mut batch = Batch::default();
        self.evolve(
            &mut batch,
            vendor.account(),
            &record,
            &change,
            &observation,
            &Cause::new(EventOrigin::Timer),
        );
        // Whether it comes again is decided below, not by the past time it was due at.
        batch.schedule.retain(|next| next.id != job.id);
        match self.append(batch).await {
            Ok(_) if is_open(change.record.identification.state()) => Ok(Outcome::Again(ASK_AGAIN)),
            Ok(_) => Ok(Outcome::Done),
            Err(JournalError::Conflict(_)) => Ok(Outcome::Again(MOVED)),
            Err(error) => Err(store(error, EXPIRE)),
        }
    }
}
