//! Preventor ID as callers meet it: a real gateway and the real stand-in, over real sockets.

mod adopted;
mod assistant;
mod calls;
mod client_tokens;
mod decisions;
mod doubt;
mod faults;
mod followed;
mod forged;
mod lost;
mod missed;
mod rotation;
mod tap;
mod tickets;
mod vendor_webhooks;

use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{
    CreateIdentificationRequest, DeliveryMethod, Event, EventType as Type, GetIdentificationRequest,
    Identification, IdentificationSpec, IdentificationView, InvitationSpec, RegisterVendorWebhookRequest,
    Subject, VendorWebhook, VendorWebhookKind, WebhookAuthentication, WebhookDeliveryState as State,
    identification_spec,
};
use serde_json::{Value, json};

use super::house::{CIPHER_KEY, Fates, House, PASSWORD};
use super::operator::webhooks;
use super::words::BANCO;

/// `connections/..` of the bank.
const PARENT: &str = "connections/banco";
const EMAIL: &str = "person@example.com";
const UNPOLLED: &str = "polling = { enabled = false }";
/// Webhooks come plain, with a bearer token.
const PLAIN: &str = r#"
polling = { enabled = false }
webhook = { secrets = [{ label = "static", proof = { bearer = { token = { file = "@/webhook" } } } }] }
"#;
/// The same, where somebody has compared the settings of tickets with a ticket.
const FETCHED: &str = r#"
polling = { enabled = false }
webhook = { secrets = [{ label = "static", proof = { bearer = { token = { file = "@/webhook" } } } }] }
ticket = {}
"#;
/// Decisions are believed, and fetched.
const EVERY_WAY: [&str; 2] = [PLAIN, FETCHED];
/// Webhooks come encrypted, with a bearer token.
const SEALED: &str = r#"
polling = { enabled = false }
[[connections.banco.preventor.webhook.secrets]]
label = "static"
proof = { bearer = { token = { file = "@/webhook" } } }
cipher_key = { file = "@/cipher.key" }
"#;

/// A house with a connection to Preventor that has `settings`.
async fn bank(settings: &'static str) -> House {
    House::with(|plan| {
        plan.webhooks = false;
        plan.preventor = Some(settings);
    })
    .await
}

/// A house to which the vendor sends plain webhooks.
async fn told() -> House {
    let house = bank(PLAIN).await;
    house.send_plain().await;
    house
}

/// A request that invites whoever has the mail address `email`.
pub(super) fn invitation(email: &str) -> CreateIdentificationRequest {
    let spec = InvitationSpec {
        delivery_method: DeliveryMethod::Email.into(),
        deliver: true,
        flow: "WF-07".to_owned(),
        ..InvitationSpec::default()
    };
    CreateIdentificationRequest {
        parent: PARENT.to_owned(),
        external_reference: "order-1".to_owned(),
        subject: Some(Subject { email: email.to_owned(), ..Subject::default() }),
        spec: Some(IdentificationSpec { kind: Some(identification_spec::Kind::Invitation(spec)) }),
        ..CreateIdentificationRequest::default()
    }
}

/// The steps of tickets that `events` tell, in the vendor's words, with what became of them and the tries that remain.
fn steps(events: &[Event]) -> Vec<(String, String, Option<i32>)> {
    let step = |event: &Event| match &event.payload {
        Some(Payload::TicketProgressed(told)) => {
            let step = told.step.clone()?;
            Some((step.vendor_step, step.vendor_disposition, step.remaining_tries))
        }
        _ => None,
    };
    events.iter().filter_map(step).collect()
}

