//! Looking through a journal, or a backup of one, for damage. Reads only, at one instant, also while a gateway writes.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use prost::Message as _;
use rusqlite::{Connection, OpenFlags, Row};

use crate::journal::embedded::backup::BACKUP;
use crate::journal::embedded::fault::{OpenError, fault};
use crate::journal::embedded::rows::{self, position};
use crate::journal::embedded::{schema, subscription};
use crate::journal::entry;
use crate::journal::seal::Vault;
use crate::journal::{Delivery, JournalError, Position};
use crate::proto::{Event, IdentificationState, WebhookDeliveryState};

/// Findings after which nobody wants more.
const ENOUGH: usize = 1000;
/// Events between two words about the progress.
const STEP: u64 = 16_384;

/// What a look through a journal gave.
#[derive(Debug, Default)]
pub struct Verified {
    /// A backup, not a journal.
    pub is_backup: bool,
    /// The oldest position a cursor may point to.
    pub low_water: Position,
    /// The newest position.
    pub head: Position,
    /// Identifications that were looked at.
    pub identifications: u64,
    /// Sealed items that were opened.
    pub opened: u64,
    /// What is wrong, at most 1000 of it.
    pub findings: Vec<Finding>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: a position, or a table and a name in it.
    pub place: String,
    /// What.
    pub what: String,
}

/// Looks through the journal or backup at `path`; with a `vault`, opens every sealed item too. `progress` hears how
/// many events were looked at, and how many there are. An error means that nothing could be read at all.
pub fn verify(
    path: &Path,
    vault: Option<&Vault>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    let (application, _format) = schema::marks(&connection).map_err(fault)?;
    if application != schema::APPLICATION_ID && application != BACKUP {
        return Err(OpenError::Foreign(path.to_owned()).into());
    }
    let at = connection.unchecked_transaction().map_err(fault)?;
    let verified = Verified { is_backup: application == BACKUP, ..Verified::default() };
    let mut look = Look { at: &at, verified, revisions: HashMap::new() };
    if look.verified.is_backup {
        look.part("the database file", |look| look.length(path));
    }
    look.part("the database file", Look::pages);
    look.part("meta", Look::meta);
    look.part("entries", |look| look.entries(progress));
    look.part("records", Look::records);
    look.part("deliveries", Look::deliveries);
    look.part("requests", Look::requests);
    look.part("dedupe", Look::dedupe);
    look.part("jobs", Look::jobs);
    look.part("subscriptions", Look::subscriptions);
    if !look.verified.is_backup {
        look.part("sealed items", |look| look.sealed(vault));
    }
    Ok(look.verified)
}

struct Look<'a> {
    at: &'a Connection,
    verified: Verified,
    /// The revision in the newest event of each identification.
    revisions: HashMap<String, i64>,
}

type Result<T, E = JournalError> = std::result::Result<T, E>;

