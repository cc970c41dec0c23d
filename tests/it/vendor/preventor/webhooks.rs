//! Webhooks of all generations.

use axum::http::HeaderValue;
use idv_gateway::model::observation::{Observation, Word};
use idv_gateway::proto::{AttemptEnd, Evidence, Outcome, StepDisposition, VendorWebhookKind};
use idv_gateway::settings::Window;
use idv_gateway::vendor::kit::delivery::{Proof, Refusal, Verified};
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::webhook_setting::GeneratedSecret;
use idv_gateway::vendor::{Reading, Webhooks as _};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{INVITATION, TICKET, known, offline};
use crate::vendor::rig::delivery;

/// A connection that accepts a bearer token, with or without encryption.
fn listening(cipher_key: Option<&str>) -> Preventor {
    let preventor = offline();
    preventor.accept(vec![GeneratedSecret {
        label: "made".to_owned(),
        kind: VendorWebhookKind::Tickets,
        proof: Proof::Bearer(SecretString::from("hush")),
        cipher_key: cipher_key.map(SecretString::from),
        window: Window::new(None, None),
    }]);
    preventor
}

fn verified(preventor: &Preventor, body: &str) -> Verified {
    preventor.verify(delivery("Bearer hush", body.to_owned())).unwrap()
}

fn read(body: &Value) -> Reading {
    let preventor = listening(None);
    preventor.normalise(&verified(&preventor, &body.to_string())).unwrap()
}

fn one(body: &Value) -> Observation {
    let reading = read(body);
    assert_eq!(reading.drift, Vec::<&str>::new(), "{body}");
    reading.observations.into_iter().next().unwrap()
}

#[test]
fn a_ticket_in_progress_tells_of_its_step() {
    let observation = one(&json!({
        "ticket": TICKET, "event": "ticket.verification.in_progress", "sub_event": "verification.liveness",
        "flow_status": "IN_PROGRESS", "disposition": "RETRY", "remaining_attempts": "2", "data": {"a": 1}
    }));
    assert_eq!(observation.word, Word::Ended(AttemptEnd::Inconclusive));
    assert_eq!((observation.remaining_tries, observation.vendor_status.as_str()), (Some(2), "RETRY"));
    let step = observation.step.unwrap();
    assert_eq!(
        (step.vendor_step.as_str(), step.disposition()),
        ("verification.liveness", StepDisposition::Retry)
    );
    assert_eq!(observation.reference, known("", &[TICKET]));
    assert_eq!(observation.evidence, Evidence::SharedSecret);
    let passed =
        one(&json!({"ticket": TICKET, "event": "ticket.verification.in_progress", "disposition": "PASSED"}));
    assert_eq!((passed.word, passed.step), (Word::Started, None));
}

#[test]
fn both_webhooks_of_a_decision_are_one_decision() {
    for (status, disposition, outcome) in
        [("ACCEPTED", "PASSED", Outcome::Verified), ("REJECTED", "FAILED", Outcome::Rejected)]
    {
        let ticket = one(&json!({
            "ticket": TICKET, "event": "ticket.verification.completed", "flow_status": status,
            "disposition": disposition, "risk_code": "LOW", "confidence_score": "97.5"
        }));
        let invitation = one(&json!({
            "id": INVITATION, "invitation_state": "COMPLETED", "cifcod": "C-1007", "full_name": "Erika Beispiel",
            "ticket": TICKET, "transaction_status": status, "attempts": 1
        }));
        assert_eq!(ticket.word, Word::Decided(outcome));
        let decision = |it: &Observation| (it.word, it.vendor_status.clone(), it.reasons.clone());
        assert_eq!(decision(&ticket), decision(&invitation));
        assert_eq!(ticket.confidence, Some(0.975));
        assert_eq!(
            (invitation.reference.id.as_str(), invitation.reference.customer_id.as_str()),
            (INVITATION, "C-1007")
        );
        assert_eq!(invitation.reference.ticket_ids, [TICKET]);
    }
}

#[test]
fn an_invitation_tells_more_than_that_it_is_completed() {
    for (state, word) in [
        ("REGISTERED", Word::NotStarted),
        ("SENT", Word::NotStarted),
        ("IN_PROGRESS", Word::Started),
        ("EXPIRED", Word::Expired),
        ("DELETED", Word::Cancelled),
    ] {
        let observation = one(&json!({"id": INVITATION, "invitation_state": state}));
        assert_eq!((observation.word, observation.vendor_status.as_str()), (word, state));
    }
}

/// As the vendor's page describes them; its sample has neither an event nor a `flow_status`.
#[test]
fn an_invitation_may_name_an_event() {
    for event in ["ticket.verification.completed", "invitation.completed", "verification.completed"] {
        let observation = one(&json!({
            "id": INVITATION, "invitation_state": "COMPLETED", "event": event, "ticket": TICKET,
            "flow_status": "REJECTED", "risk_code": "HIGH"
        }));
        assert_eq!(
            (observation.word, observation.vendor_status.as_str()),
            (Word::Decided(Outcome::Rejected), "REJECTED")
        );
        assert_eq!(observation.reference, known(INVITATION, &[TICKET]), "{event}");
    }
    let ticket = one(&json!({
        "ticket": TICKET, "event": "ticket.verification.completed", "flow_status": "ACCEPTED",
        "invitation_state": null
    }));
    assert_eq!(ticket.word, Word::Decided(Outcome::Verified));
}

