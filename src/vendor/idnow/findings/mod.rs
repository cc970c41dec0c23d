//! What IDnow found out about the person, their documents and the other checks.

mod field;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::error::Error;
use crate::proto::{
    BankTransferCheck, CheckedDocument, CheckedField, IdentificationResult, IdentityDocumentType,
    LicenseClass, SigningOutcome,
};
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::findings::field::fields;
use crate::vendor::kit::section::{Drift, Section};
use crate::vendor::{Findings, Get, Results};

const CUSTOM: [&str; 5] = ["custom1", "custom2", "custom3", "custom4", "custom5"];

/// The vendor's fields of a section and the gateway's paths of them; docs/vendors/idnow.md shows the same tables.
type Fields = &'static [(&'static str, &'static str)];

const PERSON: Fields = &[
    ("firstname", "subject.given_name"),
    ("lastname", "subject.family_name"),
    ("birthday", "subject.birth_date"),
    ("birthplace", "subject.birth_place"),
    ("birthname", "subject.birth_name"),
    ("nationality", "subject.nationality"),
    ("gender", "subject.gender"),
    ("title", "subject.title"),
    ("identlanguage", "ident_language"),
];
const ADDRESS: Fields = &[
    ("street", "address.street"),
    ("streetnumber", "address.house_number"),
    ("zipcode", "address.postal_code"),
    ("city", "address.city"),
    ("country", "address.region_code"),
];
const CONTACT: Fields = &[("email", "contact.email"), ("mobilephone", "contact.phone")];
const DOCUMENT: Fields = &[
    ("type", "document.type"),
    ("number", "document.number"),
    ("country", "document.country"),
    ("issuedby", "document.issued_by"),
    ("dateissued", "document.issue_date"),
    ("validuntil", "document.valid_until"),
    ("firstname", "document.given_name"),
    ("lastname", "document.family_name"),
    ("birthday", "document.birth_date"),
];

/// The same list: a table of the document and its samples call it differently.
const LICENSES: [&str; 2] = ["driverlicenses", "driverlicenseclasses"];

#[async_trait]
impl Results for Idnow {
    async fn result(&self, get: Get<'_>) -> Result<Findings, Error> {
        let (observation, found) = self.look_up(&get).await?;
        let Some(found) = found else { return Ok(Findings::none(observation)) };
        let body: Value = found.answer.json()?;
        let listed = body.get("identifications").and_then(Value::as_array);
        let object = listed.map_or(Some(&body), |list| list.get(found.place)).and_then(Value::as_object);
        let drift = Drift::default();
        let result = read(&Section::top(object, &drift));
        let mut paths: Vec<_> = found.drift.into_iter().map(str::to_owned).collect();
        paths.extend(drift.into_paths());
        // A list may speak of others too, whom nobody asked for.
        let alone = listed.is_none_or(|list| list.len() == 1);
        Ok(Findings {
            observation,
            result: Some(result),
            raw: if alone { found.answer.body().clone() } else { Bytes::new() },
            raw_media_type: "application/json",
            drift: paths,
        })
    }
}

/// The findings in `object`. What happened (result, reason, proof of address) is an observation's, not theirs.
fn read(object: &Section<'_>) -> IdentificationResult {
    let process = object.section("identificationprocess");
    let mut result = IdentificationResult {
        fields: person(object),
        documents: ["identificationdocument", "identificationdocument2"]
            .into_iter()
            .filter_map(|name| identity_document(&object.section(name)))
            .collect(),
        chip_read: process.flag("wasnfcused"),
        signing: signing(&object.section("esigning")),
        bank_transfer: bank_transfer(&object.section("banktransferpaymentinfo")),
        additional_documents: object
            .sections("additionaldocuments")
            .iter()
            .map(additional_document)
            .collect(),
        custom_data: custom_data(&object.section("customdata")),
        previous_vendor_result: process.word("previousresult"),
        agent_name: process.text("agentname"),
        ..IdentificationResult::default()
    };
    assign_licenses(&mut result.documents, licenses(object));
    result
}

fn person(object: &Section<'_>) -> Vec<CheckedField> {
    let (user, contact) = (object.section("userdata"), object.section("contactdata"));
    let address = user.section("address");
    user.note_others(names(PERSON).chain(["address"]));
    address.note_others(names(ADDRESS));
    contact.note_others(names(CONTACT));
    [fields(&user, PERSON), fields(&address, ADDRESS), fields(&contact, CONTACT)].concat()
}

