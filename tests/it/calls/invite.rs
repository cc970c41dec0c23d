//! Invitations: asked about, sent, counted.

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{
    CheckInvitationRequest, DeliveryMethod, EventType, IdentificationState as State, InvitationSpec, Outcome,
    PhoneNumber, SendInvitationRequest, SendInvitationResponse,
};
use idv_gateway::vendor::invitation::Question;

use super::{CALLER, REQUEST_ID, fields, refused};
use crate::double::desk::{EMAIL, invite_by};
use crate::double::{Desk, Fault, INVITER};

impl Desk {
    async fn send(
        &self,
        request: SendInvitationRequest,
    ) -> idv_gateway::error::Result<SendInvitationResponse> {
        self.hub.send_invitation(CALLER.to_owned(), request).await
    }

    fn sends(&self) -> usize {
        self.double.calls().iter().filter(|call| call.starts_with("send")).count()
    }
}

fn once(name: &str) -> SendInvitationRequest {
    SendInvitationRequest { name: name.to_owned(), request_id: REQUEST_ID.to_owned() }
}

fn again(name: &str) -> SendInvitationRequest {
    SendInvitationRequest { name: name.to_owned(), request_id: String::new() }
}

#[test]
fn a_question_shows_nothing_of_the_person() {
    let question = Question {
        delivery_method: DeliveryMethod::Email,
        email: EMAIL.to_owned(),
        phone: Some(PhoneNumber { e164: "+34612345678".to_owned(), ..PhoneNumber::default() }),
        process: "ID".to_owned(),
        unique: "client-7".to_owned(),
    };
    assert_eq!(format!("{question:?}"), "Question { delivery_method: Email, process: \"ID\", .. }");
}

