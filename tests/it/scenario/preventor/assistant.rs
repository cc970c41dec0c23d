//! Invitations that the vendor's assistant hands over, addressed by mail.

use idv_gateway::proto::{
    CancelIdentificationRequest, CreateIdentificationRequest, DeliveryMethod, EventType as Type,
    IdentificationState as Seen, Outcome, PhoneNumber, StartLinkKind, Subject, identification_spec,
};
use tonic::Code;

use super::{EMAIL, PARENT, invitation, told, way};
use crate::scenario::words::{fields, refused};

/// A request for somebody whom the assistant invites.
fn by_assistant(subject: Subject) -> CreateIdentificationRequest {
    let mut request = CreateIdentificationRequest { subject: Some(subject), ..invitation(EMAIL) };
    if let Some(identification_spec::Kind::Invitation(spec)) = &mut request.spec.as_mut().unwrap().kind {
        spec.set_delivery_method(DeliveryMethod::Assistant);
        spec.deliver = false;
        spec.broker = "branch-7".to_owned();
    }
    request
}

#[tokio::test]
async fn whom_the_assistant_invites_is_followed_like_everybody() {
    let house = told().await;
    let person = Subject { email: EMAIL.to_owned(), ..Subject::default() };
    let created = house.try_create(by_assistant(person)).await.unwrap().identification.unwrap();
    let told = created.invitation.clone().unwrap();
    assert_eq!((told.delivery_method(), told.send_count), (DeliveryMethod::Assistant, 0));
    assert_eq!(created.start_links[0].kind(), StartLinkKind::Web);
    let at_vendor = house.see(&format!("preventor/invitations/{EMAIL}")).await;
    assert_eq!(
        (&at_vendor["delivery_method"], &at_vendor["recipient"]),
        (&"ASSISTANT".into(), &EMAIL.into())
    );
    assert_eq!(at_vendor["link"], created.start_links[0].uri);

    house.start(EMAIL).await;
    house.ended(1).await;
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(3).await;
    let seen = house.whole(&created.name).await;
    assert_eq!((seen.state(), seen.decision.unwrap().outcome()), (Seen::Completed, Outcome::Verified));
    let moves = way(&house.events().await);
    assert_eq!(moves, [Type::IdentificationStarted, Type::IdentificationCompleted]);
}

#[tokio::test]
async fn whom_the_assistant_invited_is_taken_back_by_mail() {
    let house = told().await;
    let person = Subject { email: EMAIL.to_owned(), ..Subject::default() };
    let created = house.try_create(by_assistant(person)).await.unwrap().identification.unwrap();
    let request = CancelIdentificationRequest { name: created.name, ..Default::default() };
    let cancelled = house.identifications().cancel_identification(request).await.unwrap().into_inner();
    assert_eq!(cancelled.identification.unwrap().state(), Seen::Cancelled);
    let id = created.vendor_reference.unwrap().id;
    assert_eq!(house.see(&format!("preventor/invitations/{id}")).await["state"], "DELETED");
}

#[tokio::test]
async fn the_assistant_needs_a_mail_address() {
    let house = told().await;
    let number = PhoneNumber { e164: "+51987654321".to_owned(), ..PhoneNumber::default() };
    let person = Subject { phone: Some(number), ..Subject::default() };
    let status = house.try_create(by_assistant(person)).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["subject.email"]);
    assert!(house.events().await.is_empty(), "nothing is recorded in {PARENT}");
    assert_eq!(house.see("preventor/statistics").await["registrations"], 0);
}