fn identity_document(section: &Section<'_>) -> Option<CheckedDocument> {
    section.note_others(names(DOCUMENT).chain(LICENSES));
    let fields = fields(section, DOCUMENT);
    let license_classes = licenses(section);
    if fields.is_empty() && license_classes.is_empty() {
        return None;
    }
    let kind = fields.iter().find(|field| field.path == "document.type");
    let vendor_type = section.vetted("type", kind.map(|kind| kind.value.clone()).unwrap_or_default());
    let kind = match vendor_type.as_str() {
        "IDCARD" => IdentityDocumentType::IdCard,
        "PASSPORT" => IdentityDocumentType::Passport,
        "DRIVERS_LICENSE" => IdentityDocumentType::DriversLicense,
        "RESIDENCE_PERMIT" => IdentityDocumentType::ResidencePermit,
        "" => IdentityDocumentType::Unspecified,
        _ => {
            section.note("type");
            IdentityDocumentType::Unspecified
        }
    };
    Some(CheckedDocument { r#type: kind.into(), vendor_type, fields, license_classes })
}

/// Gives `classes` that stand beside the documents to the driving licence among them.
fn assign_licenses(documents: &mut Vec<CheckedDocument>, classes: Vec<LicenseClass>) {
    if classes.is_empty() {
        return;
    }
    let license = |document: &&mut CheckedDocument| document.r#type() == IdentityDocumentType::DriversLicense;
    match documents.iter_mut().find(license) {
        Some(document) => document.license_classes.extend(classes),
        None => documents.push(CheckedDocument {
            r#type: IdentityDocumentType::DriversLicense.into(),
            license_classes: classes,
            ..CheckedDocument::default()
        }),
    }
}

fn licenses(section: &Section<'_>) -> Vec<LicenseClass> {
    LICENSES.iter().flat_map(|name| section.sections(name)).map(|class| license(&class)).collect()
}

fn license(class: &Section<'_>) -> LicenseClass {
    // The document's table misspells the dates, its samples do not.
    let date = |name, misspelt| {
        let date = class.text(name);
        if date.is_empty() { class.text(misspelt) } else { date }
    };
    class.note_others([
        "licenseClass",
        "validFrom",
        "vaildFrom",
        "validUntil",
        "vaildUntil",
        "additionalInformation",
        "validFromReadout",
        "validUntilReadout",
    ]);
    LicenseClass {
        code: class.text("licenseClass"),
        valid_from: date("validFrom", "vaildFrom"),
        valid_until: date("validUntil", "vaildUntil"),
        additional_information: class.text("additionalInformation"),
        valid_from_readout: class.word("validFromReadout"),
        valid_until_readout: class.word("validUntilReadout"),
    }
}

fn additional_document(section: &Section<'_>) -> CheckedDocument {
    let address = section.section("address");
    section.note_others(["documentname", "address"]);
    address.note_others(names(ADDRESS));
    CheckedDocument {
        vendor_type: section.word("documentname"),
        fields: fields(&address, ADDRESS),
        ..CheckedDocument::default()
    }
}

fn signing(section: &Section<'_>) -> Option<SigningOutcome> {
    section.note_others(["result", "sessionid"]);
    (!section.is_empty()).then(|| SigningOutcome {
        vendor_result: section.word("result"),
        session_id: section.text("sessionid"),
    })
}

fn bank_transfer(section: &Section<'_>) -> Option<BankTransferCheck> {
    section.note_others([
        "paymentstatus",
        "paymentid",
        "senderiban",
        "senderholdername",
        "senderbankname",
        "amount",
    ]);
    (!section.is_empty()).then(|| BankTransferCheck {
        payment_status: section.word("paymentstatus"),
        payment_id: section.text("paymentid"),
        sender_iban: section.text("senderiban"),
        sender_name: section.text("senderholdername"),
        sender_bank: section.text("senderbankname"),
        amount: section.text("amount"),
    })
}

/// What the caller sent, each at its place; nothing after the last one.
fn custom_data(section: &Section<'_>) -> Vec<String> {
    section.note_others(CUSTOM);
    let mut echoed: Vec<_> = CUSTOM.iter().map(|name| section.text(name)).collect();
    while echoed.pop_if(|last| last.is_empty()).is_some() {}
    echoed
}

fn names(fields: Fields) -> impl Iterator<Item = &'static str> {
    fields.iter().map(|(name, _path)| *name)
}
