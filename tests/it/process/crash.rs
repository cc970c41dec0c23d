//! A gateway that stops before or right after any one of its appends, and is started again.
//!
//! The gateway runs in a process of its own: this test binary, told by its environment to be one. Callers and the vendor
//! repeat what they have no answer to, and nothing else. Afterwards everything must be as if nothing had happened.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use idv_gateway::app::App;
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::journal::{Appended, Batch, Journal, JournalError, Place};
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{
    AdoptIdentificationRequest, CreateIdentificationRequest, Event, EventType, Identification,
    VendorReference, WebhookDeliveryState as State,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use super::child::{Child, GUARD};
use super::house::{Doors, Gateway, House};
use super::kill::everything;
use crate::journal::altered::{Alter, Altered};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
/// Made at the vendor before the gateway hears of it.
const NUMBER: &str = "Order_7-A";
/// Present in the environment of a process that is to be a gateway: its configuration file.
const CONFIG: &str = "IDV_TEST_CRASH_CONFIG";
/// Where it stops, for example `before 3`.
const STOP: &str = "IDV_TEST_CRASH_STOP";

/// Where a gateway stops. Appends are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    /// The append is not made.
    Before(u64),
    /// The append is durable, and nobody hears of it.
    After(u64),
    /// The append is said to be durable and is not, a fault that must be noticed; the next one is not made.
    Forgetting(u64),
}

impl Stop {
    fn parse(text: &str) -> Self {
        let (when, number) = text.split_once(' ').unwrap_or((text, "0"));
        let number = number.parse().unwrap();
        match when {
            "before" => Self::Before(number),
            "after" => Self::After(number),
            "forgetting" => Self::Forgetting(number),
            _ => Self::Never,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Never => "never".to_owned(),
            Self::Before(number) => format!("before {number}"),
            Self::After(number) => format!("after {number}"),
            Self::Forgetting(number) => format!("forgetting {number}"),
        }
    }
}

/// A journal whose process stops.
struct Stopping {
    stop: Stop,
    appends: AtomicU64,
}

#[async_trait]
impl Alter for Stopping {
    async fn append(&self, inner: &dyn Journal, batch: Batch) -> Result<Appended, JournalError> {
        let number = self.appends.fetch_add(1, Ordering::SeqCst) + 1;
        match self.stop {
            Stop::Before(at) if number == at => std::process::abort(),
            Stop::Forgetting(at) if number == at + 1 => std::process::abort(),
            Stop::Forgetting(at) if number == at => {
                return Ok(Appended { place: Place::default(), duplicate: false });
            }
            _ => {}
        }
        let appended = inner.append(batch).await;
        if self.stop == Stop::After(number) {
            std::process::abort();
        }
        appended
    }
}

/// No test, but the gateway of the tests below. Where nobody asks for one, there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway() {
    let Some(config) = std::env::var_os(CONFIG) else { return };
    let stop = Stop::parse(std::env::var_os(STOP).unwrap().to_str().unwrap());
    let config = Config::load(config.as_ref(), std::iter::empty()).unwrap();
    let stopping = |journal| Altered::over(journal, Stopping { stop, appends: AtomicU64::new(0) });
    let app = App::start_over(config, Clock::system(), stopping).await.unwrap();
    let doors = app.addresses();
    let says = json!({
        "message": "The gateway serves",
        "grpc.address": doors.grpc,
        "webhooks.address": doors.webhooks,
        "admin.address": doors.admin,
    });
    eprintln!("{says}");
    std::future::pending::<()>().await;
}

/// What came of a story, as callers, the vendor and the journal tell it.
#[derive(Debug)]
struct Told {
    stopped: bool,
    created: Answer,
    adopted: Answer,
    repeated: [Answer; 2],
    made_at_vendor: u64,
    deliveries: Vec<State>,
    events: Vec<Event>,
}

/// An answer of which a repeat must be a copy.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    identification: Identification,
    cursor: String,
}

/// A gateway that may stop once, and everybody who has to do with it.
struct Story {
    house: House,
    gateway: Gateway,
    stopped: bool,
}

impl Story {
    async fn begin(stop: Stop) -> Self {
        let house = House::build().await;
        let gateway = start(&house, stop).await;
        Self { house, gateway, stopped: false }
    }

