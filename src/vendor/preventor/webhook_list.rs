//! Whom the vendor sends webhooks to.

use async_trait::async_trait;
use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::error::{Error, Result, Violation};
use crate::model::webhook::RegisterWebhook;
use crate::proto::{VendorWebhook, VendorWebhookKind, WebhookAuthentication};
use crate::vendor::kit::delivery::Proof;
use crate::vendor::kit::field_path::{Drift, Shown, lacks};
use crate::vendor::kit::http::Answer;
use crate::vendor::kit::url::Alphabet;
use crate::vendor::preventor::Preventor;
use crate::vendor::preventor::wire::{Authorization, WebhookBody};
use crate::vendor::webhook_setting::{Registration, WebhookSettings};

const LIST: &str = "preventor.list_webhooks";
const REGISTER: &str = "preventor.register_webhook";
const REMOVE: &str = "preventor.delete_webhook";

/// Ids of webhooks.
const WEBHOOK: Alphabet = Alphabet::letters_digits_and("-_", 128);
/// The vendor's words for what webhooks report.
const KINDS: [(VendorWebhookKind, &str); 2] =
    [(VendorWebhookKind::Tickets, "WH_001"), (VendorWebhookKind::Invitations, "WH_002")];
/// And for how they show who sent them.
const PROOFS: [(WebhookAuthentication, &str); 3] = [
    (WebhookAuthentication::Basic, "BASIC_AUTH"),
    (WebhookAuthentication::Bearer, "BEARER_TOKEN"),
    (WebhookAuthentication::ApiKey, "API_KEY"),
];

#[async_trait]
impl WebhookSettings for Preventor {
    fn check(&self, wanted: &RegisterWebhook) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !KINDS.iter().any(|(kind, _)| *kind == wanted.kind) {
            violations.push(Violation::new("kind", "must be TICKETS or INVITATIONS on this connection"));
        }
        if !PROOFS.iter().any(|(proof, _)| *proof == wanted.authentication) {
            violations.push(Violation::new("authentication", "must be BASIC, BEARER or API_KEY"));
        }
        for (index, event) in wanted.vendor_events.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if !(1..=128).contains(&event.len()) || !event.bytes().all(plain) {
                let expected = "must be the vendor's name of an event, such as ticket.verification.completed";
                violations.push(Violation::new(format!("vendor_events[{index}]"), expected));
            }
        }
        violations
    }

    async fn webhooks(&self) -> Result<Vec<VendorWebhook>, Error> {
        self.read_webhooks(&self.list_webhooks().await?)
    }

    async fn register(&self, registration: Registration<'_>) -> Result<VendorWebhook, Error> {
        let Registration { wanted, uri, secret } = registration;
        let kind = KINDS.iter().find(|(kind, _)| *kind == wanted.kind);
        let kind = kind.ok_or_else(|| Error::invalid(REGISTER, self.check(wanted)))?.1;
        let body = WebhookBody {
            kind,
            url: uri,
            events: &wanted.vendor_events,
            secret: secret.cipher_key.as_ref().map(|key| key.expose_secret()),
            authorization: match &secret.proof {
                Proof::Basic { username, password } => {
                    Authorization::BasicAuth { username, password: password.expose_secret() }
                }
                Proof::Bearer(token) => Authorization::BearerToken { token: token.expose_secret() },
                Proof::ApiKey { header, value } => {
                    Authorization::ApiKey { key: header.as_str(), value: value.expose_secret() }
                }
            },
        };
        let call = self.api.prepare(REGISTER, Method::PUT, &self.api.paths().webhooks, &[])?.json(&body)?;
        self.api.done(call.secret_answer()).await?.done()?;
        // What the vendor answers is not published; its list tells what it made of it.
        let answer = self.list_webhooks().await?;
        let mut listed = self.read_webhooks(&answer)?.into_iter();
        let is_it = |webhook: &VendorWebhook| webhook.kind() == wanted.kind && webhook.uri == uri;
        listed.find(is_it).ok_or_else(|| answer.invalid("does not list the webhook that was just registered"))
    }

    async fn remove(&self, id: &str) -> Result<Option<()>, Error> {
        let Ok(id) = WEBHOOK.segment(id) else { return Ok(None) };
        let path = &self.api.paths().webhook;
        let call = self.api.prepare(REMOVE, Method::DELETE, path, &[("id", &id)])?;
        self.api.find(call).await?.map(|answer| answer.done()).transpose()
    }
}

impl Preventor {
    /// The vendor may show the secrets of its webhooks as well.
    async fn list_webhooks(&self) -> Result<Answer> {
        let call = self.api.prepare(LIST, Method::GET, &self.api.paths().webhooks, &[])?;
        self.api.done(call.secret_answer()).await
    }

    fn read_webhooks(&self, answer: &Answer) -> Result<Vec<VendorWebhook>> {
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        match self.webhook_list.entries.find(&body) {
            Some(Value::Array(entries)) => {
                entries.iter().map(|entry| self.read_webhook(answer, &Shown::new(entry, &drift))).collect()
            }
            _ => Err(lacks(answer, "list of webhooks", &self.webhook_list.entries)),
        }
    }

    fn read_webhook(&self, answer: &Answer, entry: &Shown<'_>) -> Result<VendorWebhook> {
        let fields = &self.webhook_list;
        let id = WEBHOOK.segment(&entry.text("webhook_list.id", &fields.id));
        let id = id.map_err(|_odd| lacks(answer, "webhook id", &fields.id))?;
        let kind = entry.word("webhook_list.kind", &fields.kind);
        let proof = entry.word("webhook_list.authorization", &fields.authorization);
        let events = fields.events.find(entry.body()).and_then(Value::as_array);
        let encrypted = match fields.secret.find(entry.body()) {
            Some(Value::Bool(encrypted)) => *encrypted,
            other => other.is_some(),
        };
        let known = |(known, word): &(VendorWebhookKind, &str)| (*word == kind).then_some(*known);
        let proofs = |(known, word): &(WebhookAuthentication, &str)| (*word == proof).then_some(*known);
        Ok(VendorWebhook {
            name: format!("{}/vendorWebhooks/{}", self.account.connection.name(), id.as_str()),
            kind: KINDS.iter().find_map(known).unwrap_or_default().into(),
            uri: entry.text("webhook_list.url", &fields.url),
            vendor_events: events
                .into_iter()
                .flatten()
                .filter_map(|event| event.as_str().map(str::to_owned))
                .collect(),
            authentication: PROOFS.iter().find_map(proofs).unwrap_or_default().into(),
            encrypted,
            managed: false,
        })
    }
}
