//! Vendors whose list of webhooks can be changed by calls.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::error::{Error, Violation};
use crate::model::webhook::RegisterWebhook;
use crate::proto::{VendorWebhook, VendorWebhookKind};
use crate::settings::Window;
use crate::vendor::kit::delivery::Proof;

/// Whom one vendor account sends webhooks to.
#[async_trait]
pub trait WebhookSettings: Send + Sync {
    /// Which parts of a registration this vendor cannot take; called before anything is made or sent.
    fn check(&self, wanted: &RegisterWebhook) -> Vec<Violation>;
    /// All that are registered; the last part of each name is the vendor's id, and `managed` is not filled in.
    async fn webhooks(&self) -> Result<Vec<VendorWebhook>, Error>;
    /// Registers it in place of an earlier one of its kind. May be repeated.
    async fn register(&self, registration: Registration<'_>) -> Result<VendorWebhook, Error>;
    /// Removes one. `None`: the vendor has none of that id.
    async fn remove(&self, id: &str) -> Result<Option<()>, Error>;
}

/// Input of [`WebhookSettings::register`].
#[derive(Debug)]
pub struct Registration<'a> {
    /// What was asked for.
    pub wanted: &'a RegisterWebhook,
    /// Where the vendor sends to.
    pub uri: &'a str,
    /// What it proves itself with.
    pub secret: &'a GeneratedSecret,
}

/// What the gateway made for the webhooks of one kind.
#[derive(Debug, Clone)]
pub struct GeneratedSecret {
    /// Its name in metrics and logs.
    pub label: String,
    /// Which webhooks come with it.
    pub kind: VendorWebhookKind,
    /// What stands in the header field.
    pub proof: Proof,
    /// What bodies are encrypted with, where they are: exactly 32 bytes.
    pub cipher_key: Option<SecretString>,
    /// When it is accepted.
    pub window: Window,
}
