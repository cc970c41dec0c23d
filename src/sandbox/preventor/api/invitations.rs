//! Invitations: made, delivered, changed and taken back.

use axum::extract::Path;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::preventor::api::caller::Caller;
use crate::sandbox::preventor::document::tenant;
use crate::sandbox::preventor::invitation::{
    Activity, Contact, Delivery, Invitation, Phone, State as Stands,
};
use crate::sandbox::preventor::profile::Profile;
use crate::sandbox::preventor::register::{Place, Register};
use crate::sandbox::preventor::reply::Failure;
use crate::sandbox::preventor::scenario::Scenario;
use crate::sandbox::stand_in::Interpreter as _;

/// A host that cannot exist: nobody opens the link but by the control API.
const LINK: &str = "https://invitation.invalid/";
/// What the vendor calls this kind of process.
const PROCESS: &str = "ID";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    unique: String,
    email: Option<String>,
    delivery_method: Delivery,
    #[serde(rename = "type")]
    process: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    delivery_method: Delivery,
    phone: Option<Phone>,
    email: Option<String>,
    #[serde(default)]
    deliver_invitation: bool,
    broker: Option<String>,
    unique: String,
    flow: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    delivery_method: Option<Delivery>,
    phone: Option<Phone>,
    email: Option<String>,
    unique: Option<String>,
    broker: Option<String>,
    flow: Option<String>,
}

/// `POST /invitations/check`
pub(super) async fn check(caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let Check { unique, email, delivery_method, process } = caller.read()?;
    if process != PROCESS {
        return Err(Failure::invalid(profile, "type", "type must be ID"));
    }
    if delivery_method == Delivery::Assistant {
        return Err(Failure::invalid(profile, "delivery_method", "delivery_method must be EMAIL or PHONE"));
    }
    if delivery_method == Delivery::Email && email.is_none() {
        return Err(Failure::invalid(profile, "email", "email is required"));
    }
    let contact = Contact { method: Delivery::Email, email, phone: None };
    match preventor.register().is_taken(&unique, &contact, None) {
        true => Err(Failure::taken(profile)),
        false => Ok(caller.answer(json!({ "unique": unique, "available": true }))),
    }
}

/// `POST /invitations/users/register`
pub(super) async fn register(caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let wanted: Registration = caller.read()?;
    let contact = Contact { method: wanted.delivery_method, email: wanted.email, phone: wanted.phone };
    reachable(profile, &contact)?;
    // The two requests have different shapes of one phone number.
    if contact.phone.as_ref().is_some_and(|phone| phone.phone_number_prefix.is_none()) {
        let field = "phone.phone_number_prefix";
        return Err(Failure::invalid(profile, field, "phone_number_prefix is required"));
    }
    not_empty(profile, "unique", &wanted.unique)?;
    not_empty(profile, "flow", &wanted.flow)?;
    let clock = &preventor.clock;
    let (now, expires) = (clock.now(), preventor.expiry());
    let mut invitation = Invitation {
        id: clock.uuid().to_string(),
        unique: wanted.unique,
        flow: wanted.flow,
        broker: wanted.broker,
        contact,
        link: format!("{LINK}{}", URL_SAFE_NO_PAD.encode(clock.random::<16>())),
        cifcod: format!("{:08}", u32::from_le_bytes(clock.random()) % 100_000_000),
        state: Stands::Registered,
        expires,
        tickets: Vec::new(),
        activities: Vec::new(),
        revision: 0,
    };
    invitation.note("REGISTERED", now, None);
    if wanted.deliver_invitation {
        invitation.send(now, expires).map_err(|message| Failure::state(profile, message))?;
    }
    let scenario = Scenario::asked_for(&invitation.contact.recipient(), &invitation.flow);
    let view = view(&invitation);
    let place = {
        let mut register = preventor.register();
        if register.is_taken(&invitation.unique, &invitation.contact, None) {
            return Err(Failure::taken(profile));
        }
        register.add(invitation)
    };
    if let Some(scenario) = scenario {
        preventor.play(place, scenario);
    }
    Ok(caller.answer(view))
}

/// `POST /notifications/invitation/{id}/send`
pub(super) async fn send(Path(name): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let mut register = preventor.register();
    // The path names the id, its description the recipient.
    let place = register.by_id(&name).or_else(|| register.by_recipient(&name));
    let invitation = register.at(place.ok_or_else(|| Failure::no_invitation(profile))?);
    let sent = invitation.send(preventor.clock.now(), preventor.expiry());
    sent.map_err(|message| Failure::state(profile, message))?;
    Ok(caller.answer(json!({ "id": invitation.id, "has_delivered": true })))
}

