//! The journal: the durable store of events and state.
//!
//! Events stand in one total order; positions are dense and begin at 1. A batch is atomic and durable when
//! [`Journal::append`] returns.

pub mod config;
pub mod cursor;
pub mod seal;
pub mod subscription;

mod delivery_page;
mod entry;
mod list;
mod page;

pub mod embedded;
pub mod memory;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

pub use crate::journal::delivery_page::{DeliveryPage, DeliveryQuery};

use crate::journal::cursor::CursorKey;
use crate::journal::seal::SealedItem;
use crate::journal::subscription::Subscriptions;
use crate::model::filter::Filter;
use crate::model::name::{ConnectionId, DeliveryName, IdentificationName};
use crate::model::record::Record;
use crate::proto::{Event, WebhookDeliveryState};

pub use crate::journal::list::{Order, RecordPage, RecordQuery};

/// A place in the journal: 0 is before the first event.
pub type Position = u64;

/// The store of events and state.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes `batch` whole or not at all; durable when it returns.
    async fn append(&self, batch: Batch) -> Result<Appended, JournalError>;

    /// Reads events after `after` that match `filter`, at most `limit` of them, scanning at most a bounded number.
    async fn read(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, JournalError>;

    /// The place of `position`, to check or make a cursor with. `None`: it is not in the journal (any more). The place
    /// before the oldest event that is kept stays known.
    async fn place(&self, position: Position) -> Result<Option<Place>, JournalError>;

    /// The place right before the first event recorded at or after `time`; the newest place when there is none yet.
    /// `None`: events recorded then may no longer be kept. Costs as little in a long journal as in a short one.
    async fn before(&self, time: SystemTime) -> Result<Option<Place>, JournalError>;

    /// Moves when events were appended. A hint: missed moves lose nothing.
    fn watch_head(&self) -> watch::Receiver<Position>;

    /// Epoch and cursor key of this journal.
    fn identity(&self) -> &Identity;

    /// How long events are kept; `None`: for as long as the journal is.
    fn event_retention(&self) -> Option<Duration>;

    /// One identification by name.
    async fn record(&self, name: &IdentificationName) -> Result<Option<Record>, JournalError>;

    /// One identification by an identifier of the vendor; a DELETED one only when there is no other.
    async fn find(&self, connection: &ConnectionId, by: VendorId<'_>)
    -> Result<Option<Record>, JournalError>;

    /// A page of identifications in the order in which they were first recorded, looking at a bounded number of them.
    /// Where one page ends the next begins, whatever changed meanwhile.
    async fn list(&self, query: &RecordQuery) -> Result<RecordPage, JournalError>;

    /// The identification with this external reference that changed last, of those in a
    /// [`CURRENT`](crate::model::lifecycle::CURRENT) state. Nobody has the empty one.
    async fn find_current(
        &self,
        connection: &ConnectionId,
        external_reference: &str,
    ) -> Result<Option<Record>, JournalError>;

    /// One delivery.
    async fn delivery(&self, name: &DeliveryName) -> Result<Option<Delivery>, JournalError>;

    /// When the newest delivery of a connection came in: the one that was put last.
    async fn last_delivery_time(&self, connection: &ConnectionId)
    -> Result<Option<SystemTime>, JournalError>;

    /// The earliest `create_time` after `after` of a connection's identifications, without those that the vendor did
    /// not take on (CREATING, FAILED) or had taken on before (ADOPTED). May look at all
    /// that changed since: not for every call.
    async fn first_created_after(
        &self,
        connection: &ConnectionId,
        after: SystemTime,
    ) -> Result<Option<SystemTime>, JournalError>;

    /// A page of deliveries, newest first, looking at a bounded number of them.
    async fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryPage, JournalError>;

    /// The deliveries with the same body, oldest first, without those that are duplicates themselves.
    async fn deliveries_like(
        &self,
        connection: &ConnectionId,
        body_sha256: [u8; 32],
    ) -> Result<Vec<Delivery>, JournalError>;

    /// UNMATCHED and CONFIRMING deliveries that wait for an identification with this vendor identifier, oldest first.
    async fn unmatched(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Vec<Delivery>, JournalError>;

    /// The deliveries that are CONFIRMING and whose last subject is this identification, oldest first.
    async fn confirming(&self, subject: &IdentificationName) -> Result<Vec<Delivery>, JournalError>;

    /// An earlier request with this key.
    async fn request(&self, key: &RequestKey) -> Result<Option<Request>, JournalError>;

    /// A sealed item. `None`: never there, or its key was shredded.
    async fn sealed(&self, item: &str) -> Result<Option<SealedItem>, JournalError>;

    /// The names of up to `limit` sealed items that begin with `prefix` and come after `after`, in the order of their
    /// bytes.
    async fn sealed_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, JournalError>;

    /// Takes up to `limit` jobs that are due, oldest first (those due at the same time in the order they were
    /// scheduled), and hides them from other takers for `lease`.
    async fn claim(&self, now: SystemTime, limit: usize, lease: Duration) -> Result<Vec<Job>, JournalError>;

    /// When the next job can be claimed: one that somebody holds only at the end of its lease.
    async fn next_due(&self) -> Result<Option<SystemTime>, JournalError>;

    /// Moves when a job was scheduled. A hint.
    fn watch_due(&self) -> watch::Receiver<u64>;

    /// Readers whose places are kept.
    fn subscriptions(&self) -> &dyn Subscriptions;

    /// Drops dedupe keys, answered requests, idle subscriptions and events whose time is over. Returns how many.
    /// Events go from the oldest on; the newest stays.
    async fn sweep(&self, now: SystemTime) -> Result<u64, JournalError>;

    /// Writes and reads back a mark: `Ok` means that the store accepts appends now.
    async fn health(&self) -> Result<(), JournalError>;
}

/// What one append writes. Parts that are not needed stay empty. They are written in the order of the fields,
/// but `unseal` before `seal` and `complete` before `schedule`: naming one thing in both replaces it.
#[derive(Debug, Default)]
pub struct Batch {
    /// New events in order. The journal stamps `record_time`, never earlier than that of the event before.
    pub events: Vec<Event>,
    /// New states of identifications.
    pub records: Vec<RecordChange>,
    /// New or changed deliveries (the whole row).
    pub deliveries: Vec<DeliveryChange>,
    /// Requests begun or answered.
    pub requests: Vec<RequestChange>,
    /// Items to seal.
    pub seal: Vec<SealedItem>,
    /// Sealed items that belong to others from now on: (item, new owner). One that is named with several owners belongs
    /// to all of them; one that is gone stays gone.
    pub reown: Vec<(String, String)>,
    /// Sealed items whose keys and bodies go for good.
    pub unseal: Vec<String>,
    /// Owners all of whose sealed items go for good, whoever else owns them: those that `reown` hands over in the same
    /// batch as well, and those whose owner is an item that goes.
    pub erase: Vec<String>,
    /// Jobs to add; one with the same id is replaced and is free to be claimed again.
    pub schedule: Vec<Job>,
    /// Ids of jobs that are done.
    pub complete: Vec<String>,
    /// Set when the batch must be written at most once, whoever repeats it: the key and how long it is kept.
    pub dedupe: Option<(String, Duration)>,
    /// An external reference that must be free before the batch: refused with [`JournalError::Conflict`] about the
    /// identification that [`Journal::find_current`] finds.
    pub unless_current: Option<(ConnectionId, String)>,
}

/// A new state of an identification.
#[derive(Debug, Clone)]
pub struct RecordChange {
    /// The state.
    pub record: Record,
    /// The version in memory that it replaces; `None`: the identification must not exist yet. Otherwise the append is
    /// refused with [`JournalError::Conflict`].
    pub replaces: Option<u64>,
}

/// A delivery to write.
#[derive(Debug, Clone)]
pub enum DeliveryChange {
    /// A delivery that came in; refused with [`JournalError::Conflict`] when it is there.
    Put(Delivery),
    /// Another state of a delivery; refused with [`JournalError::Conflict`] when it is not there, or was replayed
    /// since it was read. Never lowers `duplicate_count`: duplicates may have been counted since.
    Update(Delivery),
    /// The delivery is to be applied once more: it is RECEIVED again, waits for nothing, and `replays` is one more.
    /// Refused like an update.
    Replay(DeliveryName),
    /// One more delivery had the same bytes as this one; refused when that is not there.
    CountDuplicate(DeliveryName),
}

/// One authenticated webhook request, without its body (that is a sealed item named by `name`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub name: DeliveryName,
    /// What became of it.
    pub state: WebhookDeliveryState,
    /// When it came in.
    pub receive_time: SystemTime,
    /// SHA-256 of the body as received.
    pub body_sha256: [u8; 32],
    /// Who sent it.
    pub source_ip: String,
    /// The identifications it is about, as far as they are known.
    pub subjects: Vec<Subject>,
    /// Why it could not be applied, without personal data.
    pub failure: String,
    /// How many more came with the same bytes.
    pub duplicate_count: u32,
    /// Events it led to.
    pub event_ids: Vec<Uuid>,
    /// The vendor identifiers an UNMATCHED delivery waits for.
    pub waits_for: Vec<String>,
    /// How often it was asked to be applied once more.
    pub replays: u32,
    /// Places in the body, from 0, of the statements that took effect: none does so twice, however often it is
    /// replayed.
    pub told: Vec<u32>,
}

/// An identification that a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its revision once the delivery was applied; 0 before.
    pub revision: i64,
}

