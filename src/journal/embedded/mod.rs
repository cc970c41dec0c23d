//! The journal in one SQLite file: one thread writes, a few short-lived readers ask.
//!
//! An append is in the write-ahead log and synced when it returns. A killed process loses nothing that was
//! acknowledged and reopens at once; a full disk refuses appends until there is room again, on the same handle.

mod append;
mod backup;
mod fault;
mod jobs;
mod list;
mod readers;
mod rows;
mod schema;
mod subscription;
mod upkeep;
mod verify;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::journal::seal::SealedItem;
use crate::journal::subscription::Subscriptions;
use crate::journal::{
    Appended, Batch, Delivery, DeliveryPage, DeliveryQuery, Identity, Job, Journal, JournalError, Page,
    Place, Position, RecordPage, RecordQuery, Request, RequestKey, VendorId,
};
use crate::model::filter::Filter;
use crate::model::name::{ConnectionId, DeliveryName, IdentificationName};
use crate::model::record::Record;

pub use self::backup::{Backup, backup, restore};
pub use self::fault::OpenError;
use self::readers::Readers;
pub use self::verify::{Finding, Verified, verify};
use self::writer::Writer;

/// Where the journal is, and how it behaves.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The database file; its folder is made when it is missing. Files with `-wal`, `-shm` and `.lock` appended
    /// to the name stand beside it.
    pub path: PathBuf,
    /// Stamps events and makes keys.
    pub clock: Clock,
    /// Bytes the database file may grow to; appends beyond it are refused with [`JournalError::Full`].
    pub max_size: Option<u64>,
    /// How long events are kept, if not for ever; [`Journal::sweep`] removes those that are older.
    pub event_retention: Option<Duration>,
    /// How long a statement waits for a lock that somebody else holds, before [`JournalError::Unavailable`].
    pub busy_timeout: Duration,
}

/// A journal in an SQLite file.
pub struct EmbeddedJournal {
    identity: Identity,
    event_retention: Option<Duration>,
    // Before the writer: its last checkpoint wants no reader around.
    readers: Readers,
    writer: Writer,
}

impl EmbeddedOptions {
    /// A journal at `path` without a limit of its own.
    pub fn new(path: impl Into<PathBuf>, clock: Clock) -> Self {
        let busy_timeout = Duration::from_millis(250);
        Self { path: path.into(), clock, max_size: None, event_retention: None, busy_timeout }
    }
}

impl EmbeddedJournal {
    /// Opens the journal, or makes it. Blocks for some milliseconds.
    ///
    /// An [`OpenError`] is the source of the error when the file is held by another process, is not a journal, or
    /// is newer than this gateway.
    pub fn open(options: EmbeddedOptions) -> Result<Arc<Self>, JournalError> {
        let EmbeddedOptions { path, clock, max_size, event_retention, busy_timeout } = options;
        let lock = schema::lock(&path)?;
        let (connection, identity) = schema::open_writer(&path, busy_timeout, &clock)?;
        upkeep::limit_size(&connection, max_size)?;
        let writer = Writer::start(connection, clock, lock)?;
        let readers = Readers::new(path, busy_timeout);
        Ok(Arc::new(Self { identity, event_retention, readers, writer }))
    }

    /// Changes or lifts the limit of [`EmbeddedOptions::max_size`]. A file that is larger already keeps its size.
    pub async fn limit_size(&self, bytes: Option<u64>) -> Result<(), JournalError> {
        self.writer.ask(move |store| upkeep::limit_size(&store.connection, bytes)).await
    }

    /// How many transactions were committed for appends since it was opened.
    pub fn commits(&self) -> u64 {
        self.writer.shown.commits.load(Ordering::Relaxed)
    }

    /// Removes the events recorded before `before`, a bounded number in one transaction, so that appends come between.
    async fn truncate(&self, before: SystemTime) -> Result<u64, JournalError> {
        let mut total = 0;
        loop {
            let (gone, more) =
                self.writer.ask(move |store| upkeep::truncate(&mut store.connection, before)).await?;
            total += gone;
            if !more {
                return Ok(total);
            }
        }
    }

    /// Finishes what was asked before and closes the files; what is asked later is refused. Dropping does the
    /// same, but blocks its thread meanwhile.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Journal for EmbeddedJournal {
    async fn append(&self, batch: Batch) -> Result<Appended, JournalError> {
        self.writer.append(batch).await
    }

