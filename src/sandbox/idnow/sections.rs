//! Sections of a result that only some accounts have. What they say is made up.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ident::Ident;

/// A section, or a kind of detail.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Section {
    /// The chip was read.
    Nfc,
    /// A payment proved the account.
    BankTransfer,
    /// The classes of a driver's license.
    DriverLicenses,
    /// A second document, which is a driver's license.
    SecondDocument,
    /// A bill proved the address.
    ProofOfAddress,
    /// What the review changed.
    Changes,
    /// Values that the vendor may not hand on.
    Redaction,
}

const ALL: [(&str, Section); 7] = [
    ("NFC", Section::Nfc),
    ("BANK_TRANSFER", Section::BankTransfer),
    ("DRIVER_LICENSES", Section::DriverLicenses),
    ("SECOND_DOCUMENT", Section::SecondDocument),
    ("PROOF_OF_ADDRESS", Section::ProofOfAddress),
    ("CHANGES", Section::Changes),
    ("REDACTION", Section::Redaction),
];

/// Adds to `document`, a result with data, what `ident` was asked to show.
pub(super) fn add(ident: &Ident, document: &mut Value) {
    let by_field = ident.fields.wishes("X-SECTIONS-").flat_map(|names| names.split('+'));
    let by_field: Vec<Section> = by_field.filter_map(named).collect();
    for (_, section) in ALL {
        if ident.sections.contains(&section) || by_field.contains(&section) {
            section.add(&ident.number, document);
        }
    }
}

fn named(name: &str) -> Option<Section> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, section)| *section)
}

impl Section {
    fn add(self, number: &str, document: &mut Value) {
        match self {
            // Recorded as text.
            Self::Nfc => document["identificationprocess"]["wasnfcused"] = json!("true"),
            Self::BankTransfer => document["banktransferpaymentinfo"] = payment(),
            Self::DriverLicenses => document["identificationdocument"]["driverlicenses"] = licenses(),
            Self::SecondDocument => document["identificationdocument2"] = second_document(),
            Self::ProofOfAddress => {
                document["identificationprocess"]["poaresult"] = json!("SUCCESS");
                document["additionaldocuments"] =
                    json!([{ "documentname": "UTILITY_BILL", "address": address() }]);
                document["attachments"]["utilitybill"] = json!(format!("{number}_utilitybill.jpg"));
            }
            Self::Changes => change(document),
            Self::Redaction => {
                for name in ["number", "validuntil"] {
                    document["identificationdocument"][name] = json!({ "status": "REDACTION" });
                }
            }
        }
    }
}

fn payment() -> Value {
    json!({
        "senderbankname": "Testbank",
        "senderiban": "DE00000000000000000000",
        "amount": "€0.01",
        "paymentstatus": "SUCCESS",
        "senderholdername": "BEISPIEL, ERIKA",
        "paymentid": "sandbox-payment",
    })
}

fn licenses() -> Value {
    let license = |class: &str, readout: &str, from: Option<&str>| {
        json!({
            "additionalInformation": null,
            "licenseClass": class,
            "validFromReadout": readout,
            "validFrom": from,
            "validUntilReadout": "EMPTY",
            "validUntil": null,
        })
    };
    json!([
        license("A", "EMPTY", None),
        license("B", "DATE", Some("2010-06-15")),
        license("L", "REFERENCE_GERMAN", None),
    ])
}

fn second_document() -> Value {
    // Plain values, unlike those of the first.
    json!({
        "type": "DRIVERS_LICENSE",
        "country": null,
        "number": "",
        "issuedby": "",
        "dateissued": "",
        "validuntil": "",
        "birthday": "",
        "firstname": "ERIKA",
        "lastname": "BEISPIEL",
        "driverlicenseclasses": [],
    })
}

fn address() -> Value {
    let read = |value: &str| json!({ "status": "MATCH", "value": value });
    json!({
        "street": read("BEISPIELWEG"),
        "streetnumber": read("1"),
        "city": read("MUSTERSTADT"),
        "country": read("DE"),
        "zipcode": read("01234"),
    })
}

/// The reviewer agreed with all but the last name.
fn change(document: &mut Value) {
    document["identificationprocess"]["identchanges"] = json!(true);
    document["identificationprocess"]["reviewchanges"] = json!(true);
    for (name, field) in document["userdata"].as_object_mut().into_iter().flatten() {
        if field.get("value").is_none() {
            continue;
        }
        let changed = name == "lastname";
        field["reviewstatus"] = json!(if changed { "CHANGE" } else { "MATCH" });
        if changed {
            field["identification"] = json!("BEISPEIL");
        }
    }
}
