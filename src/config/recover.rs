//! Reads settings in spite of faults, to find all of them: what was refused is replaced by a stand-in, and reading
//! begins again.

use serde::de::DeserializeOwned;

use super::document::{Document, Entry, Node, Value};
use super::fault::{Fault, What};
use super::reader::{Notes, Reader};
use super::report::{ConfigError, Source};
use super::stand_in;

/// More faults than this are not looked for.
const MOST_FAULTS: usize = 200;

/// What could be read.
#[derive(Debug)]
pub(super) struct Recovered<T> {
    /// `None` when too little was readable. To be used only when `problems` is empty.
    pub(super) value: Option<T>,
    pub(super) problems: Vec<ConfigError>,
    /// Where stand-ins were needed.
    pub(super) unsound: Vec<Vec<String>>,
    /// Where secrets are named.
    pub(super) secrets: Vec<Vec<String>>,
}

/// Reads `document` and reports every fault once.
pub(super) fn read<T: DeserializeOwned>(document: &mut Document, source: Source<'_>) -> Recovered<T> {
    let mut recovered =
        Recovered { value: None, problems: Vec::new(), unsound: Vec::new(), secrets: Vec::new() };
    for _pass in 0..MOST_FAULTS {
        let notes = Notes::default();
        let outcome = T::deserialize(Reader::new(&document.root, &notes));
        for (path, message) in notes.unknown.take() {
            recovered.problems.push(source.error(&document.key_origin(&path), &path, message));
            remove(document, &path);
        }
        match outcome {
            Ok(value) => {
                recovered.value = Some(value);
                recovered.secrets = notes.secrets.take().into_iter().collect();
                return recovered;
            }
            Err(fault) => {
                if !recovered.mend(document, fault, source) {
                    return recovered;
                }
            }
        }
    }
    recovered
}

impl<T> Recovered<T> {
    /// Whether what was read at `path` is what was written there.
    pub(super) fn sound(&self, path: &[String]) -> bool {
        !self.unsound.iter().any(|unsound| section(unsound) == section(path))
    }

    /// Records `fault` and makes sure that the next pass gets further. `false`: it cannot.
    fn mend(&mut self, document: &mut Document, fault: Fault, source: Source<'_>) -> bool {
        let mut path = fault.path.unwrap_or_default();
        match fault.what {
            What::Key(message) => {
                let origin = document.key_origin(&path);
                self.unsound.push(path.clone());
                match document.entry_mut(&path) {
                    Some(entry) if !entry.key_refused => {
                        entry.key_refused = true;
                        self.problems.push(source.error(&origin, &path, message));
                    }
                    _ => return remove(document, &path),
                }
            }
            What::Choice(message) => {
                self.problems.push(source.error(&document.key_origin(&path), &path, message));
                path.pop();
                return self.replace(document, &path);
            }
            What::Missing(key) => {
                let origin = document.origin(&path);
                let Some(table) = document.table_mut(&path) else { return self.replace(document, &path) };
                let node = Node { origin: origin.clone(), value: Value::StandIn(0) };
                table.insert(key.to_owned(), Entry { key: origin.clone(), key_refused: false, node });
                path.push(key.to_owned());
                self.problems.push(source.error(&origin, &path, "is required".to_owned()));
                self.unsound.push(path);
            }
            What::Value(message) => {
                let (node, _) = document.deepest_mut(&path);
                if !matches!(node.value, Value::StandIn(_)) {
                    self.problems.push(source.error(&node.origin, &path, message));
                }
                return self.replace(document, &path);
            }
        }
        true
    }

    /// Puts the first stand-in at `path`, or the next one; after the last, one in the place of the table around it.
    fn replace(&mut self, document: &mut Document, path: &[String]) -> bool {
        let (node, depth) = document.deepest_mut(path);
        self.unsound.push(path[..depth].to_vec());
        match node.value {
            Value::StandIn(number) if number + 1 < stand_in::COUNT => node.value = Value::StandIn(number + 1),
            Value::StandIn(_) if depth == 0 => return false,
            Value::StandIn(_) => {
                let (around, depth) = document.deepest_mut(&path[..depth - 1]);
                around.value = Value::StandIn(0);
                self.unsound.push(path[..depth].to_vec());
            }
            _ => node.value = Value::StandIn(0),
        }
        true
    }
}

/// The part of the configuration that is judged as one: a connection, or a section.
fn section(path: &[String]) -> &[String] {
    let length = if path.first().is_some_and(|first| first == "connections") { 2 } else { 1 };
    &path[..length.min(path.len())]
}

fn remove(document: &mut Document, path: &[String]) -> bool {
    path.split_last().and_then(|(key, table)| document.table_mut(table)?.remove(key)).is_some()
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Deserializer};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Top {
        picky: Vec<Pickier>,
        number: u16,
        flag: bool,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Pickier {
        inner: Picky,
        number: u16,
    }

    /// Accepts no stand-in.
    #[derive(Debug)]
    struct Picky;

    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            match String::deserialize(deserializer)?.as_str() {
                "right" => Ok(Self),
                _ => Err(serde::de::Error::custom("must be right")),
            }
        }
    }

    fn problems(text: &str) -> Vec<String> {
        let mut document = Document::parse(text).unwrap();
        let recovered: Recovered<Top> = read(&mut document, Source { name: "t", text });
        recovered.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_without_a_stand_in_gives_up_its_list_and_no_more() {
        let found = problems(
            "flag = 1\n[[picky]]\nnumber = 70000\ninner = \"right\"\n[[picky]]\ninner = \"wrong\"\n",
        );
        let expected = [
            "t:1:8: flag: must be true or false",
            "t:3:10: picky.0.number: must be a whole number from 0 to 65535",
            "t:6:9: picky.1.inner: must be right",
            "t:1:1: number: is required",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_at_all_lacks_everything() {
        assert_eq!(
            problems(""),
            ["t:1:1: picky: is required", "t:1:1: number: is required", "t:1:1: flag: is required"]
        );
    }
}
