//! The control API: acting as the person, the reviewer and the vendor's account manager.

mod accounts;
mod results;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Idnow;
use super::ident::{Channel, Ident, Reviewer, State as IdentState, Verdict, Word};
use super::register::Place;
use super::robot::Scenario;
use crate::sandbox::WebhookTarget;
use crate::sandbox::control::{Answer, Refusal, bad, conflict, faults, read};
use crate::sandbox::webhook::is_url;

/// Everything below `/control`.
pub(super) fn router() -> Router<Arc<Idnow>> {
    Router::new()
        .route("/control/identifications", get(list))
        .route("/control/identifications/{t}", get(show).delete(delete))
        .route("/control/identifications/{t}/start", post(start))
        .route("/control/identifications/{t}/abort", post(abort))
        .route("/control/identifications/{t}/submit", post(submit))
        .route("/control/identifications/{t}/review", post(review))
        .route("/control/identifications/{t}/resend", post(resend))
        .route("/control/identifications/{t}/archive", post(results::archive))
        .route("/control/identifications/{t}/sections", post(results::sections))
        .route("/control/signing-key", get(results::signing_key))
        .route("/control/shape", post(results::shape))
        .route("/control/accounts", get(accounts::list))
        .route("/control/accounts/{customer}", post(accounts::allow))
        .route("/control/webhooks", get(webhooks))
        .route("/control/webhooks/target", post(set_target).delete(remove_target))
        .route("/control/webhooks/shape", post(shape))
        .route("/control/robot", post(robot))
        .route("/control/tokens/revoke", post(revoke))
        .route("/control/statistics", get(statistics))
        .merge(faults::router())
}

