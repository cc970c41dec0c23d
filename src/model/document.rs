//! Documents to be signed: their names, and requests about them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::error::Result;
use crate::model::name::{ConnectionId, IdentificationName, NameError};
use crate::model::validate::Checks;
use crate::proto::{
    CreateDocumentDefinitionRequest, DocumentDefinition, UpdateDocumentDefinitionRequest,
    UpdateDocumentRequest, ViewPolicy,
};

/// The only kind of file that can be signed.
pub const PDF: &str = "application/pdf";
/// Largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: u64 = 50 << 20;

const CREATE: &str = "create_document_definition";
const UPDATE: &str = "update_document_definition";
const UPDATE_DOCUMENT: &str = "update_document";
const DISPLAY_NAME: &str = "display_name";
const MAX_DISPLAY_NAME: usize = 255;
/// Fields of a definition that an update may change.
const FIELDS: [&str; 5] = [DISPLAY_NAME, "optional", "media_type", "sort_order", "view_policy"];

/// What a connection calls one of its definitions: `[a-z0-9_-]{1,128}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DefinitionId(String);

/// `connections/{connection}/documentDefinitions/{definition}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// The last part.
    pub id: DefinitionId,
}

/// `connections/{connection}/identifications/{uuid}/documents/{definition}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentName {
    /// Whose document it is.
    pub identification: IdentificationName,
    /// The definition it answers to.
    pub definition: DefinitionId,
}

/// Make a definition.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateDefinition {
    /// Its name.
    pub name: DefinitionName,
    /// What it says, complete.
    pub definition: DocumentDefinition,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Change a definition.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateDefinition {
    /// Its name.
    pub name: DefinitionName,
    values: DocumentDefinition,
    fields: BTreeSet<&'static str>,
}

/// Give a document another display name.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateDocument {
    /// Its name.
    pub name: DocumentName,
    /// 1 to 255 characters.
    pub display_name: String,
}

impl CreateDefinition {
    /// Parses a request.
    pub fn parse(request: CreateDocumentDefinitionRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let connection = checks.connection("parent", &request.parent);
        let id = request.document_definition_id;
        if !is_new_id(&id) {
            let expected = "must be 1 to 128 of a-z and 0-9, in words joined by one _ or - each";
            checks.refuse("document_definition_id", expected);
        }
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        let Some(said) = request.document_definition else {
            checks.refuse("document_definition", "is required");
            return Err(checks.refused(CREATE));
        };
        let definition = complete(said);
        check(&definition, &mut checks);
        let Some(connection) = connection else { return Err(checks.refused(CREATE)) };
        let name = DefinitionName { connection, id: DefinitionId(id) };
        if !definition.name.is_empty() && definition.name != name.to_string() {
            checks.refuse("document_definition.name", "must be the name that is being made, or empty");
        }
        checks.finish(CREATE)?;
        Ok(Self { definition: DocumentDefinition { name: name.to_string(), ..definition }, name, request_id })
    }
}

impl UpdateDefinition {
    /// Parses a request. Without a mask, the fields that are set are meant.
    pub fn parse(request: UpdateDocumentDefinitionRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let Some(values) = request.document_definition else {
            checks.refuse("document_definition", "is required");
            return Err(checks.refused(UPDATE));
        };
        let name = checks.parse("document_definition.name", &values.name);
        let paths = request.update_mask.map(|mask| mask.paths).unwrap_or_default();
        let fields = match paths.as_slice() {
            [] => set_fields(&values),
            [all] if all == "*" => FIELDS.into(),
            paths => {
                let known = |path: &String| FIELDS.into_iter().find(|field| field == path);
                if paths.iter().any(|path| known(path).is_none()) {
                    checks.refuse("update_mask", format!("must be \"*\" or some of: {}", FIELDS.join(", ")));
                }
                paths.iter().filter_map(known).collect()
            }
        };
        let values = if fields.contains("media_type") { complete(values) } else { values };
        check_fields(&values, &fields, &mut checks);
        let Some(name) = name else { return Err(checks.refused(UPDATE)) };
        checks.finish(UPDATE)?;
        Ok(Self { name, values, fields })
    }

