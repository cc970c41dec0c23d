//! What is done to identifications at MasStack: erased, and where settings say where the vendor has it, cancelled, reopened
//! and sent again.

use idv_gateway::proto::{
    CancelIdentificationRequest, DeleteIdentificationRequest, Identification, IdentificationState as Status,
    RestartIdentificationRequest, SendInvitationRequest,
};
use serde_json::json;
use tonic::Code;

use super::house::House;
use super::masstack::{created, does, house, known, otp, refreshed};
use super::words::{fields, refused};

const UNBOUND: &str = "polling.enabled = false";
const BOUND: &str = r#"
polling.enabled = false
calls.cancel = { method = "POST", path = "/identifications/{kind}/{admin_identification_id}/cancel", kinds = ["otp"] }
calls.restart = { method = "PUT", path = "/identifications/{kind}/{admin_identification_id}" }
calls.send = { method = "POST", path = "/identifications/{kind}/{admin_identification_id}/send" }
"#;

/// A house whose sandbox has the calls where [`BOUND`] says.
async fn bound() -> House {
    let house = house(BOUND).await;
    let place =
        |method: &str, path: &str| json!({ "method": method, "path": format!("/identifications/{path}") });
    let calls = json!({
        "cancel": place("POST", "{kind}/{id}/cancel"),
        "restart": place("PUT", "{kind}/{id}"),
        "send": place("POST", "{kind}/{id}/send"),
    });
    assert_eq!(house.control("masstack/profile", &json!({ "calls": calls })).await.status, 200);
    house
}

async fn delete(house: &House, name: &str, force: bool) -> Result<Identification, tonic::Status> {
    let request = DeleteIdentificationRequest { name: name.to_owned(), force, ..Default::default() };
    let answer = house.identifications().delete_identification(request).await?;
    Ok(answer.into_inner().identification.unwrap())
}

async fn cancel(house: &House, name: &str, reason: &str) -> Result<Identification, tonic::Status> {
    let request = CancelIdentificationRequest {
        name: name.to_owned(),
        reason: reason.to_owned(),
        ..CancelIdentificationRequest::default()
    };
    let answer = house.identifications().cancel_identification(request).await?;
    Ok(answer.into_inner().identification.unwrap())
}

#[tokio::test]
async fn what_has_begun_is_erased_with_force_alone() {
    for errors in ["listed", "empty"] {
        let house = house(UNBOUND).await;
        house.control("masstack/profile", &json!({ "errors": errors })).await;
        let fresh = created(&house, otp()).await;
        assert_eq!(delete(&house, &fresh.name, false).await.unwrap().state(), Status::Deleted);

        let begun = created(&house, otp()).await;
        does(&house, &begun, "start").await;
        let status = delete(&house, &begun.name, false).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
        house.control("masstack/profile", &json!({ "force_denied": true })).await;
        let status = delete(&house, &begun.name, true).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
        house.control("masstack/profile", &json!({ "force_denied": false })).await;
        assert_eq!(delete(&house, &begun.name, true).await.unwrap().state(), Status::Deleted);
        assert_eq!(house.see("masstack/identifications").await["identifications"], json!([]));
    }
}

#[tokio::test]
async fn an_erasure_whose_answer_is_lost_is_found_done() {
    let house = house(UNBOUND).await;
    let made = created(&house, otp()).await;
    let lost =
        json!({ "kind": "status", "operation": "delete", "status": 500, "effect": "after", "times": 1 });
    house.control("masstack/faults", &lost).await;
    let status = delete(&house, &made.name, false).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let erased = house
        .in_time("another try", async || {
            let last = known(&house, &made.name).await;
            (last.state() == Status::Deleted).then_some(last)
        })
        .await;
    assert_eq!(erased.name, made.name);
}

#[tokio::test]
async fn calls_that_are_not_bound_are_not_offered() {
    let house = house(UNBOUND).await;
    let name = created(&house, otp()).await.name;
    let status = cancel(&house, &name, "no longer needed").await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    let restart = RestartIdentificationRequest { name: name.clone(), ..Default::default() };
    let status = house.identifications().restart_identification(restart).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    let send = SendInvitationRequest { name, ..Default::default() };
    let status = house.identifications().send_invitation(send).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
}

#[tokio::test]
async fn what_is_bound_is_cancelled_with_a_reason() {
    let house = bound().await;
    let made = created(&house, otp()).await;
    let status = cancel(&house, &made.name, "").await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["reason"]);
    assert_eq!(cancel(&house, &made.name, "no longer needed").await.unwrap().state(), Status::Cancelled);
    let process = seen(&house, &made).await;
    assert_eq!((&process["state"], &process["reason"]), (&json!("CANCELLED"), &json!("no longer needed")));

    // The vendor has cancelled it already: it refuses, and says so when it is asked.
    let other = created(&house, otp()).await;
    does(&house, &other, "cancel").await;
    assert_eq!(cancel(&house, &other.name, "no longer needed").await.unwrap().state(), Status::Cancelled);

    let done = created(&house, otp()).await;
    does(&house, &done, "start").await;
    does(&house, &done, "validate").await;
    let status = cancel(&house, &done.name, "too late").await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
}

#[tokio::test]
async fn what_is_bound_is_reopened_and_sent_again() {
    let house = bound().await;
    let made = created(&house, otp()).await;
    let send = SendInvitationRequest { name: made.name.clone(), ..Default::default() };
    let sent = house.identifications().send_invitation(send).await.unwrap().into_inner();
    assert_eq!(sent.identification.unwrap().invitation.unwrap().send_count, 1);
    assert_eq!(seen(&house, &made).await["sent"], json!(2));

    does(&house, &made, "expire").await;
    assert_eq!(refreshed(&house, &made.name).await.state(), Status::Expired);
    let restart = RestartIdentificationRequest { name: made.name.clone(), ..Default::default() };
    let again = house.identifications().restart_identification(restart).await.unwrap().into_inner();
    assert_eq!(again.identification.unwrap().state(), Status::AwaitingUser);
    assert_eq!(seen(&house, &made).await["state"], json!("CREATED"));
}

/// The vendor's view of the process of `identification`.
async fn seen(house: &House, identification: &Identification) -> serde_json::Value {
    let id = &identification.vendor_reference.as_ref().unwrap().id;
    house.see(&format!("masstack/identifications/{id}")).await
}