/// Tells two customers' equal transaction numbers apart.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    customer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    #[serde(default)]
    channel: Channel,
    #[serde(default)]
    binding_key: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Abort {
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submit {
    result: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    result: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resend {
    sequence: Option<u64>,
    result: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    url: String,
    username: String,
    password: String,
    customer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    wrapped: Option<bool>,
    start_result: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Robot {
    canceled_result: String,
}

async fn list(State(idnow): State<Arc<Idnow>>) -> Json<Value> {
    let register = idnow.register();
    Json(json!({ "identifications": register.iter().map(|(_, ident)| view(ident)).collect::<Vec<_>>() }))
}

async fn show(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
) -> Answer {
    idnow.at(&name, &scope, |_, _| Ok(()))
}

async fn start(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let Start { channel, binding_key } = read(&body)?;
    idnow.at(&name, &scope, |idnow, place| {
        idnow.advance(place, |ident, _now| {
            idnow.person_starts(ident, channel)?;
            if binding_key {
                ident.binding_key = Some(idnow.binder.bind(&idnow.clock, &ident.id)?);
            }
            Ok(())
        })
    })
}

async fn abort(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let Abort { reason } = read(&body)?;
    let reason = reason.unwrap_or_else(|| "USER_CANCELLATION_IDENTIFY_LATER".to_owned());
    idnow.at(&name, &scope, |idnow, place| idnow.advance(place, |ident, _now| ident.abort(reason)))
}

async fn submit(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let Submit { result, reason } = read(&body)?;
    let word = word(result.as_deref().unwrap_or("CHECK_PENDING"))?;
    idnow.at(&name, &scope, |idnow, place| idnow.advance(place, |ident, now| ident.submit(word, reason, now)))
}

async fn review(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let Review { result, reason } = read(&body)?;
    let verdict = Verdict { word: word(&result)?, reason, reviewer: Reviewer::Agent };
    idnow.at(&name, &scope, |idnow, place| idnow.advance(place, |ident, now| ident.review(verdict, now)))
}

async fn delete(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
) -> Answer {
    idnow.at(&name, &scope, |idnow, place| idnow.advance(place, |ident, _now| ident.delete()))
}

async fn resend(
    State(idnow): State<Arc<Idnow>>,
    Path(name): Path<String>,
    Query(scope): Query<Scope>,
    body: Bytes,
) -> Answer {
    let Resend { sequence, result } = read(&body)?;
    if sequence.is_some() && result.is_some() {
        return Err(bad("say `sequence` or `result`, not both".to_owned()));
    }
    idnow.at(&name, &scope, |idnow, place| {
        let mut register = idnow.register();
        let ident = register.at(place);
        if sequence.is_some() || result.is_some() {
            let earlier = idnow.webhooks.earlier(&ident.id, |number, label| {
                sequence == Some(number) || result.as_ref() == Some(&label.result)
            });
            let (label, body) = earlier.ok_or_else(|| {
                format!("{} had no such webhook: GET /control/webhooks shows all of them", ident.id)
            })?;
            idnow.tell(ident, label.result, body);
            return Ok(());
        }
        match ident.state {
            IdentState::Started | IdentState::Ended(_) => {
                idnow.announce(ident);
                Ok(())
            }
            IdentState::Created | IdentState::Deleted => {
                Err(format!("{} ({}) has no webhook to send again", ident.id, ident.phase()))
            }
        }
    })
}

async fn webhooks(State(idnow): State<Arc<Idnow>>) -> Json<Value> {
    Json(json!({ "webhooks": idnow.webhooks.log() }))
}

async fn set_target(State(idnow): State<Arc<Idnow>>, body: Bytes) -> Answer {
    let Target { url, username, password, customer } = read(&body)?;
    if !is_url(&url) {
        return Err(bad("`url` is an absolute http or https URL".to_owned()));
    }
    let target = WebhookTarget { url, username, password: SecretString::from(password) };
    idnow.webhooks.carrier().set(customer, Some(target));
    Ok(Json(json!({})))
}

async fn remove_target(State(idnow): State<Arc<Idnow>>, Query(scope): Query<Scope>) -> Json<Value> {
    idnow.webhooks.carrier().set(scope.customer, None);
    Json(json!({}))
}

async fn shape(State(idnow): State<Arc<Idnow>>, body: Bytes) -> Answer {
    let Shape { wrapped, start_result } = read(&body)?;
    let mut wording = idnow.wording();
    if let Some(wrapped) = wrapped {
        wording.wrapped = wrapped;
    }
    if let Some(start_result) = start_result {
        wording.start = start_result;
    }
    Ok(Json(json!({ "wrapped": wording.wrapped, "start_result": wording.start })))
}

async fn robot(State(idnow): State<Arc<Idnow>>, body: Bytes) -> Answer {
    let Robot { canceled_result } = read(&body)?;
    let word = word(&canceled_result)?;
    idnow.wording().robot_canceled = word;
    Ok(Json(json!({ "canceled_result": canceled_result })))
}

async fn revoke(State(idnow): State<Arc<Idnow>>, Query(scope): Query<Scope>) -> Json<Value> {
    Json(json!({ "revoked": idnow.tokens.revoke(scope.customer.as_deref()) }))
}

async fn statistics(State(idnow): State<Arc<Idnow>>) -> Json<Value> {
    Json(idnow.counts())
}

impl Idnow {
    /// Does `step` to the identification called `name` and shows it afterwards.
    fn at(
        self: &Arc<Self>,
        name: &str,
        scope: &Scope,
        step: impl FnOnce(&Arc<Self>, Place) -> Result<(), String>,
    ) -> Answer {
        let place = self.find(name, scope)?;
        step(self, place).map_err(conflict)?;
        Ok(Json(view(self.register().at(place))))
    }

    fn find(&self, name: &str, scope: &Scope) -> Result<Place, Refusal> {
        let customers = self.accounts.iter().map(|account| account.customer.as_str());
        let asked = |customer: &&str| scope.customer.as_deref().is_none_or(|wanted| wanted == *customer);
        let register = self.register();
        let mut found: Vec<Place> =
            customers.filter(asked).filter_map(|customer| register.find(customer, name)).collect();
        found.dedup();
        match found[..] {
            [place] => Ok(place),
            [] => Err(Refusal(
                StatusCode::NOT_FOUND,
                format!(
                    "no identification {name:?} here: create it with POST \
                     /api/v1/{{customer}}/identifications/{name}/start, or see GET /control/identifications"
                ),
            )),
            _ => Err(Refusal(
                StatusCode::CONFLICT,
                format!("several customers have a number {name:?}: add ?customer= or use the IdentID"),
            )),
        }
    }
}

fn view(ident: &Ident) -> Value {
    let result = match &ident.state {
        IdentState::Ended(word) => Some(word.as_str()),
        IdentState::Created | IdentState::Started | IdentState::Deleted => None,
    };
    json!({
        "customer": ident.customer,
        "id": ident.id,
        "transactionnumber": ident.number,
        "state": ident.phase(),
        "result": result,
        "reason": ident.reason,
        "attempts": ident.attempts,
        "channel": ident.channel,
        "binding_key": ident.binding_key,
        "robot": Scenario::asked_for(&ident.fields).map(Scenario::name),
        "starts_received": ident.starts_received,
        "gets_received": ident.gets_received,
    })
}

fn word(text: &str) -> Result<Word, Refusal> {
    Word::parse(text).map_err(bad)
}
