//! A vendor without webhooks: everything that is known of it was asked for.

use std::time::Duration;

use idv_gateway::proto::{
    CreateIdentificationRequest, DeliveryMethod, EventOrigin, EventType, Evidence, Identification,
    IdentificationSpec, IdentificationState as Status, IdentityDocumentSpec, IdentityDocumentType, OtpFactor,
    OtpSpec, Outcome, PhoneNumber, RefreshIdentificationRequest, Subject, VendorReference,
    identification_spec::Kind,
};
use serde_json::{Value, json};
use tonic::Code;

use super::house::{House, id_of};
use super::words::{adopt, fields, refused, types};

pub(super) const MAS: &str = "connections/mas";
const VALIDITY: Duration = Duration::from_mins(15);
/// What makes requests at the sandbox with [`MAS`] the only one who asks.
const QUIET: &str = "polling.enabled = false";

/// A house with MasStack, and `settings` of its connection.
pub(super) async fn house(settings: &'static str) -> House {
    House::with(|plan| {
        plan.webhooks = false;
        plan.masstack = Some(settings);
    })
    .await
}

pub(super) fn subject() -> Subject {
    Subject {
        given_name: "María".to_owned(),
        family_name: "Ejemplo".to_owned(),
        email: "maria@example.com".to_owned(),
        phone: Some(PhoneNumber { e164: "+34612345678".to_owned(), ..PhoneNumber::default() }),
        language_code: "es-ES".to_owned(),
        document_type: IdentityDocumentType::Nif.into(),
        document_number: "12345678Z".to_owned(),
        ..Subject::default()
    }
}

pub(super) fn request(kind: Kind) -> CreateIdentificationRequest {
    CreateIdentificationRequest {
        parent: MAS.to_owned(),
        subject: Some(subject()),
        spec: Some(IdentificationSpec { kind: Some(kind) }),
        ..CreateIdentificationRequest::default()
    }
}

pub(super) fn otp() -> CreateIdentificationRequest {
    request(Kind::Otp(OtpSpec {
        expires_in: Some(VALIDITY.try_into().unwrap()),
        factor: OtpFactor::DocumentNumber.into(),
        channel: DeliveryMethod::Sms.into(),
        external_channel: false,
    }))
}

pub(super) async fn created(house: &House, request: CreateIdentificationRequest) -> Identification {
    house.try_create(request).await.unwrap().identification.unwrap()
}

/// What the gateway knows of `name` now.
pub(super) async fn known(house: &House, name: &str) -> Identification {
    let events = house.events().await;
    let last = events.iter().rev().find(|event| event.identification == name);
    last.map(|event| super::words::shown(event).clone()).unwrap()
}

/// Something happens to the process of `identification` at the vendor.
pub(super) async fn does(house: &House, identification: &Identification, step: &str) -> Value {
    let id = &identification.vendor_reference.as_ref().unwrap().id;
    let reply = house.control(&format!("masstack/identifications/{id}/{step}"), &json!({})).await;
    assert_eq!(reply.status, 200, "{step}: {:?}", reply.body);
    serde_json::from_slice(&reply.body).unwrap()
}

pub(super) async fn asked(house: &House, what: &str) -> u64 {
    house.see("masstack/statistics").await[what].as_u64().unwrap()
}

/// Lets time pass until `name` is in `state`.
async fn reaches(house: &House, name: &str, state: Status) -> Identification {
    house
        .in_time("a look at the vendor", async || {
            let known = known(house, name).await;
            (known.state() == state).then_some(known)
        })
        .await
}

pub(super) async fn refreshed(house: &House, name: &str) -> Identification {
    let request = RefreshIdentificationRequest { name: name.to_owned() };
    let answer = house.identifications().refresh_identification(request).await.unwrap().into_inner();
    answer.identification.unwrap()
}

