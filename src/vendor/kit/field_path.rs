//! Members of JSON that is not published, found by paths that an operator may set.
//!
//! What stands there is read as far as it can be what is wanted: a number may be text and text a number. Nothing is
//! guessed: what is absent is absent, and what cannot be read is noted as drift.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use prost_types::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::Error;
use crate::vendor::kit::http::Answer;
use crate::vendor::kit::json::offset_time;
use crate::vendor::kit::{UNPRINTABLE, printable};

/// The whole body.
const ROOT: &str = "$";
/// Alternatives of one field.
const MAX_PATHS: usize = 16;

/// Where a field may be: the first of these paths at which something stands. None: the vendor does not show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paths(Vec<String>);

/// A body, or a part of one, and what in it was not as expected.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    body: &'a Value,
    drift: &'a Drift,
}

/// Names of fields whose value cannot be read, or is a word that is not known.
#[derive(Debug, Default)]
pub struct Drift(RefCell<BTreeSet<&'static str>>);

impl Paths {
    /// These paths, which are a connector's own, each once.
    pub fn of(paths: &[&str]) -> Self {
        let mut found: Vec<String> = Vec::new();
        for path in paths {
            if !found.iter().any(|known| known == path) {
                found.push((*path).to_owned());
            }
        }
        Self(found)
    }

    /// What stands at the first path with something: not null, not empty.
    pub fn find<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        let there = |value: &&Value| !value.is_null() && value.as_str() != Some("");
        self.0.iter().filter_map(|path| at(body, path)).find(there)
    }
}

impl fmt::Display for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let paths = Vec::<String>::deserialize(deserializer)?;
        if paths.len() > MAX_PATHS || !paths.iter().all(|path| is_path(path)) {
            let expected = format!(
                "must be up to {MAX_PATHS} paths such as data.items[0].id, or $ for the whole answer"
            );
            return Err(D::Error::custom(expected));
        }
        Ok(Self(paths))
    }
}

impl<'a> Shown<'a> {
    /// `body`, with what is odd in it noted in `drift`.
    pub fn new(body: &'a Value, drift: &'a Drift) -> Self {
        Self { body, drift }
    }

    /// Another value of the same body.
    pub fn part<'b>(&self, body: &'b Value) -> Shown<'b>
    where
        'a: 'b,
    {
        Shown { body, drift: self.drift }
    }

    /// The body.
    pub fn body(&self) -> &'a Value {
        self.body
    }

    /// Notes that the field `name` is not as expected.
    pub fn note(&self, name: &'static str) {
        self.drift.0.borrow_mut().insert(name);
    }

    /// Text, or a number as text; empty: there is none.
    pub fn text(&self, name: &'static str, paths: &Paths) -> String {
        self.read(name, paths, text).unwrap_or_default()
    }

    /// A word that the vendor chose out of its own, as far as it can hold no more than a word.
    pub fn word(&self, name: &'static str, paths: &Paths) -> String {
        let word = self.text(name, paths);
        if word.is_empty() || printable(&word) {
            return word;
        }
        self.note(name);
        UNPRINTABLE.to_owned()
    }

    /// A whole number, also one that is written as text.
    pub fn whole(&self, name: &'static str, paths: &Paths) -> Option<i64> {
        self.read(name, paths, whole)
    }

    /// A decimal number, also one that is written as text.
    pub fn decimal(&self, name: &'static str, paths: &Paths) -> Option<f64> {
        self.read(name, paths, decimal)
    }

    /// A time: RFC 3339 with its offset, or milliseconds since 1970.
    pub fn time(&self, name: &'static str, paths: &Paths) -> Option<Timestamp> {
        self.read(name, paths, time)
    }

    /// The entries of a list; an object alone is a list of one.
    pub fn list(&self, name: &'static str, paths: &Paths) -> Vec<Self> {
        let entries = self.read(name, paths, |value| match value {
            Value::Array(entries) => Some(entries.as_slice()),
            Value::Object(_) => Some(std::slice::from_ref(value)),
            _ => None,
        });
        entries.unwrap_or_default().iter().map(|body| Self { body, drift: self.drift }).collect()
    }

    fn read<T>(
        &self,
        name: &'static str,
        paths: &Paths,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = read(paths.find(self.body)?);
        if value.is_none() {
            self.note(name);
        }
        value
    }
}

