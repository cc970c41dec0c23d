//! What callers do with an invitation: send it again, change it, take it back, and read its log.

use std::time::Duration;

use idv_gateway::proto::{
    CancelIdentificationRequest, CheckInvitationRequest, DeleteIdentificationRequest, DeliveryMethod,
    EventType as Type, Identification, IdentificationSpec, IdentificationState as Seen, InvitationSpec,
    ListActivitiesRequest, PhoneNumber, SendInvitationRequest, StartLinkKind, Subject,
    UpdateIdentificationRequest, identification_spec,
};
use prost_types::FieldMask;
use serde_json::{Value, json};
use tonic::Code;

use super::{EMAIL, PARENT, PLAIN, bank, invitation, moves, told};
use crate::scenario::house::House;
use crate::scenario::operator::asked;
use crate::scenario::words::refused;

const OTHER: &str = "somebody.else@example.com";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const CREATED: Type = Type::IdentificationCreated;

impl House {
    /// The invitation of `name` as the vendor has it.
    async fn at_vendor(&self, name: &str) -> Value {
        let id = self.whole(name).await.vendor_reference.unwrap().id;
        self.see(&format!("preventor/invitations/{id}")).await
    }

    /// Changes what `paths` name to `subject`, and the way of delivery to `method`.
    async fn changed(
        &self,
        name: &str,
        paths: &[&str],
        subject: Subject,
        method: DeliveryMethod,
    ) -> Identification {
        let spec = InvitationSpec { delivery_method: method.into(), ..InvitationSpec::default() };
        let request = UpdateIdentificationRequest {
            name: name.to_owned(),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            subject: Some(subject),
            spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::Invitation(spec)) }),
            ..UpdateIdentificationRequest::default()
        };
        let updated = self.identifications().update_identification(request).await.unwrap();
        updated.into_inner().identification.unwrap()
    }

    async fn cancelled(&self, name: &str) -> Identification {
        let request = CancelIdentificationRequest { name: name.to_owned(), ..Default::default() };
        let cancelled = self.identifications().cancel_identification(request).await.unwrap();
        cancelled.into_inner().identification.unwrap()
    }

    async fn erased(&self, name: &str) -> Identification {
        let request = DeleteIdentificationRequest { name: name.to_owned(), ..Default::default() };
        let erased = self.identifications().delete_identification(request).await.unwrap();
        erased.into_inner().identification.unwrap()
    }
}

#[tokio::test]
async fn an_invitation_that_callers_hand_over_themselves_has_a_link() {
    let house = told().await;
    let mut request = invitation(EMAIL);
    if let Some(identification_spec::Kind::Invitation(spec)) = &mut request.spec.as_mut().unwrap().kind {
        spec.deliver = false;
        spec.unique = "customer-17".to_owned();
    }
    request.request_id = REQUEST_ID.to_owned();
    let created = house.try_create(request.clone()).await.unwrap().identification.unwrap();
    let link = &created.start_links[0];
    assert!(link.kind() == StartLinkKind::Web && link.uri.starts_with("https://invitation.invalid/"));
    assert_eq!(house.whole(&created.name).await.start_links, created.start_links);
    assert_eq!(created.vendor_reference.as_ref().unwrap().reference, "customer-17");
    assert_eq!(created.invitation.as_ref().unwrap().send_count, 0);
    let again = house.try_create(request).await.unwrap();
    assert_eq!((again.replayed, again.identification.unwrap()), (true, created));
    assert_eq!(house.see("preventor/statistics").await["registrations"], 1);

    // Somebody who is invited is not invited again, under whatever name.
    let status = house.try_create(invitation(EMAIL)).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "RESOURCE_EXISTS");
    for (unique, email, available) in [("customer-17", OTHER, false), ("customer-18", OTHER, true)] {
        let question = CheckInvitationRequest {
            parent: PARENT.to_owned(),
            delivery_method: DeliveryMethod::Email.into(),
            email: email.to_owned(),
            unique: unique.to_owned(),
            ..CheckInvitationRequest::default()
        };
        let answer = house.identifications().check_invitation(question).await.unwrap().into_inner();
        assert_eq!(answer.available, available, "{unique}");
    }
}

