//! Changes at the vendor that are sent at most once for each `request_id`: nothing says that a repeat does no harm.
//!
//! That nobody knows what came of it is written as the answer before anything is sent. A crash, or a lost answer, leaves
//! it so; what became known replaces it.

use std::fmt::Display;

use prost_types::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::hub::evolve::Cause;
use crate::hub::job::CONFLICT_TRIES;
use crate::hub::outcome::leaves_doubt;
use crate::hub::request::{Change, Entry, Mutation, Once};
use crate::hub::update::{gone, guard};
use crate::hub::{Hub, identifications, store};
use crate::journal::{Batch, JournalError};
use crate::model::change::Target;
use crate::model::lifecycle::{self, vouch};
use crate::model::name::IdentificationName;
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::{EventOrigin, EventType, Evidence, Identification, IdentificationState as State};
use crate::vendor::Vendor;
use crate::vendor::keepsake::{About, Keepsake};

/// A change at the vendor that must not be sent twice.
pub(super) trait Single: Change + Sync {
    /// What tells that the vendor has done it.
    const EVENT: EventType;

    /// Which identification it is about.
    fn target(&self) -> Result<Target>;

    /// Whether an identification in `state` takes it. CREATING and DELETED ones never do.
    fn suits(state: State) -> bool;

    /// Sends it.
    fn send(&self, vendor: &dyn Vendor, about: About<'_>) -> impl Future<Output = Result<Effect>> + Send;
}

/// What the vendor did.
#[derive(Default)]
pub(super) struct Effect {
    /// What is to be kept in place of the keepsake.
    pub(super) keepsake: Option<Keepsake>,
    /// The invitation it has sent.
    pub(super) invitation: Option<Invitation>,
    /// When the identification ends now, where the vendor says so.
    pub(super) expire_time: Option<Timestamp>,
}

/// An invitation that was sent.
pub(super) struct Invitation {
    /// The vendor's word for its state, fit for events.
    pub(super) vendor_state: String,
}

impl Hub {
    /// Runs `request` for a caller.
    pub(super) async fn run_single<Q: Single>(&self, caller: &str, request: &Q) -> Result<Q::Response> {
        let target = request.target()?;
        let mut once = match self.enter(caller, request, target.request_id).await? {
            Entry::Answered(first) => return Ok(first),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        let name = &target.name;
        let vendor = self.vendor(&name.connection, Q::OPERATION)?;
        let _errand = self.on_errand(name).await;
        let _settling = self.settling(name).await;
        let seen = self.head();
        match self.sent(request, &target, &*vendor, &mut once).await {
            Ok(effect) => self.record_effect::<Q>(&*vendor, &once, name, &effect).await,
            Err(refusal) => self.keep_answer::<Q>(&once, name, seen, Err(refusal)).await,
        }
    }

    async fn sent<Q: Single>(
        &self,
        request: &Q,
        target: &Target,
        vendor: &dyn Vendor,
        once: &mut Once,
    ) -> Result<Effect> {
        let shown = self.admitted::<Q>(target).await?;
        let known = self.known(&shown, Q::OPERATION).await?;
        let send = async {
            let sent = request.send(vendor, known.about()).await;
            self.note_health_of(vendor, Some(&target.name), sent).await
        };
        self.send_once::<Q, _>(once, &target.name, send).await
    }

    /// Runs `send`, which sends what must not be sent twice, once it is written that nobody knows what came of it. What
    /// did is for the caller to write.
    pub(super) async fn send_once<Q: Mutation, T>(
        &self,
        once: &mut Once,
        subject: &impl Display,
        send: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.begin_in_doubt::<Q>(once, subject).await?;
        send.await.map_err(|error| in_doubt(error, Q::OPERATION))
    }

    async fn admitted<Q: Single>(&self, target: &Target) -> Result<Identification> {
        let record = self.existing(&target.name, Q::OPERATION).await?;
        guard(&record, target, Q::OPERATION)?;
        let (name, state) = (&record.name, record.identification.state());
        if Q::suits(state) {
            return Ok(record.identification);
        }
        let detail = if state == State::Creating {
            format!("the vendor has not confirmed {name} yet; try again after its CREATED event")
        } else {
            format!("{name} is {}, where this is not allowed", word(state))
        };
        Err(Error::new(Kind::StateNotAllowed, Q::OPERATION, detail).about(name))
    }

    /// Where this fails, the answer stays that nobody knows: it was sent.
    async fn record_effect<Q: Single>(
        &self,
        vendor: &dyn Vendor,
        once: &Once,
        name: &IdentificationName,
        effect: &Effect,
    ) -> Result<Q::Response> {
        let renewed = self.clock.now() + identifications(vendor, Q::OPERATION)?.lifetime();
        let change = |before: &Record| {
            if before.identification.state() == State::Deleted {
                return Err(gone(before, Q::OPERATION));
            }
            let now = self.timestamp();
            Ok(Some(vouch(before, Q::EVENT, |shown| apply(shown, effect, now, renewed.into()), now)))
        };
        self.record_own::<Q>(vendor, once, name, effect.keepsake.as_ref(), &change).await
    }

    /// Records what a caller's own call has changed, and its answer. `change` is asked again when somebody else was
    /// faster; `None`: nothing changes.
    pub(super) async fn record_own<Q: Change>(
        &self,
        vendor: &dyn Vendor,
        once: &Once,
        name: &IdentificationName,
        keepsake: Option<&Keepsake>,
        change: &(dyn Fn(&Record) -> Result<Option<lifecycle::Change>> + Sync),
    ) -> Result<Q::Response> {
        let _turn = self.locks.lock(&name.to_string()).await;
        for _try in 0..CONFLICT_TRIES {
            let seen = self.head();
            let before = self.existing(name, Q::OPERATION).await?;
            let mut batch = Batch::default();
            let mut shown = before.identification.clone();
            if let Some(change) = change(&before)? {
                let own = Observation::new(Word::Accepted, Evidence::Gateway);
                let cause = Cause::new(EventOrigin::Api);
                self.evolve(&mut batch, vendor.account(), &before, &change, &own, &cause);
                shown = change.record.identification;
            }
            if let Some(keepsake) = keepsake {
                self.keep_safe(&mut batch, name, keepsake, Q::OPERATION)?;
            }
            let silent = batch.events.is_empty();
            let response = Q::response(Some(shown.clone()), String::new());
            batch.requests = self.answered(once, name, Ok(&response), seen);
            match self.append(batch).await {
                Ok(appended) => {
                    let place = if silent { self.place(seen).await? } else { appended.place };
                    return Ok(Q::response(Some(shown), self.cursor(place)));
                }
                Err(JournalError::Conflict(_)) => {}
                Err(error) => return Err(store(error, Q::OPERATION)),
            }
        }
        Err(store(JournalError::Conflict(name.to_string()), Q::OPERATION))
    }
}

/// What a failure to do something says when it must not be sent twice.
pub(super) fn in_doubt(error: Error, operation: &'static str) -> Error {
    if may_be_done(&error) { outcome_unknown(operation).caused_by(error) } else { error }
}

/// Whether the vendor may have done what failed so.
pub(super) fn may_be_done(error: &Error) -> bool {
    // Otherwise it wants to be asked later, or was not asked.
    let was_asked =
        !matches!(error.kind, Kind::VendorRateLimited | Kind::VendorCircuitOpen | Kind::GatewayOverloaded);
    was_asked && leaves_doubt(error)
}

/// The answer while nobody knows a better one.
pub(super) fn outcome_unknown(operation: &'static str) -> Error {
    let detail = "whether the vendor did it is not known, and it is not sent again";
    Error::new(Kind::VendorOutcomeUnknown, operation, detail)
}

fn apply(shown: &mut Identification, effect: &Effect, now: Timestamp, renewed: Timestamp) {
    if shown.state() == State::Expired {
        shown.expire_time = Some(renewed);
    }
    shown.expire_time = effect.expire_time.or(shown.expire_time);
    if let Some(Invitation { vendor_state }) = &effect.invitation {
        let invitation = shown.invitation.get_or_insert_default();
        invitation.last_send_time = Some(now);
        invitation.send_count = invitation.send_count.saturating_add(1);
        invitation.vendor_state.clone_from(vendor_state);
    }
}

fn word(state: State) -> &'static str {
    state.as_str_name().trim_start_matches("IDENTIFICATION_STATE_")
}
