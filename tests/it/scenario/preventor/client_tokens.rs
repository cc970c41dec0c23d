//! Tokens for the vendor's SDK on somebody's device.

use std::time::Duration;

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::{IssueClientTokenRequest, IssueClientTokenResponse};
use serde_json::json;
use tonic::{Code, Response, Status};

use super::{PARENT, PLAIN, bank};
use crate::scenario::house::{API_KEY, House};
use crate::scenario::words::refused;

const ALLOWED: &str = "polling = { enabled = false }\nallow_client_tokens = true";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const OTHER_ID: &str = "0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d";
const HOUR: Duration = Duration::from_hours(1);

impl House {
    async fn issue(&self, request_id: &str) -> Result<IssueClientTokenResponse, Status> {
        let mut client = ConnectionServiceClient::new(self.channel.clone());
        let request = IssueClientTokenRequest { name: PARENT.to_owned(), request_id: request_id.to_owned() };
        client.issue_client_token(request).await.map(Response::into_inner)
    }

    /// What the vendor answers to somebody with `token`.
    async fn status_with(&self, token: &str) -> u16 {
        let url = format!("http://{}/id/v1/identity/settings/webhooks", self.vendor_address());
        let request = self.client().get(url).bearer_auth(token).header("x-api-key", API_KEY);
        self.send(request).await.status
    }

    async fn preventor_logins(&self) -> u64 {
        self.see("preventor/statistics").await["logins"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn a_token_is_the_vendors_and_a_repeat_gets_it_too_until_it_expires() {
    let house = bank(ALLOWED).await;
    let first = house.issue(REQUEST_ID).await.unwrap();
    assert_eq!((first.expire_time, first.replayed), (Some((house.now() + HOUR).into()), false));
    assert_eq!(house.status_with(&first.token).await, 200);
    assert_eq!(house.status_with("another").await, 401);

    let house = house.restarted().await;
    house.clock.advance(HOUR - Duration::from_secs(1));
    let again = house.issue(REQUEST_ID).await.unwrap();
    assert_eq!((&again.token, again.expire_time, again.replayed), (&first.token, first.expire_time, true));
    assert_eq!(house.preventor_logins().await, 1, "the vendor was not asked for it");
    let other = house.issue(OTHER_ID).await.unwrap();
    assert!(!other.replayed && other.token != first.token);

    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.status_with(&first.token).await, 401);
    let expired = async || house.issue(REQUEST_ID).await.err();
    let status = house.in_time("the end of the token", expired).await;
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert!(status.message().contains("has expired"), "{}", status.message());
    assert_eq!(house.status_with(&other.token).await, 200);
    assert!(!String::from_utf8_lossy(&store_bytes(&house)).contains(&other.token));
}

/// Every byte of the store.
fn store_bytes(house: &House) -> Vec<u8> {
    let files = std::fs::read_dir(house.folder()).unwrap().map(|file| file.unwrap().path());
    let stores = files.filter(|path| path.to_string_lossy().contains("journal"));
    stores.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn without_leave_there_are_none_and_the_vendor_is_not_asked() {
    let house = bank(PLAIN).await;
    let status = house.issue(REQUEST_ID).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    assert!(status.message().contains("allow_client_tokens"), "{}", status.message());
    assert_eq!(house.preventor_logins().await, 0);
}

#[tokio::test]
async fn a_token_whose_end_nobody_says_is_kept_for_repeats_all_the_same() {
    let house = bank(ALLOWED).await;
    let profile = json!({ "expiry": "absent", "token_status": 201 });
    assert_eq!(house.control("preventor/profile", &profile).await.status, 200);
    let first = house.issue(REQUEST_ID).await.unwrap();
    assert_eq!(first.expire_time, None);
    let again = house.issue(REQUEST_ID).await.unwrap();
    assert_eq!((again.token, again.replayed), (first.token, true));
}

#[tokio::test]
async fn what_the_vendor_refuses_may_be_asked_for_again() {
    let house = bank(ALLOWED).await;
    for (fault, code, reason) in [
        (json!({ "kind": "status", "status": 503 }), Code::Unavailable, "VENDOR_UNAVAILABLE"),
        (json!({ "kind": "unauthorized" }), Code::FailedPrecondition, "VENDOR_CREDENTIALS_REJECTED"),
        (json!({ "kind": "page" }), Code::Internal, "VENDOR_RESPONSE_INVALID"),
    ] {
        let mut fault = fault;
        fault["operation"] = json!("token");
        house.goes_wrong(&fault).await;
        refused(&house.issue(REQUEST_ID).await.unwrap_err(), code, reason);
        house.mended().await;
    }
    assert!(!house.issue(REQUEST_ID).await.unwrap().replayed);
}
