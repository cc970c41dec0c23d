//! What the vendor answered to our own question is recorded, whoever asked.

use tokio::sync::OwnedMutexGuard;

use crate::error::Result;
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::prepare::{turn_key, waits_for};
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError, Place};
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::{EventOrigin, VendorReference};
use crate::vendor::Vendor;

const LEARN: &str = "record_answer";

/// An identification after the vendor's answer was weighed.
pub(super) struct Learned {
    pub(super) record: Record,
    /// What it was before; `None`: the answer was no news.
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

    /// Records `answer` when it is news about the identification. The caller has its turn.
    pub(super) async fn learn(
        &self,
        vendor: &dyn Vendor,
        name: &IdentificationName,
        answer: &Observation,
        origin: EventOrigin,
    ) -> Result<Learned> {
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let before = self.existing(name, LEARN).await?;
            let Verdict::Change(change) = judge(&before, answer, self.timestamp()) else {
                return Ok(Learned { record: before, before: None, place: self.place(seen).await? });
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
