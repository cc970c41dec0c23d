//! Rows as the journal's types, and the reads that need no more than one of them.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use prost::Message as _;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::journal::delivery_page;
use crate::journal::embedded::fault::fault;
use crate::journal::entry::{self, Checksum, Scan};
use crate::journal::page::Filler;
use crate::journal::seal::SealedItem;
use crate::journal::{
    Answer, Delivery, DeliveryPage, DeliveryQuery, Entry, Job, JournalError, Page, Place, Position, Request,
    RequestKey, VendorId,
};
use crate::model::filter::Filter;
use crate::model::lifecycle::CURRENT;
use crate::model::name::{ConnectionId, DeliveryName, IdentificationName};
use crate::model::record::{Memory, Record};
use crate::proto::{Identification, WebhookDeliveryState};

/// Without a condition: the columns of [`record_columns`].
pub(super) const RECORD: &str = "SELECT name, version, identification, memory, checksum, number FROM records";

pub(super) const DELIVERY: &str = "SELECT name, state, receive_time_ns, body_sha256, source_ip, subjects, failure, \
     duplicate_count, event_ids, waits_for, told, replays, number FROM deliveries AS d";

/// A [`VendorId`] as it is kept: in lower case, in a column of its own or in a table.
pub(super) struct Wanted {
    /// The records on the connection ?1 that have the identifier ?2.
    condition: &'static str,
    id: String,
}

impl From<VendorId<'_>> for Wanted {
    fn from(by: VendorId<'_>) -> Self {
        let condition = match by {
            VendorId::Reference(_) => "connection = ?1 AND vendor_reference = ?2 AND vendor_reference <> ''",
            VendorId::Id(_) => "connection = ?1 AND vendor_id = ?2 AND vendor_id <> ''",
            VendorId::Ticket(_) => {
                "number IN (SELECT record FROM record_tickets WHERE connection = ?1 AND ticket = ?2)"
            }
        };
        Self { condition, id: by.as_str().to_ascii_lowercase() }
    }
}

pub(super) fn page(
    connection: &Connection,
    after: Position,
    filter: &Filter,
    limit: usize,
) -> Result<Page, JournalError> {
    // One transaction: head and entries of the same instant.
    let snapshot = connection.unchecked_transaction().map_err(fault)?;
    let (head, low_water) = bounds(&snapshot).map_err(fault)?;
    let mut scan = Scan::new(after, filter, limit, head, low_water);
    let select = "SELECT position, bytes, checksum FROM entries WHERE position >= ?1 ORDER BY position";
    let mut statement = snapshot.prepare_cached(select).map_err(fault)?;
    let mut rows = statement.query([stored(after)]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let (position, bytes, checksum) = entry_columns(row).map_err(fault)?;
        if scan.push(position, bytes, &checksum)?.is_break() {
            break;
        }
    }
    Ok(scan.finish())
}

pub(super) fn place(connection: &Connection, position: Position) -> Result<Option<Place>, JournalError> {
    if position == 0 {
        return Ok(Some(Place::default()));
    }
    if let Some(entry) = entry_at(connection, position)? {
        return Ok(Some(entry.place));
    }
    let select = "SELECT position, place_check FROM truncated WHERE position = ?1";
    one(connection, select, [stored(position)], |row| {
        Ok(Place { position: self::position(row, 0)?, check: row.get(1)? })
    })
}

pub(super) fn before(connection: &Connection, time: SystemTime) -> Result<Option<Place>, JournalError> {
    let snapshot = connection.unchecked_transaction().map_err(fault)?;
    let (head, low_water) = bounds(&snapshot).map_err(fault)?;
    entry::before(time, low_water, head, |position| {
        entry_at(&snapshot, position)?.ok_or_else(|| JournalError::Damaged(format!("position {position}")))
    })
}

pub(super) fn record(
    connection: &Connection,
    name: &IdentificationName,
) -> Result<Option<Record>, JournalError> {
    let select = format!("{RECORD} WHERE name = ?1");
    one(connection, &select, [name.to_string()], record_columns)?.map(RecordRow::verified).transpose()
}

