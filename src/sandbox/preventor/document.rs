//! What `GET /transactions/{ticket}` shows. The vendor publishes its sections, not its members.

use serde_json::{Value, json};

use super::invitation::{Invitation, millis};
use super::ticket::{Disposition, FlowStatus, Step, Ticket};
use super::{BANKNU, ENV, TENANT};

const BIRTH: &str = "1990-04-12";
const ISSUED: &str = "2021-03-01";
const EXPIRES: &str = "2029-03-01";
const NUMBER: &str = "70123456";
const COUNTRY: &str = "PER";

/// The whole answer but its envelope.
pub(super) fn render(invitation: &Invitation, ticket: &Ticket) -> Value {
    let shown = ticket.has(Step::IdProofing);
    let when_shown = |section: fn(&Ticket) -> Value| if shown { section(ticket) } else { Value::Null };
    json!({
        "ticket": ticket.id,
        "invitation_id": invitation.id,
        "unique": invitation.unique,
        "flow_status": ticket.flow_status,
        "disposition": ticket.disposition,
        "summary": summary(ticket),
        "data": when_shown(data),
        "personal_information": when_shown(personal),
        "document_information": when_shown(document),
        "ocr_validations": when_shown(ocr_validations),
        "id_proofing_results": when_shown(proofing),
        "id_proofing_state": proofing_state(ticket),
        "lexical": when_shown(lexical),
        "device": device(),
        "flow": flow(invitation, ticket),
        "error": error(ticket),
        "tenant_info": tenant(),
    })
}

/// What marks data as the sandbox's.
pub(super) fn tenant() -> Value {
    json!({ "tenant": TENANT, "env": ENV, "banknu": BANKNU })
}

fn summary(ticket: &Ticket) -> Value {
    json!({
        "attempt": ticket.attempt,
        "created": millis(ticket.created),
        "processed": ticket.processed.map(millis),
        "sub_event": ticket.step,
        "remaining_attempts": ticket.remaining_attempts,
        "abandon_reason": ticket.reason,
        "risk_code": ticket.risk_code,
        "confidence_score": ticket.confidence_score,
    })
}

/// The two sections in one, as the vendor's app is told.
fn data(ticket: &Ticket) -> Value {
    let mut data = personal(ticket);
    if let (Value::Object(data), Value::Object(document)) = (&mut data, document(ticket)) {
        data.extend(document);
    }
    data
}

fn personal(ticket: &Ticket) -> Value {
    json!({
        "full_name": ticket.person.full_name(),
        "first_name": ticket.person.first_name,
        "last_name": ticket.person.last_name,
        "date_of_birth": BIRTH,
        "gender": "M",
        "nationality": COUNTRY,
    })
}

fn document(_ticket: &Ticket) -> Value {
    json!({
        "document_type": "ID_CARD",
        "document_number": NUMBER,
        "document_issuing_country": COUNTRY,
        "document_issue_date": ISSUED,
        "document_expiration_date": EXPIRES,
    })
}

fn ocr_validations(_ticket: &Ticket) -> Value {
    json!([{ "field_name": "document_number", "required": true }, { "field_name": "full_name", "required": true }])
}

fn proofing(ticket: &Ticket) -> Value {
    let authentic = if ticket.flow_status == FlowStatus::Rejected { "FAILED" } else { "OK" };
    json!({
        "general_status": authentic,
        "image_quality": "OK",
        "readability": "OK",
        "permitted_issuing_country": "OK",
        "permitted_document_type": "OK",
        "authenticity": authentic,
        "recognized_document_type": "OK",
        "document_expiry": "OK",
        "mrz": "OK",
        "minimum_required_fields_read": "OK",
        "actual_age_out_of_range": "OK",
    })
}

fn proofing_state(ticket: &Ticket) -> &'static str {
    match (ticket.flow_status, ticket.disposition) {
        (FlowStatus::Rejected, _) | (_, Disposition::NeedsReview | Disposition::Failed) => "WARNING",
        _ => "OK",
    }
}

/// Each field as the visual zone, the machine-readable zone and the barcode have it.
fn lexical(ticket: &Ticket) -> Value {
    let field = |name: &str, visual: &str| {
        json!({
            "field_name": name,
            "visual": visual,
            "mrz": plain(visual),
            "barcode": visual,
            "lexical_validity": "valid",
        })
    };
    json!([
        field("first_name", &ticket.person.first_name),
        field("last_name", &ticket.person.last_name),
        field("document_number", NUMBER),
        field("date_of_birth", BIRTH),
        field("document_expiration_date", EXPIRES),
        field("nationality", COUNTRY),
    ])
}

/// The capitals of a machine-readable zone, which has no others.
fn plain(text: &str) -> String {
    let letter = |c: char| match c {
        'Á' | 'À' | 'Â' | 'Ã' => 'A',
        'É' | 'È' | 'Ê' => 'E',
        'Í' | 'Ì' => 'I',
        'Ñ' => 'N',
        'Ó' | 'Ò' | 'Ô' | 'Õ' => 'O',
        'Ú' | 'Ù' | 'Ü' => 'U',
        c if c.is_ascii_alphanumeric() => c,
        _ => '<',
    };
    text.chars().flat_map(char::to_uppercase).map(letter).collect()
}

fn device() -> Value {
    json!({ "type": "MOBILE", "os": "Android 14", "browser": "Chrome 126", "ip": "203.0.113.7", "country": COUNTRY })
}

fn flow(invitation: &Invitation, ticket: &Ticket) -> Value {
    let state = |step: Step| if ticket.has(step) { "DONE" } else { "OPEN" };
    json!({
        "id": invitation.flow,
        "steps": [
            { "id": "TERMS", "state": "DONE" },
            { "id": "SELFIES_BIOMETRICS", "state": state(Step::Liveness) },
            { "id": "DOCUMENT_PHOTOS", "state": state(Step::IdProofing) },
        ],
    })
}

fn error(ticket: &Ticket) -> Value {
    match (ticket.flow_status, ticket.disposition) {
        (FlowStatus::Rejected, _) | (_, Disposition::Failed) => {
            json!({ "process": ticket.step, "message": "The step did not succeed" })
        }
        _ => Value::Null,
    }
}
