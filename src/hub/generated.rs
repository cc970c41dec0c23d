//! Secrets that the gateway made for webhooks: sealed in the journal, handed to connectors at the start and on every
//! change.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use prost_types::Timestamp;
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::hub::evolve::system_time;
use crate::hub::{Hub, sealing, store};
use crate::journal::Batch;
use crate::journal::seal::SealInput;
use crate::model::name::ConnectionId;
use crate::model::webhook::RegisterWebhook;
use crate::proto::{VendorWebhookKind, WebhookAuthentication};
use crate::settings::Window;
use crate::vendor::Vendor;
use crate::vendor::kit::delivery::Proof;
use crate::vendor::webhook_setting::GeneratedSecret;

const RECALL: &str = "recall_webhook_secrets";
const KINDS: [VendorWebhookKind; 2] = [VendorWebhookKind::Tickets, VendorWebhookKind::Invitations];
/// How long the secret before is accepted once the vendor has taken the next one: whatever a vendor sends again after a
/// failure has come by then.
const OVERLAP: Duration = Duration::from_hours(24);
/// Secrets of one kind that are accepted at the same time. None is pushed out by the next one: the vendor may use it.
pub(super) const MAX_GENERATIONS: usize = 8;
const USERNAME: &str = "idv-gateway";
const KEY_HEADER: http::HeaderName = http::HeaderName::from_static("x-idv-webhook-key");

/// The secrets of one kind of webhooks, oldest first; sealed.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Generations {
    #[prost(message, repeated, tag = "1")]
    all: Vec<KeptSecret>,
    /// How many were made so far: each label is used once, also where the vendor refused the secret.
    #[prost(uint32, tag = "2")]
    made: u32,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct KeptSecret {
    #[prost(string, tag = "1")]
    label: String,
    #[prost(enumeration = "WebhookAuthentication", tag = "2")]
    authentication: i32,
    #[prost(string, tag = "3")]
    secret: String,
    #[prost(string, optional, tag = "4")]
    cipher_key: Option<String>,
    #[prost(message, optional, tag = "5")]
    ends: Option<Timestamp>,
    #[prost(enumeration = "VendorWebhookKind", tag = "6")]
    kind: i32,
    /// The vendor has said that it uses it.
    #[prost(bool, tag = "7")]
    taken: bool,
}

/// The sealed item that holds the secrets of one kind.
fn item(connection: &ConnectionId, kind: VendorWebhookKind) -> String {
    format!("webhook_secrets/{connection}/{}", word(kind))
}

fn word(kind: VendorWebhookKind) -> &'static str {
    match kind {
        VendorWebhookKind::Unspecified => "any",
        VendorWebhookKind::Tickets => "tickets",
        VendorWebhookKind::Invitations => "invitations",
    }
}

impl Generations {
    /// Those that are still accepted at `now`.
    pub(super) fn without_ended(mut self, now: SystemTime) -> Self {
        self.all.retain(|secret| secret.window().until().is_none_or(|until| now < until));
        self
    }

    /// These, accepted for a little longer only.
    pub(super) fn ending_soon(mut self, now: SystemTime) -> Self {
        self.all.iter_mut().for_each(|secret| secret.end_soon(now));
        self
    }

    /// These once the vendor has taken the one that `label` names: all others end soon.
    pub(super) fn taken(mut self, label: &str, now: SystemTime) -> Self {
        for secret in &mut self.all {
            match secret.label == label {
                true => secret.taken = true,
                false => secret.end_soon(now),
            }
        }
        self
    }

    /// These after `offered` was refused: what it added is taken away, but for its label.
    pub(super) fn without_refused(self, offered: &Self) -> Self {
        Self { made: offered.made, ..self }
    }

    /// A secret to offer to the vendor for `wanted`, and these with it. One whose offer has left open whether the vendor
    /// took it is offered again, so that doubts do not pile up. `None`: there are as many as there may be.
    pub(super) fn offer(&self, wanted: &RegisterWebhook, clock: &Clock) -> Option<(Self, GeneratedSecret)> {
        let suits = |secret: &&KeptSecret| {
            !secret.taken
                && secret.ends.is_none()
                && secret.authentication() == wanted.authentication
                && secret.cipher_key.is_some() == wanted.encrypted
        };
        if let Some(doubtful) = self.all.iter().find(suits) {
            return Some((self.clone(), doubtful.secret()));
        }
        let secret = self.next(wanted, clock)?;
        Some((self.with(&secret), secret))
    }

    /// These and another one.
    fn with(&self, secret: &GeneratedSecret) -> Self {
        let mut all = self.all.clone();
        let (authentication, proof) = match &secret.proof {
            Proof::Basic { password, .. } => (WebhookAuthentication::Basic, password),
            Proof::Bearer(token) => (WebhookAuthentication::Bearer, token),
            Proof::ApiKey { value, .. } => (WebhookAuthentication::ApiKey, value),
        };
        all.push(KeptSecret {
            label: secret.label.clone(),
            authentication: authentication.into(),
            secret: proof.expose_secret().to_owned(),
            cipher_key: secret.cipher_key.as_ref().map(|key| key.expose_secret().to_owned()),
            ends: secret.window.until().map(Timestamp::from),
            kind: secret.kind.into(),
            taken: false,
        });
        Self { all, made: self.made + 1 }
    }

