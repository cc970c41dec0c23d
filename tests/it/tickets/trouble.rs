//! What goes wrong inside the gateway: panics, and a store that does not accept.

use std::time::Duration;

use idv_gateway::clock::Clock;
use idv_gateway::error::Kind;
use idv_gateway::journal::memory::AppendFault;
use idv_gateway::journal::{Batch, RecordChange};
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    AutoIdentSpec, ConnectionHealthState as Health, CreateIdentificationRequest, Event, EventType,
    IdentificationSpec, WebhookDeliveryState as State, identification_spec,
};
use serde_json::json;

use super::{Lab, liveness};

#[tokio::test]
async fn a_panic_costs_no_more_than_a_pause() {
    for call in ["normalise", "get"] {
        let lab = Lab::new();
        lab.created().await;
        lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
        lab.vendor.memory().panics = vec![call];
        assert_eq!(lab.fate(liveness("T1")).await, State::Applied, "{call}");
        let accepted = json!({ "word": "accepted", "ticket": "T1" });
        assert_eq!(lab.fate(accepted).await, State::Applied, "{call}");
    }
}

#[tokio::test]
async fn a_call_that_panics_is_a_fault_of_which_nobody_knows_what_it_did() {
    let lab = Lab::new();
    lab.vendor.memory().panics = vec!["create"];
    let kind = identification_spec::Kind::AutoIdent(AutoIdentSpec::default());
    let request = CreateIdentificationRequest {
        parent: "connections/bank".to_owned(),
        spec: Some(IdentificationSpec { kind: Some(kind) }),
        ..CreateIdentificationRequest::default()
    };
    let error = lab.hub.create_identification("anonymous".to_owned(), request).await.unwrap_err();
    assert_eq!(error.kind, Kind::GatewayFault, "{error}");
}

#[tokio::test]
async fn what_was_recorded_past_a_delivery_is_found_all_the_same() {
    let lab = Lab::new();
    let made = lab.created().await;
    let name = lab.send(json!({ "word": "started", "id": "invitation-9" })).await;
    assert_eq!(lab.fate_of(&name).await, State::Unmatched);
    // Whoever recorded it had looked for those who wait before this one did.
    let mut record = lab.journal.record(&made.name.parse().unwrap()).await.unwrap().unwrap();
    record.name.id = Clock::system().uuid();
    let identification = &mut record.identification;
    identification.name = record.name.to_string();
    let reference = identification.vendor_reference.as_mut().unwrap();
    (reference.id, reference.reference) = ("invitation-9".to_owned(), String::new());
    let records = vec![RecordChange { record, replaces: None }];
    lab.journal.append(Batch { records, ..Batch::default() }).await.unwrap();
    lab.until(&name, Duration::from_millis(100), |state| state == State::Applied).await;
}

#[tokio::test]
async fn a_change_of_health_is_told_once_the_store_takes_it() {
    let lab = Lab::new();
    let name = lab.created().await.name.parse().unwrap();
    lab.vendor.answers("invitation-1", "started", "invitation-1", &[]);
    let told = |event: &Event| match &event.payload {
        Some(Payload::ConnectionHealthChanged(changed)) => {
            let health = changed.health.as_ref().unwrap().state();
            Some((changed.previous_state(), health))
        }
        _ => None,
    };
    for (down, fault) in [(true, Some(AppendFault::Unavailable)), (true, None), (false, None)] {
        lab.vendor.memory().down = down;
        lab.memory.fail_appends(fault);
        let refreshed = lab.hub.refresh_identification(&name, None).await;
        assert_eq!(refreshed.is_err(), down);
    }
    let events = lab.events().await;
    let health: Vec<_> = events.iter().filter_map(told).collect();
    assert_eq!(health[1..], [(Health::Unreachable, Health::Healthy)]);
    assert_eq!(health[0].1, Health::Unreachable);
    let kinds = lab.kinds().await;
    assert_eq!(kinds.last(), Some(&EventType::IdentificationStarted), "{kinds:?}");
}
