//! Answers of the vendor's that come when more is known than when it was asked.

use std::sync::Arc;
use std::time::Duration;

use idv_gateway::proto::{EventType, IdentificationState, WebhookDeliveryState as State};
use serde_json::json;
use tokio::sync::Semaphore;

use super::Lab;

impl Lab {
    /// From now on says `word` about the first invitation.
    fn says(&self, word: &str) {
        self.vendor.answers("invitation-1", word, "invitation-1", &[]);
    }

    /// The vendor makes its next answer at once, and gives it when there is a permit.
    fn hold_next(&self) -> Arc<Semaphore> {
        self.hold(1)
    }

    /// The same with so many.
    pub(super) fn hold(&self, answers: usize) -> Arc<Semaphore> {
        let permit = Arc::new(Semaphore::new(0));
        self.vendor.memory().slow = Some((answers, permit.clone()));
        permit
    }

    /// Lets others go on until the vendor was asked so often.
    pub(super) async fn until_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_old_answer_to_a_refresh_reopens_nothing() {
    let lab = Lab::new();
    let made = lab.created().await;
    lab.says("started");
    let permit = lab.hold_next();
    let (hub, name) = (lab.hub.clone(), made.name.parse().unwrap());
    let refresh = tokio::spawn(async move { hub.refresh_identification(&name, None).await });
    lab.until_asked(1).await;
    lab.says("accepted");
    let decided = json!({ "word": "accepted", "id": "invitation-1" });
    assert_eq!(lab.fate(decided).await, State::Applied);
    permit.add_permits(1);
    let refreshed = refresh.await.unwrap().unwrap();
    let shown = refreshed.identification.unwrap();
    assert_eq!((shown.state(), refreshed.changed), (IdentificationState::Completed, false));
    assert_eq!(lab.kinds().await, [EventType::IdentificationCreated, EventType::IdentificationCompleted]);
    assert_eq!(lab.asked(), 2, "it is asked again");
}

#[tokio::test]
async fn an_identification_that_goes_on_moving_is_not_asked_about_for_ever() {
    let lab = Lab::new();
    let made = lab.created().await;
    lab.says("started");
    for ticket in ["T1", "T2"] {
        lab.vendor.answers(ticket, "started", "invitation-1", &[]);
    }
    let permit = lab.hold_next();
    let (hub, name) = (lab.hub.clone(), made.name.parse().unwrap());
    let refresh = tokio::spawn(async move { hub.refresh_identification(&name, None).await });
    for (times, word) in (1..=3).zip(["retry", "started", "accepted"]) {
        lab.until_asked(times).await;
        let body = json!({ "word": word, "id": "invitation-1", "ticket": format!("T{times}") });
        assert_eq!(lab.fate(body).await, State::Applied);
        lab.vendor.memory().slow = Some((1, permit.clone()));
        permit.add_permits(1);
    }
    let refreshed = refresh.await.unwrap().unwrap();
    assert_eq!(refreshed.identification.unwrap().state(), IdentificationState::Completed);
    assert_eq!(lab.asked(), 3);
}

#[tokio::test]
async fn an_old_answer_about_a_webhook_reopens_nothing() {
    let lab = Lab::new();
    let made = lab.created().await;
    // The end of a try whose start was never told: whether a start is the next one's, only the vendor knows.
    assert_eq!(lab.fate(json!({ "word": "retry", "id": "invitation-1" })).await, State::Applied);
    lab.says("started");
    let permit = lab.hold_next();
    let start = lab.send(json!({ "word": "started", "id": "invitation-1" })).await;
    lab.until_asked(1).await;
    lab.says("accepted");
    lab.refresh(&made).await;
    permit.add_permits(1);
    assert_eq!(lab.fate_of(&start).await, State::Stale);
    assert_eq!(lab.get(&made).await.state(), IdentificationState::Completed);
    assert_eq!(lab.kinds().await.last(), Some(&EventType::IdentificationCompleted));
}

#[tokio::test]
async fn an_old_answer_about_an_unknown_ticket_reopens_nothing() {
    let lab = Lab::new();
    let made = lab.created().await;
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    let permit = lab.hold_next();
    let start = lab.send(json!({ "word": "started", "ticket": "T1" })).await;
    lab.until_asked(1).await;
    lab.hand.advance(Duration::from_secs(1));
    lab.says("accepted");
    lab.vendor.answers("T1", "accepted", "invitation-1", &["T1"]);
    lab.refresh(&made).await;
    permit.add_permits(1);
    lab.fate_of(&start).await;
    assert_eq!(lab.get(&made).await.state(), IdentificationState::Completed);
    assert!(!lab.kinds().await.contains(&EventType::IdentificationReopened));
}