    /// A new secret for `wanted`, named as none before it was: metrics and kept deliveries go by the name.
    fn next(&self, wanted: &RegisterWebhook, clock: &Clock) -> Option<GeneratedSecret> {
        if self.all.len() >= MAX_GENERATIONS {
            return None;
        }
        let label = format!("{}-{}", word(wanted.kind), self.made + 1);
        let secret = SecretString::from(URL_SAFE_NO_PAD.encode(clock.random::<32>()));
        // 24 bytes are 32 characters: the vendor takes the characters for the key.
        let cipher_key = wanted.encrypted.then(|| URL_SAFE_NO_PAD.encode(clock.random::<24>()).into());
        let proof = proof(wanted.authentication, secret);
        Some(GeneratedSecret { label, kind: wanted.kind, proof, cipher_key, window: Window::default() })
    }

    fn secrets(&self) -> impl Iterator<Item = GeneratedSecret> {
        self.all.iter().map(KeptSecret::secret)
    }
}

impl KeptSecret {
    fn window(&self) -> Window {
        Window::until_time(self.ends.as_ref().map(system_time))
    }

    fn end_soon(&mut self, now: SystemTime) {
        let soon = now + OVERLAP;
        let ends = self.ends.as_ref().map_or(soon, |ends| system_time(ends).min(soon));
        self.ends = Some(ends.into());
    }

    fn secret(&self) -> GeneratedSecret {
        GeneratedSecret {
            label: self.label.clone(),
            kind: self.kind(),
            proof: proof(self.authentication(), SecretString::from(self.secret.as_str())),
            cipher_key: self.cipher_key.as_deref().map(SecretString::from),
            window: self.window(),
        }
    }
}

impl Drop for KeptSecret {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.cipher_key.zeroize();
    }
}

fn proof(authentication: WebhookAuthentication, secret: SecretString) -> Proof {
    match authentication {
        WebhookAuthentication::Basic => Proof::Basic { username: USERNAME.to_owned(), password: secret },
        WebhookAuthentication::ApiKey => Proof::ApiKey { header: KEY_HEADER, value: secret },
        WebhookAuthentication::Bearer | WebhookAuthentication::Unspecified => Proof::Bearer(secret),
    }
}

impl Hub {
    /// Hands every connector the secrets that the gateway made for it. Called once, before the doors open.
    pub async fn recall_webhook_secrets(&self) -> Result<()> {
        for vendor in self.registry.list().filter(|vendor| vendor.webhook_settings().is_some()) {
            self.accept_generated(&**vendor, RECALL).await?;
        }
        Ok(())
    }

    pub(super) async fn accept_generated(&self, vendor: &dyn Vendor, operation: &'static str) -> Result<()> {
        let Some(webhooks) = vendor.webhooks() else { return Ok(()) };
        let connection = &vendor.account().connection;
        let mut secrets = Vec::new();
        for kind in KINDS {
            secrets.extend(self.generations(connection, kind, operation).await?.secrets());
        }
        let made: Vec<_> = secrets.iter().map(|secret| secret.label.clone()).collect();
        webhooks.accept(secrets);
        self.secrets.renew(connection, &webhooks.secrets(), &made);
        self.secrets.show(&self.metrics, self.clock.now());
        Ok(())
    }

    pub(super) async fn generations(
        &self,
        connection: &ConnectionId,
        kind: VendorWebhookKind,
        operation: &'static str,
    ) -> Result<Generations> {
        let sealed = self.journal.sealed(&item(connection, kind)).await;
        let Some(sealed) = sealed.map_err(|error| store(error, operation))? else {
            return Ok(Generations::default());
        };
        let bytes = Zeroizing::new(self.vault.open(&sealed).map_err(|error| sealing(error, operation))?);
        Generations::decode(bytes.as_slice()).map_err(|error| {
            let detail = "the secrets of webhooks cannot be read";
            Error::new(Kind::StoreUnavailable, operation, detail).caused_by(error)
        })
    }

    pub(super) async fn seal_generations(
        &self,
        connection: &ConnectionId,
        kind: VendorWebhookKind,
        generations: &Generations,
        operation: &'static str,
    ) -> Result<()> {
        let item = item(connection, kind);
        let plaintext = Zeroizing::new(generations.encode_to_vec());
        let sealed = self.vault.seal(SealInput {
            connection: connection.as_str(),
            owner: &connection.name(),
            item: &item,
            kind: "webhook_secrets",
            plaintext: &plaintext,
        });
        let sealed = sealed.map_err(|error| sealing(error, operation))?;
        let batch = Batch { unseal: vec![item], seal: vec![sealed], ..Batch::default() };
        self.append(batch).await.map(drop).map_err(|error| store(error, operation))
    }
}