pub(super) fn find(
    connection: &Connection,
    on: &ConnectionId,
    by: &Wanted,
) -> Result<Option<Record>, JournalError> {
    let select = format!("{RECORD} WHERE {} ORDER BY live DESC, update_time_ns DESC LIMIT 1", by.condition);
    one(connection, &select, [on.as_str(), &by.id], record_columns)?.map(RecordRow::verified).transpose()
}

pub(super) fn find_current(
    connection: &Connection,
    on: &ConnectionId,
    external_reference: &str,
) -> Result<Option<Record>, JournalError> {
    let current = CURRENT.map(|state| (state as i32).to_string()).join(", ");
    let select = format!(
        "{RECORD} WHERE connection = ?1 AND external_reference = ?2 AND external_reference <> '' \
         AND state IN ({current}) ORDER BY update_time_ns DESC LIMIT 1"
    );
    let found = one(connection, &select, [on.as_str(), external_reference], record_columns)?;
    found.map(RecordRow::verified).transpose()
}

pub(super) fn delivery(
    connection: &Connection,
    name: &DeliveryName,
) -> Result<Option<Delivery>, JournalError> {
    one(connection, &format!("{DELIVERY} WHERE name = ?1"), [name.to_string()], delivery_columns)
}

pub(super) fn last_delivery_time(
    connection: &Connection,
    on: &ConnectionId,
) -> Result<Option<SystemTime>, JournalError> {
    let select = "SELECT receive_time_ns FROM deliveries WHERE connection = ?1 ORDER BY number DESC LIMIT 1";
    one(connection, select, [on.as_str()], |row| row.get(0).map(time))
}

pub(super) fn first_created_after(
    connection: &Connection,
    on: &ConnectionId,
    after: SystemTime,
) -> Result<Option<SystemTime>, JournalError> {
    // Nothing changes before it is created.
    let select = format!("{RECORD} WHERE connection = ?1 AND update_time_ns > ?2");
    let mut statement = connection.prepare_cached(&select).map_err(fault)?;
    let mut rows = statement.query(params![on.as_str(), nanos(after)]).map_err(fault)?;
    let mut first = None;
    while let Some(row) = rows.next().map_err(fault)? {
        let record = record_columns(row).map_err(fault)?.verified()?;
        let created = entry::taken_on_at(&record.identification).filter(|time| *time > after);
        first = first.into_iter().chain(created).min();
    }
    Ok(first)
}

pub(super) fn deliveries(
    connection: &Connection,
    query: &DeliveryQuery,
) -> Result<DeliveryPage, JournalError> {
    let on = query.connection.as_ref().map(ConnectionId::as_str);
    let narrowed = if on.is_some() { "connection = ?2" } else { "?2 IS NULL" };
    let select = format!("{DELIVERY} WHERE number < ?1 AND {narrowed} ORDER BY number DESC");
    let before = query.before.map_or(i64::MAX, stored);
    let mut statement = connection.prepare_cached(&select).map_err(fault)?;
    let mut rows = statement.query(params![before, on]).map_err(fault)?;
    let mut page = Filler::new(query);
    while let Some(row) = rows.next().map_err(fault)? {
        let number = position(row, 12).map_err(fault)?;
        let delivery = delivery_columns(row).map_err(fault)?;
        if page.push(number, delivery_page::size(&delivery), delivery).is_break() {
            break;
        }
    }
    Ok(page.into())
}

pub(super) fn deliveries_like(
    connection: &Connection,
    on: &ConnectionId,
    body_sha256: [u8; 32],
) -> Result<Vec<Delivery>, JournalError> {
    let select =
        format!("{DELIVERY} WHERE connection = ?1 AND body_sha256 = ?2 AND state <> ?3 ORDER BY number");
    let duplicate = WebhookDeliveryState::Duplicate as i32;
    many(connection, &select, params![on.as_str(), body_sha256, duplicate], delivery_columns)
}

