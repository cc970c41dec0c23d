//! The documents to sign of one identification.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::definitions::pdf;
use super::object;
use crate::sandbox::idnow::Idnow;
use crate::sandbox::idnow::ident::{Ident, State as IdentState};
use crate::sandbox::idnow::register::Register;
use crate::sandbox::idnow::reply::{ErrorAnswer, empty, success};
use crate::sandbox::idnow::signing::{Definition, LARGEST};

type Named = Path<(String, String, String)>;

/// `GET /api/v1/{customer}/identifications/{t}/documents`
pub(super) async fn list(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let mut register = idnow.register();
    let ident = idnow.existing(&mut register, &customer, &name)?;
    let definitions = idnow.definitions();
    let documents: Vec<Value> =
        definitions.of(&customer).iter().map(|definition| view(ident, definition)).collect();
    Ok(success(&headers, StatusCode::OK, &json!(documents)))
}

/// `GET /api/v1/{customer}/identifications/{t}/documents/{id}`
pub(super) async fn get(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name, identifier)): Named,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let in_array = idnow.wording().document_in_array;
    let mut register = idnow.register();
    let ident = idnow.existing(&mut register, &customer, &name)?;
    let definitions = idnow.definitions();
    let definition = definitions.find(&customer, &identifier);
    let definition = definition.ok_or_else(|| ErrorAnswer::no_document(&idnow.clock))?;
    let document = view(ident, definition);
    let answer = if in_array { json!([document]) } else { document };
    Ok(success(&headers, StatusCode::OK, &answer))
}

/// `POST /api/v1/{customer}/identifications/{t}/documents/{id}`
pub(super) async fn update(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name, identifier)): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    idnow.admit_signer(&customer, &headers)?;
    let object = object(clock, &body, &["name", "version", "signatures"])?;
    let name_of_document = match object.get("name") {
        None => None,
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(_) => return Err(ErrorAnswer::bad_value(clock, "name")),
    };
    let mut register = idnow.register();
    let ident = idnow.existing(&mut register, &customer, &name)?;
    if idnow.definitions().find(&customer, &identifier).is_none() {
        return Err(ErrorAnswer::no_document(clock));
    }
    if ident.is_finished() {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    if name_of_document.is_some() {
        ident.documents.entry(&identifier).name = name_of_document;
    }
    Ok(empty(StatusCode::OK))
}

/// `POST /api/v1/{customer}/identifications/{t}/documents/{id}/data`
pub(super) async fn upload(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name, identifier)): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ErrorAnswer> {
    let clock = &idnow.clock;
    idnow.admit_signer(&customer, &headers)?;
    let mut register = idnow.register();
    let ident = idnow.existing(&mut register, &customer, &name)?;
    if idnow.definitions().find(&customer, &identifier).is_none() {
        return Err(ErrorAnswer::definition_missing(clock));
    }
    if ident.is_finished() {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    if body.is_empty() || ident.documents.size_without(&identifier) + body.len() > LARGEST {
        return Err(ErrorAnswer::bad_value(clock, "document"));
    }
    ident.documents.entry(&identifier).data = Some(body);
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/identifications/{t}/documents/{id}/data`
pub(super) async fn download(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name, identifier)): Named,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let mut register = idnow.register();
    let ident = idnow.existing(&mut register, &customer, &name)?;
    let definitions = idnow.definitions();
    let data = definitions.find(&customer, &identifier).and_then(|known| ident.documents.data(known));
    data.cloned().map(pdf).ok_or_else(|| ErrorAnswer::no_document(&idnow.clock))
}

/// `GET /api/v1/{customer}/identifications/{t}/documents/{id}/signed`
pub(super) async fn signed(
    State(idnow): State<Arc<Idnow>>,
    Path((customer, name, identifier)): Named,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    idnow.admit_signer(&customer, &headers)?;
    let mut register = idnow.register();
    let ident = idnow.existing(&mut register, &customer, &name)?;
    if idnow.definitions().find(&customer, &identifier).is_none() {
        return Err(ErrorAnswer::no_document(&idnow.clock));
    }
    let contract = ident.contracts.iter().find(|contract| contract.identifier == identifier);
    let contract = contract.ok_or_else(|| ErrorAnswer::not_signed(&idnow.clock))?;
    Ok(pdf(contract.signed.clone()))
}

impl Idnow {
    /// The identification called `name`, which has to be `customer`'s and not deleted.
    fn existing<'a>(
        &self,
        register: &'a mut Register,
        customer: &str,
        name: &str,
    ) -> Result<&'a mut Ident, ErrorAnswer> {
        let place = self.own(register, customer, name)?;
        let ident = register.at(place);
        match ident.state {
            IdentState::Deleted => Err(ErrorAnswer::no_data(&self.clock, &ident.id)),
            _ => Ok(ident),
        }
    }
}

/// A document as the vendor shows it: without hashes as long as there is nothing to hash.
fn view(ident: &Ident, definition: &Definition) -> Value {
    let is_signed = ident.contracts.iter().any(|contract| contract.identifier == definition.identifier);
    let data = ident.documents.data(definition);
    let status = match data {
        _ if is_signed => "SIGNED",
        Some(_) => "UPLOADED",
        None => "NEED_UPLOAD",
    };
    let mut view = json!({
        "name": ident.documents.name(definition),
        "status": status,
        "documentDefinition": definition.view(),
    });
    if let Some(data) = data {
        let hash = hex(digest(&SHA256, data).as_ref());
        view["displayHash"] = json!(format!("{}-{}-{}", &hash[..4], &hash[4..8], &hash[8..12]));
        view["hash"] = json!(hash);
    }
    view
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
