//! Definitions of documents to be signed. The vendor keeps them; what is kept here is the answer to a `request_id`.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::hub::request::Entry;
use crate::hub::{Hub, signing};
use crate::model::document::{CreateDefinition, DefinitionName, UpdateDefinition};
use crate::model::validate::Checks;
use crate::proto::{
    CreateDocumentDefinitionRequest, CreateDocumentDefinitionResponse, DeleteDocumentDefinitionRequest,
    DeleteDocumentDefinitionResponse, DocumentDefinition, GetDocumentDefinitionRequest,
    GetDocumentDefinitionResponse, ListDocumentDefinitionsRequest, ListDocumentDefinitionsResponse,
    UpdateDocumentDefinitionRequest, UpdateDocumentDefinitionResponse, ViewPolicy,
};
use crate::vendor::{PutDefinition, Vendor};

const CREATE: &str = "create_document_definition";
const GET: &str = "get_document_definition";
const LIST: &str = "list_document_definitions";
const UPDATE: &str = "update_document_definition";
const DELETE: &str = "delete_document_definition";

impl Hub {
    /// Makes a definition, or finds it there as it was asked for: a creation that lost its answer can be repeated.
    pub async fn create_document_definition(
        self: &Arc<Self>,
        caller: String,
        request: CreateDocumentDefinitionRequest,
    ) -> Result<CreateDocumentDefinitionResponse> {
        let command = CreateDefinition::parse(request.clone())?;
        let hub = self.clone();
        let create = async move {
            let vendor = hub.vendor(&command.name.connection, CREATE)?;
            signing(&*vendor, CREATE)?;
            let once = match hub.enter(&caller, &request, command.request_id).await? {
                Entry::Answered(first) => return Ok(first),
                Entry::First(once) | Entry::BrokeOff(once, _) => once,
            };
            let seen = hub.head();
            let ensured = hub.ensure_definition(&*vendor, &command).await;
            let outcome = ensured.map(|definition| CreateDocumentDefinitionResponse {
                document_definition: Some(definition),
                replayed: false,
            });
            hub.keep_answer::<CreateDocumentDefinitionRequest>(&once, &command.name, seen, outcome).await
        };
        self.see_through(CREATE, create).await
    }

    /// The vendor's collection takes a definition that is there for a change of it: so it is looked for first.
    async fn ensure_definition(
        &self,
        vendor: &dyn Vendor,
        command: &CreateDefinition,
    ) -> Result<DocumentDefinition> {
        let (name, definition) = (&command.name, &command.definition);
        let _turn = self.locks.lock(&name.to_string()).await;
        match self.present_definition(vendor, name, CREATE).await? {
            Some(present) if says_the_same(&present, definition) => Ok(present),
            Some(_other) => {
                let detail = format!("{name} exists and says something else; update it instead");
                Err(Error::new(Kind::ResourceExists, CREATE, detail).about(name))
            }
            None => {
                let put = PutDefinition { id: &name.id, definition };
                let created = signing(vendor, CREATE)?.create_definition(put).await;
                self.note_health(vendor, created).await?;
                let present = self.present_definition(vendor, name, CREATE).await?;
                Ok(present.unwrap_or_else(|| definition.clone()))
            }
        }
    }

    /// One definition, as the vendor has it now.
    pub async fn get_document_definition(
        &self,
        request: &GetDocumentDefinitionRequest,
    ) -> Result<GetDocumentDefinitionResponse> {
        let name = parse(&request.name, GET)?;
        let vendor = self.vendor(&name.connection, GET)?;
        let definition = self.known_definition(&*vendor, &name, GET).await?;
        Ok(GetDocumentDefinitionResponse { document_definition: Some(definition) })
    }

