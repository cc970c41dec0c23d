//! The one thread that writes: whatever is queued when it looks becomes one transaction.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::journal::embedded::append;
use crate::journal::embedded::fault::{Closed, OpenError, fault, shared};
use crate::journal::embedded::jobs::Claims;
use crate::journal::embedded::upkeep;
use crate::journal::{Appended, Batch, JournalError, Position};

/// Commands that may wait; more wait outside, in their callers.
const QUEUE: usize = 1024;
/// Batches that one transaction holds at most.
const GROUP: usize = 256;

/// The way to the writer's thread.
pub(super) struct Writer {
    /// `None` only while it is dropped.
    queue: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    pub(super) shown: Arc<Shown>,
}

/// What the writer shows of its work.
pub(super) struct Shown {
    pub(super) head: watch::Sender<Position>,
    pub(super) due: watch::Sender<u64>,
    pub(super) commits: AtomicU64,
}

/// What the writer's thread owns.
pub(super) struct Store {
    pub(super) connection: Connection,
    pub(super) claims: Claims,
    pub(super) clock: Clock,
    shown: Arc<Shown>,
    checkpoints_fail: bool,
    /// The log still holds what was erased.
    holds_erased: bool,
}

struct Append {
    batch: Box<Batch>,
    reply: oneshot::Sender<Result<Appended, JournalError>>,
}

enum Command {
    Append(Append),
    Do(Box<dyn FnOnce(&mut Store) + Send>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread. It holds `lock` until everything is written and closed.
    pub(super) fn start(connection: Connection, clock: Clock, lock: File) -> Result<Self, JournalError> {
        let head = append::head(&connection)?.place.position;
        let shown = Arc::new(Shown {
            head: watch::Sender::new(head),
            due: watch::Sender::new(0),
            commits: AtomicU64::new(0),
        });
        let store = Store {
            connection,
            claims: Claims::default(),
            clock,
            shown: Arc::clone(&shown),
            checkpoints_fail: false,
            holds_erased: false,
        };
        let (queue, commands) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || run(store, lock, commands))
            .map_err(|error| OpenError::Setting(format!("no thread to write on ({error})")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), shown })
    }

    pub(super) async fn append(&self, batch: Batch) -> Result<Appended, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append(Append { batch: Box::new(batch), reply })).await?;
        // A writer that stopped in between may have committed before.
        answer.await.unwrap_or_else(|_stopped| Err(JournalError::OutcomeUnknown(Box::new(Closed))))
    }

    /// Has `work` done between two transactions.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        let work = move |store: &mut Store| {
            // Who asked may have stopped waiting.
            let _gone = reply.send(work(store));
        };
        self.send(Command::Do(Box::new(work))).await?;
        answer.await.unwrap_or_else(|_stopped| Err(Closed.into()))
    }

    /// Refuses new commands, finishes the queued ones, and returns once the files are closed.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.send(Command::Close(reply)).await.is_ok() {
            // An error says that the thread has ended all the same.
            let _ended = closed.await;
        }
    }

    async fn send(&self, command: Command) -> Result<(), JournalError> {
        let queue = self.queue.as_ref().ok_or(Closed)?;
        queue.send(command).await.map_err(|_stopped| Closed.into())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread finishes what is queued and ends; after this the files can be opened again.
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The journal's writer panicked.");
        }
    }
}

fn run(mut store: Store, lock: File, mut commands: mpsc::Receiver<Command>) {
    let mut closers = Vec::new();
    let mut group = Vec::new();
    let mut next = commands.blocking_recv();
    while let Some(command) = next.take() {
        match command {
            Command::Append(append) => {
                group.push(append);
                while group.len() < GROUP {
                    match commands.try_recv() {
                        Ok(Command::Append(append)) => group.push(append),
                        other => {
                            next = other.ok();
                            break;
                        }
                    }
                }
                store.settle(&mut group);
                store.checkpoint();
            }
            Command::Do(work) => {
                work(&mut store);
                if store.holds_erased {
                    store.checkpoint();
                }
            }
            Command::Close(reply) => {
                commands.close();
                closers.push(reply);
            }
        }
        if next.is_none() {
            next = commands.blocking_recv();
        }
    }
    if let Err(error) = upkeep::last_checkpoint(&store.connection) {
        tracing::warn!(error = %error, "The journal was closed without its last checkpoint; opening it does that.");
    }
    drop(store);
    drop(lock);
    for closer in closers {
        let _gone = closer.send(());
    }
}

impl Store {
    /// Commits the group and answers everybody in it.
    fn settle(&mut self, group: &mut Vec<Append>) {
        match self.commit(group) {
            // SQLite gives up the whole transaction: a batch without room must not fail its neighbours.
            Err(JournalError::Full) if group.len() > 1 => {
                for append in group.drain(..) {
                    self.settle(&mut vec![append]);
                }
            }
            Err(error) => {
                let error = shared(error);
                for append in group.drain(..) {
                    let _gone = append.reply.send(Err(error()));
                }
            }
            Ok(outcomes) => {
                self.publish(group, &outcomes);
                if self.holds_erased {
                    // Who erases is answered when nothing is left.
                    self.checkpoint();
                }
                for (append, outcome) in group.drain(..).zip(outcomes) {
                    let _gone = append.reply.send(outcome);
                }
            }
        }
    }

    /// Writes the group in one transaction, each batch in a savepoint of its own.
    fn commit(&mut self, group: &mut [Append]) -> Result<Vec<Result<Appended, JournalError>>, JournalError> {
        let now = self.clock.now();
        let outcomes = upkeep::durably(&mut self.connection, |transaction| {
            let mut head = append::head(transaction)?;
            let mut outcomes = Vec::with_capacity(group.len());
            for Append { batch, .. } in group {
                let mut savepoint = transaction.savepoint().map_err(fault)?;
                let mut moved = head;
                let outcome = append::apply(&savepoint, batch, &mut moved, now);
                if outcome.is_ok() {
                    savepoint.commit().map_err(fault)?;
                    head = moved;
                } else if savepoint.is_autocommit() {
                    // SQLite rolled back more than the savepoint: what others wrote is gone too.
                    return outcome.map(|_appended| Vec::new());
                } else {
                    savepoint.rollback().map_err(fault)?;
                }
                outcomes.push(outcome);
            }
            Ok(outcomes)
        })?;
        self.shown.commits.fetch_add(1, Ordering::Relaxed);
        Ok(outcomes)
    }

    fn publish(&mut self, group: &[Append], outcomes: &[Result<Appended, JournalError>]) {
        let mut scheduled = false;
        for (Append { batch, .. }, outcome) in group.iter().zip(outcomes) {
            let Ok(Appended { place, duplicate: false }) = outcome else { continue };
            self.claims.release(batch);
            self.holds_erased |= !batch.erase.is_empty();
            scheduled |= !batch.schedule.is_empty();
            self.shown.head.send_if_modified(|head| {
                let moved = place.position > *head;
                *head = place.position.max(*head);
                moved
            });
        }
        if scheduled {
            self.shown.due.send_modify(|moves| *moves += 1);
        }
    }

    fn checkpoint(&mut self) {
        let result = match self.holds_erased {
            true => upkeep::empty_log(&self.connection).map(|emptied| self.holds_erased = !emptied),
            false => upkeep::checkpoint(&self.connection),
        };
        if let Err(error) = &result
            && !self.checkpoints_fail
        {
            tracing::warn!(error = %error, "The journal cannot be checkpointed; its write-ahead log grows.");
        }
        self.checkpoints_fail = result.is_err();
    }
}
