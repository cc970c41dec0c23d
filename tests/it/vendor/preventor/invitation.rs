//! Creating, asking and sending.

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{DeliveryMethod, InvitationSpec, PhoneNumber, Subject};
use idv_gateway::vendor::capability::Activities as _;
use idv_gateway::vendor::invitation::{Invitations as _, Question};
use idv_gateway::vendor::keepsake::About;
use idv_gateway::vendor::{Create, Identifications as _};
use serde_json::{Value, json as value};

use super::{
    INVITATION, LINK, TICKET, calls, command, connect, connect_with, invited, known, offline, registered,
    spec, subject,
};
use crate::vendor::rig::{ID, json};

#[tokio::test]
async fn an_invitation_is_registered_in_the_vendors_words() {
    let phone = value!({"phone_number_prefix": "+1", "phone_number": "2025550123"});
    let email = "erika.beispiel+kyc@mail.example";
    for (method, wanted) in [
        (DeliveryMethod::Phone, value!({"delivery_method": "PHONE", "phone": phone})),
        (DeliveryMethod::Email, value!({"delivery_method": "EMAIL", "email": email})),
        (DeliveryMethod::Assistant, value!({"delivery_method": "ASSISTANT", "email": email})),
    ] {
        let (preventor, stub) = connect(|_seen| registered()).await;
        let spec = InvitationSpec { deliver: true, broker: "broker-7".to_owned(), ..spec(method) };
        let created = preventor.create(Create { command: &command(subject(), spec) }).await.unwrap();
        assert_eq!(created.observation.word, Word::Accepted);
        let reference = &created.observation.reference;
        assert_eq!((reference.id.as_str(), reference.reference.as_str()), (INVITATION, ID));
        let mut sent: Value = serde_json::from_str(&stub.seen().last().unwrap().body).unwrap();
        let rest = value!({
            "deliver_invitation": true, "broker": "broker-7", "unique": ID, "flow": "WF-07_made-up_2"
        });
        for (name, expected) in wanted.as_object().unwrap().iter().chain(rest.as_object().unwrap()) {
            assert_eq!(sent.as_object_mut().unwrap().remove(name).as_ref(), Some(expected), "{name}");
        }
        assert_eq!(sent, value!({}), "and nothing else");
        assert_eq!(calls(&stub), ["POST /invitations/users/register"]);
        let about = About { reference, keepsake: created.keepsake.as_ref() };
        let links: Vec<_> = preventor.start_links(about).into_iter().map(|link| link.uri).collect();
        assert_eq!(links, [LINK]);
        assert!(preventor.start_links(About { reference, keepsake: None }).is_empty());
    }
}

