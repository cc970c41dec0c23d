//! What is not the vendor's: one answer for all of it, and nothing kept. What is authentic and makes no sense: kept,
//! counted by its field, and in nobody's way.

use http::header::DATE;
use idv_gateway::proto::{EventType as Type, IdentificationState as Seen, WebhookDeliveryState as State};
use serde_json::{Value, json};

use super::{EMAIL, FETCHED, SEALED, bank, moves, told};
use crate::scenario::house::{CIPHER_KEY, House, PASSWORD, Reply};
use crate::scenario::operator::newest;
use crate::scenario::words::BANCO;
use crate::vendor::cipher::encrypt;

const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
const CREATED: Type = Type::IdentificationCreated;
const STARTED: Type = Type::IdentificationStarted;

impl House {
    async fn post(&self, token: Option<&str>, iv: Option<&str>, body: String) -> Reply {
        let mut request = self.client().post(self.webhook_url(BANCO)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(iv) = iv {
            request = request.header("x-pvt-cipher-iv", iv);
        }
        let mut reply = self.send(request).await;
        assert!(reply.headers.remove(DATE).is_some());
        reply
    }

    /// A plain webhook with the right token.
    async fn says(&self, body: impl Into<String>) {
        assert_eq!(self.post(Some(PASSWORD), None, body.into()).await.status, 204);
    }

    async fn drift(&self, field: &str) -> f64 {
        let labels = ["vendor=\"VENDOR_PREVENTOR\"", &format!("field=\"{field}\"")];
        self.metric("idv_vendor_drift_total", &labels).await
    }
}

/// The invitation webhook that says `state` of the invitation `id`.
fn about(id: &str, state: &str, status: &str) -> Value {
    json!({ "id": id, "invitation_state": state, "transaction_status": status, "attempts": 1 })
}

#[tokio::test]
async fn every_forgery_gets_the_same_bytes_and_changes_nothing() {
    let house = bank(SEALED).await;
    let created = house.invited(EMAIL).await;
    let body = about(&created.vendor_reference.unwrap().id, "COMPLETED", "ACCEPTED").to_string();
    let (iv, sealed) = encrypt(CIPHER_KEY, 1, body.as_bytes());
    let (_, foreign) = encrypt(OTHER_KEY, 1, body.as_bytes());
    let token = Some(PASSWORD);
    let mut altered = sealed.clone();
    altered.replace_range(..4, "AAAA");
    let attempts = [
        ("no proof", None, Some(&*iv), sealed.clone()),
        ("a wrong proof", Some("wrong"), Some(&*iv), sealed.clone()),
        ("another key", token, Some(&*iv), foreign),
        ("no vector", token, None, sealed.clone()),
        ("a short vector", token, Some("AAAA"), sealed.clone()),
        ("plain", token, Some(&*iv), body.clone()),
        ("cut off", token, Some(&*iv), sealed[..sealed.len() - 4].to_owned()),
        ("altered", token, Some(&*iv), altered),
    ];
    let mut replies = Vec::new();
    for (wrong, token, iv, body) in attempts {
        replies.push((wrong, house.post(token, iv, body).await));
    }
    for (wrong, reply) in &replies {
        assert_eq!(reply, &replies[0].1, "{wrong}");
    }
    assert_eq!((replies[0].1.status, replies[0].1.body.len()), (401, 0));
    assert!(house.fates().is_empty());
    assert_eq!(moves(&house.events().await), [CREATED, Type::WebhookRejected]);
    assert_eq!(house.whole(&created.name).await.state(), Seen::AwaitingUser);
    for (cause, count) in
        [("missing_credentials", 1.0), ("wrong_credentials", 1.0), ("undecryptable_body", 6.0)]
    {
        let labels = [&*format!("cause=\"{cause}\""), "connection=\"banco\""];
        assert_eq!(house.metric("idv_webhook_refused_total", &labels).await, count, "{cause}");
    }

    // The same in earnest, and once more with another vector.
    for vector in [1, 2] {
        let (iv, sealed) = encrypt(CIPHER_KEY, vector, body.as_bytes());
        assert_eq!(house.post(token, Some(&iv), sealed).await.status, 204);
    }
    let fates = house.ended(2).await;
    assert_eq!(fates, [(State::Applied, 1), (State::Duplicate, 0)]);
    let decided = [CREATED, Type::WebhookRejected, Type::IdentificationCompleted];
    assert_eq!(moves(&house.events().await), decided);
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_counted_by_its_field() {
    let house = told().await;
    let ticket = |event: &str| json!({ "event": event, "ticket": "T1", "flow_status": "ACCEPTED" });
    let without = |mut body: Value, name: &str| {
        body.as_object_mut().unwrap().remove(name);
        body.to_string()
    };
    let completed = ticket("ticket.verification.completed");
    let bodies = [
        ("José Núñez".to_owned(), "$"),
        ("[]".to_owned(), "event"),
        ("{}".to_owned(), "event"),
        (ticket("something.new").to_string(), "event"),
        (without(completed.clone(), "ticket"), "ticket"),
        (without(completed, "flow_status"), "flow_status"),
        (without(about("I1", "SENT", ""), "id"), "id"),
        (about("a/../b", "SENT", "").to_string(), "id"),
    ];
    for (count, (body, field)) in (1..).zip(bodies) {
        let before = house.drift(field).await;
        house.says(&body).await;
        house.ended(count).await;
        assert_eq!(house.drift(field).await, before + 1.0, "{body}");
        let kept = newest(&house).await;
        assert_eq!(kept.state(), State::Unreadable, "{body}");
        assert!(kept.failure.starts_with(field), "{}", kept.failure);
    }
    // Others are not in its way.
    house.invited(EMAIL).await;
    house.start(EMAIL).await;
    house.ended(9).await;
    assert_eq!(moves(&house.events().await), [CREATED, STARTED]);
}

#[tokio::test]
async fn words_that_nobody_knows_are_counted_and_decide_nothing() {
    let house = told().await;
    let created = house.invited(EMAIL).await;
    let id = created.vendor_reference.unwrap().id;
    let ticket = house.start(EMAIL).await;
    house.ended(1).await;
    let said = json!({
        "event": "ticket.verification.completed", "ticket": ticket, "flow_status": "PERHAPS", "more": [1],
    });
    for (count, (body, field)) in (2..).zip([
        (said, "flow_status"),
        (about(&id, "FROZEN", ""), "invitation_state"),
        (about(&id, "COMPLETED", "PERHAPS"), "transaction_status"),
    ]) {
        house.says(body.to_string()).await;
        house.ended(count).await;
        assert_eq!(house.drift(field).await, 1.0, "{field}");
        let seen = house.whole(&created.name).await;
        assert_eq!((seen.state(), seen.decision), (Seen::InProgress, None), "{field}");
    }
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(6).await;
    assert_eq!(house.whole(&created.name).await.state(), Seen::Completed);
}

#[tokio::test]
async fn what_speaks_of_nobody_waits() {
    let house = told().await;
    house.says(about("7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d", "COMPLETED", "ACCEPTED").to_string()).await;
    assert_eq!(house.ended(1).await, [(State::Unmatched, 0)]);
    assert!(house.events().await.is_empty());
}

/// Not even by who knows the secret: the vendor says whose it is.
#[tokio::test]
async fn somebody_elses_ticket_is_attached_to_nobody() {
    let house = bank(FETCHED).await;
    let created = house.invited(EMAIL).await;
    house.invited("another@example.com").await;
    let ticket = house.start("another@example.com").await;
    house.decide("another@example.com", "ACCEPTED").await;
    let id = created.vendor_reference.as_ref().unwrap().id.clone();
    let mut body = about(&id, "COMPLETED", "ACCEPTED");
    body["ticket"] = json!(ticket);
    house.says(body.to_string()).await;
    let over = async || (house.states() == [State::Stale]).then_some(());
    house.in_time("the end of asking", over).await;
    assert_eq!(house.whole(&created.name).await, created);
    assert_eq!(
        moves(&house.events().await),
        [CREATED, CREATED],
        "nor is anything said against the connection"
    );
}
