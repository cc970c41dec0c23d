//! Opening the database: settings that durability rests on, read back; the tables; who this journal is.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use uuid::Uuid;

use crate::clock::Clock;
use crate::journal::cursor::CursorKey;
use crate::journal::embedded::backup::BACKUP;
use crate::journal::embedded::fault::{OpenError, fault};
use crate::journal::embedded::subscription;
use crate::journal::{Identity, JournalError};

/// "idvj": tells a journal from other SQLite files.
pub(super) const APPLICATION_ID: i32 = 0x6964_766a;
/// The format this gateway writes.
pub(super) const FORMAT: i32 = 1;
/// Earlier versions can lose a committed transaction when the write-ahead log is reset.
const MIN_SQLITE: i32 = 3_051_003;
const STATEMENTS: usize = 64;
/// The value of `PRAGMA synchronous` that means FULL.
const SYNCHRONOUS_FULL: i64 = 2;

/// Makes sure of the folder and that nobody else writes; the lock lasts as long as the returned file, and ends
/// with the process, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, JournalError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| OpenError::File(folder.to_owned(), error))?;
    }
    let lock_path = beside(path, ".lock");
    let file = private(&lock_path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held(path.to_owned()).into()),
        Err(TryLockError::Error(error)) => Err(OpenError::File(lock_path, error).into()),
    }
}

/// The one connection that writes, with every table there.
pub(super) fn open_writer(
    path: &Path,
    busy_timeout: Duration,
    clock: &Clock,
) -> Result<(Connection, Identity), JournalError> {
    if rusqlite::version_number() < MIN_SQLITE {
        return Err(OpenError::Setting(format!("version {}", rusqlite::version())).into());
    }
    // SQLite would make it readable for everybody; its other files take over the mode of this one.
    drop(private(path)?);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
    migrate(&mut connection)?;
    subscription::free_all(&connection).map_err(fault)?;
    let identity = identity(&mut connection, clock).map_err(fault)?;
    Ok((connection, identity))
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection, JournalError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)
}

fn connect(path: &Path, mode: OpenFlags, busy_timeout: Duration) -> Result<Connection, JournalError> {
    let connection =
        Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fault)?;
    recognise(&connection, path)?;
    configure(&connection, busy_timeout).map_err(fault)?;
    let wanted = [
        ("journal_mode", "wal".to_owned()),
        ("synchronous", SYNCHRONOUS_FULL.to_string()),
        ("secure_delete", "1".to_owned()),
        ("foreign_keys", "1".to_owned()),
        ("wal_autocheckpoint", "0".to_owned()),
    ];
    for (name, wanted) in wanted {
        let found = setting(&connection, name).map_err(fault)?;
        if found != wanted {
            return Err(OpenError::Setting(format!("{name}={found} where {wanted} is needed")).into());
        }
    }
    Ok(connection)
}

fn configure(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if !connection.is_readonly(rusqlite::MAIN_DB)? {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_row| Ok(()))?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "secure_delete", "ON", |_row| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // The writer does it between commits, when nobody waits for an answer.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_row| Ok(()))
}

fn setting(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, name, |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        })
    })
}

/// Refuses what is not ours, or too new, before anything in it is changed.
fn recognise(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let (application, found) = marks(connection).map_err(fault)?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, (), |row| row.get(0)).map_err(fault)?;
    match application {
        APPLICATION_ID if found > FORMAT => Err(OpenError::Newer { found, known: FORMAT }.into()),
        APPLICATION_ID => Ok(()),
        BACKUP => Err(OpenError::Backup(path.to_owned()).into()),
        0 if found == 0 && tables == 0 => Ok(()),
        _ => Err(OpenError::Foreign(path.to_owned()).into()),
    }
}

fn migrate(connection: &mut Connection) -> Result<(), JournalError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let (_application, found) = marks(&transaction).map_err(fault)?;
    if found == 0 {
        transaction.execute_batch(include_str!("schema.sql")).map_err(fault)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
        transaction.pragma_update(None, "user_version", FORMAT).map_err(fault)?;
    }
    transaction.commit().map_err(fault)
}

/// Whose file it is, and in which format.
pub(super) fn marks(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

fn identity(connection: &mut Connection, clock: &Clock) -> rusqlite::Result<Identity> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let insert = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    transaction.execute(insert, ("epoch", clock.uuid().as_bytes()))?;
    transaction.execute(insert, ("cursor_key", clock.random::<32>()))?;
    let select = "SELECT value FROM meta WHERE name = ?1";
    let epoch: [u8; 16] = transaction.query_row(select, ["epoch"], |row| row.get(0))?;
    let key: [u8; 32] = transaction.query_row(select, ["cursor_key"], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Identity { epoch: Uuid::from_bytes(epoch), key: CursorKey::new(key) })
}

/// Opens or makes a file that only this user may read.
pub(super) fn private(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|error| OpenError::File(path.to_owned(), error))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
