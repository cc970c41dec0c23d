//! Webhooks: credentials, encryption, retries, order, generations and faults.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::tenant::{Tenant, decrypt, words};
use crate::sandbox::house::{Inbox, Received};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Registers for tickets alone, with `members` beside the usual.
async fn tickets_with(tenant: &Tenant, members: Value) -> Inbox {
    let inbox = Inbox::open().await;
    let mut webhook = json!({ "type": "WH_001", "url": inbox.url() });
    webhook.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    tenant.put(&webhook).await;
    inbox
}

fn header<'a>(received: &'a Received, name: &str) -> &'a str {
    received.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn plain(received: &Received) -> Option<String> {
    decrypt(SECRET, header(received, "x-pvt-cipher-iv"), &received.bytes)
}

#[test]
fn the_tests_own_decryptor_reads_the_known_answer_and_nothing_else() {
    let iv = "AAECAwQFBgcICQoLDA0ODw==";
    let body = "OqPBTrVKzokBW6Hq95LcveDKDS2fpshwow1xtJsi6whAaf8Sw5XSqeo9nm21r6td510Kqc02ABdgE6wkmQsqDFbsSl8MkfT/2c4\
                DScA81YRQZePPO5xFGYSOnwyIPDjGi7PjOWqZ49V2WXEovaaPAzPxp/9BkkCoSCOAwrxOWsB87rDOhgaKbrtZk8DpjIOmSXiFrTXlH1\
                m4xflxtcXVD3N8oDAcI4oTlid3O953wlU=";
    let read = decrypt(SECRET, iv, body.as_bytes()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read).unwrap()["full_name"], "José Núñez");
    let other = decrypt(&SECRET.replace('0', "1"), iv, body.as_bytes());
    assert!(other.is_none_or(|text| text != read), "another key");
    let other = decrypt(SECRET, "AQECAwQFBgcICQoLDA0ODw==", body.as_bytes());
    assert!(other.is_none_or(|text| text != read), "another IV");
}

#[tokio::test]
async fn the_three_kinds_of_credentials_come_with_plain_bodies() {
    let tenant = Tenant::new().await;
    for (authorization, name, value) in [
        (json!(null), "authorization", ""),
        (
            json!({ "type": "BASIC_AUTH", "value": { "username": "gateway", "password": "open sesame" } }),
            "authorization",
            "Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==",
        ),
        (json!({ "type": "BEARER_TOKEN", "value": { "token": "t0k3n" } }), "authorization", "Bearer t0k3n"),
        (
            json!({ "type": "API_KEY", "value": { "key": "x-custom-api-key", "value": "hidden" } }),
            "x-custom-api-key",
            "hidden",
        ),
    ] {
        let mut inbox = tickets_with(&tenant, json!({ "authorization": authorization })).await;
        tenant.started(&format!("{name}{}@example.com", value.len())).await;
        let received = inbox.next().await;
        assert_eq!(header(&received, name), value);
        assert_eq!(received.content_type, "application/json");
        assert_eq!(received.headers.get("x-pvt-cipher-iv"), None);
        assert_eq!(received.body["disposition"], "PROCESSING");
    }
}

#[tokio::test]
async fn with_a_secret_each_copy_is_encrypted_under_an_iv_of_its_own() {
    let tenant = Tenant::new().await;
    let mut inbox = tickets_with(&tenant, json!({ "secret": SECRET })).await;
    tenant.fault(json!({ "kind": "webhook_duplicate", "copies": 2, "times": 1 })).await;
    let (id, ticket) = tenant.started("a@example.com").await;
    let copies = [inbox.next().await, inbox.next().await, inbox.next().await];
    let ivs: HashSet<_> = copies.iter().map(|copy| header(copy, "x-pvt-cipher-iv").to_owned()).collect();
    assert_eq!(ivs.len(), 3, "{ivs:?}");
    for copy in &copies {
        assert_eq!(copy.content_type, "text/plain");
        let read: Value = serde_json::from_str(&plain(copy).unwrap()).unwrap();
        assert_eq!((&read["ticket"], &read["disposition"]), (&json!(ticket), &json!("PROCESSING")));
        assert_eq!(plain(copy), plain(&copies[0]));
    }
    tenant.webhook_until(0, "delivered").await;
    tenant.step(&id, "resend", json!({ "sequence": 1 })).await;
    let again = inbox.next().await;
    assert_eq!(plain(&again), plain(&copies[0]));
    assert!(!ivs.contains(header(&again, "x-pvt-cipher-iv")));
}