    /// `present` after the change.
    pub fn apply(&self, present: &DocumentDefinition) -> DocumentDefinition {
        let mut after = present.clone();
        let values = &self.values;
        for field in &self.fields {
            match *field {
                DISPLAY_NAME => after.display_name.clone_from(&values.display_name),
                "optional" => after.optional = values.optional,
                "media_type" => after.media_type.clone_from(&values.media_type),
                "sort_order" => after.sort_order = values.sort_order,
                _ => after.view_policy = values.view_policy,
            }
        }
        after
    }
}

impl UpdateDocument {
    /// Parses a request. The display name is all that can be changed.
    pub fn parse(request: UpdateDocumentRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let Some(values) = request.document else {
            checks.refuse("document", "is required");
            return Err(checks.refused(UPDATE_DOCUMENT));
        };
        let name = checks.parse("document.name", &values.name);
        let paths = request.update_mask.map(|mask| mask.paths).unwrap_or_default();
        if !matches!(paths.as_slice(), [] | [_])
            || paths.iter().any(|path| path != "*" && path != DISPLAY_NAME)
        {
            checks.refuse("update_mask", format!("must be \"*\", \"{DISPLAY_NAME}\" or empty"));
        }
        check_display_name("document.display_name", &values.display_name, &mut checks);
        let Some(name) = name else { return Err(checks.refused(UPDATE_DOCUMENT)) };
        checks.finish(UPDATE_DOCUMENT)?;
        Ok(Self { name, display_name: values.display_name })
    }
}

/// The definition with the kind of file that is meant when none is named.
fn complete(mut definition: DocumentDefinition) -> DocumentDefinition {
    if definition.media_type.is_empty() {
        PDF.clone_into(&mut definition.media_type);
    }
    definition
}

fn check(definition: &DocumentDefinition, checks: &mut Checks) {
    check_fields(definition, &FIELDS.into(), checks);
}

fn check_fields(definition: &DocumentDefinition, fields: &BTreeSet<&str>, checks: &mut Checks) {
    if fields.contains(DISPLAY_NAME) {
        check_display_name("document_definition.display_name", &definition.display_name, checks);
    }
    if fields.contains("media_type") && definition.media_type != PDF {
        checks.refuse("document_definition.media_type", format!("must be \"{PDF}\" or empty"));
    }
    if fields.contains("sort_order") && definition.sort_order < 0 {
        checks.refuse("document_definition.sort_order", "must not be negative");
    }
    if fields.contains("view_policy") && ViewPolicy::try_from(definition.view_policy).is_err() {
        checks.refuse("document_definition.view_policy", "is not a value this gateway knows");
    }
}

fn check_display_name(field: &str, display_name: &str, checks: &mut Checks) {
    if display_name.is_empty() {
        checks.refuse(field, "must be 1 to 255 characters");
    }
    checks.text(field, display_name, MAX_DISPLAY_NAME);
}

fn set_fields(values: &DocumentDefinition) -> BTreeSet<&'static str> {
    let set = [
        !values.display_name.is_empty(),
        values.optional,
        !values.media_type.is_empty(),
        values.sort_order != 0,
        values.view_policy != 0,
    ];
    FIELDS.into_iter().zip(set).filter_map(|(field, set)| set.then_some(field)).collect()
}

/// What the contract lets callers choose, which is narrower than what vendors have: `[a-z0-9]+([_-][a-z0-9]+)*`.
fn is_new_id(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 128 && text.split(['_', '-']).all(word)
}

impl DefinitionId {
    /// The id as the vendor knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DefinitionId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError("must be 1 to 128 of a-z, 0-9, _ and -"))
    }
}

impl FromStr for DefinitionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let expected = "must be connections/{connection}/documentDefinitions/{definition}, the last of a-z, 0-9, _ and -";
        let parse = || {
            let (connection, id) = text.split_once("/documentDefinitions/")?;
            Some(Self { connection: ConnectionId::from_name(connection).ok()?, id: id.parse().ok()? })
        };
        parse().ok_or(NameError(expected))
    }
}

impl FromStr for DocumentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let expected = "must be connections/{connection}/identifications/{uuid}/documents/{definition}, the last of a-z, 0-9, _ and -";
        let parse = || {
            let (identification, definition) = text.split_once("/documents/")?;
            Some(Self { identification: identification.parse().ok()?, definition: definition.parse().ok()? })
        };
        parse().ok_or(NameError(expected))
    }
}

