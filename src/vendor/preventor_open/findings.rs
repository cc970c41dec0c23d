//! What the biometrics framework found, as it shows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use serde_json::Value;

use crate::error::Result;
use crate::proto::LexicalField;
use crate::proto::biometrics::EnrollBiometricUserResponse;
use crate::vendor::biometrics::Enrolled;
use crate::vendor::kit::http::Answer;
use crate::vendor::kit::section::{Drift, Section};

const FLAGS: [&str; 6] =
    ["hasMrz", "hasBarcode", "hasVisual", "hasMrzVisual", "hasMrzBarcode", "hasVisualBarcode"];

/// The picture of the person.
#[derive(Default)]
struct Portrait {
    content: Vec<u8>,
    media_type: String,
    vendor_kind: String,
}

/// The findings in `answer`. The three verdicts have to be there; what else is missing or odd costs itself.
pub(super) fn read(answer: &Answer) -> Result<Enrolled> {
    let (body, drift): (Value, _) = (answer.json()?, Drift::default());
    let top = Section::top(body.as_object(), &drift);
    top.note_others(["photoVerify", "liveness", "enroll", "documentReader"]);
    let verdict = |name: &str| {
        top.truth(name).ok_or_else(|| answer.invalid(&format!("has no usable truth value at {name}")))
    };
    let (photo_verified, liveness_passed, enrolled) =
        (verdict("photoVerify")?, verdict("liveness")?, verdict("enroll")?);
    if top.member("documentReader").is_none() {
        top.note("documentReader");
    }
    let reader = top.section("documentReader");
    reader.note_others(["generalInfo", "fields", "graphics"]);
    let info = reader.section("generalInfo");
    info.note_others(FLAGS.into_iter().chain(["documentName", "countryName"]));
    let portrait = portrait(&reader.section("graphics"));
    let response = EnrollBiometricUserResponse {
        photo_verified,
        liveness_passed,
        enrolled,
        document_name: info.text("documentName"),
        country_name: info.text("countryName"),
        fields: reader.sections("fields").iter().map(field).collect(),
        portrait: portrait.content,
        portrait_media_type: portrait.media_type,
        portrait_vendor_kind: portrait.vendor_kind,
        has_mrz: info.flag("hasMrz"),
        has_barcode: info.flag("hasBarcode"),
        has_visual: info.flag("hasVisual"),
        has_mrz_visual: info.flag("hasMrzVisual"),
        has_mrz_barcode: info.flag("hasMrzBarcode"),
        has_visual_barcode: info.flag("hasVisualBarcode"),
        replayed: false,
    };
    Ok(Enrolled { response, drift: drift.into_paths() })
}

fn field(section: &Section<'_>) -> LexicalField {
    section.note_others([
        "fieldType",
        "fieldTypeCode",
        "mrzValue",
        "barcodeValue",
        "visualValue",
        "mrzBarcodeStatus",
        "mrzVisualStatus",
        "visualBarcodeStatus",
        "lexicalValidity",
    ]);
    LexicalField {
        field_type: section.text("fieldType"),
        field_type_code: code(section),
        mrz_value: section.text("mrzValue"),
        barcode_value: section.text("barcodeValue"),
        visual_value: section.text("visualValue"),
        mrz_barcode_status: section.word("mrzBarcodeStatus"),
        mrz_visual_status: section.word("mrzVisualStatus"),
        visual_barcode_status: section.word("visualBarcodeStatus"),
        lexical_validity: section.word("lexicalValidity"),
    }
}

fn code(section: &Section<'_>) -> i32 {
    let Some(code) = section.whole("fieldTypeCode") else { return 0 };
    i32::try_from(code).unwrap_or_else(|_too_large| {
        section.note("fieldTypeCode");
        0
    })
}

fn portrait(graphics: &Section<'_>) -> Portrait {
    graphics.note_others(["imageType", "image", "format"]);
    let image = graphics.text("image");
    let (said, base64) = match image.strip_prefix("data:").and_then(|uri| uri.split_once(";base64,")) {
        Some((media_type, base64)) => (Some(media_type), base64),
        None => (None, image.as_str()),
    };
    let content = STANDARD_PAD_INDIFFERENT.decode(base64).unwrap_or_else(|_damaged| {
        graphics.note("image");
        Vec::new()
    });
    let vendor_kind = graphics.word("imageType");
    if content.is_empty() {
        return Portrait { vendor_kind, ..Portrait::default() };
    }
    let media_type = match (said, graphics.text("format").to_ascii_lowercase().as_str()) {
        (Some("image/jpeg" | "image/jpg"), _) | (None, ".jpg" | ".jpeg" | "jpg" | "jpeg") => "image/jpeg",
        (Some("image/png"), _) | (None, ".png" | "png") => "image/png",
        _ => {
            graphics.note("format");
            "application/octet-stream"
        }
    };
    Portrait { content, media_type: media_type.to_owned(), vendor_kind }
}
