//! A result without what it says about the person.

use crate::proto::{BankTransferCheck, CheckedDocument, CheckedField, IdentificationResult, SigningOutcome};

/// Which fields matched and how the checks went. Names what stays, so that a later field is not shown by mistake.
pub fn without_values(found: IdentificationResult) -> IdentificationResult {
    IdentificationResult {
        name: found.name,
        revision: found.revision,
        decision: found.decision,
        fields: comparisons(found.fields),
        documents: kinds(found.documents),
        chip_read: found.chip_read,
        signing: found.signing.map(|signing| SigningOutcome {
            vendor_result: signing.vendor_result,
            ..SigningOutcome::default()
        }),
        bank_transfer: found.bank_transfer.map(|transfer| BankTransferCheck {
            payment_status: transfer.payment_status,
            ..BankTransferCheck::default()
        }),
        additional_documents: kinds(found.additional_documents),
        artifacts: found.artifacts,
        proof_of_address_outcome: found.proof_of_address_outcome,
        vendor_result: found.vendor_result,
        previous_vendor_result: found.previous_vendor_result,
        provisional_outcome: found.provisional_outcome,
        ..IdentificationResult::default()
    }
}

fn comparisons(fields: Vec<CheckedField>) -> Vec<CheckedField> {
    let compared = |field: CheckedField| CheckedField {
        path: field.path,
        r#match: field.r#match,
        review_match: field.review_match,
        ..CheckedField::default()
    };
    fields.into_iter().map(compared).collect()
}

fn kinds(documents: Vec<CheckedDocument>) -> Vec<CheckedDocument> {
    let kind = |document: CheckedDocument| CheckedDocument {
        r#type: document.r#type,
        vendor_type: document.vendor_type,
        fields: comparisons(document.fields),
        license_classes: Vec::new(),
    };
    documents.into_iter().map(kind).collect()
}
