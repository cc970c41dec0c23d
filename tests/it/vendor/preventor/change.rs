//! Changing and withdrawing.

use idv_gateway::error::Kind;
use idv_gateway::model::change::UpdateIdentification;
use idv_gateway::proto::identification_spec::Kind as Spec;
use idv_gateway::proto::{
    DeliveryMethod, IdentificationSpec, InvitationSpec, PhoneNumber, Subject, UpdateIdentificationRequest,
    VendorReference,
};
use idv_gateway::vendor::Identifications as _;
use idv_gateway::vendor::capability::{
    Cancellation, Cancellations as _, Deleted, Deletion, Deletions as _, Update, Updates,
};
use idv_gateway::vendor::keepsake::About;
use prost_types::FieldMask;
use serde_json::{Value, json as value};

use super::{INVITATION, LINK, calls, connect, connect_with, invited, offline, registered, subject};
use crate::vendor::rig::{ID, Stub, json};

fn update(paths: &[&str], subject: Subject, spec: Option<InvitationSpec>) -> UpdateIdentification {
    UpdateIdentification::parse(UpdateIdentificationRequest {
        name: format!("connections/bank/identifications/{ID}"),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        subject: Some(subject),
        spec: spec.map(|spec| IdentificationSpec { kind: Some(Spec::Invitation(spec)) }),
        ..UpdateIdentificationRequest::default()
    })
    .unwrap()
}

/// What the stub saw of changes: each is asked about first.
fn changes(stub: &Stub) -> Vec<String> {
    calls(stub).into_iter().filter(|call| !call.starts_with("GET /invitations/logs/")).collect()
}

fn mail(email: &str) -> Subject {
    Subject { email: email.to_owned(), ..Subject::default() }
}

#[tokio::test]
async fn only_what_is_named_is_sent_and_the_new_recipient_is_kept() {
    let (preventor, stub) = connect(|seen| match seen.method.as_str() {
        "PATCH" => json(200, "{}"),
        _ => registered(),
    })
    .await;
    let created = invited(&preventor, DeliveryMethod::Email).await;
    let reference = &created.observation.reference;
    let about = About { reference, keepsake: created.keepsake.as_ref() };
    let flow = InvitationSpec { flow: "WF-08".to_owned(), ..InvitationSpec::default() };
    let command = update(&["subject.email", "spec.invitation.flow"], mail("new@mail.example"), Some(flow));
    assert!(Updates::check(&preventor, &command).is_empty());
    let kept = preventor.update(Update { about, command: &command }).await.unwrap().unwrap();
    let log = format!("GET /invitations/logs/{INVITATION}/activities");
    assert_eq!(calls(&stub)[1..], [&log, "PATCH /invitations/users/erika.beispiel+kyc@mail.example"]);
    let sent: Value = serde_json::from_str(&stub.seen().last().unwrap().body).unwrap();
    assert_eq!(sent, value!({"email": "new@mail.example", "flow": "WF-08"}));

    let about = About { reference, keepsake: Some(&kept) };
    assert_eq!(preventor.start_links(about)[0].uri, LINK, "the link stays");
    let by_phone =
        InvitationSpec { delivery_method: DeliveryMethod::Phone.into(), ..InvitationSpec::default() };
    let paths = ["subject.phone", "spec.invitation.delivery_method"];
    let command = update(&paths, subject(), Some(by_phone));
    let kept = preventor.update(Update { about, command: &command }).await.unwrap().unwrap();
    let sent: Value = serde_json::from_str(&stub.seen().last().unwrap().body).unwrap();
    let phone = value!({"phone_number": "2025550123", "phone_country_code": "US"});
    assert_eq!(sent, value!({"delivery_method": "PHONE", "phone": phone}));
    let about = About { reference, keepsake: Some(&kept) };
    preventor.delete(Deletion { about, force: false }).await.unwrap();
    assert_eq!(
        changes(&stub)[2..],
        ["PATCH /invitations/users/new@mail.example", "DELETE /invitations/users/+12025550123",]
    );
}

