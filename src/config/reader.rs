//! A serde deserializer over the tree: it keeps the place of each fault, collects unknown keys without stopping at
//! them, and notes where secrets are named.

use std::cell::RefCell;
use std::collections::{BTreeSet, btree_map};
use std::slice;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::de::DeValue;

use super::document::{Entry, Node, Table, Value};
use super::fault::{Fault, unknown};
use super::stand_in::StandIn;

/// serde's name of [`SecretSource`](crate::settings::SecretSource).
const SECRET: &str = "SecretSource";

/// What is found besides the value.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Unknown keys and what to say of them.
    pub(super) unknown: RefCell<Vec<(Vec<String>, String)>>,
    /// The paths of everything that was read as a secret's place.
    pub(super) secrets: RefCell<BTreeSet<Vec<String>>>,
}

/// Reads one node.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    node: &'a Node,
    path: Vec<String>,
    notes: &'a Notes,
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a Node, notes: &'a Notes) -> Self {
        Self { node, path: Vec::new(), notes }
    }

    fn child(&self, key: &str, node: &'a Node) -> Self {
        Self { node, path: self.below(key), notes: self.notes }
    }

    fn below(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    /// Runs `read`, and says where it failed.
    fn located<T>(&self, read: impl FnOnce(&Self) -> Result<T, Fault>) -> Result<T, Fault> {
        read(self).map_err(|fault| fault.at(&self.path))
    }

    fn whole<T: TryFrom<i128>>(&self, least: i128, most: i128) -> Result<T, Fault> {
        let number = match &self.node.value {
            Value::Integer(number) => Some(*number),
            Value::Word(word) => integer_in(word),
            _ => None,
        };
        let expected = || match (least, most) {
            // Nobody counts as far as 64 bits reach: the useful bounds are reported by the settings themselves.
            (0, most) if most >= i64::MAX.into() => Fault::value("must be a whole number, 0 or more"),
            _ => Fault::value(format!("must be a whole number from {least} to {most}")),
        };
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(expected)
    }

    fn fraction(&self) -> Result<f64, Fault> {
        let expected = || Fault::value("must be a number");
        match &self.node.value {
            Value::Float(number) => Ok(*number),
            Value::Word(word) => word.parse().map_err(|_malformed| expected()),
            _ => self
                .whole::<i32>(i32::MIN.into(), i32::MAX.into())
                .map(f64::from)
                .map_err(|_other| expected()),
        }
    }

    fn text(&self) -> Result<&'a str, Fault> {
        match &self.node.value {
            Value::Text(text) | Value::Word(text) => Ok(text),
            _ => Err(Fault::value("must be text in quotes")),
        }
    }

    /// The table here without keys that are not among `known`.
    fn known_entries(&self, known: &[&str]) -> Result<Entries<'a>, Fault> {
        let Value::Table(table) = &self.node.value else {
            return Err(Fault::value(format!("must be a table with {}", known.join(", "))));
        };
        self.note_unknown(table, known);
        Ok(self.entries(table, Some(known.iter().map(|key| (*key).to_owned()).collect())))
    }

    fn note_unknown(&self, table: &Table, known: &[&str]) {
        let strangers = table.keys().filter(|key| !known.contains(&key.as_str()));
        let found = strangers.map(|key| (self.below(key), unknown(key, known)));
        self.notes.unknown.borrow_mut().extend(found);
    }

    fn entries(&self, table: &'a Table, known: Option<BTreeSet<String>>) -> Entries<'a> {
        Entries { of: self.clone(), left: table.iter(), known, value: None }
    }

    /// The one entry of a table that says which variant was chosen.
    fn chosen(&self, table: &'a Table, variants: &'static [&'static str]) -> Result<Chosen<'a>, Fault> {
        let known: Vec<_> = table.iter().filter(|(key, _)| variants.contains(&key.as_str())).collect();
        if let [(key, entry)] = known.as_slice() {
            self.note_unknown(table, variants);
            return Ok(Chosen { name: key, content: self.child(key, &entry.node), bare: false });
        }
        if let (0, Some((key, _))) = (known.len(), table.first_key_value()) {
            return Err(Fault::choice(self.below(key), key, variants));
        }
        Err(Fault::value(format!("must have exactly one of {}", variants.join(", "))))
    }
}

/// Methods for the kinds of whole numbers, which differ in nothing but the kind.
macro_rules! whole_numbers {
    ($($deserialize:ident $visit:ident $kind:ty),*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            if let Value::StandIn(number) = self.node.value {
                return self.located(|_| StandIn(number).$deserialize(visitor));
            }
            self.located(|reader| visitor.$visit(reader.whole(<$kind>::MIN.into(), <$kind>::MAX.into())?))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    whole_numbers! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i64 visit_i64 i64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.located(|reader| match &reader.node.value {
            Value::Text(text) | Value::Word(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i128(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Moment => Err(Fault::invalid_type(Unexpected::Other("date"), &visitor)),
            Value::List(items) => {
                visitor.visit_seq(Items { of: reader.clone(), left: items.iter(), index: 0 })
            }
            Value::Table(table) => visitor.visit_map(reader.entries(table, None)),
            Value::StandIn(number) => StandIn(*number).deserialize_any(visitor),
        })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.located(|reader| match &reader.node.value {
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Word(word) if word == "true" || word == "false" => visitor.visit_bool(word == "true"),
            Value::StandIn(number) => StandIn(*number).deserialize_bool(visitor),
            _ => Err(Fault::value("must be true or false")),
        })
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.located(|reader| match reader.node.value {
            Value::StandIn(number) => StandIn(number).deserialize_f64(visitor),
            _ => visitor.visit_f64(reader.fraction()?),
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.located(|reader| match reader.node.value {
            Value::StandIn(number) => StandIn(number).deserialize_str(visitor),
            _ => visitor.visit_borrowed_str(reader.text()?),
        })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::StandIn(number) => self.located(|_| StandIn(number).deserialize_option(visitor)),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.located(|reader| visitor.visit_newtype_struct(reader.clone()))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.located(|reader| match &reader.node.value {
            Value::List(items) => {
                visitor.visit_seq(Items { of: reader.clone(), left: items.iter(), index: 0 })
            }
            Value::StandIn(number) => StandIn(*number).deserialize_seq(visitor),
            _ => Err(Fault::value("must be a list in square brackets")),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.located(|reader| match &reader.node.value {
            Value::Table(table) => visitor.visit_map(reader.entries(table, None)),
            Value::StandIn(number) => StandIn(*number).deserialize_map(visitor),
            _ => Err(Fault::value("must be a table")),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.located(|reader| match &reader.node.value {
            Value::StandIn(number) => StandIn(*number).deserialize_struct(name, fields, visitor),
            _ => visitor.visit_map(reader.known_entries(fields)?),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == SECRET {
            self.notes.secrets.borrow_mut().insert(self.path.clone());
        }
        self.located(|reader| match &reader.node.value {
            Value::StandIn(number) => StandIn(*number).deserialize_enum(name, variants, visitor),
            Value::Table(table) => visitor.visit_enum(reader.chosen(table, variants)?),
            Value::Text(word) | Value::Word(word) if name != SECRET => {
                visitor.visit_enum(Chosen { name: word, content: reader.clone(), bare: true })
            }
            _ if name == SECRET => Err(Fault::value(
                "must say where the secret is kept, { file = \"...\" } or { env = \"...\" }, never the secret itself",
            )),
            _ => Err(Fault::unknown_variant("", variants)),
        })
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'a> {
    of: Reader<'a>,
    left: slice::Iter<'a, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.left.next() else { return Ok(None) };
        let item = self.of.child(&self.index.to_string(), node);
        self.index += 1;
        item.located(|item| seed.deserialize(item.clone())).map(Some)
    }
}

struct Entries<'a> {
    of: Reader<'a>,
    left: btree_map::Iter<'a, String, Entry>,
    /// The keys to read; all of them when there is no such list.
    known: Option<BTreeSet<String>>,
    value: Option<Reader<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let known = self.known.as_ref();
        let Some((key, entry)) = self.left.find(|(key, _)| known.is_none_or(|known| known.contains(*key)))
        else {
            return Ok(None);
        };
        self.value = Some(self.of.child(key, &entry.node));
        let read = if entry.key_refused {
            seed.deserialize(StandIn(0))
        } else {
            seed.deserialize(BorrowedStrDeserializer::new(key))
        };
        read.map(Some).map_err(|fault: Fault| fault.of_key(self.of.below(key)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let value = self.value.take().ok_or_else(|| Fault::value("has a value without a key"))?;
        value.located(|value| seed.deserialize(value.clone()))
    }
}

/// The chosen variant and what is written about it: the table under its name, or `bare`, nothing but the name.
struct Chosen<'a> {
    name: &'a str,
    content: Reader<'a>,
    bare: bool,
}

impl<'de> EnumAccess<'de> for Chosen<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> Chosen<'de> {
    fn content(self) -> Result<Reader<'de>, Fault> {
        if self.bare {
            return Err(Fault::value(format!("must be a table with the key {}", self.name)));
        }
        Ok(self.content)
    }
}

impl<'de> VariantAccess<'de> for Chosen<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.bare { Ok(()) } else { Err(Fault::value(format!("must be {:?} without a table", self.name))) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.content()?.located(|content| seed.deserialize(content.clone()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}

fn integer_in(word: &str) -> Option<i128> {
    let parsed = DeValue::parse(word).ok()?;
    let number = parsed.get_ref().as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}
