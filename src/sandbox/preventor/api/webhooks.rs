//! The account's webhooks.

use axum::extract::Path;
use axum::response::Response;
use serde_json::json;

use crate::sandbox::preventor::api::caller::Caller;
use crate::sandbox::preventor::reply::Failure;
use crate::sandbox::preventor::settings::Registration;

/// `GET /settings/webhooks`
pub(super) async fn list(caller: Caller) -> Result<Response, Failure> {
    let webhooks = caller.preventor.webhooks.carrier().settings().view();
    Ok(caller.answer(json!({ "webhooks": webhooks })))
}

/// `PUT /settings/webhooks`
pub(super) async fn put(caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let registration: Registration = caller.read()?;
    registration
        .check()
        .map_err(|(field, rule)| Failure::invalid(profile, field, &format!("{field} is {rule}")))?;
    let view = preventor.webhooks.carrier().settings().put(&preventor.clock, registration);
    Ok(caller.answer(view))
}

/// `DELETE /settings/webhooks/{id}`
pub(super) async fn remove(Path(id): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    match preventor.webhooks.carrier().settings().remove(&id) {
        true => Ok(caller.answer(json!({ "id": id }))),
        false => Err(Failure::no_webhook(profile)),
    }
}