    /// A page of a connection's definitions, as the vendor has them now, in name order.
    pub async fn list_document_definitions(
        &self,
        request: &ListDocumentDefinitionsRequest,
    ) -> Result<ListDocumentDefinitionsResponse> {
        let asked = (request.page_size, request.page_token.as_str());
        let parent = |checks: &mut Checks| checks.connection("parent", &request.parent);
        let (connection, page) = self.named_page(LIST, asked, parent)?;
        let vendor = self.vendor(&connection, LIST)?;
        let listed = signing(&*vendor, LIST)?.definitions().await;
        let listed = self.note_health(&*vendor, listed).await?;
        let (document_definitions, next_page_token) = page.of(listed, |definition| &definition.name);
        Ok(ListDocumentDefinitionsResponse { document_definitions, next_page_token })
    }

    /// Changes a definition.
    pub async fn update_document_definition(
        self: &Arc<Self>,
        request: UpdateDocumentDefinitionRequest,
    ) -> Result<UpdateDocumentDefinitionResponse> {
        let command = UpdateDefinition::parse(request)?;
        let hub = self.clone();
        let update = async move {
            let name = &command.name;
            let vendor = hub.vendor(&name.connection, UPDATE)?;
            let _turn = hub.locks.lock(&name.to_string()).await;
            let present = hub.known_definition(&*vendor, name, UPDATE).await?;
            let definition = command.apply(&present);
            if definition != present {
                let put = PutDefinition { id: &name.id, definition: &definition };
                let updated = signing(&*vendor, UPDATE)?.update_definition(put).await;
                hub.note_health(&*vendor, updated).await?.ok_or_else(|| missing(name, UPDATE))?;
            }
            Ok(UpdateDocumentDefinitionResponse { document_definition: Some(definition) })
        };
        self.see_through(UPDATE, update).await
    }

    /// Deletes a definition.
    pub async fn delete_document_definition(
        self: &Arc<Self>,
        request: DeleteDocumentDefinitionRequest,
    ) -> Result<DeleteDocumentDefinitionResponse> {
        let name = parse(&request.name, DELETE)?;
        let hub = self.clone();
        let delete = async move {
            let vendor = hub.vendor(&name.connection, DELETE)?;
            let _turn = hub.locks.lock(&name.to_string()).await;
            let deleted = signing(&*vendor, DELETE)?.delete_definition(&name.id).await;
            match hub.note_health(&*vendor, deleted).await? {
                None if !request.allow_missing => Err(missing(&name, DELETE)),
                Some(()) | None => Ok(DeleteDocumentDefinitionResponse {}),
            }
        };
        self.see_through(DELETE, delete).await
    }

    /// A definition that has to be there.
    pub(super) async fn known_definition(
        &self,
        vendor: &dyn Vendor,
        name: &DefinitionName,
        operation: &'static str,
    ) -> Result<DocumentDefinition> {
        let present = self.present_definition(vendor, name, operation).await?;
        present.ok_or_else(|| missing(name, operation))
    }

    async fn present_definition(
        &self,
        vendor: &dyn Vendor,
        name: &DefinitionName,
        operation: &'static str,
    ) -> Result<Option<DocumentDefinition>> {
        let present = signing(vendor, operation)?.definition(&name.id).await;
        self.note_health(vendor, present).await
    }
}

/// Whether `present` is what `asked` asks for. How it is shown may be left to the vendor.
fn says_the_same(present: &DocumentDefinition, asked: &DocumentDefinition) -> bool {
    let view_policy = match asked.view_policy() {
        ViewPolicy::Unspecified => present.view_policy,
        said => said.into(),
    };
    *present == DocumentDefinition { view_policy, ..asked.clone() }
}

pub(super) fn missing(name: &DefinitionName, operation: &'static str) -> Error {
    Error::new(Kind::ResourceNotFound, operation, format!("{name} does not exist"))
}

fn parse(name: &str, operation: &'static str) -> Result<DefinitionName> {
    let mut checks = Checks::default();
    let parsed = checks.parse("name", name);
    parsed.ok_or_else(|| checks.refused(operation))
}
