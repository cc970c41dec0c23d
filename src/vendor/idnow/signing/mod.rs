//! Documents that people sign: IDnow's eSign.

pub(super) mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result, Violation};
use crate::model::document::{DefinitionId, DocumentName, MAX_DOCUMENT_BYTES, PDF};
use crate::proto::{AutoIdentSpec, Document, DocumentDefinition, Subject, VendorReference};
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::api::misbuilt;
use crate::vendor::idnow::fault::Refused;
use crate::vendor::idnow::files::config::FileSettings;
use crate::vendor::idnow::identification::address;
use crate::vendor::idnow::signing::config::{PersonNames, SigningSettings, TrustService};
use crate::vendor::idnow::signing::wire::{
    DefinitionBody, DocumentBody, PutDefinitionBody, RenameBody, Several,
};
use crate::vendor::kit::http::{Answer, Call, Opened};
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::spool::{Spool, Spools};
use crate::vendor::kit::url::{Alphabet, PathTemplate, Segment, Target, UrlError};
use crate::vendor::{
    GetDocument, ListDocuments, PutDefinition, RenameDocument, Signing, SigningLimits, Upload, UploadDefault,
};

const LIST_DEFINITIONS: &str = "idnow.list_document_definitions";
const GET_DEFINITION: &str = "idnow.get_document_definition";
pub(super) const CREATE_DEFINITION: &str = "idnow.create_document_definition";
pub(super) const UPDATE_DEFINITION: &str = "idnow.update_document_definition";
const DELETE_DEFINITION: &str = "idnow.delete_document_definition";
pub(super) const UPLOAD_DEFAULT: &str = "idnow.upload_default_document";
const GET_DEFAULT: &str = "idnow.get_default_document";
pub(super) const UPLOAD: &str = "idnow.upload_document";
const LIST_DOCUMENTS: &str = "idnow.list_documents";
const GET_DOCUMENT: &str = "idnow.get_document";
const UPDATE_DOCUMENT: &str = "idnow.update_document";
const GET_SIGNED: &str = "idnow.get_signed_document";

const DEFINITION: Alphabet = Alphabet::letters_digits_and("-_", 128);
/// Signatures and certificates make a document larger than what was uploaded.
const MAX_FILE_BYTES: u64 = 2 * MAX_DOCUMENT_BYTES;

/// A file on its way.
type Pieces = BoxStream<'static, Result<Bytes>>;

/// What documents of one account are handled with.
#[derive(Debug)]
pub(super) struct SigningRoom {
    settings: SigningSettings,
    spools: Spools,
    paths: Paths,
}

#[derive(Debug)]
struct Paths {
    definitions: PathTemplate,
    definition: PathTemplate,
    default: PathTemplate,
    documents: PathTemplate,
    document: PathTemplate,
    data: PathTemplate,
    signed: PathTemplate,
}

impl SigningRoom {
    pub(super) fn new(settings: &SigningSettings, files: &FileSettings, clock: Clock) -> Result<Self> {
        let path = |text: &str| {
            PathTemplate::parse(&format!("/api/v1/{{customer}}/{text}"))
                .map_err(|error| misbuilt("idnow.build", error))
        };
        Ok(Self {
            settings: settings.clone(),
            spools: Spools::new(clock, files.directory(), MAX_DOCUMENT_BYTES, files.max_open),
            paths: Paths {
                definitions: path("documentdefinitions")?,
                definition: path("documentdefinitions/{id}")?,
                default: path("documentdefinitions/{id}/data")?,
                documents: path("identifications/{t}/documents")?,
                document: path("identifications/{t}/documents/{id}")?,
                data: path("identifications/{t}/documents/{id}/data")?,
                signed: path("identifications/{t}/documents/{id}/signed")?,
            },
        })
    }

