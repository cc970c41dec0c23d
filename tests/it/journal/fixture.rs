//! Stores under test, and small things to put into them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::journal::embedded::{EmbeddedJournal, EmbeddedOptions};
use idv_gateway::journal::memory::MemoryJournal;
use idv_gateway::journal::{Appended, Batch, Delivery, Job, Journal, JournalError, RecordChange, Subject};
use idv_gateway::model::name::{ConnectionId, DeliveryName, IdentificationName};
use idv_gateway::model::record::{Memory, Record};
use idv_gateway::proto::{
    Event, EventType, Identification, IdentificationState, VendorReference, WebhookDeliveryState,
};
use tempfile::TempDir;
use uuid::Uuid;

/// How long the stores keep events, in tests that let so much time pass.
pub(crate) const RETENTION: Duration = Duration::from_hours(24 * 100);

/// An empty store and the clock it stamps with.
pub(crate) struct Fixture {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Clock,
    pub(crate) time: ManualClock,
    _folder: Option<TempDir>,
}

/// An empty embedded store whose files can be reached.
pub(crate) struct OnDisk {
    pub(crate) folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) time: ManualClock,
}

impl Fixture {
    pub(crate) fn memory() -> Self {
        let (clock, time) = Clock::manual(start());
        Self { journal: MemoryJournal::keeping(clock.clone(), Some(RETENTION)), clock, time, _folder: None }
    }

    pub(crate) fn embedded() -> Self {
        let disk = OnDisk::new();
        let journal = disk.open();
        Self { journal, clock: disk.clock, time: disk.time, _folder: Some(disk.folder) }
    }
}

impl OnDisk {
    pub(crate) fn new() -> Self {
        let (clock, time) = Clock::manual(start());
        Self { folder: tempfile::tempdir().unwrap(), clock, time }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("made/by/open/journal.db")
    }

    pub(crate) fn options(&self) -> EmbeddedOptions {
        // Tests that hold the lock on purpose should not wait long for the refusal.
        EmbeddedOptions {
            busy_timeout: Duration::from_millis(20),
            event_retention: Some(RETENTION),
            ..EmbeddedOptions::new(self.path(), self.clock.clone())
        }
    }

    pub(crate) fn open(&self) -> Arc<EmbeddedJournal> {
        EmbeddedJournal::open(self.options()).unwrap()
    }

    /// Another program's way to the same file.
    pub(crate) fn other_connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123)
}

pub(crate) fn bank() -> ConnectionId {
    "bank".parse().unwrap()
}

pub(crate) fn identification() -> IdentificationName {
    IdentificationName { connection: bank(), id: fresh() }
}

pub(crate) fn fresh() -> Uuid {
    Clock::system().uuid()
}

/// An event about `subject`; its id tells it from all others.
pub(crate) fn event(subject: &str) -> Event {
    Event {
        event_id: fresh().to_string(),
        subject: subject.to_owned(),
        r#type: EventType::IdentificationUpdated as i32,
        ..Event::default()
    }
}

/// An event about nothing special.
pub(crate) fn any_event() -> Event {
    event(&identification().to_string())
}

pub(crate) fn events(events: Vec<Event>) -> Batch {
    Batch { events, ..Batch::default() }
}

/// A record with a vendor id and a reference of its own, of which every change raised the revision.
pub(crate) fn record(name: &IdentificationName, version: u64) -> Record {
    Record {
        name: name.clone(),
        identification: Identification {
            name: name.to_string(),
            revision: version.cast_signed(),
            state: IdentificationState::AwaitingUser as i32,
            external_reference: "order-7".to_owned(),
            vendor_reference: Some(VendorReference {
                id: format!("TST-{}", name.id.simple()),
                reference: name.id.to_string(),
                ..VendorReference::default()
            }),
            update_time: Some(start().into()),
            ..Identification::default()
        },
        memory: Memory {
            vendor_time: Some(start().into()),
            end_missing: true,
            decision_revision: 2,
            documents: Vec::new(),
            tickets: Vec::new(),
            version,
        },
    }
}

pub(crate) fn create(record: Record) -> RecordChange {
    RecordChange { record, replaces: None }
}

pub(crate) fn delivery() -> Delivery {
    Delivery {
        name: DeliveryName { connection: bank(), id: fresh() },
        state: WebhookDeliveryState::Received,
        // Nanoseconds too: nothing may be rounded away.
        receive_time: start() + Duration::from_nanos(7),
        body_sha256: [7; 32],
        source_ip: "203.0.113.7".to_owned(),
        subjects: vec![Subject { name: identification().to_string(), revision: 3 }],
        failure: "no such identification".to_owned(),
        duplicate_count: 0,
        event_ids: vec![fresh(), fresh()],
        waits_for: vec!["TST-Abcde".to_owned(), "with \"quotes\", and ümlaut".to_owned()],
        replays: 0,
        told: vec![0, 2],
    }
}

pub(crate) fn job(id: &str, due_after: Duration) -> Job {
    Job {
        id: id.to_owned(),
        kind: "confirm".to_owned(),
        subject: identification().to_string(),
        due_at: start() + due_after,
        attempts: 2,
        give_up_at: Some(start() + Duration::from_secs(3600)),
    }
}

pub(crate) fn schedule(jobs: Vec<Job>) -> Batch {
    Batch { schedule: jobs, ..Batch::default() }
}

#[track_caller]
pub(crate) fn assert_conflict(outcome: Result<Appended, JournalError>, about: &impl ToString) {
    match outcome {
        Err(JournalError::Conflict(what)) => assert_eq!(what, about.to_string()),
        other => panic!("a conflict was expected: {other:?}"),
    }
}
