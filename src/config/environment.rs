//! Overrides from the environment: `IDV__SECTION__KEY`.
//!
//! After `IDV__`, two underscores separate the levels and upper case stands for lower case:
//! `IDV__GRPC__LISTEN` is `grpc.listen`. Settings are spelt with underscores and connections with hyphens, never the
//! other way round, so an underscore in a connection's name stands for a hyphen:
//! `IDV__CONNECTIONS__BANK_DE__IDNOW__CUSTOMER` is `connections.bank-de.idnow.customer`.
//!
//! A value is what TOML would write after the `=`; where text is wanted, its quotes may be left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{Document, Entry, Node, Origin, Table, Value};

const PREFIX: &str = "IDV__";

/// A variable that names no place in the configuration.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) origin: Origin,
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

/// Writes the overrides among `variables` over `document`, a whole table before what stands in it.
pub(super) fn apply(
    document: &mut Document,
    variables: impl Iterator<Item = (String, String)>,
) -> Vec<Refused> {
    let overrides: BTreeMap<String, String> =
        variables.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    let mut refused = Vec::new();
    for (name, value) in overrides {
        let origin = Origin::Variable(Arc::from(name.as_str()));
        match path_of(&name) {
            Some(path) => {
                if let Err(message) = set(&mut document.root, &path, Node::from_variable(&value, &origin)) {
                    refused.push(Refused { origin, path, message });
                }
            }
            None => refused.push(Refused {
                origin,
                path: Vec::new(),
                message:
                    "must be IDV__ and the names of the levels in upper case with two underscores between \
                          them, as in IDV__GRPC__LISTEN"
                        .to_owned(),
            }),
        }
    }
    refused
}

fn path_of(name: &str) -> Option<Vec<String>> {
    let mut path: Vec<String> = name.strip_prefix(PREFIX)?.split("__").map(str::to_ascii_lowercase).collect();
    let upper = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !upper || path.iter().any(String::is_empty) {
        return None;
    }
    if let [section, connection, ..] = path.as_mut_slice()
        && section == "connections"
    {
        *connection = connection.replace('_', "-");
    }
    Some(path)
}

fn set(root: &mut Node, path: &[String], value: Node) -> Result<(), String> {
    let Some((last, tables)) = path.split_last() else { return Ok(()) };
    let origin = value.origin.clone();
    let mut node = root;
    for (depth, key) in tables.iter().enumerate() {
        let Value::Table(table) = &mut node.value else {
            return Err(not_a_table(&path[..depth]));
        };
        let entry = table.entry(key.clone()).or_insert_with(|| {
            entry(origin.clone(), Node { origin: origin.clone(), value: Value::Table(Table::new()) })
        });
        node = &mut entry.node;
    }
    let Value::Table(table) = &mut node.value else {
        return Err(not_a_table(tables));
    };
    table.insert(last.clone(), entry(origin, value));
    Ok(())
}

fn entry(key: Origin, node: Node) -> Entry {
    Entry { key, key_refused: false, node }
}

fn not_a_table(path: &[String]) -> String {
    format!("has no place, because {} is not a table", path.join("."))
}
