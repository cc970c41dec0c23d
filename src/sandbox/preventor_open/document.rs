//! What an enrolment answers: findings, and a document that nobody has.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::process::{DocumentType, Findings};
use super::profile::Portrait;
use crate::sandbox::picture;

/// A name that gives the portrait a grey of its own.
const PORTRAIT: &str = "portrait.jpg";
const LINE: usize = 30;

/// The answer to an enrolment with a document of that type.
pub(super) fn enrolment(findings: Findings, document: Option<DocumentType>, portrait: Portrait) -> Value {
    let bytes = picture::of(PORTRAIT).and_then(Result::ok).unwrap_or_default();
    let text = STANDARD.encode(bytes);
    let image = match portrait {
        Portrait::DataUri => format!("data:image/jpeg;base64,{text}"),
        Portrait::Base64 => text,
    };
    json!({
        "photoVerify": findings.photo_verify,
        "liveness": findings.liveness,
        "enroll": findings.enroll,
        "documentReader": {
            "generalInfo": {
                "documentName": name(document),
                "countryName": "Utopia",
                "hasMrz": true,
                "hasBarcode": true,
                "hasVisual": true,
                "hasMrzVisual": true,
                "hasMrzBarcode": true,
                "hasVisualBarcode": false,
            },
            "fields": fields(),
            "graphics": { "imageType": "Portrait", "image": image, "format": ".jpg" },
        },
    })
}

/// As JavaScript writes it: with three digits after the second.
pub(super) fn instant(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let whole = prost_types::Timestamp { seconds, nanos: 0 }.to_string();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), since.subsec_millis())
}

fn name(document: Option<DocumentType>) -> &'static str {
    match document {
        Some(DocumentType::IdCard) | None => "Utopia - Id Card (2021) & Utopia - Id Card (2021) Side B",
        Some(DocumentType::Passport) => "Utopia - ePassport (2021)",
        Some(DocumentType::DriverLicense) => "Utopia - Driving License (2021)",
        Some(DocumentType::Visa) => "Utopia - Visa (2021)",
    }
}

/// What was read, and how the readings agree. `UTO` is the code that ICAO keeps for examples.
fn fields() -> Vec<Value> {
    let (number, birth, expiry) = ("X4719305<", "910812", "310401");
    let (number_digit, birth_digit, expiry_digit) = (digit(number), digit(birth), digit(expiry));
    let composite = format!("{number}{number_digit}{birth}{birth_digit}{expiry}{expiry_digit}");
    let last = digit(&composite);
    let lines = [
        filled(&format!("I<UTO{number}{number_digit}")),
        format!("{}{last}", &filled(&format!("{birth}{birth_digit}F{expiry}{expiry_digit}UTO"))[..LINE - 1]),
        filled("MUSTER<<LENA"),
    ];
    let mrz = |value: &str| json!({ "mrzValue": value });
    let visual = |value: &str| json!({ "visualValue": value });
    let both =
        |value: &str| json!({ "mrzValue": value, "visualValue": value, "mrzVisualStatus": "compared" });
    let number = "X4719305";
    let everywhere = json!({
        "mrzValue": number, "barcodeValue": number, "visualValue": "X47I9305",
        "mrzBarcodeStatus": "compared", "mrzVisualStatus": "not_compared", "visualBarcodeStatus": "not_compared",
    });
    let read = [
        ("Document class code", 0, mrz("I")),
        ("Issuing state code", 1, mrz("UTO")),
        ("Document #", 2, everywhere),
        ("Date of expiry", 3, both("2031-04-01")),
        ("Date of birth", 5, both("1991-08-12")),
        ("Surname", 8, both("MUSTER")),
        ("Given name", 9, both("LENA")),
        ("Nationality", 11, mrz("Utopia")),
        ("Sex", 12, both("F")),
        ("Address (10250)", 17, visual("LINDENWEG 7, NEUSTADT")),
        ("Surname and given names", 25, both("MUSTER LENA")),
        ("Nationality code", 26, mrz("UTO")),
        ("MRZ Type", 35, mrz("ID-1")),
        ("Issuing state", 38, mrz("Utopia")),
        ("MRZ lines", 51, mrz(&lines.join("^"))),
        ("Check digit for document number", 80, mrz(&number_digit.to_string())),
        ("Check digit for date of birth", 81, mrz(&birth_digit.to_string())),
        ("Check digit for date of expiry", 82, mrz(&expiry_digit.to_string())),
        ("Final check digit", 84, mrz(&last.to_string())),
    ];
    read.into_iter().map(|(name, code, values)| field(name, code, values)).collect()
}

/// One field; what `values` do not say was not compared.
fn field(name: &str, code: u32, values: Value) -> Value {
    let validity = if values.get("mrzValue").is_some() { "valid" } else { "disabled" };
    let mut members = Map::new();
    members.insert("fieldType".to_owned(), json!(name));
    members.insert("fieldTypeCode".to_owned(), json!(code));
    for status in ["mrzBarcodeStatus", "mrzVisualStatus", "visualBarcodeStatus"] {
        members.insert(status.to_owned(), json!("disabled"));
    }
    members.insert("lexicalValidity".to_owned(), json!(validity));
    if let Value::Object(values) = values {
        members.extend(values);
    }
    members.into()
}

fn filled(text: &str) -> String {
    format!("{text:<<LINE$}")
}

/// The check digit of ICAO 9303: weights of 7, 3 and 1.
fn digit(text: &str) -> u32 {
    let weights = [7, 3, 1].into_iter().cycle();
    text.chars().zip(weights).map(|(c, weight)| c.to_digit(36).unwrap_or(0) * weight).sum::<u32>() % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_the_standards_example() {
        assert_eq!((digit("D23145890"), digit("740812"), digit("120415")), (7, 2, 9));
        let fields = fields();
        let lines = fields.iter().find(|field| field["fieldTypeCode"] == 51).unwrap()["mrzValue"].clone();
        let lengths: Vec<_> = lines.as_str().unwrap().split('^').map(str::len).collect();
        assert_eq!(lengths, [LINE; 3]);
    }

    #[test]
    fn an_instant_has_three_digits_after_the_second() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_795_176_000_007);
        assert_eq!(instant(time), "2026-11-20T12:00:00.007Z");
    }
}
