//! Who may send webhooks: from where, and with a password whose time it is. What is refused learns nothing, is kept
//! nowhere, and is counted by its cause.

use std::time::Duration;

use http::header::DATE;
use idv_gateway::proto::{EventType, IdentificationState, WebhookDeliveryState};

use super::house::{House, Plan, Reply};
use super::words::{CUSTOMER, said, types};

/// 2026-11-22T00:00:00Z, in seconds since 1970: the end of the day on which the second password ends.
const END: f64 = 1_795_305_600.0;

fn behind_a_proxy(plan: &mut Plan) {
    plan.webhooks = false;
    plan.door = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]";
    plan.webhook = "sources = [\"203.0.113.0/24\", \"2001:db8::7\", \"127.0.0.1\"]";
}

/// A webhook with the right password that says where it came from.
async fn via(house: &House, forwarded_for: Option<&str>, body: &str) -> Reply {
    let request = house.authentic(CUSTOMER).body(body.to_owned());
    house
        .send(
            forwarded_for
                .into_iter()
                .fold(request, |request, value| request.header("x-forwarded-for", value)),
        )
        .await
}

async fn forged(house: &House, forwarded_for: &str, body: &str) -> Reply {
    let request = house.client().post(house.webhook_url(CUSTOMER)).basic_auth("idnow", Some("wrong"));
    house.send(request.header("x-forwarded-for", forwarded_for).body(body.to_owned())).await
}

fn without_date(mut reply: Reply) -> Reply {
    assert!(reply.headers.remove(DATE).is_some());
    reply
}

async fn refusals(house: &House, cause: &str) -> f64 {
    let cause = format!("cause=\"{cause}\"");
    house.metric("idv_webhook_refused_total", &[&cause, "connection=\"beispielbank\""]).await
}

#[tokio::test]
async fn what_comes_from_elsewhere_is_refused_like_a_forgery() {
    let house = House::with(behind_a_proxy).await;
    let id = house.created().await;
    let body = said("START", &id).to_string();
    let wrong_password = without_date(forged(&house, "203.0.113.7", &body).await);
    assert_eq!((wrong_password.status, wrong_password.body.len()), (401, 0));
    let both_wrong = forged(&house, "198.51.100.1", &body).await;
    assert_eq!(without_date(both_wrong), wrong_password);
    let elsewhere = [
        Some("198.51.100.1"),
        // Made up by the sender; the last one is the proxy's word.
        Some("203.0.113.7, 198.51.100.1"),
        Some("198.51.100.1, 10.0.0.3"),
        // Not said, or not in a form that can be read: the proxy is a listed address, and still not the sender.
        None,
        Some(""),
        Some("unknown"),
        Some("203.0.113.7, nonsense"),
        Some("127.0.0.1"),
    ];
    for forwarded_for in elsewhere {
        assert_eq!(
            without_date(via(&house, forwarded_for, &body).await),
            wrong_password,
            "{forwarded_for:?}"
        );
    }
    assert!(house.fates().is_empty());
    assert_eq!(types(&house.events().await), [EventType::IdentificationCreated, EventType::WebhookRejected]);
    assert_eq!(house.get(&id).await.state(), IdentificationState::AwaitingUser);
    assert_eq!(refusals(&house, "foreign_source").await, 8.0);
    assert_eq!(refusals(&house, "wrong_credentials").await, 2.0);
    assert_eq!(house.metric("idv_secret_matched_total", &[]).await, 0.0);
}

#[tokio::test]
async fn what_comes_from_the_vendor_is_kept_with_its_address() {
    let house = House::with(behind_a_proxy).await;
    let from = [
        "203.0.113.7",
        "198.51.100.1, 203.0.113.9:4711 , 10.0.0.3",
        "[2001:db8::7]:443",
        "::ffff:203.0.113.8",
    ];
    for forwarded_for in from {
        assert_eq!(via(&house, Some(forwarded_for), "{}").await.status, 204, "{forwarded_for}");
    }
    house.applied(from.len()).await;
    assert_eq!(house.senders(), ["203.0.113.7", "203.0.113.9", "2001:db8::7", "203.0.113.8"]);
}

#[tokio::test]
async fn nobody_but_a_trusted_proxy_says_where_a_request_came_from() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.webhook = "sources = [\"203.0.113.0/24\"]";
    })
    .await;
    assert_eq!(via(&house, Some("203.0.113.7"), "{}").await.status, 401);
    assert_eq!(refusals(&house, "foreign_source").await, 1.0);

    let open = House::silent().await;
    assert_eq!(via(&open, Some("203.0.113.7"), "{}").await.status, 204);
    assert_eq!(open.senders(), ["127.0.0.1"]);
}

#[tokio::test]
async fn a_replay_changes_nothing_wherever_it_comes_from() {
    let house = House::with(behind_a_proxy).await;
    let id = house.created().await;
    let body = said("START", &id).to_string();
    assert_eq!(via(&house, Some("203.0.113.7"), &body).await.status, 204);
    house.applied(1).await;
    let before = (house.events().await.len(), house.get(&id).await);
    assert_eq!(before.1.state(), IdentificationState::InProgress);

    assert_eq!(via(&house, Some("203.0.113.7"), &body).await.status, 204);
    assert_eq!(via(&house, Some("198.51.100.1"), &body).await.status, 401);
    let fates = house.applied(2).await;
    assert_eq!(fates, [(WebhookDeliveryState::Applied, 1), (WebhookDeliveryState::Duplicate, 0)]);
    let mut events = house.events().await;
    events.retain(|event| event.r#type() != EventType::WebhookRejected);
    assert_eq!((events.len(), house.get(&id).await), before);
}

#[tokio::test]
async fn a_password_counts_in_its_time_only() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.password = "not_before = \"2026-11-20T12:00:10Z\"\nnot_after = \"2026-11-21\"";
    })
    .await;
    let labels = ["connection=\"beispielbank\"", "label=\"present\""];
    assert_eq!(house.metric("idv_webhook_credential_expiry_timestamp_seconds", &labels).await, END);

    let early = without_date(house.webhook("{}").await);
    let wrong = house.client().post(house.webhook_url(CUSTOMER)).basic_auth("idnow", Some("wrong"));
    assert_eq!(early, without_date(house.send(wrong.body("{}")).await));
    assert_eq!(early.status, 401);
    house.clock.advance(Duration::from_secs(10));
    assert_eq!(house.webhook("{}").await.status, 204);
    // The last second of the last day, and the next one.
    house.clock.advance(Duration::from_secs(36 * 60 * 60 - 11));
    assert_eq!(house.webhook("{}").await.status, 204);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(without_date(house.webhook("{}").await), early);

    assert_eq!(house.fates().len(), 2);
    assert_eq!(refusals(&house, "credentials_outside_window").await, 2.0);
    assert_eq!(refusals(&house, "wrong_credentials").await, 1.0);
    assert_eq!(house.metric("idv_secret_matched_total", &labels).await, 2.0);
}