#[tokio::test]
async fn the_callers_unique_value_goes_before_the_id() {
    let (preventor, stub) = connect(|_seen| registered()).await;
    let spec = InvitationSpec { unique: "customer-4711".to_owned(), ..spec(DeliveryMethod::Email) };
    let created = preventor.create(Create { command: &command(subject(), spec) }).await.unwrap();
    assert_eq!(created.observation.reference.reference, "customer-4711");
    assert!(stub.seen().last().unwrap().body.contains(r#""unique":"customer-4711""#));
}

#[tokio::test]
async fn an_answer_that_lacks_something_names_where_it_was_looked_for() {
    for (answer, deliver, lacks) in [
        (r#"{"link":"https://a.example"}"#, true, Some("id, invitation_id, data.id, invitation.id")),
        (r#"{"id":"../x","link":"https://a.example"}"#, true, Some("id, invitation_id")),
        (r#"{"id":"i-1"}"#, false, Some("link, url, data.link")),
        (r#"{"id":"i-1","link":"javascript:alert(1)"}"#, false, Some("link, url")),
        (r#"{"id":"i-1"}"#, true, None),
        (r#"{"data":{"id":7,"url":"https://a.example/x"}}"#, false, None),
    ] {
        let (preventor, _stub) = connect(move |_seen| json(200, answer)).await;
        let spec = InvitationSpec { deliver, ..spec(DeliveryMethod::Email) };
        let created = preventor.create(Create { command: &command(subject(), spec) }).await;
        match lacks {
            None => drop(created.unwrap()),
            Some(paths) => {
                let error = created.unwrap_err();
                assert_eq!(error.kind, Kind::VendorResponseInvalid, "{answer}");
                assert!(error.detail.contains(paths), "{}", error.detail);
            }
        }
    }
}

#[tokio::test]
async fn other_places_can_be_configured() {
    let more = "[invitation]\nid = [\"result.items[0].key\"]\nlink = []\n";
    let answer = r#"{"id":"wrong","result":{"items":[{"key":"right"}]}}"#;
    let (preventor, _stub, _clock) = connect_with(more, move |_seen| json(201, answer)).await;
    let spec = InvitationSpec { deliver: true, ..spec(DeliveryMethod::Email) };
    let created = preventor.create(Create { command: &command(subject(), spec) }).await.unwrap();
    assert_eq!(created.observation.reference.id, "right");
}

#[tokio::test]
async fn refused_fields_are_named_in_our_words() {
    let body = r#"{"status":400,"code":"VAL","message":{"message":"x","fields":["phone.phone_number",{"field":"flow"}]}}"#;
    let (preventor, _stub) = connect(move |_seen| json(400, body)).await;
    let command = command(subject(), spec(DeliveryMethod::Phone));
    let error = preventor.create(Create { command: &command }).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorRejectedField);
    let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["spec.invitation.flow", "subject.phone.e164"]);

    let (preventor, _stub) = connect(|_seen| json(409, r#"{"code":"DUP"}"#)).await;
    let error = preventor.create(Create { command: &command }).await.unwrap_err();
    assert_eq!(error.kind, Kind::ResourceExists);
    let (preventor, stub) = connect(|_seen| json(503, "")).await;
    let error = preventor.create(Create { command: &command }).await.unwrap_err();
    assert_eq!((error.kind, calls(&stub).len()), (Kind::VendorOutcomeUnknown, 1), "never sent again blindly");
}

#[test]
fn what_the_vendor_cannot_take_is_refused_before_anything_is_recorded() {
    let preventor = offline();
    let phone = |e164: &str, region_code: &str| Subject {
        phone: Some(PhoneNumber { e164: e164.to_owned(), region_code: region_code.to_owned() }),
        ..Subject::default()
    };
    let mail = |email: &str| Subject { email: email.to_owned(), ..Subject::default() };
    let by = spec;
    for (subject, spec, fields) in [
        (
            mail("a@b.example"),
            InvitationSpec { flow: String::new(), ..by(DeliveryMethod::Email) },
            &["spec.invitation.flow"][..],
        ),
        (mail("a@b.example"), by(DeliveryMethod::None), &["spec.invitation.delivery_method"]),
        (mail("a@b.example"), by(DeliveryMethod::Unspecified), &["spec.invitation.delivery_method"]),
        (mail("a@b.example"), by(DeliveryMethod::Phone), &["subject.phone"]),
        (phone("+12025550123", "US"), by(DeliveryMethod::Email), &["subject.email"]),
        (phone("+12025550123", "DE"), by(DeliveryMethod::Phone), &["subject.phone.region_code"]),
        (phone("+999123456", ""), by(DeliveryMethod::Phone), &["subject.phone.e164"]),
        (mail("o'hara@b.example"), by(DeliveryMethod::Assistant), &["subject.email"]),
        (
            mail("a@b.example"),
            InvitationSpec { unique: "a@b.example".to_owned(), ..by(DeliveryMethod::Email) },
            &["spec.invitation.unique"],
        ),
    ] {
        let violations = preventor.check(&command(subject, spec));
        let named: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    assert!(preventor.check(&command(subject(), spec(DeliveryMethod::Phone))).is_empty());
}

#[tokio::test]
async fn a_creation_in_doubt_asks_for_its_unique_value_first() {
    let command = command(subject(), spec(DeliveryMethod::Email));
    let (preventor, stub) = connect(|seen| match seen.path.ends_with("/check") {
        true => json(200, r#"{"available":true}"#),
        false => registered(),
    })
    .await;
    let created = preventor.create_again(Create { command: &command }).await.unwrap();
    assert_eq!(created.observation.reference.id, INVITATION);
    assert_eq!(calls(&stub), ["POST /invitations/check", "POST /invitations/users/register"]);
    let asked: Value = serde_json::from_str(&stub.seen()[1].body).unwrap();
    let nobody = "idv-gateway.nobody@example.com";
    let question = value!({"unique": ID, "email": nobody, "delivery_method": "EMAIL", "type": "ID"});
    assert_eq!(asked, question, "not for the person");

    let named = r#"{"code":"TAKEN","message":{"message":"x","fields":["unique"]}}"#;
    for taken in [(409, r#"{"code":"TAKEN"}"#), (409, named), (200, r#"{"available":false}"#)] {
        let (preventor, stub) = connect(move |_seen| json(taken.0, taken.1)).await;
        let created = preventor.create_again(Create { command: &command }).await.unwrap();
        assert_eq!((created.observation.word, calls(&stub).len()), (Word::Accepted, 1), "{taken:?}");
        let reference = &created.observation.reference;
        assert_eq!((reference.id.as_str(), reference.reference.as_str()), ("", ID));
        assert!(created.keepsake.is_some(), "it can still be withdrawn");
    }
    let field = r#"{"message":{"fields":["unique"]}}"#;
    for (status, body, kind) in [
        (503, "{}", Kind::VendorUnavailable),
        (400, field, Kind::VendorOutcomeUnknown),
        (400, r#"{"message":"x"}"#, Kind::VendorOutcomeUnknown),
        (403, "{}", Kind::VendorOutcomeUnknown),
        (409, "<html>", Kind::VendorOutcomeUnknown),
        (200, r#"{"available":"false"}"#, Kind::VendorResponseInvalid),
        (200, r#"{"available":0}"#, Kind::VendorResponseInvalid),
    ] {
        let (preventor, stub) = connect(move |_seen| json(status, body)).await;
        let error = preventor.create_again(Create { command: &command }).await.unwrap_err();
        assert_eq!((error.kind, calls(&stub).len()), (kind, 1), "{status} {body}");
    }
}

#[tokio::test]
async fn a_creation_in_doubt_is_asked_for_by_mail_or_phone() {
    for (method, asked_by) in [
        (DeliveryMethod::Email, "EMAIL"),
        (DeliveryMethod::Assistant, "EMAIL"),
        (DeliveryMethod::Phone, "PHONE"),
    ] {
        let (preventor, stub) = connect(|_seen| json(409, "{}")).await;
        let command = command(subject(), spec(method));
        preventor.create_again(Create { command: &command }).await.unwrap();
        let asked: Value = serde_json::from_str(&stub.seen()[1].body).unwrap();
        assert_eq!(asked["delivery_method"], asked_by);
    }
}

#[tokio::test]
async fn an_invitation_is_sent_by_its_id_or_its_recipient() {
    for (more, recipient) in
        [("", INVITATION), ("send_by = \"recipient\"", "erika.beispiel+kyc@mail.example")]
    {
        let (preventor, stub, _clock) = connect_with(more, |_seen| registered()).await;
        let created = invited(&preventor, DeliveryMethod::Email).await;
        let about = About { reference: &created.observation.reference, keepsake: created.keepsake.as_ref() };
        preventor.send(about).await.unwrap();
        assert_eq!(calls(&stub)[1], format!("POST /notifications/invitation/{recipient}/send"));
    }
    let (preventor, stub, _clock) =
        connect_with("", |_seen| json(200, r#"{"invitation_state":"SENT"}"#)).await;
    let (reference, nameless) = (known(INVITATION, &[]), known("", &[]));
    let sent = preventor.send(About { reference: &reference, keepsake: None }).await.unwrap();
    assert_eq!(sent.vendor_state, "SENT");
    let error = preventor.send(About { reference: &nameless, keepsake: None }).await.unwrap_err();
    assert_eq!((error.kind, calls(&stub).len()), (Kind::StateNotAllowed, 1));
    let (preventor, _stub) = connect(|_seen| json(503, "")).await;
    let error = preventor.send(About { reference: &reference, keepsake: None }).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorOutcomeUnknown, "whether it was sent is not known");
}

#[tokio::test]
async fn whether_somebody_can_be_invited_is_asked_in_the_vendors_words() {
    let question = |method: DeliveryMethod, email: &str, unique: &str| Question {
        delivery_method: method,
        email: email.to_owned(),
        phone: None,
        process: String::new(),
        unique: unique.to_owned(),
    };
    for (status, body, available, code) in [
        (200, "{}", true, ""),
        (409, r#"{"status":"409","code":"TAKEN","message":"Erika"}"#, false, "TAKEN"),
        (409, r#"{"code":"Erika Beispiel"}"#, false, ""),
    ] {
        let (preventor, stub) = connect(move |_seen| json(status, body)).await;
        let asked = question(DeliveryMethod::Email, "a@b.example", "u-1");
        let said = preventor.is_available(&asked).await.unwrap();
        assert_eq!((said.available, said.vendor_code.as_str()), (available, code), "{body}");
        let sent: Value = serde_json::from_str(&stub.seen()[1].body).unwrap();
        let wanted =
            value!({"unique": "u-1", "email": "a@b.example", "delivery_method": "EMAIL", "type": "ID"});
        assert_eq!(sent, wanted);
    }
    let preventor = offline();
    for (asked, field) in [
        (question(DeliveryMethod::Email, "", "u-1"), "email"),
        (question(DeliveryMethod::Assistant, "a@b.example", "u-1"), "delivery_method"),
        (question(DeliveryMethod::Phone, "", ""), "unique"),
    ] {
        let violations = preventor.check_question(&asked);
        assert_eq!(violations.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), [field]);
    }
}

#[tokio::test]
async fn the_log_is_shown_oldest_first() {
    let log = include_str!("../../../fixtures/preventor/activities.json");
    let (preventor, stub) = connect(|_seen| json(200, log)).await;
    let reference = known(INVITATION, &[]);
    let about = About { reference: &reference, keepsake: None };
    let activities = preventor.activities(about).await.unwrap().unwrap();
    let kinds: Vec<_> = activities.iter().map(|activity| activity.kind.as_str()).collect();
    assert_eq!(kinds, ["REGISTERED", "SENT", "STARTED"]);
    assert!(activities[2].vendor_json.contains(TICKET) && activities[0].source == "vendor");
    assert_eq!(calls(&stub), [format!("GET /invitations/logs/{INVITATION}/activities")]);
    let (preventor, _stub) = connect(|_seen| json(404, "{}")).await;
    assert!(preventor.activities(about).await.unwrap().is_none());
}