    async fn tell(mut self) -> Told {
        let created = self.until(create).await;
        let name = created.identification.name.clone();
        for (does, body, word) in [
            ("start", json!({}), "START"),
            ("submit", json!({ "result": "CHECK_PENDING" }), "CHECK_PENDING"),
            ("review", json!({ "result": "SUCCESS" }), "SUCCESS"),
        ] {
            self.house.act(&name, does, body).await;
            self.webhook(&name, word).await;
        }

        self.house.made_elsewhere(NUMBER).await;
        self.house.act(NUMBER, "start", json!({})).await;
        self.house.act(NUMBER, "submit", json!({ "result": "CHECK_PENDING" })).await;
        self.webhook(NUMBER, "CHECK_PENDING").await;
        let adopted = self.until(adopt).await;
        self.until(nothing_to_do).await;
        self.house.act(NUMBER, "review", json!({ "result": "SUCCESS" })).await;
        self.webhook(NUMBER, "SUCCESS").await;

        let repeated = [self.until(create).await, self.until(adopt).await];
        self.gateway.child.kill();
        Told {
            stopped: self.stopped,
            created,
            adopted,
            repeated,
            made_at_vendor: self.house.made_in_all().await,
            deliveries: deliveries(&self.house),
            events: everything(&self.house).await,
        }
    }

    /// Sends one webhook until it is acknowledged, and waits until it has had its effect.
    async fn webhook(&mut self, name: &str, word: &str) {
        let send = async |house: &House, doors: Doors| match house.webhook(doors, name, word).await {
            Some(204) => Some(()),
            Some(other) => panic!("{other} to {word}"),
            None => None,
        };
        self.until(send).await;
        self.until(nothing_to_do).await;
    }

    /// Tries until it comes to something, with another gateway when this one has stopped.
    async fn until<T>(&mut self, attempt: impl AsyncFn(&House, Doors) -> Option<T>) -> T {
        let trying = async {
            loop {
                if let Some(done) = attempt(&self.house, self.gateway.doors).await {
                    return done;
                }
                let alive = format!("http://{}/livez", self.gateway.doors.admin);
                if self.house.get(&alive).await.is_none() {
                    assert!(!self.stopped, "a whole gateway stopped");
                    self.stopped = true;
                    let whole = start(&self.house, Stop::Never).await;
                    let ended = std::mem::replace(&mut self.gateway, whole).child.ended().await;
                    assert_eq!(ended.code, None, "it did not stop where it was told: {ended:#?}");
                }
            }
        };
        timeout(GUARD, trying).await.expect("neither an end nor a stop")
    }
}

async fn start(house: &House, stop: Stop) -> Gateway {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear().env(CONFIG, house.config()).env(STOP, stop.text());
    command.args(["--exact", "process::crash::gateway", "--nocapture"]);
    house.serving(Child::spawn(command), SystemTime::UNIX_EPOCH).await
}

async fn create(house: &House, doors: Doors) -> Option<Answer> {
    let request = CreateIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..house.creation() };
    let answer = client(doors).await?.create_identification(request).await;
    let answer = reached(answer.map(tonic::Response::into_inner))?;
    Some(Answer { identification: answer.identification.unwrap(), cursor: answer.cursor })
}

async fn adopt(house: &House, doors: Doors) -> Option<Answer> {
    let request = AdoptIdentificationRequest {
        parent: house.creation().parent,
        vendor_reference: Some(VendorReference {
            reference: NUMBER.to_owned(),
            ..VendorReference::default()
        }),
        request_id: REQUEST_ID.to_owned(),
        ..AdoptIdentificationRequest::default()
    };
    let answer = client(doors).await?.adopt_identification(request).await;
    let answer = reached(answer.map(tonic::Response::into_inner))?;
    Some(Answer { identification: answer.identification.unwrap(), cursor: answer.cursor })
}

async fn client(doors: Doors) -> Option<IdentificationServiceClient<Channel>> {
    let channel = Channel::from_shared(doors.grpc_url()).unwrap().connect().await.ok()?;
    Some(IdentificationServiceClient::new(channel))
}

