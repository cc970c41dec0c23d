//! One batch, written inside the writer's transaction.

use std::time::{Duration, SystemTime};

use prost::Message as _;
use rusqlite::{Connection, OptionalExtension as _, Params, params};
use serde::Serialize;

use crate::journal::embedded::fault::{conflict, fault};
use crate::journal::embedded::rows::{self, nanos, position, record_checksum, stored};
use crate::journal::entry::{self, Checksum, Head};
use crate::journal::seal::SealedItem;
use crate::journal::{
    Appended, Batch, Delivery, DeliveryChange, Job, JournalError, Place, Position, RecordChange,
    RequestChange,
};
use crate::proto::{IdentificationState, WebhookDeliveryState};

type Result<T, E = JournalError> = std::result::Result<T, E>;

/// Writes `batch` after `head`, which moves on. After an error the caller rolls back to where it was.
pub(super) fn apply(
    connection: &Connection,
    batch: &mut Batch,
    head: &mut Head,
    now: SystemTime,
) -> Result<Appended> {
    let write = Write { connection, now };
    if let Some((key, _keep)) = &batch.dedupe
        && let Some(place) = write.known(key)?
    {
        return Ok(Appended { place, duplicate: true });
    }
    if let Some((on, reference)) = &batch.unless_current
        && let Some(holder) = rows::find_current(connection, on, reference)?
    {
        return Err(JournalError::Conflict(holder.name.to_string()));
    }
    let before = head.place.position;
    for event in &mut batch.events {
        let stamped = head.stamp(event, nanos(now).div_euclid(1_000_000));
        let insert =
            "INSERT INTO entries (position, record_time_ms, checksum, bytes) VALUES (?1, ?2, ?3, ?4)";
        let at = stored(head.place.position);
        write.run(insert, params![at, head.record_time_ms, stamped.checksum, &stamped.bytes[..]])?;
    }
    let last_event = Some(head.place.position).filter(|last| *last > before);
    batch.records.iter().try_for_each(|change| write.record(change))?;
    batch.deliveries.iter().try_for_each(|change| write.delivery(change))?;
    batch.requests.iter().try_for_each(|change| write.request(change, last_event))?;
    batch.unseal.iter().try_for_each(|item| write.unseal(item))?;
    batch.seal.iter().try_for_each(|item| write.seal(item))?;
    write.reown(&batch.reown)?;
    batch.erase.iter().try_for_each(|owner| write.erase(owner))?;
    for id in &batch.complete {
        write.run("DELETE FROM jobs WHERE id = ?1", [id])?;
    }
    batch.schedule.iter().try_for_each(|job| write.job(job))?;
    if let Some((key, keep)) = &batch.dedupe {
        write.remember(key, head.place, *keep)?;
    }
    Ok(Appended { place: head.place, duplicate: false })
}

/// The newest entry.
pub(super) fn head(connection: &Connection) -> Result<Head> {
    let select = "SELECT position, record_time_ms, checksum FROM entries ORDER BY position DESC LIMIT 1";
    let mut statement = connection.prepare_cached(select).map_err(fault)?;
    let newest = statement.query_row((), |row| {
        let checksum: Checksum = row.get(2)?;
        Ok(Head { place: entry::place(position(row, 0)?, &checksum), record_time_ms: row.get(1)? })
    });
    Ok(newest.optional().map_err(fault)?.unwrap_or_default())
}

struct Write<'a> {
    connection: &'a Connection,
    now: SystemTime,
}