    /// What of a person to be identified would stop them from signing.
    pub(super) fn check(&self, subject: &Subject, spec: &AutoIdentSpec) -> Vec<Violation> {
        let mut violations = Vec::new();
        let names =
            [("subject.given_name", &subject.given_name), ("subject.family_name", &subject.family_name)];
        let odd = |name: &str| !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        if self.settings.person_names == PersonNames::AsciiLetters {
            for (field, _name) in names.into_iter().filter(|(_, name)| odd(name)) {
                violations.push(Violation::new(field, "must be of A-Z, a-z and hyphen on this connection"));
            }
        }
        if self.settings.trust_service == TrustService::Namirial {
            let phone = subject.phone.as_ref().map_or("", |phone| &phone.e164);
            let needed = [
                ("subject.phone.e164", phone),
                ("spec.auto_ident.signing_language_code", &spec.signing_language_code),
            ];
            for (field, _empty) in needed.into_iter().filter(|(_, value)| value.is_empty()) {
                violations
                    .push(Violation::new(field, "is required on this connection, to sign with Namirial"));
            }
        }
        violations
    }
}

impl Idnow {
    /// Asks for something of a definition or of all.
    async fn on_definition(
        &self,
        operation: &'static str,
        method: Method,
        id: Option<&DefinitionId>,
        put: Option<&PutDefinition<'_>>,
    ) -> Result<Option<Answer>> {
        let segment = id.map(|id| definition(operation, id)).transpose()?;
        let target = match &segment {
            Some(segment) => {
                self.api.target(operation, &self.signing.paths.definition, &[("id", segment)])?
            }
            None => self.api.target(operation, &self.signing.paths.definitions, &[])?,
        };
        // The same identifier names the same definition, however often it is sent.
        let mut call = Call::new(operation, method, target).repeat(Repeat::Freely);
        if let Some(put) = put {
            call = call.json(&PutDefinitionBody::new(put.id, put.definition))?;
        }
        let answer = self.api.session.call(call).await?;
        match Refused::read(&answer) {
            None => Ok(Some(answer)),
            Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
        }
    }

    /// Sends a file, and gives what the vendor says against it.
    async fn send_file(
        &self,
        operation: &'static str,
        target: Target,
        content: Arc<Spool>,
    ) -> Result<Option<(Refused, Answer)>> {
        // The same place takes the same file, however often it is sent.
        let call = Call::new(operation, Method::POST, target).repeat(Repeat::Freely);
        let answer = self.api.session.call(call.file(PDF, content)).await?;
        match Refused::read(&answer) {
            Some(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = "the vendor finds the document too large";
                Err(refused.as_kind(&answer, Kind::DocumentTooLarge, detail))
            }
            Some(refused) => Ok(Some((refused, answer))),
            None => answer.done().map(|()| None),
        }
    }

    /// Opens a file, or gives what the vendor says instead.
    async fn open_file(
        &self,
        operation: &'static str,
        target: Target,
    ) -> Result<Result<Pieces, (Refused, Answer)>> {
        let call = Call::new(operation, Method::GET, target).accept_any();
        let answer = match self.api.session.open(call).await? {
            Opened::File(file) => return Ok(Ok(bounded(operation, file.pieces))),
            Opened::Answer(answer) => answer,
        };
        match Refused::read(&answer) {
            None => Err(answer.invalid("is no file")),
            Some(refused) => Ok(Err((refused, answer))),
        }
    }

    /// Asks for one document or all of an identification.
    async fn look_at(
        &self,
        operation: &'static str,
        path: &PathTemplate,
        places: &[(&str, &Segment)],
    ) -> Result<Option<(Vec<DocumentBody>, Answer)>> {
        let target = self.api.target(operation, path, places)?;
        let answer = self.api.session.call(Call::new(operation, Method::GET, target)).await?;
        match Refused::read(&answer) {
            None => Ok(Some((several(&answer, DocumentBody::is_one)?, answer))),
            Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
        }
    }
}

#[async_trait]
impl Signing for Idnow {
    fn limits(&self) -> SigningLimits {
        self.signing.settings.limits()
    }

    fn spools(&self) -> &Spools {
        &self.signing.spools
    }

    async fn definitions(&self) -> Result<Vec<DocumentDefinition>> {
        let answer = self.on_definition(LIST_DEFINITIONS, Method::GET, None, None).await?;
        let Some(answer) = answer else { return Ok(Vec::new()) };
        let read = |body: DefinitionBody| {
            let id = body.id()?;
            Some(body.read(&self.account.connection, id))
        };
        let bodies = several(&answer, DefinitionBody::is_one)?;
        Ok(bodies.into_iter().filter_map(read).collect())
    }

