//! Changes at the vendor that are recorded before they are sent, and gone on with until their outcome is known.
//!
//! A crash or a silent vendor leaves the job that stands in the journal since before the first try. It repeats what
//! may be repeated, for a day.

use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::hub::intent::{SETTLE_AFTER, SETTLE_HORIZON};
use crate::hub::job::{Outcome, parse_subject};
use crate::hub::outcome::{Pending, leaves_doubt, pending_id};
use crate::hub::request::{Change, Entry, Once};
use crate::hub::settle::KeptCall;
use crate::hub::{Hub, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, Job, RequestKey};
use crate::model::name::IdentificationName;
use crate::model::observation::Observation;
use crate::proto::{EventOrigin, Identification};
use crate::vendor::Created;

const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// A change at the vendor whose outcome must not be lost.
pub(super) trait Errand: Change + Default + Sync {
    /// Of its job, and of the sealed item that holds its request.
    const KIND: &'static str;
    /// The identification comes to be by it.
    const MAKES: bool;

    /// The caller's `request_id`.
    fn request_id(&self) -> Result<Option<Uuid>>;

    /// Whether it may begin. Nothing was recorded or sent yet.
    fn admit(&self, hub: &Hub, name: &IdentificationName) -> impl Future<Output = Result<Admission>> + Send;

    /// Carries it out. `again`: an earlier try may have reached the vendor.
    fn carry_out(
        &self,
        hub: &Hub,
        name: &IdentificationName,
        again: bool,
    ) -> impl Future<Output = Result<Observation>> + Send;
}

/// What becomes of an errand before it begins.
pub(super) enum Admission {
    /// It begins, and this is recorded with it.
    Begin(Box<Batch>),
    /// Nothing is left to do: this is the answer.
    Done(Option<Box<Identification>>),
}

