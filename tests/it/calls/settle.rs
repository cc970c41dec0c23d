//! Creations in doubt at a vendor that is asked first, and at one that is never asked again.

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{CreateIdentificationRequest, EventType, Evidence, IdentificationState as State};
use idv_gateway::vendor::Idempotency;

use super::{REQUEST_ID, refused};
use crate::double::desk::{invite, invite_by};
use crate::double::{Desk, Fault, Nature};

const OTHER_REQUEST_ID: &str = "0c9a5be1-94f4-4c58-b0f0-4a3b6d6a5f4e";
const ID: &str = "3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811";

fn named() -> String {
    format!("connections/inviter/identifications/{ID}")
}

fn request() -> CreateIdentificationRequest {
    CreateIdentificationRequest {
        identification_id: ID.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..invite()
    }
}

/// Waits until the identification is no longer CREATING.
async fn settled(desk: &Desk) -> State {
    desk.in_time("an outcome", async || {
        Some(desk.get(&named()).await.state()).filter(|state| *state != State::Creating)
    })
    .await
}

/// How many people were invited for one creation whose first answer was lost.
async fn invited_by(nature: Nature, fault: Fault) -> usize {
    let desk = Desk::before(nature);
    desk.double.fault("create", fault);
    refused(desk.try_create(request()).await, Kind::VendorTimeout);
    assert!(desk.get(&named()).await.in_doubt);
    desk.works();
    assert_eq!(settled(&desk).await, State::AwaitingUser);
    assert_eq!(desk.told().await, [EventType::IdentificationCreated]);
    if !nature.careless {
        assert_eq!(desk.double.calls(), ["create", "create_again"]);
        assert_eq!(desk.links(&named()).await.len(), 1);
    }
    let repeated = desk.try_create(request()).await.unwrap();
    assert!(repeated.replayed && !repeated.identification.unwrap().start_links.is_empty());
    desk.double.people(ID)
}

