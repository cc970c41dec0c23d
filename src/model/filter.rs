//! Which events a reader wants, and which identifications a snapshot shows it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use crate::model::event_keys::EventKeys;
use crate::model::name::{ConnectionId, IdentificationName, SubjectName};
use crate::model::record_filter::RecordFilter;
use crate::model::shard::Shard;
use crate::model::validate::Checks;
use crate::proto::{EventFilter, EventType};

/// Values one field of a filter may have: each is compared with every event.
const MAX_VALUES: usize = 100;
/// Longest external reference, in characters.
const MAX_REFERENCE: usize = 255;

/// Conditions joined by AND; values of one field by OR; the default matches every event.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    connections: BTreeSet<ConnectionId>,
    subjects: HashSet<String>,
    types: HashSet<i32>,
    external_references: BTreeSet<String>,
    labels: HashMap<String, String>,
    identifications: HashSet<String>,
    shard: Option<Shard>,
    since: Option<SystemTime>,
}

/// Which identifications a snapshot shows.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Only these; `None`: whichever match.
    pub names: Option<Vec<IdentificationName>>,
    /// What they must match besides.
    pub filter: RecordFilter,
}

impl Filter {
    /// Parses the contract's filter: at most 100 values of each field and 16 labels. What it refuses is in `checks`.
    pub fn parse(filter: EventFilter, checks: &mut Checks) -> Self {
        let connections = each(checks, "connections", filter.connections, |checks, field, name| {
            let parsed = ConnectionId::from_name(&name);
            parsed.map_err(|error| checks.refuse(field, error.to_string())).ok()
        });
        let subjects = each(checks, "subjects", filter.subjects, |checks, field, name| {
            checks.parse::<SubjectName>(field, &name).map(|name| name.to_string())
        });
        let types = each(checks, "types", filter.types, |checks, field, value| {
            let known = value > 0 && EventType::try_from(value).is_ok();
            if !known {
                checks.refuse(field, "is not an event type this gateway knows");
            }
            known.then_some(value)
        });
        let references = filter.external_references;
        let external_references = each(checks, "external_references", references, |checks, field, text| {
            if text.is_empty() {
                checks.refuse(field, "must not be empty");
            }
            checks.text(field, &text, MAX_REFERENCE);
            Some(text)
        });
        let identifications =
            each(checks, "identifications", filter.identifications, |checks, field, name| {
                checks.parse::<IdentificationName>(field, &name).map(|name| name.to_string())
            });
        checks.labels("filter.labels", &filter.labels);
        let shard = filter.shard.and_then(|selector| Shard::parse(selector, checks));
        Self {
            connections: connections.into_iter().collect(),
            subjects: subjects.into_iter().collect(),
            types: types.into_iter().collect(),
            external_references: external_references.into_iter().collect(),
            labels: filter.labels,
            identifications: identifications.into_iter().collect(),
            shard,
            since: None,
        }
    }

    /// The same, but only for events recorded at or after `time`.
    #[must_use]
    pub fn since(self, time: SystemTime) -> Self {
        Self { since: Some(time), ..self }
    }

    /// Nothing is filtered out: an event need not be decoded to be matched.
    pub fn is_everything(&self) -> bool {
        self.connections.is_empty()
            && self.subjects.is_empty()
            && self.types.is_empty()
            && self.external_references.is_empty()
            && self.labels.is_empty()
            && self.identifications.is_empty()
            && self.shard.is_none()
            && self.since.is_none()
    }

    /// Whether a reader with this filter gets the event, which was recorded. An event about a ticket or a document
    /// belongs to an identification too.
    pub fn matches(&self, event: &EventKeys) -> bool {
        let on = |connection: &ConnectionId| is_on(connection, &event.subject);
        (self.connections.is_empty() || self.connections.iter().any(on))
            && (self.subjects.is_empty() || self.subjects.contains(&event.subject))
            && (self.types.is_empty() || self.types.contains(&event.kind))
            && (self.external_references.is_empty()
                || self.external_references.contains(&event.external_reference))
            && (self.identifications.is_empty() || self.identifications.contains(&event.identification))
            && self.labels.iter().all(|(key, value)| event.labels.get(key) == Some(value))
            && self.shard.is_none_or(|shard| shard.has(event.person()))
            && self.since.is_none_or(|since| event.recorded().is_some_and(|time| time >= since))
    }

    /// The identifications that a snapshot shows a reader with this filter, which are none of the DELETED ones.
    /// `types` and the time choose among events only: a present state has neither.
    pub fn selection(&self) -> Selection {
        let named = [&self.subjects, &self.identifications].into_iter().filter(|names| !names.is_empty());
        let both = named.cloned().reduce(|one, other| &one & &other);
        Selection {
            names: both.map(|names| names.iter().filter_map(|name| name.parse().ok()).collect()),
            filter: RecordFilter {
                connections: self.connections.clone(),
                external_references: self.external_references.clone(),
                labels: self.labels.clone().into_iter().collect(),
                shard: self.shard,
                ..RecordFilter::default()
            },
        }
    }
}

/// What `one` makes of every value of a field, unless there are too many to look at.
fn each<V, T>(
    checks: &mut Checks,
    field: &str,
    values: Vec<V>,
    one: impl Fn(&mut Checks, &str, V) -> Option<T>,
) -> Vec<T> {
    if values.len() > MAX_VALUES {
        checks.refuse(format!("filter.{field}"), format!("must be at most {MAX_VALUES} values"));
        return Vec::new();
    }
    let numbered = values.into_iter().enumerate();
    numbered.filter_map(|(index, value)| one(checks, &format!("filter.{field}[{index}]"), value)).collect()
}

/// Whether `subject` is the connection itself or something under it.
fn is_on(connection: &ConnectionId, subject: &str) -> bool {
    let id = subject.strip_prefix("connections/").and_then(|rest| rest.split('/').next());
    id == Some(connection.as_str())
}
