//! The JSON object of an identification, as answers and webhooks carry it.
//!
//! Where the vendor's text and its samples disagree, this follows the samples. Every value read "from a document" is
//! made up.

use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use prost_types::Timestamp;
use serde_json::{Map, Value, json};

use super::Wording;
use super::file::Dossier;
use super::ident::{Ident, Kind, Reviewer, State};
use super::sections;
use super::signing::Contract;
use crate::sandbox::picture::Pictures;

const USERDATA: [&str; 8] =
    ["birthday", "birthname", "birthplace", "firstname", "gender", "lastname", "nationality", "title"];
const ADDRESS: [&str; 5] = ["city", "country", "street", "streetnumber", "zipcode"];

/// What a reviewer puts in place of the last name when the data is to change.
const CORRECTED_LASTNAME: &str = "BEISPIEL-BERICHTIGT";

/// The object of `ident`.
pub(super) fn render(ident: &Ident, wording: &Wording) -> Value {
    let readout = Readout::of(ident);
    let mut document = json!({
        "identificationprocess": process(ident, &wording.start, readout),
        "customdata": echo(ident, &["custom1", "custom2", "custom3", "custom4", "custom5"]),
        "contactdata": echo(ident, &["mobilephone", "email"]),
        "userdata": userdata(ident, readout),
    });
    if readout != Readout::Nothing {
        document["identificationdocument"] = identification_document();
        document["attachments"] = attachments(ident, wording.pictures);
    }
    if !ident.contracts.is_empty() {
        document["esigning"] = json!({ "result": "SUCCESS", "sessionid": "" });
    }
    if readout != Readout::Nothing {
        sections::add(ident, &mut document);
    }
    document
}

/// What the files of `ident` are made from; none as long as there is nothing to file.
pub(super) fn dossier(ident: &Ident, wording: &Wording) -> Option<Dossier> {
    (Readout::of(ident) != Readout::Nothing).then(|| Dossier {
        number: ident.number.clone(),
        document: render(ident, wording),
        contracts: ident.contracts.iter().flat_map(contract_files).collect(),
        shape: ident.archive,
    })
}

/// How much of the person's document the result shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readout {
    /// Only what the customer sent: under way, aborted, canceled.
    Nothing,
    /// The document, but nothing about the person is confirmed yet.
    Unconfirmed,
    /// What the document says, which agrees with the customer.
    Agrees,
    /// What the document says, with a corrected last name.
    Corrected,
    /// The robot's sample person, whoever the customer asked for.
    Sample,
}

impl Readout {
    fn of(ident: &Ident) -> Self {
        let State::Ended(word) = &ident.state else { return Self::Nothing };
        match (word.kind(), word.as_str()) {
            (Kind::Aborted | Kind::Canceled, _) => Self::Nothing,
            (_, "CHECK_PENDING") => Self::Unconfirmed,
            _ if ident.reviewer == Some(Reviewer::Robot) => Self::Sample,
            (_, "SUCCESS_DATA_CHANGED") => Self::Corrected,
            _ => Self::Agrees,
        }
    }
}

fn process(ident: &Ident, start_word: &str, readout: Readout) -> Value {
    let result = match &ident.state {
        State::Ended(word) => word.as_str(),
        State::Created | State::Started | State::Deleted => start_word,
    };
    let mut process = json!({
        "result": result,
        "companyid": ident.customer,
        "identificationtime": ident.finished.map(local_time),
        "id": ident.id,
        "type": ident.channel,
        "transactionnumber": ident.number,
    });
    if let Some(reason) = &ident.reason {
        process["reason"] = json!(reason);
    }
    // The samples of CHECK_PENDING have neither, those of other results with data have both.
    if matches!(readout, Readout::Agrees | Readout::Corrected | Readout::Sample) {
        process["filename"] = json!(format!("{}.zip", ident.number));
        let href = format!("/api/v1/{}/identifications/{}.zip", ident.customer, ident.number);
        process["href"] = json!(href);
    }
    if let Some(reviewer) = ident.reviewer {
        process["agentname"] = json!(match reviewer {
            Reviewer::Agent => "SANDBOX",
            Reviewer::Robot => "TROBOT",
        });
    }
    if let Some(previous) = &ident.previous {
        process["previousresult"] = json!(previous);
    }
    process
}

