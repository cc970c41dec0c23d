//! What became of each webhook, as the control APIs show it.

use std::collections::VecDeque;
use std::time::SystemTime;

use axum::body::Bytes;
use prost_types::Timestamp;
use serde::Serialize;

use super::Notice;

/// How many webhooks are remembered.
const LENGTH: usize = 10_000;

/// The last webhooks, in the order they were made.
pub(super) struct Log<L> {
    entries: VecDeque<Entry<L>>,
    last: u64,
}

/// What became of one webhook.
#[derive(Clone, Serialize)]
pub(in crate::sandbox) struct Entry<L> {
    sequence: u64,
    #[serde(flatten)]
    label: L,
    state: Fate,
    attempts: Vec<Attempt>,
    next_attempt: Option<String>,
    #[serde(skip)]
    subject: String,
    #[serde(skip)]
    body: Bytes,
}

/// Where one webhook stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Sending,
    Held,
    Delayed,
    Retrying,
    Delivered,
    Superseded,
    GaveUp,
    Dropped,
    NoTarget,
}

/// One try: the status that came back, or why none did.
#[derive(Clone, Serialize)]
pub(super) struct Attempt {
    time: String,
    url: String,
    status: Option<u16>,
    error: Option<String>,
}

impl<L> Default for Log<L> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), last: 0 }
    }
}

impl<L: Clone> Log<L> {
    /// Takes note of a webhook and gives it its number.
    pub(super) fn enter(&mut self, notice: &Notice<L>) -> u64 {
        self.last += 1;
        if self.entries.len() == LENGTH {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            sequence: self.last,
            label: notice.label.clone(),
            state: Fate::Sending,
            attempts: Vec::new(),
            next_attempt: None,
            subject: notice.subject.clone(),
            body: notice.body.clone(),
        });
        self.last
    }

    pub(super) fn update(&mut self, sequence: u64, change: impl FnOnce(&mut Entry<L>)) {
        // The log forgets from the front, and what it forgot needs no update.
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.sequence == sequence) {
            change(entry);
        }
    }

    pub(super) fn view(&self) -> Vec<Entry<L>> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn newest(&self, subject: &str, wanted: impl Fn(u64, &L) -> bool) -> Option<(L, Bytes)> {
        let is_it = |entry: &&Entry<L>| entry.subject == subject && wanted(entry.sequence, &entry.label);
        self.entries.iter().rev().find(is_it).map(|entry| (entry.label.clone(), entry.body.clone()))
    }
}

impl<L> Entry<L> {
    pub(super) fn finish(&mut self, fate: Fate) {
        self.state = fate;
        self.next_attempt = None;
    }

    pub(super) fn hold(&mut self) {
        self.state = Fate::Held;
    }

    pub(super) fn wait(&mut self, fate: Fate, next: SystemTime) {
        self.state = fate;
        self.next_attempt = Some(time(next));
    }

    pub(super) fn tried(&mut self, attempts: Vec<Attempt>) {
        self.attempts.extend(attempts);
    }
}

impl Attempt {
    pub(super) fn answered(time: String, url: String, status: u16) -> Self {
        Self { time, url, status: Some(status), error: None }
    }

    pub(super) fn failed(time: String, url: String, error: String) -> Self {
        Self { time, url, status: None, error: Some(error) }
    }

    /// Whether the receiver said that it has it.
    pub(super) fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

pub(super) fn time(at: SystemTime) -> String {
    Timestamp::from(at).to_string()
}