impl Write<'_> {
    fn known(&self, key: &str) -> Result<Option<Place>> {
        let select = "SELECT position, place_check FROM dedupe WHERE key = ?1";
        let mut statement = self.connection.prepare_cached(select).map_err(fault)?;
        let found =
            statement.query_row([key], |row| Ok(Place { position: position(row, 0)?, check: row.get(1)? }));
        found.optional().map_err(fault)
    }

    fn remember(&self, key: &str, place: Place, keep: Duration) -> Result<()> {
        let keep = i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX);
        let until = nanos(self.now).saturating_add(keep);
        let insert = "INSERT INTO dedupe (key, position, place_check, keep_until_ns) VALUES (?1, ?2, ?3, ?4)";
        self.run(insert, params![key, stored(place.position), place.check, until]).map(drop)
    }

    fn record(&self, change: &RecordChange) -> Result<()> {
        let record = &change.record;
        let name = record.name.to_string();
        let shown = &record.identification;
        let reference = shown.vendor_reference.clone().unwrap_or_default();
        let update_time = shown.update_time.and_then(|time| SystemTime::try_from(time).ok());
        let (identification, memory) = (shown.encode_to_vec(), record.memory.encode_to_vec());
        let version = stored(record.memory.version);
        let row = params![
            name,
            record.name.connection.as_str(),
            version,
            shown.state,
            shown.state != IdentificationState::Deleted as i32,
            reference.id.to_ascii_lowercase(),
            reference.reference.to_ascii_lowercase(),
            shown.external_reference,
            update_time.map_or(0, nanos),
            identification,
            memory,
            record_checksum(&name, version, &identification, &memory),
            change.replaces.map(stored),
        ];
        // Both statements take the same row; SQLite wants every parameter used, ?13 also where it is NULL.
        let written = match change.replaces {
            None => self.run_or(
                "INSERT INTO records (name, connection, version, state, live, vendor_id, vendor_reference, \
                 external_reference, update_time_ns, identification, memory, checksum) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 WHERE ?13 IS NULL",
                row,
                conflict(&name),
            )?,
            Some(_version) => self.run_or(
                "UPDATE records SET connection = ?2, version = ?3, state = ?4, live = ?5, vendor_id = ?6, \
                 vendor_reference = ?7, external_reference = ?8, update_time_ns = ?9, identification = ?10, \
                 memory = ?11, checksum = ?12 WHERE name = ?1 AND version = ?13",
                row,
                conflict(&name),
            )?,
        };
        found(written, &name)?;
        self.tickets(record.name.connection.as_str(), &name, change.replaces, &reference.ticket_ids)
    }

    fn tickets(&self, on: &str, name: &str, replaces: Option<u64>, tickets: &[String]) -> Result<()> {
        if replaces.is_some() {
            let delete =
                "DELETE FROM record_tickets WHERE record = (SELECT number FROM records WHERE name = ?1)";
            self.run(delete, [name])?;
        }
        let insert = "INSERT INTO record_tickets (connection, ticket, record) \
             SELECT ?1, ?2, number FROM records WHERE name = ?3 ON CONFLICT DO NOTHING";
        for ticket in tickets.iter().filter(|ticket| !ticket.is_empty()) {
            self.run(insert, [on, &ticket.to_ascii_lowercase(), name])?;
        }
        Ok(())
    }

    fn delivery(&self, change: &DeliveryChange) -> Result<()> {
        match change {
            DeliveryChange::Put(delivery) => {
                let insert = "INSERT INTO deliveries (name, state, subjects, failure, duplicate_count, event_ids, \
                     waits_for, connection, receive_time_ns, body_sha256, source_ip, told, replays) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
                self.write_delivery(insert, delivery)
            }
            DeliveryChange::Update(delivery) => {
                // Since the caller read the row, duplicates may have been counted, and a replay may have begun.
                let update = "UPDATE deliveries SET state = ?2, subjects = ?3, failure = ?4, \
                     duplicate_count = max(duplicate_count, ?5), event_ids = ?6, waits_for = ?7, connection = ?8, \
                     receive_time_ns = ?9, body_sha256 = ?10, source_ip = ?11, told = ?12 \
                     WHERE name = ?1 AND replays = ?13";
                self.write_delivery(update, delivery)
            }
            DeliveryChange::Replay(name) => {
                let name = name.to_string();
                let update = "UPDATE deliveries SET state = ?2, waits_for = '[]', failure = '', \
                     replays = replays + 1 WHERE name = ?1";
                found(self.run(update, params![name, WebhookDeliveryState::Received as i32])?, &name)?;
                self.forget_waits(&name)
            }
            DeliveryChange::CountDuplicate(name) => {
                let name = name.to_string();
                let update = "UPDATE deliveries SET duplicate_count = duplicate_count + 1 WHERE name = ?1";
                found(self.run(update, [&name])?, &name)
            }
        }
    }

    fn write_delivery(&self, statement: &str, delivery: &Delivery) -> Result<()> {
        let name = delivery.name.to_string();
        let event_ids: Vec<u8> = delivery.event_ids.iter().flat_map(|id| *id.as_bytes()).collect();
        let (waits_for, told) = (list(&delivery.waits_for)?, list(&delivery.told)?);
        let row = params![
            name,
            delivery.state as i32,
            list(&delivery.subjects)?,
            delivery.failure,
            delivery.duplicate_count,
            event_ids,
            waits_for,
            delivery.name.connection.as_str(),
            nanos(delivery.receive_time),
            delivery.body_sha256,
            delivery.source_ip,
            told,
            delivery.replays,
        ];
        found(self.run_or(statement, row, conflict(&name))?, &name)?;
        self.write_waits(&name, delivery)
    }

    fn forget_waits(&self, name: &str) -> Result<()> {
        let delete = "DELETE FROM delivery_waits \
             WHERE delivery = (SELECT number FROM deliveries WHERE name = ?1)";
        self.run(delete, [name]).map(drop)
    }

    fn write_waits(&self, name: &str, delivery: &Delivery) -> Result<()> {
        self.forget_waits(name)?;
        if !matches!(delivery.state, WebhookDeliveryState::Unmatched | WebhookDeliveryState::Confirming) {
            return Ok(());
        }
        let insert = "INSERT INTO delivery_waits (connection, vendor_id, delivery) \
             SELECT connection, ?2, number FROM deliveries WHERE name = ?1 ON CONFLICT DO NOTHING";
        for id in delivery.waits_for.iter().filter(|id| !id.is_empty()) {
            self.run(insert, [name, &id.to_ascii_lowercase()])?;
        }
        Ok(())
    }

    fn request(&self, change: &RequestChange, last_event: Option<Position>) -> Result<()> {
        match change {
            RequestChange::Begin { key, payload_mac, subject } => {
                let insert = "INSERT INTO requests (caller, method, request_id, payload_mac, subject) \
                     VALUES (?1, ?2, ?3, ?4, ?5)";
                let row = params![key.caller, key.method, key.request_id.as_bytes(), payload_mac, subject];
                self.run_or(insert, row, conflict(key.request_id)).map(drop)
            }
            RequestChange::Answer { key, bytes, position, keep_until } => {
                let update = "UPDATE requests SET answer = ?4, position = ?5, keep_until_ns = ?6 \
                     WHERE caller = ?1 AND method = ?2 AND request_id = ?3";
                let position = stored(last_event.unwrap_or(*position));
                let id = key.request_id.as_bytes();
                let row = params![key.caller, key.method, id, &bytes[..], position, nanos(*keep_until)];
                found(self.run(update, row)?, &key.request_id)
            }
        }
    }

    fn seal(&self, sealed: &SealedItem) -> Result<()> {
        self.unseal(&sealed.item)?;
        let key = "INSERT INTO sealed_keys (item, master_key, wrapped_key) VALUES (?1, ?2, ?3)";
        self.run(key, params![sealed.item, sealed.master_key, sealed.wrapped_key])?;
        let body = "INSERT INTO sealed_bodies (item, connection, kind, body) VALUES (?1, ?2, ?3, ?4)";
        self.run(body, params![sealed.item, sealed.connection, sealed.kind, sealed.body])?;
        sealed.owners.iter().try_for_each(|owner| self.own(&sealed.item, owner))
    }

    fn own(&self, item: &str, owner: &str) -> Result<()> {
        let insert = "INSERT OR IGNORE INTO sealed_owners (item, owner) \
             SELECT item, ?2 FROM sealed_keys WHERE item = ?1";
        self.run(insert, [item, owner]).map(drop)
    }

    fn reown(&self, handed_over: &[(String, String)]) -> Result<()> {
        for (item, _owner) in handed_over {
            self.run("DELETE FROM sealed_owners WHERE item = ?1", [item])?;
        }
        handed_over.iter().try_for_each(|(item, owner)| self.own(item, owner))
    }

    fn unseal(&self, item: &str) -> Result<()> {
        self.run("DELETE FROM sealed_keys WHERE item = ?1", [item])?;
        self.run("DELETE FROM sealed_bodies WHERE item = ?1", [item]).map(drop)
    }

    fn erase(&self, owner: &str) -> Result<()> {
        // The keys last: their owners go with them.
        for table in ["sealed_bodies", "sealed_keys"] {
            let delete = format!(
                "WITH RECURSIVE gone (item) AS (SELECT item FROM sealed_owners WHERE owner = ?1 \
                 UNION SELECT o.item FROM sealed_owners AS o JOIN gone ON o.owner = gone.item) \
                 DELETE FROM {table} WHERE item IN (SELECT item FROM gone)"
            );
            self.run(&delete, [owner])?;
        }
        Ok(())
    }

    fn job(&self, job: &Job) -> Result<()> {
        let insert = "INSERT OR REPLACE INTO jobs (id, kind, subject, due_at_ns, attempts, give_up_at_ns) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (due_at, give_up_at) = (nanos(job.due_at), job.give_up_at.map(nanos));
        self.run(insert, params![job.id, job.kind, job.subject, due_at, job.attempts, give_up_at]).map(drop)
    }

    fn run(&self, statement: &str, parameters: impl Params) -> Result<usize> {
        self.run_or(statement, parameters, fault)
    }

    fn run_or(
        &self,
        statement: &str,
        parameters: impl Params,
        refused: impl FnOnce(rusqlite::Error) -> JournalError,
    ) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(statement).map_err(fault)?;
        statement.execute(parameters).map_err(refused)
    }
}

/// A JSON list, for a column.
fn list<T: Serialize>(items: &[T]) -> Result<String> {
    serde_json::to_string(items).map_err(|error| JournalError::Unavailable(Box::new(error)))
}

/// A change of something that is not there (any more) is a conflict about it.
fn found(changed: usize, what: &impl ToString) -> Result<()> {
    if changed == 0 { Err(JournalError::Conflict(what.to_string())) } else { Ok(()) }
}
