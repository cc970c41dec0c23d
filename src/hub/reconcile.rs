//! The vendor's lists are read, and what webhooks did not bring is applied.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::hub::evolve::{Cause, system_time};
use crate::hub::{Hub, store};
use crate::journal::{Batch, JournalError};
use crate::model::lifecycle::{Verdict, judge};
use crate::model::name::ConnectionId;
use crate::model::observation::Observation;
use crate::model::validate::Checks;
use crate::proto::{
    EventOrigin, IdentificationOrigin, IdentificationState as State, ReconcileConnectionResponse,
    VendorReference,
};
use crate::vendor::{Lists, Vendor};

const RECONCILE: &str = "reconcile_connection";
/// The contract's own deadline, which holds for callers without one.
const LONGEST_RUN: Duration = Duration::from_secs(300);
/// Advised to those who come while another run goes on.
const COME_BACK: Duration = Duration::from_secs(30);
/// Unknown identifiers in one answer: it stays below the 4 MiB that clients take by default.
const MAX_UNKNOWN: usize = 10_000;

/// When each list was last asked for. Kept in memory: a new process may ask once more.
#[derive(Default)]
pub(super) struct ListReads(Mutex<HashMap<(ConnectionId, &'static str), SystemTime>>);

impl ListReads {
    /// How long the connection's `lists` are to be left alone yet.
    fn wait(
        &self,
        connection: &ConnectionId,
        lists: &BTreeSet<&'static str>,
        pause: Duration,
        now: SystemTime,
    ) -> Duration {
        let reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |list: &&'static str| reads.get(&(connection.clone(), *list)).copied();
        // A clock that was set back must not ask more often, nor stop it for longer than the pause.
        let left = |read: SystemTime| pause.saturating_sub(now.duration_since(read).unwrap_or_default());
        lists.iter().filter_map(read).map(left).max().unwrap_or_default()
    }

    fn note(&self, connection: &ConnectionId, list: &'static str, now: SystemTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((connection.clone(), list), now);
    }
}

impl Hub {
    /// Reads the vendor's lists of the asked states and applies what they show. A run that is cut off leaves what it
    /// has applied; the next one finds the rest.
    pub async fn reconcile_connection(
        &self,
        connection: &ConnectionId,
        states: &[i32],
    ) -> Result<ReconcileConnectionResponse> {
        let vendor = self.vendor(connection, RECONCILE)?;
        let source = vendor.lists().ok_or_else(|| {
            let detail = format!("{} has no lists", connection.name());
            Error::new(Kind::CapabilityNotSupported, RECONCILE, detail)
        })?;
        let lists = lists_of(source, states)?;
        let Some(_turn) = self.locks.try_lock(&format!("reconcile/{connection}")) else {
            let detail = format!("{} is being reconciled", connection.name());
            return Err(Error::new(Kind::RequestInProgress, RECONCILE, detail).retry_after(COME_BACK));
        };
        let wait = self.list_reads.wait(connection, &lists, source.pause(), self.clock.now());
        if !wait.is_zero() {
            let detail = format!("the lists of {} were read a short while ago", connection.name());
            return Err(Error::new(Kind::VendorRateLimited, RECONCILE, detail).retry_after(wait));
        }
        tokio::select! {
            done = self.reconcile(&*vendor, source, &lists) => done,
            () = self.drain.cancelled() => {
                Err(Error::new(Kind::GatewayDraining, RECONCILE, "the gateway stops; what was applied stays"))
            }
            () = self.clock.sleep(LONGEST_RUN) => {
                Err(Error::new(Kind::DeadlineExceeded, RECONCILE, "the lists are too long; what was applied stays"))
            }
        }
    }

    async fn reconcile(
        &self,
        vendor: &dyn Vendor,
        source: &dyn Lists,
        lists: &BTreeSet<&'static str>,
    ) -> Result<ReconcileConnectionResponse> {
        let mut response = ReconcileConnectionResponse::default();
        let mut unknown = BTreeSet::new();
        for list in lists.iter().copied() {
            let asked_at = self.clock.now();
            self.list_reads.note(&vendor.account().connection, list, asked_at);
            let reading = self.note_health(vendor, source.read(list).await).await?;
            for field in reading.drift {
                self.metrics.drift(vendor.account().vendor.as_str_name(), field);
            }
            for entry in &reading.observations {
                response.examined_count += 1;
                match self.compare(vendor, entry, asked_at).await? {
                    Compared::Changed => response.changed_count += 1,
                    Compared::Same => {}
                    Compared::Unknown if unknown.len() < MAX_UNKNOWN => {
                        unknown.insert(vendor_id(&entry.reference).to_owned());
                    }
                    Compared::Unknown => {}
                }
            }
        }
        response.unknown_vendor_ids = unknown.into_iter().collect();
        response.cursor = self.head_cursor().await?;
        Ok(response)
    }

    /// Compares one entry of a list that was asked for at `asked_at` with what is known, and applies it.
    async fn compare(
        &self,
        vendor: &dyn Vendor,
        entry: &Observation,
        asked_at: SystemTime,
    ) -> Result<Compared> {
        let connection = &vendor.account().connection;
        let Some(known) = self.matching(connection, &entry.reference).await? else {
            return if vendor.account().adopt_unknown {
                self.take_over_listed(vendor, entry).await
            } else {
                Ok(Compared::Unknown)
            };
        };
        if !matches!(judge(&known, entry, self.timestamp()), Verdict::Change(_)) {
            return Ok(Compared::Same);
        }
        let _turn = self.turn(connection, &entry.reference).await;
        let present = self.existing(&known.name, RECONCILE).await?;
        // What came after the question is newer than the answer, which may not tell by itself that it is old.
        if present.identification.update_time.as_ref().is_some_and(|moved| system_time(moved) > asked_at) {
            return Ok(Compared::Same);
        }
        let learned = self.learn(vendor, &present, entry, EventOrigin::Poll).await?;
        let Some(before) = learned.before else { return Ok(Compared::Same) };
        self.count_missed(vendor, &before, &learned.record, entry);
        Ok(Compared::Changed)
    }

    async fn take_over_listed(&self, vendor: &dyn Vendor, entry: &Observation) -> Result<Compared> {
        let connection = &vendor.account().connection;
        let _turn = self.turn(connection, &entry.reference).await;
        if self.matching(connection, &entry.reference).await?.is_some() {
            return Ok(Compared::Same);
        }
        let Some(adoption) = self.adoption(vendor, entry, IdentificationOrigin::Adopted)? else {
            return Ok(Compared::Unknown);
        };
        let mut batch = Batch::default();
        self.enroll(&mut batch, vendor, &adoption, &Cause::new(EventOrigin::Poll)).await?;
        match self.append(batch).await {
            Ok(_appended) => Ok(Compared::Changed),
            // Somebody else was faster.
            Err(JournalError::Conflict(_)) => Ok(Compared::Same),
            Err(error) => Err(store(error, RECONCILE)),
        }
    }
}

/// What comparing an entry came to.
enum Compared {
    Changed,
    Same,
    Unknown,
}

/// The lists that hold identifications in the asked `states`; all where none is asked for.
fn lists_of(source: &dyn Lists, states: &[i32]) -> Result<BTreeSet<&'static str>> {
    let mut checks = Checks::default();
    let known: BTreeSet<State> = checks.values("states", states);
    for (index, number) in states.iter().enumerate() {
        let is_listed = |state| !source.of(state).is_empty();
        if State::try_from(*number).is_ok_and(|state| known.contains(&state) && !is_listed(state)) {
            checks.refuse(format!("states[{index}]"), "is a state that the vendor keeps no list of");
        }
    }
    checks.finish(RECONCILE)?;
    let lists = known.into_iter().flat_map(|state| source.of(state));
    Ok(if states.is_empty() { source.all().iter().copied().collect() } else { lists.copied().collect() })
}

/// What AdoptIdentification takes: the vendor's own identifier, or the reference where that is all there is.
fn vendor_id(reference: &VendorReference) -> &str {
    if reference.id.is_empty() { &reference.reference } else { &reference.id }
}
