//! Backups: everything the journal holds at one instant, without the keys of what is sealed in it. Those go into a file
//! of their own, so that a backup can be kept for long and what was erased still goes for good.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::clock::Clock;
use crate::journal::embedded::fault::{OpenError, fault};
use crate::journal::embedded::rows::{nanos, position, stored};
use crate::journal::embedded::schema::{self, beside};
use crate::journal::embedded::verify::verify;
use crate::journal::{JournalError, Position};

/// "idvb" and "idvk": nobody takes one for a journal, or one for the other.
pub(super) const BACKUP: i32 = 0x6964_7662;
const KEYS: i32 = 0x6964_766b;
/// Events copied between two words about the progress.
const CHUNK: u64 = 16_384;
const PATIENCE: Duration = Duration::from_secs(5);

/// In the order in which they are copied; the entries and the keys go apart.
const TABLES: [&str; 14] = [
    "meta",
    "truncated",
    "fence",
    "records",
    "record_tickets",
    "deliveries",
    "delivery_waits",
    "requests",
    "dedupe",
    "sealed_owners",
    "sealed_bodies",
    "jobs",
    "subscriptions",
    "subscription_shards",
];

/// Where a backup is.
#[derive(Debug, Clone, Copy)]
pub struct Backup<'a> {
    /// The events and the state.
    pub file: &'a Path,
    /// The wrapped keys of what is sealed in it.
    pub keys: &'a Path,
}