    async fn definition(&self, id: &DefinitionId) -> Result<Option<DocumentDefinition>> {
        let answer = self.on_definition(GET_DEFINITION, Method::GET, Some(id), None).await?;
        let Some(answer) = answer else { return Ok(None) };
        let body = answer.json::<DefinitionBody>()?;
        if body.id().as_ref() != Some(id) {
            return Err(answer.invalid("is about another definition"));
        }
        Ok(Some(body.read(&self.account.connection, id.clone())))
    }

    async fn create_definition(&self, put: PutDefinition<'_>) -> Result<()> {
        let made = self.on_definition(CREATE_DEFINITION, Method::POST, None, Some(&put)).await;
        let made = made.map_err(|error| match error.kind {
            Kind::VendorConflict => {
                let detail = "the vendor has a definition of this name".to_owned();
                Error { kind: Kind::ResourceExists, detail, ..error }
            }
            _ => error,
        });
        match made? {
            Some(answer) => answer.done(),
            None => {
                let detail = "the vendor does not know where definitions are made";
                Err(Error::new(Kind::VendorRejectedRequest, CREATE_DEFINITION, detail))
            }
        }
    }

    async fn update_definition(&self, put: PutDefinition<'_>) -> Result<Option<()>> {
        let answer = self.on_definition(UPDATE_DEFINITION, Method::POST, Some(put.id), Some(&put)).await?;
        answer.map(|answer| answer.done()).transpose()
    }

    async fn delete_definition(&self, id: &DefinitionId) -> Result<Option<()>> {
        let answer = self.on_definition(DELETE_DEFINITION, Method::DELETE, Some(id), None).await?;
        answer.map(|answer| answer.done()).transpose()
    }

    async fn upload_default(&self, upload: UploadDefault<'_>) -> Result<Option<()>> {
        let id = definition(UPLOAD_DEFAULT, upload.id)?;
        let target = self.api.target(UPLOAD_DEFAULT, &self.signing.paths.default, &[("id", &id)])?;
        match self.send_file(UPLOAD_DEFAULT, target, upload.content).await? {
            None => Ok(Some(())),
            Some((refused, answer)) => refused.nothing_or_error(&answer).map(|()| None),
        }
    }

    async fn open_default(&self, id: &DefinitionId) -> Result<Option<Pieces>> {
        let id = definition(GET_DEFAULT, id)?;
        let target = self.api.target(GET_DEFAULT, &self.signing.paths.default, &[("id", &id)])?;
        match self.open_file(GET_DEFAULT, target).await? {
            Ok(pieces) => Ok(Some(pieces)),
            Err((refused, answer)) => refused.nothing_or_error(&answer).map(|()| None),
        }
    }

    async fn upload(&self, upload: Upload<'_>) -> Result<()> {
        let (number, id) = places(UPLOAD, upload.reference, upload.name)?;
        let target = self.api.target(UPLOAD, &self.signing.paths.data, &[("t", &number), ("id", &id)])?;
        let sent = self.send_file(UPLOAD, target, upload.content).await?;
        let Some((refused, answer)) = sent else { return Ok(()) };
        Err(match refused.status() {
            // The same refusal stands for an account that signs nothing: asked for the definition, it says so.
            StatusCode::PRECONDITION_FAILED => match self.definition(&upload.name.definition).await? {
                Some(_not_what_is_missing) => refused.error(&answer),
                None => {
                    let detail = "the vendor account has no definition for this document";
                    refused.as_kind(&answer, Kind::DocumentDefinitionMissing, detail)
                }
            },
            StatusCode::CONFLICT => {
                let detail = "the vendor takes no more documents for this identification";
                refused.as_kind(&answer, Kind::IdentificationCompleted, detail)
            }
            _ => refused.nothing_or_error(&answer).err().unwrap_or_else(|| {
                let detail = "the vendor does not know the identification or the definition";
                refused.as_kind(&answer, Kind::ResourceNotFound, detail)
            }),
        })
    }

