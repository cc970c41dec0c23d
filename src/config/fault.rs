//! Why serde could not read a value, kept as parts: which key, what was expected.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::report::instead_of;

/// A value, key or table that cannot be read. It never holds a value of the configuration: that may be a secret.
#[derive(Debug)]
pub(super) struct Fault {
    /// Filled in where the value is read; serde itself does not know it.
    pub(super) path: Option<Vec<String>>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// The table lacks this key.
    Missing(&'static str),
    /// The key at the end of the path is not a possible one.
    Key(String),
    /// The key at the end of the path is not a possible choice, so that its table says nothing.
    Choice(String),
    /// The value is not a possible one.
    Value(String),
}

impl Fault {
    pub(super) fn value(message: impl Into<String>) -> Self {
        Self { path: None, what: What::Value(message.into()) }
    }

    /// Says where, unless a place further inside was said already.
    pub(super) fn at(mut self, path: &[String]) -> Self {
        self.path.get_or_insert_with(|| path.to_vec());
        self
    }

    /// Makes it a fault of the key at the end of `path`.
    pub(super) fn of_key(self, path: Vec<String>) -> Self {
        Self { path: Some(path), what: What::Key(self.to_string()) }
    }

    /// The key at the end of `path` is none of the `known` choices.
    pub(super) fn choice(path: Vec<String>, key: &str, known: &[&str]) -> Self {
        Self { path: Some(path), what: What::Choice(unknown(key, known)) }
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::value(message.to_string())
    }

    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::value(format!("must be {expected}"))
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::value(format!("must be {expected}"))
    }

    fn invalid_length(_length: usize, expected: &dyn Expected) -> Self {
        Self::value(format!("must be {expected}"))
    }

    fn unknown_variant(_found: &str, known: &'static [&'static str]) -> Self {
        let known: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
        Self::value(format!("must be {}", known.join(" or ")))
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        Self::value(unknown(found, known))
    }

    fn missing_field(key: &'static str) -> Self {
        Self { path: None, what: What::Missing(key) }
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::value(format!("has {key} twice"))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Missing(key) => write!(f, "{key} is required"),
            What::Key(message) | What::Choice(message) | What::Value(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

/// What is said of a key that does not exist.
pub(super) fn unknown(key: &str, known: &[&str]) -> String {
    format!("is not a known key; {}", instead_of(key, known))
}
