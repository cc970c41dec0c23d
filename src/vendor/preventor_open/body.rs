//! Bodies that the compliance platform is sent: objects whose members are there or not, member by member.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::model::onboarding::Action;
use crate::proto::onboarding::ItemAction;

/// Members of an object, in the order in which they are sent. Personal data: it has no debug form.
#[derive(Default)]
pub(super) struct Body(Vec<(&'static str, Member)>);

enum Member {
    Text(String),
    Number(i32),
    List(Vec<Body>),
}

/// The vendor's name of a text, ours, and where it stands.
pub(super) type Texts<T> = &'static [(&'static str, &'static str, fn(&T) -> &str)];

impl Body {
    /// What is to be done with `id`.
    pub(super) fn of(action: Action, id: &str) -> Self {
        Self::default().text("request_type", request_type(action)).text("id", id)
    }

    /// What is to be done with the item `id` of a list. Items without a number have none.
    pub(super) fn item(action: ItemAction, id: i32) -> Self {
        let action = match action {
            ItemAction::Unspecified | ItemAction::Add => Action::Add,
            ItemAction::Update => Action::Update,
            ItemAction::Delete => Action::Delete,
        };
        Self::default().number("id", id).text("request_type", request_type(action))
    }

    /// Adds a text, even an empty one.
    pub(super) fn text(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.0.push((name, Member::Text(text.into())));
        self
    }

    /// Adds a text that is there.
    pub(super) fn some(self, name: &'static str, text: &str) -> Self {
        if text.is_empty() { self } else { self.text(name, text) }
    }

    /// Adds a number that is not 0.
    pub(super) fn number(mut self, name: &'static str, number: i32) -> Self {
        if number != 0 {
            self.0.push((name, Member::Number(number)));
        }
        self
    }

    /// Adds a list.
    pub(super) fn list(mut self, name: &'static str, items: impl IntoIterator<Item = Self>) -> Self {
        self.0.push((name, Member::List(items.into_iter().collect())));
        self
    }

    /// Adds those `texts` of `from` of whose names and contents `wants` says so.
    pub(super) fn texts<T>(self, texts: Texts<T>, from: &T, wants: impl Fn(&str, bool) -> bool) -> Self {
        texts.iter().fold(self, |body, (theirs, ours, text)| {
            let text = text(from);
            if wants(ours, !text.is_empty()) { body.text(theirs, text) } else { body }
        })
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, member) in &self.0 {
            map.serialize_entry(name, member)?;
        }
        map.end()
    }
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i32(*number),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

/// The path, below `place`, of what the vendor calls `name`: one of `texts` or of `others`.
pub(super) fn path<T>(
    place: &str,
    texts: Texts<T>,
    others: &[(&'static str, &'static str)],
    name: &str,
) -> Option<String> {
    let texts = texts.iter().map(|(theirs, ours, _)| (theirs, ours));
    let mut all = texts.chain(others.iter().map(|(theirs, ours)| (theirs, ours)));
    all.find(|(theirs, _)| **theirs == name).map(|(_, ours)| format!("{place}.{ours}"))
}

fn request_type(action: Action) -> &'static str {
    match action {
        Action::Add => "A",
        Action::Update => "U",
        Action::Delete => "D",
    }
}