#[test]
fn the_generation_before_is_understood() {
    for (event, status, word) in [
        ("verification.completed", "VERIFIED", Word::Decided(Outcome::Verified)),
        ("verification.completed", "FAILED", Word::Decided(Outcome::Rejected)),
        ("onboarding.completed", "SUCCESSFUL", Word::Decided(Outcome::Verified)),
    ] {
        let observation = one(&json!({
            "ticket": TICKET, "created": 1_773_489_600_000_u64, "processed": 1_773_489_900_000_u64, "event": event,
            "status": status
        }));
        assert_eq!((observation.word, observation.vendor_status.as_str()), (word, status));
        assert_eq!(observation.occur_time.unwrap().seconds, 1_773_489_900);
    }
    let waiting = json!({"ticket": TICKET, "event": "onboarding.completed", "status": "AWAITING"});
    assert!(matches!(one(&waiting).word, Word::Pending(_)));
}

#[test]
fn unknown_words_are_kept_and_counted() {
    for (body, drift, status) in [
        (
            json!({"ticket": TICKET, "event": "ticket.verification.completed", "flow_status": "PARDONED"}),
            "flow_status",
            "PARDONED",
        ),
        (json!({"id": INVITATION, "invitation_state": "MELTED"}), "invitation_state", "MELTED"),
        (
            json!({"id": INVITATION, "invitation_state": "COMPLETED", "transaction_status": "PARDONED"}),
            "transaction_status",
            "PARDONED",
        ),
        (
            json!({"ticket": TICKET, "event": "verification.completed", "status": "PARDONED"}),
            "status",
            "PARDONED",
        ),
    ] {
        let reading = read(&body);
        assert_eq!((reading.observations[0].word, reading.drift), (Word::Unknown, vec![drift]), "{body}");
        assert_eq!(reading.observations[0].vendor_status, status);
    }
    let event = json!({"ticket": TICKET, "event": "ticket.verification.expired"});
    let reading = read(&event);
    assert_eq!(
        (reading.observations[0].word, reading.drift),
        (Word::Unknown, vec!["event"]),
        "nothing is guessed"
    );
    assert_eq!(reading.observations[0].vendor_status, "ticket.verification.expired");
    let telling =
        json!({"ticket": TICKET, "event": "ticket.verification.reviewed", "flow_status": "REJECTED"});
    let reading = read(&telling);
    assert_eq!(
        (reading.observations[0].word, reading.drift),
        (Word::Decided(Outcome::Rejected), vec!["event"])
    );
    let odd = json!({
        "ticket": TICKET, "event": "ticket.verification.completed", "flow_status": "ACCEPTED",
        "confidence_score": 101, "remaining_attempts": "two"
    });
    let reading = read(&odd);
    assert_eq!(
        reading.observations[0].word,
        Word::Decided(Outcome::Verified),
        "an odd member costs only itself"
    );
    assert_eq!(reading.drift, ["confidence_score", "remaining_attempts"]);
}

#[test]
fn what_cannot_be_read_says_where() {
    let preventor = listening(None);
    for (body, path) in [
        ("no json", "$"),
        ("{}", "event"),
        ("[]", "event"),
        (r#"{"event":"something.else","ticket":"a"}"#, "event"),
        (r#"{"event":"ticket.verification.completed","flow_status":"ACCEPTED"}"#, "ticket"),
        (r#"{"event":"ticket.verification.completed","ticket":"../a"}"#, "ticket"),
        (r#"{"event":"ticket.verification.completed","ticket":"a"}"#, "flow_status"),
        (r#"{"invitation_state":"COMPLETED"}"#, "id"),
        (r#"{"invitation_state":"COMPLETED","id":"a","ticket":"a b"}"#, "ticket"),
    ] {
        let unreadable = preventor.normalise(&verified(&preventor, body)).unwrap_err();
        assert_eq!(unreadable.path, path, "{body}");
    }
}

/// The vector stands in the vendor's documents' place: made with the algorithm that they describe.
#[test]
fn an_encrypted_webhook_is_opened_for_who_knows_the_secret() {
    const BODY: &str = "OqPBTrVKzokBW6Hq95LcveDKDS2fpshwow1xtJsi6whAaf8Sw5XSqeo9nm21r6td510Kqc02ABdgE6wkmQsqDFbsSl8MkfT/\
                        2c4DScA81YRQZePPO5xFGYSOnwyIPDjGi7PjOWqZ49V2WXEovaaPAzPxp/9BkkCoSCOAwrxOWsB87rDOhgaKbrtZk8DpjI\
                        OmSXiFrTXlH1m4xflxtcXVD3N8oDAcI4oTlid3O953wlU=";
    let preventor = listening(Some("0123456789abcdef0123456789abcdef"));
    let encrypted = |authorization: &str| {
        let mut request = delivery(authorization, BODY);
        let iv = HeaderValue::from_static("AAECAwQFBgcICQoLDA0ODw==");
        request.headers.insert("x-pvt-cipher-iv", iv);
        request
    };
    let verified = preventor.verify(encrypted("Bearer hush")).unwrap();
    assert_eq!(verified.matched(), "made");
    let reading = preventor.normalise(&verified).unwrap();
    assert_eq!(reading.observations[0].word, Word::Decided(Outcome::Verified));
    assert_eq!(preventor.verify(encrypted("Bearer hash")).unwrap_err(), Refusal::Wrong);
    preventor.accept(Vec::new());
    assert!(preventor.verify(encrypted("Bearer hush")).is_err(), "what is taken back is not accepted");
}