#[tokio::test]
async fn what_is_not_taken_is_given_up_or_tried_again_as_the_profile_says() {
    let tenant = Tenant::new().await;
    let mut inbox = tickets_with(&tenant, json!({})).await;
    inbox.answer(500);
    tenant.started("a@example.com").await;
    inbox.next().await;
    let given_up = tenant.webhook_until(0, "gave_up").await;
    assert_eq!(given_up["attempts"].as_array().unwrap().len(), 1);

    tenant.profile(json!({ "retry": { "kind": "pauses", "seconds": [5, 60] } })).await;
    let (id, _) = tenant.started("b@example.com").await;
    inbox.next().await;
    let waiting = tenant.webhook_until(1, "retrying").await;
    assert_eq!(waiting["next_attempt"], "2026-11-20T12:00:05Z");
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    assert_eq!(words(&inbox.next().await), "completed ACCEPTED PASSED", "retries hold nothing back");
    tenant.webhook_until(2, "retrying").await;
    inbox.answer(204);
    tenant.house.clock.advance(Duration::from_secs(5));
    let mut retried = [words(&inbox.next().await), words(&inbox.next().await)];
    retried.sort();
    let outdated = "in_progressverification.liveness IN_PROGRESS PROCESSING";
    assert_eq!(retried, ["completed ACCEPTED PASSED", outdated], "and are not dropped");
    tenant.webhook_until(1, "delivered").await;
    tenant.webhook_until(2, "delivered").await;
}

#[tokio::test]
async fn the_two_of_an_end_may_change_places_and_the_older_generation_has_others() {
    let tenant = Tenant::new().await;
    let mut inbox = tenant.inbox().await;
    tenant.profile(json!({ "order": "invitation_first" })).await;
    let (id, _) = tenant.started("a@example.com").await;
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    inbox.next().await;
    assert_eq!(words(&inbox.next().await), "invitation ACCEPTED 1");
    assert_eq!(words(&inbox.next().await), "completed ACCEPTED PASSED");

    tenant.profile(json!({ "order": "ticket_first", "generation": "legacy" })).await;
    let (id, ticket) = tenant.started("b@example.com").await;
    let review = json!({ "sub_event": "verification.id_proofing", "disposition": "NEEDS_REVIEW" });
    tenant.step(&id, "step", review).await;
    assert_eq!(words(&inbox.next().await), "onboarding.completed AWAITING", "and the start is not told");
    tenant.house.clock.advance(Duration::from_secs(60));
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    let body = inbox.next().await.body;
    let expected = json!({
        "ticket": ticket,
        "created": 1_795_176_000_000_u64,
        "processed": 1_795_176_060_000_u64,
        "event": "verification.completed",
        "status": "VERIFIED",
    });
    assert_eq!(body, expected);
    assert_eq!(words(&inbox.next().await), "onboarding.completed SUCCESSFUL");
    tenant.step(&id, "complete", json!({ "flow_status": "REJECTED" })).await;
    assert_eq!(words(&inbox.next().await), "verification.completed FAILED");
}

#[tokio::test]
async fn only_the_events_that_were_asked_for_are_sent() {
    let tenant = Tenant::new().await;
    let events = json!({ "events": ["ticket.verification.completed"] });
    let mut inbox = tickets_with(&tenant, events).await;
    let (id, ticket) = tenant.started("a@example.com").await;
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    assert_eq!(words(&inbox.next().await), "completed ACCEPTED PASSED");
    tenant.webhook_until(0, "no_target").await;
    let of_invitation = tenant.webhook_until(2, "no_target").await;
    assert_eq!(
        (&of_invitation["type"], &of_invitation["invitation"], &of_invitation["ticket"]),
        (&json!("WH_002"), &json!(id), &json!(ticket)),
        "nobody registered for it",
    );
    assert!(inbox.is_empty());
}

#[tokio::test]
async fn webhooks_are_lost_late_and_swapped_by_faults() {
    let tenant = Tenant::new().await;
    let mut inbox = tenant.inbox().await;
    tenant.fault(json!({ "kind": "webhook_drop", "times": 1 })).await;
    let (id, _) = tenant.started("a@example.com").await;
    tenant.webhook_until(0, "dropped").await;
    tenant.fault(json!({ "kind": "webhook_reorder", "times": 1 })).await;
    tenant.step(&id, "complete", json!({ "flow_status": "ACCEPTED" })).await;
    assert_eq!(words(&inbox.next().await), "invitation ACCEPTED 1");
    assert_eq!(words(&inbox.next().await), "completed ACCEPTED PASSED");
    tenant.fault(json!({ "kind": "webhook_delay", "seconds": 60, "times": 1 })).await;
    tenant.step(&id, "complete", json!({ "flow_status": "REJECTED" })).await;
    assert_eq!(words(&inbox.next().await), "invitation REJECTED 1");
    tenant.webhook_until(3, "delayed").await;
    tenant.house.clock.advance(Duration::from_secs(60));
    assert_eq!(words(&inbox.next().await), "completed REJECTED FAILED");
    tenant.step(&id, "resend", json!({ "type": "WH_002" })).await;
    assert_eq!(words(&inbox.next().await), "invitation REJECTED 1");
}