pub(super) fn unmatched(
    connection: &Connection,
    on: &ConnectionId,
    by: &Wanted,
) -> Result<Vec<Delivery>, JournalError> {
    let select = format!(
        "{DELIVERY} JOIN delivery_waits AS w ON w.delivery = d.number \
         WHERE w.connection = ?1 AND w.vendor_id = ?2 ORDER BY number"
    );
    many(connection, &select, [on.as_str(), &by.id], delivery_columns)
}

pub(super) fn confirming(connection: &Connection, subject: &str) -> Result<Vec<Delivery>, JournalError> {
    // The number is spelt out: only so does SQLite see that the index of these alone will do.
    let state = WebhookDeliveryState::Confirming as i32;
    let select =
        format!("{DELIVERY} WHERE subjects ->> '$[#-1].name' = ?1 AND state = {state} ORDER BY number");
    many(connection, &select, [subject], delivery_columns)
}

pub(super) fn request(connection: &Connection, key: &RequestKey) -> Result<Option<Request>, JournalError> {
    let select = "SELECT payload_mac, subject, answer, position FROM requests \
         WHERE caller = ?1 AND method = ?2 AND request_id = ?3";
    one(connection, select, params![key.caller, key.method, key.request_id.as_bytes()], |row| {
        let answer = match row.get::<_, Option<Vec<u8>>>(2)? {
            Some(bytes) => Some(Answer { bytes: bytes.into(), position: position(row, 3)? }),
            None => None,
        };
        Ok(Request { payload_mac: row.get(0)?, subject: row.get(1)?, answer })
    })
}

pub(super) fn sealed(connection: &Connection, item: &str) -> Result<Option<SealedItem>, JournalError> {
    let select = "SELECT item, (SELECT json_group_array(owner) FROM sealed_owners AS o WHERE o.item = b.item), \
         kind, connection, master_key, wrapped_key, body \
         FROM sealed_keys JOIN sealed_bodies AS b USING (item) WHERE item = ?1";
    one(connection, select, [item], |row| {
        Ok(SealedItem {
            item: row.get(0)?,
            owners: list(row, 1)?,
            kind: row.get(2)?,
            connection: row.get(3)?,
            master_key: row.get(4)?,
            wrapped_key: row.get(5)?,
            body: row.get(6)?,
        })
    })
}

pub(super) fn sealed_names(
    connection: &Connection,
    prefix: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<String>, JournalError> {
    // Ranges, not LIKE: those the index serves. Whatever begins with the prefix comes before it with the last character
    // of all behind it.
    let select =
        "SELECT item FROM sealed_keys WHERE item > ?1 AND item >= ?2 AND item < ?3 ORDER BY item LIMIT ?4";
    let end = format!("{prefix}{}", char::MAX);
    many(connection, select, params![after, prefix, end, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        row.get(0)
    })
}

/// A job, from `id, kind, subject, due_at_ns, attempts, give_up_at_ns`.
pub(super) fn job_columns(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        due_at: time(row.get(3)?),
        attempts: row.get(4)?,
        give_up_at: row.get::<_, Option<i64>>(5)?.map(time),
    })
}

/// First 16 bytes of SHA-256 over everything a record is made of.
pub(super) fn record_checksum(name: &str, version: i64, identification: &[u8], memory: &[u8]) -> Checksum {
    let mut context = Context::new(&SHA256);
    context.update(&version.to_be_bytes());
    for part in [name.as_bytes(), identification, memory] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut checksum = Checksum::default();
    checksum.copy_from_slice(&context.finish().as_ref()[..size_of::<Checksum>()]);
    checksum
}