#[tokio::test]
async fn another_way_to_deliver_needs_another_recipient() {
    let (preventor, stub) = connect(|_seen| registered()).await;
    let created = invited(&preventor, DeliveryMethod::Email).await;
    let about = About { reference: &created.observation.reference, keepsake: created.keepsake.as_ref() };
    let by_phone =
        InvitationSpec { delivery_method: DeliveryMethod::Phone.into(), ..InvitationSpec::default() };
    let command = update(&["spec.invitation.delivery_method"], Subject::default(), Some(by_phone));
    let error = preventor.update(Update { about, command: &command }).await.unwrap_err();
    assert_eq!((error.kind, error.violations[0].field.as_str()), (Kind::ValidationFailed, "subject.phone"));
    assert_eq!(calls(&stub).len(), 1, "nothing was sent");
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let preventor = offline();
    let phone = |e164: &str| Subject {
        phone: Some(PhoneNumber { e164: e164.to_owned(), region_code: String::new() }),
        ..Subject::default()
    };
    for (command, field) in [
        (update(&["subject.given_name"], subject(), None), "update_mask.paths[0]"),
        (update(&["spec.invitation.unique"], subject(), None), "update_mask.paths[0]"),
        (update(&["subject.email"], Subject::default(), None), "subject.email"),
        (update(&["subject.email"], mail("o'hara@b.example"), None), "subject.email"),
        (update(&["subject.phone"], phone("+12025550123"), None), "subject.phone.region_code"),
        (update(&["subject"], Subject::default(), None), "subject"),
    ] {
        let violations = Updates::check(&preventor, &command);
        assert_eq!(violations.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    assert!(Updates::check(&preventor, &update(&["subject"], subject(), None)).is_empty());
}

#[tokio::test]
async fn an_invitation_is_withdrawn_by_its_recipient() {
    for (status, deleted) in [(200, Deleted::Now), (204, Deleted::Now), (404, Deleted::NothingThere)] {
        let (preventor, stub) = connect(move |seen| match seen.method.as_str() {
            "DELETE" => json(status, "{}"),
            _ => registered(),
        })
        .await;
        let created = invited(&preventor, DeliveryMethod::Phone).await;
        let about = About { reference: &created.observation.reference, keepsake: created.keepsake.as_ref() };
        assert_eq!(preventor.delete(Deletion { about, force: false }).await.unwrap(), deleted);
        preventor.cancel(Cancellation { about, reason: "" }).await.unwrap();
        assert_eq!(changes(&stub)[1..], ["DELETE /invitations/users/+12025550123"; 2]);
    }
    let preventor = offline();
    let reference = VendorReference::default();
    let about = About { reference: &reference, keepsake: None };
    let error = preventor.cancel(Cancellation { about, reason: "" }).await.unwrap_err();
    assert_eq!(error.kind, Kind::StateNotAllowed);
    assert!(error.detail.contains("recipient"), "{}", error.detail);
}

/// A vendor that has an invitation under `recipient` alone, and answers `other` about all others.
async fn found_under(
    recipient: &'static str,
    other: fn() -> axum::response::Response,
) -> (idv_gateway::vendor::preventor::Preventor, crate::vendor::rig::Stub) {
    connect(move |seen| match seen.method.as_str() {
        "POST" => registered(),
        "GET" => json(200, r#"{"invitation_state":"SENT","activities":[]}"#),
        _ if seen.path.ends_with(recipient) => json(200, "{}"),
        _ => other(),
    })
    .await
}

const OLD: &str = "erika.beispiel+kyc@mail.example";
const NEW: &str = "new@mail.example";

#[tokio::test]
async fn an_invitation_that_may_have_moved_is_found_where_it_is() {
    let nothing = || json(404, "{}");
    let (old, new) = (format!("/invitations/users/{OLD}"), format!("/invitations/users/{NEW}"));
    for (recipient, asked) in [(OLD, vec![&old]), (NEW, vec![&old, &new]), ("nobody", vec![&old, &new])] {
        let (preventor, stub) = found_under(recipient, nothing).await;
        let created = invited(&preventor, DeliveryMethod::Email).await;
        let reference = &created.observation.reference;
        let about = About { reference, keepsake: created.keepsake.as_ref() };
        let command = update(&["subject.email"], mail(NEW), None);
        let kept = preventor.foresee(&Update { about, command: &command }).unwrap().unwrap();
        let about = About { reference, keepsake: Some(&kept) };
        assert_eq!(preventor.start_links(about)[0].uri, LINK);
        assert!(preventor.foresee(&Update { about, command: &command }).unwrap().is_none(), "it is kept");
        let found = preventor.delete(Deletion { about, force: false }).await.unwrap();
        assert_eq!(found, if recipient == "nobody" { Deleted::NothingThere } else { Deleted::Now });
        let expected: Vec<_> = asked.iter().map(|path| format!("DELETE {path}")).collect();
        assert_eq!(changes(&stub)[1..], expected);

        // Where it is found it is from then on, unless it moves again.
        let flow = InvitationSpec { flow: "WF-08".to_owned(), ..InvitationSpec::default() };
        let command = update(&["spec.invitation.flow"], Subject::default(), Some(flow));
        assert!(preventor.foresee(&Update { about, command: &command }).unwrap().is_none());
        let changed = preventor.update(Update { about, command: &command }).await;
        if recipient == "nobody" {
            assert_eq!(changed.unwrap_err().kind, Kind::IdentificationGone);
            continue;
        }
        let kept = changed.unwrap().unwrap();
        let about = About { reference, keepsake: Some(&kept) };
        preventor.cancel(Cancellation { about, reason: "" }).await.unwrap();
        assert_eq!(calls(&stub).last(), Some(&format!("DELETE /invitations/users/{recipient}")));
    }
}

#[tokio::test]
async fn only_a_vendor_that_has_nothing_there_is_asked_about_another_place() {
    for other in [
        || json(404, "<html>not here</html>"),
        || json(500, r#"{"status": 500}"#),
        || json(400, r#"{"status": 400, "message": "no"}"#),
    ] {
        let (preventor, stub) = found_under(NEW, other).await;
        let created = invited(&preventor, DeliveryMethod::Email).await;
        let reference = &created.observation.reference;
        let about = About { reference, keepsake: created.keepsake.as_ref() };
        let command = update(&["subject.email"], mail(NEW), None);
        let kept = preventor.foresee(&Update { about, command: &command }).unwrap().unwrap();
        let about = About { reference, keepsake: Some(&kept) };
        preventor.cancel(Cancellation { about, reason: "" }).await.unwrap_err();
        assert!(calls(&stub).iter().all(|call| !call.ends_with(NEW)), "{:?}", calls(&stub));
    }
}
/// The recipient may have another invitation by then, which the vendor would take for this one.
#[tokio::test]
async fn what_has_ended_is_not_changed() {
    let log = |state: &str| (200, value!({"invitation_state": state, "activities": []}).to_string());
    for ((status, log), deleted, cancelled, updated) in [
        (log("COMPLETED"), Deleted::NothingThere, Err(Kind::StateNotAllowed), Kind::IdentificationCompleted),
        (log("EXPIRED"), Deleted::NothingThere, Ok(()), Kind::StateNotAllowed),
        (log("DELETED"), Deleted::Now, Ok(()), Kind::IdentificationGone),
        ((404, "{}".to_owned()), Deleted::NothingThere, Ok(()), Kind::IdentificationGone),
    ] {
        let said = log.clone();
        let (preventor, stub) = connect(move |seen| match seen.method.as_str() {
            "GET" => json(status, &said),
            _ => registered(),
        })
        .await;
        let created = invited(&preventor, DeliveryMethod::Email).await;
        let about = About { reference: &created.observation.reference, keepsake: created.keepsake.as_ref() };
        assert_eq!(preventor.delete(Deletion { about, force: false }).await.unwrap(), deleted, "{log}");
        let ended = preventor.cancel(Cancellation { about, reason: "" }).await;
        assert_eq!(ended.map_err(|error| error.kind), cancelled, "{log}");
        let command = update(&["subject.email"], mail("new@mail.example"), None);
        let error = preventor.update(Update { about, command: &command }).await.unwrap_err();
        assert_eq!(error.kind, updated, "{log}");
        assert_eq!(changes(&stub).len(), 1, "nothing but the registration was sent");
        // Nor is the recipient needed, which is not known of what was made without the gateway.
        let about = About { keepsake: None, ..about };
        assert_eq!(preventor.delete(Deletion { about, force: false }).await.unwrap(), deleted, "{log}");
    }
}

#[tokio::test]
async fn an_invitation_without_an_id_is_cancelled_before_it_is_erased() {
    let (preventor, stub) = connect(|_seen| registered()).await;
    let keepsake = invited(&preventor, DeliveryMethod::Email).await.keepsake;
    let reference = VendorReference { reference: ID.to_owned(), ..VendorReference::default() };
    let about = About { reference: &reference, keepsake: keepsake.as_ref() };
    assert_eq!(preventor.delete(Deletion { about, force: false }).await.unwrap(), Deleted::NothingThere);
    assert_eq!(calls(&stub).len(), 1);
    preventor.cancel(Cancellation { about, reason: "" }).await.unwrap();
    assert_eq!(calls(&stub)[1..], ["DELETE /invitations/users/erika.beispiel+kyc@mail.example"]);
}

#[tokio::test]
async fn a_withdrawal_is_not_sent_again_blindly() {
    let (preventor, stub, _clock) =
        connect_with("limits.max_attempts = 3", |seen| match seen.method.as_str() {
            "DELETE" => json(503, "{}"),
            _ => registered(),
        })
        .await;
    let created = invited(&preventor, DeliveryMethod::Email).await;
    let about = About { reference: &created.observation.reference, keepsake: created.keepsake.as_ref() };
    let error = preventor.delete(Deletion { about, force: false }).await.unwrap_err();
    assert_eq!((error.kind, changes(&stub).len()), (Kind::VendorOutcomeUnknown, 2));
}
