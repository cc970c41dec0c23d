//! Which identifications a list is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::model::name::ConnectionId;
use crate::model::record::Record;
use crate::model::shard::Shard;
use crate::model::validate::{Checks, MAX_VALUES};
use crate::proto::{IdentificationFilter, IdentificationState, Outcome};

/// Longest value, in characters: no longer one is ever stored.
const MAX_TEXT: usize = 255;

/// Conditions joined by AND, values of one condition by OR; an empty condition holds for every record. The default
/// matches every record that is not DELETED.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RecordFilter {
    /// The connection it lives on.
    pub connections: BTreeSet<ConnectionId>,
    /// Its state.
    pub states: BTreeSet<IdentificationState>,
    /// The outcome of its decision; one without a decision has none.
    pub outcomes: BTreeSet<Outcome>,
    /// The caller's own key, exactly.
    pub external_references: BTreeSet<String>,
    /// Labels it must have, all of them.
    pub labels: BTreeMap<String, String>,
    /// Last changed at this time or later.
    pub updated_from: Option<SystemTime>,
    /// Last changed before this time.
    pub updated_before: Option<SystemTime>,
    /// The vendor's id or reference, or a ticket's id, in lower case; compared without case.
    pub vendor_ids: BTreeSet<String>,
    /// Only those with tickets.
    pub has_tickets: bool,
    /// Only those of a share of all.
    pub shard: Option<Shard>,
    /// DELETED ones too. Without it none comes, whatever `states` says.
    pub show_deleted: bool,
}

impl RecordFilter {
    /// Parses the contract's filter and the fields of the request that belong to it; what it refuses is in `checks`.
    pub fn parse(
        parent: &str,
        filter: IdentificationFilter,
        show_deleted: bool,
        checks: &mut Checks,
    ) -> Self {
        let connection = checks.parent(parent);
        checks.labels("filter.labels", &filter.labels);
        let updated_from = checks.time("filter.update_time_from", filter.update_time_from);
        let updated_before = checks.time("filter.update_time_before", filter.update_time_before);
        if updated_from.zip(updated_before).is_some_and(|(from, before)| from >= before) {
            checks.refuse("filter.update_time_before", "must be later than update_time_from");
        }
        Self {
            connections: connection.into_iter().collect(),
            states: checks.values("filter.states", &filter.states),
            outcomes: checks.values("filter.outcomes", &filter.outcomes),
            external_references: texts("filter.external_references", filter.external_references, checks),
            labels: filter.labels.into_iter().collect(),
            updated_from,
            updated_before,
            vendor_ids: texts("filter.vendor_ids", filter.vendor_ids, checks)
                .into_iter()
                .map(|id| id.to_ascii_lowercase())
                .collect(),
            has_tickets: false,
            shard: None,
            show_deleted,
        }
    }

    /// Whether `record` is asked for.
    pub fn matches(&self, record: &Record) -> bool {
        let shown = &record.identification;
        let one_of_vendor_ids = || {
            let ids = shown.vendor_reference.iter();
            let ids = ids.flat_map(|ids| [&ids.id, &ids.reference].into_iter().chain(&ids.ticket_ids));
            ids.map(|id| id.to_ascii_lowercase()).any(|id| self.vendor_ids.contains(&id))
        };
        (self.show_deleted || shown.state() != IdentificationState::Deleted)
            && (self.connections.is_empty() || self.connections.contains(&record.name.connection))
            && (self.states.is_empty() || self.states.contains(&shown.state()))
            && (self.outcomes.is_empty()
                || shown
                    .decision
                    .as_ref()
                    .is_some_and(|decision| self.outcomes.contains(&decision.outcome())))
            && (self.external_references.is_empty()
                || self.external_references.contains(&shown.external_reference))
            && self.labels.iter().all(|(key, value)| shown.labels.get(key) == Some(value))
            && (!self.has_tickets
                || shown.vendor_reference.as_ref().is_some_and(|ids| !ids.ticket_ids.is_empty()))
            && self.shard.is_none_or(|shard| shard.has(&record.name.to_string()))
            && self.is_in_time(record)
            && (self.vendor_ids.is_empty() || one_of_vendor_ids())
    }

    fn is_in_time(&self, record: &Record) -> bool {
        if self.updated_from.is_none() && self.updated_before.is_none() {
            return true;
        }
        let time = record.identification.update_time.and_then(|time| SystemTime::try_from(time).ok());
        time.is_some_and(|time| {
            self.updated_from.is_none_or(|from| from <= time)
                && self.updated_before.is_none_or(|before| time < before)
        })
    }
}

fn texts(field: &str, texts: Vec<String>, checks: &mut Checks) -> BTreeSet<String> {
    checks.count(field, texts.len());
    for (index, text) in texts.iter().take(MAX_VALUES).enumerate() {
        let field = format!("{field}[{index}]");
        if text.is_empty() {
            checks.refuse(field, "must not be empty");
        } else {
            checks.text(&field, text, MAX_TEXT);
        }
    }
    texts.into_iter().collect()
}
