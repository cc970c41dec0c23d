//! What the vendor answered to a caller's question becomes news like everything else it says.

use crate::error::Result;
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError, Place};
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::IdentificationName;
use crate::model::observation::Observation;
use crate::model::record::Record;
use crate::proto::EventOrigin;
use crate::vendor::Vendor;

/// An identification once an answer was applied to it.
pub(super) struct Learnt {
    pub(super) record: Record,
    /// The answer was news.
    pub(super) changed: bool,
    /// A place at which a reader has seen `record`, or will not miss it.
    pub(super) place: Place,
}

impl Hub {
    /// Applies what `vendor` answered about `name`.
    pub(super) async fn learn(
        &self,
        vendor: &dyn Vendor,
        name: &IdentificationName,
        answer: &Observation,
        operation: &'static str,
    ) -> Result<Learnt> {
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let record = self.existing(name, operation).await?;
            let Verdict::Change(change) = judge(&record, answer, self.timestamp()) else {
                return Ok(Learnt { record, changed: false, place: self.place(seen).await? });
            };
            let mut batch = Batch::default();
            let cause = Cause::new(EventOrigin::Api);
            self.evolve(&mut batch, vendor.account(), &record, &change, answer, &cause);
            match self.append(batch).await {
                Ok(appended) => {
                    return Ok(Learnt { record: change.record, changed: true, place: appended.place });
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, operation)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), operation))
    }
}
