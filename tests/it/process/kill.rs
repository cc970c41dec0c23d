//! Acceptance 2: `kill -9` at random instants under webhook load. What was acknowledged is applied exactly once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use idv_gateway::clock::Clock;
use idv_gateway::journal::Journal as _;
use idv_gateway::journal::embedded::{EmbeddedJournal, EmbeddedOptions};
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::{Event, EventType};
use prost::Message as _;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::child::GUARD;
use super::history::{Sent, Step, faults};
use super::house::{Doors, House, next_event};

const ROUNDS: usize = 60;
/// Webhooks acknowledged before a kill: 1 to so many.
const MOST: u8 = 40;
const SENDERS: usize = 12;
/// Promised is a second, on a machine that does nothing else. This one only notices that something is wrong.
const RESTART_GUARD: Duration = GUARD;

/// Two attempts, the same bytes twice among their webhooks, and a decision.
const STORY: &[Step] = &[
    ("START", EventType::IdentificationStarted),
    ("ABORTED", EventType::IdentificationAttemptEnded),
    ("START", EventType::IdentificationStarted),
    ("CHECK_PENDING", EventType::IdentificationSubmitted),
    ("SUCCESS", EventType::IdentificationCompleted),
];

/// What senders share.
struct Load {
    house: House,
    /// Identifications nobody has spoken of yet.
    fresh: Mutex<Vec<String>>,
    sent: Mutex<BTreeMap<String, Sent>>,
    acknowledged: mpsc::UnboundedSender<()>,
    /// The doors of the living gateway; `None` while there is none.
    doors: watch::Receiver<Option<Doors>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_loses_or_doubles_an_acknowledged_webhook() {
    let house = House::build().await;
    let mut gateway = house.serve().await;
    // More than can be told, so that no sender runs dry.
    let stories = ROUNDS * (usize::from(MOST) + SENDERS) / STORY.len() + SENDERS;
    let channel = gateway.doors.channel().await;
    let mut fresh = Vec::new();
    while fresh.len() < stories {
        fresh.extend(join_all((0..8).map(|_| house.create(channel.clone()))).await);
    }
    let sent = fresh.iter().map(|name| (name.clone(), Sent { story: STORY, ..Sent::default() })).collect();

    let (acknowledged, mut acknowledgements) = mpsc::unbounded_channel();
    let (living, doors) = watch::channel(Some(gateway.doors));
    let load =
        Arc::new(Load { house, fresh: Mutex::new(fresh), sent: Mutex::new(sent), acknowledged, doors });
    let mut senders = JoinSet::new();
    (0..SENDERS).for_each(|_| drop(senders.spawn(load.clone().send())));

    let mut restarts = Vec::new();
    let lengths: Vec<usize> =
        Clock::system().random::<ROUNDS>().map(|byte| usize::from(byte % MOST) + 1).to_vec();
    println!("acknowledgements before each kill: {lengths:?}");
    for (round, length) in lengths.into_iter().enumerate() {
        for _ in 0..length {
            let counted = tokio::time::timeout(GUARD, acknowledgements.recv()).await;
            counted.unwrap_or_else(|_| panic!("webhooks are no longer acknowledged in round {round}"));
        }
        gateway.child.kill();
        living.send_replace(None);
        while acknowledgements.try_recv().is_ok() {}
        if round + 1 == ROUNDS {
            // Whoever waits for an answer now never gets one.
            senders.shutdown().await;
        }
        gateway = load.house.serve().await;
        restarts.push(gateway.started_in);
        living.send_replace(Some(gateway.doors));
    }
    report(&mut restarts);

    let sent = load.sent.lock().unwrap().clone();
    settled(&gateway.doors, &sent).await;
    gateway.child.signal("TERM");
    assert_eq!(gateway.child.ended().await.code, Some(0));

    let journal = everything(&load.house).await;
    assert_eq!(faults(&sent, &journal), [""; 0]);
    let ids: HashSet<_> = journal.iter().map(|event| &event.event_id).collect();
    assert_eq!(ids.len(), journal.len(), "event ids are used once");
    let total: usize = sent.values().map(|sent| sent.acknowledged).sum();
    println!("{total} webhooks were acknowledged in {ROUNDS} rounds");
    assert!(total >= ROUNDS);
}

impl Load {
    /// Tells one story after the other, each word again until it is acknowledged, as the vendor does.
    async fn send(self: Arc<Self>) {
        let mut doors = self.doors.clone();
        loop {
            let name = self.fresh.lock().unwrap().pop().expect("there are more stories than rounds");
            // The gateway asks the vendor before it believes a decision.
            self.house.act(&name, "start", json!({})).await;
            self.house.act(&name, "submit", json!({ "result": "CHECK_PENDING" })).await;
            self.house.act(&name, "review", json!({ "result": "SUCCESS" })).await;
            for (word, _) in STORY {
                self.note(&name, |sent| sent.tried += 1);
                loop {
                    let living = *doors.wait_for(Option::is_some).await.unwrap();
                    match self.house.webhook(living.unwrap(), &name, word).await {
                        Some(200..300) => break,
                        Some(status) => panic!("the gateway answered {status}"),
                        // The kill came first. Wait until it is known here too.
                        None => tokio::task::yield_now().await,
                    }
                }
                self.note(&name, |sent| sent.acknowledged += 1);
                self.acknowledged.send(()).unwrap();
            }
        }
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut Sent)) {
        change(self.sent.lock().unwrap().get_mut(name).unwrap());
    }
}

/// Waits until as many events are there as webhooks were acknowledged. Whether they are the right ones is judged later.
async fn settled(doors: &Doors, sent: &BTreeMap<String, Sent>) {
    let mut left: BTreeMap<&str, usize> =
        sent.iter().map(|(name, sent)| (name.as_str(), sent.acknowledged + 1)).collect();
    let mut stream = doors.watch().await;
    while !left.is_empty() {
        let event = next_event(&mut stream).await;
        if let Some(count) = left.get_mut(event.identification.as_str()) {
            *count -= 1;
            if *count == 0 {
                left.remove(event.identification.as_str());
            }
        }
    }
}

/// The whole journal, read from the file that the gateway left: positions without a gap, every checksum verified.
pub(super) async fn everything(house: &House) -> Vec<Event> {
    let options = EmbeddedOptions::new(house.path("journal.sqlite3"), house.clock.clone());
    let journal = EmbeddedJournal::open(options).unwrap();
    let mut events = Vec::new();
    let mut position = 0;
    loop {
        let page = journal.read(position, &Filter::default(), 1000).await.unwrap();
        for entry in &page.entries {
            assert_eq!(entry.place.position, u64::try_from(events.len()).unwrap() + 1, "positions are dense");
            events.push(Event::decode(entry.bytes.clone()).unwrap());
        }
        if page.entries.is_empty() {
            break;
        }
        position = u64::try_from(events.len()).unwrap();
    }
    journal.close().await;
    events
}

fn report(restarts: &mut [Duration]) {
    restarts.sort();
    let (median, worst) = (restarts[restarts.len() / 2], restarts[restarts.len() - 1]);
    println!("restart to serving: median {median:?}, worst {worst:?}");
    assert!(worst < RESTART_GUARD, "a restart took {worst:?}");
}
