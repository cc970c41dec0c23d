//! No lost webhook stays lost: the gateway looks by itself, as often as the vendor's etiquette allows.

use std::time::{Duration, SystemTime};

use idv_gateway::proto::{
    Event, EventOrigin, EventType, Evidence, IdentificationState as Status, Outcome,
    WebhookDeliveryState as State,
};
use prost_types::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::house::House;
use super::words::{shown, types};

/// Questions a minute that the connection is allowed. Without a limit there would be more.
const ETIQUETTE: u64 = 10;
const STEP: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
pub(super) const MISSED: &str = "idv_webhook_missed_total";
pub(super) const BANK: &[&str] = &["connection=\"beispielbank\""];

/// A house that looks as it does by default.
async fn house() -> House {
    House::with(|plan| plan.settings = "").await
}

/// Lets `step` pass, and everything run that is due then.
pub(super) async fn tick(house: &House, step: Duration) {
    house.clock.advance(step);
    let path = house.folder().join("journal.sqlite3");
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut looks = 0;
    let rests = async || {
        let now = house.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let due = "SELECT count(*) FROM jobs WHERE due_at_ns <= ?1";
        let due: u32 = store.query_row(due, [i64::try_from(now).unwrap()], |row| row.get(0)).unwrap();
        looks += 1;
        if looks % 500 == 0 {
            // A job that was due again before the worker had let go of it is taken when its lease is over.
            house.clock.advance(Duration::from_secs(10));
        }
        (due == 0).then_some(())
    };
    house.until("the end of what is due", rests).await;
}

/// Lets `time` pass, `step` by `step`.
pub(super) async fn pass(house: &House, time: Duration, step: Duration) {
    for _ in 0..time.div_duration_f64(step).ceil() as u64 {
        tick(house, step).await;
    }
}

/// From now on no webhook is sent.
async fn mute(house: &House) {
    house.fault(json!({ "kind": "webhook_drop" })).await;
}

/// Waits, `step` by `step`, until `id` is in `state`.
pub(super) async fn found(house: &House, id: &str, state: Status, step: Duration) {
    let look = async || {
        let is_there = house.get(id).await.state() == state;
        if !is_there {
            tick(house, step).await;
        }
        is_there.then_some(())
    };
    house.until(state.as_str_name(), look).await;
}

/// The events that looking brought.
async fn polled(house: &House) -> Vec<Event> {
    let events = house.events().await;
    events.into_iter().filter(|event| event.origin() == EventOrigin::Poll).collect()
}

fn seconds(time: Timestamp) -> f64 {
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}