/// The answer, unless the gateway was gone before it had given one.
fn reached<T>(answer: Result<T, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(status) if status.get_details_error_info().is_none() => None,
        Err(status) => panic!("the gateway refuses: {status:?}"),
    }
}

/// Nothing waits to be done but what has to wait for its time.
async fn nothing_to_do(house: &House, _doors: Doors) -> Option<()> {
    let jobs = "SELECT count(*) FROM jobs WHERE kind NOT IN ('expire', 'poll')";
    let left: i64 = store(house).query_row(jobs, (), |row| row.get(0)).unwrap();
    (left == 0).then_some(())
}

fn deliveries(house: &House) -> Vec<State> {
    let store = store(house);
    let mut rows = store.prepare("SELECT state FROM deliveries ORDER BY number").unwrap();
    let states = rows.query_map((), |row| row.get::<_, i32>(0)).unwrap();
    states.map(|state| State::try_from(state.unwrap()).unwrap()).collect()
}

fn store(house: &House) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(house.path("journal.sqlite3"), flags).unwrap()
}

/// What is wrong with a story.
fn faults(told: &Told) -> Vec<String> {
    const CREATED: EventType = EventType::IdentificationCreated;
    const STARTED: EventType = EventType::IdentificationStarted;
    const SUBMITTED: EventType = EventType::IdentificationSubmitted;
    const COMPLETED: EventType = EventType::IdentificationCompleted;
    let mut faults = Vec::new();
    let mut expect = |what: &str, holds: bool| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let own = [&told.created, &told.adopted];
    for (answer, kinds) in
        own.into_iter().zip([&[CREATED, STARTED, SUBMITTED, COMPLETED][..], &[CREATED, SUBMITTED, COMPLETED]])
    {
        let name = &answer.identification.name;
        let events = told.events.iter().filter(|event| event.identification == *name);
        let found: Vec<_> = events.clone().map(Event::r#type).collect();
        expect(&format!("{name} has {found:?}"), found == kinds);
        expect(&format!("{name} has gaps"), events.map(|event| event.revision).eq(1..=found.len() as i64));
    }
    expect("there are other events", told.events.len() == 7);
    let mut ids: Vec<_> = told.events.iter().map(|event| &event.event_id).collect();
    ids.sort();
    ids.dedup();
    expect("an event id is used twice", ids.len() == told.events.len());
    let deliveries = told.events.iter().map(|event| &event.webhook_delivery);
    let mut causes: Vec<_> = deliveries.filter(|delivery| !delivery.is_empty()).collect();
    let caused = causes.len();
    causes.sort();
    causes.dedup();
    expect("a delivery was applied twice", causes.len() == caused);
    let count = |state: State| told.deliveries.iter().filter(|found| **found == state).count();
    expect(&format!("deliveries {:?}", told.deliveries), count(State::Applied) == 4);
    // The adopted one's first webhook came before it, and said what the vendor then said itself.
    let over = count(State::Applied) + count(State::Duplicate) == told.deliveries.len();
    expect("a delivery waits, or was dropped", over && told.deliveries.len() >= 5);
    expect("the vendor has more than one session for each", told.made_at_vendor == 2);
    expect("a repeat got another answer", told.repeated.iter().eq(own));
    faults
}

/// Stops at every append there is, on one side of it.
async fn every_stop(side: fn(u64) -> Stop) -> u64 {
    for number in 1.. {
        let told = Story::begin(side(number)).await.tell().await;
        assert_eq!(faults(&told), [""; 0], "{:?}: {told:#?}", side(number));
        if !told.stopped {
            return number - 1;
        }
    }
    unreachable!("a story has an end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_at_any_append_changes_nothing() {
    let (before, after) = tokio::join!(every_stop(Stop::Before), every_stop(Stop::After));
    println!("stopped before {before} appends and after {after}");
    // Two of the creation, two of each webhook (three of a decision), and the adoption.
    assert!(before >= 14 && after >= 14, "{before} and {after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_append_is_noticed() {
    // The third append keeps the first webhook.
    let told = Story::begin(Stop::Forgetting(3)).await.tell().await;
    assert!(told.stopped);
    let found = faults(&told);
    assert!(found.iter().any(|fault| fault.contains("deliveries")), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains(&told.created.identification.name)), "{found:?}");
}
