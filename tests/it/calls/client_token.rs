//! Tokens for a vendor's SDK: secrets that a repeat gets too, and nobody else.

use std::time::Duration;

use idv_gateway::error::{Kind, Result};
use idv_gateway::proto::{IssueClientTokenRequest, IssueClientTokenResponse};

use super::{CALLER, OTHER_ID, REQUEST_ID, fields, refused};
use crate::double::{Desk, Fault, INVITER, Nature};

impl Desk {
    async fn issue(&self, request_id: &str) -> Result<IssueClientTokenResponse> {
        let request = IssueClientTokenRequest { name: INVITER.to_owned(), request_id: request_id.to_owned() };
        self.hub.issue_client_token(CALLER.to_owned(), request).await
    }
}

fn item() -> String {
    format!("client_token/inviter/{CALLER}/{REQUEST_ID}")
}

#[tokio::test]
async fn a_repeat_gets_the_first_token_until_it_expires() {
    let desk = Desk::new();
    let first = desk.issue(REQUEST_ID).await.unwrap();
    assert_eq!((first.token.as_str(), first.replayed), ("token-1", false));
    let hour = Duration::from_hours(1);
    assert_eq!(first.expire_time, Some((desk.now() + hour).into()));
    let desk = desk.restarted();
    let again = desk.issue(REQUEST_ID).await.unwrap();
    assert_eq!((again.token, again.replayed, again.expire_time), (first.token, true, first.expire_time));
    assert_eq!(desk.issue(OTHER_ID).await.unwrap().token, "token-2");
    assert_eq!(desk.issue("").await.unwrap().token, "token-3");

    assert!(desk.is_sealed(&item()).await);
    desk.hand.advance(hour);
    desk.works();
    desk.in_time("the end of it", async || (!desk.is_sealed(&item()).await).then_some(())).await;
    refused(desk.issue(REQUEST_ID).await, Kind::RequestIdReused);
    assert_eq!(desk.double.calls().len(), 3);
}

#[tokio::test]
async fn what_the_vendor_refused_may_be_asked_for_again() {
    let desk = Desk::new();
    desk.double.fault("issue", Fault::LostAfter);
    refused(desk.issue(REQUEST_ID).await, Kind::VendorTimeout);
    assert!(!desk.is_sealed(&item()).await);
    assert_eq!(desk.issue(REQUEST_ID).await.unwrap().token, "token-2");
}

#[tokio::test]
async fn it_is_off_unless_the_connection_allows_it() {
    let desk = Desk::before(Nature { tokens: false, ..Nature::default() });
    let error = refused(desk.issue("").await, Kind::CapabilityNotSupported);
    assert!(error.detail.contains("allow_client_tokens"), "{}", error.detail);
    let odd = IssueClientTokenRequest { name: "inviter".to_owned(), request_id: "7".to_owned() };
    let error = refused(desk.hub.issue_client_token(CALLER.to_owned(), odd).await, Kind::ValidationFailed);
    assert_eq!(fields(&error), ["name", "request_id"]);
}