impl Hub {
    /// Runs `errand` for a caller. `name` is the identification it changes, unless an earlier call chose another one.
    pub(super) async fn run_errand<Q: Errand>(
        &self,
        caller: &str,
        errand: &Q,
        name: IdentificationName,
    ) -> Result<Q::Response> {
        let (once, name, again) = match self.enter(caller, errand, errand.request_id()?).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) => (once, name, false),
            Entry::BrokeOff(once, name) => (once, name, true),
        };
        let _turn = self.on_errand(&name).await;
        let vendor = self.vendor(&name.connection, Q::OPERATION)?;
        if again {
            // The worker may have come to its end while this call waited.
            if let Some(key) = once.key()
                && let Some(first) = self.first_answer::<Q>(key).await?
            {
                return Ok(first);
            }
        } else {
            let seen = self.head();
            let batch = match errand.admit(self, &name).await {
                Ok(Admission::Begin(batch)) => *batch,
                Ok(Admission::Done(shown)) => {
                    let response =
                        Q::response(shown.map(|shown| *shown), self.cursor(self.place(seen).await?));
                    return self.keep_answer::<Q>(&once, &name, seen, Ok(response)).await;
                }
                Err(refusal) => return self.keep_answer::<Q>(&once, &name, seen, Err(refusal)).await,
            };
            self.begin_errand(caller, errand, &name, &once, batch).await?;
        }
        let origin = EventOrigin::Api;
        let pending = Pending {
            name: &name,
            vendor: &*vendor,
            key: once.key(),
            origin,
            kind: Q::KIND,
            makes: Q::MAKES,
        };
        let response = self.go_on::<Q>(pending, errand, again).await?;
        Ok(if again { Q::repeated(response) } else { response })
    }

    async fn begin_errand<Q: Errand>(
        &self,
        caller: &str,
        errand: &Q,
        name: &IdentificationName,
        once: &Once,
        mut batch: Batch,
    ) -> Result<()> {
        let (id, owner) = (pending_id(Q::KIND, name), name.to_string());
        let kept = KeptCall { caller: caller.to_owned(), request: errand.encode_to_vec() };
        let sealed = self.vault.seal(SealInput {
            connection: name.connection.as_str(),
            owner: &owner,
            item: &id,
            kind: Q::OPERATION,
            plaintext: &prost::Message::encode_to_vec(&kept),
        });
        batch.seal.push(sealed.map_err(|error| sealing(error, Q::OPERATION))?);
        batch.requests.extend(once.begin(name));
        // What an earlier one was to do is done by this one; its caller may begin it once more.
        let earlier = self.kept_errand::<Q>(name).await?.and_then(|(_errand, key)| key);
        batch.requests.extend(earlier.map(|earlier| self.open(&earlier, self.head())));
        let now = self.clock.now();
        batch.schedule.push(Job {
            id,
            kind: Q::KIND.to_owned(),
            subject: owner,
            due_at: now + SETTLE_AFTER,
            attempts: 0,
            give_up_at: Some(now + SETTLE_HORIZON),
        });
        self.append(batch).await.map(drop).map_err(|error| store(error, Q::OPERATION))
    }

    async fn go_on<Q: Errand>(&self, pending: Pending<'_>, errand: &Q, again: bool) -> Result<Q::Response> {
        match errand.carry_out(self, pending.name, again).await {
            Err(error) if leaves_doubt(&error) => {
                self.record_doubt(pending.name).await?;
                Err(error)
            }
            said => self.record_outcome::<Q>(pending, said.map(Created::from)).await,
        }
    }

    /// The job for an errand that a crash or a silent vendor left open.
    pub(super) async fn errand_later<Q: Errand>(&self, job: &Job) -> Result<Outcome> {
        let name: IdentificationName = parse_subject(job)?;
        let _turn = self.on_errand(&name).await;
        let Some((errand, key)) = self.kept_errand::<Q>(&name).await? else { return Ok(Outcome::Done) };
        let vendor = self.vendor(&name.connection, Q::OPERATION)?;
        let origin = EventOrigin::Timer;
        let pending = Pending {
            name: &name,
            vendor: &*vendor,
            key: key.as_ref(),
            origin,
            kind: Q::KIND,
            makes: Q::MAKES,
        };
        let ended = if self.horizon_passed(job) {
            let detail = "whether the vendor did it is not known and it will not be asked to again";
            let error = Error::new(Kind::VendorOutcomeUnknown, Q::OPERATION, detail);
            self.record_outcome::<Q>(pending, Err(error)).await
        } else {
            self.go_on::<Q>(pending, &errand, true).await
        };
        match ended {
            // An outcome that was recorded, good or bad, has taken the kept request away.
            Err(error) if self.kept_errand::<Q>(&name).await?.is_some() => {
                let wait = self.backoff(job.attempts + 4, LONGEST_WAIT);
                Ok(Outcome::Again(error.retry_after.map_or(wait, |asked| asked.max(wait))))
            }
            Ok(_) | Err(_) => Ok(Outcome::Done),
        }
    }

    /// Waits until nobody else is on an errand for this identification.
    pub(super) async fn on_errand(&self, name: &IdentificationName) -> OwnedMutexGuard<()> {
        self.locks.lock(&format!("errand/{name}")).await
    }

    async fn kept_errand<Q: Errand>(
        &self,
        name: &IdentificationName,
    ) -> Result<Option<(Q, Option<RequestKey>)>> {
        let damaged = |error: prost::DecodeError| {
            Error::new(Kind::StoreUnavailable, Q::OPERATION, "a kept request is damaged").caused_by(error)
        };
        let sealed = self.journal.sealed(&pending_id(Q::KIND, name)).await;
        let Some(sealed) = sealed.map_err(|error| store(error, Q::OPERATION))? else { return Ok(None) };
        let bytes = self.vault.open(&sealed).map_err(|error| sealing(error, Q::OPERATION))?;
        let kept = <KeptCall as prost::Message>::decode(&bytes[..]).map_err(damaged)?;
        let errand = Q::decode(kept.request.as_slice()).map_err(damaged)?;
        let key = errand.request_id()?.map(|request_id| RequestKey {
            caller: kept.caller,
            method: Q::METHOD,
            request_id,
        });
        Ok(Some((errand, key)))
    }
}