fn echo(ident: &Ident, names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), json!(ident.fields.get(name)))).collect::<Map<_, _>>().into()
}

fn userdata(ident: &Ident, readout: Readout) -> Value {
    let section = |names: &[&str]| -> Map<String, Value> {
        let field = |name: &&str| Some(((*name).to_owned(), field(ident, name, readout)?));
        names.iter().filter_map(field).collect()
    };
    let mut userdata = section(&USERDATA);
    let language = ident.fields.get("preferredLang").unwrap_or("en");
    userdata.insert("identlanguage".to_owned(), json!({ "status": "ORIGINAL", "original": language }));
    userdata.insert("address".to_owned(), section(&ADDRESS).into());
    userdata.into()
}

/// One field, or none if nobody said anything about it.
fn field(ident: &Ident, name: &str, readout: Readout) -> Option<Value> {
    let original = ident.fields.get(name).map(str::to_uppercase);
    let read = match (readout, name) {
        (Readout::Nothing | Readout::Unconfirmed, _) => {
            return original.map(|original| json!({ "status": "ORIGINAL", "original": original }));
        }
        (Readout::Agrees | Readout::Corrected | Readout::Sample, _) if original.is_none() => sample(name)?,
        (Readout::Sample, _) => sample(name)?,
        (Readout::Corrected, "lastname") => CORRECTED_LASTNAME,
        (Readout::Agrees | Readout::Corrected, _) => original.as_deref()?,
    };
    Some(match &original {
        None => json!({ "status": "NEW", "value": read }),
        Some(original) if original == read => {
            json!({ "status": "MATCH", "value": read, "original": original })
        }
        Some(original) => json!({ "status": "CHANGE", "value": read, "original": original }),
    })
}

fn sample(name: &str) -> Option<&'static str> {
    Some(match name {
        "birthday" => "1985-04-12",
        "birthplace" => "MUSTERSTADT",
        "firstname" => "ERIKA",
        "gender" => "FEMALE",
        "lastname" => "BEISPIEL",
        "nationality" | "country" => "DE",
        "city" => "MUSTERSTADT",
        "street" => "BEISPIELWEG",
        "streetnumber" => "1",
        "zipcode" => "01234",
        _ => return None,
    })
}

fn identification_document() -> Value {
    let read = |value: &str| json!({ "status": "NEW", "value": value });
    json!({
        "type": read("IDCARD"),
        "country": read("DE"),
        "number": read("SANDBOX01"),
        "issuedby": read("STADT MUSTERSTADT"),
        "dateissued": read("2021-05-04"),
        "validuntil": read("2031-05-03"),
    })
}

fn attachments(ident: &Ident, pictures: Pictures) -> Value {
    let (number, extension) = (&ident.number, pictures.extension());
    let mut attachments = json!({ "pdf": format!("{number}.pdf"), "xml": format!("{number}.xml") });
    for name in ["idfrontside", "idbackside", "security1", "userface"] {
        attachments[name] = json!(format!("{number}_{name}.{extension}"));
    }
    for Contract { identifier, .. } in &ident.contracts {
        attachments[format!("contract-{identifier}")] = json!(format!("{number}_{identifier}_original.pdf"));
        attachments[format!("signedcontract-{identifier}")] =
            json!(format!("{number}_{identifier}_signed.pdf"));
    }
    attachments
}

/// The bytes of a contract before and after, by their names among the attachments.
fn contract_files(contract: &Contract) -> [(String, Bytes); 2] {
    let Contract { identifier, original, signed } = contract;
    [
        (format!("contract-{identifier}"), original.clone()),
        (format!("signedcontract-{identifier}"), signed.clone()),
    ]
}

/// RFC 3339 in whole seconds with an offset other than `Z`, as in the samples. Summer time is not observed.
fn local_time(at: SystemTime) -> String {
    let mut shifted = Timestamp::from(at + Duration::from_secs(3600));
    shifted.nanos = 0;
    shifted.to_string().replace('Z', "+01:00")
}