/// Who called what with which request id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The caller's name; `anonymous` where callers are not told apart.
    pub caller: String,
    /// Full gRPC method name.
    pub method: &'static str,
    /// The caller's `request_id`.
    pub request_id: Uuid,
}

/// A request seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// HMAC of the payload under the journal's own key.
    pub payload_mac: [u8; 32],
    /// The resource it makes or changes.
    pub subject: String,
    /// The answer, once there is one.
    pub answer: Option<Answer>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The encoded response or error; the hub knows which.
    pub bytes: Bytes,
    /// The place of the last event it led to.
    pub position: Position,
}

/// A request to record.
#[derive(Debug, Clone)]
pub enum RequestChange {
    /// Begins it; refused with [`JournalError::Conflict`] when the key is there.
    Begin {
        /// Who and what.
        key: RequestKey,
        /// HMAC of the payload.
        payload_mac: [u8; 32],
        /// The resource.
        subject: String,
    },
    /// Answers it, in place of an earlier answer; refused with [`JournalError::Conflict`] when it was not begun.
    /// `position` of the answer is that of the batch's last event, or of `position` when it has none.
    Answer {
        /// Who and what.
        key: RequestKey,
        /// Encoded answer.
        bytes: Bytes,
        /// Used when the batch has no event.
        position: Position,
        /// Dropped by [`Journal::sweep`] after this time.
        keep_until: SystemTime,
    },
}

