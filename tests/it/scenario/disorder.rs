//! Webhooks that come late, twice or in another order, one at a time and many at once.

use std::collections::HashMap;
use std::time::Duration;

use idv_gateway::proto::{
    Event, EventType, Evidence, Identification, IdentificationState as Status, Outcome,
    WebhookDeliveryState as State,
};
use serde_json::{Value, json};

use super::house::House;
use super::words::{shown, types};

const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;
const ENDED: EventType = EventType::IdentificationAttemptEnded;
const SUBMITTED: EventType = EventType::IdentificationSubmitted;
const COMPLETED: EventType = EventType::IdentificationCompleted;
const REVISED: EventType = EventType::IdentificationDecisionRevised;

/// Does one thing after the other at the vendor, each after the gateway has taken in the webhook of the one before.
async fn story(house: &House, id: &str, moves: &[(&str, Value)]) {
    for (does, body) in moves {
        let before = house.events().await.len();
        house.person(id, does, body.clone()).await;
        house.in_time(does, async || (house.events().await.len() > before).then_some(())).await;
    }
}

/// Lets the vendor send an earlier webhook again, and waits for what becomes of it.
async fn told_again(house: &House, id: &str, which: Value, fate: State) {
    let count = house.states().len();
    house.person(id, "resend", which.clone()).await;
    let ends = async || match house.states().get(count) {
        Some(State::Received | State::Confirming) | None => None,
        Some(state) => Some(*state),
    };
    assert_eq!(house.in_time("its end", ends).await, fate, "{which}");
}

#[tokio::test]
async fn a_preliminary_result_after_the_final_one_is_stale() {
    for seconds in [0, 1, 86_400] {
        let house = House::new().await;
        let id = house.created().await;
        let before = [
            ("start", json!({})),
            ("submit", json!({ "result": "CHECK_PENDING" })),
            ("review", json!({ "result": "FRAUD_SUSPICION_PENDING" })),
        ];
        story(&house, &id, &before).await;
        house.clock.advance(Duration::from_secs(seconds));
        story(&house, &id, &[("review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" }))]).await;
        let known = house.get(&id).await;
        for result in ["FRAUD_SUSPICION_PENDING", "CHECK_PENDING"] {
            told_again(&house, &id, json!({ "result": result }), State::Stale).await;
        }
        // A start has no time: what the vendor shows decides, and that is the end.
        told_again(&house, &id, json!({ "result": "START" }), State::Stale).await;
        told_again(&house, &id, json!({ "result": "FRAUD_SUSPICION_CONFIRMED" }), State::Duplicate).await;
        assert_eq!(house.get(&id).await, known, "after {seconds} seconds");
        house.counted("idv_webhook_processed_total", &["outcome=\"stale\""], 3.0).await;
    }
}

#[tokio::test]
async fn the_end_of_one_attempt_once_more_in_the_next_is_stale() {
    for (word, end) in
        [("ABORTED", ("abort", json!({}))), ("CANCELED", ("review", json!({ "result": "CANCELED" })))]
    {
        let house = House::new().await;
        let id = house.created().await;
        let mut moves = vec![("start", json!({}))];
        if word == "CANCELED" {
            moves.push(("submit", json!({ "result": "REVIEW_PENDING" })));
        }
        moves.push(end);
        moves.push(("start", json!({})));
        story(&house, &id, &moves).await;
        told_again(&house, &id, json!({ "result": word }), State::Stale).await;
        assert_eq!(house.get(&id).await.state(), Status::InProgress, "{word}");
        house.clock.advance(Duration::from_secs(1));
        story(&house, &id, &[("submit", json!({ "result": "CHECK_PENDING" }))]).await;
        told_again(&house, &id, json!({ "result": word }), State::Stale).await;
        assert_eq!(house.get(&id).await.state(), Status::InReview, "{word}");
        // And the end of the second one, when it comes, is news.
        story(&house, &id, &[("review", json!({ "result": "CANCELED" }))]).await;
        let seen = house.get(&id).await;
        assert_eq!((seen.state(), seen.attempt_count), (Status::AwaitingRetry, 2), "{word}");
    }
}