#[tokio::test]
async fn every_sending_is_counted_and_told() {
    let desk = Desk::new();
    let created = desk.created().await;
    let invitation = created.invitation.unwrap();
    assert_eq!((invitation.delivery_method(), invitation.send_count), (DeliveryMethod::Email, 0));
    assert!(invitation.last_send_time.is_none());
    desk.double.calls_it("SENT");
    let first = desk.send(once(&created.name)).await.unwrap();
    let shown = first.identification.clone().unwrap();
    let invitation = shown.invitation.clone().unwrap();
    assert_eq!((invitation.send_count, invitation.vendor_state.as_str()), (1, "SENT"));
    assert_eq!(invitation.last_send_time, Some(desk.now().into()));
    let events = desk.events().await;
    let event = events.last().unwrap();
    assert_eq!((event.r#type(), event.revision), (EventType::InvitationSent, shown.revision));
    let desk = desk.restarted();
    let repeated = desk.send(once(&created.name)).await.unwrap();
    assert_eq!(
        (repeated.replayed, repeated.identification, repeated.cursor),
        (true, first.identification, first.cursor)
    );
    let more = desk.send(again(&created.name)).await.unwrap().identification.unwrap();
    assert_eq!((more.invitation.unwrap().send_count, desk.sends()), (2, 2));
    assert_eq!(desk.double.calls()[1], format!("send {EMAIL}"));
}

#[tokio::test]
async fn a_creation_that_sends_is_the_first_sending() {
    let spec = InvitationSpec {
        delivery_method: DeliveryMethod::Email.into(),
        flow: "basic".to_owned(),
        deliver: true,
        ..InvitationSpec::default()
    };
    let desk = Desk::new();
    let created = desk.try_create(invite_by(spec.clone())).await.unwrap().identification.unwrap();
    let invitation = created.invitation.unwrap();
    assert_eq!((invitation.send_count, invitation.last_send_time), (1, Some(desk.now().into())));
    assert_eq!(desk.told().await, [EventType::IdentificationCreated]);

    desk.double.fault("create", Fault::Refused(Kind::VendorRejectedField));
    refused(desk.try_create(invite_by(spec)).await, Kind::VendorRejectedField);
    let failed = desk.events().await.pop().unwrap();
    assert_eq!(failed.r#type(), EventType::IdentificationFailed);
    let invitation = desk.get(&failed.subject).await.invitation.unwrap();
    assert_eq!((invitation.send_count, invitation.last_send_time), (0, None));
    assert_eq!(invitation.delivery_method(), DeliveryMethod::Email);
}

#[tokio::test]
async fn a_word_that_may_be_anything_does_not_reach_readers() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.double.calls_it("sent to erika@beispiel.example");
    let sent = desk.send(again(&name)).await.unwrap().identification.unwrap();
    assert_eq!(sent.invitation.unwrap().vendor_state, "UNPRINTABLE");
}

#[tokio::test]
async fn a_lost_answer_is_never_sent_again() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.double.fault("send", Fault::LostAfter);
    refused(desk.send(once(&name)).await, Kind::VendorOutcomeUnknown);
    refused(desk.restarted().send(once(&name)).await, Kind::VendorOutcomeUnknown);
}

#[tokio::test]
async fn only_who_may_still_come_is_invited() {
    for (word, allowed) in [
        (Word::Started, true),
        (Word::Expired, true),
        (Word::Cancelled, false),
        (Word::Decided(Outcome::Verified), false),
    ] {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.says(word);
        let before = desk.refreshed(&name).await.state();
        let sent = desk.send(again(&name)).await;
        if !allowed {
            refused(sent, Kind::StateNotAllowed);
            assert_eq!(desk.sends(), 0);
            continue;
        }
        let after = sent.unwrap().identification.unwrap().state();
        let told = desk.told().await;
        assert_eq!(told.last(), Some(&EventType::InvitationSent));
        if before == State::Expired {
            assert_eq!(
                (after, told[told.len() - 2]),
                (State::AwaitingUser, EventType::IdentificationReopened)
            );
        } else {
            assert_eq!(after, before);
        }
    }
}

fn question() -> CheckInvitationRequest {
    CheckInvitationRequest {
        parent: INVITER.to_owned(),
        delivery_method: DeliveryMethod::Email.into(),
        email: EMAIL.to_owned(),
        r#type: "ID".to_owned(),
        unique: "client-7".to_owned(),
        ..CheckInvitationRequest::default()
    }
}

#[tokio::test]
async fn whether_somebody_can_be_invited_is_asked_and_not_kept() {
    let desk = Desk::new();
    let free = desk.hub.check_invitation(question()).await.unwrap();
    assert_eq!((free.available, free.vendor_code.as_str()), (true, ""));
    desk.double.takes("client-7");
    let taken = desk.hub.check_invitation(question()).await.unwrap();
    assert_eq!((taken.available, taken.vendor_code.as_str()), (false, "TAKEN"));
    assert!(desk.events().await.is_empty());
    assert_eq!(desk.double.calls(), [format!("check {EMAIL}"), format!("check {EMAIL}")]);
}

#[tokio::test]
async fn every_field_of_a_question_is_looked_at() {
    let desk = Desk::new();
    let phone = |e164: &str| Some(PhoneNumber { e164: e164.to_owned(), ..PhoneNumber::default() });
    let by_phone = CheckInvitationRequest { delivery_method: DeliveryMethod::Phone.into(), ..question() };
    for (request, expected) in [
        (CheckInvitationRequest::default(), ["parent", "delivery_method"].as_slice()),
        (
            CheckInvitationRequest { delivery_method: DeliveryMethod::Assistant.into(), ..question() },
            &["delivery_method"],
        ),
        (CheckInvitationRequest { email: String::new(), ..question() }, &["email"]),
        (CheckInvitationRequest { email: "erika".to_owned(), ..question() }, &["email"]),
        (by_phone.clone(), &["phone"]),
        (CheckInvitationRequest { phone: phone("030 12"), ..by_phone.clone() }, &["phone.e164"]),
        (
            CheckInvitationRequest { r#type: "\n".to_owned(), unique: "x".repeat(256), ..question() },
            &["type", "unique"],
        ),
        // The vendor's own rule.
        (CheckInvitationRequest { unique: String::new(), ..question() }, &["unique"]),
    ] {
        let error = refused(desk.hub.check_invitation(request.clone()).await, Kind::ValidationFailed);
        assert_eq!(fields(&error), expected, "{request:?}");
    }
    assert!(desk.double.calls().is_empty());
    let fine = CheckInvitationRequest { phone: phone("+4930123456"), ..by_phone };
    desk.hub.check_invitation(fine).await.unwrap();
}