impl fmt::Display for DefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DefinitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/documentDefinitions/{}", self.connection.name(), self.id)
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/documents/{}", self.identification, self.definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Document;

    #[test]
    fn an_id_of_a_callers_own_is_narrower_than_one_of_the_vendors() {
        for (text, new, known) in [
            ("contract", true, true),
            ("loan_2026-v1", true, true),
            ("7", true, true),
            ("_contract", false, true),
            ("a--b", false, true),
            ("a_", false, true),
            ("", false, false),
            ("Contract", false, false),
            ("a.b", false, false),
            ("..", false, false),
            ("a/b", false, false),
            ("ä", false, false),
        ] {
            assert_eq!(is_new_id(text), new, "{text}");
            assert_eq!(text.parse::<DefinitionId>().is_ok(), known, "{text}");
        }
        assert!(!is_new_id(&"a".repeat(129)) && is_new_id(&"a".repeat(128)));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let definition = "connections/bank/documentDefinitions/loan_1";
        assert_eq!(definition.parse::<DefinitionName>().unwrap().to_string(), definition);
        let document =
            "connections/bank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811/documents/loan_1";
        assert_eq!(document.parse::<DocumentName>().unwrap().to_string(), document);
        for wrong in [
            "",
            "connections/bank",
            &definition[1..],
            &format!("{definition}/x"),
            &format!("{document}/documents/a"),
        ] {
            assert!(
                wrong.parse::<DefinitionName>().is_err() && wrong.parse::<DocumentName>().is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_update_touches_what_it_names() {
        let present = DocumentDefinition {
            name: "connections/bank/documentDefinitions/loan".into(),
            display_name: "Loan".into(),
            optional: true,
            media_type: PDF.into(),
            sort_order: 3,
            view_policy: ViewPolicy::Scroll.into(),
        };
        let said = DocumentDefinition {
            display_name: "Credit".into(),
            name: present.name.clone(),
            ..Default::default()
        };
        let update = |paths: &[&str]| {
            let paths = paths.iter().map(|&path| path.to_owned()).collect();
            let request = UpdateDocumentDefinitionRequest {
                document_definition: Some(said.clone()),
                update_mask: Some(prost_types::FieldMask { paths }),
            };
            UpdateDefinition::parse(request).map(|update| update.apply(&present))
        };
        let named = DocumentDefinition { display_name: "Credit".into(), ..present.clone() };
        assert_eq!(update(&[]).unwrap(), named);
        assert_eq!(update(&["display_name"]).unwrap(), named);
        assert_eq!(update(&["optional"]).unwrap(), DocumentDefinition { optional: false, ..present.clone() });
        let all = DocumentDefinition { media_type: PDF.into(), ..said.clone() };
        assert_eq!(update(&["*"]).unwrap(), all);
        let refused = update(&["name"]).unwrap_err();
        assert_eq!(refused.violations[0].field, "update_mask");
    }

    #[test]
    fn a_document_has_one_thing_to_change() {
        let update = |name: &str, display_name: &str, paths: &[&str]| {
            let document = Document {
                name: name.to_owned(),
                display_name: display_name.to_owned(),
                ..Document::default()
            };
            let paths = paths.iter().map(|&path| path.to_owned()).collect();
            UpdateDocument::parse(UpdateDocumentRequest {
                document: Some(document),
                update_mask: Some(prost_types::FieldMask { paths }),
            })
        };
        let name = "connections/bank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811/documents/loan_1";
        for paths in [&[][..], &["*"], &["display_name"]] {
            let update = update(name, "Loan", paths).unwrap();
            assert_eq!((update.name.to_string().as_str(), update.display_name.as_str()), (name, "Loan"));
        }
        let long = "ä".repeat(256);
        for (name, display_name, paths, field) in [
            ("loan_1", "Loan", &[][..], "document.name"),
            (name, "", &[], "document.display_name"),
            (name, "a\nb", &[], "document.display_name"),
            (name, &long, &[], "document.display_name"),
            (name, "Loan", &["state"], "update_mask"),
            (name, "Loan", &["display_name", "state"], "update_mask"),
            (name, "Loan", &["*", "display_name"], "update_mask"),
        ] {
            let refused = update(name, display_name, paths).unwrap_err();
            assert_eq!(refused.violations[0].field, field);
            assert_eq!(refused.violations.len(), 1, "{field}");
        }
        let nothing = UpdateDocument::parse(UpdateDocumentRequest::default()).unwrap_err();
        assert_eq!(nothing.violations[0].field, "document");
    }
}
