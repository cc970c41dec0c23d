//! The vendor's objects, read member by member: one that is not as documented costs itself and is counted, and the
//! rest can be shown all the same.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::proto::{CheckedField, FieldMatch};
use crate::vendor::kit::{UNPRINTABLE, printable};

/// Paths of members that are not as documented, made of names that we know.
#[derive(Default)]
pub(super) struct Drift(RefCell<BTreeSet<String>>);

impl Drift {
    pub(super) fn into_paths(self) -> Vec<String> {
        self.0.into_inner().into_iter().collect()
    }
}

/// One object. Absent, null and empty are the same: the vendor uses all three for what it does not know.
pub(super) struct Section<'a> {
    path: String,
    members: Option<&'a Map<String, Value>>,
    drift: &'a Drift,
}

impl<'a> Section<'a> {
    /// The object `members`, which has no path.
    pub(super) fn top(members: Option<&'a Map<String, Value>>, drift: &'a Drift) -> Self {
        Self { path: String::new(), members, drift }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_none_or(Map::is_empty)
    }

    /// The object `name`.
    pub(super) fn section(&self, name: &str) -> Self {
        let members = match self.member(name) {
            None => None,
            Some(Value::Object(members)) => Some(members),
            Some(_) => {
                self.note(name);
                None
            }
        };
        Self { path: self.path_of(name), members, drift: self.drift }
    }

    /// The objects of the list `name`.
    pub(super) fn sections(&self, name: &str) -> Vec<Self> {
        let listed = match self.member(name) {
            None => return Vec::new(),
            Some(Value::Array(listed)) => listed,
            Some(_) => {
                self.note(name);
                return Vec::new();
            }
        };
        let mut sections = Vec::with_capacity(listed.len());
        for value in listed {
            match value {
                Value::Object(members) => {
                    let path = self.path_of(name);
                    sections.push(Self { path, members: Some(members), drift: self.drift });
                }
                _ => self.note(name),
            }
        }
        sections
    }

    /// The text `name`, or nothing.
    pub(super) fn text(&self, name: &str) -> String {
        match self.member(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                self.note(name);
                String::new()
            }
        }
    }

    /// The text `name`, which the vendor chose out of its own words.
    pub(super) fn word(&self, name: &str) -> String {
        self.vetted(name, self.text(name))
    }

    /// `word`, which stands in `name`, as far as it can hold no more than a word.
    pub(super) fn vetted(&self, name: &str, word: String) -> String {
        if word.is_empty() || printable(&word) {
            return word;
        }
        self.note(name);
        UNPRINTABLE.to_owned()
    }

    /// The truth value `name`, as a bool or as text.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.member(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
            Some(_) => {
                self.note(name);
                false
            }
        }
    }

    /// Those of `fields`, given as the vendor's name and ours, that are there.
    pub(super) fn fields(&self, fields: &[(&str, &str)]) -> Vec<CheckedField> {
        fields.iter().filter_map(|(name, path)| self.field(name, path)).collect()
    }

    fn field(&self, name: &str, path: &str) -> Option<CheckedField> {
        let path = path.to_owned();
        // What nobody compared stands there as it is.
        if let Value::String(text) = self.member(name)? {
            return Some(CheckedField { path, value: text.clone(), ..CheckedField::default() });
        }
        let cell = self.section(name);
        if cell.is_empty() {
            return None;
        }
        let mut field = CheckedField {
            path,
            r#match: cell.comparison("status").into(),
            review_match: cell.comparison("reviewstatus").into(),
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

    fn comparison(&self, name: &str) -> FieldMatch {
        match self.text(name).as_str() {
            "" => FieldMatch::Unspecified,
            "MATCH" => FieldMatch::Match,
            "CHANGE" => FieldMatch::Changed,
            "NEW" => FieldMatch::New,
            "ORIGINAL" => FieldMatch::Original,
            "REDACTION" => FieldMatch::Redacted,
            _ => {
                self.note(name);
                FieldMatch::Unspecified
            }
        }
    }

    /// Counts that there are members other than `known`. Their names are the vendor's to choose and are not told.
    pub(super) fn note_others<'n>(&self, known: impl IntoIterator<Item = &'n str>) {
        let known: Vec<_> = known.into_iter().collect();
        let mut names = self.members.into_iter().flat_map(Map::keys);
        if !names.all(|name| known.contains(&name.as_str())) {
            self.note("*");
        }
    }

    /// Counts that `name` is not as documented.
    pub(super) fn note(&self, name: &str) {
        self.drift.0.borrow_mut().insert(self.path_of(name));
    }

    fn member(&self, name: &str) -> Option<&'a Value> {
        let value = self.members?.get(name)?;
        let nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
        (!nothing).then_some(value)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
