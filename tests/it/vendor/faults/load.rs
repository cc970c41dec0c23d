//! A vendor that fails altogether, asked by many: repeats must not keep it from recovering.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::future::join_all;
use idv_gateway::clock::Clock;
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::kit::retry::Repeat;

use super::server::{Does, answer};
use super::table::{Column, Sort, Table};
use super::wire::Waiting;
use crate::vendor::rig::noon;

/// Calls that are made at once.
const CROWD: usize = 8;
/// What a budget counts over.
const WINDOW: Duration = Duration::from_secs(60);

/// How many calls are made.
struct Load {
    /// Minutes, one after the other, and the calls of each: over a hundred, so that the few repeats which need no
    /// calls to be measured by do not count.
    minutes: usize,
    calls: usize,
    /// Connections that share them: one, unless a fault is planted.
    connections: usize,
}

impl Load {
    fn all(&self) -> usize {
        self.minutes * self.calls
    }
}

impl Table {
    /// How many requests of `column` a vendor gets that answers each with 503.
    async fn count(&self, column: &Column, load: &Load) -> usize {
        let (clock, hand) = Clock::manual(noon());
        let fails = Does::Says(answer("503 Service Unavailable", "", b""));
        let (server, watched) = self.serve(&clock, column, fails).await;
        let (base, under_way) = (format!("http://127.0.0.1:{}", server.port), watched.under_way.clone());
        // A breaker would stop far more than the budget does, and hide it.
        let limits = LimitSettings { breaker_failures: u32::MAX, ..LimitSettings::default() };
        let transport = Arc::new(watched);
        let connect = |_| (self.vendor.connect)(&base, limits, clock.clone(), transport.clone());
        let vendors: Vec<_> = (0..load.connections).map(connect).collect();
        for _ in 0..load.minutes {
            for begin in (0..load.calls).step_by(CROWD) {
                let running = AtomicUsize::new(CROWD.min(load.calls - begin));
                let calls = (begin..load.calls).take(CROWD).map(async |number| {
                    let outcome = (column.run)(&vendors[number % load.connections]).await;
                    running.fetch_sub(1, SeqCst);
                    assert!(outcome.is_err(), "{} found a vendor that works", column.name());
                });
                let waiting = Waiting { hand: &hand, under_way: &under_way, stuck: server.stuck() };
                waiting.for_the_end_of(join_all(calls), || running.load(SeqCst)).await;
            }
            hand.advance(WINDOW);
        }
        server.met()
    }

    /// What is asked too often, or never again.
    async fn overload(&self, column: &Column, load: &Load) -> Vec<String> {
        let (requests, calls) = (self.count(column, load).await, load.all());
        // What the budget allows is also used.
        let with_repeats = calls + calls / 10;
        let fits = match (column.sort, column.repeat) {
            // Many calls share a login, unless each needs one of its own.
            (Sort::Login, _) => requests < calls || requests == with_repeats,
            (_, Repeat::Freely) => requests == with_repeats,
            _ => requests == calls,
        };
        if fits {
            Vec::new()
        } else {
            vec![format!("{}: {requests} requests for {calls} calls", column.name())]
        }
    }
}

#[tokio::test]
async fn a_vendor_that_fails_altogether_gets_a_tenth_more_than_it_is_asked() {
    let table = super::idnow();
    let many = Load { minutes: 4, calls: 500, connections: 1 };
    assert_eq!(table.overload(table.column("idnow.get"), &many).await, [] as [&str; 0]);
}

#[tokio::test]
async fn so_it_is_whatever_it_is_asked() {
    let some = Load { minutes: 1, calls: 150, connections: 1 };
    let mut faults = Vec::new();
    for table in super::tables() {
        for column in &table.vendor.columns {
            faults.extend(table.overload(column, &some).await);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Ten connections have ten budgets: together they repeat too much, as one would whose budget is too generous.
#[tokio::test]
async fn a_budget_that_is_too_generous_is_caught() {
    let table = super::idnow();
    let generous = Load { minutes: 1, calls: 200, connections: 10 };
    let found = table.overload(table.column("idnow.get"), &generous).await;
    assert_eq!(found, ["idnow.get: 300 requests for 200 calls"]);
}