#[tokio::test]
async fn the_first_checks_in_the_second_of_their_review_take_nothing_back() {
    let house = House::new().await;
    let id = house.created().await;
    story(&house, &id, &[("start", json!({}))]).await;
    house.fault(json!({ "kind": "webhook_reorder", "times": 1 })).await;
    house.person(&id, "submit", json!({ "result": "CHECK_PENDING" })).await;
    house.person(&id, "review", json!({ "result": "REVIEW_PENDING" })).await;
    house.applied(3).await;
    assert_eq!(house.states(), [State::Applied, State::Applied, State::Stale]);
    assert_eq!(house.get(&id).await.vendor_status, "REVIEW_PENDING");
}

#[tokio::test]
async fn two_decisions_in_one_second_are_two_events_with_every_webhook_doubled() {
    let house = House::new().await;
    let id = house.created().await;
    house.fault(json!({ "kind": "webhook_duplicate", "copies": 3 })).await;
    let moves = [
        ("start", json!({})),
        ("abort", json!({})),
        ("start", json!({})),
        ("submit", json!({ "result": "SUCCESS" })),
        ("review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })),
    ];
    story(&house, &id, &moves).await;
    house.in_time("the end of all", async || at_rest(&house, 20).await).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED, ENDED, STARTED, COMPLETED, REVISED]);
    let mut fates: Vec<_> = house.states();
    fates.sort();
    assert_eq!(fates, [vec![State::Applied; 5], vec![State::Duplicate; 15]].concat());
}