/// Nanoseconds since 1970; times further than 292 years away are drawn near.
pub(super) fn nanos(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

/// The time that [`nanos`] wrote.
pub(super) fn time(nanos: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

/// A position as SQLite keeps it; one that is too large for it is past every entry anyway.
pub(super) fn stored(position: Position) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// The position in a column.
pub(super) fn position(row: &Row<'_>, column: usize) -> rusqlite::Result<Position> {
    let number: i64 = row.get(column)?;
    Position::try_from(number).map_err(|_negative| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A record as it is stored.
pub(super) struct RecordRow {
    pub(super) number: u64,
    name: String,
    version: i64,
    identification: Vec<u8>,
    memory: Vec<u8>,
    checksum: Vec<u8>,
}

impl RecordRow {
    /// How much of the store it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.identification.len() + self.memory.len()
    }

    /// The record, unless it was altered since it was stored.
    pub(super) fn verified(self) -> Result<Record, JournalError> {
        let checksum = record_checksum(&self.name, self.version, &self.identification, &self.memory);
        if checksum != *self.checksum {
            return Err(JournalError::Damaged(self.name));
        }
        let name = self.name.parse().ok();
        let identification = Identification::decode(self.identification.as_slice()).ok();
        let memory = Memory::decode(self.memory.as_slice()).ok();
        match (name, identification, memory) {
            (Some(name), Some(identification), Some(memory)) => Ok(Record { name, identification, memory }),
            _ => Err(JournalError::Damaged(self.name)),
        }
    }
}

pub(super) fn record_columns(row: &Row<'_>) -> rusqlite::Result<RecordRow> {
    Ok(RecordRow {
        number: position(row, 5)?,
        name: row.get(0)?,
        version: row.get(1)?,
        identification: row.get(2)?,
        memory: row.get(3)?,
        checksum: row.get(4)?,
    })
}

pub(super) fn delivery_columns(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let name: String = row.get(0)?;
    let state: i32 = row.get(1)?;
    let event_ids: Vec<u8> = row.get(8)?;
    Ok(Delivery {
        name: name.parse().map_err(|error| unreadable(0, Type::Text, error))?,
        state: state.try_into().map_err(|error| unreadable(1, Type::Integer, error))?,
        receive_time: time(row.get(2)?),
        body_sha256: row.get(3)?,
        source_ip: row.get(4)?,
        subjects: list(row, 5)?,
        failure: row.get(6)?,
        duplicate_count: row.get(7)?,
        event_ids: uuids(&event_ids).map_err(|error| unreadable(8, Type::Blob, error))?,
        waits_for: list(row, 9)?,
        told: list(row, 10)?,
        replays: row.get(11)?,
    })
}

/// A JSON list in a column.
pub(super) fn list<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<T>> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, Type::Text, error))
}

fn uuids(bytes: &[u8]) -> Result<Vec<Uuid>, uuid::Error> {
    bytes.chunks(size_of::<Uuid>()).map(Uuid::from_slice).collect()
}

fn unreadable(
    column: usize,
    stored: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, stored, Box::new(error))
}

fn entry_at(connection: &Connection, position: Position) -> Result<Option<Entry>, JournalError> {
    let select = "SELECT position, bytes, checksum FROM entries WHERE position = ?1";
    let found = one(connection, select, [stored(position)], entry_columns)?;
    found.map(|(position, bytes, checksum)| entry::verified(position, bytes, &checksum)).transpose()
}

fn entry_columns(row: &Row<'_>) -> rusqlite::Result<(Position, Bytes, Vec<u8>)> {
    Ok((position(row, 0)?, row.get::<_, Vec<u8>>(1)?.into(), row.get(2)?))
}

/// Newest position, and the one before the oldest that is kept.
fn bounds(connection: &Connection) -> rusqlite::Result<(Position, Position)> {
    let select = "SELECT coalesce((SELECT max(position) FROM entries), 0), (SELECT position FROM truncated)";
    connection.prepare_cached(select)?.query_row((), |row| Ok((position(row, 0)?, position(row, 1)?)))
}

fn one<T>(
    connection: &Connection,
    select: &str,
    parameters: impl rusqlite::Params,
    columns: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, JournalError> {
    let mut statement = connection.prepare_cached(select).map_err(fault)?;
    statement.query_row(parameters, columns).optional().map_err(fault)
}

fn many<T>(
    connection: &Connection,
    select: &str,
    parameters: impl rusqlite::Params,
    columns: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, JournalError> {
    let mut statement = connection.prepare_cached(select).map_err(fault)?;
    let rows = statement.query_map(parameters, columns).map_err(fault)?;
    rows.collect::<rusqlite::Result<_>>().map_err(fault)
}