    async fn read(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, JournalError> {
        let filter = filter.clone();
        self.readers.ask(move |connection| rows::page(connection, after, &filter, limit)).await
    }

    async fn place(&self, position: Position) -> Result<Option<Place>, JournalError> {
        self.readers.ask(move |connection| rows::place(connection, position)).await
    }

    async fn before(&self, time: SystemTime) -> Result<Option<Place>, JournalError> {
        self.readers.ask(move |connection| rows::before(connection, time)).await
    }

    fn watch_head(&self) -> watch::Receiver<Position> {
        self.writer.shown.head.subscribe()
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn event_retention(&self) -> Option<Duration> {
        self.event_retention
    }

    async fn record(&self, name: &IdentificationName) -> Result<Option<Record>, JournalError> {
        let name = name.clone();
        self.readers.ask(move |connection| rows::record(connection, &name)).await
    }

    async fn find(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Option<Record>, JournalError> {
        let (on, by) = (connection.clone(), rows::Wanted::from(by));
        self.readers.ask(move |connection| rows::find(connection, &on, &by)).await
    }

    async fn list(&self, query: &RecordQuery) -> Result<RecordPage, JournalError> {
        let query = query.clone();
        self.readers.ask(move |connection| list::page(connection, &query)).await
    }

    async fn find_current(
        &self,
        connection: &ConnectionId,
        external_reference: &str,
    ) -> Result<Option<Record>, JournalError> {
        let (on, reference) = (connection.clone(), external_reference.to_owned());
        self.readers.ask(move |connection| rows::find_current(connection, &on, &reference)).await
    }

    async fn delivery(&self, name: &DeliveryName) -> Result<Option<Delivery>, JournalError> {
        let name = name.clone();
        self.readers.ask(move |connection| rows::delivery(connection, &name)).await
    }

    async fn last_delivery_time(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<SystemTime>, JournalError> {
        let on = connection.clone();
        self.readers.ask(move |connection| rows::last_delivery_time(connection, &on)).await
    }

    async fn first_created_after(
        &self,
        connection: &ConnectionId,
        after: SystemTime,
    ) -> Result<Option<SystemTime>, JournalError> {
        let on = connection.clone();
        self.readers.ask(move |connection| rows::first_created_after(connection, &on, after)).await
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryPage, JournalError> {
        let query = query.clone();
        self.readers.ask(move |connection| rows::deliveries(connection, &query)).await
    }

    async fn deliveries_like(
        &self,
        connection: &ConnectionId,
        body_sha256: [u8; 32],
    ) -> Result<Vec<Delivery>, JournalError> {
        let on = connection.clone();
        self.readers.ask(move |connection| rows::deliveries_like(connection, &on, body_sha256)).await
    }

    async fn unmatched(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Vec<Delivery>, JournalError> {
        let (on, by) = (connection.clone(), rows::Wanted::from(by));
        self.readers.ask(move |connection| rows::unmatched(connection, &on, &by)).await
    }

    async fn confirming(&self, subject: &IdentificationName) -> Result<Vec<Delivery>, JournalError> {
        let subject = subject.to_string();
        self.readers.ask(move |connection| rows::confirming(connection, &subject)).await
    }

    async fn request(&self, key: &RequestKey) -> Result<Option<Request>, JournalError> {
        let key = key.clone();
        self.readers.ask(move |connection| rows::request(connection, &key)).await
    }

    async fn sealed(&self, item: &str) -> Result<Option<SealedItem>, JournalError> {
        let item = item.to_owned();
        self.readers.ask(move |connection| rows::sealed(connection, &item)).await
    }

    async fn sealed_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.readers.ask(move |connection| rows::sealed_names(connection, &prefix, &after, limit)).await
    }

    async fn claim(&self, now: SystemTime, limit: usize, lease: Duration) -> Result<Vec<Job>, JournalError> {
        self.writer.ask(move |store| store.claims.claim(&store.connection, now, limit, lease)).await
    }

    async fn next_due(&self) -> Result<Option<SystemTime>, JournalError> {
        self.writer.ask(|store| store.claims.next_due(&store.connection)).await
    }

    fn watch_due(&self) -> watch::Receiver<u64> {
        self.writer.shown.due.subscribe()
    }

    fn subscriptions(&self) -> &dyn Subscriptions {
        self
    }

    async fn sweep(&self, now: SystemTime) -> Result<u64, JournalError> {
        let mut total = 0;
        loop {
            let (dropped, more) =
                self.writer.ask(move |store| upkeep::sweep(&mut store.connection, now)).await?;
            total += dropped;
            if !more {
                break;
            }
        }
        if let Some(before) = self.event_retention.and_then(|kept| now.checked_sub(kept)) {
            total += self.truncate(before).await?;
        }
        Ok(total + self.sweep_subscriptions(now).await?)
    }

    async fn health(&self) -> Result<(), JournalError> {
        self.writer.ask(|store| upkeep::health(&mut store.connection, &store.clock)).await
    }
}
