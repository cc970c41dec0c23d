//! Tickets and their images.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::sandbox::picture;
use crate::sandbox::preventor::api::caller::Caller;
use crate::sandbox::preventor::document;
use crate::sandbox::preventor::reply::Failure;
use crate::sandbox::preventor::ticket::Step;
use crate::sandbox::stand_in::Interpreter as _;

/// Every image: its type, where it comes from, and a name that gives it a grey of its own.
const IMAGES: [(&str, Step, &str); 6] = [
    ("SELF_PORTRAITS", Step::Liveness, "selfie.jpg"),
    ("DOCUMENT", Step::IdProofing, "front.jpg"),
    ("DOCUMENT", Step::IdProofing, "back.jpg"),
    ("DOCUMENT_PORTRAIT", Step::IdProofing, "portrait.jpg"),
    ("DOCUMENT_SIGNATURE", Step::IdProofing, "signature.jpg"),
    ("DOCUMENT_GHOST_PORTRAIT", Step::IdProofing, "ghost.jpg"),
];
const ALL: &str = "ALL";

/// `GET /transactions/{ticket}`
pub(super) async fn get(Path(id): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let register = preventor.register();
    let (invitation, ticket) = register.by_ticket(&id).ok_or_else(|| Failure::no_ticket(profile))?;
    Ok(caller.answer(document::render(invitation, ticket)))
}

/// `GET /transactions/{ticket}/images?type=`
pub(super) async fn images(
    Path(id): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
    caller: Caller,
) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let asked = parameters.get("type").map(String::as_str).unwrap_or_default();
    let wanted: Vec<&str> = asked.split(',').collect();
    let is_known = |name: &&str| *name == ALL || IMAGES.iter().any(|(kind, ..)| kind == name);
    if !wanted.iter().all(is_known) {
        let message = "type is ALL or a list of image types with commas and no spaces";
        return Err(Failure::invalid(profile, "type", message));
    }
    let register = preventor.register();
    let (_, ticket) = register.by_ticket(&id).ok_or_else(|| Failure::no_ticket(profile))?;
    let images: Vec<Value> = IMAGES
        .into_iter()
        .filter(|(kind, step, _)| ticket.has(*step) && (wanted.contains(&ALL) || wanted.contains(kind)))
        .filter_map(|(kind, _, name)| Some(json!({ "type": kind, "image": data_uri(name)? })))
        .collect();
    Ok(caller.answer(json!({ "ticket": id, "images": images })))
}

fn data_uri(name: &str) -> Option<String> {
    let bytes = picture::of(name)?.ok()?;
    Some(format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
}
