//! What tickets say, and how they are found.

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{
    AttemptEnd, Evidence, IdentityDocumentType, Outcome, ProvisionalOutcome, StepDisposition, TicketState,
    VendorReference,
};
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::ticket::Tickets as _;
use idv_gateway::vendor::{Answer, Get, Identifications as _, Results as _};

use super::{INVITATION, TICKET, calls, connect, connect_with, known};
use crate::vendor::rig::json;

const SHOWN: &str = include_str!("../../../fixtures/preventor/ticket.json");

async fn get(preventor: &Preventor, reference: &VendorReference) -> Answer {
    preventor.get(Get { reference, deadline: None }).await.unwrap()
}

#[tokio::test]
async fn the_words_of_a_ticket_mean_what_the_table_says() {
    let pending = Word::Pending(ProvisionalOutcome::Undetermined);
    for (flow, disposition, word, status) in [
        ("IN_PROGRESS", "PASSED", Word::Started, "PASSED"),
        ("IN_PROGRESS", "FAILED", Word::Started, "FAILED"),
        ("IN_PROGRESS", "", Word::Started, "IN_PROGRESS"),
        ("IN_PROGRESS", "RETRY", Word::Ended(AttemptEnd::Inconclusive), "RETRY"),
        ("IN_PROGRESS", "NEEDS_REVIEW", pending, "NEEDS_REVIEW"),
        ("IN_PROGRESS", "PROCESSING", Word::Started, "PROCESSING"),
        ("ACCEPTED", "PROCESSING", pending, "PROCESSING"),
        ("IN_PROGRESS", "ABANDONED", Word::Ended(AttemptEnd::AbortedByUser), "ABANDONED"),
        ("ACCEPTED", "PASSED", Word::Decided(Outcome::Verified), "ACCEPTED"),
        ("ACCEPTED", "", Word::Decided(Outcome::Verified), "ACCEPTED"),
        ("REJECTED", "FAILED", Word::Decided(Outcome::Rejected), "REJECTED"),
        ("ACCEPTED", "NEEDS_REVIEW", pending, "NEEDS_REVIEW"),
        ("ACCEPTED", "FAILED", Word::Unknown, "FAILED"),
        ("REJECTED", "PASSED", Word::Unknown, "PASSED"),
        ("VERIFIED", "", Word::Decided(Outcome::Verified), "VERIFIED"),
        ("SUCCESSFUL", "", Word::Decided(Outcome::Verified), "SUCCESSFUL"),
        ("FAILED", "", Word::Decided(Outcome::Rejected), "FAILED"),
        ("AWAITING", "", pending, "AWAITING"),
        ("SOMETHING_NEW", "", Word::Unknown, "SOMETHING_NEW"),
        ("ACCEPTED", "Erika Beispiel", Word::Unknown, "UNPRINTABLE"),
    ] {
        let body =
            serde_json::json!({"flow_status": flow, "disposition": disposition, "remaining_attempts": "2"});
        let (preventor, _stub) = connect(move |_seen| json(200, &body.to_string())).await;
        let Answer { observation, drift } = get(&preventor, &known("", &[TICKET])).await;
        assert_eq!(
            (observation.word, observation.vendor_status.as_str()),
            (word, status),
            "{flow} {disposition}"
        );
        assert_eq!(drift.contains(&"ticket.flow_status"), word == Word::Unknown, "{flow} {disposition}");
        assert_eq!((observation.remaining_tries, observation.evidence), (Some(2), Evidence::Fetched));
        assert!(observation.reasons.is_empty());
    }
}

