//! Fields that IDnow compared.

use serde_json::Value;

use crate::proto::{CheckedField, FieldMatch};
use crate::vendor::kit::section::Section;

/// Those of `fields`, given as the vendor's name and ours, that are there.
pub(super) fn fields(section: &Section<'_>, fields: &[(&str, &str)]) -> Vec<CheckedField> {
    fields.iter().filter_map(|(name, path)| field(section, name, path)).collect()
}

fn field(section: &Section<'_>, name: &str, path: &str) -> Option<CheckedField> {
    let path = path.to_owned();
    // What nobody compared stands there as it is.
    if let Value::String(text) = section.member(name)? {
        return Some(CheckedField { path, value: text.clone(), ..CheckedField::default() });
    }
    let cell = section.section(name);
    if cell.is_empty() {
        return None;
    }
    let mut field = CheckedField {
        path,
        r#match: comparison(&cell, "status").into(),
        review_match: comparison(&cell, "reviewstatus").into(),
        value: cell.text("value"),
        original_value: cell.text("original"),
        identified_value: cell.text("identification"),
    };
    // Nothing was read: what some samples show as the value is what the caller sent.
    if field.r#match() == FieldMatch::Original && field.original_value.is_empty() {
        field.original_value = std::mem::take(&mut field.value);
    }
    cell.note_others(["status", "reviewstatus", "value", "original", "identification"]);
    Some(field)
}

fn comparison(section: &Section<'_>, name: &str) -> FieldMatch {
    match section.text(name).as_str() {
        "" => FieldMatch::Unspecified,
        "MATCH" => FieldMatch::Match,
        "CHANGE" => FieldMatch::Changed,
        "NEW" => FieldMatch::New,
        "ORIGINAL" => FieldMatch::Original,
        "REDACTION" => FieldMatch::Redacted,
        _ => {
            section.note(name);
            FieldMatch::Unspecified
        }
    }
}