/// What happened after the creation, without what only tells more of it.
fn way(events: &[Event]) -> Vec<Type> {
    let told = [Type::IdentificationCreated, Type::IdentificationUpdated];
    moves(events).into_iter().filter(|r#type| !told.contains(r#type)).collect()
}

/// The types of `events` but those of steps.
fn moves(events: &[Event]) -> Vec<Type> {
    let types = events.iter().map(Event::r#type);
    types.filter(|r#type| *r#type != Type::TicketProgressed).collect()
}

impl House {
    /// Somebody is invited.
    async fn invited(&self, email: &str) -> Identification {
        self.try_create(invitation(email)).await.unwrap().identification.unwrap()
    }

    /// The identification `name`, with its links.
    async fn whole(&self, name: &str) -> Identification {
        let view = IdentificationView::Full.into();
        let request = GetIdentificationRequest { name: name.to_owned(), view };
        self.identifications().get_identification(request).await.unwrap().into_inner().identification.unwrap()
    }

    /// Has the vendor send both kinds of webhooks plain, as its operator would set it.
    async fn send_plain(&self) {
        self.send_with(&json!({ "type": "BEARER_TOKEN", "value": { "token": PASSWORD } }), false).await;
    }

    async fn send_with(&self, authorization: &Value, encrypted: bool) {
        for kind in ["WH_001", "WH_002"] {
            let url = self.webhook_url(BANCO);
            let mut webhook = json!({ "type": kind, "url": url, "authorization": authorization });
            if encrypted {
                webhook["secret"] = json!(CIPHER_KEY);
            }
            assert_eq!(self.control("preventor/webhooks/settings", &webhook).await.status, 200);
        }
    }

    /// Has the gateway register for webhooks.
    async fn registered(
        &self,
        kind: VendorWebhookKind,
        authentication: WebhookAuthentication,
        encrypted: bool,
    ) -> VendorWebhook {
        let request = RegisterVendorWebhookRequest {
            parent: PARENT.to_owned(),
            kind: kind.into(),
            authentication: authentication.into(),
            encrypted,
            ..RegisterVendorWebhookRequest::default()
        };
        let answer = webhooks(self).register_vendor_webhook(request).await.unwrap();
        answer.into_inner().vendor_webhook.unwrap()
    }

    /// Lets something go wrong at the vendor.
    async fn goes_wrong(&self, fault: &Value) {
        let reply = self.control("preventor/faults", fault).await;
        assert_eq!(reply.status, 200, "{fault}: {:?}", reply.body);
    }

    /// Ends every fault of the vendor.
    async fn mended(&self) {
        let url = format!("http://{}/control/preventor/faults", self.vendor_address());
        assert_eq!(self.send(self.client().delete(url)).await.status, 200);
    }

    /// A move that the stand-in allows, by the person, the reviewer or the vendor.
    async fn act(&self, who: &str, does: &str, body: Value) -> Value {
        let reply = self.control(&format!("preventor/invitations/{who}/{does}"), &body).await;
        assert_eq!(reply.status, 200, "{does}: {:?}", reply.body);
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// The person begins; their ticket.
    async fn start(&self, who: &str) -> String {
        let shown = self.act(who, "start", json!({})).await;
        shown["tickets"].as_array().unwrap().last().unwrap()["ticket"].as_str().unwrap().to_owned()
    }

    async fn step(&self, who: &str, step: &str, disposition: &str) {
        let body = json!({ "sub_event": format!("verification.{step}"), "disposition": disposition });
        self.act(who, "step", body).await;
    }

    async fn decide(&self, who: &str, flow_status: &str) {
        self.act(who, "complete", json!({ "flow_status": flow_status })).await;
    }

    /// The person who is invited passes and is accepted; the name of their ticket.
    async fn accepted(&self) -> String {
        let ticket = self.start(EMAIL).await;
        for (count, step) in (1..).zip(["liveness", "id_proofing"]) {
            self.ended(count).await;
            self.step(EMAIL, step, "PASSED").await;
        }
        self.ended(3).await;
        self.decide(EMAIL, "ACCEPTED").await;
        self.ended(5).await;
        format!("{PARENT}/tickets/{ticket}")
    }

    /// Waits until `count` deliveries, or more, are there and have come to an end.
    async fn ended(&self, count: usize) -> Fates {
        self.until("the end of deliveries", async || {
            let fates = self.fates();
            let is_open = |state: State| matches!(state, State::Received | State::Confirming);
            (fates.len() >= count && !fates.iter().any(|(state, _)| is_open(*state))).then_some(fates)
        })
        .await
    }
}
