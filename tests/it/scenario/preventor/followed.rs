//! A person is invited, starts and is decided about, and callers see it on their streams.

use idv_gateway::proto::{
    DeliveryMethod, EventType as Type, Evidence, IdentificationState as Seen, Outcome,
    VendorWebhookKind::{Invitations, Tickets},
    WebhookAuthentication::{ApiKey, Basic, Bearer},
};
use serde_json::json;

use super::{EMAIL, FETCHED, UNPOLLED, bank, moves, steps, told, way};
use crate::scenario::house::{House, PASSWORD};
use crate::scenario::reader::{Reader, earliest};

const STARTED: Type = Type::IdentificationStarted;
const SUBMITTED: Type = Type::IdentificationSubmitted;
const ENDED: Type = Type::IdentificationAttemptEnded;
const COMPLETED: Type = Type::IdentificationCompleted;

/// Every proof, with and without encryption.
const EVERY_PROOF: &str = r#"
polling = { enabled = false }
[[connections.banco.preventor.webhook.secrets]]
label = "basic"
proof = { basic = { username = "preventor", password = { file = "@/webhook" } } }
cipher_key = { file = "@/cipher.key" }
[[connections.banco.preventor.webhook.secrets]]
label = "bearer"
proof = { bearer = { token = { file = "@/webhook" } } }
[[connections.banco.preventor.webhook.secrets]]
label = "key"
proof = { api_key = { header = "x-webhook-key", value = { file = "@/webhook" } } }
cipher_key = { file = "@/cipher.key" }
"#;

/// Somebody is invited and accepted, and a reader sees it.
async fn follow(house: &House, evidence: Evidence) {
    let mut reader = Reader::from(&house.channel, earliest()).await;
    let created = house.invited(EMAIL).await;
    assert_eq!(created.state(), Seen::AwaitingUser);
    let sent = created.invitation.clone().unwrap();
    assert_eq!((sent.delivery_method(), sent.send_count), (DeliveryMethod::Email, 1));

    let ticket = house.start(EMAIL).await;
    house.ended(1).await;
    let started = house.whole(&created.name).await;
    assert_eq!((started.state(), started.attempt_count), (Seen::InProgress, 1));
    assert_eq!(started.vendor_reference.unwrap().ticket_ids, [ticket]);
    house.step(EMAIL, "liveness", "PASSED").await;
    house.step(EMAIL, "id_proofing", "PASSED").await;
    house.ended(3).await;
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(5).await;

    let events = reader.until(|event| event.r#type() == Type::IdentificationCompleted).await;
    assert_eq!(moves(&events), [Type::IdentificationCreated, STARTED, COMPLETED]);
    let told: Vec<_> = steps(&events).into_iter().map(|(step, disposition, _)| (step, disposition)).collect();
    let step = |step: &str, disposition: &str| (format!("verification.{step}"), disposition.to_owned());
    assert_eq!(
        told,
        [step("liveness", "PROCESSING"), step("liveness", "PASSED"), step("id_proofing", "PASSED")]
    );
    let completed = house.whole(&created.name).await;
    assert_eq!((completed.state(), completed.attempt_count), (Seen::Completed, 1));
    let decision = completed.decision.unwrap();
    assert_eq!((decision.outcome(), decision.revision), (Outcome::Verified, 1));
    assert_eq!((decision.confidence, decision.evidence()), (Some(0.975), evidence));
    assert_eq!(completed.vendor_reference.unwrap().customer_id.len(), 8, "which only WH_002 tells");
}

#[tokio::test]
async fn by_webhooks_that_the_gateway_registered() {
    for (proof, encrypted) in [(Bearer, true), (Basic, true), (ApiKey, true), (Bearer, false)] {
        let house = bank(UNPOLLED).await;
        for kind in [Tickets, Invitations] {
            let webhook = house.registered(kind, proof, encrypted).await;
            assert_eq!((webhook.kind(), webhook.encrypted, webhook.managed), (kind, encrypted, true));
        }
        follow(&house, Evidence::SharedSecret).await;
    }
}

#[tokio::test]
async fn by_webhooks_that_an_operator_registered() {
    follow(&told().await, Evidence::SharedSecret).await;
}

#[tokio::test]
async fn with_decisions_that_are_fetched_once_somebody_compared_the_tickets() {
    let house = bank(FETCHED).await;
    house.send_plain().await;
    follow(&house, Evidence::Fetched).await;
}

#[tokio::test]
async fn with_every_proof_plain_and_encrypted() {
    let house = bank(EVERY_PROOF).await;
    let proofs = [
        json!({ "type": "BASIC_AUTH", "value": { "username": "preventor", "password": PASSWORD } }),
        json!({ "type": "BEARER_TOKEN", "value": { "token": PASSWORD } }),
        json!({ "type": "API_KEY", "value": { "key": "x-webhook-key", "value": PASSWORD } }),
    ];
    let mut count = 0;
    for (number, proof) in proofs.iter().enumerate() {
        house.send_with(proof, number % 2 == 0).await;
        let created = house.invited(EMAIL).await;
        house.start(EMAIL).await;
        house.decide(EMAIL, "REJECTED").await;
        count += 3;
        house.ended(count).await;
        let seen = house.whole(&created.name).await;
        assert_eq!((seen.state(), seen.decision.unwrap().outcome()), (Seen::Completed, Outcome::Rejected));
    }
    for label in ["basic", "bearer", "key"] {
        let labels = [&*format!("label=\"{label}\"")];
        assert_eq!(house.metric("idv_secret_matched_total", &labels).await, 3.0, "{label}");
    }
}

#[tokio::test]
async fn by_the_persons_of_the_stand_in() {
    for (person, count, moves, tries) in [
        ("x-accepted", 5, vec![STARTED, COMPLETED], 1),
        ("x-rejected", 5, vec![STARTED, COMPLETED], 1),
        ("x-review", 5, vec![STARTED, SUBMITTED, COMPLETED], 1),
        ("x-retry", 6, vec![STARTED, ENDED, STARTED, COMPLETED], 2),
        ("x-abandoned", 3, vec![STARTED, ENDED], 1),
        ("x-again", 7, vec![STARTED, ENDED, STARTED, COMPLETED], 2),
    ] {
        let house = told().await;
        let name = house.invited(&format!("{person}@example.com")).await.name;
        let ends = async || (house.fates().len() == count).then_some(());
        house.in_time("what the person does", ends).await;
        house.ended(count).await;
        let events = house.events().await;
        assert_eq!(way(&events), moves, "{person}");
        assert_eq!(house.whole(&name).await.attempt_count, tries, "{person}");
    }
}