impl Look<'_> {
    /// Does one part; what keeps it from its end is a finding too.
    fn part(&mut self, place: &str, look: impl FnOnce(&mut Self) -> Result<()>) {
        if let Err(error) = look(self) {
            self.found(place, &error.to_string());
        }
    }

    fn found(&mut self, place: &str, what: &str) {
        if self.verified.findings.len() < ENOUGH {
            self.verified.findings.push(Finding { place: place.to_owned(), what: what.to_owned() });
        }
    }

    /// Asks `select`, whose rows are what is wrong: place and what.
    fn odd(&mut self, select: &str) -> Result<()> {
        let found = {
            let mut statement = self.at.prepare(select).map_err(fault)?;
            let columns = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
            let rows = statement.query_map((), columns).map_err(fault)?;
            rows.take(ENOUGH).collect::<rusqlite::Result<Vec<_>>>().map_err(fault)?
        };
        found.iter().for_each(|(place, what)| self.found(place, what));
        Ok(())
    }

    fn each<T>(&self, select: &str, columns: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>> {
        let mut statement = self.at.prepare(select).map_err(fault)?;
        let rows = statement.query_map((), columns).map_err(fault)?;
        rows.collect::<rusqlite::Result<_>>().map_err(fault)
    }

    /// SQLite takes the missing end of a last page for zeros.
    fn length(&mut self, path: &Path) -> Result<()> {
        let found = fs::metadata(path).map_err(|error| OpenError::File(path.to_owned(), error))?.len();
        let wanted = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let wanted: u64 = self.at.query_row(wanted, (), |row| position(row, 0)).map_err(fault)?;
        if found != wanted {
            self.found("the database file", &format!("it has {found} bytes where {wanted} are needed"));
        }
        Ok(())
    }

    /// SQLite's own look at pages and indexes, and at what belongs together.
    fn pages(&mut self) -> Result<()> {
        for line in self.each("PRAGMA integrity_check(100)", |row| row.get::<_, String>(0))? {
            if line != "ok" {
                self.found("the database file", &line);
            }
        }
        for (table, parent) in self.each("PRAGMA foreign_key_check", |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
        })? {
            // The keys of a backup are in another file.
            if !(self.verified.is_backup && table == "sealed_owners") {
                self.found(&table, &format!("a row belongs to nothing in {parent}"));
            }
        }
        Ok(())
    }

    fn meta(&mut self) -> Result<()> {
        self.odd(
            "SELECT 'meta', name || ' is missing or has another length' FROM \
             (SELECT 'epoch' AS name, 16 AS length UNION ALL SELECT 'cursor_key', 32) AS wanted \
             WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = wanted.name AND length(value) = wanted.length) \
             UNION ALL SELECT 'truncated', 'its one row is missing' WHERE (SELECT count(*) FROM truncated) <> 1 \
             UNION ALL SELECT 'fence', 'its one row is missing' WHERE (SELECT count(*) FROM fence) <> 1 \
             UNION ALL SELECT 'fence', 'a lease has a token that was never handed out' \
             FROM subscription_shards WHERE token > (SELECT token FROM fence)",
        )
    }

    fn entries(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let bounds = "SELECT (SELECT position FROM truncated), coalesce(max(position), 0) FROM entries";
        let bounds = self.at.query_row(bounds, (), |row| Ok((position(row, 0)?, position(row, 1)?)));
        let (low_water, head) = bounds.map_err(fault)?;
        (self.verified.low_water, self.verified.head) = (low_water, head);
        let (mut last, mut last_ms) = (low_water, i64::MIN);
        let select = "SELECT position, record_time_ms, checksum, bytes FROM entries ORDER BY position";
        let mut statement = self.at.prepare(select).map_err(fault)?;
        let mut rows = statement.query(()).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let at = position(row, 0).map_err(fault)?;
            let place = format!("position {at}");
            if at != last + 1 {
                self.found(&format!("position {}", last + 1), &format!("the next event is at {at}"));
            }
            last = at;
            let ms: i64 = row.get(1).map_err(fault)?;
            let (checksum, bytes): (Vec<u8>, Vec<u8>) =
                (row.get(2).map_err(fault)?, row.get(3).map_err(fault)?);
            match Event::decode(bytes.as_slice()) {
                _ if entry::checksum(at, &bytes) != *checksum => {
                    self.found(&place, "the event does not match its checksum");
                }
                Err(_undecodable) => self.found(&place, "the event cannot be decoded"),
                Ok(event) => self.event(&place, event, ms),
            }
            if ms < last_ms {
                self.found(&place, "it was recorded before the event in front of it");
            }
            last_ms = ms;
            if at.is_multiple_of(STEP) || at == head {
                progress(at - low_water, head.saturating_sub(low_water));
            }
        }
        Ok(())
    }

    fn event(&mut self, place: &str, event: Event, ms: i64) {
        let recorded = event.record_time.map(|time| time.seconds * 1000 + i64::from(time.nanos / 1_000_000));
        if recorded != Some(ms) {
            self.found(place, "the time it stands under is not its own");
        }
        if event.revision > 0 && !event.identification.is_empty() {
            self.revisions.insert(event.identification, event.revision);
        }
    }

    fn records(&mut self) -> Result<()> {
        let columns = "SELECT r.name, r.version, r.identification, r.memory, r.checksum, r.number, r.connection, \
             r.state, r.live, r.vendor_id, r.vendor_reference, r.external_reference, \
             (SELECT json_group_array(ticket) FROM record_tickets AS t \
             WHERE t.record = r.number AND t.connection = r.connection) FROM records AS r ORDER BY r.number";
        let mut statement = self.at.prepare(columns).map_err(fault)?;
        let mut rows = statement.query(()).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            self.verified.identifications += 1;
            let read = rows::record_columns(row).map_err(fault).and_then(rows::RecordRow::verified);
            let record = match read {
                Ok(record) => record,
                Err(error) => {
                    let name: String = row.get(0).unwrap_or_default();
                    self.found(&format!("records {name}"), &error.to_string());
                    continue;
                }
            };
            let place = format!("records {}", record.name);
            let shown = &record.identification;
            let ids = shown.vendor_reference.clone().unwrap_or_default();
            let lower = |id: &String| id.to_ascii_lowercase();
            let live = shown.state != IdentificationState::Deleted as i32;
            let own = (
                record.name.connection.to_string(),
                shown.state,
                live,
                lower(&ids.id),
                lower(&ids.reference),
                shown.external_reference.clone(),
            );
            let kept =
                (|| Ok((row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?, row.get(11)?)))();
            if kept.map_err(fault)? != own {
                self.found(&place, "the columns it is found by are not its own");
            }
            let kept: BTreeSet<String> = rows::list(row, 12).map_err(fault)?.into_iter().collect();
            let own: BTreeSet<String> =
                ids.ticket_ids.iter().map(lower).filter(|id| !id.is_empty()).collect();
            if kept != own {
                self.found(&place, "the tickets it is found by (record_tickets) are not its own");
            }
            let told = self.revisions.remove(&record.name.to_string()).unwrap_or_default();
            if told > shown.revision {
                let what = format!("it has revision {}, its newest event {told}", shown.revision);
                self.found(&place, &what);
            }
        }
        drop(rows);
        drop(statement);
        let without: Vec<String> = self.revisions.drain().map(|(name, _revision)| name).collect();
        for name in without {
            self.found(&format!("records {name}"), "there are events about it, but it is missing");
        }
        Ok(())
    }

    fn deliveries(&mut self) -> Result<()> {
        let select = format!("{} ORDER BY number", rows::DELIVERY);
        let mut statement = self.at.prepare(&select).map_err(fault)?;
        let mut all = statement.query(()).map_err(fault)?;
        let waits = "SELECT vendor_id FROM delivery_waits WHERE delivery = ?1";
        let mut waits = self.at.prepare(waits).map_err(fault)?;
        while let Some(row) = all.next().map_err(fault)? {
            let delivery: Delivery = match rows::delivery_columns(row) {
                Ok(delivery) => delivery,
                Err(error) => {
                    let name: String = row.get(0).unwrap_or_default();
                    self.found(&format!("deliveries {name}"), &error.to_string());
                    continue;
                }
            };
            let number: i64 = row.get(12).map_err(fault)?;
            let kept = waits.query_map([number], |row| row.get(0)).map_err(fault)?;
            let kept: BTreeSet<String> = kept.collect::<rusqlite::Result<_>>().map_err(fault)?;
            let is_waiting =
                matches!(delivery.state, WebhookDeliveryState::Unmatched | WebhookDeliveryState::Confirming);
            let own = delivery.waits_for.iter().filter(|id| is_waiting && !id.is_empty());
            if kept != own.map(|id| id.to_ascii_lowercase()).collect() {
                let place = format!("deliveries {}", delivery.name);
                self.found(&place, "what it is found by (delivery_waits) is not what it waits for");
            }
        }
        Ok(())
    }

    fn requests(&mut self) -> Result<()> {
        self.odd(
            "SELECT 'requests ' || method || ' ' || lower(hex(request_id)), \
             'it cannot have been written so' FROM requests \
             WHERE length(request_id) <> 16 OR length(payload_mac) <> 32 OR subject = '' \
             OR (answer IS NULL) <> (position IS NULL) OR (answer IS NULL) <> (keep_until_ns IS NULL) \
             OR position > (SELECT coalesce(max(position), 0) FROM entries)",
        )
    }

    fn dedupe(&mut self) -> Result<()> {
        self.odd(
            "SELECT 'dedupe ' || d.key, 'it does not lead to the place it was written at' FROM dedupe AS d \
             LEFT JOIN entries AS e USING (position) \
             WHERE length(d.place_check) <> 4 \
             OR d.position > (SELECT coalesce(max(position), 0) FROM entries) \
             OR (e.checksum IS NOT NULL AND substr(e.checksum, 1, 4) <> d.place_check)",
        )
    }

    fn jobs(&mut self) -> Result<()> {
        self.odd(
            "SELECT 'jobs ' || id, 'it cannot have been written so' FROM jobs \
             WHERE id = '' OR kind = '' OR attempts < 0",
        )
    }

    fn subscriptions(&mut self) -> Result<()> {
        for name in self.each("SELECT name FROM subscriptions", |row| row.get::<_, String>(0))? {
            let place = format!("subscriptions {name}");
            let loaded = match name.parse() {
                Ok(name) => subscription::load(self.at, &name),
                Err(_unreadable) => Ok(None),
            };
            match loaded {
                Ok(Some(row)) if row.shards.is_empty() => self.found(&place, "it has no shards"),
                Ok(Some(_row)) => {}
                Ok(None) => self.found(&place, "its name is none"),
                Err(error) => self.found(&place, &error.to_string()),
            }
        }
        self.odd(
            "SELECT 'subscription_shards ' || s.subscription || ' ' || s.shard, \
             'the place it has come to is not in the journal' FROM subscription_shards AS s \
             LEFT JOIN entries AS e USING (position) \
             WHERE length(s.place_check) <> 4 \
             OR s.position > (SELECT coalesce(max(position), 0) FROM entries) \
             OR (e.checksum IS NOT NULL AND substr(e.checksum, 1, 4) <> s.place_check) \
             UNION ALL SELECT 'subscription_shards ' || subscription, 'a shard is missing' \
             FROM subscription_shards GROUP BY subscription HAVING max(shard) <> count(*) - 1",
        )
    }

    fn sealed(&mut self, vault: Option<&Vault>) -> Result<()> {
        self.odd(
            "SELECT 'sealed_bodies ' || item, 'its key is missing' FROM sealed_bodies \
             WHERE item NOT IN (SELECT item FROM sealed_keys) \
             UNION ALL SELECT 'sealed_keys ' || item, 'what it opens is missing' FROM sealed_keys \
             WHERE item NOT IN (SELECT item FROM sealed_bodies)",
        )?;
        let Some(vault) = vault else { return Ok(()) };
        for item in self.each("SELECT item FROM sealed_keys ORDER BY item", |row| row.get::<_, String>(0))? {
            match rows::sealed(self.at, &item)?.map(|sealed| vault.open(&sealed)) {
                Some(Ok(_content)) => self.verified.opened += 1,
                Some(Err(error)) => self.found(&format!("sealed_bodies {item}"), &error.to_string()),
                None => {}
            }
        }
        Ok(())
    }
}
