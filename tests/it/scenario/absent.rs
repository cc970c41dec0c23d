//! What the vendor has no call for: the connection is named, and nothing is sent.

use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::{
    CancelIdentificationRequest, CheckInvitationRequest, DeliveryMethod, IssueClientTokenRequest,
    RestartIdentificationRequest, SendInvitationRequest,
};
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, fields, named, refused, resource};

impl House {
    async fn cancel(&self, request: CancelIdentificationRequest) -> Status {
        self.identifications().cancel_identification(request).await.unwrap_err()
    }

    async fn restart(&self, request: RestartIdentificationRequest) -> Status {
        self.identifications().restart_identification(request).await.unwrap_err()
    }
}

#[tokio::test]
async fn neither_cancel_nor_restart_is_a_capability_of_the_connection() {
    let house = House::silent().await;
    let name = named(&house.created().await);
    let cancelled =
        house.cancel(CancelIdentificationRequest { name: name.clone(), ..Default::default() }).await;
    let restarted = house.restart(RestartIdentificationRequest { name, ..Default::default() }).await;
    for status in [cancelled, restarted] {
        let details = refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
        assert_eq!(resource(&details), BANK);
        assert!(status.message().contains(BANK), "{}", status.message());
    }
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test]
async fn neither_are_invitations_and_client_tokens() {
    let house = House::silent().await;
    let name = named(&house.created().await);
    let check = CheckInvitationRequest {
        parent: BANK.to_owned(),
        delivery_method: DeliveryMethod::Email.into(),
        email: "erika@beispiel.example".to_owned(),
        ..Default::default()
    };
    let send = SendInvitationRequest { name, ..Default::default() };
    let issue = IssueClientTokenRequest { name: BANK.to_owned(), ..Default::default() };
    let mut connections = ConnectionServiceClient::new(house.channel.clone());
    for status in [
        house.identifications().check_invitation(check).await.unwrap_err(),
        house.identifications().send_invitation(send).await.unwrap_err(),
        connections.issue_client_token(issue).await.unwrap_err(),
    ] {
        let details = refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
        assert_eq!(resource(&details), BANK);
    }
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test]
async fn a_malformed_request_is_that_before_anything_else() {
    let house = House::silent().await;
    let status = house
        .cancel(CancelIdentificationRequest {
            name: "connections/beispielbank/identifications/..".to_owned(),
            reason: "x".repeat(501),
            etag: "\n".to_owned(),
            request_id: "{}".to_owned(),
        })
        .await;
    let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["reason", "name", "etag", "request_id"]);
    let restart = RestartIdentificationRequest { request_id: "7".to_owned(), ..Default::default() };
    let details = refused(&house.restart(restart).await, Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["name", "request_id"]);
    let name = "connections/nobody/identifications/7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d".to_owned();
    let restart = RestartIdentificationRequest { name, ..Default::default() };
    refused(&house.restart(restart).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}