/// `PATCH /invitations/users/{recipient}`
pub(super) async fn update(Path(recipient): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let Update { delivery_method, phone, email, unique, broker, flow } = caller.read()?;
    if phone.as_ref().is_some_and(|phone| phone.phone_country_code.is_none()) {
        let field = "phone.phone_country_code";
        return Err(Failure::invalid(profile, field, "phone_country_code is required"));
    }
    let mut register = preventor.register();
    let place = of_recipient(profile, &register, &recipient)?;
    let old = register.at(place);
    if !old.is_open() {
        return Err(Failure::state(profile, "The invitation has ended"));
    }
    let contact = Contact {
        method: delivery_method.unwrap_or(old.contact.method),
        email: email.or_else(|| old.contact.email.clone()),
        phone: phone.or_else(|| old.contact.phone.clone()),
    };
    reachable(profile, &contact)?;
    let unique = unique.unwrap_or_else(|| old.unique.clone());
    not_empty(profile, "unique", &unique)?;
    if register.is_taken(&unique, &contact, Some(place)) {
        return Err(Failure::taken(profile));
    }
    let invitation = register.at(place);
    (invitation.contact, invitation.unique) = (contact, unique);
    invitation.broker = broker.or_else(|| invitation.broker.take());
    if let Some(flow) = flow {
        invitation.flow = flow;
    }
    invitation.note("UPDATED", preventor.clock.now(), None);
    Ok(caller.answer(view(invitation)))
}

/// `DELETE /invitations/users/{recipient}`
pub(super) async fn delete(Path(recipient): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let mut register = preventor.register();
    let place = of_recipient(profile, &register, &recipient)?;
    let invitation = register.at(place);
    invitation.delete(preventor.clock.now());
    // A scenario stops.
    invitation.revision += 1;
    Ok(caller.answer(json!({ "id": invitation.id })))
}

/// `GET /invitations/logs/{id}/activities`
pub(super) async fn activities(Path(id): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let Caller { preventor, profile, .. } = &caller;
    let mut register = preventor.register();
    let place = register.by_id(&id).ok_or_else(|| Failure::no_invitation(profile))?;
    let invitation = register.at(place);
    let activities: Vec<Value> = invitation.activities.iter().map(Activity::view).collect();
    let tickets: Vec<&str> = invitation.tickets.iter().map(|ticket| ticket.id.as_str()).collect();
    let body = json!({
        "id": id,
        "invitation_state": invitation.state,
        "tickets": tickets,
        "activities": activities,
    });
    Ok(caller.answer(body))
}

fn of_recipient(profile: &Profile, register: &Register, recipient: &str) -> Result<Place, Failure> {
    register.by_recipient(recipient).ok_or_else(|| Failure::no_invitation(profile))
}

/// Whether there is what the delivery needs.
fn reachable(profile: &Profile, contact: &Contact) -> Result<(), Failure> {
    match (contact.method, &contact.email, &contact.phone) {
        (Delivery::Phone, _, Some(phone)) => not_empty(profile, "phone.phone_number", &phone.phone_number),
        (Delivery::Phone, _, None) => Err(Failure::invalid(profile, "phone", "phone is required")),
        (_, Some(email), _) if email.contains('@') => Ok(()),
        (_, Some(_), _) => Err(Failure::invalid(profile, "email", "email must be an e-mail address")),
        (_, None, _) => Err(Failure::invalid(profile, "email", "email is required")),
    }
}

fn not_empty(profile: &Profile, field: &str, text: &str) -> Result<(), Failure> {
    match text.is_empty() {
        true => Err(Failure::invalid(profile, field, &format!("{field} is required"))),
        false => Ok(()),
    }
}

fn view(invitation: &Invitation) -> Value {
    let Contact { method, email, phone } = &invitation.contact;
    json!({
        "id": invitation.id,
        "link": invitation.link,
        "unique": invitation.unique,
        "delivery_method": method,
        "email": email,
        "phone": phone,
        "broker": invitation.broker,
        "flow": invitation.flow,
        "invitation_state": invitation.state,
        "tenant_info": tenant(),
    })
}