#[tokio::test]
async fn a_whole_life_is_seen_by_asking_alone() {
    let house = house("").await;
    let made = created(&house, otp()).await;
    let reference = made.vendor_reference.clone().unwrap();
    let process = does(&house, &made, "start").await;
    assert_eq!(reference.reference, format!("otp/{}", process["identification_id"].as_str().unwrap()));
    assert_eq!((made.state(), made.vendor_status.as_str()), (Status::AwaitingUser, ""));

    let started = reaches(&house, &made.name, Status::InProgress).await;
    assert_eq!((started.attempt_count, started.vendor_status.as_str()), (1, "STARTED"));
    // Looks at what goes on are no news.
    let gets = asked(&house, "gets").await;
    house.in_time("three more looks", async || (asked(&house, "gets").await >= gets + 3).then_some(())).await;
    does(&house, &made, "validate").await;
    let done = reaches(&house, &made.name, Status::Completed).await;
    let decision = done.decision.unwrap();
    assert_eq!((decision.outcome(), decision.evidence()), (Outcome::Verified, Evidence::Fetched));
    assert_eq!((decision.vendor_result.as_str(), done.attempt_count), ("VALIDATED", 1));

    let events = house.events().await;
    let mine: Vec<_> = events.into_iter().filter(|event| event.identification == made.name).collect();
    let [_created, told @ ..] = mine.as_slice() else { panic!("nothing is told") };
    use EventType::{IdentificationCompleted, IdentificationCreated, IdentificationStarted};
    assert_eq!(types(&mine), [IdentificationCreated, IdentificationStarted, IdentificationCompleted]);
    for event in told {
        assert_eq!((event.evidence(), event.origin()), (Evidence::Fetched, EventOrigin::Poll));
        assert_eq!(event.environment, "sandbox");
    }
    // It has ended: nobody looks any more, and no webhook was missed.
    let gets = asked(&house, "gets").await;
    for _day in 0..40 {
        house.clock.advance(Duration::from_hours(24));
        assert_eq!(house.operator("/livez").await.status, 200);
    }
    assert_eq!(asked(&house, "gets").await, gets);
    assert_eq!(house.metric("idv_webhook_missed_total", &["connection=\"mas\""]).await, 0.0);
}

