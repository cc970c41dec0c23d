//! Durable subscriptions as rows.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::journal::embedded::EmbeddedJournal;
use crate::journal::embedded::fault::fault;
use crate::journal::embedded::rows::{nanos, position, stored, time};
use crate::journal::embedded::upkeep::durably;
use crate::journal::subscription::{
    Acquire, Lease, LeaseId, Leased, NewSubscription, Shard, Subscription, SubscriptionError,
    SubscriptionSettings, Subscriptions,
};
use crate::journal::{JournalError, Place};
use crate::model::name::SubscriptionName;

/// Subscriptions that one sweep looks at.
const SWEEP: usize = 1024;

const SELECT: &str = "SELECT name, revision, filter, max_uncommitted, idle_ttl_ns, commit_timeout_ns, \
     create_time_ns, consumer_time_ns FROM subscriptions";

type Result<T, E = SubscriptionError> = std::result::Result<T, E>;

/// Frees all shards, because whoever held them is gone with the process. Their tokens still do for commits, as long
/// as nobody else takes them.
pub(super) fn free_all(connection: &Connection) -> rusqlite::Result<()> {
    let update = "UPDATE subscription_shards SET until_ns = 0 WHERE until_ns <> 0";
    connection.execute(update, ()).map(drop)
}

/// Drops those that are idle, of `SWEEP` after `after`. Returns how many, and after which to look on.
fn sweep(
    connection: &mut Connection,
    now: SystemTime,
    after: Option<&SubscriptionName>,
) -> Result<(u64, Option<SubscriptionName>), JournalError> {
    let rows = list(connection, after, SWEEP)?;
    let last = rows.last().filter(|_last| rows.len() == SWEEP).map(|last| last.name.clone());
    let idle: Vec<_> = rows.into_iter().filter(|row| row.is_idle(now)).collect();
    if !idle.is_empty() {
        durably(connection, |transaction| idle.iter().try_for_each(|row| remove(transaction, &row.name)))?;
    }
    Ok((idle.len() as u64, last))
}

impl EmbeddedJournal {
    /// Drops those that are idle; how many.
    pub(super) async fn sweep_subscriptions(&self, now: SystemTime) -> Result<u64, JournalError> {
        let (mut total, mut after) = (0, None);
        loop {
            let from = after.take();
            let (dropped, last) =
                self.writer.ask(move |store| sweep(&mut store.connection, now, from.as_ref())).await?;
            total += dropped;
            match last {
                None => return Ok(total),
                last => after = last,
            }
        }
    }

    /// Loads the subscription, changes it and keeps it, in one transaction.
    async fn change<T: Send + 'static>(
        &self,
        name: &SubscriptionName,
        change: impl FnOnce(&mut Subscription, &Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let name = name.clone();
        self.write(move |transaction| {
            let before = load(transaction, &name)?.ok_or(SubscriptionError::Missing)?;
            let mut after = before.clone();
            let outcome = change(&mut after, transaction)?;
            keep(transaction, Some(&before), &after)?;
            Ok(outcome)
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.ask(|store| Ok(durably(&mut store.connection, |transaction| work(transaction)))).await?
    }
}

#[async_trait]
impl Subscriptions for EmbeddedJournal {
    async fn create(&self, new: NewSubscription) -> Result<Subscription> {
        self.write(move |transaction| {
            if load(transaction, &new.name)?.is_some() {
                return Err(SubscriptionError::Exists);
            }
            let made = Subscription::new(new);
            keep(transaction, None, &made)?;
            Ok(made)
        })
        .await
    }

    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>> {
        let name = name.clone();
        Ok(self.readers.ask(move |connection| snapshot(connection, |at| load(at, &name))).await?)
    }

    async fn list(&self, after: Option<&SubscriptionName>, limit: usize) -> Result<Vec<Subscription>> {
        let after = after.cloned();
        let page = move |connection: &Connection| snapshot(connection, |at| list(at, after.as_ref(), limit));
        Ok(self.readers.ask(page).await?)
    }

    async fn update(
        &self,
        name: &SubscriptionName,
        revision: u64,
        settings: SubscriptionSettings,
    ) -> Result<Subscription> {
        self.change(name, move |row, _| row.update(revision, settings).map(|()| row.clone())).await
    }

    async fn delete(&self, name: &SubscriptionName, revision: Option<u64>) -> Result<()> {
        let name = name.clone();
        self.write(move |transaction| {
            load(transaction, &name)?.ok_or(SubscriptionError::Missing)?.expect(revision)?;
            Ok(remove(transaction, &name)?)
        })
        .await
    }

    async fn seek(&self, name: &SubscriptionName, place: Place) -> Result<Subscription> {
        let seek = move |row: &mut Subscription, _: &Connection| {
            row.seek(place);
            Ok(row.clone())
        };
        self.change(name, seek).await
    }

    async fn acquire(&self, ask: Acquire) -> Result<Leased> {
        let name = ask.subscription.clone();
        self.change(&name, move |row, connection| row.acquire(ask, next_token(connection)?)).await
    }

    async fn renew(&self, lease: &LeaseId, now: SystemTime, until: SystemTime) -> Result<()> {
        let held = lease.clone();
        self.change(&lease.subscription, move |row, _| row.renew(&held, now, until)).await
    }

    async fn release(&self, lease: &LeaseId, now: SystemTime) -> Result<()> {
        let held = lease.clone();
        self.change(&lease.subscription, move |row, _| row.release(&held, now)).await
    }

    async fn commit(&self, lease: &LeaseId, place: Place, now: SystemTime) -> Result<Place> {
        let held = lease.clone();
        self.change(&lease.subscription, move |row, _| row.commit(&held, place, now)).await
    }
}

/// The whole answer at one instant.
fn snapshot<T>(
    connection: &Connection,
    question: impl FnOnce(&Connection) -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    let at = connection.unchecked_transaction().map_err(fault)?;
    question(&at)
}

/// One subscription with its shards.
pub(super) fn load(
    connection: &Connection,
    name: &SubscriptionName,
) -> Result<Option<Subscription>, JournalError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE name = ?1")).map_err(fault)?;
    let row = statement.query_row([name.as_str()], columns).optional().map_err(fault)?;
    row.map(|row| with_shards(connection, row)).transpose()
}

fn list(
    connection: &Connection,
    after: Option<&SubscriptionName>,
    limit: usize,
) -> Result<Vec<Subscription>, JournalError> {
    let select = format!("{SELECT} WHERE name > ?1 ORDER BY name LIMIT ?2");
    let mut statement = connection.prepare_cached(&select).map_err(fault)?;
    let after = after.map_or("", SubscriptionName::as_str);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![after, limit], columns).map_err(fault)?;
    rows.map(|row| with_shards(connection, row.map_err(fault)?)).collect()
}

