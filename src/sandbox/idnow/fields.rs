//! What a customer may tell about a person when creating an identification.

use std::collections::BTreeMap;

use celes::Country;
use prost_types::Timestamp;
use serde_json::Value;

/// Every text field the vendor's documents name, spelled as in their samples: a table of theirs writes camelCase,
/// which the vendor refuses.
const NAMES: [&str; 22] = [
    "birthday",
    "birthname",
    "birthplace",
    "city",
    "country",
    "custom1",
    "custom2",
    "custom3",
    "custom4",
    "custom5",
    "email",
    "firstname",
    "gender",
    "lastname",
    "mobilephone",
    "nationality",
    "preferredLang",
    "street",
    "streetnumber",
    "title",
    "trackingid",
    "zipcode",
];

/// The fields by name; absent ones are not there.
#[derive(Clone, Default)]
pub(super) struct Fields(BTreeMap<&'static str, String>);

/// One request's worth of fields; `None` clears.
pub(super) struct Update(BTreeMap<&'static str, Option<String>>);

/// Why a body is refused.
pub(super) enum Malformed {
    /// Not a JSON object.
    Unparseable,
    /// A field nobody knows.
    Unrecognized(String),
    /// A known field with a value it cannot have.
    Value(&'static str),
}

impl Fields {
    /// The value of the field `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What follows `prefix` in the fields that the vendor lets a customer ask for tests with.
    pub(super) fn wishes(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let names = ["firstname", "lastname", "custom1", "custom2", "custom3", "custom4", "custom5"];
        names.into_iter().filter_map(move |name| self.get(name)?.strip_prefix(prefix))
    }

    /// Takes over what `update` names and keeps the rest.
    pub(super) fn apply(&mut self, update: Update) {
        for (name, value) in update.0 {
            match value {
                Some(value) => self.0.insert(name, value),
                None => self.0.remove(name),
            };
        }
    }
}

impl Update {
    /// Reads a request body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let object: serde_json::Map<String, Value> =
            serde_json::from_slice(body).map_err(|_not_an_object| Malformed::Unparseable)?;
        let mut update = BTreeMap::new();
        for (given, value) in object {
            if given == "questions" {
                if !value.is_object() {
                    return Err(Malformed::Value("questions"));
                }
                continue;
            }
            let Some(name) = NAMES.into_iter().find(|name| *name == given) else {
                return Err(Malformed::Unrecognized(given));
            };
            let value = match value {
                Value::Null => None,
                Value::String(text) if fits(name, &text) => Some(text),
                _ => return Err(Malformed::Value(name)),
            };
            update.insert(name, value);
        }
        Ok(Self(update))
    }
}

fn fits(name: &str, text: &str) -> bool {
    match name {
        "birthday" => is_date(text),
        "country" | "nationality" => is_country(text),
        "gender" => ["male", "female", "other"].iter().any(|word| word.eq_ignore_ascii_case(text)),
        _ => true,
    }
}

fn is_date(text: &str) -> bool {
    let dashed = |(at, c): (usize, u8)| if at == 4 || at == 7 { c == b'-' } else { c.is_ascii_digit() };
    text.len() == 10
        && text.bytes().enumerate().all(dashed)
        && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|c| c.is_ascii_uppercase()) && Country::from_alpha2(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_real_days_written_one_way() {
        for good in ["1987-05-23", "2024-02-29"] {
            assert!(is_date(good), "{good}");
        }
        for bad in
            ["23.05.1987", "1987-5-23", "1987-13-01", "2023-02-29", "1987-05-23T00:00:00Z", "", "1987/05/23"]
        {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn countries_are_two_capital_letters_of_the_standard() {
        assert!(is_country("DE"));
        for bad in ["de", "DEU", "D", "XX", "", "ÄÖ"] {
            assert!(!is_country(bad), "{bad}");
        }
    }
}