#[tokio::test]
async fn who_never_comes_is_given_up_when_the_validity_is_over() {
    let house = house("").await;
    let made = created(&house, otp()).await;
    let left = made.expire_time.unwrap().seconds - made.create_time.unwrap().seconds;
    assert_eq!(left, 15 * 60);
    let ended = reaches(&house, &made.name, Status::Expired).await;
    let took = ended.update_time.unwrap().seconds - made.create_time.unwrap().seconds;
    // The hand goes on moving the clock while it is written.
    assert!(took >= 15 * 60, "{took}");
    let gets = asked(&house, "gets").await;
    assert!((4..=15).contains(&gets), "{gets}");
    house.clock.advance(Duration::from_hours(24 * 40));
    assert_eq!(house.operator("/livez").await.status, 200);
    assert_eq!(asked(&house, "gets").await, gets);
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_never_sent_again() {
    let house = house("").await;
    let lost = json!({ "kind": "status", "operation": "create", "status": 500, "effect": "after" });
    assert_eq!(house.control("masstack/faults", &lost).await.status, 200);
    let status = house.try_create(otp()).await.unwrap_err();
    refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    let failed = house
        .in_time("the end of the doubt", async || {
            let events = house.events().await;
            events.into_iter().find(|event| event.r#type() == EventType::IdentificationFailed)
        })
        .await;
    assert_eq!(failed.evidence(), Evidence::Gateway);
    assert_eq!((asked(&house, "creations").await, asked(&house, "created").await), (1, 1));
}

#[tokio::test]
async fn an_answer_that_cannot_be_mapped_names_the_path() {
    let settings = "polling.enabled = false\nfields.admin_identification_id = [\"data.admin.id\"]";
    let house = house(settings).await;
    let status = house.try_create(otp()).await.unwrap_err();
    refused(&status, Code::Internal, "VENDOR_RESPONSE_INVALID");
    assert!(status.message().contains("admin_identification_id at data.admin.id"), "{}", status.message());
}

#[tokio::test]
async fn both_generations_are_made_and_known_after_a_restart() {
    for settings in [QUIET, "polling.enabled = false\ngeneration = \"actor\""] {
        let house = house(settings).await;
        let kind = Kind::IdentityDocument(IdentityDocumentSpec::default());
        let made = created(&house, request(kind)).await;
        let reference = made.vendor_reference.clone().unwrap();
        assert!(reference.reference.starts_with("identity_document/"), "{reference:?}");
        does(&house, &made, "start").await;
        does(&house, &made, "fail").await;
        let house = house.restarted().await;
        let known = refreshed(&house, &made.name).await;
        assert_eq!(known.decision.unwrap().outcome(), Outcome::Rejected, "{settings}");
    }
}

#[tokio::test]
async fn a_word_that_nobody_knows_is_kept_and_counted() {
    let house = house("polling.enabled = false\nstates = { CREATED = \"awaiting_user\" }").await;
    let made = created(&house, otp()).await;
    does(&house, &made, "start").await;
    let known = refreshed(&house, &made.name).await;
    assert_eq!((known.state(), known.vendor_status.as_str()), (Status::AwaitingUser, "STARTED"));
    assert_eq!(house.metric("idv_vendor_drift_total", &["field=\"state\""]).await, 1.0);
}

#[tokio::test]
async fn what_waits_for_a_connection_that_is_gone_waits_quietly() {
    let house = house(QUIET).await;
    created(&house, otp()).await;
    let house = house.restarted_with(|plan| plan.masstack = None).await;
    house.clock.advance(2 * VALIDITY);
    let put_off = ["kind=\"expire\"", "result=\"retried\""];
    house.counted("idv_jobs_run_total", &put_off, 1.0).await;
    assert_eq!(house.metric("idv_jobs_run_total", &["result=\"failed\""]).await, 0.0);
}

#[tokio::test]
async fn one_login_serves_all_until_the_token_ends() {
    for token_end in ["expires_in", "claim", "untold"] {
        let house = house(QUIET).await;
        let profile = json!({ "token_end": token_end });
        assert_eq!(house.control("masstack/profile", &profile).await.status, 200);
        let all = futures::future::join_all((0..20).map(|_| house.try_create(otp()))).await;
        assert!(all.iter().all(Result::is_ok), "{token_end}: {all:?}");
        assert_eq!(asked(&house, "tokens").await, 1, "{token_end}");
        house.clock.advance(Duration::from_mins(if token_end == "untold" { 6 } else { 61 }));
        created(&house, otp()).await;
        assert_eq!(asked(&house, "tokens").await, 2, "{token_end}");
        assert_eq!(house.control("masstack/tokens/revoke", &json!({})).await.status, 200);
        created(&house, otp()).await;
        assert_eq!(asked(&house, "tokens").await, 3, "{token_end}");
    }
}

#[tokio::test]
async fn what_the_vendor_cannot_take_is_refused_before_it_is_asked() {
    let house = house(QUIET).await;
    let spec = |change: fn(&mut OtpSpec)| {
        let mut spec = OtpSpec { channel: DeliveryMethod::Sms.into(), ..OtpSpec::default() };
        change(&mut spec);
        request(Kind::Otp(spec))
    };
    let person = |change: fn(&mut Subject)| {
        let mut request = otp();
        change(request.subject.as_mut().unwrap());
        request
    };
    let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
    for (request, field) in [
        (spec(|spec| spec.channel = DeliveryMethod::Phone.into()), "spec.otp.channel"),
        (spec(|spec| spec.channel = 0), "spec.otp.channel"),
        (spec(|spec| spec.factor = 99), "spec.otp.factor"),
        (person(|subject| subject.document_number = "12345678A".to_owned()), "subject.document_number"),
        (
            person(|subject| {
                subject.document_type = IdentityDocumentType::Nie.into();
                subject.document_number = "X1234567A".to_owned();
            }),
            "subject.document_number",
        ),
        (
            person(|subject| subject.document_type = IdentityDocumentType::Visa.into()),
            "subject.document_type",
        ),
        (person(|subject| subject.phone = None), "subject.phone"),
        (
            person(|subject| subject.phone.as_mut().unwrap().e164 = "+390612345".to_owned()),
            "subject.phone.e164",
        ),
        (
            person(|subject| subject.phone.as_mut().unwrap().region_code = "PT".to_owned()),
            "subject.phone.region_code",
        ),
        (person(|subject| subject.language_code = "ast".to_owned()), "subject.language_code"),
        (
            request(Kind::Otp(OtpSpec {
                channel: DeliveryMethod::Sms.into(),
                expires_in: Some(seconds(59)),
                ..OtpSpec::default()
            })),
            "spec.otp.expires_in",
        ),
        (
            request(Kind::IdentityDocument(IdentityDocumentSpec {
                expires_in: Some(seconds(31 * 24 * 3600)),
                ..IdentityDocumentSpec::default()
            })),
            "spec.identity_document.expires_in",
        ),
        (super::words::create(MAS), "spec"),
    ] {
        let status = house.try_create(request).await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), [field]);
    }
    assert_eq!((asked(&house, "tokens").await, house.events().await.len()), (0, 0));
}

#[tokio::test]
async fn what_was_made_elsewhere_is_taken_over_by_both_its_ids() {
    let house = house(QUIET).await;
    let made = created(&house, otp()).await;
    let VendorReference { id, reference, .. } = made.vendor_reference.clone().unwrap();
    let status = house.try_adopt(adopt(MAS, &id, "5d0c")).await.unwrap_err();
    let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["vendor_reference.reference"]);
    let status = house.try_adopt(adopt(MAS, &id, &reference)).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status:?}");
    assert_eq!(id_of(&made.name).len(), 36);
}
