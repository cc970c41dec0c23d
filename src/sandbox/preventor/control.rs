//! The control API: acting as the person, the reviewer and the vendor.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::invitation::Invitation;
use super::register::Place;
use super::scenario::Scenario;
use super::settings::{Kind, Registration};
use super::ticket::{Decision, Disposition, FlowStatus, Person, Progress, Step, Ticket};
use super::{Preventor, api};
use crate::sandbox::control::{Answer, Refusal, bad, conflict, faults, profile, read};
use crate::sandbox::stand_in::{Interpreter as _, StandIn as _};
use crate::sandbox::webhook::Notice;

/// Everything below `/control/preventor`.
pub(super) fn router() -> Router<Arc<Preventor>> {
    let below = |path: &str| format!("{}{path}", Preventor::CONTROL);
    Router::new()
        .route(&below("/invitations"), get(list))
        .route(&below("/invitations/{i}"), get(show))
        .route(&below("/invitations/{i}/start"), post(start))
        .route(&below("/invitations/{i}/step"), post(step))
        .route(&below("/invitations/{i}/complete"), post(complete))
        .route(&below("/invitations/{i}/expire"), post(expire))
        .route(&below("/invitations/{i}/play"), post(play))
        .route(&below("/invitations/{i}/resend"), post(resend))
        .route(&below("/webhooks"), get(webhooks))
        .route(&below("/webhooks/settings"), post(register_webhook))
        .route(&below("/tokens/revoke"), post(revoke))
        .route(&below("/statistics"), get(statistics))
        .merge(profile::router())
        .merge(faults::router())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTo {
    sub_event: Step,
    disposition: Disposition,
    remaining_attempts: Option<u32>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complete {
    flow_status: FlowStatus,
    disposition: Option<Disposition>,
    risk_code: Option<String>,
    confidence_score: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    scenario: Scenario,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resend {
    sequence: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<Kind>,
}

async fn list(State(preventor): State<Arc<Preventor>>) -> Json<Value> {
    let register = preventor.register();
    Json(json!({ "invitations": register.iter().map(view).collect::<Vec<_>>() }))
}

async fn show(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>) -> Answer {
    preventor.at(&name, |_| Ok(()))
}

async fn start(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let person: Person = read(&body)?;
    let id = preventor.clock.uuid().to_string();
    preventor.at(&name, |place| preventor.advance(place, |invitation, now| invitation.start(id, person, now)))
}

async fn step(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let StepTo { sub_event: step, disposition, remaining_attempts, reason } = read(&body)?;
    let progress = Progress { step, disposition, remaining_attempts, reason };
    preventor.at(&name, |place| {
        preventor.advance(place, |invitation, now| invitation.proceed(place.ticket, progress, now))
    })
}

async fn complete(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let Complete { flow_status, disposition, risk_code, confidence_score } = read(&body)?;
    let decision = Decision { flow_status, disposition, risk_code, confidence_score };
    preventor.at(&name, |place| {
        preventor.advance(place, |invitation, now| invitation.complete(place.ticket, decision, now))
    })
}

async fn expire(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>) -> Answer {
    preventor.at(&name, |place| preventor.advance(place, Invitation::try_expire))
}

async fn play(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let Play { scenario } = read(&body)?;
    preventor.at(&name, |place| {
        preventor.play(place, scenario);
        Ok(())
    })
}

async fn resend(State(preventor): State<Arc<Preventor>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let Resend { sequence, kind } = read(&body)?;
    if sequence.is_some() == kind.is_some() {
        return Err(bad("say either `sequence` or `type`".to_owned()));
    }
    preventor.at(&name, |place| {
        let subject = preventor.register().at(place).id.clone();
        let earlier = preventor
            .webhooks
            .earlier(&subject, |number, label| sequence == Some(number) || kind == Some(label.kind));
        let (label, body) = earlier.ok_or_else(|| {
            format!("{subject} had no such webhook: GET /control/preventor/webhooks shows all of them")
        })?;
        preventor.webhooks.send(Notice { subject, label, body, edition: None });
        Ok(())
    })
}

async fn webhooks(State(preventor): State<Arc<Preventor>>) -> Json<Value> {
    Json(json!({ "webhooks": preventor.webhooks.log() }))
}

async fn register_webhook(State(preventor): State<Arc<Preventor>>, body: Bytes) -> Answer {
    let registration: Registration = read(&body)?;
    registration.check().map_err(|(field, rule)| bad(format!("`{field}` is {rule}")))?;
    Ok(Json(preventor.webhooks.carrier().settings().put(&preventor.clock, registration)))
}

async fn revoke(State(preventor): State<Arc<Preventor>>) -> Json<Value> {
    Json(json!({ "revoked": preventor.tokens.revoke() }))
}

async fn statistics(State(preventor): State<Arc<Preventor>>) -> Json<Value> {
    let sum = |method: &str, route: &str| preventor.statistics.sum(&format!("{method} {route}"));
    Json(json!({
        "logins": sum("POST", api::TOKEN),
        "registrations": sum("POST", api::REGISTER),
        "tickets": sum("GET", api::TICKET),
        "created": preventor.register().iter().count(),
        "by_path": preventor.statistics.view(),
    }))
}

impl Preventor {
    /// Does `step` to the invitation called `name` and shows it afterwards.
    fn at(&self, name: &str, step: impl FnOnce(Place) -> Result<(), String>) -> Answer {
        let place = self.register().find(name).ok_or_else(|| {
            let sentence = format!(
                "no invitation, recipient or ticket {name:?} here: register an invitation, \
                 or see GET /control/preventor/invitations"
            );
            Refusal(StatusCode::NOT_FOUND, sentence)
        })?;
        step(place).map_err(conflict)?;
        Ok(Json(view(self.register().at(place))))
    }
}

fn view(invitation: &Invitation) -> Value {
    let recipient = invitation.contact.recipient();
    let tickets: Vec<Value> = invitation.tickets.iter().map(view_ticket).collect();
    json!({
        "id": invitation.id,
        "unique": invitation.unique,
        "delivery_method": invitation.contact.method,
        "recipient": recipient,
        "flow": invitation.flow,
        "link": invitation.link,
        "state": invitation.state,
        "scenario": Scenario::asked_for(&recipient, &invitation.flow),
        "tickets": tickets,
    })
}

fn view_ticket(ticket: &Ticket) -> Value {
    json!({
        "ticket": ticket.id,
        "attempt": ticket.attempt,
        "flow_status": ticket.flow_status,
        "sub_event": ticket.step,
        "disposition": ticket.disposition,
        "remaining_attempts": ticket.remaining_attempts,
        "reason": ticket.reason,
        "risk_code": ticket.risk_code,
        "confidence_score": ticket.confidence_score,
    })
}