#[tokio::test]
async fn an_invitation_is_sent_again() {
    let house = told().await;
    let created = house.invited(EMAIL).await;
    house.clock.advance(Duration::from_mins(90));
    let request = SendInvitationRequest { name: created.name.clone(), request_id: REQUEST_ID.to_owned() };
    for replayed in [false, true] {
        let sent = house.identifications().send_invitation(request.clone()).await.unwrap().into_inner();
        assert_eq!(sent.replayed, replayed);
        let (before, after) =
            (created.invitation.clone().unwrap(), sent.identification.unwrap().invitation.unwrap());
        assert_eq!(after.send_count, 2);
        assert_eq!(after.last_send_time.unwrap().seconds - before.last_send_time.unwrap().seconds, 90 * 60);
    }
    assert_eq!(moves(&house.events().await), [CREATED, Type::InvitationSent]);
    assert_eq!(house.at_vendor(&created.name).await["state"], "SENT");
    let by_path = house.see("preventor/statistics").await["by_path"].clone();
    assert_eq!(by_path["POST /notifications/invitation/{id}/send"]["200"], 1, "{by_path}");
    assert_eq!(house.see("preventor/statistics").await["logins"], 2, "the first token lived an hour");
}

#[tokio::test]
async fn who_is_invited_changes_and_what_follows_names_the_new_one() {
    let house = told().await;
    let name = house.invited(EMAIL).await.name;
    let mail = Subject { email: OTHER.to_owned(), ..Subject::default() };
    house.changed(&name, &["subject.email"], mail, DeliveryMethod::Email).await;
    assert_eq!(house.at_vendor(&name).await["recipient"], OTHER);
    let number = PhoneNumber { e164: "+51987654321".to_owned(), region_code: "PE".to_owned() };
    let phone = Subject { phone: Some(number), ..Subject::default() };
    let paths = ["subject.phone", "spec.invitation.delivery_method"];
    let changed = house.changed(&name, &paths, phone, DeliveryMethod::Phone).await;
    assert_eq!(changed.invitation.unwrap().delivery_method(), DeliveryMethod::Phone);
    assert_eq!(house.at_vendor(&name).await["recipient"], "987654321");
    assert_eq!(house.cancelled(&name).await.state(), Seen::Cancelled);
    assert_eq!(house.at_vendor(&name).await["state"], "DELETED");
    let updated = Type::IdentificationUpdated;
    let way = [CREATED, updated, updated, Type::IdentificationCancelled];
    assert_eq!(moves(&house.events().await), way);
}

#[tokio::test]
async fn one_that_moved_although_nobody_answered_is_found_again() {
    let house = told().await;
    let name = house.invited(EMAIL).await.name;
    let lost =
        json!({ "kind": "status", "operation": "update", "status": 500, "effect": "after", "times": 1 });
    assert_eq!(house.control("preventor/faults", &lost).await.status, 200);
    let request = UpdateIdentificationRequest {
        name: name.clone(),
        update_mask: Some(FieldMask { paths: vec!["subject.email".to_owned()] }),
        subject: Some(Subject { email: OTHER.to_owned(), ..Subject::default() }),
        ..UpdateIdentificationRequest::default()
    };
    house.identifications().update_identification(request).await.unwrap_err();
    assert_eq!(house.at_vendor(&name).await["recipient"], OTHER);
    let house = house.restarted().await;
    assert_eq!(house.cancelled(&name).await.state(), Seen::Cancelled);
    assert_eq!(house.at_vendor(&name).await["state"], "DELETED");
}

#[tokio::test]
async fn what_is_cancelled_stays_so_and_frees_the_person() {
    let house = told().await;
    let name = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    house.ended(1).await;
    let cancelled = house.cancelled(&name).await;
    assert_eq!((cancelled.state(), cancelled.startable), (Seen::Cancelled, false));
    assert_eq!(house.cancelled(&name).await, cancelled, "it is so already");
    // The person was in the middle of it, and cannot go on.
    let path = format!("preventor/invitations/{}/step", cancelled.vendor_reference.unwrap().id);
    let step = json!({ "sub_event": "verification.liveness", "disposition": "PASSED" });
    assert_eq!(house.control(&path, &step).await.status, 409);
    assert_eq!(house.invited(EMAIL).await.state(), Seen::AwaitingUser);
}

