//! Biometric users: made once, their process token sealed for as long as it is of use, their findings handed on.

use std::time::Duration;

use idv_gateway::error::{Kind, Violation};
use idv_gateway::model::biometric::{DocumentType, Purpose};
use idv_gateway::proto::ClientContext;
use idv_gateway::proto::biometrics::upload_biometric_images_request::Part;
use idv_gateway::proto::biometrics::{
    BiometricImageKind, BiometricPurpose, CreateBiometricUserRequest, CreateBiometricUserResponse,
    EnrollBiometricUserRequest, EnrollBiometricUserResponse, UploadBiometricImagesHeader,
    UploadBiometricImagesRequest, UploadBiometricImagesResponse,
};
use tonic::{Code, Status};

use super::calls::asked_for;
use super::house::{House, start};
use super::pictures::{jpeg, whole};
use super::{Fault, Heard, OTHER, PLATFORM, REQUEST_ID, findings};
use crate::scenario::words::{fields, refused};

const OTHER_ID: &str = "0f7e1b86-50a5-4a0e-8a36-6c3d9a1d2b11";
const FIRST: &str = "process_token/connections/platform/biometricUsers/user-1";
const HOUR: Duration = Duration::from_hours(1);

fn client() -> Option<ClientContext> {
    Some(ClientContext { ip_address: "192.0.2.7".to_owned(), ..ClientContext::default() })
}

fn create(request_id: &str) -> CreateBiometricUserRequest {
    CreateBiometricUserRequest {
        parent: PLATFORM.to_owned(),
        purpose: BiometricPurpose::Onboarding.into(),
        document_type: "DRIVER_LICENSE".to_owned(),
        request_id: request_id.to_owned(),
        client: client(),
    }
}

async fn try_create(house: &House, request_id: &str) -> Result<CreateBiometricUserResponse, Status> {
    Ok(house.biometrics().create_biometric_user(create(request_id)).await?.into_inner())
}

pub(super) async fn created(house: &House, request_id: &str) -> CreateBiometricUserResponse {
    try_create(house, request_id).await.unwrap()
}

pub(super) fn header(user: &str, request_id: &str) -> UploadBiometricImagesHeader {
    UploadBiometricImagesHeader {
        name: format!("{PLATFORM}/biometricUsers/{user}"),
        request_id: request_id.to_owned(),
        client: client(),
    }
}

pub(super) async fn send(house: &House, parts: Vec<Part>) -> Result<UploadBiometricImagesResponse, Status> {
    let messages = parts.into_iter().map(|part| UploadBiometricImagesRequest { part: Some(part) });
    let stream = futures::stream::iter(messages.collect::<Vec<_>>());
    Ok(house.biometrics().upload_biometric_images(stream).await?.into_inner())
}

/// An upload of two pictures, the portrait of so many bytes.
async fn upload(
    house: &House,
    request_id: &str,
    size: usize,
) -> Result<UploadBiometricImagesResponse, Status> {
    upload_of(house, "user-1", request_id, size).await
}

async fn upload_of(
    house: &House,
    user: &str,
    request_id: &str,
    size: usize,
) -> Result<UploadBiometricImagesResponse, Status> {
    let portrait = whole(BiometricImageKind::Portrait, &jpeg(size));
    let document = whole(BiometricImageKind::Document, &jpeg(64));
    let header = vec![Part::Header(header(user, request_id))];
    send(house, [header, portrait.to_vec(), document.to_vec()].concat()).await
}

fn enrolment(ticket: &str, request_id: &str) -> EnrollBiometricUserRequest {
    EnrollBiometricUserRequest {
        name: format!("{PLATFORM}/biometricUsers/user-1"),
        ticket: format!("{PLATFORM}/tickets/{ticket}"),
        request_id: request_id.to_owned(),
        client: client(),
    }
}

async fn enroll(
    house: &House,
    ticket: &str,
    request_id: &str,
) -> Result<EnrollBiometricUserResponse, Status> {
    let request = asked_for(enrolment(ticket, request_id));
    Ok(house.biometrics().enroll_biometric_user(request).await?.into_inner())
}

#[tokio::test]
async fn a_person_is_enrolled_with_the_token_of_the_process() {
    let house = House::new().await;
    let user = created(&house, REQUEST_ID).await;
    assert_eq!((user.name.as_str(), user.create_time), (&*header("user-1", "").name, Some(start().into())));
    let Heard::User(command) = house.platform.only() else { panic!("something else") };
    assert_eq!(
        (command.purpose, command.document_type),
        (Purpose::Onboarding, Some(DocumentType::DriverLicense))
    );
    assert_eq!(Some(command.client), client());

    let house = house.restarted().await;
    let uploaded = upload(&house, "", 64).await.unwrap();
    assert_eq!(
        (uploaded.ticket.as_str(), uploaded.replayed),
        ("connections/platform/tickets/ticket-1", false)
    );
    let found = enroll(&house, "ticket-1", "").await.unwrap();
    assert_eq!(found, findings());
    let heard = house.platform.heard();
    let [_, Heard::Pictures(upload), Heard::Enroll(command, token)] = heard.as_slice() else {
        panic!("something else")
    };
    assert_eq!((upload.token.as_str(), upload.name.to_string()), ("process-token-1", user.name));
    assert_eq!((Some(&upload.client), token.as_str()), (client().as_ref(), "process-token-1"));
    assert_eq!((command.ticket.id.as_str(), Some(&command.client)), ("ticket-1", client().as_ref()));
    let metrics = house.telemetry.scrape().unwrap();
    assert!(metrics.contains("documentReader.mood"), "{metrics}");
}