    async fn documents(&self, list: ListDocuments<'_>) -> Result<Option<Vec<Document>>> {
        let number = address(list.reference)?;
        let path = &self.signing.paths.documents;
        let found = self.look_at(LIST_DOCUMENTS, path, &[("t", &number)]).await?;
        let Some((bodies, _answer)) = found else { return Ok(None) };
        let read = |body: DocumentBody| {
            let id = body.id()?;
            Some(body.read(list.name, id))
        };
        Ok(Some(bodies.into_iter().filter_map(read).collect()))
    }

    async fn document(&self, get: GetDocument<'_>) -> Result<Option<Document>> {
        let (number, id) = places(GET_DOCUMENT, get.reference, get.name)?;
        let path = &self.signing.paths.document;
        let found = self.look_at(GET_DOCUMENT, path, &[("t", &number), ("id", &id)]).await?;
        let Some((bodies, answer)) = found else { return Ok(None) };
        let asked = &get.name.definition;
        // One that does not say which definition it answers to is the one that was asked for.
        let mut fitting = bodies.into_iter().filter(|body| body.id().is_none_or(|id| id == *asked));
        let body = fitting.next().ok_or_else(|| answer.invalid("is about another document"))?;
        Ok(Some(body.read(&get.name.identification, asked.clone())))
    }

    async fn rename(&self, rename: RenameDocument<'_>) -> Result<Option<()>> {
        let (number, id) = places(UPDATE_DOCUMENT, rename.reference, rename.name)?;
        let path = &self.signing.paths.document;
        let target = self.api.target(UPDATE_DOCUMENT, path, &[("t", &number), ("id", &id)])?;
        // The same name, however often it is sent.
        let call = Call::new(UPDATE_DOCUMENT, Method::POST, target).repeat(Repeat::Freely);
        let answer = self.api.session.call(call.json(&RenameBody { name: rename.display_name })?).await?;
        match Refused::read(&answer) {
            None => answer.done().map(Some),
            Some(refused) if refused.is_about("name") => {
                Err(refused.of_field(&answer, "document.display_name"))
            }
            Some(refused) if refused.is_conflict() => {
                let detail = "the vendor takes no other name for a document of this identification";
                Err(refused.as_kind(&answer, Kind::IdentificationCompleted, detail))
            }
            Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
        }
    }

    async fn open_signed(&self, get: GetDocument<'_>) -> Result<Option<Pieces>> {
        let (number, id) = places(GET_SIGNED, get.reference, get.name)?;
        let path = &self.signing.paths.signed;
        let target = self.api.target(GET_SIGNED, path, &[("t", &number), ("id", &id)])?;
        match self.open_file(GET_SIGNED, target).await? {
            Ok(pieces) => Ok(Some(pieces)),
            Err((refused, answer)) if refused.is_about("document") => {
                let detail = "the document has not been signed yet";
                Err(refused.as_kind(&answer, Kind::DocumentNotSigned, detail))
            }
            Err((refused, answer)) => refused.nothing_or_error(&answer).map(|()| None),
        }
    }
}

/// One, or a list. An odd one costs itself alone; an answer of nothing else is about something else.
fn several<T: DeserializeOwned>(answer: &Answer, is_one: fn(&T) -> bool) -> Result<Vec<T>> {
    let Several(all) = answer.json()?;
    if all.is_empty() || all.iter().any(is_one) {
        Ok(all)
    } else {
        Err(answer.invalid("is about something else"))
    }
}

/// The pieces of a file, as long as it is no larger than a signed document can be.
fn bounded(operation: &'static str, pieces: Pieces) -> Pieces {
    let mut left = MAX_FILE_BYTES;
    let counted = move |piece: Result<Bytes>| {
        let piece = piece?;
        left = left.checked_sub(piece.len() as u64).ok_or_else(|| {
            Error::new(Kind::VendorResponseInvalid, operation, "the vendor's file is too large")
        })?;
        Ok(piece)
    };
    pieces.map(counted).boxed()
}

fn places(
    operation: &'static str,
    reference: &VendorReference,
    name: &DocumentName,
) -> Result<(Segment, Segment)> {
    Ok((address(reference)?, definition(operation, &name.definition)?))
}

fn definition(operation: &'static str, id: &DefinitionId) -> Result<Segment> {
    DEFINITION.segment(id.as_str()).map_err(|error: UrlError| misbuilt(operation, error))
}
