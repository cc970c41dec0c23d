//! A few read-only connections, each used for one short question at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::journal::JournalError;
use crate::journal::embedded::fault::Closed;
use crate::journal::embedded::schema;

/// Reads beyond this many at a time wait for their turn.
const READERS: u32 = 4;

/// The connections that read.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    path: PathBuf,
    busy_timeout: Duration,
}

impl Readers {
    pub(super) fn new(path: PathBuf, busy_timeout: Duration) -> Self {
        Self { idle: Arc::default(), turns: Arc::new(Semaphore::new(READERS as usize)), path, busy_timeout }
    }

    /// Answers `question` on a thread that may block.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_closed| Closed)?;
        let (idle, path, busy_timeout) = (Arc::clone(&self.idle), self.path.clone(), self.busy_timeout);
        let answer = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, not with the caller, who may have stopped waiting.
            let _turn = turn;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| schema::open_reader(&path, busy_timeout), Ok)?;
            let answer = question(&connection);
            // After an error the next question gets a fresh connection.
            if answer.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            answer
        });
        answer.await.map_err(|stopped| JournalError::Unavailable(Box::new(stopped)))?
    }

    /// Refuses further questions and closes what is idle, once the running ones are answered.
    pub(super) async fn close(&self) {
        // An error says that it was closed before.
        let _turns = self.turns.acquire_many(READERS).await;
        self.turns.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
