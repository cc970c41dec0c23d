//! The documents to sign of one identification.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::definitions::pdf;
use super::object;
use super::signer::Signer;
use crate::sandbox::idnow::ident::Ident;
use crate::sandbox::idnow::reply::{ErrorAnswer, empty};
use crate::sandbox::idnow::signing::{Definition, LARGEST};

/// `GET /api/v1/{customer}/identifications/{t}/documents`
pub(super) async fn list(signer: Signer) -> Result<Response, ErrorAnswer> {
    let mut register = signer.idnow.register();
    let ident = signer.ident(&mut register)?;
    let definitions = signer.idnow.definitions();
    let documents: Vec<Value> =
        definitions.of(&signer.customer).iter().map(|definition| view(ident, definition)).collect();
    Ok(signer.answer(StatusCode::OK, &json!(documents)))
}

/// `GET /api/v1/{customer}/identifications/{t}/documents/{id}`
pub(super) async fn get(signer: Signer) -> Result<Response, ErrorAnswer> {
    let in_array = signer.idnow.wording().document_in_array;
    let mut register = signer.idnow.register();
    let ident = signer.ident(&mut register)?;
    let definitions = signer.idnow.definitions();
    let definition = signer.definition(&definitions);
    let definition = definition.ok_or_else(|| ErrorAnswer::no_document(&signer.idnow.clock))?;
    let document = view(ident, definition);
    let answer = if in_array { json!([document]) } else { document };
    Ok(signer.answer(StatusCode::OK, &answer))
}

/// `POST /api/v1/{customer}/identifications/{t}/documents/{id}`
pub(super) async fn update(signer: Signer) -> Result<Response, ErrorAnswer> {
    let clock = &signer.idnow.clock;
    let object = object(clock, &signer.body, &["name", "version", "signatures"])?;
    let name = match object.get("name") {
        None => None,
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(_) => return Err(ErrorAnswer::bad_value(clock, "name")),
    };
    let mut register = signer.idnow.register();
    let ident = signer.ident(&mut register)?;
    if signer.definition(&signer.idnow.definitions()).is_none() {
        return Err(ErrorAnswer::no_document(clock));
    }
    if ident.is_finished() {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    if name.is_some() {
        ident.documents.entry(&signer.identifier).name = name;
    }
    Ok(empty(StatusCode::OK))
}

/// `POST /api/v1/{customer}/identifications/{t}/documents/{id}/data`
pub(super) async fn upload(signer: Signer) -> Result<Response, ErrorAnswer> {
    let clock = &signer.idnow.clock;
    let mut register = signer.idnow.register();
    let ident = signer.ident(&mut register)?;
    if signer.definition(&signer.idnow.definitions()).is_none() {
        return Err(ErrorAnswer::definition_missing(clock));
    }
    if ident.is_finished() {
        return Err(ErrorAnswer::existing_identification(clock));
    }
    let (identifier, data) = (&signer.identifier, &signer.body);
    if data.is_empty() || ident.documents.size_without(identifier) + data.len() > LARGEST {
        return Err(ErrorAnswer::bad_value(clock, "document"));
    }
    ident.documents.entry(identifier).data = Some(data.clone());
    Ok(empty(StatusCode::OK))
}

/// `GET /api/v1/{customer}/identifications/{t}/documents/{id}/data`
pub(super) async fn download(signer: Signer) -> Result<Response, ErrorAnswer> {
    let mut register = signer.idnow.register();
    let ident = signer.ident(&mut register)?;
    let definitions = signer.idnow.definitions();
    let data = signer.definition(&definitions).and_then(|known| ident.documents.data(known));
    data.cloned().map(pdf).ok_or_else(|| ErrorAnswer::no_document(&signer.idnow.clock))
}

/// `GET /api/v1/{customer}/identifications/{t}/documents/{id}/signed`
pub(super) async fn signed(signer: Signer) -> Result<Response, ErrorAnswer> {
    let mut register = signer.idnow.register();
    let ident = signer.ident(&mut register)?;
    if signer.definition(&signer.idnow.definitions()).is_none() {
        return Err(ErrorAnswer::no_document(&signer.idnow.clock));
    }
    let contract = ident.contracts.iter().find(|contract| contract.identifier == signer.identifier);
    let contract = contract.ok_or_else(|| ErrorAnswer::not_signed(&signer.idnow.clock))?;
    Ok(pdf(contract.signed.clone()))
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
