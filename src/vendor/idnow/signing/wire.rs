//! IDnow's JSON about documents. Unknown members are passed over, missing ones and nulls are `None`.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::document::{DefinitionId, DefinitionName, DocumentName};
use crate::model::name::{ConnectionId, IdentificationName};
use crate::proto::{Document, DocumentDefinition, DocumentState, ViewPolicy};
use crate::vendor::kit::printable;

/// A definition as IDnow takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutDefinitionBody<'a> {
    optional: bool,
    name: &'a str,
    identifier: &'a str,
    mime_type: &'a str,
    sort_order: i32,
    /// IDnow shows it and does not document that it can be set: sent only when it is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_policy: Option<&'static str>,
}

/// Another name of a document. The old contract also has `version` and `signatures`, which it does not require.
#[derive(Serialize)]
pub(super) struct RenameBody<'a> {
    pub(super) name: &'a str,
}

/// A definition as IDnow shows it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DefinitionBody {
    optional: Option<bool>,
    name: Option<String>,
    identifier: Option<String>,
    mime_type: Option<String>,
    sort_order: Option<i32>,
    view_policy: Option<String>,
}

/// A document as IDnow shows it. One that was not uploaded has no hashes.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DocumentBody {
    name: Option<String>,
    hash: Option<String>,
    display_hash: Option<String>,
    status: Option<String>,
    document_definition: Option<DefinitionBody>,
}

/// One or several: IDnow has shown a single document in a list.
pub(super) struct Several<T>(pub(super) Vec<T>);

impl<'a> PutDefinitionBody<'a> {
    pub(super) fn new(id: &'a DefinitionId, definition: &'a DocumentDefinition) -> Self {
        Self {
            optional: definition.optional,
            name: &definition.display_name,
            identifier: id.as_str(),
            mime_type: &definition.media_type,
            sort_order: definition.sort_order,
            view_policy: match definition.view_policy() {
                ViewPolicy::Unspecified => None,
                ViewPolicy::Default => Some("DEFAULT"),
                ViewPolicy::Scroll => Some("SCROLL"),
            },
        }
    }
}

impl DefinitionBody {
    /// Whether it is one at all: every definition has an identifier.
    pub(super) fn is_one(&self) -> bool {
        self.identifier.is_some()
    }

    /// The id, unless it is one that no name can hold.
    pub(super) fn id(&self) -> Option<DefinitionId> {
        self.identifier.as_ref()?.parse().ok()
    }

    pub(super) fn read(self, connection: &ConnectionId, id: DefinitionId) -> DocumentDefinition {
        let view_policy = match self.view_policy.as_deref() {
            Some("DEFAULT") => ViewPolicy::Default,
            Some("SCROLL") => ViewPolicy::Scroll,
            _ => ViewPolicy::Unspecified,
        };
        DocumentDefinition {
            name: DefinitionName { connection: connection.clone(), id }.to_string(),
            display_name: self.name.unwrap_or_default(),
            optional: self.optional.unwrap_or_default(),
            media_type: self.mime_type.unwrap_or_default(),
            sort_order: self.sort_order.unwrap_or_default(),
            view_policy: view_policy.into(),
        }
    }
}

impl DocumentBody {
    /// Whether it is one at all: every document has a status.
    pub(super) fn is_one(&self) -> bool {
        self.status.is_some()
    }

    /// The id of its definition, unless it is one that no name can hold.
    pub(super) fn id(&self) -> Option<DefinitionId> {
        self.document_definition.as_ref()?.id()
    }

    pub(super) fn read(self, identification: &IdentificationName, definition: DefinitionId) -> Document {
        let state = match self.status.as_deref() {
            Some("NEED_UPLOAD") => DocumentState::AwaitingUpload,
            Some("UPLOADED") => DocumentState::Uploaded,
            Some("SIGNED") => DocumentState::Signed,
            _ => DocumentState::Unspecified,
        };
        let connection = &identification.connection;
        let described = self.document_definition.map(|body| body.read(connection, definition.clone()));
        let name = DocumentName { identification: identification.clone(), definition };
        Document {
            name: name.to_string(),
            display_name: self.name.unwrap_or_default(),
            state: state.into(),
            sha256: self.hash.as_deref().and_then(sha256).map(Vec::from).unwrap_or_default(),
            display_fingerprint: self.display_hash.filter(|hash| printable(hash)).unwrap_or_default(),
            definition: described,
        }
    }
}

fn sha256(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SeveralVisitor(std::marker::PhantomData))
    }
}

struct SeveralVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SeveralVisitor<T> {
    type Value = Several<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one, or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Several<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| Several(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Several<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = sequence.next_element()? {
            all.push(one);
        }
        Ok(Several(all))
    }
}
