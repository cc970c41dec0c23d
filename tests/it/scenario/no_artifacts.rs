//! Identifications that have no files: told by their state, before the vendor is asked.

use std::time::Duration;

use idv_gateway::proto::{DeleteIdentificationRequest, IdentificationState as State};
use serde_json::json;
use tonic::Code;

use super::artifacts::{listed, opened};
use super::house::House;
use super::words::{BANK, create, named, refused};

const DOUBTFUL: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const REFUSED: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

impl House {
    /// Nothing is listed or handed out of the identification `id`, which is in `state`, for `reason`.
    async fn has_no_files(&self, id: &str, state: State, reason: &str) {
        assert_eq!(self.get(id).await.state(), state);
        let name = named(id);
        refused(&listed(self, &name).await.unwrap_err(), Code::FailedPrecondition, reason);
        for file in ["archive", "report-pdf", "report-xml-direct", "face"] {
            let status = opened(self, &format!("{name}/artifacts/{file}"), 0).await.err();
            refused(&status.expect(file), Code::FailedPrecondition, reason);
        }
        let asked = self.see("statistics").await["by_path"].to_string();
        assert!(!["pdf", "xml", "zip"].iter().any(|it| asked.contains(&format!("{{t}}.{it}"))), "{asked}");
    }
}

#[tokio::test]
async fn what_the_vendor_may_not_have_yet_is_not_ready() {
    let house = House::silent().await;
    house.fault(json!({ "kind": "status", "operation": "start", "status": 503 })).await;
    let mut request = create(BANK);
    request.identification_id = DOUBTFUL.to_owned();
    house.try_create(request).await.unwrap_err();
    house.has_no_files(DOUBTFUL, State::Creating, "RESULT_NOT_READY").await;
}

#[tokio::test]
async fn what_the_vendor_refused_never_has_any() {
    let house = House::silent().await;
    let refusal = json!({ "errors": [{ "cause": "FORBIDDEN", "id": "4711" }] }).to_string();
    house.fault(json!({ "kind": "body", "operation": "start", "text": refusal })).await;
    let mut request = create(BANK);
    request.identification_id = REFUSED.to_owned();
    house.try_create(request).await.unwrap_err();
    house.has_no_files(REFUSED, State::Failed, "STATE_NOT_ALLOWED").await;
}

#[tokio::test]
async fn what_has_expired_is_gone() {
    let house = House::silent().await;
    let id = house.created().await;
    house.clock.advance(91 * Duration::from_hours(24));
    house.in_time("its end", async || (house.get(&id).await.state() == State::Expired).then_some(())).await;
    house.has_no_files(&id, State::Expired, "IDENTIFICATION_GONE").await;
}

#[tokio::test]
async fn what_was_deleted_is_gone() {
    let house = House::silent().await;
    let id = house.completed().await;
    let delete = DeleteIdentificationRequest { name: named(&id), ..DeleteIdentificationRequest::default() };
    house.identifications().delete_identification(delete).await.unwrap();
    house.has_no_files(&id, State::Deleted, "IDENTIFICATION_GONE").await;
}
