//! A vendor's objects, read member by member: one that is not as documented costs itself and is counted, and the
//! rest can be shown all the same.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::vendor::kit::field_path::whole;
use crate::vendor::kit::{UNPRINTABLE, printable};

/// Paths of members that are not as documented, made of names that we know.
#[derive(Default)]
pub struct Drift(RefCell<BTreeSet<String>>);

impl Drift {
    /// The paths, each once, in order.
    pub fn into_paths(self) -> Vec<String> {
        self.0.into_inner().into_iter().collect()
    }
}

/// One object. Absent, null and empty are the same: the vendor uses all three for what it does not know.
pub struct Section<'a> {
    path: String,
    members: Option<&'a Map<String, Value>>,
    drift: &'a Drift,
}

impl<'a> Section<'a> {
    /// The object `members`, which has no path.
    pub fn top(members: Option<&'a Map<String, Value>>, drift: &'a Drift) -> Self {
        Self { path: String::new(), members, drift }
    }

    /// Nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.members.is_none_or(Map::is_empty)
    }

    /// The object `name`.
    pub fn section(&self, name: &str) -> Self {
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
    pub fn sections(&self, name: &str) -> Vec<Self> {
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
    pub fn text(&self, name: &str) -> String {
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
    pub fn word(&self, name: &str) -> String {
        self.vetted(name, self.text(name))
    }

    /// `word`, which stands in `name`, as far as it can hold no more than a word.
    pub fn vetted(&self, name: &str, word: String) -> String {
        if word.is_empty() || printable(&word) {
            return word;
        }
        self.note(name);
        UNPRINTABLE.to_owned()
    }

    /// The truth value `name`, as a bool or as text; `None`: there is none.
    pub fn truth(&self, name: &str) -> Option<bool> {
        let truth = match self.member(name)? {
            Value::Bool(truth) => Some(*truth),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        self.unless_odd(name, truth)
    }

    /// The truth value `name`; what is not there is not true.
    pub fn flag(&self, name: &str) -> bool {
        self.truth(name).unwrap_or_default()
    }

    /// The whole number `name`, also one that is written as text; `None`: there is none.
    pub fn whole(&self, name: &str) -> Option<i64> {
        self.unless_odd(name, whole(self.member(name)?))
    }

    /// Counts that there are members other than `known`. Their names are the vendor's to choose and are not told.
    pub fn note_others<'n>(&self, known: impl IntoIterator<Item = &'n str>) {
        let known: Vec<_> = known.into_iter().collect();
        let mut names = self.members.into_iter().flat_map(Map::keys);
        if !names.all(|name| known.contains(&name.as_str())) {
            self.note("*");
        }
    }

    /// Counts that `name` is not as documented.
    pub fn note(&self, name: &str) {
        self.drift.0.borrow_mut().insert(self.path_of(name));
    }

    fn unless_odd<T>(&self, name: &str, read: Option<T>) -> Option<T> {
        if read.is_none() {
            self.note(name);
        }
        read
    }

    /// What stands in `name`, if it is not nothing.
    pub fn member(&self, name: &str) -> Option<&'a Value> {
        let value = self.members?.get(name)?;
        let nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
        (!nothing).then_some(value)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
