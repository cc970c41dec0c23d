//! What came of a change at the vendor is written: events, the new state, and the answer to whoever asked.

use crate::error::{Error, Kind, Result};
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::request::{Change, stays};
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError, RecordChange, RequestKey};
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{EventOrigin, Evidence, IdentificationState};
use crate::vendor::{Created, Idempotency, Vendor};

/// A change that was recorded before it was sent.
#[derive(Clone, Copy)]
pub(super) struct Pending<'a> {
    /// The identification it changes.
    pub(super) name: &'a IdentificationName,
    pub(super) vendor: &'a dyn Vendor,
    /// Where its answer is kept, when the caller may repeat it.
    pub(super) key: Option<&'a RequestKey>,
    pub(super) origin: EventOrigin,
    /// Names its job and, with it, the sealed item that holds its request.
    pub(super) kind: &'static str,
    /// The identification comes to be by it: refused, it has failed.
    pub(super) makes: bool,
}

impl Pending<'_> {
    /// The id of the job that goes on with it, and the name of the item that holds its request.
    pub(super) fn id(&self) -> String {
        pending_id(self.kind, self.name)
    }
}

/// See [`Pending::id`].
pub(super) fn pending_id(kind: &str, name: &IdentificationName) -> String {
    format!("{kind}/{name}")
}

impl Hub {
    /// Writes what the vendor said to a pending change, or that it refused it for good.
    pub(super) async fn record_outcome<Q: Change>(
        &self,
        pending: Pending<'_>,
        said: Result<Created>,
    ) -> Result<Q::Response> {
        let (observation, keepsake, refusal) = match said {
            Ok(Created { observation, keepsake }) => (Some(observation), keepsake, None),
            Err(refusal) => (pending.makes.then(|| refused(&refusal)), None, Some(refusal)),
        };
        let Pending { name, vendor, key, origin, .. } = pending;
        let _turns = self.turns(&self.existing(name, Q::OPERATION).await?).await;
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let before = self.existing(name, Q::OPERATION).await?;
            let mut batch =
                Batch { complete: vec![pending.id()], unseal: vec![pending.id()], ..Batch::default() };
            let mut after = before.clone();
            if let Some(observation) = &observation
                && let Verdict::Change(change) = judge(&before, observation, self.timestamp())
            {
                let cause = Cause::new(origin);
                self.evolve(&mut batch, vendor.account(), &before, &change, observation, &cause);
                after = change.record;
            }
            if let Some(keepsake) = &keepsake {
                self.keep_safe(&mut batch, name, keepsake, Q::OPERATION)?;
                if batch.records.is_empty() {
                    // What is erased meanwhile must not be kept anything of.
                    let replaces = Some(before.memory.version);
                    batch.records.push(RecordChange { record: before.clone(), replaces });
                }
            }
            if after.identification.state() == IdentificationState::Deleted {
                batch.erase.push(name.to_string());
            }
            let waiting = self.awaken_unmatched(&after).await;
            batch.schedule.extend(waiting.map_err(|error| store(error, Q::OPERATION))?);
            let identification = Some(after.identification);
            let response = Q::response(identification.clone(), String::new());
            batch.requests.extend(key.map(|key| match &refusal {
                None => self.answer(key, Ok(&response), seen),
                // What has failed by it goes on being its answer.
                Some(error) if pending.makes || stays(error.kind) => {
                    self.answer::<Q::Response>(key, Err(error), seen)
                }
                Some(_mendable) => self.open(key, seen),
            }));
            let silent = batch.events.is_empty();
            match self.append(batch).await {
                Ok(appended) => {
                    if let Some(error) = refusal {
                        return Err(error);
                    }
                    // Without an event of its own, what others wrote meanwhile is still to come.
                    let place = if silent { self.place(seen).await? } else { appended.place };
                    return Ok(Q::response(identification, self.cursor(place)));
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, Q::OPERATION)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), Q::OPERATION))
    }

    /// Keeps deliveries about `record` waiting: a body that one of them hands over to what is just being erased would
    /// stay behind.
    async fn turns(&self, record: &Record) -> Vec<tokio::sync::OwnedMutexGuard<()>> {
        let reference = record.identification.vendor_reference.clone().unwrap_or_default();
        self.turn(&record.name.connection, &reference).await
    }
}

/// The vendor's refusal as an observation; of one that never answered, the gateway's own.
fn refused(refusal: &Error) -> Observation {
    let evidence = if leaves_doubt(refusal) { Evidence::Gateway } else { Evidence::Fetched };
    Observation::new(Word::Refused, evidence)
}

/// Whether a vendor that goes on so from a creation without an answer may have made it, or may still do so when asked
/// again.
pub(super) fn may_be_made(error: &Error, idempotency: Idempotency) -> bool {
    match idempotency {
        Idempotency::UpsertByReference | Idempotency::CheckFirst => leaves_doubt(error),
        // It is not asked again, and says by these two alone that it may have heard the first time.
        Idempotency::None => {
            matches!(error.kind, Kind::VendorOutcomeUnknown | Kind::VendorResponseInvalid)
        }
    }
}

/// Refusals after which the vendor may have done it all the same, or may still do so when asked again.
pub(super) fn leaves_doubt(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::VendorUnavailable
            | Kind::VendorTimeout
            | Kind::VendorRateLimited
            | Kind::VendorCircuitOpen
            | Kind::VendorOutcomeUnknown
            | Kind::VendorResponseInvalid
            | Kind::GatewayOverloaded
    )
}