impl Drift {
    /// The names, each once, in order.
    pub fn into_names(self) -> Vec<&'static str> {
        self.0.into_inner().into_iter().collect()
    }
}

/// The error of an answer that lacks `what`, naming the paths that were looked at.
pub fn lacks(answer: &Answer, what: &str, paths: &Paths) -> Error {
    answer.invalid(&format!("has no usable {what} at {paths}"))
}

/// Text, or a number as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, also one that is written as text.
pub fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A finite number, also one that is written as text.
pub fn decimal(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// A time: RFC 3339 with its offset, or milliseconds since 1970.
pub fn time(value: &Value) -> Option<Timestamp> {
    if let Some(millis) = whole(value) {
        // Between 1973 and 5138: what is smaller may be seconds.
        let seconds = (100_000_000_000..100_000_000_000_000).contains(&millis).then_some(millis / 1000)?;
        return Some(Timestamp { seconds, nanos: i32::try_from(millis % 1000).ok()? * 1_000_000 });
    }
    offset_time(value.as_str()?)
}

fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    if path == ROOT {
        return Some(body);
    }
    path.split('.').try_fold(body, |value, step| {
        let (name, places) = parts(step);
        places
            .map(str::parse)
            .try_fold(value.get(name)?, |value, place: Result<usize, _>| value.get(place.ok()?))
    })
}

/// `name` and each `n` of `name[n][n]`.
fn parts(step: &str) -> (&str, impl Iterator<Item = &str>) {
    let (name, places) = step.split_once('[').unwrap_or((step, ""));
    (name, places.split('[').filter(|place| !place.is_empty()).map(|place| place.trim_end_matches(']')))
}

fn is_path(path: &str) -> bool {
    let is_step = |step: &str| {
        let (name, places) = step.split_once('[').map_or((step, None), |(name, rest)| (name, Some(rest)));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_place = |place: &str| {
            place.strip_suffix(']').is_some_and(|number| {
                (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        !name.is_empty()
            && name.bytes().all(plain)
            && places.is_none_or(|places| places.split('[').all(is_place))
    };
    path == ROOT || (path.len() <= 256 && path.split('.').all(is_step))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_path_with_something_is_taken() {
        let body = json!({"a": {"b": [{"c": null}, {"c": "x"}], "n": [[1, 2]]}, "empty": "", "d": 7});
        for (paths, found) in [
            (&["a.b[1].c"][..], Some(json!("x"))),
            (&["a.b[0].c", "d"], Some(json!(7))),
            (&["empty", "nowhere.at.all", "a.n[0][1]"], Some(json!(2))),
            (&["a.b[2].c", "d.e", "a[0]", "d[0]"], None),
            (&[], None),
            (&["$"], Some(body.clone())),
        ] {
            assert_eq!(Paths::of(paths).find(&body), found.as_ref(), "{paths:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for good in ["a", "a.b", "a[0]", "a[0][12].b_c-d", "$"] {
            assert!(is_path(good), "{good}");
        }
        for odd in
            ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a]", "[0]", "a[0]b", "a b", "$.a", "a[1234]"]
        {
            assert!(!is_path(odd), "{odd}");
        }
        assert!(serde_json::from_value::<Paths>(json!(["a", "b c"])).is_err());
        assert!(serde_json::from_value::<Paths>(json!(vec!["a"; 17])).is_err());
    }

    #[test]
    fn numbers_may_be_text_and_what_cannot_be_read_is_noted() {
        let body = json!({"n": "12", "m": 1.5, "t": 5, "o": {}, "w": "two words", "big": "1e999"});
        let drift = Drift::default();
        let shown = Shown::new(&body, &drift);
        let path = |name: &str| Paths::of(&[name]);
        assert_eq!((shown.whole("n", &path("n")), shown.decimal("m", &path("m"))), (Some(12), Some(1.5)));
        assert_eq!(
            (shown.text("t", &path("t")), shown.text("none", &path("none"))),
            ("5".into(), String::new())
        );
        assert_eq!(shown.list("list", &path("o")).len(), 1);
        assert_eq!((shown.whole("m", &path("m")), shown.decimal("big", &path("big"))), (None, None));
        assert_eq!(
            (shown.word("w", &path("w")).as_str(), shown.text("o", &path("o")).as_str()),
            (UNPRINTABLE, "")
        );
        assert_eq!(drift.into_names(), ["big", "m", "o", "w"]);
    }
}