/// Copies the journal at `source`, also while a gateway writes to it, to two files that must not be there. `progress`
/// hears how many events were copied, and how many there are. Returns the newest position.
pub fn backup(
    source: &Path,
    to: Backup<'_>,
    clock: &Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Position, JournalError> {
    // Looks whether it is a journal of ours before anything is made.
    drop(schema::open_reader(source, PATIENCE)?);
    let (file, keys) = (Partial::beside(to.file)?, Partial::beside(to.keys)?);
    let copy = begin(&file.path)?;
    attach(&copy, source, "source", "ro")?;
    attach(&copy, &keys.path, "keys", "rw")?;
    let head = in_one_transaction(&copy, || {
        copy_tables(&copy, "source", progress)?;
        let id = clock.random::<16>();
        copy.execute_batch(
            "CREATE TABLE keys.meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT; \
             CREATE TABLE keys.sealed_keys AS SELECT item, master_key, wrapped_key FROM source.sealed_keys;",
        )?;
        for table in ["main.meta", "keys.meta"] {
            copy.execute(&format!("INSERT INTO {table} (name, value) VALUES ('backup', ?1)"), [id])?;
        }
        mark(&copy, "main", BACKUP)?;
        mark(&copy, "keys", KEYS)?;
        copy.query_row("SELECT coalesce(max(position), 0) FROM main.entries", (), |row| position(row, 0))
    })?;
    drop(copy);
    // The keys first: what has the name of a backup can be restored.
    keys.keep(to.keys)?;
    file.keep(to.file).inspect_err(|_failed| {
        // Keys of nothing are in the way of the next one.
        let _left = fs::remove_file(to.keys);
    })?;
    Ok(head)
}

/// Makes a journal at `to`, where none may be, of a backup that is verified first. Its epoch is a new one: cursors from
/// before are refused, and all leases have ended. Returns the newest position.
pub fn restore(
    from: Backup<'_>,
    to: &Path,
    clock: &Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Position, JournalError> {
    for path in [from.file, from.keys] {
        fs::metadata(path).map_err(|error| OpenError::File(path.to_owned(), error))?;
    }
    let _lock = schema::lock(to)?;
    ["", "-wal", "-shm"].iter().try_for_each(|suffix| absent(&beside(to, suffix)))?;
    let verified = verify(from.file, None, progress)?;
    if !verified.is_backup {
        return Err(OpenError::NotBackup(from.file.to_owned()).into());
    }
    if let Some(finding) = verified.findings.into_iter().next() {
        return Err(JournalError::Damaged(format!("{}: {}", finding.place, finding.what)));
    }
    let file = Partial::beside(to)?;
    let copy = begin(&file.path)?;
    attach(&copy, from.file, "source", "ro")?;
    attach(&copy, from.keys, "keys", "ro")?;
    belongs(&copy, from)?;
    in_one_transaction(&copy, || {
        copy_tables(&copy, "source", progress)?;
        copy.execute_batch(
            "INSERT INTO main.sealed_keys SELECT item, master_key, wrapped_key FROM keys.sealed_keys; \
             DELETE FROM main.meta WHERE name = 'backup'; \
             UPDATE main.subscription_shards SET token = NULL, consumer = NULL, until_ns = NULL;",
        )?;
        // No token of before comes again, also none that was handed out after the backup; and nobody could come meanwhile.
        let now = nanos(clock.now());
        copy.execute("UPDATE main.fence SET token = max(token, ?1)", [now])?;
        copy.execute("UPDATE main.subscriptions SET consumer_time_ns = ?1", [now])?;
        let epoch = clock.uuid();
        copy.execute("UPDATE main.meta SET value = ?1 WHERE name = 'epoch'", [epoch.as_bytes()])?;
        mark(&copy, "main", schema::APPLICATION_ID)
    })?;
    whole(&copy)?;
    drop(copy);
    file.keep(to)?;
    Ok(verified.head)
}

/// A new file with the tables of a journal.
fn begin(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI;
    let copy = Connection::open_with_flags(path, flags).map_err(fault)?;
    // A copy that is not finished is thrown away, and a finished one is synced before it gets its name.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;")
        .and_then(|()| copy.execute_batch(include_str!("schema.sql")))
        .map_err(fault)?;
    Ok(copy)
}

fn attach(copy: &Connection, path: &Path, name: &str, mode: &str) -> Result<(), JournalError> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    copy.busy_timeout(PATIENCE).map_err(fault)?;
    copy.execute(&format!("ATTACH ?1 AS {name}"), [format!("file:{escaped}?mode={mode}")]).map_err(fault)?;
    if mode == "rw" {
        let settings = format!("PRAGMA {name}.journal_mode = OFF; PRAGMA {name}.synchronous = OFF;");
        copy.execute_batch(&settings).map_err(fault)?;
    }
    Ok(())
}

/// All that `work` reads is of one instant, whoever writes meanwhile.
fn in_one_transaction<T>(
    copy: &Connection,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> Result<T, JournalError> {
    let transaction = copy.unchecked_transaction().map_err(fault)?;
    let done = work().map_err(fault)?;
    transaction.commit().map_err(fault)?;
    Ok(done)
}

fn copy_tables(copy: &Connection, from: &str, progress: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<()> {
    copy.execute_batch("DELETE FROM main.truncated; DELETE FROM main.fence;")?;
    for table in TABLES {
        copy.execute(&format!("INSERT INTO main.{table} SELECT * FROM {from}.{table}"), ())?;
    }
    let bounds =
        format!("SELECT coalesce(min(position), 1) - 1, coalesce(max(position), 0) FROM {from}.entries");
    let (first, head) = copy.query_row(&bounds, (), |row| Ok((position(row, 0)?, position(row, 1)?)))?;
    let chunk = format!(
        "INSERT INTO main.entries SELECT * FROM {from}.entries WHERE position > ?1 AND position <= ?2"
    );
    let (mut after, all) = (first, head.saturating_sub(first));
    while after < head {
        let until = after.saturating_add(CHUNK).min(head);
        copy.execute(&chunk, [after, until].map(stored))?;
        after = until;
        progress(after - first, all);
    }
    Ok(())
}

fn mark(copy: &Connection, database: &str, application: i32) -> rusqlite::Result<()> {
    copy.pragma_update(Some(database), "application_id", application)?;
    copy.pragma_update(Some(database), "user_version", schema::FORMAT)
}

/// Refuses keys that are not of this backup.
fn belongs(copy: &Connection, from: Backup<'_>) -> Result<(), JournalError> {
    let refused = || OpenError::OtherKeys(from.keys.to_owned(), from.file.to_owned());
    let application: i32 =
        copy.pragma_query_value(Some("keys"), "application_id", |row| row.get(0)).map_err(fault)?;
    if application != KEYS {
        return Err(refused().into());
    }
    let same = "SELECT (SELECT value FROM source.meta WHERE name = 'backup') = \
         (SELECT value FROM keys.meta WHERE name = 'backup')";
    let same: Option<bool> = copy.query_row(same, (), |row| row.get(0)).map_err(fault)?;
    if same == Some(true) { Ok(()) } else { Err(refused().into()) }
}

/// Refuses a copy in which a key is without its item, or an item without its key.
fn whole(copy: &Connection) -> Result<(), JournalError> {
    let odd = "SELECT item FROM (SELECT item FROM main.sealed_keys EXCEPT SELECT item FROM main.sealed_bodies) \
         UNION ALL SELECT item FROM \
         (SELECT item FROM main.sealed_bodies EXCEPT SELECT item FROM main.sealed_keys) LIMIT 1";
    let mut statement = copy.prepare(odd).map_err(fault)?;
    let mut rows = statement.query(()).map_err(fault)?;
    match rows.next().map_err(fault)? {
        None => Ok(()),
        Some(row) => {
            let item: String = row.get(0).map_err(fault)?;
            Err(JournalError::Damaged(format!("sealed item {item}: it and its key are not both there")))
        }
    }
}

fn absent(path: &Path) -> Result<(), JournalError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenError::File(path.to_owned(), error).into()),
        Ok(_there) => Err(OpenError::Exists(path.to_owned()).into()),
    }
}

/// A file under another name until it is whole. Removed when dropped before.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn beside(wanted: &Path) -> Result<Self, JournalError> {
        absent(wanted)?;
        let path = beside(wanted, ".partial");
        let failed = |error| OpenError::File(path.clone(), error);
        // One that was cut off before is nobody's under this name; under another it may be a whole backup.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error).into()),
            Ok(()) | Err(_) => {}
        }
        File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        Ok(Self { path })
    }

    fn keep(self, wanted: &Path) -> Result<(), JournalError> {
        let failed = |error| OpenError::File(wanted.to_owned(), error);
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(failed)?;
        // Unlike a renaming, a link replaces nothing that came meanwhile.
        fs::hard_link(&self.path, wanted).map_err(failed)?;
        let folder = wanted.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        Ok(File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What cannot be removed is told by its name.
        let _left = fs::remove_file(&self.path);
    }
}
