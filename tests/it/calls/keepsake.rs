//! What the connector wants kept: sealed, opened for every later call, gone with its owner.

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{
    AdoptIdentificationRequest, CancelIdentificationRequest, CreateIdentificationRequest,
    DeleteIdentificationRequest, IdentificationView, Subject, UpdateIdentificationRequest, VendorReference,
};
use prost::Message as _;

use super::{CALLER, REQUEST_ID, refused};
use crate::double::desk::{EMAIL, invite};
use crate::double::{Desk, Fault, INVITER};

const NEW_EMAIL: &str = "e.beispiel@beispiel.example";

fn cancel(name: &str) -> CancelIdentificationRequest {
    CancelIdentificationRequest { name: name.to_owned(), ..CancelIdentificationRequest::default() }
}

fn move_to(name: &str, email: &str) -> UpdateIdentificationRequest {
    UpdateIdentificationRequest {
        name: name.to_owned(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["subject.email".to_owned()] }),
        subject: Some(Subject { email: email.to_owned(), ..Subject::default() }),
        ..UpdateIdentificationRequest::default()
    }
}

#[tokio::test]
async fn links_come_with_the_answer_its_repeat_and_the_full_view() {
    let desk = Desk::new();
    let request = CreateIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..invite() };
    let first = desk.try_create(request.clone()).await.unwrap().identification.unwrap();
    let link = first.start_links.first().unwrap().uri.clone();
    assert!(link.starts_with("https://inviter.example/start/"), "{link}");
    let desk = desk.restarted();
    let repeated = desk.try_create(request).await.unwrap();
    assert_eq!((repeated.replayed, repeated.identification.unwrap().start_links), (true, first.start_links));
    assert_eq!(desk.links(&first.name).await, [link]);
    assert!(desk.view(&first.name, IdentificationView::Basic).await.start_links.is_empty());
    assert_eq!(desk.double.calls(), ["create"]);
}

#[tokio::test]
async fn nothing_of_it_is_in_an_event() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.hub.update_identification(CALLER.to_owned(), move_to(&name, NEW_EMAIL)).await.unwrap();
    desk.hub.cancel_identification(CALLER.to_owned(), cancel(&name)).await.unwrap();
    for event in desk.events().await {
        let text = String::from_utf8_lossy(&event.encode_to_vec()).into_owned();
        for secret in [EMAIL, NEW_EMAIL, "inviter.example"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn an_update_replaces_it() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.hub.update_identification(CALLER.to_owned(), move_to(&name, NEW_EMAIL)).await.unwrap();
    let desk = desk.restarted();
    desk.hub.cancel_identification(CALLER.to_owned(), cancel(&name)).await.unwrap();
    let heard = ["create".to_owned(), format!("update {EMAIL}"), format!("cancel {NEW_EMAIL}")];
    assert_eq!(desk.double.calls(), heard);
}

#[tokio::test]
async fn an_update_that_was_not_recorded_leaves_both_places_to_look_at() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.forgets_after(1);
    let outcome = desk.hub.update_identification(CALLER.to_owned(), move_to(&name, NEW_EMAIL)).await;
    refused(outcome, Kind::StoreUnavailable);
    let desk = desk.restarted();
    assert_eq!(desk.double.calls(), ["create".to_owned(), format!("update {EMAIL}")]);
    desk.hub.cancel_identification(CALLER.to_owned(), cancel(&name)).await.unwrap();
    assert_eq!(desk.double.calls()[2], format!("cancel {EMAIL}|{NEW_EMAIL}"));
}

#[tokio::test]
async fn an_update_whose_outcome_is_lost_leaves_both_and_a_refused_one_neither() {
    for (fault, kind, left) in [
        (Fault::LostAfter, Kind::VendorTimeout, format!("{EMAIL}|{NEW_EMAIL}")),
        (Fault::Refused(Kind::VendorRejectedField), Kind::VendorRejectedField, EMAIL.to_owned()),
        (Fault::Refused(Kind::VendorRateLimited), Kind::VendorRateLimited, EMAIL.to_owned()),
    ] {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.fault("update", fault);
        let outcome = desk.hub.update_identification(CALLER.to_owned(), move_to(&name, NEW_EMAIL)).await;
        refused(outcome, kind);
        desk.hub.cancel_identification(CALLER.to_owned(), cancel(&name)).await.unwrap();
        assert_eq!(desk.double.calls().last(), Some(&format!("cancel {left}")));
    }
}

#[tokio::test]
async fn what_cannot_be_kept_before_is_not_sent() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.forgets();
    let outcome = desk.hub.update_identification(CALLER.to_owned(), move_to(&name, NEW_EMAIL)).await;
    refused(outcome, Kind::StoreUnavailable);
    assert_eq!(desk.double.calls(), ["create"]);
}

#[tokio::test]
async fn it_goes_when_its_owner_is_erased() {
    let desk = Desk::new();
    let (name, other) = (desk.created().await.name, desk.created().await.name);
    let delete = DeleteIdentificationRequest { name: name.clone(), ..DeleteIdentificationRequest::default() };
    desk.hub.delete_identification(CALLER.to_owned(), delete).await.unwrap();
    assert_eq!(desk.double.calls().last(), Some(&format!("delete {EMAIL}")));
    assert!(!desk.is_sealed(&format!("keepsake/{name}")).await);
    assert!(desk.is_sealed(&format!("keepsake/{other}")).await);
    assert!(desk.links(&name).await.is_empty());
}

#[tokio::test]
async fn who_was_made_elsewhere_has_none_and_is_told_what_to_do() {
    let desk = Desk::new();
    desk.double.says(Word::Started);
    let adopt = AdoptIdentificationRequest {
        parent: INVITER.to_owned(),
        vendor_reference: Some(VendorReference {
            reference: "client-9".to_owned(),
            ..VendorReference::default()
        }),
        ..AdoptIdentificationRequest::default()
    };
    let adopted =
        desk.hub.adopt_identification(CALLER.to_owned(), adopt).await.unwrap().identification.unwrap();
    assert!(adopted.start_links.is_empty());
    let refusal = desk.hub.cancel_identification(CALLER.to_owned(), cancel(&adopted.name)).await;
    let error = refused(refusal, Kind::StateNotAllowed);
    assert!(error.detail.contains("at the vendor"), "{}", error.detail);
    assert_eq!(desk.double.calls(), ["get"]);
}
