//! Deliveries about one ticket take effect in the order they came in, also while nobody knows whose it is.

use std::time::Duration;

use idv_gateway::model::name::DeliveryName;
use idv_gateway::proto::EventType::*;
use idv_gateway::proto::{EventType, WebhookDeliveryState as State};
use serde_json::{Value, json};

use super::{Lab, liveness};

const STARTED: [EventType; 3] = [IdentificationCreated, IdentificationStarted, TicketProgressed];

fn retry(ticket: &str) -> Value {
    json!({ "word": "retry", "ticket": ticket, "left": 2 })
}

fn accepted(ticket: &str) -> Value {
    json!({ "word": "accepted", "id": "invitation-1", "ticket": ticket })
}

impl Lab {
    /// Sends `bodies` one after the other; the first asks the vendor in vain, and what can be done at once is done.
    async fn sent(&self, bodies: impl IntoIterator<Item = Value>) -> Vec<DeliveryName> {
        let mut names = Vec::new();
        for body in bodies {
            let name = self.send(body).await;
            self.until(&name, Duration::ZERO, |state| state != State::Received).await;
            names.push(name);
        }
        names
    }

    /// Waits until each of `names` was applied.
    async fn all_applied(&self, names: &[DeliveryName]) {
        for name in names {
            self.until(name, Duration::from_millis(100), |state| state == State::Applied).await;
        }
    }
}

#[tokio::test]
async fn who_comes_second_waits_for_what_the_first_learns() {
    let lab = Lab::new();
    lab.created().await;
    let names = lab.sent([liveness("T1")]).await;
    lab.until(&names[0], Duration::from_millis(100), |_state| lab.asked() >= 2).await;
    // It waits for a while before it asks again; from now on everybody would be told.
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    let asked = lab.asked();
    let behind = lab.sent([retry("T1"), json!({ "word": "accepted", "ticket": "T1" })]).await;
    for name in &behind {
        assert_eq!(lab.delivery(name).await.state, State::Unmatched, "it does not ask for itself");
    }
    lab.all_applied(&names).await;
    lab.all_applied(&behind).await;
    assert!(lab.asked() <= asked + 1, "{}", lab.asked() - asked);
    let told = lab.kinds().await;
    assert_eq!(told[..4], [&STARTED[..], &[IdentificationAttemptEnded]].concat());
    assert_eq!(told.last(), Some(&IdentificationCompleted));
}

#[tokio::test]
async fn who_names_both_lets_those_pass_that_ask() {
    let lab = Lab::new();
    lab.created().await;
    let first = lab.sent([liveness("T1")]).await;
    assert_eq!(lab.delivery(&first[0]).await.state, State::Confirming);
    let last = lab.sent([accepted("T1")]).await;
    lab.all_applied(&first).await;
    lab.all_applied(&last).await;
    let [created, started, progressed] = STARTED;
    let told = [created, IdentificationUpdated, started, progressed, IdentificationCompleted];
    assert_eq!(lab.kinds().await, told);
}

#[tokio::test]
async fn who_names_both_lets_those_pass_that_gave_up() {
    let lab = Lab::new();
    lab.created().await;
    let waiting = [lab.send(liveness("T1")).await, lab.send(retry("T1")).await];
    for name in &waiting {
        assert_eq!(lab.fate_of(name).await, State::Unmatched);
    }
    lab.pass(Duration::from_mins(30)).await;
    lab.vendor.answers("T1", "accepted", "invitation-1", &["T1"]);
    assert_eq!(lab.fate(accepted("T1")).await, State::Applied);
    lab.all_applied(&waiting).await;
    let [created, started, progressed] = STARTED;
    let told = [created, IdentificationUpdated, started, progressed, IdentificationAttemptEnded];
    assert_eq!(lab.kinds().await[..5], told);
    assert_eq!(lab.kinds().await.last(), Some(&IdentificationCompleted));
}

#[tokio::test]
async fn the_next_one_asks_when_the_first_has_given_up() {
    let lab = Lab::new();
    lab.created().await;
    let names = lab.sent([liveness("T1"), retry("T1")]).await;
    lab.until(&names[0], Duration::from_millis(100), |state| state == State::Unmatched).await;
    lab.until(&names[1], Duration::from_millis(100), |state| state == State::Confirming).await;
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    lab.all_applied(&names).await;
    let [created, started, progressed] = STARTED;
    assert_eq!(lab.kinds().await[..4], [created, IdentificationUpdated, started, progressed]);
    assert_eq!(lab.kinds().await[4], IdentificationAttemptEnded);
}

#[tokio::test]
async fn who_learns_nothing_to_keep_holds_nobody_up() {
    let lab = Lab::new();
    let made = lab.created().await;
    lab.vendor.answers("invitation-1", "started", "invitation-1", &[]);
    lab.refresh(&made).await;
    // No name of ours can end so: nobody learns the ticket.
    let odd = "T 1";
    let names = lab.sent([json!({ "word": "started", "ticket": odd }), retry(odd)]).await;
    lab.vendor.answers(odd, "started", "invitation-1", &[]);
    assert_ne!(lab.fate_of(&names[0]).await, State::Unmatched);
    let over = |state| !matches!(state, State::Unmatched | State::Received | State::Confirming);
    lab.until(&names[1], Duration::from_millis(100), over).await;
}