/// What people do one after the other, and where the gateway has to see them in the end. Who has only started is not
/// seen: IDnow shows nothing of them.
fn stories() -> Vec<(Vec<(&'static str, Value)>, Status)> {
    let (start, submit) = (("start", json!({})), ("submit", json!({ "result": "CHECK_PENDING" })));
    let review = |result: &str| ("review", json!({ "result": result }));
    let reviewed = |result: &str| vec![start.clone(), submit.clone(), review(result)];
    vec![
        (vec![], Status::AwaitingUser),
        (vec![start.clone()], Status::AwaitingUser),
        (vec![start.clone(), ("abort", json!({}))], Status::AwaitingRetry),
        (vec![start.clone(), submit.clone()], Status::InReview),
        (reviewed("REVIEW_PENDING"), Status::InReview),
        (reviewed("CANCELED"), Status::AwaitingRetry),
        (reviewed("SUCCESS"), Status::Completed),
        (reviewed("FRAUD_SUSPICION_CONFIRMED"), Status::Completed),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hours_without_webhooks_are_made_up_for_within_the_etiquette() {
    let house = House::with(|plan| plan.settings = "polling = { max_per_minute = 10 }").await;
    let mut people = Vec::new();
    for _ in 0..10 {
        for (mut moves, state) in stories() {
            moves.reverse();
            people.push((house.created().await, moves, state));
        }
    }
    mute(&house).await;
    let begin = house.now();
    for _ in 0..8 {
        for (id, moves, _) in &mut people {
            if let Some((does, body)) = moves.pop() {
                house.person(id, does, body).await;
            }
        }
        let busiest = busiest_minute(&house, 15 * MINUTE).await;
        // One at the beginning of the minute, and as many as may follow.
        assert!(busiest <= ETIQUETTE + 1, "{busiest} questions in one minute");
    }
    house.well().await;
    for (id, _, state) in &people {
        found(&house, id, *state, STEP).await;
    }
    assert!(house.now().duration_since(begin).unwrap() < 3 * HOUR);
    for (id, _, _) in &people {
        let truth = house.see(&format!("identifications/{id}")).await;
        let seen = house.get(id).await;
        if let Some(result) = truth["result"].as_str().filter(|_| seen.state() != Status::AwaitingUser) {
            assert_eq!(seen.vendor_status, result, "{id}");
        }
    }
    told(&house).await;
}

/// Lets `time` pass, and returns how often the vendor was asked in the busiest minute of it.
async fn busiest_minute(house: &House, time: Duration) -> u64 {
    let mut counts = vec![(house.now(), house.asked("gets").await)];
    for _ in 0..time.div_duration_f64(STEP).ceil() as u64 {
        tick(house, STEP).await;
        counts.push((house.now(), house.asked("gets").await));
    }
    let in_the_minute_after = |first: usize| {
        let (begin, before) = counts[first];
        let minute = counts[first..].iter().take_while(|(at, _)| *at <= begin + MINUTE);
        minute.last().map_or(0, |(_, asked)| asked - before)
    };
    (0..counts.len()).map(in_the_minute_after).max().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_in_haste_is_noticed() {
    let house = House::with(|plan| plan.settings = "polling = { max_per_minute = 6000 }").await;
    for _ in 0..10 * stories().len() {
        house.created().await;
    }
    let busiest = busiest_minute(&house, 35 * MINUTE).await;
    assert!(busiest > ETIQUETTE + 1, "the first looks come within a few minutes: {busiest}");
}

/// Every change that looking brought is counted, and by how much it was late.
async fn told(house: &House) {
    let polled = polled(house).await;
    assert!(polled.len() >= 60, "{}", polled.len());
    assert!(polled.iter().all(|event| event.evidence() == Evidence::Fetched));
    house.counted(MISSED, BANK, polled.len() as f64).await;
    let late = |event: &Event| Some(seconds(event.record_time?) - seconds(event.occur_time?));
    let late: Vec<_> = polled.iter().filter_map(late).collect();
    assert!(late.iter().all(|late| *late >= 60.0 && *late < 3600.0), "{late:?}");
    house.counted("idv_webhook_lateness_seconds_count", BANK, late.len() as f64).await;
    let sum = house.metric("idv_webhook_lateness_seconds_sum", BANK).await;
    let expected = late.iter().sum::<f64>();
    assert!((sum - expected).abs() < 0.01 * late.len() as f64, "{sum} of {expected}: {late:?}");
}

#[tokio::test]
async fn a_webhook_after_the_look_is_a_duplicate_and_not_missed_twice() {
    let house = house().await;
    let id = house.created().await;
    mute(&house).await;
    house.reviewed(&id, "SUCCESS").await;
    found(&house, &id, Status::Completed, Duration::from_secs(30)).await;
    house.counted(MISSED, BANK, 1.0).await;
    house.well().await;
    house.person(&id, "resend", json!({ "result": "SUCCESS" })).await;
    house.person(&id, "resend", json!({ "result": "CHECK_PENDING" })).await;
    let ends = async || {
        let states = house.states();
        (states.len() == 2 && !states.contains(&State::Received) && !states.contains(&State::Confirming))
            .then_some(states)
    };
    assert_eq!(house.in_time("their ends", ends).await, [State::Duplicate, State::Stale]);
    assert_eq!(house.metric(MISSED, BANK).await, 1.0);
    assert_eq!(types(&house.events().await).len(), 2);
}

#[tokio::test]
async fn a_webhook_on_its_way_is_waited_for() {
    for (does, body, state) in [
        ("review", json!({ "result": "SUCCESS" }), Status::Completed),
        ("review", json!({ "result": "CANCELED" }), Status::AwaitingRetry),
    ] {
        let house = house().await;
        let id = house.created().await;
        house.person(&id, "start", json!({})).await;
        house.person(&id, "submit", json!({ "result": "CHECK_PENDING" })).await;
        house.in_time("the review", async || (house.events().await.len() == 3).then_some(())).await;
        let before = house.asked("gets").await;
        house.clock.advance(Duration::from_secs(290));
        house.fault(json!({ "kind": "webhook_delay", "seconds": 3600, "times": 1 })).await;
        house.person(&id, does, body).await;
        // The look comes 5 to 5 1/2 minutes after the last change, and leaves what it sees to the webhook.
        while house.asked("gets").await == before {
            tick(&house, Duration::from_secs(5)).await;
        }
        assert_eq!(house.get(&id).await.state(), Status::InReview);
        house.well().await;
        let comes = async || (house.get(&id).await.state() == state).then_some(());
        house.until("the webhook's effect", comes).await;
        assert_eq!(house.events().await.last().unwrap().origin(), EventOrigin::Webhook);
        pass(&house, 3 * MINUTE, Duration::from_secs(5)).await;
        assert_eq!(house.metric(MISSED, BANK).await, 0.0);
    }
}

#[tokio::test]
async fn news_without_a_time_is_believed_when_it_is_still_there_a_minute_later() {
    let house = house().await;
    let id = house.created().await;
    mute(&house).await;
    house.person(&id, "start", json!({})).await;
    house.person(&id, "abort", json!({})).await;
    while house.asked("gets").await == 0 {
        tick(&house, Duration::from_secs(5)).await;
    }
    let first = house.now();
    found(&house, &id, Status::AwaitingRetry, Duration::from_secs(1)).await;
    assert!(house.now().duration_since(first).unwrap() >= MINUTE);
    assert_eq!(house.asked("gets").await, 2);
    house.counted(MISSED, BANK, 1.0).await;
    assert_eq!(house.metric("idv_webhook_lateness_seconds_count", BANK).await, 0.0);
}

#[tokio::test]
async fn a_decision_revised_days_later_is_found_on_a_late_look() {
    let house = house().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    found(&house, &id, Status::Completed, Duration::from_secs(1)).await;
    let asked = house.asked("gets").await;
    pass(&house, 5 * 24 * HOUR, HOUR).await;
    mute(&house).await;
    house.person(&id, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    pass(&house, 4 * 24 * HOUR, HOUR).await;
    let revised = house.events().await.pop().unwrap();
    assert_eq!(revised.r#type(), EventType::IdentificationDecisionRevised);
    assert_eq!((revised.origin(), revised.evidence()), (EventOrigin::Poll, Evidence::Fetched));
    let decision = shown(&revised).decision.clone().unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::FraudConfirmed, 2));
    let Some(idv_gateway::proto::event::Payload::IdentificationChanged(changed)) = revised.payload else {
        panic!("not about an identification")
    };
    assert_eq!(changed.previous_decision.unwrap().outcome(), Outcome::Verified);
    // One look after a day, one after seven; the change begins it anew.
    assert_eq!(house.asked("gets").await - asked, 3);
    pass(&house, 60 * 24 * HOUR, 6 * HOUR).await;
    assert_eq!(house.asked("gets").await - asked, 5);
}

#[tokio::test]
async fn one_that_went_back_to_review_is_found_on_a_late_look() {
    let house = house().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    found(&house, &id, Status::Completed, Duration::from_secs(1)).await;
    mute(&house).await;
    pass(&house, HOUR, MINUTE).await;
    house.person(&id, "review", json!({ "result": "REVIEW_PENDING" })).await;
    found(&house, &id, Status::InReview, HOUR).await;
    let reopened = house.events().await.pop().unwrap();
    assert_eq!(reopened.r#type(), EventType::IdentificationReopened);
    assert_eq!((reopened.origin(), reopened.evidence()), (EventOrigin::Poll, Evidence::Fetched));
    // In review again it is looked at often again.
    house.person(&id, "review", json!({ "result": "FRAUD_SUSPICION_CONFIRMED" })).await;
    pass(&house, 10 * MINUTE, MINUTE).await;
    let decision = house.get(&id).await.decision.unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::FraudConfirmed, 2));
}

#[tokio::test]
async fn what_is_quiet_is_looked_at_less_and_less() {
    let house = house().await;
    house.created().await;
    let mut looks = Vec::new();
    for _ in 0..10 {
        let before = house.asked("gets").await;
        pass(&house, 24 * HOUR, 10 * MINUTE).await;
        looks.push(house.asked("gets").await - before);
    }
    assert!((8..=16).contains(&looks[0]), "{looks:?}");
    assert!(looks[4..].iter().all(|looks| (1..=2).contains(looks)), "{looks:?}");
}

#[tokio::test]
async fn switched_off_nobody_is_asked_and_switched_on_it_goes_on() {
    let house = House::new().await;
    let id = house.created().await;
    mute(&house).await;
    house.reviewed(&id, "SUCCESS").await;
    pass(&house, 72 * HOUR, HOUR).await;
    assert_eq!(house.asked("gets").await, 0);
    assert_eq!(house.get(&id).await.state(), Status::AwaitingUser);
    let house = house.restarted_with(|plan| plan.settings = "").await;
    found(&house, &id, Status::Completed, 10 * MINUTE).await;
}

#[tokio::test]
async fn a_vendor_that_asks_for_patience_is_left_alone_on_the_whole_connection() {
    let house = house().await;
    for _ in 0..40 {
        house.created().await;
    }
    house.fault(json!({ "kind": "rate_limit", "operation": "get", "retry_after": 3000 })).await;
    while house.fired().await == 0 {
        tick(&house, Duration::from_secs(10)).await;
    }
    pass(&house, 40 * MINUTE, MINUTE).await;
    let met = house.fired().await;
    assert!((1..=8).contains(&met), "{met} looks met the vendor's refusal");
    house.well().await;
    pass(&house, 2 * HOUR, MINUTE).await;
    assert!(house.asked("gets").await >= 40 + met);
}
