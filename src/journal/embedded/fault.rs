//! What SQLite's errors mean for a caller of the journal.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

use crate::journal::JournalError;

/// Why a journal could not be opened; the source of a [`JournalError::Unavailable`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has it open for writing.
    #[error("{0} is open in another process")]
    Held(PathBuf),
    /// The folder or a file in it cannot be made or opened.
    #[error("{0} cannot be opened")]
    File(PathBuf, #[source] std::io::Error),
    /// The file is an SQLite database of another program.
    #[error("{0} is not a journal of idv-gateway")]
    Foreign(PathBuf),
    /// The file is a backup.
    #[error("{0} is a backup; `idv-gateway restore` makes a journal of it")]
    Backup(PathBuf),
    /// The file is something else than a backup.
    #[error("{0} is not a backup")]
    NotBackup(PathBuf),
    /// The keys are not those of the backup.
    #[error("{0}: these are not the keys of {1}")]
    OtherKeys(PathBuf, PathBuf),
    /// The file is there, and nothing is overwritten.
    #[error("{0} is there already; nothing is overwritten")]
    Exists(PathBuf),
    /// It was written by a newer gateway.
    #[error("the journal has format {found}; this gateway knows formats up to {known}: use a newer one")]
    Newer {
        /// The journal's format.
        found: i32,
        /// The newest format this gateway knows.
        known: i32,
    },
    /// SQLite does not do what durability rests on.
    #[error("sqlite has {0}")]
    Setting(String),
}

impl From<OpenError> for JournalError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// The journal was closed while the call was under way, or before.
#[derive(Debug, thiserror::Error)]
#[error("the journal is closed")]
pub(super) struct Closed;

impl From<Closed> for JournalError {
    fn from(closed: Closed) -> Self {
        Self::Unavailable(Box::new(closed))
    }
}

/// An error of any statement before COMMIT: the transaction was not committed, so nothing was written.
pub(super) fn fault(error: Error) -> JournalError {
    match &error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => return JournalError::Damaged(error.to_string()),
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Damaged("the database file".to_owned())
        }
        _ => JournalError::Unavailable(Box::new(error)),
    }
}

/// An error of COMMIT itself. `rolled_back`: SQLite holds no transaction any more.
pub(super) fn commit_fault(error: Error, rolled_back: bool) -> JournalError {
    match error.sqlite_error_code() {
        // The commit's frame found no room, or was never tried.
        Some(ErrorCode::DiskFull) if rolled_back => JournalError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) if rolled_back => fault(error),
        // The frame may be in the file: after a failed sync a crash could still bring it to light.
        _ => JournalError::OutcomeUnknown(Box::new(error)),
    }
}

/// A constraint that another writer's change violates is a conflict about `what`.
pub(super) fn conflict(what: impl ToString) -> impl FnOnce(Error) -> JournalError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => JournalError::Conflict(what.to_string()),
        _ => fault(error),
    }
}

/// An error for each of those who shared a transaction.
pub(super) fn shared(error: JournalError) -> Box<dyn Fn() -> JournalError> {
    match error {
        JournalError::Unavailable(source) => {
            let source = Shared(Arc::from(source));
            Box::new(move || JournalError::Unavailable(Box::new(source.clone())))
        }
        JournalError::OutcomeUnknown(source) => {
            let source = Shared(Arc::from(source));
            Box::new(move || JournalError::OutcomeUnknown(Box::new(source.clone())))
        }
        JournalError::Full => Box::new(|| JournalError::Full),
        JournalError::Conflict(what) => Box::new(move || JournalError::Conflict(what.clone())),
        JournalError::Damaged(place) => Box::new(move || JournalError::Damaged(place.clone())),
    }
}

/// One cause with several effects.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<dyn std::error::Error + Send + Sync>);

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn sqlite(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_failed_statement_wrote_nothing() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_IOERR, ffi::SQLITE_CANTOPEN] {
            assert!(matches!(fault(sqlite(code)), JournalError::Unavailable(_)), "{code}");
        }
        assert!(matches!(fault(sqlite(ffi::SQLITE_FULL)), JournalError::Full));
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB] {
            assert!(matches!(fault(sqlite(code)), JournalError::Damaged(_)), "{code}");
        }
    }

    #[test]
    fn a_failed_commit_is_only_certain_when_its_frame_was_not_written() {
        assert!(matches!(commit_fault(sqlite(ffi::SQLITE_FULL), true), JournalError::Full));
        assert!(matches!(commit_fault(sqlite(ffi::SQLITE_BUSY), true), JournalError::Unavailable(_)));
        for (code, rolled_back) in [
            (ffi::SQLITE_IOERR_FSYNC, true),
            (ffi::SQLITE_IOERR_WRITE, true),
            (ffi::SQLITE_FULL, false),
            (ffi::SQLITE_BUSY, false),
        ] {
            let error = commit_fault(sqlite(code), rolled_back);
            assert!(matches!(error, JournalError::OutcomeUnknown(_)), "{code} {rolled_back}");
        }
    }
}