#[tokio::test]
async fn swapped_decisions_come_to_the_true_one() {
    let house = House::new().await;
    let id = house.created().await;
    story(&house, &id, &[("start", json!({})), ("submit", json!({}))]).await;
    house.fault(json!({ "kind": "webhook_reorder" })).await;
    house.person(&id, "review", json!({ "result": "SUCCESS" })).await;
    house.person(&id, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    house.in_time("the end of all", async || at_rest(&house, 4).await).await;
    let events = house.events().await;
    assert_eq!(types(&events), [CREATED, STARTED, SUBMITTED, COMPLETED]);
    assert_eq!(shown(&events[3]).decision.as_ref().unwrap().outcome(), Outcome::FraudConfirmed);
    assert_eq!(house.states()[2..], [State::Applied, State::Stale]);
}

/// Whether all of `count` deliveries have come to their end.
async fn at_rest(house: &House, count: usize) -> Option<()> {
    let states = house.states();
    let waits = |state: &State| matches!(state, State::Received | State::Confirming);
    (states.len() == count && !states.iter().any(waits)).then_some(())
}

/// A sequence of numbers that a seed repeats (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// What one person and the reviewer do, which ends in review or with a decision.
fn moves(dice: &mut Dice) -> Vec<(&'static str, Value)> {
    let mut moves = Vec::new();
    for _ in 0..dice.below(3) {
        moves.push(("start", json!({})));
        if dice.below(2) == 0 {
            moves.push(("abort", json!({})));
        } else {
            moves.push(("submit", json!({ "result": "CHECK_PENDING" })));
            moves.push(("review", json!({ "result": "CANCELED" })));
        }
    }
    moves.push(("start", json!({})));
    moves.push(("submit", json!({ "result": "CHECK_PENDING" })));
    moves.push(("review", json!({ "result": dice.one_of(&["REVIEW_PENDING", "FRAUD_SUSPICION_PENDING"]) })));
    for _ in 0..dice.below(3) {
        let decision = dice.one_of(&["SUCCESS", "SUCCESS_DATA_CHANGED", "FRAUD_SUSPICION_CONFIRMED"]);
        moves.push(("review", json!({ "result": decision })));
    }
    moves
}

fn faults(dice: &mut Dice) -> Vec<Value> {
    let every = [
        json!({ "kind": "webhook_reorder", "times": 20 }),
        json!({ "kind": "webhook_duplicate", "copies": 2, "times": 15 }),
        json!({ "kind": "webhook_delay", "seconds": 7, "times": 15 }),
        json!({ "kind": "webhook_delay", "seconds": 90, "times": 5 }),
        json!({ "kind": "status", "status": 503, "operation": "get", "times": 8 }),
        json!({ "kind": "rate_limit", "retry_after": 3, "operation": "get", "times": 5 }),
        json!({ "kind": "unauthorized", "times": 2 }),
        json!({ "kind": "half_body", "operation": "get", "times": 6 }),
        json!({ "kind": "page", "operation": "get", "times": 4 }),
        json!({ "kind": "status", "status": 500, "operation": "login", "times": 1 }),
    ];
    every.into_iter().filter(|_| dice.below(3) > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_the_vendors_truth_is_known_in_the_end() {
    for seed in [1, 2, 3] {
        mixed(seed).await;
    }
}

/// Many people at once, everything that can go wrong at random, and then a vendor that is well.
async fn mixed(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let house = House::new().await;
    let mut left: Vec<(String, Vec<_>)> = Vec::new();
    for _ in 0..12 {
        let mut moves = moves(&mut dice);
        moves.reverse();
        left.push((house.created().await, moves));
    }
    let ids: Vec<_> = left.iter().map(|(id, _)| id.clone()).collect();
    for fault in faults(&mut dice) {
        house.fault(fault).await;
    }
    let mut told = 0;
    while !left.is_empty() {
        let index = dice.below(left.len());
        let (id, moves) = &mut left[index];
        if let Some((does, body)) = moves.pop() {
            house.person(id, does, body).await;
            told += 1;
        } else {
            left.swap_remove(index);
        }
        // Sometimes in the same second, sometimes later.
        if dice.below(3) == 0 {
            house.clock.advance(Duration::from_secs(dice.below(5) as u64));
        }
    }
    house.well().await;
    let over = async || {
        let log = house.see("webhooks").await["webhooks"].take();
        let log = log.as_array().unwrap();
        let sent =
            log.iter().all(|entry| matches!(entry["state"].as_str(), Some("delivered" | "superseded")));
        assert_eq!(log.len(), told);
        if !sent { None } else { at_rest(&house, house.states().len()).await }
    };
    house.in_time("the end of all", over).await;
    agree(&house, &ids, seed).await;
}

/// Whether the gateway's events and states are what the vendor would say.
async fn agree(house: &House, ids: &[String], seed: u64) {
    let mut own: HashMap<&str, Vec<&Event>> = HashMap::new();
    let events = house.events().await;
    for event in events.iter().filter(|event| !event.identification.is_empty()) {
        own.entry(&event.identification).or_default().push(event);
    }
    for id in ids {
        let seen = house.get(id).await;
        let truth = house.see(&format!("identifications/{id}")).await;
        let result = truth["result"].as_str().unwrap();
        assert_eq!(status(&seen), expected(result), "seed {seed}, {id}: {result}");
        assert_eq!(seen.vendor_status, result, "seed {seed}, {id}");
        let own = &own[seen.name.as_str()];
        let revisions: Vec<_> = own.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, (1..=seen.revision).collect::<Vec<_>>(), "seed {seed}, {id}");
        for event in own.iter().filter(|event| matches!(event.r#type(), COMPLETED | REVISED)) {
            assert_eq!(event.evidence(), Evidence::Fetched, "seed {seed}, {id}");
        }
    }
}

fn status(seen: &Identification) -> (Status, Option<Outcome>) {
    (seen.state(), seen.decision.as_ref().map(|decision| decision.outcome()))
}

fn expected(result: &str) -> (Status, Option<Outcome>) {
    match result {
        "SUCCESS" => (Status::Completed, Some(Outcome::Verified)),
        "SUCCESS_DATA_CHANGED" => (Status::Completed, Some(Outcome::VerifiedDataChanged)),
        "FRAUD_SUSPICION_CONFIRMED" => (Status::Completed, Some(Outcome::FraudConfirmed)),
        _ => (Status::InReview, None),
    }
}
