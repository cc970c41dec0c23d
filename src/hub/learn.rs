//! What the vendor answered to our own question is recorded, whoever asked.

use tokio::sync::OwnedMutexGuard;

use crate::error::Result;
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::prepare::{turn_key, waits_for};
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError, Place};
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::ConnectionId;
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::{EventOrigin, VendorReference};
use crate::vendor::Vendor;

/// How often the vendor is asked in one go while the identification goes on moving.
pub(super) const MOST_QUESTIONS: u32 = 3;
const LEARN: &str = "record_answer";

/// An identification after the vendor's answer was weighed.
pub(super) struct Learned {
    pub(super) record: Record,
    /// What it was before; `None`: the answer was no news, or came too late.
    pub(super) before: Option<Record>,
    /// Everything about it up to now is at or before it.
    pub(super) place: Place,
}

impl Hub {
    /// Waits until nobody else works on what the vendor knows by `reference`.
    pub(super) async fn turn(
        &self,
        connection: &ConnectionId,
        reference: &VendorReference,
    ) -> Vec<OwnedMutexGuard<()>> {
        self.locks.lock_all(waits_for(reference).map(|id| turn_key(connection, &id)).collect()).await
    }

    /// Records `answer` when it is news about the identification, which was `asked` about as it is given here. What came
    /// meanwhile may be newer than the answer, which not every vendor dates: then it teaches nothing. The caller has the
    /// identification's turn.
    pub(super) async fn learn(
        &self,
        vendor: &dyn Vendor,
        asked: &Record,
        answer: &Observation,
        origin: EventOrigin,
    ) -> Result<Learned> {
        let name = &asked.name;
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let before = self.existing(name, LEARN).await?;
            let change = match judge(&before, answer, self.timestamp()) {
                Verdict::Change(change) if !has_moved(asked, &before) => change,
                _ => return Ok(Learned { record: before, before: None, place: self.place(seen).await? }),
            };
            let mut batch = Batch::default();
            self.evolve(&mut batch, vendor.account(), &before, &change, answer, &Cause::new(origin));
            let waiting = self.awaken_taught(&before, &change.record).await;
            batch.schedule.extend(waiting.map_err(|error| store(error, LEARN))?);
            match self.append(batch).await {
                Ok(appended) => {
                    return Ok(Learned {
                        record: change.record,
                        before: Some(before),
                        place: appended.place,
                    });
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, LEARN)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), LEARN))
    }
}

/// Whether an identification is not `asked` any more, as it was when its vendor was asked.
pub(super) fn has_moved(asked: &Record, present: &Record) -> bool {
    present.identification.revision != asked.identification.revision
}