#[tokio::test]
async fn one_person_is_invited_whatever_became_of_the_answer() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        assert_eq!(invited_by(Nature::default(), fault).await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_vendor_that_does_not_look_is_noticed() {
    let careless = Nature { careless: true, ..Nature::default() };
    assert_eq!(invited_by(careless, Fault::LostAfter).await, 2);
}

#[tokio::test]
async fn a_repeat_of_the_caller_settles_it_at_once() {
    let desk = Desk::new();
    desk.double.fault("create", Fault::LostAfter);
    refused(desk.try_create(request()).await, Kind::VendorTimeout);
    let settled = desk.try_create(request()).await.unwrap();
    assert!(settled.replayed);
    assert_eq!(settled.identification.unwrap().state(), State::AwaitingUser);
    assert_eq!(
        (desk.double.calls().as_slice(), desk.double.people(ID)),
        (["create".to_owned(), "create_again".to_owned()].as_slice(), 1)
    );
}

#[tokio::test]
async fn what_somebody_else_has_meanwhile_is_not_taken() {
    let desk = Desk::new();
    desk.double.fault("create", Fault::LostBefore);
    refused(desk.try_create(request()).await, Kind::VendorTimeout);
    desk.double.takes(ID);
    desk.works();
    assert_eq!(settled(&desk).await, State::Failed);
    assert_eq!(desk.told().await, [EventType::IdentificationFailed]);
    refused(desk.try_create(request()).await, Kind::ResourceExists);
    assert!(desk.links(&named()).await.is_empty());
    assert!(!desk.is_sealed(&format!("keepsake/{}", named())).await);
}

#[tokio::test]
async fn a_stop_between_answer_and_record_loses_nothing() {
    let desk = Desk::new();
    desk.forgets();
    refused(desk.try_create(request()).await, Kind::StoreUnavailable);
    assert_eq!(desk.get(&named()).await.state(), State::Creating);
    let desk = desk.restarted();
    desk.works();
    assert_eq!(settled(&desk).await, State::AwaitingUser);
    assert_eq!(
        (desk.double.calls(), desk.double.people(ID)),
        (vec!["create".to_owned(), "create_again".to_owned()], 1)
    );
    assert_eq!(desk.links(&named()).await.len(), 1);
}

#[tokio::test]
async fn one_that_is_proven_meanwhile_still_gets_its_links() {
    let desk = Desk::new();
    desk.double.fault("create", Fault::LostAfter);
    refused(desk.try_create(request()).await, Kind::VendorTimeout);
    desk.double.says(Word::Started);
    assert_eq!(desk.refreshed(&named()).await.state(), State::InProgress);
    let item = format!("keepsake/{}", named());
    assert!(!desk.is_sealed(&item).await);
    // The vendor is down once more.
    desk.double.fault("create_again", Fault::LostBefore);
    desk.works();
    desk.in_time("the keepsake", async || desk.is_sealed(&item).await.then_some(())).await;
    assert_eq!(desk.double.people(ID), 1);
    assert_eq!(desk.get(&named()).await.state(), State::InProgress);
    assert!(!desk.is_sealed(&format!("settle/{}", named())).await);
}

#[tokio::test]
async fn a_vendor_that_cannot_be_asked_is_sent_nothing_twice() {
    let never = Nature { idempotency: Idempotency::None, ..Nature::default() };
    for by_caller in [false, true] {
        let desk = Desk::before(never);
        desk.double.fault("create", Fault::LostAfter);
        refused(desk.try_create(request()).await, Kind::VendorOutcomeUnknown);
        assert!(desk.get(&named()).await.in_doubt);
        if by_caller {
            refused(desk.try_create(request()).await, Kind::VendorOutcomeUnknown);
        } else {
            desk.works();
        }
        assert_eq!(settled(&desk).await, State::Failed);
        assert_eq!(desk.double.calls(), ["create"]);
    }
}

#[tokio::test]
async fn what_such_a_vendor_surely_did_not_hear_has_failed_for_its_own_reason() {
    let never = Nature { idempotency: Idempotency::None, ..Nature::default() };
    for kind in [
        Kind::VendorUnavailable,
        Kind::VendorTimeout,
        Kind::VendorRateLimited,
        Kind::VendorCircuitOpen,
        Kind::GatewayOverloaded,
    ] {
        let desk = Desk::before(never);
        desk.double.fault("create", Fault::Refused(kind));
        refused(desk.try_create(request()).await, kind);
        let failed = desk.get(&named()).await;
        assert_eq!((failed.state(), failed.in_doubt), (State::Failed, false), "{kind:?}");
        let told = desk.events().await.into_iter().find(|event| !event.identification.is_empty()).unwrap();
        assert_eq!((told.r#type(), told.evidence()), (EventType::IdentificationFailed, Evidence::Gateway));
        refused(desk.try_create(request()).await, kind);
        assert_eq!(desk.double.calls(), ["create"], "{kind:?}");
        // Nothing was made, so another request may.
        let another = CreateIdentificationRequest {
            identification_id: String::new(),
            request_id: OTHER_REQUEST_ID.to_owned(),
            ..request()
        };
        assert_eq!(
            desk.try_create(another).await.unwrap().identification.unwrap().state(),
            State::AwaitingUser
        );
    }
}

#[tokio::test]
async fn the_callers_own_value_is_the_reference_at_the_vendor() {
    let desk = Desk::new();
    let by_unique = || {
        let mut request = invite();
        if let Some(idv_gateway::proto::identification_spec::Kind::Invitation(spec)) =
            request.spec.as_mut().and_then(|spec| spec.kind.as_mut())
        {
            spec.unique = "client-7".to_owned();
        }
        request
    };
    let created = desk.try_create(by_unique()).await.unwrap().identification.unwrap();
    assert_eq!(created.vendor_reference.unwrap().reference, "client-7");
    assert_eq!(desk.double.people("client-7"), 1);
    let error = refused(desk.try_create(by_unique()).await, Kind::ResourceExists);
    assert_eq!(error.resource.unwrap().name, created.name);
    assert_eq!(desk.double.calls(), ["create"], "the vendor is not asked what is known here");
}

#[tokio::test]
async fn what_no_vendor_can_send_is_refused_before_anything_is_recorded() {
    use idv_gateway::proto::{DeliveryMethod, InvitationSpec};
    let desk = Desk::new();
    let spec = |method: DeliveryMethod| InvitationSpec {
        delivery_method: method.into(),
        flow: "basic".to_owned(),
        ..InvitationSpec::default()
    };
    let long = "x".repeat(256);
    for (spec, expected) in [
        (InvitationSpec::default(), ["spec.invitation.delivery_method", "spec.invitation.flow"].as_slice()),
        (spec(DeliveryMethod::Sms), &["spec.invitation.delivery_method"]),
        (
            InvitationSpec { delivery_method: 99, ..spec(DeliveryMethod::Email) },
            &["spec.invitation.delivery_method"],
        ),
        (spec(DeliveryMethod::Phone), &["subject.phone"]),
        (InvitationSpec { deliver: true, ..spec(DeliveryMethod::None) }, &["spec.invitation.deliver"]),
        (
            InvitationSpec { unique: long.clone(), broker: long, ..spec(DeliveryMethod::Assistant) },
            &["spec.invitation.unique", "spec.invitation.broker"],
        ),
    ] {
        let error = refused(desk.try_create(invite_by(spec.clone())).await, Kind::ValidationFailed);
        assert_eq!(super::fields(&error), expected, "{spec:?}");
    }
    let nobody = CreateIdentificationRequest { subject: None, ..invite() };
    let error = refused(desk.try_create(nobody).await, Kind::ValidationFailed);
    assert_eq!(super::fields(&error), ["subject.email"]);
    assert!(desk.events().await.is_empty() && desk.double.calls().is_empty());
}
