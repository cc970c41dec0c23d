//! A result as XML, after the vendor's samples: the names of the JSON, a field's status in attributes.

use std::fmt::Write;

use serde_json::Value;

/// The sections, in the samples' order.
const SECTIONS: [&str; 10] = [
    "identificationprocess",
    "esigning",
    "customdata",
    "contactdata",
    "userdata",
    "identificationdocument",
    "identificationdocument2",
    "additionaldocuments",
    "attachments",
    "banktransferpaymentinfo",
];

/// What of `identificationprocess` the samples show, and in which order.
const PROCESS: [&str; 13] = [
    "result",
    "reason",
    "agentname",
    "identificationtime",
    "type",
    "transactionnumber",
    "companyid",
    "id",
    "wasnfcused",
    "poaresult",
    "identchanges",
    "reviewchanges",
    "previousresult",
];

/// The XML of what GET answers.
pub(super) fn render(document: &Value) -> String {
    let mut xml = Xml { text: r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(), depth: 0 };
    xml.text.push('\n');
    xml.nest("identifications", |xml| {
        xml.nest("identification", |xml| {
            for name in SECTIONS {
                xml.section(name, &document[name]);
            }
        });
    });
    xml.text
}

struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn section(&mut self, name: &str, value: &Value) {
        match name {
            "identificationprocess" => self.nest(name, |xml| {
                for member in PROCESS {
                    xml.element(member, &value[member]);
                }
            }),
            // A file does not list itself.
            "attachments" => self.nest(name, |xml| {
                for (member, file) in value.as_object().into_iter().flatten() {
                    if member != "xml" {
                        xml.element(member, file);
                    }
                }
            }),
            _ => self.element(name, value),
        }
    }

    fn element(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::String(text) => self.leaf(name, "", text),
            Value::Bool(_) | Value::Number(_) => self.leaf(name, "", &value.to_string()),
            Value::Array(items) => {
                let one = name.strip_suffix('s').unwrap_or(name);
                self.nest(name, |xml| items.iter().for_each(|item| xml.element(one, item)));
            }
            Value::Object(members) => match members.get("status").and_then(Value::as_str) {
                Some(status) => self.field(name, status, value),
                None => self.nest(name, |xml| {
                    for (member, value) in members {
                        xml.element(member, value);
                    }
                }),
            },
        }
    }

    fn field(&mut self, name: &str, status: &str, field: &Value) {
        let text = |member: &str| field[member].as_str();
        let mut attributes = format!(r#" status="{status}""#);
        // What was told and never compared stands where the value would.
        let told = if status == "ORIGINAL" { text("original") } else { None };
        for member in ["original", "reviewstatus", "identification"] {
            if let Some(value) = text(member).filter(|_| told.is_none() || member != "original") {
                // Writing to a string cannot fail.
                let _written = write!(attributes, r#" {member}="{}""#, escaped(value));
            }
        }
        self.leaf(name, &attributes, text("value").or(told).unwrap_or_default());
    }

    fn leaf(&mut self, name: &str, attributes: &str, text: &str) {
        let end = match text {
            "" => "/>".to_owned(),
            _ => format!(">{}</{name}>", escaped(text)),
        };
        self.line(&format!("<{name}{attributes}{end}"));
    }

    fn nest(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    fn line(&mut self, line: &str) {
        self.text.extend(std::iter::repeat_n("    ", self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _written = write!(escaped, "&#{};", u32::from(c));
            }
            // XML has no way to say these.
            c if c.is_ascii_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
