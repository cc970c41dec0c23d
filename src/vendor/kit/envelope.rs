//! The envelope `{status, code, message}`, in which a vendor says what it refused.
//!
//! `status` is a number or text, `message` text, a list of texts or an object with `fields`. Of the message nothing is
//! read but the names of those fields.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::{Error, Kind, Violation};
use crate::vendor::kit::field_path::{text, whole};
use crate::vendor::kit::http::{Answer, read_json};

/// What an answer says of itself.
#[derive(Debug)]
pub struct Envelope {
    /// The status that is meant: where a success says otherwise inside, that one.
    pub status: u16,
    /// The vendor's code, which may be empty.
    pub code: String,
    /// It is JSON of the vendor's, not a page of something in between.
    pub is_object: bool,
    /// The last parts of the names of those fields.
    named: Vec<String>,
}

impl Envelope {
    /// What `answer` says of itself, with or without an envelope.
    pub fn read(answer: &Answer) -> Self {
        let body: Value = read_json(answer.body()).unwrap_or_default();
        let meant = body.get("status").and_then(whole).and_then(|status| u16::try_from(status).ok());
        let meant = meant.filter(|status| (400..=599).contains(status) && answer.status().is_success());
        let named = body.get("message").and_then(|message| message.get("fields")?.as_array());
        Self {
            status: meant.unwrap_or(answer.status().as_u16()),
            code: body.get("code").and_then(text).unwrap_or_default(),
            is_object: body.is_object(),
            named: named.map(|named| named.iter().filter_map(last_part).collect()).unwrap_or_default(),
        }
    }

    /// Whether it refuses.
    pub fn refuses(&self) -> bool {
        !(200..300).contains(&self.status)
    }

    /// The error of a refusal that names fields which are `ours` under another name: VENDOR_REJECTED_FIELD with those.
    pub fn rejected_fields(&self, answer: &Answer, ours: impl Fn(&str) -> Option<String>) -> Option<Error> {
        let refused: BTreeSet<_> = self.named.iter().filter_map(|name| ours(name)).collect();
        if refused.is_empty() || !matches!(self.status, 400 | 406 | 422) {
            return None;
        }
        let violations =
            refused.iter().map(|field| Violation::new(field, "was refused by the vendor")).collect();
        let names: Vec<_> = refused.iter().map(String::as_str).collect();
        let detail = format!("the vendor refused {}", names.join(", "));
        Some(Error { violations, ..answer.error(Kind::VendorRejectedField, detail, &self.code, "") })
    }
}

/// The last part of the name in `entry`, which is text or an object with a name.
fn last_part(entry: &Value) -> Option<String> {
    let name =
        entry.as_str().or_else(|| ["field", "name"].iter().find_map(|key| entry.get(key)?.as_str()))?;
    name.rsplit('.').next().map(str::to_owned)
}
