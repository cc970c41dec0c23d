//! What the vendor never documented: kept, counted by field, in nobody's way, and replayable by a release that knows.

use idv_gateway::proto::{EventOrigin, EventType, WebhookDeliveryState as State};
use serde_json::{Value, json};

use super::house::House;
use super::operator::{got, listed, newest, replayed, try_got};
use super::words::{said, shown, types};

const CREATED: EventType = EventType::IdentificationCreated;
const STARTED: EventType = EventType::IdentificationStarted;
const UPDATED: EventType = EventType::IdentificationUpdated;

/// How often the word, the member or the lack of one in `field` was counted.
async fn drift(house: &House, field: &str) -> f64 {
    house.metric("idv_vendor_drift_total", &[&format!("field=\"{field}\"")]).await
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body["identificationprocess"][field] = value;
    body
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_counted_by_its_field() {
    let house = House::silent().await;
    let id = house.created().await;
    let start = said("START", &id);
    let number = "identificationprocess.transactionnumber";
    let company = with(start.clone(), "companyid", json!("somebody-else"));
    let listed_company = json!({ "identifications": [start, start, company] });
    let bodies: [(Vec<u8>, &str, &str); 8] = [
        (b"Erika Beispiel".to_vec(), "$", "$"),
        (b"\xff\xfe{}".to_vec(), "$", "$"),
        (br#"{"erika beispiel": ["#.to_vec(), "$", "$"),
        (b"[]".to_vec(), "$", "$"),
        (text(&with(start.clone(), "transactionnumber", Value::Null)), number, number),
        (text(&with(start.clone(), "result", json!(5))), RESULT, RESULT),
        (text(&listed_company), "identifications[2].identificationprocess.companyid", COMPANY),
        (br#"{"identifications": [{}, 7]}"#.to_vec(), "identifications[1]", "identifications"),
    ];
    let mut whole = 0.0;
    for (count, (body, path, field)) in (1..).zip(bodies) {
        let before = drift(&house, field).await;
        assert_eq!(house.webhook(body.clone()).await.status, 204, "{path}");
        house.applied(count).await;
        assert_eq!(drift(&house, field).await, before + 1.0, "{field}");
        let kept = newest(&house).await;
        assert_eq!(kept.state(), State::Unreadable);
        assert!(kept.failure.starts_with(&format!("{path}: ")), "{}", kept.failure);
        assert_eq!(try_got(&house, &kept.name, true).await.unwrap().body, body);
        whole += 1.0;
    }
    assert_eq!(house.metric("idv_vendor_drift_total", &[]).await, whole, "and nothing under another name");
    assert_eq!(listed(&house, &[State::Unreadable], 3).await.0.len(), 8);

    // Others are not in its way.
    assert_eq!(house.webhook(text(&start)).await.status, 204);
    house.applied(9).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED]);
}

const RESULT: &str = "identificationprocess.result";
const COMPANY: &str = "identificationprocess.companyid";

fn text(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

#[tokio::test]
async fn members_nobody_knows_are_counted_without_their_names() {
    let house = House::silent().await;
    let id = house.created().await;
    let mut body = with(said("START", &id), "erika_beispiel", json!({ "erika": 1 }));
    body["kanarienvogel"] = json!([1, 2]);
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.applied(1).await;
    assert_eq!(types(&house.events().await), [CREATED, STARTED], "it says all that is needed");
    assert_eq!(drift(&house, "identificationprocess.*").await, 1.0);
    assert_eq!(drift(&house, "$.*").await, 1.0);
    assert_eq!(house.metric("idv_vendor_drift_total", &[]).await, 2.0);
    let metrics = String::from_utf8(house.operator("/metrics").await.body.to_vec()).unwrap();
    assert!(!metrics.contains("erika") && !metrics.contains("kanarienvogel"), "{metrics}");
}

#[tokio::test]
async fn the_sandbox_says_nothing_undocumented() {
    let house = House::new().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(house.metric("idv_vendor_drift_total", &[]).await, 0.0);
}

#[tokio::test]
async fn what_is_read_again_to_be_confirmed_is_counted_once() {
    let house = House::silent().await;
    let id = house.created().await;
    house.reviewed(&id, "SUCCESS").await;
    let body = with(said("SUCCESS", &id), "type", json!("FAX"));
    assert_eq!(house.webhook(body.to_string()).await.status, 204);
    house.in_time("the decision", async || house.get(&id).await.decision).await;
    assert_eq!(drift(&house, "identificationprocess.type").await, 1.0);
}

#[tokio::test]
async fn a_word_nobody_knew_is_understood_when_it_is_replayed_later() {
    let house = House::silent().await;
    let id = house.created().await;
    assert_eq!(house.webhook(said("GESTARTET", &id).to_string()).await.status, 204);
    house.applied(1).await;
    assert_eq!(drift(&house, RESULT).await, 1.0);
    let kept = newest(&house).await;
    let events = house.events().await;
    assert_eq!((kept.state(), types(&events)), (State::Applied, vec![CREATED, UPDATED]));
    assert_eq!(shown(&events[1]).vendor_status, "GESTARTET");

    // Replayed by a gateway that knows no more, it says nothing new.
    assert_eq!(replayed(&house, &kept.name).await.event_ids, kept.event_ids);
    assert_eq!(house.events().await.len(), 2);

    let house = house.restarted_with(|plan| plan.start_results = &["GESTARTET"]).await;
    let after = replayed(&house, &kept.name).await;
    let events = house.events().await;
    assert_eq!(types(&events), [CREATED, UPDATED, STARTED]);
    assert_eq!(events[2].origin(), EventOrigin::Replay);
    assert_eq!(events[2].webhook_delivery, kept.name);
    assert_eq!((after.state(), after.event_ids.len()), (State::Applied, 2));
    assert_eq!(after.event_ids[1], events[2].event_id);

    // From now on it has been told.
    replayed(&house, &kept.name).await;
    assert_eq!(got(&house, &kept.name).await, after);
    assert_eq!(house.events().await.len(), 3);
}