#[tokio::test]
async fn a_user_is_made_once_for_a_request() {
    let house = House::new().await;
    let first = created(&house, REQUEST_ID).await;
    let again = created(&house, REQUEST_ID).await;
    assert_eq!(again, CreateBiometricUserResponse { replayed: true, ..first });
    let other = CreateBiometricUserRequest { document_type: "VISA".to_owned(), ..create(REQUEST_ID) };
    let status = house.biometrics().create_biometric_user(other).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(house.platform.heard().len(), 1);
    house.platform.fault(Fault::Lost);
    for _call in 0..2 {
        refused(&try_create(&house, OTHER_ID).await.unwrap_err(), Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    }
    assert_eq!(house.platform.heard().len(), 2);
}

#[tokio::test]
async fn a_user_whose_token_could_not_be_kept_stays_in_doubt() {
    let house = House::new().await;
    house.forgets(2);
    refused(&try_create(&house, REQUEST_ID).await.unwrap_err(), Code::Unavailable, "STORE_UNAVAILABLE");
    refused(&try_create(&house, REQUEST_ID).await.unwrap_err(), Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    assert!(!house.is_sealed(FIRST).await);
}

#[tokio::test]
async fn tokens_are_forgotten_when_they_are_of_no_use() {
    let house = House::new().await;
    house.works();
    created(&house, "").await;
    created(&house, "").await;
    let second = FIRST.replace("user-1", "user-2");
    house.hand.advance(HOUR - Duration::from_secs(1));
    assert!(house.is_sealed(FIRST).await && house.is_sealed(&second).await);
    house.hand.advance(Duration::from_secs(1));
    house.until("the end of the first", async || !house.is_sealed(FIRST).await).await;
    // Nothing says until when the vendor takes the second.
    assert!(house.is_sealed(&second).await);
    house.hand.advance(24 * HOUR);
    house.until("the end of the second", async || !house.is_sealed(&second).await).await;
    for status in
        [upload(&house, "", 64).await.unwrap_err(), enroll(&house, "ticket-1", "").await.unwrap_err()]
    {
        refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
    }
    assert_eq!(house.platform.heard().len(), 2);
}

#[tokio::test]
async fn pictures_are_handed_over_once_for_a_request() {
    let house = House::new().await;
    created(&house, "").await;
    let first = upload(&house, REQUEST_ID, 64).await.unwrap();
    let house = house.restarted().await;
    let again = upload(&house, REQUEST_ID, 64).await.unwrap();
    assert_eq!(again, UploadBiometricImagesResponse { replayed: true, ..first });
    let other = upload(&house, REQUEST_ID, 65).await.unwrap_err();
    refused(&other, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(house.platform.heard().len(), 2);
    house.platform.fault(Fault::Lost);
    for _call in 0..2 {
        let status = upload(&house, OTHER_ID, 64).await.unwrap_err();
        refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    }
    assert_eq!(house.platform.heard().len(), 3);
    house.platform.fault(Fault::Refused(Kind::VendorRateLimited));
    let id = "5f3a7b10-0c52-4a44-9d11-7c0d3f6a0e7d";
    refused(&upload(&house, id, 64).await.unwrap_err(), Code::ResourceExhausted, "VENDOR_RATE_LIMITED");
    assert!(!upload(&house, id, 64).await.unwrap().replayed);
}

#[tokio::test]
async fn uploads_at_the_same_time_are_bounded() {
    let house = House::new().await;
    for _user in 0..9 {
        created(&house, "").await;
        upload(&house, "", 64).await.unwrap();
    }
    let before = house.platform.heard().len();
    let uploads = (1..=8).map(async |number: usize| {
        house.platform.fault(Fault::Hangs);
        upload_of(&house, &format!("user-{number}"), "", 64).await
    });
    tokio::select! {
        _ended = futures::future::join_all(uploads) => panic!("they ended"),
        () = house.until("the vendor", async || house.platform.heard().len() == before + 8) => {}
    }
    let status = upload_of(&house, "user-9", "", 64).await.unwrap_err();
    let details = refused(&status, Code::Unavailable, "GATEWAY_OVERLOADED");
    assert!(details.retry_info().is_some());
    assert_eq!(house.platform.heard().len(), before + 8);
}

#[tokio::test]
async fn an_upload_that_stalls_ends() {
    let house = House::new().await;
    created(&house, "").await;
    let (sender, receiver) = futures::channel::mpsc::channel(4);
    let mut parts = sender.clone();
    let part = Some(Part::Header(header("user-1", "")));
    parts.try_send(UploadBiometricImagesRequest { part }).unwrap();
    let mut door = house.biometrics();
    let call = tokio::spawn(async move { door.upload_biometric_images(receiver).await });
    house.until("the upload", async || house.hand.sleepers() > 0).await;
    house
        .until("its end", async || {
            house.hand.advance(Duration::from_secs(1));
            call.is_finished()
        })
        .await;
    refused(&call.await.unwrap().unwrap_err(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    drop(sender);
}

#[tokio::test]
async fn findings_are_asked_for_again_and_kept_nowhere() {
    let house = House::new().await;
    created(&house, "").await;
    let first = enroll(&house, "ticket-1", REQUEST_ID).await.unwrap();
    assert_eq!(first, findings());
    let house = house.restarted().await;
    let again = enroll(&house, "ticket-1", REQUEST_ID).await.unwrap();
    assert_eq!(again, findings(), "the vendor was asked, so it is no replay");
    assert_eq!(house.platform.heard().len(), 3);
    let other = enroll(&house, "ticket-2", REQUEST_ID).await.unwrap_err();
    refused(&other, Code::InvalidArgument, "REQUEST_ID_REUSED");
    house.platform.fault(Fault::Refused(Kind::VendorUnavailable));
    let status = enroll(&house, "ticket-1", OTHER_ID).await.unwrap_err();
    refused(&status, Code::Unavailable, "VENDOR_UNAVAILABLE");
    assert_eq!(enroll(&house, "ticket-1", OTHER_ID).await.unwrap(), findings());
}

#[tokio::test]
async fn what_is_asked_wrongly_is_named() {
    let house = House::new().await;
    let odd = CreateBiometricUserRequest {
        parent: "platform".to_owned(),
        purpose: 7,
        document_type: "LIBRARY_CARD".to_owned(),
        request_id: "7".to_owned(),
        client: Some(ClientContext { time_zone: "Lima time".to_owned(), ..ClientContext::default() }),
    };
    let status = house.biometrics().create_biometric_user(odd).await.unwrap_err();
    let named = fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"));
    assert_eq!(named, ["parent", "purpose", "document_type", "request_id", "client.time_zone"]);
    let odd = EnrollBiometricUserRequest { ticket: format!("{OTHER}/tickets/t"), ..enrolment("t", "") };
    let status = house.biometrics().enroll_biometric_user(asked_for(odd)).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["ticket"]);
    let status = house.biometrics().enroll_biometric_user(enrolment("t", "")).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "PURPOSE_REQUIRED");
    house.platform.memory().refuses = vec![Violation::new("document_type", "is not one of the vendor's")];
    let status = try_create(&house, "").await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["document_type"]);
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn connections_without_it_say_so() {
    let house = House::new().await;
    let request = CreateBiometricUserRequest { parent: OTHER.to_owned(), ..create("") };
    let status = house.biometrics().create_biometric_user(request).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    let name = format!("{OTHER}/biometricUsers/u");
    let parts = vec![Part::Header(UploadBiometricImagesHeader { name: name.clone(), ..header("u", "") })];
    refused(&send(&house, parts).await.unwrap_err(), Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    let ticket = format!("{OTHER}/tickets/t");
    let request = asked_for(EnrollBiometricUserRequest { name, ticket, ..enrolment("t", "") });
    let status = house.biometrics().enroll_biometric_user(request).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
}

pub(super) async fn everything(house: &House) -> Vec<String> {
    let mut told = vec![format!("{:?}", created(house, REQUEST_ID).await)];
    let portrait = [jpeg(64), super::canary::CANARY.as_bytes().to_vec()].concat();
    let pictures =
        [whole(BiometricImageKind::Portrait, &portrait), whole(BiometricImageKind::Document, &jpeg(64))];
    let parts = |id: &str| [vec![Part::Header(header("user-1", id))], pictures.concat()].concat();
    told.push(format!("{:?}", send(house, parts(REQUEST_ID)).await));
    told.push(format!("{:?}", send(house, parts(REQUEST_ID)).await));
    house.platform.fault(Fault::Lost);
    told.push(format!("{:?}", send(house, parts("")).await));
    let odd = whole(BiometricImageKind::Portrait, super::canary::CANARY.as_bytes()).to_vec();
    told.push(format!("{:?}", send(house, [vec![Part::Header(header("user-1", ""))], odd].concat()).await));
    told.push(format!("{:?}", enroll(house, "ticket-1", REQUEST_ID).await));
    house.platform.fault(Fault::Lost);
    told.push(format!("{:?}", enroll(house, "ticket-1", "").await));
    told
}
