//! Lists of identifications: the few that an index names, or a stretch of all of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, Params, params, params_from_iter};

use crate::journal::embedded::fault::fault;
use crate::journal::embedded::rows::{RECORD, RecordRow, nanos, position, record_columns, stored};
use crate::journal::page::{Filler, SCAN};
use crate::journal::{JournalError, Order, RecordPage, RecordQuery};
use crate::model::record_filter::RecordFilter;

/// A page of the few records that some condition of the filter leaves, or of all records where each leaves many. Either
/// way the whole filter is matched on the records themselves.
pub(super) fn page(connection: &Connection, query: &RecordQuery) -> Result<RecordPage, JournalError> {
    // One transaction: numbers and records of the same instant.
    let snapshot = connection.unchecked_transaction().map_err(fault)?;
    match few(&snapshot, &query.filter)? {
        Some(numbers) => named(&snapshot, query, &numbers),
        None => stretch(&snapshot, query),
    }
}

/// The records in order, from where the query stands.
fn stretch(connection: &Connection, query: &RecordQuery) -> Result<RecordPage, JournalError> {
    let (beyond, direction, start) = match query.order {
        Order::OldestFirst => (">", "ASC", 0),
        Order::NewestFirst => ("<", "DESC", i64::MAX),
    };
    let after = query.after.map_or(start, stored);
    let mut connections = query.filter.connections.iter();
    match (connections.next(), connections.next()) {
        (Some(only), None) => {
            let on =
                format!("{RECORD} WHERE connection = ?2 AND number {beyond} ?1 ORDER BY number {direction}");
            scan(connection, query, &on, params![after, only.as_str()])
        }
        _ => {
            let all = format!("{RECORD} WHERE number {beyond} ?1 ORDER BY number {direction}");
            scan(connection, query, &all, [after])
        }
    }
}

fn scan(
    connection: &Connection,
    query: &RecordQuery,
    select: &str,
    parameters: impl Params,
) -> Result<RecordPage, JournalError> {
    let mut page = Filler::new(query);
    let mut statement = connection.prepare_cached(select).map_err(fault)?;
    let mut rows = statement.query(parameters).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        if take(&mut page, record_columns(row).map_err(fault)?)?.is_break() {
            break;
        }
    }
    Ok(page.into())
}

/// The records with these numbers, from where the query stands.
fn named(
    connection: &Connection,
    query: &RecordQuery,
    numbers: &BTreeSet<u64>,
) -> Result<RecordPage, JournalError> {
    let mut page = Filler::new(query);
    let mut statement = connection.prepare_cached(&format!("{RECORD} WHERE number = ?1")).map_err(fault)?;
    let mut numbers = numbers.iter().copied();
    let mut next = || match query.order {
        Order::OldestFirst => numbers.find(|number| query.after.is_none_or(|after| *number > after)),
        Order::NewestFirst => numbers.rfind(|number| query.after.is_none_or(|after| *number < after)),
    };
    while let Some(number) = next() {
        let row = statement.query_row([stored(number)], record_columns).map_err(fault)?;
        if take(&mut page, row)?.is_break() {
            break;
        }
    }
    Ok(page.into())
}

/// Puts a row on the page, which may end before it.
fn take(page: &mut Filler<'_, RecordQuery>, row: RecordRow) -> Result<ControlFlow<()>, JournalError> {
    let (number, size) = (row.number, row.size());
    Ok(page.push(number, size, row.verified()?))
}

/// The numbers that the first selective condition leaves: no more than one scan looks at. `None`: no condition is that
/// selective. A look into an index ends where it has become too many.
fn few(connection: &Connection, filter: &RecordFilter) -> Result<Option<BTreeSet<u64>>, JournalError> {
    for (select, parameters) in looks(filter) {
        let mut statement = connection.prepare_cached(select).map_err(fault)?;
        let mut rows = statement.query(params_from_iter(parameters)).map_err(fault)?;
        let mut numbers = Vec::new();
        while numbers.len() <= SCAN
            && let Some(row) = rows.next().map_err(fault)?
        {
            numbers.push(position(row, 0).map_err(fault)?);
        }
        if numbers.len() <= SCAN {
            return Ok(Some(numbers.into_iter().collect()));
        }
    }
    Ok(None)
}

/// The conditions that an index knows, the most selective ones first. Lists are JSON, because a statement takes a fixed
/// number of parameters.
fn looks(filter: &RecordFilter) -> Vec<(&'static str, Vec<Value>)> {
    let mut looks = Vec::new();
    if !filter.vendor_ids.is_empty() {
        let select = "SELECT number FROM records \
             WHERE vendor_id IN (SELECT value FROM json_each(?1)) AND vendor_id <> '' \
             UNION ALL SELECT number FROM records \
             WHERE vendor_reference IN (SELECT value FROM json_each(?1)) AND vendor_reference <> '' \
             UNION ALL SELECT record FROM record_tickets \
             WHERE ticket IN (SELECT value FROM json_each(?1))";
        looks.push((select, vec![json(filter.vendor_ids.iter().cloned())]));
    }
    if !filter.external_references.is_empty() {
        let select = "SELECT number FROM records \
             WHERE external_reference IN (SELECT value FROM json_each(?1)) AND external_reference <> ''";
        looks.push((select, vec![json(filter.external_references.iter().cloned())]));
    }
    if filter.updated_from.is_some() || filter.updated_before.is_some() {
        let from = filter.updated_from.map_or(i64::MIN, nanos);
        let before = filter.updated_before.map_or(i64::MAX, nanos);
        let select = "SELECT number FROM records WHERE update_time_ns BETWEEN ?1 AND ?2";
        looks.push((select, vec![from.into(), before.into()]));
    }
    if !filter.states.is_empty() {
        let select = "SELECT number FROM records WHERE state IN (SELECT value FROM json_each(?1))";
        looks.push((select, vec![json(filter.states.iter().map(|state| *state as i32))]));
    }
    looks
}

fn json<T: Into<serde_json::Value>>(values: impl IntoIterator<Item = T>) -> Value {
    values.into_iter().map(Into::into).collect::<serde_json::Value>().to_string().into()
}
