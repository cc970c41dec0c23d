//! What the writer does beside appending: forget, limit, checkpoint, prove that it can write.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::clock::Clock;
use crate::journal::JournalError;
use crate::journal::embedded::fault::{commit_fault, fault};
use crate::journal::embedded::rows::{self, nanos, stored};
use crate::journal::entry::{self, Checksum};

/// Rows of one kind that one sweep drops, so that appends wait no longer than for any other transaction.
const SWEEP: u32 = 4096;
/// Frames (pages) in the write-ahead log that are worth a checkpoint.
const CHECKPOINT: i64 = 1000;
/// Bytes of room that must be left for the store to count as healthy.
const ROOM: u32 = 64 << 10;
/// SQLite's own largest database, in pages.
const MAX_PAGES: u64 = 4_294_967_294;

/// Does `work` in one transaction that is durable when this returns `Ok`.
pub(super) fn durably<T, E: From<JournalError>>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let mut transaction = begun.map_err(fault)?;
    let done = work(&mut transaction)?;
    let committed = transaction.commit();
    let rolled_back = connection.is_autocommit();
    committed.map_err(|error| commit_fault(error, rolled_back))?;
    Ok(done)
}

/// Drops some of what is over. Returns how many rows, and whether there may be more.
pub(super) fn sweep(connection: &mut Connection, now: SystemTime) -> Result<(u64, bool), JournalError> {
    let deletes = [
        "DELETE FROM dedupe WHERE key IN (SELECT key FROM dedupe WHERE keep_until_ns < ?1 LIMIT ?2)",
        "DELETE FROM requests WHERE rowid IN (SELECT rowid FROM requests WHERE keep_until_ns < ?1 LIMIT ?2)",
    ];
    durably(connection, |transaction| {
        let (mut dropped, mut more) = (0, false);
        for delete in deletes {
            let count = transaction.execute(delete, params![nanos(now), SWEEP]).map_err(fault)?;
            dropped += count as u64;
            more |= count >= SWEEP as usize;
        }
        Ok((dropped, more))
    })
}

/// Removes some of the oldest events, those recorded before `before`. Returns how many, and whether there may be more.
/// The newest stays, whenever it was: it tells where to go on.
pub(super) fn truncate(connection: &mut Connection, before: SystemTime) -> Result<(u64, bool), JournalError> {
    // Record times never go back, so these are the first ones.
    let last = "SELECT position, checksum FROM \
         (SELECT position, checksum, record_time_ms FROM entries ORDER BY position LIMIT ?2) \
         WHERE record_time_ms < ?1 AND position < (SELECT max(position) FROM entries) \
         ORDER BY position DESC LIMIT 1";
    let before_ms = nanos(before).div_euclid(1_000_000);
    durably(connection, |transaction| {
        let found = transaction.query_row(last, params![before_ms, SWEEP], |row| {
            let (position, checksum): (_, Checksum) = (rows::position(row, 0)?, row.get(1)?);
            Ok(entry::place(position, &checksum))
        });
        let Some(place) = found.optional().map_err(fault)? else { return Ok((0, false)) };
        let position = stored(place.position);
        let gone =
            transaction.execute("DELETE FROM entries WHERE position <= ?1", [position]).map_err(fault)?;
        let mark = "UPDATE truncated SET position = ?1, place_check = ?2";
        transaction.execute(mark, params![position, place.check]).map_err(fault)?;
        Ok((gone as u64, gone >= SWEEP as usize))
    })
}

/// Writes a mark durably and reads it back. Also looks for room: a mark alone fits where no event does.
pub(super) fn health(connection: &mut Connection, clock: &Clock) -> Result<(), JournalError> {
    let mark = clock.random::<16>();
    durably(connection, |transaction| {
        let mut probe = transaction.savepoint().map_err(fault)?;
        probe
            .execute("INSERT INTO meta (name, value) VALUES ('room', zeroblob(?1))", [ROOM])
            .map_err(fault)?;
        probe.rollback().map_err(fault)?;
        drop(probe);
        let write = "INSERT OR REPLACE INTO meta (name, value) VALUES ('health', ?1)";
        transaction.execute(write, [mark]).map_err(fault)
    })?;
    let read = "SELECT value FROM meta WHERE name = 'health'";
    let found: [u8; 16] = connection.query_row(read, (), |row| row.get(0)).map_err(fault)?;
    if found == mark { Ok(()) } else { Err(JournalError::Damaged("the health mark".to_owned())) }
}

/// Keeps the database from growing beyond `bytes` (it never shrinks for it).
pub(super) fn limit_size(connection: &Connection, bytes: Option<u64>) -> Result<(), JournalError> {
    let page_size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(fault)?;
    let page_size = page_size.max(1).unsigned_abs();
    // A limit of 0 pages would mean "leave it as it is" to SQLite.
    let pages = bytes.map_or(MAX_PAGES, |bytes| (bytes / page_size).clamp(1, MAX_PAGES));
    let pages = i64::try_from(pages).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "max_page_count", pages, |_row| Ok(())).map_err(fault)
}

/// Moves what was committed from the write-ahead log into the database, when enough has gathered.
pub(super) fn checkpoint(connection: &Connection) -> Result<(), JournalError> {
    let count = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
    let waiting = connection.query_row("PRAGMA wal_checkpoint(NOOP)", (), count).map_err(fault)?;
    if waiting >= CHECKPOINT {
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_row| Ok(())).map_err(fault)?;
    }
    Ok(())
}

/// Moves everything and empties the log, so that nothing is left of what was erased; false when somebody still reads
/// from it. Waits for nobody.
pub(super) fn empty_log(connection: &Connection) -> Result<bool, JournalError> {
    let patience: u32 =
        connection.pragma_query_value(None, "busy_timeout", |row| row.get(0)).map_err(fault)?;
    connection.busy_timeout(Duration::ZERO).map_err(fault)?;
    let busy: Result<bool, _> = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0));
    connection.busy_timeout(Duration::from_millis(patience.into())).map_err(fault)?;
    busy.map(|busy| !busy).map_err(fault)
}

/// Moves everything and empties the log.
pub(super) fn last_checkpoint(connection: &Connection) -> Result<(), JournalError> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_row| Ok(())).map_err(fault)
}
