//! Documents to sign: what a customer defines, and what becomes of them in one identification.

use std::collections::{BTreeMap, HashMap};

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::ident::Ident;

/// Most documents of one account, and so of one identification. The vendor says 10 in two places and 25 in a third.
const MOST: usize = 25;
/// Most bytes of all documents of one identification together.
pub(super) const LARGEST: usize = 50 << 20;

/// The members that a definition may have when a customer sends it.
pub(super) const MEMBERS: [&str; 8] =
    ["name", "identifier", "optional", "mimeType", "sortOrder", "viewPolicy", "version", "signatures"];

/// A document that each person of a customer signs.
pub(super) struct Definition {
    /// What it is called in paths.
    pub(super) identifier: String,
    name: String,
    optional: bool,
    sort_order: Option<u64>,
    view_policy: String,
    /// What is signed where nothing else was uploaded.
    pub(super) default: Option<Bytes>,
}

/// The definitions of every customer.
#[derive(Default)]
pub(super) struct Definitions(HashMap<String, Vec<Definition>>);

/// What became of a definition that a customer sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is new.
    Created,
    /// It took the place of another with its identifier.
    Replaced,
    /// There are too many.
    Refused,
}

/// What is particular to one identification about its documents, by the definitions' identifiers.
#[derive(Clone, Default)]
pub(super) struct Documents(BTreeMap<String, Document>);

/// One of them.
#[derive(Clone, Default)]
pub(super) struct Document {
    /// Another name than the definition's.
    pub(super) name: Option<String>,
    /// What was uploaded.
    pub(super) data: Option<Bytes>,
}

/// A document that was signed.
#[derive(Clone)]
pub(super) struct Contract {
    /// Its definition's identifier.
    pub(super) identifier: String,
    /// Before.
    pub(super) original: Bytes,
    /// After.
    pub(super) signed: Bytes,
}

impl Definition {
    /// Reads what a customer sent, or answers with the member that cannot be so.
    pub(super) fn parse(object: &Map<String, Value>) -> Result<Self, &'static str> {
        let text = |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(name);
        let identifier = text("identifier")?;
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        if identifier.is_empty() || !identifier.bytes().all(fits) {
            return Err("identifier");
        }
        let name = text("name").ok().filter(|name| !name.is_empty()).ok_or("name")?;
        if text("mimeType")? != "application/pdf" {
            return Err("mimeType");
        }
        let view_policy = match object.get("viewPolicy") {
            None => "DEFAULT",
            Some(_) => text("viewPolicy")?,
        };
        if !matches!(view_policy, "DEFAULT" | "SCROLL") {
            return Err("viewPolicy");
        }
        let sort_order = match object.get("sortOrder") {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_u64().ok_or("sortOrder")?),
        };
        Ok(Self {
            identifier: identifier.to_owned(),
            name: name.to_owned(),
            optional: object.get("optional").and_then(Value::as_bool).ok_or("optional")?,
            sort_order,
            view_policy: view_policy.to_owned(),
            default: None,
        })
    }

    /// As the vendor shows it.
    pub(super) fn view(&self) -> Value {
        json!({
            "optional": self.optional,
            "name": self.name,
            "identifier": self.identifier,
            "mimeType": "application/pdf",
            "sortOrder": self.sort_order,
            "viewPolicy": self.view_policy,
        })
    }
}

impl Definitions {
    /// Those of `customer`, in the order they are shown to a person.
    pub(super) fn of(&self, customer: &str) -> &[Definition] {
        self.0.get(customer).map_or(&[], Vec::as_slice)
    }

    /// That of `customer` called `identifier`.
    pub(super) fn find(&self, customer: &str, identifier: &str) -> Option<&Definition> {
        self.of(customer).iter().find(|known| known.identifier == identifier)
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, customer: &str, identifier: &str) -> Option<&mut Definition> {
        self.0.get_mut(customer)?.iter_mut().find(|known| known.identifier == identifier)
    }

    /// Takes `definition` in. Without a place of its own it keeps that of the one it replaces, or comes last.
    pub(super) fn put(&mut self, customer: &str, mut definition: Definition) -> Put {
        let all = self.0.entry(customer.to_owned()).or_default();
        let last = all.iter().filter_map(|known| known.sort_order).max().unwrap_or(0);
        let put = match all.iter().position(|known| known.identifier == definition.identifier) {
            Some(place) => {
                let known = &mut all[place];
                definition.sort_order = definition.sort_order.or(known.sort_order);
                definition.default = known.default.take();
                *known = definition;
                Put::Replaced
            }
            None if all.len() == MOST => return Put::Refused,
            None => {
                definition.sort_order = definition.sort_order.or(last.checked_add(1));
                all.push(definition);
                Put::Created
            }
        };
        all.sort_by_key(|known| known.sort_order);
        put
    }

    /// Forgets that of `customer` called `identifier`, and tells whether there was one.
    pub(super) fn remove(&mut self, customer: &str, identifier: &str) -> bool {
        let all = self.0.get_mut(customer);
        all.is_some_and(|all| all.extract_if(.., |known| known.identifier == identifier).count() > 0)
    }

    /// What keeps the person of `ident` from signing: a document that is required and not there, while another is.
    pub(super) fn missing(&self, ident: &Ident) -> Option<&str> {
        let all = self.of(&ident.customer);
        let is_there = |definition: &&Definition| ident.documents.data(definition).is_some();
        all.iter().find(is_there)?;
        let missing = all.iter().find(|definition| !definition.optional && !is_there(definition));
        missing.map(|definition| definition.identifier.as_str())
    }

    /// What the person of `ident` has signed when they are done.
    pub(super) fn contracts(&self, ident: &Ident) -> Vec<Contract> {
        let mark = format!("\n% Signed in the sandbox of idv-gateway by the person of {}.\n", ident.id);
        let contract = |definition: &Definition| {
            let original = ident.documents.data(definition)?.clone();
            let signed = [&original, mark.as_bytes()].concat().into();
            Some(Contract { identifier: definition.identifier.clone(), original, signed })
        };
        self.of(&ident.customer).iter().filter_map(contract).collect()
    }
}

impl Documents {
    /// What is to be signed: what was uploaded here, else the definition's default.
    pub(super) fn data<'a>(&'a self, definition: &'a Definition) -> Option<&'a Bytes> {
        let own = self.0.get(&definition.identifier).and_then(|document| document.data.as_ref());
        own.or(definition.default.as_ref())
    }

    /// What the person reads above it.
    pub(super) fn name<'a>(&'a self, definition: &'a Definition) -> &'a str {
        let own = self.0.get(&definition.identifier).and_then(|document| document.name.as_deref());
        own.unwrap_or(&definition.name)
    }

    /// The one that belongs to the definition `identifier`, to change it.
    pub(super) fn entry(&mut self, identifier: &str) -> &mut Document {
        self.0.entry(identifier.to_owned()).or_default()
    }

    /// Bytes of what was uploaded, but for the document `identifier`.
    pub(super) fn size_without(&self, identifier: &str) -> usize {
        let others = self.0.iter().filter(|(known, _)| *known != identifier);
        others.filter_map(|(_, document)| document.data.as_ref()).map(Bytes::len).sum()
    }
}
