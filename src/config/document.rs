//! The configuration as a tree in which every key and value knows where it was written.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a key or value was written.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// In the file, at this byte.
    Offset(usize),
    /// In this environment variable.
    Variable(Arc<str>),
}

/// A value and where it was written.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// A date or a time: no setting takes one.
    Moment,
    List(Vec<Node>),
    Table(Table),
    /// The bare value of an environment variable: text or a TOML scalar, as the setting needs it.
    Word(String),
    /// Takes the place of a value that was refused or is missing, so that reading can go on. The number says which
    /// of the stand-ins is tried.
    StandIn(usize),
}

pub(super) type Table = BTreeMap<String, Entry>;

/// A value under its key.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where the key was written.
    pub(super) key: Origin,
    /// The key was refused: read another in its place.
    pub(super) key_refused: bool,
    pub(super) node: Node,
}

/// The whole configuration.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Node,
}

/// Something that is not TOML.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) origin: Origin,
    pub(super) message: String,
}

impl Document {
    /// Parses a file; all its syntax errors at once.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<SyntaxError>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| syntax_error(error, text)).collect());
        }
        let in_file = |span: Range<usize>| Origin::Offset(span.start);
        Ok(Self { root: Node::table(Origin::Offset(0), table.into_inner(), &in_file) })
    }

    /// The value at `path`.
    pub(super) fn node(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, key| node.child(key))
    }

    /// Where the value at `path` was written, or else the nearest table around it.
    pub(super) fn origin(&self, path: &[String]) -> Origin {
        let mut node = &self.root;
        for key in path {
            match node.child(key) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.origin.clone()
    }

    /// Where the key at `path` was written.
    pub(super) fn key_origin(&self, path: &[String]) -> Origin {
        let entry = path.split_last().and_then(|(key, table)| self.node(table)?.as_table()?.get(key));
        entry.map_or_else(|| self.origin(path), |entry| entry.key.clone())
    }

    /// The value at `path`, or at the longest part of it that is there, and the length of that part.
    pub(super) fn deepest_mut(&mut self, path: &[String]) -> (&mut Node, usize) {
        let depth = (0..=path.len()).rev().find(|depth| self.node(&path[..*depth]).is_some()).unwrap_or(0);
        let node = path[..depth].iter().fold(&mut self.root, |node, key| node.child_or_self(key));
        (node, depth)
    }

    /// The entry at `path`.
    pub(super) fn entry_mut(&mut self, path: &[String]) -> Option<&mut Entry> {
        let (key, table) = path.split_last()?;
        self.table_mut(table)?.get_mut(key)
    }

    /// The table at `path`.
    pub(super) fn table_mut(&mut self, path: &[String]) -> Option<&mut Table> {
        match self.deepest_mut(path) {
            (Node { value: Value::Table(table), .. }, depth) if depth == path.len() => Some(table),
            _ => None,
        }
    }
}

impl Node {
    /// The value of the environment variable `origin`: text in quotes, a list or an inline table when it is one,
    /// otherwise a bare word.
    pub(super) fn from_variable(text: &str, origin: &Origin) -> Self {
        match DeValue::parse(text) {
            Ok(value)
                if value.get_ref().is_str() || value.get_ref().is_array() || value.get_ref().is_table() =>
            {
                Self::value(value, &|_span| origin.clone())
            }
            _ => Self { origin: origin.clone(), value: Value::Word(text.to_owned()) },
        }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(table) => table.get(key).map(|entry| &entry.node),
            Value::List(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        }
    }

    fn child_or_self(&mut self, key: &str) -> &mut Self {
        if self.child(key).is_none() {
            return self;
        }
        match &mut self.value {
            Value::Table(table) => table.get_mut(key).map(|entry| &mut entry.node),
            Value::List(items) => key.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            _ => None,
        }
        .expect("the child was there a moment ago")
    }

    fn table(origin: Origin, table: DeTable<'_>, place: &dyn Fn(Range<usize>) -> Origin) -> Self {
        let entries = table.into_iter().map(|(key, value)| {
            let entry = Entry { key: place(key.span()), key_refused: false, node: Self::value(value, place) };
            (key.into_inner().into_owned(), entry)
        });
        Self { origin, value: Value::Table(entries.collect()) }
    }

    fn value(spanned: Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Origin) -> Self {
        let origin = place(spanned.span());
        let value = match spanned.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            // Too large for 128 bits is too large for every setting: the largest number stands for it.
            DeValue::Integer(number) => {
                Value::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX))
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(_) => Value::Moment,
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| Self::value(item.clone(), place)).collect())
            }
            DeValue::Table(table) => return Self::table(origin, table, place),
        };
        Self { origin, value }
    }
}

fn syntax_error(error: &toml::de::Error, text: &str) -> SyntaxError {
    let offset = error.span().map_or(text.len(), |span| span.start);
    SyntaxError { origin: Origin::Offset(offset), message: error.message().to_owned() }
}
