//! JSON of vendors, and what is said about it when it does not fit.

use prost_types::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::proto::Date;

/// JSON that is not what was expected. It says where, never what stands there: serde's own message would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected JSON at {path} (line {line}, column {column})")]
pub struct Misfit {
    /// Path of the field, `$` for the whole text.
    pub path: String,
    line: usize,
    column: usize,
}

/// Reads JSON.
pub fn read_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, Misfit> {
    read_json_noting(text, |_holder, _name| ())
}

/// Reads JSON and tells `unknown` of members that `T` has no place for: the name of the member they stand in (empty
/// at the top; that of the list inside a list), which is one of ours, and their own, which the sender chose.
pub fn read_json_noting<T: DeserializeOwned>(
    text: &[u8],
    mut unknown: impl FnMut(&str, &str),
) -> Result<T, Misfit> {
    let misfit = |path: String, error: &serde_json::Error| {
        // A `?` stands for a part that was not readable as a name; `.` for the whole text. Only what does not fit a
        // type is in a member that we named; broken JSON can be in any, and a name somebody else chose may be a
        // person's.
        let path = match path.trim_end_matches(".?") {
            "" | "." | "?" => "$",
            _ if error.classify() != serde_json::error::Category::Data => "$",
            field => field,
        };
        Misfit { path: path.to_owned(), line: error.line(), column: error.column() }
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        if let serde_ignored::Path::Map { parent, key } = path {
            unknown(holder(parent), &key);
        }
    });
    let value = value.map_err(|error| misfit(track.path().to_string(), &error))?;
    reader.end().map_err(|error| misfit("$".to_owned(), &error))?;
    Ok(value)
}

/// What JSON that holds a secret may show of itself: its names, and what kind of value each has. `None`: it is no JSON.
pub fn outline(text: &[u8]) -> Option<String> {
    fn blank(value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => *number = 0.into(),
            Value::String(text) => "...".clone_into(text),
            Value::Array(entries) => entries.iter_mut().for_each(blank),
            Value::Object(members) => members.values_mut().for_each(blank),
        }
    }
    let mut value: Value = read_json(text).ok()?;
    blank(&mut value);
    Some(value.to_string())
}

/// An RFC 3339 time. Without an offset (or as a bare date) it would be taken for UTC and be wrong by hours.
pub fn offset_time(text: &str) -> Option<Timestamp> {
    let clock = text.split_once(['T', 't', ' ']).map_or("", |(_, clock)| clock);
    if clock.contains(['Z', 'z', '+', '-']) { text.parse().ok() } else { None }
}

/// A whole date as ISO 8601 writes it.
pub fn iso_date(date: &Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn holder<'a>(path: &'a serde_ignored::Path<'_>) -> &'a str {
    use serde_ignored::Path;
    match path {
        Path::Root => "",
        Path::Map { key, .. } => key,
        Path::Seq { parent, .. }
        | Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => holder(parent),
    }
}
