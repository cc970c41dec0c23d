//! What a reader knows from a snapshot and the events after it, and whether that is right.

use std::collections::BTreeMap;

use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{Identification, IdentificationState, SnapshotCompleted, SnapshotItem};

use super::words::shown;

/// The state that a reader has put together, and what it noticed on the way.
#[derive(Default)]
pub(super) struct Projection {
    known: BTreeMap<String, Identification>,
    /// Revision of the last event about each.
    followed: BTreeMap<String, i64>,
    items: i64,
    completed: bool,
    /// Events that said what an item had shown.
    pub(super) repeats: usize,
    /// Events that said something new.
    pub(super) changes: usize,
    faults: Vec<String>,
}

impl Projection {
    /// What `messages` lead to.
    pub(super) fn of<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Self {
        let mut projection = Self::default();
        for message in messages {
            projection.take(message);
        }
        projection
    }

    fn take(&mut self, message: &Message) {
        match message {
            Message::SnapshotItem(SnapshotItem { identification }) => {
                self.item(identification.clone().unwrap());
            }
            Message::SnapshotCompleted(SnapshotCompleted { item_count }) => {
                if self.completed {
                    self.faults.push("completed twice".to_owned());
                }
                if *item_count != self.items {
                    self.faults.push(format!("counted {item_count} of {} items", self.items));
                }
                self.completed = true;
            }
            Message::Event(event) => self.change(shown(event)),
            _ => {}
        }
    }

    fn item(&mut self, item: Identification) {
        self.items += 1;
        if self.completed {
            self.faults.push(format!("{} is shown after the end", item.name));
        }
        if item.state() == IdentificationState::Deleted || !item.start_links.is_empty() {
            self.faults.push(format!("{} must not be shown so", item.name));
        }
        if let Some(twice) = self.known.insert(item.name.clone(), item) {
            self.faults.push(format!("{} is shown twice", twice.name));
        }
    }

    fn change(&mut self, shown: &Identification) {
        if !self.completed {
            self.faults.push(format!("{} changes before the end of the snapshot", shown.name));
        }
        let known = self.known.get(&shown.name).map_or(0, |known| known.revision);
        if shown.revision > known + 1 {
            self.faults.push(format!("{} goes from {known} to {}", shown.name, shown.revision));
        }
        let followed = self.followed.insert(shown.name.clone(), shown.revision);
        if followed.is_some_and(|followed| shown.revision != followed + 1) {
            self.faults.push(format!("{} follows {followed:?} with {}", shown.name, shown.revision));
        }
        if shown.revision > known {
            self.known.insert(shown.name.clone(), shown.clone());
            self.changes += 1;
        } else {
            self.repeats += 1;
        }
    }

    /// What is wrong with it, where `records` is right.
    pub(super) fn faults(mut self, records: &[Identification]) -> Vec<String> {
        if !self.completed {
            self.faults.push("never completed".to_owned());
        }
        for record in records {
            match self.known.remove(&record.name) {
                Some(known) if known == *record => {}
                Some(known) => self.faults.push(format!("{} stays at {}", known.name, known.revision)),
                None => self.faults.push(format!("{} is missing", record.name)),
            }
        }
        self.faults.extend(self.known.into_keys().map(|name| format!("{name} should not be known")));
        self.faults
    }
}