/// Something to do later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Unique; for example `confirm/{delivery}`.
    pub id: String,
    /// What to do, for the worker.
    pub kind: String,
    /// The resource it is about.
    pub subject: String,
    /// Not before this time.
    pub due_at: SystemTime,
    /// How many times it was tried; the worker counts.
    pub attempts: u32,
    /// Not after this time; the worker decides what then.
    pub give_up_at: Option<SystemTime>,
}

/// An identifier a vendor knows an identification by, compared without case. An empty one is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorId<'a> {
    /// `vendor_reference.reference`; on one connection no two identifications that are not DELETED share it.
    Reference(&'a str),
    /// `vendor_reference.id`.
    Id(&'a str),
    /// One of `vendor_reference.ticket_ids`.
    Ticket(&'a str),
}

impl<'a> VendorId<'a> {
    /// The identifier itself.
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Reference(id) | Self::Id(id) | Self::Ticket(id) => id,
        }
    }
}

/// A successful append.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The place after the batch: of its last event, or the head when it had none.
    pub place: Place,
    /// The dedupe key was there already: nothing was written now.
    pub duplicate: bool,
}

/// A position and what stands there. The default is the place before the first event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The position.
    pub position: Position,
    /// First four bytes of that entry's checksum; zero at position 0.
    pub check: [u8; 4],
}

/// One event as it is stored. `bytes` is an encoded [`Event`], passed through untouched.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The encoded event.
    pub bytes: Bytes,
}

/// A part of the journal.
#[derive(Debug, Clone)]
pub struct Page {
    /// The matching entries.
    pub entries: Vec<Entry>,
    /// Where to go on: past what the filter dropped too.
    pub next: Place,
    /// The newest place when the page was read.
    pub head: Position,
    /// The oldest position a cursor may point to.
    pub low_water: Position,
}

/// What makes this journal different from any other.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Changes when the journal was replaced.
    pub epoch: Uuid,
    /// Checks cursors and request payloads; lives in the journal.
    pub key: CursorKey,
}

/// Why the journal could not answer.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store cannot be reached or is locked; nothing was written.
    #[error("the journal is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No room is left; nothing was written.
    #[error("the journal has no room left")]
    Full,
    /// Whether the batch was written is not known.
    #[error("the outcome of an append is not known")]
    OutcomeUnknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody else changed what the batch relies on; read again and decide again.
    #[error("{0} was changed meanwhile")]
    Conflict(String),
    /// Stored bytes do not match their checksum.
    #[error("the journal is damaged at {0}")]
    Damaged(String),
}
