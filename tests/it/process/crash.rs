//! A gateway that stops before or right after any one of its appends, and is started again.
//!
//! Callers and the vendor repeat what they have no answer to, and nothing else. Afterwards everything must be as if
//! nothing had happened.

use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{
    AdoptIdentificationRequest, CreateIdentificationRequest, Event, EventType, Identification,
    VendorReference, WebhookDeliveryState as State,
};
use serde_json::json;

use super::house::{Doors, House};
use super::kill::everything;
use super::stopping::{Mortal, Stop, ask, nothing_to_do, store};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
/// Made at the vendor before the gateway hears of it.
const NUMBER: &str = "Order_7-A";

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
struct Story(Mortal);

impl Story {
    async fn begin(stop: Stop) -> Self {
        Self(Mortal::over(House::build().await, stop).await)
    }

    async fn tell(mut self) -> Told {
        let created = self.0.until(create).await;
        let name = created.identification.name.clone();
        for (does, body, word) in [
            ("start", json!({}), "START"),
            ("submit", json!({ "result": "CHECK_PENDING" }), "CHECK_PENDING"),
            ("review", json!({ "result": "SUCCESS" }), "SUCCESS"),
        ] {
            self.0.house.act(&name, does, body).await;
            self.webhook(&name, word).await;
        }

        self.0.house.made_elsewhere(NUMBER).await;
        self.0.house.act(NUMBER, "start", json!({})).await;
        self.0.house.act(NUMBER, "submit", json!({ "result": "CHECK_PENDING" })).await;
        self.webhook(NUMBER, "CHECK_PENDING").await;
        let adopted = self.0.until(adopt).await;
        self.0.until(nothing_to_do).await;
        self.0.house.act(NUMBER, "review", json!({ "result": "SUCCESS" })).await;
        self.webhook(NUMBER, "SUCCESS").await;

        let repeated = [self.0.until(create).await, self.0.until(adopt).await];
        self.0.kill();
        Told {
            stopped: self.0.stops > 0,
            created,
            adopted,
            repeated,
            made_at_vendor: self.0.house.made_in_all().await,
            deliveries: deliveries(&self.0.house),
            events: everything(&self.0.house).await,
        }
    }

    /// Sends one webhook until it is acknowledged, and waits until it has had its effect.
    async fn webhook(&mut self, name: &str, word: &str) {
        let send = async |house: &House, doors: Doors| match house.webhook(doors, name, word).await {
            Some(204) => Some(()),
            Some(other) => panic!("{other} to {word}"),
            None => None,
        };
        self.0.until(send).await;
        self.0.until(nothing_to_do).await;
    }
}

async fn create(house: &House, doors: Doors) -> Option<Answer> {
    let request = CreateIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..house.creation() };
    let call = async |channel| IdentificationServiceClient::new(channel).create_identification(request).await;
    let answer = ask(doors, call).await?.expect("the gateway does not refuse");
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
    let call = async |channel| IdentificationServiceClient::new(channel).adopt_identification(request).await;
    let answer = ask(doors, call).await?.expect("the gateway does not refuse");
    Some(Answer { identification: answer.identification.unwrap(), cursor: answer.cursor })
}

fn deliveries(house: &House) -> Vec<State> {
    let store = store(house);
    let mut rows = store.prepare("SELECT state FROM deliveries ORDER BY number").unwrap();
    let states = rows.query_map((), |row| row.get::<_, i32>(0)).unwrap();
    states.map(|state| State::try_from(state.unwrap()).unwrap()).collect()
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