#[tokio::test]
async fn the_newest_ticket_of_an_invitation_is_asked_for() {
    let log = include_str!("../../../fixtures/preventor/activities_of_two_tickets.json");
    let (preventor, stub) = connect(|seen| match seen.path.ends_with("/activities") {
        true => json(200, log),
        false => json(200, r#"{"flow_status":"IN_PROGRESS"}"#),
    })
    .await;
    let Answer { observation, .. } = get(&preventor, &known(INVITATION, &[])).await;
    assert_eq!(observation.reference, known(INVITATION, &["first", "second"]));
    let asked =
        [format!("GET /invitations/logs/{INVITATION}/activities"), "GET /transactions/second".to_owned()];
    assert_eq!(calls(&stub), asked);
    let Answer { observation, .. } = get(&preventor, &known(INVITATION, &["zeroth", "first"])).await;
    assert_eq!(
        observation.reference.ticket_ids,
        ["zeroth", "first", "second"],
        "what is known keeps its place"
    );
}

/// The log names an earlier ticket that no webhook told of, lacks the last one, or neither.
#[tokio::test]
async fn the_order_of_tickets_is_the_logs() {
    for (log, before, after) in [
        ("AB", "B", "AB"),
        ("AB", "BA", "AB"),
        ("A", "AB", "AB"),
        ("AC", "AB", "ABC"),
        ("BC", "AB", "ABC"),
        ("AB", "b", "AB"),
        ("", "AB", "AB"),
    ] {
        let (preventor, stub) = connect(move |seen| match seen.path.ends_with("/activities") {
            true => {
                let entries = log.chars().zip(1_773_489_600_000_u64..);
                let entries: Vec<_> = entries
                    .map(|(ticket, time)| serde_json::json!({"ticket": ticket, "created": time}))
                    .collect();
                json(200, &serde_json::json!({ "activities": entries }).to_string())
            }
            false => json(200, r#"{"flow_status":"IN_PROGRESS"}"#),
        })
        .await;
        let reference = VendorReference {
            ticket_ids: before.chars().map(String::from).collect(),
            ..known(INVITATION, &[])
        };
        let Answer { observation, .. } = get(&preventor, &reference).await;
        assert_eq!(observation.reference.ticket_ids.concat(), after, "{before} known, {log} in the log");
        let newest = after.chars().last().unwrap();
        assert_eq!(
            calls(&stub)[1],
            format!("GET /transactions/{newest}"),
            "{before} known, {log} in the log"
        );
    }
}

#[tokio::test]
async fn without_a_ticket_nobody_has_started() {
    for (status, body) in [(404, r#"{"code":"X"}"#), (200, r#"{"activities":[{"activity":"SENT"}]}"#)] {
        let (preventor, _stub) = connect(move |_seen| json(status, body)).await;
        let Answer { observation, .. } = get(&preventor, &known(INVITATION, &[])).await;
        assert_eq!((observation.word, observation.reference), (Word::NotStarted, known(INVITATION, &[])));
    }
    let (preventor, stub) = connect(|_seen| json(500, "")).await;
    let reference = VendorReference { reference: "u-1".to_owned(), ..VendorReference::default() };
    let Answer { observation, .. } = get(&preventor, &reference).await;
    assert_eq!(
        (observation.word, calls(&stub).len()),
        (Word::NotStarted, 0),
        "by its unique value nobody finds it"
    );
}

#[tokio::test]
async fn a_log_of_another_shape_does_not_hide_a_ticket_that_is_known() {
    let (preventor, _stub) = connect(|seen| match seen.path.ends_with("/activities") {
        true => json(200, r#"{"log":1}"#),
        false => json(200, SHOWN),
    })
    .await;
    let Answer { observation, drift } = get(&preventor, &known(INVITATION, &[TICKET])).await;
    assert_eq!(observation.word, Word::Decided(Outcome::Verified));
    assert!(drift.contains(&"activity.entries"), "{drift:?}");
}

#[tokio::test]
async fn a_ticket_tells_whose_it_is() {
    let (preventor, _stub) = connect(|_seen| json(200, SHOWN)).await;
    let Answer { observation, drift } = get(&preventor, &known("", &[TICKET])).await;
    let reference = VendorReference { customer_id: "C-1007".to_owned(), ..known(INVITATION, &[TICKET]) };
    assert_eq!((observation.reference, drift), (reference, vec![]));
    assert_eq!(observation.confidence, Some(0.975));
    assert_eq!(observation.occur_time.unwrap().seconds, 1_773_489_900);

    let (preventor, _stub) = connect(|seen| match seen.path.ends_with("/activities") {
        true => json(200, "[]"),
        false => json(200, SHOWN),
    })
    .await;
    let unasked = known("", &["another"]);
    let error = preventor.get(Get { reference: &unasked, deadline: None }).await.err().unwrap();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
    assert!(error.detail.contains("another ticket"), "{}", error.detail);
    // Whose it is, whoever asked can judge; what it found out about them is nobody else's.
    let theirs = known("another", &[TICKET]);
    let get = Get { reference: &theirs, deadline: None };
    assert_eq!(preventor.get(get).await.unwrap().observation.reference.id, INVITATION);
    let error = preventor.result(Get { reference: &theirs, deadline: None }).await.err().unwrap();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
    assert!(error.detail.contains("another identification"), "{}", error.detail);
}

#[tokio::test]
async fn a_ticket_without_a_status_names_where_it_was_looked_for() {
    let (preventor, _stub) = connect(|_seen| json(200, r#"{"data":{"full_name":"Erika Beispiel"}}"#)).await;
    let reference = known("", &[TICKET]);
    let error = preventor.get(Get { reference: &reference, deadline: None }).await.err().unwrap();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
    let paths = "flow_status, summary.flow_status, data.flow_status, flowStatus";
    assert!(error.detail.contains(paths) && !error.detail.contains("Erika"), "{}", error.detail);
}

#[tokio::test]
async fn confidence_is_from_0_to_1_on_every_scale() {
    for (more, score, confidence) in [
        ("", "0.5", Some(0.5)),
        ("", "1", Some(1.0)),
        ("", "\"87\"", Some(0.87)),
        ("", "101", None),
        ("", "-1", None),
        ("ticket.confidence_scale = \"percent\"", "1", Some(0.01)),
        ("ticket.confidence_scale = \"unit\"", "87", None),
    ] {
        let body = format!(r#"{{"flow_status":"ACCEPTED","confidence_score":{score}}}"#);
        let (preventor, _stub, _clock) = connect_with(more, move |_seen| json(200, &body)).await;
        let Answer { observation, drift } = get(&preventor, &known("", &[TICKET])).await;
        assert_eq!(observation.confidence, confidence, "{more} {score}");
        assert_eq!(drift.is_empty(), confidence.is_some(), "{more} {score}");
    }
}

#[tokio::test]
async fn a_ticket_is_shown_whole() {
    let (preventor, stub) = connect(|_seen| json(200, SHOWN)).await;
    let name = format!("connections/bank/tickets/{TICKET}").parse().unwrap();
    let found = preventor.ticket(&name).await.unwrap().unwrap();
    let ticket = found.ticket;
    assert_eq!(ticket.name, format!("connections/bank/tickets/{TICKET}"));
    assert_eq!((ticket.state(), ticket.outcome()), (TicketState::Accepted, Outcome::Verified));
    assert_eq!((ticket.risk_code.as_str(), ticket.confidence), ("LOW", Some(0.975)));
    let person: Vec<_> = ticket.person.iter().map(|it| (it.path.as_str(), it.value.as_str())).collect();
    assert_eq!(person[..2], [("subject.full_name", "Erika Beispiel"), ("subject.given_name", "Erika")]);
    assert_eq!(person.len(), 5, "what is null is not there: {person:?}");
    let document = &ticket.documents[0];
    assert_eq!((document.r#type(), document.vendor_type.as_str()), (IdentityDocumentType::IdCard, "ID_CARD"));
    assert!(document.fields.iter().any(|it| it.path == "document.number" && it.value == "70123456"));
    let lexical = &ticket.lexical_fields[0];
    assert_eq!((lexical.mrz_value.as_str(), lexical.field_type_code), ("BEISPIEL", 8));
    assert_eq!(ticket.device.unwrap().vendor_json, r#"{"os":"made up"}"#);
    let steps: Vec<_> = ticket
        .steps
        .iter()
        .map(|it| (it.vendor_step.as_str(), it.disposition(), it.remaining_tries))
        .collect();
    assert_eq!(
        steps,
        [
            ("SELFIES_BIOMETRICS", StepDisposition::Passed, None),
            ("DOCUMENT_PHOTOS", StepDisposition::Retry, Some(2)),
            ("TERMS", StepDisposition::Unspecified, None),
        ]
    );
    assert_eq!((ticket.raw_json, found.drift), (SHOWN.as_bytes().to_vec(), Vec::<String>::new()));
    assert_eq!(calls(&stub), [format!("GET /transactions/{TICKET}")]);
    let (preventor, _stub) = connect(|_seen| json(404, r#"{"code":"TCKTNTFND"}"#)).await;
    assert!(preventor.ticket(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn findings_are_those_of_the_ticket() {
    let (preventor, _stub) = connect(|_seen| json(200, SHOWN)).await;
    let reference = known("", &[TICKET]);
    let findings = preventor.result(Get { reference: &reference, deadline: None }).await.unwrap();
    let result = findings.result.unwrap();
    assert_eq!((result.fields.len(), result.documents.len()), (5, 1));
    assert_eq!((&*findings.raw, findings.raw_media_type), (SHOWN.as_bytes(), "application/json"));
    let odd = SHOWN.replace("\"Erika\"", "{\"a\":1}");
    let (preventor, _stub) = connect(move |_seen| json(200, &odd)).await;
    let findings = preventor.result(Get { reference: &reference, deadline: None }).await.unwrap();
    assert_eq!(
        (findings.result.unwrap().fields.len(), findings.drift),
        (4, vec!["ticket.person".to_owned()])
    );
}
