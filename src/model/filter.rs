//! Which events a reader wants.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::validate::Checks;
use crate::proto::{Event, EventFilter, EventType};

/// Conditions joined by AND; values of one field by OR; the default matches every event.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    connections: Vec<String>,
    subjects: HashSet<String>,
    types: HashSet<i32>,
    external_references: HashSet<String>,
    labels: HashMap<String, String>,
    identifications: HashSet<String>,
}

impl Filter {
    /// Parses the contract's filter. `shard` is left to the caller: its meaning belongs to the reader.
    pub fn parse(filter: EventFilter) -> Result<Self> {
        let mut checks = Checks::default();
        for (index, name) in filter.connections.iter().enumerate() {
            if let Err(error) = ConnectionId::from_name(name) {
                checks.refuse(format!("filter.connections[{index}]"), error.to_string());
            }
        }
        for (index, name) in filter.identifications.iter().enumerate() {
            checks.parse::<IdentificationName>(&format!("filter.identifications[{index}]"), name);
        }
        for (index, value) in filter.types.iter().enumerate() {
            if *value <= 0 || EventType::try_from(*value).is_err() {
                checks.refuse(format!("filter.types[{index}]"), "is not an event type this gateway knows");
            }
        }
        checks.labels("filter.labels", &filter.labels);
        checks.finish("parse_filter")?;
        Ok(Self {
            connections: filter.connections.iter().map(|name| format!("{name}/")).collect(),
            subjects: filter.subjects.into_iter().collect(),
            types: filter.types.into_iter().collect(),
            external_references: filter.external_references.into_iter().collect(),
            labels: filter.labels,
            identifications: filter.identifications.into_iter().collect(),
        })
    }

    /// Nothing is filtered out: an event need not be decoded to be matched.
    pub fn is_everything(&self) -> bool {
        self.connections.is_empty()
            && self.subjects.is_empty()
            && self.types.is_empty()
            && self.external_references.is_empty()
            && self.labels.is_empty()
            && self.identifications.is_empty()
    }

    /// Whether a reader with this filter gets `event`.
    pub fn matches(&self, event: &Event) -> bool {
        let on = |prefix: &String| {
            event.subject.starts_with(prefix.as_str()) || event.subject.as_bytes() == trim(prefix).as_bytes()
        };
        (self.connections.is_empty() || self.connections.iter().any(on))
            && (self.subjects.is_empty() || self.subjects.contains(&event.subject))
            && (self.types.is_empty() || self.types.contains(&event.r#type))
            && (self.external_references.is_empty()
                || self.external_references.contains(&event.external_reference))
            && (self.identifications.is_empty() || self.identifications.contains(&event.identification))
            && self.labels.iter().all(|(key, value)| event.labels.get(key) == Some(value))
    }
}

/// A connection is kept as the prefix of what is under it, `connections/{connection}/`.
fn trim(prefix: &str) -> &str {
    prefix.trim_end_matches('/')
}