fn with_shards(connection: &Connection, row: Subscription) -> Result<Subscription, JournalError> {
    let select = "SELECT position, place_check, commit_time_ns, token, consumer, until_ns \
         FROM subscription_shards WHERE subscription = ?1 ORDER BY shard";
    let mut statement = connection.prepare_cached(select).map_err(fault)?;
    let shards = statement.query_map([row.name.as_str()], shard_columns).map_err(fault)?;
    Ok(Subscription { shards: shards.collect::<rusqlite::Result<_>>().map_err(fault)?, ..row })
}

/// Writes what differs from `before`.
fn keep(
    connection: &Connection,
    before: Option<&Subscription>,
    row: &Subscription,
) -> Result<(), JournalError> {
    let write = "INSERT OR REPLACE INTO subscription_shards \
         (subscription, shard, position, place_check, commit_time_ns, token, consumer, until_ns) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let upsert = "INSERT INTO subscriptions (name, revision, filter, max_uncommitted, idle_ttl_ns, \
         commit_timeout_ns, create_time_ns, consumer_time_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (name) DO UPDATE SET revision = ?2, filter = ?3, max_uncommitted = ?4, idle_ttl_ns = ?5, \
         commit_timeout_ns = ?6, create_time_ns = ?7, consumer_time_ns = ?8";
    let settings = &row.settings;
    let values = params![
        row.name.as_str(),
        stored(row.revision),
        settings.filter,
        settings.max_uncommitted,
        span(settings.idle_ttl),
        settings.commit_timeout.map(span),
        nanos(row.create_time),
        nanos(row.consumer_time),
    ];
    connection.prepare_cached(upsert).and_then(|mut upsert| upsert.execute(values)).map_err(fault)?;
    let mut write = connection.prepare_cached(write).map_err(fault)?;
    for (number, shard) in row.shards.iter().enumerate() {
        if before.and_then(|before| before.shards.get(number)) == Some(shard) {
            continue;
        }
        let lease = shard.lease.as_ref();
        let values = params![
            row.name.as_str(),
            stored(number as u64),
            stored(shard.committed.position),
            shard.committed.check,
            shard.commit_time.map(nanos),
            lease.map(|lease| stored(lease.token)),
            lease.map(|lease| &lease.consumer),
            lease.map(|lease| nanos(lease.until)),
        ];
        write.execute(values).map_err(fault)?;
    }
    Ok(())
}

fn remove(connection: &Connection, name: &SubscriptionName) -> Result<(), JournalError> {
    connection.execute("DELETE FROM subscriptions WHERE name = ?1", [name.as_str()]).map(drop).map_err(fault)
}

fn next_token(connection: &Connection) -> Result<u64, JournalError> {
    let update = "UPDATE fence SET token = token + 1 RETURNING token";
    connection.query_row(update, (), |row| position(row, 0)).map_err(fault)
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    let name: String = row.get(0)?;
    let unreadable =
        |error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error));
    Ok(Subscription {
        name: name.parse().map_err(unreadable)?,
        revision: position(row, 1)?,
        settings: SubscriptionSettings {
            filter: row.get(2)?,
            max_uncommitted: row.get(3)?,
            idle_ttl: Duration::from_nanos(position(row, 4)?),
            commit_timeout: row
                .get::<_, Option<i64>>(5)?
                .map(|nanos| Duration::from_nanos(nanos.unsigned_abs())),
        },
        create_time: time(row.get(6)?),
        consumer_time: time(row.get(7)?),
        shards: Vec::new(),
    })
}

fn shard_columns(row: &Row<'_>) -> rusqlite::Result<Shard> {
    let lease = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(_token) => {
            Some(Lease { token: position(row, 3)?, consumer: row.get(4)?, until: time(row.get(5)?) })
        }
    };
    Ok(Shard {
        committed: Place { position: position(row, 0)?, check: row.get(1)? },
        commit_time: row.get::<_, Option<i64>>(2)?.map(time),
        lease,
    })
}

/// A length of time as SQLite keeps it, in nanoseconds; 292 years at most.
fn span(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