/// An invitation that has ended is not there any more, and the vendor has no call that erases a ticket.
#[tokio::test]
async fn an_open_invitation_that_is_erased_is_gone_at_the_vendor_too() {
    for (ends, at_vendor) in [(false, "DELETED"), (true, "COMPLETED")] {
        let house = told().await;
        let name = house.invited(EMAIL).await.name;
        house.start(EMAIL).await;
        house.ended(1).await;
        if ends {
            house.decide(EMAIL, "ACCEPTED").await;
            house.ended(3).await;
        }
        let erased = house.erased(&name).await;
        assert_eq!((erased.state(), erased.start_links.len()), (Seen::Deleted, 0));
        let id = erased.vendor_reference.unwrap().id;
        assert_eq!(house.see(&format!("preventor/invitations/{id}")).await["state"], at_vendor);
        assert_eq!(moves(&house.events().await).pop(), Some(Type::IdentificationDeleted));
        if ends {
            house.act(&id, "resend", json!({ "type": "WH_002" })).await;
            house.ended(4).await;
            assert_eq!(moves(&house.events().await).pop(), Some(Type::IdentificationDeleted));
        }
    }
}

/// The vendor's URL names both by the person.
#[tokio::test]
async fn the_next_invitation_of_a_person_is_not_taken_for_the_one_before() {
    let house = told().await;
    let heard = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    house.decide(EMAIL, "ACCEPTED").await;
    house.ended(3).await;
    // Of the end of the second one nobody hears.
    let dropped = house.control("preventor/faults", &json!({ "kind": "webhook_drop" })).await;
    assert_eq!(dropped.status, 200);
    let unheard = house.invited(EMAIL).await.name;
    house.start(EMAIL).await;
    house.decide(EMAIL, "REJECTED").await;
    let third = house.invited(EMAIL).await.name;

    assert_eq!(house.erased(&heard).await.state(), Seen::Deleted);
    let cancel = CancelIdentificationRequest { name: unheard.clone(), ..Default::default() };
    let status = house.identifications().cancel_identification(cancel).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "STATE_NOT_ALLOWED");
    let change = UpdateIdentificationRequest {
        name: unheard.clone(),
        update_mask: Some(FieldMask { paths: vec!["subject.email".to_owned()] }),
        subject: Some(Subject { email: OTHER.to_owned(), ..Subject::default() }),
        ..UpdateIdentificationRequest::default()
    };
    let status = house.identifications().update_identification(change).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "IDENTIFICATION_COMPLETED");
    let at_vendor = house.at_vendor(&third).await;
    assert_eq!((&at_vendor["state"], &at_vendor["recipient"]), (&json!("SENT"), &json!(EMAIL)));
    assert_eq!(house.cancelled(&third).await.state(), Seen::Cancelled);
    assert_eq!(house.at_vendor(&third).await["state"], "DELETED");
}

#[tokio::test]
async fn the_vendors_log_follows_the_gateways() {
    let house = bank(PLAIN).await;
    let name = house.invited(EMAIL).await.name;
    let ticket = house.start(EMAIL).await;
    let request =
        ListActivitiesRequest { parent: name, include_vendor: true, ..ListActivitiesRequest::default() };
    let listed = house.identifications().list_activities(asked(request)).await.unwrap().into_inner();
    let told: Vec<_> = listed.activities.iter().map(|it| (it.source.as_str(), it.kind.as_str())).collect();
    let expected = [
        ("gateway", "IDENTIFICATION_CREATED"),
        ("vendor", "REGISTERED"),
        ("vendor", "SENT"),
        ("vendor", "STARTED"),
    ];
    assert_eq!(told, expected);
    let last: Value = serde_json::from_str(&listed.activities[3].vendor_json).unwrap();
    assert_eq!(last["ticket"], ticket);
}
